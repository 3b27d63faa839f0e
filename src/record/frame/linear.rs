//! One frame a line: the shape of every architecture but 32-bit arm.

use super::super::cursor::Cursor;
use super::symbol::Offset;
use super::{Aim, Bracketed, FrameLine, FrameText, Place, Reliability, bracketed_address};
use crate::address::CodeAddr;
use crate::record::Mark;

/// Frames are set in by at most this many blanks. Deeper ones belong to other lists of
/// addresses: kmemleak reports (4), `alloc_traces` (8), the tracks of slab reports (a tab).
const INDENT_MAX: usize = 3;

//  [<ffffffff8028fe60>] kmem_cache_alloc+0x60/0x90         x86, 2.6.24
//  <IRQ>  [<ffffffff8101f1b8>] dump_trace+0x88/0x390       x86 to 4.9
//  [<c10aef47>] ? __slab_alloc+0x57/0xa0 [ext3]
//  dump_stack_lvl+0x44/0x5c                                x86 from 4.10, arm64
//  ? 0xffffffffc00b9000                                    code of a module that is gone
//  el1h_64_irq+0x64/0x68 (P)                               arm64 from 6.13
//  [<ffffffc000088dd4>] dump_backtrace+0x0/0x15c           arm64 to 4.9
// [<8213be6c>] show_stack+0x70/0x164                       mips, riscv, loongarch, csky
//  [<0000000000a2206a>] dump_stack_lvl+0x62/0x88           s390, a blank at the end
// ([<0000000000a2236a>] arch_cpu_idle+0x3a/0xc8)           s390, unreliable
//  [0000000000456a80] dump_stack+0x20/0x40                 sparc64
// dump_stack+0x10/0x20 ]                                   sparc32 from 4.9 on, its address on the line before
pub(super) fn parse(text: &[u8]) -> Option<FrameLine<'_>> {
    let mut cursor = Cursor::new(text);
    if cursor.eat_blanks() > INDENT_MAX {
        return None;
    }
    let mark = leading_mark(&mut cursor);
    let bracketed = cursor.eat(b"(").is_some();
    let mut address = None;
    if cursor.peek() == Some(b'[') {
        address = bracketed_address(&mut cursor).or_else(|| sparc_address(&mut cursor))?.address();
        cursor.eat(b" ")?;
        cursor.eat_blanks();
    }
    let doubted = cursor.eat(b"? ").is_some();
    let place = Place::eat(&mut cursor, Offset::Required)?;
    if bracketed {
        cursor.eat(b")")?;
    }
    let aim = source_flags(&mut cursor);
    cursor.eat_blanks();
    cursor.eat(b"]");
    cursor.eat_blanks();
    if !cursor.is_empty() || !is_plausible(place, address, doubted) {
        return None;
    }
    let reliability =
        if bracketed || doubted { Reliability::Unreliable } else { Reliability::Reliable };
    let frame = FrameText { place, address, reliability, aim };
    Some(mark.map_or(FrameLine::One(frame), |mark| FrameLine::Marked(mark, frame)))
}

/// A bare number on a line of its own is a frame only with something to show for it.
fn is_plausible(place: Place<'_>, address: Option<CodeAddr>, doubted: bool) -> bool {
    match place {
        Place::Symbol(_) => true,
        Place::Bare(bare) => address.is_some() || doubted || bare.0 > u64::from(u16::MAX),
    }
}

/// sparc64 prints its addresses at full width between plain brackets.
fn sparc_address(cursor: &mut Cursor<'_>) -> Option<Bracketed> {
    cursor.eat(b"[")?;
    let (value, digits) = cursor.hex()?;
    cursor.eat(b"]")?;
    (digits == 16).then_some(Bracketed::Address(CodeAddr(value)))
}

fn leading_mark(cursor: &mut Cursor<'_>) -> Option<Mark> {
    let mut ahead = *cursor;
    let (mark, taken) = Mark::leading(ahead.rest())?;
    ahead.take(taken)?;
    if ahead.eat_blanks() == 0 || ahead.is_empty() {
        return None;
    }
    *cursor = ahead;
    Some(mark)
}

/// arm64 from 6.13 tells in brackets where a frame came from: `(P)`, `(C)`, `(CF)`. `P` is the
/// program counter of interrupted registers.
fn source_flags(cursor: &mut Cursor<'_>) -> Aim {
    let mut ahead = *cursor;
    if ahead.eat(b" (").is_none() {
        return Aim::BehindCall;
    }
    let flags = ahead.eat_while(|byte| byte.is_ascii_uppercase());
    if (1..=4).contains(&flags.len()) && ahead.eat(b")").is_some() {
        *cursor = ahead;
        return if flags.contains(&b'P') { Aim::Instruction } else { Aim::BehindCall };
    }
    Aim::BehindCall
}

#[cfg(test)]
mod tests {
    use super::super::Symbol;
    use super::*;

