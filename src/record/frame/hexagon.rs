//! hexagon: frame pointer, address, and an offset without a size.

use super::super::cursor::Cursor;
use super::{Aim, FrameLine, FrameText, Place, Reliability, Symbol};
use crate::address::CodeAddr;

// [c1c5bdc8] 0xc0105ab4: __slab_alloc + 0x1b4
// [c1c5be20] 0xd0002010: leaky_init + 0x10 [leaky]
pub(super) fn parse(text: &[u8]) -> Option<FrameLine<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    cursor.hex()?;
    cursor.eat(b"] 0x")?;
    let (address, _) = cursor.hex()?;
    cursor.eat(b": ")?;
    let function = cursor.eat_while(|byte| byte.is_ascii_graphic());
    cursor.eat(b" + 0x")?;
    let (offset, _) = cursor.hex()?;
    let module = cursor.eat(b" [").and_then(|()| cursor.until(b"]"));
    cursor.eat_blanks();
    let symbol = Symbol { function, offset: Some(offset), size: None, module, build_id: None };
    (cursor.is_empty() && !function.is_empty()).then_some(FrameLine::One(FrameText {
        place: Place::Symbol(symbol),
        address: Some(CodeAddr(address)),
        reliability: Reliability::Reliable,
        aim: Aim::BehindCall,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_may_have_no_size() {
        let Some(FrameLine::One(frame)) =
            parse(b"[c1c5be20] 0xd0002010: leaky_init + 0x10 [leaky] ")
        else {
            panic!("no frame")
        };
        let Place::Symbol(symbol) = frame.place else { panic!("no symbol") };
        assert_eq!((symbol.function, symbol.module), (&b"leaky_init"[..], Some(&b"leaky"[..])));
        assert_eq!((symbol.offset, symbol.size), (Some(0x10), None));
        assert_eq!(parse(b"[c1c5be20] 0xd0002010: text"), None);
    }
}
