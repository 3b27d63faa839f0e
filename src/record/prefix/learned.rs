//! A prefix that nobody knows, learned from a line that is known wherever it stands.
//!
//! A complete TRACE header is unmistakable, and so is the first line of kmemleak's objects. What
//! stands in front of it is the shape of what stands in front of the lines that follow: an editor's
//! line numbers, the indentation of a web page, a logger with a format of its own. Behind the
//! kernel's time it is one word, which a maker's kernel adds.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{Prefix, printk};
use crate::record::cursor::Cursor;
use crate::record::{Caller, Text, TraceHeader};

static HEADER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"TRACE "));

/// How an object of kmemleak begins; behind it stand address and size.
static OBJECT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"unreferenced object "));

/// Kmemleak's own name, in front of what it prints to the console.
const SPEAKER: &[u8] = b"kmemleak: ";

/// A longer word behind a time is none that a kernel adds.
const WORD_BYTES_MAX: usize = 48;

/// A longer piece of text is no prefix.
const PREFIX_BYTES_MAX: usize = 160;

/// A piece of a shape.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    /// All up to a blank: the same but for its digits.
    Named(Vec<u8>),
    /// Anything between brackets that open with this byte.
    Group(u8),
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

/// What is behind a prefix that was learned, and who it says printed the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Behind<'a> {
    pub(super) caller: Option<Caller>,
    pub(super) text: &'a [u8],
}

impl Shape {
    // 1673 TRACE kmalloc-64 …
    //   3106\tTRACE kmalloc-64 …
    //     TRACE kmalloc-64 …
    // kern.log:12:TRACE kmalloc-64 …
    // web_1  | TRACE kmalloc-64 …
    // c6 [  T115] TRACE kmalloc-64 …                             behind a time
    // CPU6: TRACE kmalloc-64 …
    // xyz: kmemleak: unreferenced object 0xffff888136a8c000 (size 128):
    /// Finds a known line behind the front of `text`: the front's shape and what it is in front of.
    pub(super) fn learn(text: &[u8], prefix: Prefix) -> Option<(Shape, Behind<'_>)> {
        let at = header(text).or_else(|| object(text))?;
        let (front, known) = text.split_at(at);
        let (front, caller) = without_caller(front);
        let shape = match prefix.boot {
            Some(_) => Shape::of_word(front)?,
            None => is_prefix(front).then(|| Shape::of(front))?,
        };
        Some((shape, Behind { caller: caller.or_else(|| cpu(front)), text: known }))
    }

    /// The shape of a word and the blanks behind it.
    fn of_word(front: &[u8]) -> Option<Shape> {
        let word = front.trim_ascii_end();
        let blanks = front.len() - word.len();
        let has_end = blanks > 0 || matches!(word.last(), Some(b':' | b']' | b')' | b'>'));
        if !has_end || !is_prefix(front) || front.len() > WORD_BYTES_MAX {
            return None;
        }
        let pieces = match piece(word, true) {
            Some((group @ Piece::Group(_), len)) if len == word.len() => vec![group],
            _ if memchr::memchr(b' ', word).is_none() => vec![Piece::Named(undigited(word))],
            _ => return None,
        };
        let end = (blanks > 0).then_some(Piece::Blanks(blanks));
        Some(Shape(pieces.into_iter().chain(end).collect()))
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
    pub(super) fn strip<'a>(&self, text: &'a [u8]) -> Option<Behind<'a>> {
        let stripped = self.matches(text)?;
        let is_indentation = matches!(self.0[..], [Piece::Blanks(_) | Piece::Byte(b'\t')]);
        if !is_indentation && Text::parse(text) != Text::Other {
            return None;
        }
        let front = &text[..text.len() - stripped.len()];
        Some(match printk::leading_caller(stripped) {
            Some((caller, text)) => Behind { caller: Some(caller), text },
            None => Behind { caller: cpu(front), text: stripped },
        })
    }

    fn matches<'a>(&self, mut text: &'a [u8]) -> Option<&'a [u8]> {
        for (at, wanted) in self.0.iter().enumerate() {
            let is_last = at + 1 == self.0.len();
            text = match wanted {
                Piece::Named(name) => {
                    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
                    let end = end.min(WORD_BYTES_MAX);
                    (undigited(&text[..end]) == *name).then(|| &text[end..])?
                }
                // An empty line has lost its blanks.
                Piece::Blanks(_) if is_last && text.is_empty() => text,
                Piece::Blanks(count) if is_last => {
                    text.get(..*count)?.iter().all(|&byte| byte == b' ').then(|| &text[*count..])?
                }
                wanted => {
                    let (piece, len) = piece(text, at == 0)?;
                    let fits = match (wanted, piece) {
                        (Piece::Blanks(_), Piece::Blanks(_)) | (Piece::Word, Piece::Number) => true,
                        (wanted, piece) => *wanted == piece,
                    };
                    fits.then(|| &text[len..])?
                }
            };
        }
        Some(text)
    }
}

/// Where in a text a complete TRACE header begins.
fn header(text: &[u8]) -> Option<usize> {
    let at = HEADER.find(text).filter(|&at| at > 0)?;
    TraceHeader::parse(&text[at..])?.fp?;
    Some(at)
}

