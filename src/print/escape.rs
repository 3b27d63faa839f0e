//! Text from the log on its way to a terminal.

use std::fmt;

/// Shows text with everything that could act on a terminal made visible: control characters,
/// escape sequences, and Unicode's invisible direction marks.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_active(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        Ok(())
    }
}

/// Whether a character acts on what shows it, or hides.
pub(super) fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(
            Escaped("a\x1b[31mb\u{9b}2J\u{202e}c\n").to_string(),
            "a\\u{1b}[31mb\\u{9b}2J\\u{202e}c\\n"
        );
        for hidden in ['\u{7f}', '\u{ad}', '\u{61c}', '\u{180e}', '\u{2067}', '\u{e0041}'] {
            let shown = Escaped(&hidden.to_string()).to_string();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(hidden)));
        }
        assert_eq!(Escaped("kworker/u8:2 äß").to_string(), "kworker/u8:2 äß");
    }
}
