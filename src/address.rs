//! The number spaces of a console log, each with a type of its own.
//!
//! An object's address, a code address and a line number are all integers; mixing two of them
//! up is the one mistake that passes every small test.

use std::fmt;

/// The address of a slab object as the kernel printed it.
///
/// From Linux 4.15 on `%p` may print a hash instead of the address (`lib/vsprintf.c`); the number
/// then still names the object within one boot, but says nothing about where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ObjectAddr(pub u64);

/// A place in kernel code as printed beside a symbol: a return address, except where a frame was
/// interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CodeAddr(pub u64);

/// Number of a line in the input, counted from 1 over all captures of one analysis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct LineNumber(pub u64);

/// What the kernel's `%p` printed for a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pointer {
    /// A number: the address, or its hash.
    Addr(ObjectAddr),
    /// A null pointer: zeros, `(null)`.
    Null,
    /// The kernel could not print it: `(____ptrval____)`, `(ptrval)`.
    Unprintable,
    /// The digits are incomplete: the line was cut.
    Torn,
}

impl Pointer {
    /// The number printed, where there is one.
    pub fn addr(self) -> Option<ObjectAddr> {
        match self {
            Pointer::Addr(addr) => Some(addr),
            Pointer::Null | Pointer::Unprintable | Pointer::Torn => None,
        }
    }
}

/// How many hexadecimal digits the kernel of a boot prints for a pointer: 8 or 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointerWidth {
    /// A 32-bit kernel.
    Bits32,
    /// A 64-bit kernel.
    Bits64,
}

impl PointerWidth {
    /// The number of hexadecimal digits.
    pub fn digits(self) -> usize {
        match self {
            PointerWidth::Bits32 => 8,
            PointerWidth::Bits64 => 16,
        }
    }
}

impl fmt::LowerHex for ObjectAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::LowerHex for CodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::Display for LineNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
