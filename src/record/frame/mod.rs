//! Lines of a backtrace, one file per family of shapes.
//!
//! | family | architectures |
//! | --- | --- |
//! | `linear` | x86, arm64, mips, riscv, s390 and all others that print one frame a line |
//! | `arm` | 32-bit arm: callee and caller on one line |
//!
//! A new architecture is a new file here, its example lines, and a line in [`FrameLine::parse`].

mod arm;
mod linear;
mod symbol;

pub use symbol::{Place, Symbol};

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

/// A frame as printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameText<'a> {
    /// Function or bare address.
    pub place: Place<'a>,
    /// The address printed beside the symbol; kernels from 4.10 on rarely print one.
    pub address: Option<CodeAddr>,
    /// Whether the unwinder vouches for it.
    pub reliability: Reliability,
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
}

impl<'a> FrameLine<'a> {
    /// Reads a line of a backtrace. The whole line must have the shape.
    pub fn parse(text: &'a [u8]) -> Option<FrameLine<'a>> {
        arm::parse(text).or_else(|| linear::parse(text))
    }
}
