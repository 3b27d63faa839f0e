//! Lines of a backtrace, one file per family of shapes.
//!
//! | family | architectures |
//! | --- | --- |
//! | `linear` | x86, arm64, mips, riscv, s390 and all others that print one frame a line |
//! | `arm` | 32-bit arm: callee and caller on one line |
//! | `powerpc` | stack pointer and address in front, and interrupts on lines of their own |
//! | `run` | several frames on one line: sparc32, and kernels that print bare addresses |
//! | `tile`, `hexagon` | shapes that only one architecture has |
//!
//! A new architecture is a new file here, its example lines, and a line in [`FrameLine::parse`].

mod arm;
mod hexagon;
mod linear;
mod powerpc;
mod run;
mod symbol;
mod tile;

pub(super) use powerpc::{is_link_register, is_syscall, trap};
pub use run::FrameRun;
pub(super) use symbol::eat_place;
pub use symbol::{Place, Symbol};

use super::cursor::Cursor;

use super::Mark;
use crate::address::CodeAddr;

/// Whether the unwinder vouches for a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reliability {
    /// The frame is part of the call chain.
    Reliable,
    /// A code address that merely lay on the stack: `?`, `(unreliable)`, s390's brackets.
    Unreliable,
}

/// What a frame's address or offset points at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Aim {
    /// Behind a call: where the callee returns to.
    BehindCall,
    /// At the instruction that an interrupt or an exception struck.
    Instruction,
}

/// A frame as printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameText<'a> {
    /// Function or bare address.
    pub place: Place<'a>,
    /// The address printed beside the symbol; kernels from 4.10 on rarely print one.
    pub address: Option<CodeAddr>,
    /// Whether the unwinder vouches for it.
    pub reliability: Reliability,
    /// What it points at.
    pub aim: Aim,
}

/// What one line of a backtrace says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameLine<'a> {
    /// One frame.
    One(FrameText<'a>),
    /// A frame behind a context marker on the same line, as x86 printed it to 4.9.
    Marked(Mark, FrameText<'a>),
    /// Two neighbouring frames, as 32-bit arm prints them.
    Call {
        /// The inner one: where execution was. Its offset is not known.
        callee: FrameText<'a>,
        /// The outer one, with the return address.
        caller: FrameText<'a>,
    },
    /// Any number of frames, innermost first.
    Run(FrameRun<'a>),
}

impl<'a> FrameLine<'a> {
    /// Reads a line of a backtrace. The whole line must have the shape.
    pub fn parse(text: &'a [u8]) -> Option<FrameLine<'a>> {
        match text {
            [b'[', b'0'..=b'9' | b'a'..=b'f', ..] => powerpc::parse(text)
                .or_else(|| FrameRun::parse(text).map(FrameLine::Run))
                .or_else(|| hexagon::parse(text)),
            [b' ', b' ', b'f', b'r', ..] => tile::parse(text).or_else(|| linear::parse(text)),
            _ => arm::parse(text)
                .or_else(|| linear::parse(text))
                .or_else(|| FrameRun::parse(text).map(FrameLine::Run)),
        }
    }
}

#[cfg(test)]
impl<'a> FrameLine<'a> {
    /// The frame that was read from `text`, which must be one alone.
    fn one(read: Option<FrameLine<'a>>, text: &str) -> FrameText<'a> {
        match read {
            Some(FrameLine::One(frame)) => frame,
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// What stands between a frame's brackets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bracketed {
    /// An address, or its hash.
    Address(CodeAddr),
    /// The kernel could not print it.
    Unprintable,
}

impl Bracketed {
    fn address(self) -> Option<CodeAddr> {
        match self {
            Bracketed::Address(address) => Some(address),
            Bracketed::Unprintable => None,
        }
    }
}

// [<c0012378>]
// [<(____ptrval____)>]        csky, openrisc, microblaze: through %p, so hashed from 4.15 on
/// Takes a bracketed address.
fn bracketed_address(cursor: &mut Cursor<'_>) -> Option<Bracketed> {
    let mut ahead = *cursor;
    ahead.eat(b"[<")?;
    ahead.eat_blanks();
    let address = if ahead.eat(b"(____ptrval____)").or_else(|| ahead.eat(b"(ptrval)")).is_some() {
        Bracketed::Unprintable
    } else {
        Bracketed::Address(CodeAddr(ahead.hex()?.0))
    };
    ahead.eat(b">]")?;
    *cursor = ahead;
    Some(address)
}
