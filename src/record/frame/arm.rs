//! 32-bit arm: callee and caller on one line.

use super::super::cursor::Cursor;
use super::symbol::Offset;
use super::{Aim, FrameLine, FrameText, Place, Reliability};
use crate::address::CodeAddr;

// [<c0012378>] (dump_backtrace+0x0/0x114) from [<c03a0a5c>] (dump_stack+0x18/0x1c)    frame pointers, 3.x
// [<c04574c0>] (show_stack) from [<c0459fe8>] (dump_stack+0x9c/0xb0)                  frame pointers, 4.x on
// [<c0600bb8>] (start_kernel+0x0/0x46c) from [<00000000>] (0x0)
// [<c010c904>] (unwind_backtrace) from [<c0109974>] (show_stack+0x10/0x14)            unwind tables
// Function entered at [<c0012378>] from [<c03a0a5c>]                                  no kallsyms
//  leaky_rx_poll [leaky] from leaky_start+0x40/0xa10 [leaky]                          5.18 on
pub(super) fn parse(text: &[u8]) -> Option<FrameLine<'_>> {
    let mut cursor = Cursor::new(text);
    let (callee, caller) = match cursor.peek()? {
        b'[' => bracketed(&mut cursor)?,
        b'F' => without_symbols(&mut cursor)?,
        b' ' => without_addresses(&mut cursor)?,
        _ => return None,
    };
    cursor.eat_blanks();
    cursor.is_empty().then_some(FrameLine::Call { callee, caller })
}

type Call<'a> = (FrameText<'a>, FrameText<'a>);

fn bracketed<'a>(cursor: &mut Cursor<'a>) -> Option<Call<'a>> {
    let callee = bracketed_side(cursor)?;
    cursor.eat(b" from ")?;
    Some((callee, bracketed_side(cursor)?))
}

fn bracketed_side<'a>(cursor: &mut Cursor<'a>) -> Option<FrameText<'a>> {
    let address = address(cursor)?;
    cursor.eat(b" (")?;
    let place = Place::eat(cursor, Offset::Optional)?;
    cursor.eat(b")")?;
    Some(frame(place, Some(address)))
}

fn without_symbols<'a>(cursor: &mut Cursor<'a>) -> Option<Call<'a>> {
    cursor.eat(b"Function entered at ")?;
    let callee = address(cursor)?;
    cursor.eat(b" from ")?;
    let caller = address(cursor)?;
    Some((frame(Place::Bare(callee), Some(callee)), frame(Place::Bare(caller), Some(caller))))
}

fn without_addresses<'a>(cursor: &mut Cursor<'a>) -> Option<Call<'a>> {
    cursor.eat(b" ")?;
    let callee = Place::eat(cursor, Offset::Optional)?;
    cursor.eat(b" from ")?;
    let caller = Place::eat(cursor, Offset::Required)?;
    Some((frame(callee, None), frame(caller, None)))
}

fn address(cursor: &mut Cursor<'_>) -> Option<CodeAddr> {
    cursor.eat(b"[<")?;
    let (value, _) = cursor.hex()?;
    cursor.eat(b">]")?;
    Some(CodeAddr(value))
}

fn frame(place: Place<'_>, address: Option<CodeAddr>) -> FrameText<'_> {
    FrameText { place, address, reliability: Reliability::Reliable, aim: Aim::BehindCall }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, callee: &str, caller: &str, module: Option<&str>) {
        let Some(FrameLine::Call { callee: inner, caller: outer }) = parse(text.as_bytes()) else {
            panic!("{text}: not a call");
        };
        let name = |frame: FrameText<'_>| match frame.place {
            Place::Symbol(symbol) => String::from_utf8_lossy(symbol.function).into_owned(),
            Place::Bare(address) => format!("{address:x}"),
        };
        assert_eq!((name(inner).as_str(), name(outer).as_str()), (callee, caller), "{text}");
        if let Place::Symbol(symbol) = outer.place {
            assert_eq!(symbol.module, module.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn every_era_names_callee_and_caller() {
        check(
            "[<c0012378>] (dump_backtrace+0x0/0x114) from [<c03a0a5c>] (dump_stack+0x18/0x1c)",
            "dump_backtrace",
            "dump_stack",
            None,
        );
        check(
            "[<bf8d5f0c>] (htt_rx_ring_fill_n+0x0/0x108 [umac]) from [<bf8d6888>] (htt_rx_msdu+0x54/0x6c [umac])",
            "htt_rx_ring_fill_n",
            "htt_rx_msdu",
            Some("umac"),
        );
        check(
            "[<c0600bb8>] (start_kernel+0x0/0x46c) from [<00000000>] (0x0)",
            "start_kernel",
            "0",
            None,
        );
        check("Function entered at [<c0012378>] from [<c03a0a5c>]", "c0012378", "c03a0a5c", None);
        check(
            " leaky_rx_poll [leaky] from leaky_start+0x40/0xa10 [leaky]",
            "leaky_rx_poll",
            "leaky_start",
            Some("leaky"),
        );
    }

    #[test]
    fn prose_with_the_word_from_is_no_frame() {
        for text in [" packet from host", "Function entered", " a from b+0x1/0x2 now"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
