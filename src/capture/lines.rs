//! Bytes to lines, however the bytes are cut into pieces.

use crate::address::LineNumber;

/// A line longer than this is delivered in pieces of at most this many bytes.
///
/// printk records have at most about 1 KiB; a capture whose newlines were lost still yields its
/// records, found by their time stamps inside such a piece. So that no record is cut, a piece ends
/// before the last time stamp in it; only without one, at the bound.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// One line of the input, without its newline.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its number in the input. Pieces of an overlong line share one number.
    pub number: LineNumber,
    /// Its bytes. A carriage return at the end is still there.
    pub bytes: &'a [u8],
}

/// Lines that were taken from the front of a text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Taken {
    /// How many bytes, newlines included.
    pub bytes: usize,
    /// How many lines.
    pub lines: u64,
}

/// Takes the lines of a stream, and may know some before it has seen their end.
pub trait LineTaker {
    /// Takes whole lines at the front of `bytes`, as many as are told without looking for their
    /// end; `first` is the number of the first.
    #[inline]
    fn foreseen(&mut self, _first: LineNumber, _bytes: &[u8]) -> Taken {
        Taken::default()
    }

    /// Takes a line.
    fn line(&mut self, line: Line<'_>);
}

/// Takes lines with a function.
struct Each<F>(F);

impl<F: FnMut(Line<'_>)> LineTaker for Each<F> {
    fn line(&mut self, line: Line<'_>) {
        (self.0)(line);
    }
}

/// Cuts a stream into lines.
#[derive(Clone, Debug, Default)]
pub struct LineSplitter {
    /// The last line's beginning, when a piece ended inside a line. Never longer than
    /// [`MAX_LINE_BYTES`].
    partial: Vec<u8>,
    /// Whether a piece of the present overlong line was delivered already.
    line_begun: bool,
    /// Newlines seen so far.
    newlines: u64,
}

impl LineSplitter {
    /// A splitter at the start of a stream.
    pub fn new() -> LineSplitter {
        LineSplitter::default()
    }

    /// The number of lines begun so far.
    pub fn lines(&self) -> u64 {
        self.newlines + u64::from(self.line_begun || !self.partial.is_empty())
    }