// kmemleak: unreferenced object 0xffff888136a8c000 (size 128):
/// Where in a text the first line of kmemleak's on an object begins.
fn object(text: &[u8]) -> Option<usize> {
    let at = OBJECT.find(text).filter(|&at| at > 0)?;
    let is_whole = memchr::memmem::find(&text[at..], b" (size ").is_some()
        && memchr::memmem::find(&text[at..], b"0x").is_some()
        && text.trim_ascii_end().ends_with(b"):");
    let at = if text[..at].ends_with(SPEAKER) { at - SPEAKER.len() } else { at };
    (is_whole && at > 0).then_some(at)
}

/// Parts a caller from the end of a front.
fn without_caller(front: &[u8]) -> (&[u8], Option<Caller>) {
    let caller = memchr::memrchr(b'[', front).and_then(|at| {
        let (caller, behind) = printk::leading_caller(&front[at..])?;
        behind.is_empty().then_some((&front[..at], Some(caller)))
    });
    caller.unwrap_or((front, None))
}

// c6
// CPU6:
/// The CPU that a word names: nothing else is spelled so.
fn cpu(front: &[u8]) -> Option<Caller> {
    let mut cursor = Cursor::new(front.trim_ascii_end());
    let names: [&[u8]; 4] = [b"CPU", b"cpu", b"c", b"C"];
    names.iter().find_map(|name| cursor.eat(name))?;
    let number = u32::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b":");
    cursor.is_empty().then_some(Caller::Cpu(number))
}

/// A word without its digits.
fn undigited(word: &[u8]) -> Vec<u8> {
    word.iter().copied().filter(|byte| !byte.is_ascii_digit()).collect()
}

/// The length of what stands between brackets at the front of a text, with them.
fn group(text: &[u8]) -> Option<usize> {
    let close = match text.first()? {
        b'(' => b')',
        b'[' => b']',
        _ => return None,
    };
    let end = memchr::memchr(close, &text[..text.len().min(WORD_BYTES_MAX)])?;
    Some(end + 1)
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
        &byte => match group(text) {
            Some(len) => (Piece::Group(byte), len),
            None => (Piece::Byte(byte), 1),
        },
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
    use crate::time::Stamp;

    const TRACE: &str = "TRACE kmalloc-64 alloc 0xffff8da32ff3b980 inuse=28 fp=0xffff8da32ff3b7c0";

    /// Learns from `front` and a TRACE line; strips `line`.
    fn strip(front: &str, line: &str) -> Option<String> {
        let text = format!("{front}{TRACE}");
        let (shape, behind) = Shape::learn(text.as_bytes(), Prefix::default()).expect(front);
        assert_eq!(behind.text, TRACE.as_bytes());
        let stripped = shape.strip(line.as_bytes())?.text;
        Some(String::from_utf8_lossy(stripped).into_owned())
    }

    /// The same behind the kernel's time; and who printed `line`.
    fn strip_behind_time(front: &str, line: &str) -> Option<(Option<Caller>, String)> {
        let text = format!("{front}{TRACE}");
        let prefix = Prefix { boot: Some(Stamp::boot(1)), ..Prefix::default() };
        let (shape, behind) = Shape::learn(text.as_bytes(), prefix)?;
        assert_eq!(behind.text, TRACE.as_bytes());
        let Behind { caller, text } = shape.strip(line.as_bytes())?;
        Some((caller, String::from_utf8_lossy(text).into_owned()))
    }

    #[test]
    fn behind_a_time_stands_one_word() {
        let frame = |caller| Some((caller, " dump_stack+0x1/0x2".to_owned()));
        let cpu = |number| Some(Caller::Cpu(number));
        assert_eq!(strip_behind_time("c6 ", "c10  dump_stack+0x1/0x2"), frame(cpu(10)));
        assert_eq!(strip_behind_time("CPU6: ", "CPU0:  dump_stack+0x1/0x2"), frame(cpu(0)));
        assert_eq!(strip_behind_time("[6] ", "[12]  dump_stack+0x1/0x2"), frame(None));
        assert_eq!(strip_behind_time("xyz: ", "xyz:  dump_stack+0x1/0x2"), frame(None));
        assert_eq!(strip_behind_time("(6,red/0)", "(5,a b) dump_stack+0x1/0x2"), frame(None));
        assert_eq!(
            strip_behind_time("c6 [  T115] ", "c6 [    T7]  dump_stack+0x1/0x2"),
            frame(Some(Caller::Task(7)))
        );
        assert_eq!(strip_behind_time("xyz: ", "abc:  dump_stack+0x1/0x2"), None);
        assert_eq!(strip_behind_time("two words ", "two words x"), None);
    }

    #[test]
    fn an_object_of_kmemleak_teaches_too() {
        let prefix = Prefix { boot: Some(Stamp::boot(1)), ..Prefix::default() };
        for speaker in ["", "kmemleak: "] {
            let object = format!("{speaker}unreferenced object 0xffff888136a8c000 (size 128):");
            let text = format!("xyz: {object}");
            let (shape, behind) = Shape::learn(text.as_bytes(), prefix).expect("a word");
            assert_eq!(behind.text, object.as_bytes());
            assert!(shape.strip(b"xyz:   hex dump (first 32 bytes):").is_some());
            assert_eq!(Shape::learn(object.as_bytes(), prefix), None);
        }
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
        assert_eq!(Shape::learn(format!("status=OK{TRACE}").as_bytes(), Prefix::default()), None);
        assert_eq!(Shape::learn(TRACE.as_bytes(), Prefix::default()), None);
        assert_eq!(Shape::learn(b"root  TRACE of my own, fp=0x0", Prefix::default()), None);
    }
}
