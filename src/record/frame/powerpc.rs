//! powerpc: stack pointer and address before the symbol, and interrupts between the frames.

use super::super::cursor::Cursor;
use super::symbol::Offset;
use super::{Aim, FrameLine, FrameText, Place, Reliability};
use crate::address::CodeAddr;
use crate::record::Mark;

// [c7cdbc60] [c0006d54] show_stack+0x48/0x150 (unreliable)
// [c000001fefdef800] [c000000000644278] dump_stack+0xec/0x144 (unreliable)
// [c000000004997480] [c0000000004db88c] .alloc_debug_processing+0x21c/0x230
// [c000000003a1fa10] [c000000000029b60] .return_to_handler+0x0/0x34 (.kthread+0xa0/0xb0)
pub(super) fn parse(text: &[u8]) -> Option<FrameLine<'_>> {
    let mut cursor = Cursor::new(text);
    bracketed(&mut cursor)?;
    cursor.eat(b" ")?;
    let mut address = Some(bracketed(&mut cursor)?);
    cursor.eat(b" ")?;
    let mut place = Place::eat(&mut cursor, Offset::Required)?;
    // The function graph tracer put its own address in place of the one in brackets.
    if let Some(traced) = replaced(&mut cursor) {
        (place, address) = (traced, None);
    }
    let reliability = match cursor.eat(b" (unreliable)") {
        Some(()) => Reliability::Unreliable,
        None => Reliability::Reliable,
    };
    cursor.eat_blanks();
    cursor.is_empty().then_some(FrameLine::One(FrameText {
        place,
        address,
        reliability,
        aim: Aim::BehindCall,
    }))
}

fn bracketed(cursor: &mut Cursor<'_>) -> Option<CodeAddr> {
    cursor.eat(b"[")?;
    let (value, digits) = cursor.hex()?;
    cursor.eat(b"]")?;
    (digits == 8 || digits == 16).then_some(CodeAddr(value))
}

fn replaced<'a>(cursor: &mut Cursor<'a>) -> Option<Place<'a>> {
    let mut ahead = *cursor;
    ahead.eat(b" (")?;
    let place = Place::eat(&mut ahead, Offset::Required)?;
    ahead.eat(b")")?;
    *cursor = ahead;
    Some(place)
}

/// What a line between two frames says of the exception that lies there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trap<'a> {
    /// What ends here, for an interrupt; an exception is the task's own.
    pub(crate) ends: Option<Mark>,
    /// Where it struck; absent when that was in user mode.
    pub(crate) place: Option<FrameText<'a>>,
}

// --- Exception: 501 at .cpu_idle+0x120/0x230        to 3.x
// --- interrupt: 500 at arch_local_irq_restore+0x74/0x90
// ---- interrupt: 900 at plpar_hcall_norets_notrace+0x18/0x2c        7.2
/// Reads the line of an interrupt or an exception. System calls are none.
pub(crate) fn trap(text: &[u8]) -> Option<Trap<'_>> {
    let (vector, mut cursor) = vector(text)?;
    if is_syscall_vector(vector) {
        return None;
    }
    cursor.eat(b" at ")?;
    let place = Place::eat(&mut cursor, Offset::Required)?;
    cursor.eat_blanks();
    let place = is_in_kernel(place).then_some(FrameText {
        place,
        address: None,
        reliability: Reliability::Reliable,
        aim: Aim::Instruction,
    });
    cursor.is_empty().then_some(Trap { ends: interrupt(vector), place })
}

// --- interrupt: c00 at 0x7fff8e4c2a38
// --- interrupt: 3000 at 0x101f6638
// --- interrupt: 3000                                 behind the registers
// --- interrupt: 0 at 0x0                             the end of a kernel thread
/// Whether a line of an exception only closes a register block or marks a stack's outer end.
pub(crate) fn is_syscall(text: &[u8]) -> bool {
    vector(text).is_some_and(|(vector, rest)| is_syscall_vector(vector) || rest.is_empty())
}

//     LR = .cpu_idle+0x118/0x230
/// Whether a line shows the link register at an exception, as kernels to 5.10 did.
pub(crate) fn is_link_register(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"    LR = ").is_some() && Place::eat(&mut cursor, Offset::Required).is_some()
}

fn vector(text: &[u8]) -> Option<(u64, Cursor<'_>)> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"---")?;
    cursor.eat(b"-");
    cursor.eat(b" interrupt: ").or_else(|| cursor.eat(b" Exception: "))?;
    let (vector, _) = cursor.hex()?;
    // Old kernels marked a partly saved register file in the lowest bits.
    Some((vector & !0xf, cursor))
}