    /// Takes the next piece of the stream and hands every completed line to `each`.
    pub fn feed(&mut self, bytes: &[u8], each: impl FnMut(Line<'_>)) {
        self.feed_to(bytes, &mut Each(each));
    }

    /// Takes the next piece of the stream and hands every completed line to `taker`.
    pub fn feed_to(&mut self, bytes: &[u8], taker: &mut impl LineTaker) {
        let mut rest = bytes;
        loop {
            if self.is_between_lines() {
                let taken = taker.foreseen(LineNumber(self.newlines + 1), rest);
                self.newlines += taken.lines;
                rest = &rest[taken.bytes..];
            }
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            self.end_line(&rest[..end], taker);
            rest = &rest[end + 1..];
        }
        self.keep(rest, taker);
    }

    /// Ends the stream: hands over a last line without a newline.
    pub fn finish(&mut self, each: impl FnMut(Line<'_>)) {
        if !self.partial.is_empty() {
            self.end_line(&[], &mut Each(each));
        }
        self.line_begun = false;
    }

    /// Goes on behind so many lines that somebody else has read.
    pub(crate) fn skip(&mut self, lines: u64) {
        self.newlines += lines;
    }

    /// Whether what came last was a whole line.
    pub(crate) fn is_between_lines(&self) -> bool {
        self.partial.is_empty() && !self.line_begun
    }

    fn end_line(&mut self, tail: &[u8], taker: &mut impl LineTaker) {
        let number = LineNumber(self.newlines + 1);
        if self.partial.is_empty() && tail.len() <= MAX_LINE_BYTES {
            taker.line(Line { number, bytes: tail });
        } else {
            self.keep(tail, taker);
            taker.line(Line { number, bytes: &self.partial });
            self.partial.clear();
        }
        self.newlines += 1;
        self.line_begun = false;
    }

    fn keep(&mut self, mut bytes: &[u8], taker: &mut impl LineTaker) {
        while self.partial.len() + bytes.len() > MAX_LINE_BYTES {
            let (head, tail) = bytes.split_at(MAX_LINE_BYTES - self.partial.len());
            self.partial.extend_from_slice(head);
            let end = last_time(&self.partial).unwrap_or(MAX_LINE_BYTES);
            taker.line(Line { number: LineNumber(self.newlines + 1), bytes: &self.partial[..end] });
            self.partial.drain(..end);
            self.line_begun = true;
            bytes = tail;
        }
        self.partial.extend_from_slice(bytes);
    }
}

/// Where the last printk time begins, behind the first byte.
fn last_time(line: &[u8]) -> Option<usize> {
    memchr::memrchr_iter(b'[', line).find(|&at| at > 0 && is_time(&line[at..]))
}

/// The digits of a time's seconds; printk fills five places with blanks.
const SECONDS_PLACES: std::ops::RangeInclusive<usize> = 5..=9;

// [    4.818698]
// [123456.818698]
/// Whether the text begins with a printk time.
fn is_time(text: &[u8]) -> bool {
    let text = &text[1..];
    let Some(point) = text.iter().take(SECONDS_PLACES.end() + 1).position(|&byte| byte == b'.')
    else {
        return false;
    };
    let seconds = text[..point].trim_ascii_start();
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    SECONDS_PLACES.contains(&point)
        && is_number(seconds)
        && text.get(point + 1..point + 7).is_some_and(is_number)
        && text.get(point + 7) == Some(&b']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::new();
        for piece in pieces {
            splitter.feed(piece, |line| lines.push((line.number.0, line.bytes.to_vec())));
        }
        splitter.finish(|line| lines.push((line.number.0, line.bytes.to_vec())));
        lines
    }

    #[test]
    fn a_last_line_needs_no_newline() {
        assert_eq!(split(&[b"one\ntwo"]), [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    }

    #[test]
    fn a_line_may_span_any_number_of_pieces() {
        assert_eq!(split(&[b"o", b"n", b"e\n", b"\n"]), [(1, b"one".to_vec()), (2, Vec::new())]);
    }

    #[test]
    fn an_overlong_line_is_cut_at_the_same_place_however_it_arrives() {
        let long = vec![b'x'; 2 * MAX_LINE_BYTES + 7];
        let whole = split(&[&long, b"\nend"]);
        let (left, right) = long.split_at(1000);
        assert_eq!(whole, split(&[left, right, b"\n", b"end"]));
        assert_eq!(whole.iter().map(|line| line.1.len()).max(), Some(MAX_LINE_BYTES));
        assert_eq!(whole.last().map(|line| line.0), Some(2));
    }

    #[test]
    fn a_capture_without_newlines_is_cut_between_its_records() {
        let mut log = Vec::new();
        for record in 0..3000 {
            log.extend(format!("[{:5}.{:06}] record [{record:x}]", record / 100, record).bytes());
        }
        let pieces = split(&[&log]);
        assert!(pieces.len() > 1);
        for (_, piece) in &pieces {
            assert!(piece.starts_with(b"[") && piece.ends_with(b"]"), "{}", piece.escape_ascii());
            assert!(piece.len() <= MAX_LINE_BYTES);
        }
        let joined: Vec<u8> = pieces.iter().flat_map(|(_, piece)| piece.clone()).collect();
        assert!(joined == log);
        for size in [1, 1000, 65_535, 65_536, 65_537] {
            assert!(split(&log.chunks(size).collect::<Vec<_>>()) == pieces, "{size}");
        }
    }

    #[test]
    fn only_a_printk_time_is_one() {
        for text in ["[    4.818698]", "[12345.678901] x", "[123456.678901]"] {
            assert!(is_time(text.as_bytes()), "{text}");
        }
        for text in ["[", "[4.818698]", "[    4.81869]", "[     .818698]", "[<ffffffff8028fe60>]"] {
            assert!(!is_time(text.as_bytes()), "{text}");
        }
    }
}
