//! The lines that are different every time, in the shape that nearly all of them have: whole, one
//! record to a line, numbers with all their digits. To read one so finds its end too: how long it
//! is comes with it, and who asks must see to it that the line ends there. Every other shape is
//! left to the parsers of single lines.

use super::cursor::{are_hex, is_full_row, is_hex, pointer_digits};
use super::object::ROW_BYTES;
use super::{ObjectRow, Op, RegisterLine, TraceHeader};
use crate::address::{ObjectAddr, Pointer};

/// Cache names are shorter.
const CACHE_BYTES_MAX: usize = 64;

// TRACE kmalloc-64 free 0xffff8da32ff3b980 inuse=28 fp=0xffff8da32ff3b7c0
/// Reads the event's header that `bytes` begin with.
pub(crate) fn header(bytes: &[u8]) -> Option<(TraceHeader<'_>, usize)> {
    let rest = eat(bytes, b"TRACE ")?;
    // A byte that transports add is cleaned away before a line is read.
    let ends_name = |&byte: &u8| byte <= b' ' || matches!(byte, b'[' | 0x7f | 0xa0);
    let (cache, rest) = rest.split_at(rest.iter().take(CACHE_BYTES_MAX).position(ends_name)?);
    let (op, rest) = match eat(rest, b" alloc 0x") {
        Some(rest) => (Op::Alloc, rest),
        None => (Op::Free, eat(rest, b" free 0x")?),
    };
    let (object, digits) = pointer_digits(rest)?;
    let rest = eat(&rest[digits..], b" inuse=")?;
    let (inuse, rest) = count(rest)?;
    let rest = eat(rest, b" fp=0x")?;
    let (fp, fp_digits) = pointer_digits(rest)?;
    let len = bytes.len() - rest.len() + fp_digits;
    let header = TraceHeader {
        cache,
        op,
        object: pointer(object),
        digits,
        inuse: Some(inuse),
        fp: Some(pointer(fp)),
    };
    (!cache.is_empty()).then_some((header, len))
}

/// What is behind a text whose length is known, so that nothing is called to compare it.
#[inline]
fn eat<'a, const N: usize>(bytes: &'a [u8], text: &[u8; N]) -> Option<&'a [u8]> {
    bytes.split_first_chunk().and_then(|(first, rest)| (first == text).then_some(rest))
}

fn pointer(value: u64) -> Pointer {
    if value == 0 { Pointer::Null } else { Pointer::Addr(ObjectAddr(value)) }
}

/// A slab holds at most 32767 objects (`mm/slub.c`).
const COUNT_DIGITS_MAX: usize = 5;

fn count(text: &[u8]) -> Option<(u32, &[u8])> {
    let (mut value, mut digits) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = text.get(digits)
        && digits < COUNT_DIGITS_MAX
    {
        value = value * 10 + u32::from(digit - b'0');
        digits += 1;
    }
    (digits > 0).then(|| (value, &text[digits..]))
}

// Object ffff8da32ff3b980: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
/// Reads the row of an object dump that `bytes` begin with.
pub(crate) fn row(bytes: &[u8]) -> Option<(ObjectRow, usize)> {
    let rest = eat(bytes, b"Object ")?;
    let (address, digits) = pointer_digits(rest)?;
    let rest = eat(&rest[digits..], b": ")?;
    let (row, rest) = rest.split_first_chunk::<48>()?;
    let (text, rest) = eat(rest, b" ")?.split_first_chunk::<16>()?;
    let is_text = text.iter().fold(true, |all, &byte| all & is_text(byte));
    let row = (is_text && is_full_row(row))
        .then_some(ObjectRow { address: Pointer::Addr(ObjectAddr(address)), bytes: ROW_BYTES });
    Some((row?, bytes.len() - rest.len()))
}

/// Whether a byte is part of a row: another may be a line's end, and behind a bracket there may be
/// another record.
fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != b'['
}

// RAX: ffffffffffffffda RBX: 0000000000000000 RCX: 00000000004610d3
// EAX: 00000000 EBX: b7fd0ff4 ECX: 00000001 EDX: 00000000
/// Reads the line of a register dump that `bytes` begin with.
pub(crate) fn registers(bytes: &[u8]) -> Option<(RegisterLine<'_>, usize)> {
    let len = match bytes {
        [b'R', b'I', ..] => instruction_pointer(bytes),
        [b'R', b'S', b'P', ..] => stack_pointer(bytes),
        [b'R', ..] => row_of::<3, 16>(bytes, &WIDE_ROWS),
        _ => row_of::<4, 8>(bytes, &NARROW_ROWS),
    }?;
    Some((RegisterLine::Named(&bytes[..len]), len))
}

// RIP: 0033:0x4610d3
/// The length of the line of an instruction pointer in user mode: others are places in the kernel.
fn instruction_pointer(bytes: &[u8]) -> Option<usize> {
    let rest = eat(bytes, b"RIP: 0033:0x")?;
    let digits = rest.iter().take(17).position(|&byte| !is_hex(byte))?;
    (1..=16).contains(&digits).then_some(bytes.len() - rest.len() + digits)
}

// RSP: 002b:00007fffa9c834d8 EFLAGS: 00000246 ORIG_RAX: 0000000000000038
// RSP: 0018:ffffb2a7400a7ec0 EFLAGS: 00000246
/// The length of the line of a stack pointer.
fn stack_pointer(bytes: &[u8]) -> Option<usize> {
    let (segment, rest) = eat(bytes, b"RSP: ")?.split_first_chunk::<4>()?;
    let (pointer, rest) = eat(rest, b":")?.split_first_chunk::<16>()?;
    let (flags, rest) = eat(rest, b" EFLAGS: ")?.split_first_chunk::<8>()?;
    if !(are_hex(segment) && are_hex(pointer) && are_hex(flags)) {
        return None;
    }
    let rest = match eat(rest, b" ORIG_RAX: ") {
        Some(behind) => behind.split_first_chunk::<16>().filter(|(value, _)| are_hex(value))?.1,
        None => rest,
    };
    Some(bytes.len() - rest.len())
}