fn is_syscall_vector(vector: u64) -> bool {
    matches!(vector, 0 | 0xc00 | 0x3000)
}

/// What an interrupt's vector ends: external interrupts, timers, doorbells; resets and machine
/// checks are not maskable.
fn interrupt(vector: u64) -> Option<Mark> {
    match vector {
        0x100 | 0x200 => Some(Mark::NmiEnd),
        0x500 | 0x900 | 0x980 | 0xa00 | 0xe80 | 0xea0 | 0xf00 | 0x1000 | 0x1010 | 0x2070
        | 0x2080 => Some(Mark::IrqEnd),
        _ => None,
    }
}

/// Without kallsyms only the address tells: the kernel has the upper part of the space.
fn is_in_kernel(place: Place<'_>) -> bool {
    match place {
        Place::Symbol(_) => true,
        Place::Bare(CodeAddr(at)) => (0xc000_0000..=0xffff_ffff).contains(&at) || at >> 63 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> FrameText<'_> {
        FrameLine::one(parse(text.as_bytes()), text)
    }

    fn function(frame: FrameText<'_>) -> &[u8] {
        match frame.place {
            Place::Symbol(symbol) => symbol.function,
            Place::Bare(_) => b"(bare)",
        }
    }

    #[test]
    fn the_second_number_is_the_code_address() {
        let wide =
            frame("[c000000004997480] [c0000000004db88c] alloc_debug_processing+0x21c/0x230");
        assert_eq!(wide.address, Some(CodeAddr(0xc000_0000_004d_b88c)));
        assert_eq!(wide.reliability, Reliability::Reliable);
        let narrow = frame("[c7cdbc60] [c0006d54] show_stack+0x48/0x150 (unreliable)");
        assert_eq!(narrow.address, Some(CodeAddr(0xc000_6d54)));
        assert_eq!(narrow.reliability, Reliability::Unreliable);
    }

    #[test]
    fn a_return_address_that_the_tracer_took_is_put_back() {
        let traced = frame(
            "[c000000003a1fa10] [c000000000029b60] .return_to_handler+0x0/0x34 (.kthread+0xa0/0xb0) (unreliable)",
        );
        assert_eq!(function(traced), b".kthread");
        assert_eq!((traced.address, traced.reliability), (None, Reliability::Unreliable));
    }

    #[test]
    fn interrupts_are_told_from_exceptions_in_all_four_spellings() {
        for (text, ends) in [
            ("--- Exception: 501 at .cpu_idle+0x120/0x230", Some(Mark::IrqEnd)),
            ("--- interrupt: 901 at arch_local_irq_restore+0x74/0x90", Some(Mark::IrqEnd)),
            ("--- interrupt: 900 at arch_local_irq_restore+0x74/0x90", Some(Mark::IrqEnd)),
            ("---- interrupt: 900 at plpar_hcall_norets_notrace+0x18/0x2c", Some(Mark::IrqEnd)),
            ("--- interrupt: 300 at __copy_tofrom_user_power7+0x1f4/0x7ac", None),
            ("--- interrupt: 100 at plpar_hcall_norets+0x14/0x20", Some(Mark::NmiEnd)),
        ] {
            let trap = trap(text.as_bytes()).expect(text);
            assert_eq!(trap.ends, ends, "{text}");
            assert!(trap.place.is_some(), "{text}");
        }
        let user = trap(b"--- interrupt: 900 at 0x7fff8e4c2a38").expect("interrupt");
        assert_eq!(user, Trap { ends: Some(Mark::IrqEnd), place: None });
    }

    #[test]
    fn the_user_end_of_a_stack_is_no_interrupt() {
        for text in [
            "--- interrupt: c00 at 0x7fff8e4c2a38",
            "--- Exception: c01 at 0xff5b3c8",
            "--- interrupt: 3000 at 0x101f6638",
            "---- interrupt: 3000",
            "--- interrupt: 0 at 0x0",
            "--- interrupt: 900",
        ] {
            assert!(is_syscall(text.as_bytes()), "{text}");
            assert_eq!(trap(text.as_bytes()), None, "{text}");
        }
        assert!(!is_syscall(b"--- interrupt: 900 at 0x1000"));
        assert!(!is_syscall(b"---[ end trace 0 ]---"));
        assert!(is_link_register(b"    LR = .cpu_idle+0x118/0x230"));
    }

    #[test]
    fn other_numbers_in_brackets_are_no_frames() {
        for text in
            ["[12345678] [c0006d54]", "[1234] [5678] a+0x1/0x2", "[c7cdbc60] show_stack+0x48/0x150"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
