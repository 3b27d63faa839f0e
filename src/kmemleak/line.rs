//! The lines of a report, each told by its shape and by the part of the report it stands in.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::object::{Identity, ObjectKind};
use crate::address::CodeAddr;
use crate::record::cursor::{Cursor, hex_value};
use crate::record::frame::{Aim, FrameLine, FrameText, Place, Reliability, Symbol};

/// A line that heads something.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Line<'a> {
    /// An object begins.
    Object(ObjectLine),
    /// Who allocated it.
    Task(TaskLine<'a>),
    /// Its first bytes follow.
    HexDump,
    /// Its backtrace follows.
    Backtrace,
    /// So many more objects have this backtrace.
    More(u64),
    /// The kernel has scanned.
    Scanned,
    /// The report's file is named: somebody is about to read or write it, or has.
    FileNamed,
    /// An object begins, and its first line cannot be read: the object is lost.
    Torn,
    /// Nothing at all.
    Blank,
    /// Anything else: rows of the dump, frames, foreign text.
    Other,
}

/// The first line of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ObjectLine {
    pub(super) address: u64,
    pub(super) digits: usize,
    pub(super) kind: ObjectKind,
    pub(super) size: u64,
}

impl ObjectLine {
    pub(super) fn identity(self) -> Identity {
        Identity { address: self.address, size: self.size, jiffies: None }
    }
}

/// The second line of an object.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct TaskLine<'a> {
    pub(super) comm: &'a [u8],
    pub(super) pid: u32,
    pub(super) jiffies: u64,
    pub(super) age: Option<f64>,
}

/// The text without the kernel's own name for the speaker, which verbose scans print on every
/// line, and without indentation, which mail and web pages change.
pub(super) fn bare(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"kmemleak: ").unwrap_or(text).trim_ascii()
}

impl<'a> Line<'a> {
    /// Reads a line, [`bare`].
    pub(super) fn parse(text: &'a [u8]) -> Line<'a> {
        if text.is_empty() {
            return Line::Blank;
        }
        object(text)
            .map(Line::Object)
            .or_else(|| task(text).map(Line::Task))
            .or_else(|| heading(text))
            .or_else(|| more(text).map(Line::More))
            .or_else(|| around(text))
            .or_else(|| text.starts_with(b"unreferenced object").then_some(Line::Torn))
            .unwrap_or(Line::Other)
    }
}

// unreferenced object 0xf7128a40 (size 64):                        2.6.31
// unreferenced object 0xffff8000b0d4c800 (size 128):
// unreferenced object (percpu) 0x607ee4e5f948 (size 8):            6.15 on
// unreferenced object (phys) 0x8f000000 (size 4096):
fn object(text: &[u8]) -> Option<ObjectLine> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"unreferenced object ")?;
    let kind = if cursor.eat(b"(percpu) ").is_some() {
        ObjectKind::PerCpu
    } else if cursor.eat(b"(phys) ").is_some() {
        ObjectKind::Physical
    } else {
        ObjectKind::Virtual
    };
    cursor.eat(b"0x")?;
    let (address, digits) = cursor.hex()?;
    cursor.eat(b" (size ")?;
    let size = cursor.decimal()?;
    cursor.eat(b"):")?;
    Some(ObjectLine { address, digits, kind, size })
}

// comm "swapper", pid 1, jiffies 4294892296                        2.6.31; again from 6.9 on
// comm "Xorg", pid 723, jiffies 4294896491 (age 361.400s)
// comm "a", "b", pid 7, jiffies 4294896491 (age 361.400s)          a task may name itself so
fn task(text: &[u8]) -> Option<TaskLine<'_>> {
    let rest = text.strip_prefix(b"comm \"")?;
    let end = memchr::memmem::rfind(rest, b"\", pid ")?;
    let mut cursor = Cursor::new(&rest[end..]);
    cursor.eat(b"\", pid ")?;
    let pid = u32::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b", jiffies ")?;
    let jiffies = cursor.decimal()?;
    Some(TaskLine { comm: &rest[..end], pid, jiffies, age: age(cursor) })
}

