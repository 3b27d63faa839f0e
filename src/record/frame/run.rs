//! Several frames on one line.

use super::super::cursor::Cursor;
use super::symbol::Offset;
use super::{Aim, FrameText, Place, Reliability, bracketed_address};
use crate::address::CodeAddr;

/// Frames are set in by at most this many blanks.
const INDENT_MAX: usize = 9;

/// The frames of a line, checked and not yet taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRun<'a> {
    text: &'a [u8],
}

impl<'a> FrameRun<'a> {
    // [f0012345 : dump_stack+0x10/0x20 ] [f00a34c0 : __slab_alloc+0x1b0/0x2a0 ]      sparc32
    //         [<c0012a34>] [<c00145e0>] [<c0015b24>] [<c0012f1c>]                     nios2, h8300
    // [<8128be6c>] show_stack+0x70/0x164 [<8146a6e8>] dump_stack+0x8c/0xd0            mips, raw
    /// Reads a line of frames. The whole line must have the shape.
    pub fn parse(text: &'a [u8]) -> Option<FrameRun<'a>> {
        let mut cursor = Cursor::new(text);
        if cursor.eat_blanks() > INDENT_MAX {
            return None;
        }
        let run = FrameRun { text: cursor.rest() };
        next(&mut cursor)?;
        while next(&mut cursor).is_some() {}
        cursor.is_empty().then_some(run)
    }

    /// The frames, innermost first.
    pub fn frames(self) -> impl Iterator<Item = FrameText<'a>> {
        let mut cursor = Cursor::new(self.text);
        std::iter::from_fn(move || next(&mut cursor))
    }
}

/// Takes a frame and the blanks behind it.
fn next<'a>(cursor: &mut Cursor<'a>) -> Option<FrameText<'a>> {
    let frame = bracketed_frame(cursor).or_else(|| sparc_frame(cursor))?;
    cursor.eat_blanks();
    Some(frame)
}

fn bracketed_frame<'a>(cursor: &mut Cursor<'a>) -> Option<FrameText<'a>> {
    let address = bracketed_address(cursor)?.address();
    let mut ahead = *cursor;
    ahead.eat_blanks();
    let doubted = ahead.eat(b"? ").is_some();
    if let Some(place) = Place::eat(&mut ahead, Offset::Required) {
        *cursor = ahead;
        let reliability = if doubted { Reliability::Unreliable } else { Reliability::Reliable };
        return Some(FrameText { place, address, reliability, aim: Aim::BehindCall });
    }
    let place = Place::Bare(address?);
    Some(FrameText { place, address, reliability: Reliability::Reliable, aim: Aim::BehindCall })
}

fn sparc_frame<'a>(cursor: &mut Cursor<'a>) -> Option<FrameText<'a>> {
    let mut ahead = *cursor;
    ahead.eat(b"[")?;
    let (address, digits) = ahead.hex()?;
    ahead.eat(b" : ")?;
    let place = Place::eat(&mut ahead, Offset::Required)?;
    ahead.eat_blanks();
    ahead.eat(b"]")?;
    *cursor = ahead;
    let frame = FrameText {
        place,
        address: Some(CodeAddr(address)),
        reliability: Reliability::Reliable,
        aim: Aim::BehindCall,
    };
    (digits == 8).then_some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, u64)]) {
        let run = FrameRun::parse(text.as_bytes()).expect(text);
        let frames: Vec<(String, u64)> = run
            .frames()
            .map(|frame| {
                let name = match frame.place {
                    Place::Symbol(symbol) => String::from_utf8_lossy(symbol.function).into_owned(),
                    Place::Bare(_) => String::new(),
                };
                (name, frame.address.map_or(0, |address| address.0))
            })
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|&(name, address)| (name.to_owned(), address)).collect();
        assert_eq!(frames, expected, "{text}");
    }

    #[test]
    fn every_frame_of_the_line_is_read() {
        check(
            "[f0012345 : dump_stack+0x10/0x20 ] [f00a34c0 : kfree+0x1b0/0x2a0 ] [f1020040 : leaky_init+0x40/0x80 [leaky] ] ",
            &[("dump_stack", 0xf001_2345), ("kfree", 0xf00a_34c0), ("leaky_init", 0xf102_0040)],
        );
        check("        [<c0012a34>] [<c00145e0>]", &[("", 0xc001_2a34), ("", 0xc001_45e0)]);
        check(" [<c0012a34>]", &[("", 0xc001_2a34)]);
        check(
            "[<8128be6c>] show_stack+0x70/0x164 [<8146a6e8>] dump_stack+0x8c/0xd0 [<c00d0474>] 0xc00d0474",
            &[("show_stack", 0x8128_be6c), ("dump_stack", 0x8146_a6e8), ("", 0xc00d_0474)],
        );
    }

    #[test]
    fn a_line_with_anything_else_in_it_is_no_run() {
        for text in [
            "",
            "[<00481a2c>] PID 1 [init]",
            "[f0012345 : open",
            "[<c0012a34>] [<c00145e0>] and more",
            "          [<c0012a34>]",
        ] {
            assert_eq!(FrameRun::parse(text.as_bytes()), None, "{text}");
        }
    }
}
