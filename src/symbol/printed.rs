//! A frame as lines of logs print it: `name+0xoffset/0xsize [module]`.

use memchr::memmem;

use super::{Frame, Position};

/// A frame within a line.
pub(super) struct Printed<'a> {
    /// Where its text begins in the line.
    pub(super) start: usize,
    /// Where its text ends, the module included.
    pub(super) end: usize,
    /// What it says.
    pub(super) frame: Frame<'a>,
}

impl<'a> Printed<'a> {
    // RIP: 0010:usercopy_abort+0x6c/0x7e
    //  ? kthread+0x31/0x110
    // [<c010a4ec>] (leaky_alloc [leaky]) from …      no offset, so none
    // leaky_rx_buf.constprop.0+0xe/0x10 [leaky 8ccbaffd9b4dd0b5cd41d373472384777eb5c5fd]
    /// Reads the frame whose `+0x` is at `plus`.
    pub(super) fn at(line: &'a [u8], plus: usize) -> Option<Printed<'a>> {
        let head = &line[..plus];
        let start = head.iter().rposition(|&byte| !is_name_byte(byte)).map_or(0, |at| at + 1);
        let function = std::str::from_utf8(&head[start..]).ok()?;
        if function.is_empty() || function.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let (offset, rest) = hex(line.get(plus + 1..)?)?;
        let (size, rest) = hex(rest.strip_prefix(b"/")?)?;
        let (module, build_id, rest) = module(rest).unwrap_or((None, None, rest));
        let position = position(&line[..start], rest);
        let frame =
            Frame { function, offset, size: Some(size), module, build_id, position, linked: None };
        Some(Printed { start, end: line.len() - rest.len(), frame })
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$')
}

/// Takes a number with its `0x`.
fn hex(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.strip_prefix(b"0x")?;
    let length = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = digits.split_at(length);
    let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((value, rest))
}

type Module<'a> = (Option<&'a str>, Option<&'a str>, &'a [u8]);

fn module(text: &[u8]) -> Option<Module<'_>> {
    let inner = text.strip_prefix(b" [")?;
    let end = memchr::memchr(b']', inner)?;
    let (name, build_id) = match inner[..end].iter().position(|&byte| byte == b' ') {
        Some(blank) => (&inner[..blank], Some(&inner[blank + 1..end])),
        None => (&inner[..end], None),
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    if !build_id.unwrap_or_default().iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((text(name), build_id.and_then(text), &inner[end + 1..]))
}

/// What comes before a register's place.
const STRUCK: [&[u8]; 18] = [
    b"RIP: ",
    b"EIP: ",
    b" IP: [",
    b"] IP: ",
    b"pc : ",
    b"PC is at ",
    b"pc is at ",
    b"PC: [<",
    b"epc : ",
    b"epc   : ",
    b"era   : ",
    b"NIP [",
    b"interrupt: ",
    b"Exception: ",
    b"Krnl PSW : ",
    b"TPC: <",
    b"IAOQ[0]: ",
    b"ERA: ",
];

// RIP: 0010:foo+0x1/0x2      pc : foo+0x1/0x2       PC is at foo+0x1/0x2
// NIP [c000000000100000] foo+0x1/0x2                epc : foo+0x1/0x2                riscv
// epc   : 8010a0b0 foo+0x1/0x2     mips              --- interrupt: 900 at foo+0x1/0x2  powerpc
// Krnl PSW : 0704c00180000000 0000000000a2206a (foo+0x1/0x2)                           s390
//  foo+0x1/0x2 (P)           arm64 from 6.13: the register of an interrupted context
//  ? foo+0x1/0x2             [c0] [c1] foo+0x1/0x2 (unreliable)
/// What the offset points at of a frame between `head` and `tail`.
pub(super) fn position(head: &[u8], tail: &[u8]) -> Position {
    // Each mark has one of these; most frames have nothing but a time in front.
    let may_be_struck = memchr::memchr3(b':', b's', b'N', head).is_some();
    let is_struck = || STRUCK.iter().any(|mark| memmem::find(head, mark).is_some());
    if may_be_struck && is_struck() || tail.starts_with(b" (P)") {
        Position::Exact
    } else if head.ends_with(b"? ") || tail.starts_with(b" (unreliable)") {
        Position::Stale
    } else {
        Position::Return
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_exact_and_doubted_frames_stale() {
        for (line, wanted) in [
            ("RIP: 0010:f+0x1/0x2", Position::Exact),
            ("pc : f+0x1/0x2", Position::Exact),
            ("PC is at f+0x1/0x2", Position::Exact),
            ("NIP [c000000000100000] f+0x1/0x2", Position::Exact),
            ("epc   : 8010a0b0 f+0x1/0x2", Position::Exact),
            ("--- interrupt: 900 at f+0x1/0x2", Position::Exact),
            ("Krnl PSW : 0704c00180000000 0000000000a2206a (f+0x1/0x2)", Position::Exact),
            ("[    1.000000] IP: f+0x1/0x2", Position::Exact),
            (" f+0x1/0x2 [m] (P)", Position::Exact),
            ("ra    : 8010a0b0 f+0x1/0x2", Position::Return),
            (" f+0x1/0x2", Position::Return),
            ("lr : f+0x1/0x2", Position::Return),
            (" ? f+0x1/0x2", Position::Stale),
            ("[c1] [c2] f+0x1/0x2 (unreliable)", Position::Stale),
        ] {
            let plus = memmem::find(line.as_bytes(), b"+0x").expect("frame");
            let printed = Printed::at(line.as_bytes(), plus).expect("frame");
            assert_eq!(printed.frame.position, wanted, "{line}");
            assert_eq!(printed.frame.function, "f", "{line}");
        }
    }

    #[test]
    fn modules_may_have_a_build_id() {
        let line = b"f+0x1/0x2 [nf_tables 8ccbaffd9b4d]";
        let printed = Printed::at(line, 1).expect("frame");
        assert_eq!(printed.frame.module, Some("nf_tables"));
        assert_eq!(printed.frame.build_id, Some("8ccbaffd9b4d"));
    }
}