fn age(mut cursor: Cursor<'_>) -> Option<f64> {
    cursor.eat(b" (age ")?;
    let number = cursor.eat_while(|byte| byte.is_ascii_digit() || byte == b'.');
    cursor.eat(b"s)")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

// hex dump (first 32 bytes):
// hex dump (first 8 bytes on cpu 1):                               per-cpu objects
// backtrace:
// backtrace (crc 84021ac):                                         6.8 on
fn heading<'a>(text: &[u8]) -> Option<Line<'a>> {
    let is_dump = text.starts_with(b"hex dump (first ") && text.ends_with(b"):");
    let is_backtrace =
        text == b"backtrace:" || text.starts_with(b"backtrace (crc ") && text.ends_with(b"):");
    match (is_dump, is_backtrace) {
        (true, _) => Some(Line::HexDump),
        (_, true) => Some(Line::Backtrace),
        _ => None,
    }
}

// ... and 12 more object(s) with the same backtrace
fn more(text: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"... and ")?;
    let number = cursor.decimal()?;
    cursor.eat(b" more object")?;
    Some(number)
}

/// The name of the report's file.
static FILE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("/kmemleak"));

// 5 new suspected memory leaks (see /sys/kernel/debug/kmemleak)    its speaker's name stripped
// root@board:~# cat /sys/kernel/debug/kmemleak
fn around<'a>(text: &[u8]) -> Option<Line<'a>> {
    let is_number = text.first().is_some_and(u8::is_ascii_digit);
    if is_number && memchr::memmem::find(text, b" new suspected memory leaks").is_some() {
        return Some(Line::Scanned);
    }
    // syzbot's frames name the detector's source: include/linux/kmemleak.h:43
    let at = FILE.find(text)?;
    (text.get(at + FILE.needle().len()) != Some(&b'.')).then_some(Line::FileNamed)
}

// 21 00 00 00 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  !...kkkkkkkkkkk.
// 6b 6b 6b a5                                      kkk.
/// The bytes of a row of a dump: at most 16.
pub(super) fn hex_row(text: &[u8]) -> Option<Vec<u8>> {
    let columns = text.len().min(3 * 16);
    let mut row = Vec::new();
    for field in text[..columns].chunks(3) {
        match field {
            [b' ', ..] => break,
            [high, low] | [high, low, b' '] => {
                row.push(u8::try_from(hex_value(&[*high, *low])?).ok()?);
            }
            _ => return None,
        }
    }
    (!row.is_empty()).then_some(row)
}

// [<00000000dce2d1d0>] kmem_cache_alloc_trace+0x140/0x270          to 6.8; hashed from 4.15 on
// [<c1002a30>] do_one_initcall+0x30/0x190
// [<ffffffff>] 0xffffffff                                          arm ends so
// kmalloc_trace+0x2a/0xe0                                          6.8 on
// 0xffffffffc08ea070
// [<000000003bb3a5d1>] slab_alloc mm/slub.c:3251 [inline]          as syzbot writes it
// [<0000000087a1c0f1>] kmem_cache_alloc+0x12c/0x2a0 mm/slub.c:3401
/// A frame. The address in brackets is left out: it may be hashed, and the symbol says more.
pub(crate) fn frame(text: &[u8]) -> Option<FrameText<'_>> {
    let text = without_address(text);
    let place = match FrameLine::parse(text) {
        Some(FrameLine::One(frame)) => frame.place,
        _ => bare_place(text).or_else(|| annotated(text))?,
    };
    Some(FrameText {
        place,
        address: None,
        reliability: Reliability::Reliable,
        aim: Aim::BehindCall,
    })
}

/// Whether a line that is no frame was one before it was damaged.
pub(super) fn was_frame(text: &[u8]) -> bool {
    text.starts_with(b"[<") || memchr::memmem::find(text, b"+0x").is_some()
}

fn without_address(text: &[u8]) -> &[u8] {
    let mut cursor = Cursor::new(text);
    if cursor.eat(b"[<").is_none() || cursor.until(b">] ").is_none() {
        return text;
    }
    cursor.rest()
}

fn bare_place(text: &[u8]) -> Option<Place<'_>> {
    let digits = text.strip_prefix(b"0x")?;
    Some(Place::Bare(CodeAddr(hex_value(digits)?)))
}

