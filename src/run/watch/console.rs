//! The last lines of the raw console, for the pane that shows them.

use std::collections::VecDeque;

use slabtrace::report::Escaped;

/// Lines that are kept.
const LINES_KEPT: usize = 5_000;

/// A line that is longer is cut.
const LINE_BYTES_MAX: usize = 1_000;

/// The last lines, harmless on a terminal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Console {
    lines: VecDeque<String>,
    /// How many lines there were, with those that are kept no more.
    seen: usize,
    /// A line whose end has not come.
    open: Vec<u8>,
}

impl Console {
    /// Takes what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        // More than is kept need not be looked at.
        let most = LINES_KEPT * LINE_BYTES_MAX;
        let bytes = &bytes[bytes.len().saturating_sub(most)..];
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = LINE_BYTES_MAX.saturating_sub(self.open.len());
            self.open.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.open);
        let text = text.trim_end_matches(['\r', '\n']).replace('\t', "    ");
        self.lines.push_back(Escaped(&text).to_string());
        self.open.clear();
        self.seen += 1;
        if self.lines.len() > LINES_KEPT {
            self.lines.pop_front();
        }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many lines have come.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// Up to `count` lines that end `back` lines before the last.
    pub(crate) fn lines(&self, count: usize, back: usize) -> impl Iterator<Item = &str> {
        let end = self.lines.len().saturating_sub(back);
        let begin = end.saturating_sub(count);
        self.lines.range(begin..end).map(String::as_str)
    }

    /// How far back the nearest line is that holds a text, before the one `back` lines back.
    pub(crate) fn find(&self, text: &str, back: usize) -> Option<usize> {
        let end = self.lines.len().checked_sub(back + 1)?;
        let at = (0..end).rev().find(|&at| self.lines[at].contains(text))?;
        Some(self.lines.len() - 1 - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_whole_and_harmless() {
        let mut console = Console::default();
        console.feed(b"one\r\ntw");
        console.feed(b"o \x1b[31m\nthree");
        assert_eq!(console.lines(9, 0).collect::<Vec<_>>(), ["one", "two \\u{1b}[31m"]);
        assert_eq!(console.lines(1, 1).collect::<Vec<_>>(), ["one"]);
        assert_eq!((console.find("one", 0), console.find("three", 0)), (Some(1), None));
        console.feed(&b"x\n".repeat(LINES_KEPT + 7));
        assert_eq!(console.len(), LINES_KEPT);
    }
}
