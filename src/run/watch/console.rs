//! The last lines of the raw console, for the pane that shows them.

use memchr::{memchr_iter, memmem, memrchr};
use slabtrace::report::Escaped;

/// Bytes that are kept at least, where as many came.
const BYTES_KEPT: usize = 1 << 20;

/// A line that is longer is cut.
const LINE_BYTES_MAX: usize = 1_000;

/// The last bytes that came. Lines are made of them only where they are shown, since a fast console has
/// more of them than anybody sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Console {
    bytes: Vec<u8>,
    /// How many whole lines came, with those that are kept no more.
    seen: usize,
    /// How many whole lines are kept.
    kept: usize,
}

impl Console {
    /// Takes what came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let lines = memchr_iter(b'\n', bytes).count();
        self.seen += lines;
        self.kept += lines;
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * BYTES_KEPT {
            let wanted = self.bytes.len() - BYTES_KEPT;
            let begin = memrchr(b'\n', &self.bytes[..wanted]).map_or(wanted, |end| end + 1);
            self.kept -= memchr_iter(b'\n', &self.bytes[..begin]).count();
            self.bytes.drain(..begin);
        }
    }

    /// How many whole lines there are.
    pub(crate) fn len(&self) -> usize {
        self.kept
    }

    /// How many lines have come.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// Up to `count` lines that end `back` lines before the last, harmless on a terminal.
    pub(crate) fn lines(&self, count: usize, back: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.backwards().skip(back).take(count).map(shown).collect();
        lines.reverse();
        lines
    }

    /// How far back the nearest line is that holds a text, before the one `back` lines back.
    pub(crate) fn find(&self, text: &str, back: usize) -> Option<usize> {
        let holds = |line: &[u8]| memmem::find(line, text.as_bytes()).is_some();
        let mut before = self.backwards().enumerate().skip(back + 1);
        before.find(|(_, line)| holds(line)).map(|(at, _)| at)
    }

    /// Whole lines, the last first.
    fn backwards(&self) -> impl Iterator<Item = &[u8]> {
        // What is behind the last line's end is no whole line.
        let mut end = memrchr(b'\n', &self.bytes);
        std::iter::from_fn(move || {
            let line_end = end?;
            let before = memrchr(b'\n', &self.bytes[..line_end]);
            let begin = before.map_or(0, |before| before + 1);
            end = before;
            Some(&self.bytes[begin..line_end])
        })
    }
}

/// A line as it may stand on a terminal.
fn shown(line: &[u8]) -> String {
    let line = &line[..line.len().min(LINE_BYTES_MAX)];
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r').replace('\t', "    ");
    Escaped(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_whole_and_harmless() {
        let mut console = Console::default();
        console.feed(b"one\r\ntw");
        console.feed(b"o \x1b[31m\nthree");
        assert_eq!(console.lines(9, 0), ["one", "two \\u{1b}[31m"]);
        assert_eq!(console.lines(1, 1), ["one"]);
        assert_eq!((console.len(), console.seen()), (2, 2));
        assert_eq!((console.find("one", 0), console.find("three", 0)), (Some(1), None));
        console.feed(b"\nfour\n");
        assert_eq!((console.find("o", 0), console.find("o", 2)), (Some(2), Some(3)));
    }

    #[test]
    fn what_is_old_is_forgotten_at_a_line_s_end() {
        let mut console = Console::default();
        for number in 0..400_000_u64 {
            console.feed(format!("line {number}\n").as_bytes());
        }
        assert_eq!(console.seen(), 400_000);
        assert!(console.bytes.len() <= 2 * BYTES_KEPT);
        assert!(console.bytes.starts_with(b"line "));
        assert_eq!(console.len(), memchr_iter(b'\n', &console.bytes).count());
        assert_eq!(console.lines(1, 0), ["line 399999"]);
    }
}
