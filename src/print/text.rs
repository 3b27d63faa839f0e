//! Text for terminals and pipes: colour, lists and paragraphs.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::number::counted;

/// The width that lines are kept to, as far as names allow.
const WIDTH: usize = 80;

/// Lists of tasks and functions show this many.
const LISTED_MAX: usize = 3;

/// Whether to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Style {
    /// Text alone.
    #[default]
    Plain,
    /// With ECMA-48 colours.
    Colour,
}

impl Style {
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn alarm(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// The first few of a list, and how many more there are.
pub(crate) fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(LISTED_MAX);
    let mut text = items.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {}", counted(more as u64, "other"));
    }
    text
}

/// Writes a paragraph, its first line after `lead` and the others set in as far.
pub(crate) fn write_wrapped(out: &mut impl Write, lead: &str, text: &str) -> io::Result<()> {
    let inset = " ".repeat(lead.len());
    let mut line = lead.to_owned();
    let mut is_empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let width = unicode_width::UnicodeWidthStr::width(line.as_str())
            + unicode_width::UnicodeWidthStr::width(word);
        if !is_empty && width + 1 > WIDTH {
            writeln!(out, "{}", line.trim_end())?;
            line.clone_from(&inset);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{}", line.trim_end())
}