fn annotated(text: &[u8]) -> Option<Place<'_>> {
    let is_inlined = text.ends_with(b" [inline]");
    let text = text.strip_suffix(b" [inline]").unwrap_or(text);
    let at = text.iter().rposition(|&byte| byte == b' ')?;
    let (head, file) = (&text[..at], &text[at + 1..]);
    let colon = file.iter().rposition(|&byte| byte == b':')?;
    if hex_value(&file[colon + 1..]).is_none() || !file[..colon].contains(&b'.') {
        return None;
    }
    if is_inlined && !head.contains(&b' ') {
        let function = head;
        return Some(Place::Symbol(Symbol {
            function,
            offset: None,
            size: None,
            module: None,
            build_id: None,
        }));
    }
    match FrameLine::parse(head)? {
        FrameLine::One(frame) => Some(frame.place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_every_era_is_read() {
        for (text, kind, address, size) in [
            ("unreferenced object 0xf7128a40 (size 64):", ObjectKind::Virtual, 0xf712_8a40, 64),
            (
                "unreferenced object (percpu) 0x607ee4e5f948 (size 8):",
                ObjectKind::PerCpu,
                0x607e_e4e5_f948,
                8,
            ),
            (
                "unreferenced object (phys) 0x8f000000 (size 4096):",
                ObjectKind::Physical,
                0x8f00_0000,
                4096,
            ),
        ] {
            let Line::Object(object) = Line::parse(text.as_bytes()) else { panic!("{text}") };
            assert_eq!((object.kind, object.address, object.size), (kind, address, size));
        }
        for text in ["unreferenced object 0xf7128a40", "unreferenced object 0x (size 64):"] {
            assert_eq!(Line::parse(text.as_bytes()), Line::Torn, "{text}");
        }
    }

    #[test]
    fn a_task_may_be_named_anything() {
        let task = |text: &'static str| match Line::parse(text.as_bytes()) {
            Line::Task(task) => task,
            other => panic!("{text}: {other:?}"),
        };
        let old = task("comm \"swapper\", pid 1, jiffies 4294892296");
        assert_eq!((old.comm, old.pid, old.age), (&b"swapper"[..], 1, None));
        let odd = task("comm \"a\", pid 2\", pid 7, jiffies 4294896491 (age 361.400s)");
        assert_eq!((odd.comm, odd.pid, odd.age), (&b"a\", pid 2"[..], 7, Some(361.4)));
    }

    #[test]
    fn the_verbose_scan_names_its_speaker() {
        let text = bare(b"kmemleak:   backtrace (crc 8ba1bb8e):");
        assert_eq!(Line::parse(text), Line::Backtrace);
        assert_eq!(Line::parse(bare(b"  backtrace:")), Line::Backtrace);
        let text = bare(b"kmemleak:   ... and 12 more object(s) with the same backtrace");
        assert_eq!(Line::parse(text), Line::More(12));
    }

    #[test]
    fn the_detector_s_source_is_not_its_file() {
        assert_eq!(Line::parse(b"# cat /sys/kernel/debug/kmemleak"), Line::FileNamed);
        let frame =
            b"[<000000003bb3a5d1>] kmemleak_alloc_recursive include/linux/kmemleak.h:43 [inline]";
        assert_eq!(Line::parse(frame), Line::Other);
    }

    #[test]
    fn a_row_of_a_dump_ends_where_its_text_begins() {
        let row = b"21 00 00 00 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  !...kkkkkkkkkkk.";
        assert_eq!(hex_row(row).map(|row| (row.len(), row[15])), Some((16, 0xa5)));
        let short = b"6b 6b 6b a5                                      kkk.";
        assert_eq!(hex_row(short), Some(vec![0x6b, 0x6b, 0x6b, 0xa5]));
        assert_eq!(hex_row(b"backtrace:"), None);
    }

    #[test]
    fn frames_are_told_by_their_symbol() {
        let name = |text: &'static str| match frame(text.as_bytes()).map(|frame| frame.place) {
            Some(Place::Symbol(symbol)) => String::from_utf8_lossy(symbol.function).into_owned(),
            Some(Place::Bare(address)) => format!("{address:#x}"),
            None => "nothing".to_owned(),
        };
        for (text, expected) in [
            ("[<00000000dce2d1d0>] kmem_cache_alloc_trace+0x140/0x270", "kmem_cache_alloc_trace"),
            ("[<(____ptrval____)>] leaky_start+0x40/0x9e8 [leaky]", "leaky_start"),
            ("kmalloc_trace+0x2a/0xe0", "kmalloc_trace"),
            ("[<ffffffff>] 0xffffffff", "0xffffffff"),
            ("[<9f8a11c2>] 0x0", "0x0"),
            ("[<000000003bb3a5d1>] slab_alloc mm/slub.c:3251 [inline]", "slab_alloc"),
            (
                "[<0000000087a1c0f1>] kmem_cache_alloc+0x12c/0x2a0 mm/slub.c:3401",
                "kmem_cache_alloc",
            ),
            ("random: crng init done", "nothing"),
            ("21 00 00 00", "nothing"),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }
}