/// The registers of each line on 64 bits, and on 32 (`arch/x86/kernel/process_64.c` and
/// `process_32.c`).
const WIDE_ROWS: [[[u8; 3]; 3]; 5] = [
    [*b"RAX", *b"RBX", *b"RCX"],
    [*b"RDX", *b"RSI", *b"RDI"],
    [*b"RBP", *b"R08", *b"R09"],
    [*b"R10", *b"R11", *b"R12"],
    [*b"R13", *b"R14", *b"R15"],
];
const NARROW_ROWS: [[[u8; 3]; 4]; 2] =
    [[*b"EAX", *b"EBX", *b"ECX", *b"EDX"], [*b"ESI", *b"EDI", *b"EBP", *b"ESP"]];

/// The length of a line of registers of `DIGITS` digits.
#[inline]
fn row_of<const COUNT: usize, const DIGITS: usize>(
    bytes: &[u8],
    rows: &[[[u8; 3]; COUNT]],
) -> Option<usize> {
    let names = rows.iter().find(|names| bytes.first_chunk() == Some(&names[0]))?;
    let wide = b"RAX: ".len() + DIGITS + 1;
    let row = bytes.get(..COUNT * wide - 1)?;
    let is_register = |at: usize| {
        let value = eat(eat(&row[at * wide..], &names[at])?, b": ")?;
        let (digits, behind) = value.split_first_chunk::<DIGITS>()?;
        Some(are_hex(digits) && matches!(behind, [] | [b' ', ..]))
    };
    (0..COUNT).all(|at| is_register(at) == Some(true)).then_some(row.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;

    const LINES: [&str; 11] = [
        "TRACE kmalloc-64 free 0xffff8da32ff3b980 inuse=28 fp=0xffff8da32ff3b7c0",
        "TRACE kmalloc-64 alloc 0x00000000 inuse=7 fp=0x00000000",
        "TRACE kmalloc-128(522:accounts-daemon.service) free 0x00000000e96232cc inuse=16 fp=0x0000000012cb1f08",
        "Object ffff8da32ff3b980: aa 33 12 4a 44 7d f9 28 00 00 00 00 00 00 00 FF  .3.JD}.(........",
        "Object c0123450: aa 33 12 4a 44 7d f9 28 00 00 00 00 00 00 00 00  .3.JD}.(........",
        "RAX: ffffffffffffffda RBX: 0000000000000000 RCX: 00000000004610d3",
        "R13: 000000000efdcc80 R14: 0000000000000000 R15: 0000000000000000",
        "RIP: 0033:0x4610d3",
        "RSP: 002b:00007fffa9c834d8 EFLAGS: 00000246 ORIG_RAX: 0000000000000038",
        "RSP: 0018:ffffb2a7400a7ec0 EFLAGS: 00000246",
        "EAX: 00000000 EBX: b7fd0ff4 ECX: 00000001 EDX: 00000000",
    ];

    /// What the parsers of single lines say.
    fn by_line(text: &[u8]) -> Option<Text<'_>> {
        match text.first()? {
            b'T' => TraceHeader::parse(text).map(Text::Trace),
            b'O' => ObjectRow::parse(text).map(Text::Object),
            _ => RegisterLine::parse(text).map(Text::Registers),
        }
    }

    fn usual(bytes: &[u8]) -> Option<(Text<'_>, usize)> {
        match bytes.first()? {
            b'T' => header(bytes).map(|(line, len)| (Text::Trace(line), len)),
            b'O' => row(bytes).map(|(line, len)| (Text::Object(line), len)),
            _ => registers(bytes).map(|(line, len)| (Text::Registers(line), len)),
        }
    }

    #[test]
    fn usual_lines_are_read_to_their_ends() {
        for line in LINES {
            for end in ["\n", "\r\n"] {
                let text = format!("{line}{end}[    4.818698] TRACE");
                let (usual, len) = self::usual(text.as_bytes()).expect(line);
                assert_eq!((len, Some(usual)), (line.len(), by_line(line.as_bytes())));
            }
        }
    }

    #[test]
    fn what_is_read_of_a_damaged_line_is_what_the_line_says() {
        for line in LINES {
            for (at, byte) in (0..line.len()).flat_map(|at| (0..=u8::MAX).map(move |b| (at, b))) {
                let mut text = format!("{line}\n").into_bytes();
                text[at] = byte;
                let Some((usual, len)) = self::usual(&text) else { continue };
                let damaged = text[..len].escape_ascii().to_string();
                if matches!(text.get(len), Some(b'\n' | b'\r')) {
                    assert_eq!(Some(usual), by_line(&text[..len]), "{damaged}");
                    assert!(!text[..len].iter().any(|byte| b"\n[".contains(byte)), "{damaged}");
                }
            }
        }
    }

    #[test]
    fn a_name_that_must_be_cleaned_is_left_to_the_long_way() {
        for byte in [0, 1, 0x1b, 0x7f, 0xa0] {
            let mut text = LINES[0].as_bytes().to_vec();
            text.insert(8, byte);
            assert!(crate::record::prefix::is_dirty(&text) && header(&text).is_none(), "{byte}");
        }
    }
}
