//! Text for terminals that know nothing but ASCII.

use std::io::{self, IsTerminal, Write};

/// Whether standard output is a terminal that would show UTF-8 as garbage: by its kind, or by the
/// locale where one is set.
pub(crate) fn is_ascii_terminal() -> bool {
    io::stdout().is_terminal() && !shows_utf8(|name| std::env::var(name).ok())
}

fn shows_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    // The virtual console and real terminals have no letters for bars.
    let is_old = |term: &str| term == "linux" || term == "dumb" || term.starts_with("vt");
    if variable("TERM").is_some_and(|term| is_old(&term)) {
        return false;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Passes ASCII on; bars become marks of rising weight, and other characters question marks.
pub(crate) struct Ascii<W: Write> {
    out: W,
    /// The beginning of a character whose end has not been written yet.
    rest: Vec<u8>,
}

impl<W: Write> Ascii<W> {
    pub(crate) fn new(out: W) -> Ascii<W> {
        Ascii { out, rest: Vec::new() }
    }
}

impl<W: Write> Write for Ascii<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        let text = std::mem::take(&mut self.rest);
        let whole = match std::str::from_utf8(&text) {
            // The end of the last character is yet to come.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => text.len(),
        };
        let plain: String = String::from_utf8_lossy(&text[..whole]).chars().map(ascii).collect();
        self.out.write_all(plain.as_bytes())?;
        self.rest = text[whole..].to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn ascii(character: char) -> char {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const MARKS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
    match BARS.iter().position(|bar| *bar == character) {
        Some(height) => MARKS[height],
        None if character.is_ascii() => character,
        None => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_become_marks_however_they_are_cut() {
        let mut written = Vec::new();
        let mut out = Ascii::new(&mut written);
        for byte in "grows ▁▂▃▄▅▆▇█ ä\n".bytes() {
            out.write_all(&[byte]).expect("memory takes any bytes");
        }
        out.flush().expect("memory takes any bytes");
        assert_eq!(String::from_utf8_lossy(&written), "grows _.:-=+*# ?\n");
    }

    #[test]
    fn the_locale_and_the_terminal_s_kind_decide() {
        let shows = |set: &[(&str, &str)]| {
            shows_utf8(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(shows(&[]));
        assert!(shows(&[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")]));
        assert!(shows(&[("LC_ALL", ""), ("LANG", "C.utf8")]));
        assert!(!shows(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!shows(&[("LANG", "de_DE.ISO-8859-1")]));
        assert!(!shows(&[("TERM", "vt220"), ("LANG", "de_DE.UTF-8")]));
    }
}
