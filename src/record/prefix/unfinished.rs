//! Lines that mail programs and web pages broke at a blank: which text lacks its end, and whether the next
//! line is that end. The shapes are those of any text that people paste: traces, kmemleak, lists.

use super::super::cursor::Cursor;
use super::super::frame::{FrameLine, eat_place};

/// What lacks its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// kmemleak's first line of an object.
    Object,
    /// Its second line: the task.
    Task,
    /// A heading that ends in `):`.
    Heading,
    /// An address in brackets, and its function on the next line.
    Address,
    /// A call as 32-bit arm prints it, one of its two frames on the next line.
    Call,
    /// A frame, and its module on the next line.
    Frame,
}

/// Whether frames whose module may stand on the next line are waited for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Wraps {
    /// No line of this log was broken so far.
    #[default]
    Unknown,
    /// Lines are broken.
    Seen,
}

/// Whether a text may go on in the next line.
pub(super) fn may_go_on(text: &[u8], wraps: Wraps) -> bool {
    match shape(bare(text)) {
        Some(Shape::Frame) => wraps == Wraps::Seen,
        shape => shape.is_some(),
    }
}

/// Whether a text goes on in the next line: what both say together is whole, and the next line alone
/// says nothing.
pub(super) fn goes_on(text: &[u8], next: &[u8]) -> bool {
    let (text, next) = (bare(text), next.trim_ascii());
    match shape(text) {
        Some(Shape::Object) => {
            let joined = [text, b" ", next].concat();
            let is_part = |part: &[u8]| b"unreferenced object (percpu) (phys) 0x".starts_with(part);
            is_whole_object(&joined) || (is_part(text) && next.starts_with(b"object"))
        }
        Some(Shape::Task) => {
            let has_jiffies = memchr::memmem::find(text, b", jiffies ").is_some();
            next.starts_with(b"(age ") || (!has_jiffies && is_rest_of_task(next))
        }
        Some(Shape::Heading) => next.ends_with(b"):") && !next.starts_with(b"unreferenced"),
        Some(Shape::Address) => is_place(next) || is_call(&[text, b" ", next].concat()),
        Some(Shape::Call) => is_call(&[text, b" ", next].concat()),
        Some(Shape::Frame) => is_module(next),
        None => false,
    }
}

/// The text without the name of its speaker.
fn bare(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"kmemleak: ").unwrap_or(text).trim_ascii()
}

// unreferenced object 0xffff888136a8c000 | (size 128):
// comm "insmod", pid 493, jiffies | 4294941102 (age 38.540s)
// hex dump (first 32 | bytes):
// backtrace (crc | 84021ac):
// [<ffffffa542c4cbe8>] | red_alloc+0x1c8/0x370 [red]
// [<ffffffa542c4cbe8>] red_alloc+0x1c8/0x370 | [red]
// [<c02796b4>] (unwind_backtrace+0x1c/0xc0) from | [<c01cc38c>] (dump_stack+0x50/0x158)
fn shape(text: &[u8]) -> Option<Shape> {
    match text {
        [b'u', ..] if text.starts_with(b"unreferenced") => {
            (!text.ends_with(b"):")).then_some(Shape::Object)
        }
        [b'c', ..] if text.starts_with(b"comm \"") => {
            (!text.ends_with(b"s)")).then_some(Shape::Task)
        }
        [b'h', ..] if text.starts_with(b"hex dump (first") => {
            (!text.ends_with(b"):")).then_some(Shape::Heading)
        }
        [b'b', ..] if text.starts_with(b"backtrace (crc") => {
            (!text.ends_with(b"):")).then_some(Shape::Heading)
        }
        [b'[', b'<', ..] if is_lone_address(text) => Some(Shape::Address),
        [b'[', b'<', ..] if is_half_a_call(text) => Some(Shape::Call),
        [.., b'0'..=b'9' | b'a'..=b'f'] if is_place(behind_address(text)) => Some(Shape::Frame),
        _ => None,
    }
}

/// Whether a text is an address in brackets and nothing else.
pub(crate) fn is_lone_address(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let inside = text.strip_prefix(b"[<").and_then(|text| text.strip_suffix(b">]"));
    inside.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether a text is a frame of a call as 32-bit arm prints it, and not both.
pub(crate) fn is_half_a_call(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.starts_with(b"[<")
        && memchr::memmem::find(text, b">] (").is_some()
        && memchr::memmem::rfind(text, b">] (") == memchr::memmem::find(text, b">] (")
}

fn is_call(text: &[u8]) -> bool {
    matches!(FrameLine::parse(text), Some(FrameLine::Call { .. }))
}

fn behind_address(text: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(text, b">] ").filter(|_| text.starts_with(b"[<"));
    end.map_or(text, |end| &text[end + 3..])
}

/// Whether a text is a function with its offset, and its module or nothing behind it.
fn is_place(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    memchr::memmem::find(text, b"+0x").is_some()
        && eat_place(&mut cursor).is_some()
        && cursor.is_empty()
}

fn is_module(text: &[u8]) -> bool {
    let name = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]"));
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ');
    name.is_some_and(|name| {
        name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(is_of_name)
    })
}

fn is_whole_object(text: &[u8]) -> bool {
    let behind_size = || {
        let mut cursor = Cursor::new(text);
        cursor.eat(b"unreferenced object ")?;
        cursor.until(b"(size ")?;
        cursor.decimal()?;
        Some(cursor.rest())
    };
    behind_size() == Some(b"):")
}

