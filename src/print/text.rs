//! Text for terminals and pipes: colour, lists and paragraphs.

use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::number::counted;

/// The columns of a line in a pipe or a file.
pub const PIPE_WIDTH: usize = 80;

/// Paragraphs have at least so many columns: less nobody reads.
const WIDTH_MIN: usize = 40;

/// Lists of tasks and functions show this many.
const LISTED_MAX: usize = 3;

/// How text is shown: its colours, and the width that paragraphs are kept to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    ink: Ink,
    width: usize,
}

/// Whether to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ink {
    /// Text alone.
    #[default]
    Plain,
    /// With ECMA-48 colours.
    Colour,
}

impl Default for Style {
    /// Text alone, as a pipe gets it.
    fn default() -> Style {
        Style::new(Ink::Plain, PIPE_WIDTH)
    }
}

impl Style {
    /// Text in such colours, for so many columns.
    pub fn new(ink: Ink, width: usize) -> Style {
        Style { ink, width: width.max(WIDTH_MIN) }
    }

    /// The columns that a line has.
    pub(crate) fn width(self) -> usize {
        self.width
    }

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
        match self.ink {
            Ink::Plain => text.to_owned(),
            Ink::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    /// Writes a paragraph, its first line after `lead` and the others set in as far.
    pub(crate) fn paragraph(self, out: &mut impl Write, lead: &str, text: &str) -> io::Result<()> {
        let inset = " ".repeat(lead.len());
        let mut line = lead.to_owned();
        let mut is_empty = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if !is_empty && columns(&line) + columns(word) + 1 > self.width {
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

/// The columns that text takes; colours take none.
fn columns(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let plain = parts.next().map_or(0, UnicodeWidthStr::width);
    let behind_colour =
        |part: &str| part.split_once('m').map_or(part, |(_, behind)| behind).width();
    plain + parts.map(behind_colour).sum::<usize>()
}
