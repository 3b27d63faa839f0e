//! Text from the log on its way into XML.

use std::fmt::{self, Write as _};

use crate::print::Escaped;

/// Shows text as XML's character data: marks are entities, and what acts or hides is escaped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Xml<'a>(pub(super) &'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in Escaped(self.0).to_string().chars() {
            match character {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                // These two are no characters of XML.
                '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
                _ => f.write_char(character),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_is_markup() {
        let name = "a<script>\"b\"&'c'\u{1b}\u{0}\u{ffff}";
        let shown = Xml(name).to_string();
        assert_eq!(shown, "a&lt;script&gt;&quot;b&quot;&amp;&#39;c&#39;\\u{1b}\\u{0}\u{fffd}");
    }
}