// 4294941102 (age 38.540s)
// jiffies 4294941102 (age 38.540s)
// pid 493, jiffies 4294941102
/// Whether a text is the end of a task's line.
fn is_rest_of_task(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    if cursor.eat(b"pid ").is_some() && (cursor.decimal().is_none() || cursor.eat(b",").is_none()) {
        return false;
    }
    cursor.eat_blanks();
    if cursor.eat(b"jiffies").is_some() {
        cursor.eat_blanks();
    }
    let has_jiffies = cursor.decimal().is_some();
    (has_jiffies || text.starts_with(b"pid ") || text == b"jiffies")
        && (cursor.is_empty() || cursor.rest().starts_with(b" (age"))
}

/// Whether a line is one of a mail in quoted-printable that was broken softly, or that ends in an encoded
/// blank: such lines have 76 characters at most.
pub(super) fn is_quoted_printable(line: &[u8]) -> bool {
    const WIDTHS: std::ops::RangeInclusive<usize> = 40..=78;
    const SIGNS: [&[u8]; 5] = [b" func:", b"+0x", b"unreferenced object ", b"comm \"", b" age="];
    let is_encoded = line.ends_with(b"=") || line.ends_with(b"=20") || line.ends_with(b"=3D");
    let holds = |sign: &&[u8]| memchr::memmem::find(line, sign).is_some();
    is_encoded && WIDTHS.contains(&line.len()) && (SIGNS.iter().any(holds) || is_dump_row(line))
}

/// Whether a text is a row of a dump: 16 pairs of digits.
fn is_dump_row(text: &[u8]) -> bool {
    let pairs = text.trim_ascii().split(|&byte| byte == b' ').take(16);
    let is_pair = |word: &[u8]| word.len() == 2 && word.iter().all(u8::is_ascii_hexdigit);
    pairs.filter(|word| is_pair(word)).count() == 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_joined(text: &str, next: &str) -> bool {
        may_go_on(text.as_bytes(), Wraps::Seen) && goes_on(text.as_bytes(), next.as_bytes())
    }

    #[test]
    fn what_was_broken_at_a_blank_goes_on() {
        for (text, next) in [
            ("kmemleak: unreferenced object 0xffff888136a8c000", "(size 128):"),
            ("unreferenced object", "0xffff888136a8c000 (size 128):"),
            ("unreferenced object 0xffff888136a8c000 (size", "128):"),
            ("unreferenced", "object 0xffff888136a8c000 (size 128):"),
            ("kmemleak:   comm \"insmod\", pid 493, jiffies", "4294941102 (age 38.540s)"),
            ("  comm \"insmod\", pid 493, jiffies 4294941102", "(age 38.540s)"),
            ("  comm \"insmod\", pid 493,", "jiffies 4294941102 (age 38.540s)"),
            ("  comm \"insmod\",", "pid 493, jiffies 4294941102 (age 38.540s)"),
            ("  hex dump (first 32", "bytes):"),
            ("  backtrace (crc", "84021ac):"),
            (" [<ffffffa542c4cbe8>]", "red_alloc+0x1c8/0x370 [red]"),
            (" [<ffffffa542c4cbe8>] red_alloc+0x1c8/0x370", "[red]"),
            (" red_alloc+0x1c8/0x370", "[red]"),
            ("[<c02796b4>] (a+0x1c/0xc0) from", "[<c01cc38c>] (b+0x50/0x158)"),
            ("[<c02796b4>] (a+0x1c/0xc0)", "from [<c01cc38c>] (b+0x50/0x158)"),
            ("[<c02796b4>]", "(a+0x1c/0xc0) from [<c01cc38c>] (b+0x50/0x158 [red])"),
        ] {
            assert!(is_joined(text, next), "{text} | {next}");
        }
    }

    #[test]
    fn what_is_whole_does_not() {
        for (text, next) in [
            (
                "unreferenced object 0xffff888136a8c000 (size 128):",
                "  comm \"a\", pid 1, jiffies 4",
            ),
            ("unreferenced object 0xffff888136a8c000", "  comm \"a\", pid 1, jiffies 4"),
            ("  comm \"insmod\", pid 493, jiffies 4294941102", "  hex dump (first 32 bytes):"),
            ("  comm \"insmod\", pid 493, jiffies 4294941102 (age 38.540s)", "(age 38.540s)"),
            ("  backtrace:", "    [<ffffffa542c4cbe8>] red_alloc+0x1c8/0x370"),
            (" [<c0012a34>]", " [<c0012a38>]"),
            (" red_alloc+0x1c8/0x370", " red_open+0x1/0x2 [red]"),
            (" red_alloc+0x1c8/0x370", "[   12.000000] x"),
        ] {
            assert!(!is_joined(text, next), "{text} | {next}");
        }
        assert!(!may_go_on(b" red_alloc+0x1c8/0x370", Wraps::Unknown));
    }

    #[test]
    fn soft_breaks_of_mail_are_told() {
        for line in [
            "unreferenced object 0xffff888136a8c000 (size 128):=20",
            "    00 00 00 00 00 00 00 00 00 d8 79 b4 00 00 00 00  .........=",
            ">        49152       48 drivers/red/core/main.c:2709 func:red_devi=",
            "    [<ffffffa542c4cbe8>] red_alloc_with_quite_a_long_name+0x1c8/0x=",
        ] {
            assert!(is_quoted_printable(line.as_bytes()), "{line}");
        }
        for line in ["a variable that is set to nothing, as in the line that says x=", "+0x1 x=="] {
            assert!(!is_quoted_printable(line.as_bytes()), "{line}");
        }
    }
}
