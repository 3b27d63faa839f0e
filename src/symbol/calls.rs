//! Whether an instruction that ends at a place is a call: what a return address must follow.

use object::Architecture;

/// What the bytes before a place say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Before {
    /// They may be a call.
    Call,
    /// They are none.
    NoCall,
    /// This architecture's calls are not known here.
    Unknown,
}

/// How many bytes [`before`] wants to see.
pub(super) const LONGEST: usize = 7;

/// Tells whether `code` may end with a call.
pub(super) fn before(machine: Architecture, code: &[u8]) -> Before {
    let found = match machine {
        Architecture::X86_64 | Architecture::I386 => is_x86_call(code),
        Architecture::Aarch64 => is_arm64_call(code),
        _ => return Before::Unknown,
    };
    if found { Before::Call } else { Before::NoCall }
}

/// What the call at the end of `code` calls, if it says so itself. `behind` is the address of what
/// follows it.
pub(super) fn target(machine: Architecture, code: &[u8], behind: u64) -> Option<u64> {
    match machine {
        Architecture::X86_64 => {
            let &[0xe8, a, b, c, d] = code.last_chunk()? else { return None };
            Some(behind.wrapping_add_signed(i64::from(i32::from_le_bytes([a, b, c, d]))))
        }
        Architecture::Aarch64 => {
            let instruction = u32::from_le_bytes(*code.last_chunk()?);
            // 26 bits count instructions, and the uppermost is the sign.
            let words = i64::from((instruction << 6).cast_signed() >> 6);
            let is_call = instruction & 0xfc00_0000 == 0x9400_0000;
            is_call.then(|| behind.wrapping_sub(4).wrapping_add_signed(words * 4))
        }
        _ => None,
    }
}

// e8 xx xx xx xx        call near
// ff d0                 call *%rax; with an operand in memory two to seven bytes
fn is_x86_call(code: &[u8]) -> bool {
    let from_end = |distance: usize| code.len().checked_sub(distance).and_then(|at| code.get(at..));
    let is_near = matches!(from_end(5), Some([0xe8, ..]));
    let is_indirect = (2..=LONGEST).any(
        |length| matches!(from_end(length), Some([0xff, operand, ..]) if operand & 0x38 == 0x10),
    );
    is_near || is_indirect
}

// bl    100101 and 26 bits
// blr   1101011000111111000000 and a register
fn is_arm64_call(code: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = code.last_chunk::<4>() else { return false };
    let instruction = u32::from_le_bytes([a, b, c, d]);
    instruction & 0xfc00_0000 == 0x9400_0000 || instruction & 0xffff_fc1f == 0xd63f_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_call_tells_its_target() {
        let x86 = |code: &[u8]| target(Architecture::X86_64, code, 0x1000);
        assert_eq!(x86(&[0x90, 0xe8, 0x10, 0, 0, 0]), Some(0x1010));
        assert_eq!(x86(&[0xe8, 0xf0, 0xff, 0xff, 0xff]), Some(0xff0));
        assert_eq!(x86(&[0, 0, 0, 0xff, 0xd0]), None, "by a pointer");
        assert_eq!(x86(&[0xe8]), None);
        let arm64 = |word: u32| target(Architecture::Aarch64, &word.to_le_bytes(), 0x1000);
        assert_eq!(arm64(0x9400_0002), Some(0x1004));
        assert_eq!(arm64(0x97ff_ffff), Some(0xff8));
        assert_eq!(arm64(0xd63f_0100), None, "blr");
    }

    #[test]
    fn calls_are_told_from_other_instructions() {
        let x86 = |code: &[u8]| before(Architecture::X86_64, code);
        assert_eq!(x86(&[0x90, 0xe8, 1, 2, 3, 4]), Before::Call);
        assert_eq!(x86(&[0xff, 0xd0]), Before::Call, "call *%rax");
        assert_eq!(x86(&[0xff, 0x15, 1, 2, 3, 4]), Before::Call, "call *0x4030201(%rip)");
        assert_eq!(x86(&[0xff, 0xe0]), Before::NoCall, "jmp *%rax");
        assert_eq!(x86(&[0x90; 7]), Before::NoCall);
        assert_eq!(x86(&[]), Before::NoCall);
        let arm64 = |instruction: u32| before(Architecture::Aarch64, &instruction.to_le_bytes());
        assert_eq!(arm64(0x9400_0010), Before::Call);
        assert_eq!(arm64(0xd63f_0100), Before::Call);
        assert_eq!(arm64(0x1400_0010), Before::NoCall, "b");
        assert_eq!(before(Architecture::Mips, &[0; 8]), Before::Unknown);
    }
}
