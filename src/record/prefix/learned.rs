//! A prefix that nobody knows, learned from a TRACE line.
//!
//! A complete TRACE header is unmistakable wherever it stands. What stands in front of it is
//! the shape of what stands in front of the lines that follow: an editor's line numbers, the
//! indentation of a web page, a logger with a format of its own.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::record::{Text, TraceHeader};

static HEADER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"TRACE "));

/// A longer piece of text is no prefix.
const PREFIX_BYTES_MAX: usize = 160;

/// A piece of a shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    /// A number, and the blanks that pad it.
    Number,
    /// A word.
    Word,
    /// This many blanks; any number of them, at least one, where more follows.
    Blanks(usize),
    /// `:` or `-` at the end: `grep -n -A` tells matches from their context by it.
    Mark,
    /// This very byte.
    Byte(u8),
}

/// What a prefix looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shape(Vec<Piece>);

impl Shape {
    // 1673 TRACE kmalloc-64 …
    //   3106\tTRACE kmalloc-64 …
    //     TRACE kmalloc-64 …
    // kern.log:12:TRACE kmalloc-64 …
    // web_1  | TRACE kmalloc-64 …
    /// Finds a TRACE header behind the front of `text`: the front's shape and the header.
    pub(super) fn learn(text: &[u8]) -> Option<(Shape, &[u8])> {
        let at = HEADER.find(text)?;
        let (front, header) = text.split_at(at);
        if front.is_empty() || !is_prefix(front) {
            return None;
        }
        TraceHeader::parse(header)?.fp?;
        Some((Shape::of(front), header))
    }

    fn of(mut front: &[u8]) -> Shape {
        let mut pieces = Vec::new();
        while let Some((piece, len)) = piece(front, pieces.is_empty()) {
            front = &front[len..];
            pieces.push(piece);
        }
        Shape(pieces)
    }

    /// Strips a front of this shape, unless the text means something as it stands.
    pub(super) fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let stripped = self.matches(text)?;
        let is_indentation = matches!(self.0[..], [Piece::Blanks(_) | Piece::Byte(b'\t')]);
        (is_indentation || Text::parse(text) == Text::Other).then_some(stripped)
    }

    fn matches<'a>(&self, mut text: &'a [u8]) -> Option<&'a [u8]> {
        for (at, &wanted) in self.0.iter().enumerate() {
            let is_last = at + 1 == self.0.len();
            text = match wanted {
                // An empty line has lost its blanks.
                Piece::Blanks(_) if is_last && text.is_empty() => text,
                Piece::Blanks(count) if is_last => {
                    text.get(..count)?.iter().all(|&byte| byte == b' ').then(|| &text[count..])?
                }
                wanted => {
                    let (piece, len) = piece(text, at == 0)?;
                    let fits = match (wanted, piece) {
                        (Piece::Blanks(_), Piece::Blanks(_)) | (Piece::Word, Piece::Number) => true,
                        (wanted, piece) => wanted == piece,
                    };
                    fits.then(|| &text[len..])?
                }
            };
        }
        Some(text)
    }
}

/// The piece at the front of `text`, and its length.
fn piece(text: &[u8], is_first: bool) -> Option<(Piece, usize)> {
    let run = |keep: fn(&u8) -> bool| text.iter().take_while(|byte| keep(byte)).count();
    let blanks = run(|&byte| byte == b' ');
    let digits = text[blanks..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let word = run(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
    Some(match text.first()? {
        b' ' if is_first && digits > 0 => (Piece::Number, blanks + digits),
        b' ' => (Piece::Blanks(blanks), blanks),
        _ if digits > 0 && digits == word => (Piece::Number, digits),
        _ if word > 0 => (Piece::Word, word),
        b':' | b'-' => (Piece::Mark, 1),
        &byte => (Piece::Byte(byte), 1),
    })
}

/// Whether `front` may be a prefix: text that was left unfinished is none.
pub(super) fn is_prefix(front: &[u8]) -> bool {
    let ends_well = front
        .last()
        .is_some_and(|last| matches!(last, b' ' | b'\t' | b':' | b'|' | b'>' | b')' | b']' | b'='));
    front.len() <= PREFIX_BYTES_MAX && ends_well && memchr::memmem::find(front, b"+0x").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "TRACE kmalloc-64 alloc 0xffff8da32ff3b980 inuse=28 fp=0xffff8da32ff3b7c0";

    /// Learns from `front` and a TRACE line; strips `line`.
    fn strip(front: &str, line: &str) -> Option<String> {
        let text = format!("{front}{TRACE}");
        let (shape, header) = Shape::learn(text.as_bytes()).expect(front);
        assert_eq!(header, TRACE.as_bytes());
        let stripped = shape.strip(line.as_bytes())?;
        Some(String::from_utf8_lossy(stripped).into_owned())
    }

    #[test]
    fn a_frame_keeps_its_own_blanks() {
        let frame = Some(" dump_stack+0x1/0x2".to_owned());
        assert_eq!(strip("1673 ", "1674  dump_stack+0x1/0x2"), frame);
        assert_eq!(strip("   998\t", "  1001\t dump_stack+0x1/0x2"), frame);
        assert_eq!(strip("    ", "     dump_stack+0x1/0x2"), frame);
        assert_eq!(strip("\t", "\t dump_stack+0x1/0x2"), frame);
        assert_eq!(strip("kern.log:9:", "kern.log-10- dump_stack+0x1/0x2"), frame);
        assert_eq!(strip("web_1  | ", "db_12 |  dump_stack+0x1/0x2"), frame);
        assert_eq!(
            strip("2024/01/26 15:04:11 (a9f) ", "2024/01/26 15:04:12 (123)  dump_stack+0x1/0x2"),
            frame
        );
    }

    #[test]
    fn a_line_that_means_something_is_left_alone() {
        assert_eq!(strip("login: root ", "Workqueue: events x"), None);
        assert_eq!(strip("1673 ", "Call Trace:"), None);
    }

    #[test]
    fn unfinished_text_and_incomplete_headers_teach_nothing() {
        assert_eq!(Shape::learn(format!("status=OK{TRACE}").as_bytes()), None);
        assert_eq!(Shape::learn(TRACE.as_bytes()), None);
        assert_eq!(Shape::learn(b"root  TRACE of my own, fp=0x0"), None);
    }
}
