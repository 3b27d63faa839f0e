//! tile: numbered frames.

use super::super::cursor::Cursor;
use super::symbol::Offset;
use super::{Aim, FrameLine, FrameText, Place, Reliability};
use crate::address::CodeAddr;

//   frame 0: 0xfffffff7003f1a80 dump_stack+0x0/0x20 (sp 0xfffffe407f5dfa90)
//   frame 7: 0xfffffff6e0000040 leaky_init+0x40/0x80 [leaky] (sp 0xfffffe407f5dfd10)
pub(super) fn parse(text: &[u8]) -> Option<FrameLine<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"  frame ")?;
    cursor.decimal()?;
    cursor.eat(b": 0x")?;
    let address = CodeAddr(cursor.hex()?.0);
    cursor.eat_blanks();
    let place = Place::eat(&mut cursor, Offset::Required).unwrap_or(Place::Bare(address));
    cursor.eat_blanks();
    cursor.is_empty().then_some(()).or_else(|| cursor.eat(b"(sp 0x"))?;
    Some(FrameLine::One(FrameText {
        place,
        address: Some(address),
        reliability: Reliability::Reliable,
        aim: Aim::BehindCall,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_frame_has_address_and_symbol() {
        let text =
            b"  frame 7: 0xfffffff6e0000040 leaky_init+0x40/0x80 [leaky] (sp 0xfffffe407f5dfd10)";
        let Some(FrameLine::One(frame)) = parse(text) else { panic!("no frame") };
        assert_eq!(frame.address, Some(CodeAddr(0xffff_fff6_e000_0040)));
        assert!(matches!(frame.place, Place::Symbol(symbol) if symbol.module == Some(b"leaky")));
        assert_eq!(parse(b"  frame rate: 0x10"), None);
    }
}