    fn frame(text: &str) -> FrameText<'_> {
        FrameLine::one(parse(text.as_bytes()), text)
    }

    fn symbol(text: &str) -> Symbol<'_> {
        match frame(text).place {
            Place::Symbol(symbol) => symbol,
            Place::Bare(_) => panic!("{text}: no symbol"),
        }
    }

    #[test]
    fn a_frame_has_function_offset_size_and_module() {
        let text =
            " leaky_rx_buf.constprop.0+0xe/0x10 [leaky 8ccbaffd9b4dd0b5cd41d373472384777eb5c5fd]";
        let symbol = symbol(text);
        assert_eq!(symbol.function, b"leaky_rx_buf.constprop.0");
        assert_eq!((symbol.offset, symbol.size), (Some(0xe), Some(0x10)));
        assert_eq!(symbol.module, Some(&b"leaky"[..]));
        assert_eq!(symbol.build_id.map(<[u8]>::len), Some(40));
    }

    #[test]
    fn doubt_and_addresses_are_kept() {
        assert_eq!(frame(" ? kthread+0x31/0x110").reliability, Reliability::Unreliable);
        assert_eq!(
            frame("([<0000000000a2236a>] arch_cpu_idle+0x3a/0xc8)").reliability,
            Reliability::Unreliable
        );
        assert_eq!(
            frame(" [<0000000000a2206a>] dump_stack_lvl+0x62/0x88 ").address,
            Some(CodeAddr(0xa2_206a))
        );
        assert_eq!(frame("[<8008a038>] 0x8008a038").place, Place::Bare(CodeAddr(0x8008_a038)));
    }

    #[test]
    fn old_x86_puts_module_and_context_in_front() {
        assert_eq!(
            symbol(" [<ffffffff8817f3e0>] :ext3:ext3_fill_super+0x10/0x20").module,
            Some(&b"ext3"[..])
        );
        let text = b" <IRQ>  [<ffffffff8101f1b8>] ? dump_trace+0x88/0x390";
        assert!(
            matches!(parse(text), Some(FrameLine::Marked(Mark::Irq, frame)) if frame.address.is_some())
        );
    }

    #[test]
    fn other_lists_of_addresses_are_no_backtrace() {
        for text in [
            "\tkmem_cache_alloc+0x10/0x20",
            "    [<00000000dce2d1d0>] kmem_cache_alloc_trace+0x140/0x270",
            "        leaky_rx_buf+0xe/0x10 [leaky]",
            " 0x10",
            "note",
            " some words",
            "leaky: start+0x1/0x2 and more",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn one_frame_a_line_is_read_on_every_architecture() {
        for (text, function, address) in [
            (
                " [<ffffffff8028fe60>] kmem_cache_alloc+0x60/0x90",
                "kmem_cache_alloc",
                Some(0xffff_ffff_8028_fe60),
            ),
            (" [<c10aef47>] ? __slab_alloc+0x57/0xa0 [ext3]", "__slab_alloc", Some(0xc10a_ef47)),
            (
                " [<ffffffc000088dd4>] dump_backtrace+0x0/0x15c",
                "dump_backtrace",
                Some(0xffff_ffc0_0008_8dd4),
            ),
            ("[<8213be6c>] show_stack+0x70/0x164", "show_stack", Some(0x8213_be6c)),
            (
                "[<ffffffff80006f7c>] dump_backtrace+0x28/0x30",
                "dump_backtrace",
                Some(0xffff_ffff_8000_6f7c),
            ),
            (" [0000000000456a80] dump_stack+0x20/0x40", "dump_stack", Some(0x45_6a80)),
            (" [<8c00c5d2>] dump_stack+0x12/0x20", "dump_stack", Some(0x8c00_c5d2)),
            (" [<10110aa0>] show_stack+0x18/0x28", "show_stack", Some(0x1011_0aa0)),
            (
                "[<fffffc0000315d40>] __slab_alloc+0x1c0/0x3a0",
                "__slab_alloc",
                Some(0xffff_fc00_0031_5d40),
            ),
            (
                " [<a000000100012a00>] show_stack+0x40/0xa0",
                "show_stack",
                Some(0xa000_0001_0001_2a00),
            ),
            (" [<d0003e1c>] dump_stack+0x20/0x28", "dump_stack", Some(0xd000_3e1c)),
            (
                "[<9000000000223d80>] show_stack+0x5c/0x180",
                "show_stack",
                Some(0x9000_0000_0022_3d80),
            ),
            ("  show_stacktrace+0x0/0x20", "show_stacktrace", None),
            ("[<(ptrval)>] dump_stack+0x8c/0xc4", "dump_stack", None),
            ("[<(____ptrval____)>] ? dump_stack+0x8c/0xc4", "dump_stack", None),
            ("dump_stack+0x10/0x20 ] ", "dump_stack", None),
            (" [<000000006005a1b4>] ? dump_stack+0x2a/0x30", "dump_stack", Some(0x6005_a1b4)),
        ] {
            assert_eq!(symbol(text).function, function.as_bytes(), "{text}");
            assert_eq!(frame(text).address, address.map(CodeAddr), "{text}");
        }
    }

    #[test]
    fn names_of_rust_and_of_compilers_stay_whole() {
        for name in [
            "_RNvMs_NtCs1_4leak3bufNtB4_3Buf3new",
            "_ZN4core3ptr13drop_in_place17h0123456789abcdefE",
            "__slab_alloc.isra.50.constprop.56",
            "foo.llvm.1234567890",
            "bar.lto_priv.0",
            "T.1037",
            "__pfx_worker_thread",
            "._raw_spin_lock",
        ] {
            let text = format!(" {name}+0x12/0x34 [leaky]");
            assert_eq!(symbol(&text).function, name.as_bytes(), "{text}");
        }
    }

    #[test]
    fn arm64_source_flags_are_no_part_of_the_name() {
        assert_eq!(symbol(" el1h_64_irq+0x64/0x68 (P)").function, b"el1h_64_irq");
        assert_eq!(frame(" el1h_64_irq+0x64/0x68 (P)").aim, Aim::Instruction);
        assert_eq!(frame(" el1h_64_irq+0x64/0x68 (C)").aim, Aim::BehindCall);
        assert_eq!(symbol(" foo+0x64/0x68 [bar] (CF)").module, Some(&b"bar"[..]));
    }
}
