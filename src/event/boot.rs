//! What a log says about each boot in it.

use super::Beginning;
use super::names::{NameId, Names};
use crate::address::{LineNumber, Pointer, PointerWidth};
use crate::arch;
use crate::time::{Clock, Stamp};

/// A log that begins this soon after the kernel begins with the boot.
pub(crate) const BOOT_START_MICROS: i64 = 2_000_000;

/// Clocks of CPUs, and of those who write a log, disagree by less.
pub(crate) const SKEW_MICROS: i64 = 1_000_000;

const HALF_YEAR_MICROS: i64 = 183 * 24 * 3600 * 1_000_000;

/// One boot.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Its first line.
    pub first_line: LineNumber,
    /// Its last line.
    pub last_line: LineNumber,
    /// The first time in it.
    pub first_time: Option<Stamp>,
    /// The last time in it.
    pub last_time: Option<Stamp>,
    /// The kernel release.
    pub kernel: Option<NameId>,
    /// The kernel's build id.
    pub build_id: Option<NameId>,
    /// The hardware, as stack headers name it.
    pub hardware: Option<NameId>,
    /// How the kernel printed pointers.
    pub pointers: PointerEvidence,
    /// Whether the recorder's clock, where there is no other, was set back.
    pub is_set_back: bool,
}

impl Boot {
    /// A boot that begins at `line`.
    pub fn new(line: LineNumber) -> Boot {
        Boot {
            first_line: line,
            last_line: line,
            first_time: None,
            last_time: None,
            kernel: None,
            build_id: None,
            hardware: None,
            pointers: PointerEvidence::default(),
            is_set_back: false,
        }
    }

    /// Where its log begins.
    pub fn beginning(&self) -> Beginning {
        let is_start =
            |stamp: &Stamp| stamp.clock == Clock::Boot && stamp.micros < BOOT_START_MICROS;
        if self.first_time.as_ref().is_some_and(is_start) {
            Beginning::Boot
        } else {
            Beginning::Later
        }
    }

    /// The first and the last time in it.
    pub fn times(&self) -> Option<(Stamp, Stamp)> {
        self.first_time.zip(self.last_time)
    }

    /// Whether a time is earlier than the one before it. Where that is by more than half a year, a
    /// date without a year has passed the end of one.
    fn is_earlier(&self, stamp: Stamp) -> bool {
        let last = self.last_time.map_or(stamp.micros, |last| last.micros);
        (SKEW_MICROS..HALF_YEAR_MICROS).contains(&last.saturating_sub(stamp.micros))
    }

    /// Takes note of a record.
    #[inline]
    pub(crate) fn see(&mut self, line: LineNumber, stamp: Option<Stamp>) {
        self.last_line = line;
        let Some(stamp) = stamp else { return };
        match self.first_time {
            // A recorder's clock dates lines that the kernel did not: the kernel's wins.
            Some(first) if first.clock == Clock::Boot && stamp.clock == Clock::Wall => {}
            Some(first) if first.clock == stamp.clock => {
                self.is_set_back |= stamp.clock == Clock::Wall && self.is_earlier(stamp);
                self.last_time = Some(stamp);
            }
            _ => (self.first_time, self.last_time) = (Some(stamp), Some(stamp)),
        }
    }
}

/// What the kernel does to pointers before it prints them (`lib/vsprintf.c`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointerStyle {
    /// They are addresses.
    Raw,
    /// They are hashes: equal pointers print equal within a boot, and nothing else holds.
    Hashed,
    /// They are `(____ptrval____)`: the kernel had no random key yet.
    Unprintable,
    /// Too few were seen.
    Unknown,
}

impl PointerStyle {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            PointerStyle::Raw => "raw",
            PointerStyle::Hashed => "hashed",
            PointerStyle::Unprintable => "unprintable",
            PointerStyle::Unknown => "unknown",
        }
    }
}

/// Counts that tell the style of a boot's pointers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PointerEvidence {
    printed: u64,
    unprintable: u64,
    /// Numbers with something in their upper 32 bits. A hash has 32 bits.
    wide: u64,
    /// Numbers that are no multiple of 4. Objects are; three hashes in four are not.
    odd: u64,
    narrow_digits: u64,
}

/// So many numbers without an odd one among them are addresses: the odds of as many hashes are
/// one in four to this power.
const ALIGNED_MIN: u64 = 6;

impl PointerEvidence {
    /// Takes note of an object's pointer, which was printed with so many digits.
    pub(crate) fn see(&mut self, object: Pointer, digits: u8) {
        match object {
            Pointer::Addr(addr) => {
                self.printed += 1;
                self.wide += u64::from(addr.0 >> 32 != 0);
                self.odd += u64::from(!addr.0.is_multiple_of(4));
                self.narrow_digits +=
                    u64::from(usize::from(digits) == PointerWidth::Bits32.digits());
            }
            Pointer::Unprintable => self.unprintable += 1,
            Pointer::Null | Pointer::Torn => {}
        }
    }

    /// The style that the evidence shows.
    pub fn style(&self) -> PointerStyle {
        // A damaged digit or two must not turn the verdict.
        let few = self.printed / 50;
        if self.unprintable > self.printed {
            PointerStyle::Unprintable
        } else if self.wide > few {
            PointerStyle::Raw
        } else if self.odd > few {
            PointerStyle::Hashed
        } else if self.printed >= ALIGNED_MIN {
            PointerStyle::Raw
        } else {
            PointerStyle::Unknown
        }
    }

    /// The width that most numbers were printed with.
    pub fn width(&self) -> Option<PointerWidth> {
        match self.printed {
            0 => None,
            printed if self.narrow_digits * 2 > printed => Some(PointerWidth::Bits32),
            _ => Some(PointerWidth::Bits64),
        }
    }
}

/// The architecture of a kernel: from functions in its backtraces that only one has, from its
/// release name, or from functions that two share and the width of its pointers.
pub fn arch(
    kernel: Option<NameId>,
    width: Option<PointerWidth>,
    names: &Names,
) -> Option<&'static str> {
    let release = kernel.map_or("", |name| names.text(name));
    let by_function = arch::by_functions(|function| names.is_known(function));
    by_function
        .or_else(|| arch::by_release(release))
        .or_else(|| arch::by_width(width?, |function| names.is_known(function)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ObjectAddr;

    fn style(addresses: &[u64]) -> PointerStyle {
        let mut evidence = PointerEvidence::default();
        for address in addresses {
            evidence.see(Pointer::Addr(ObjectAddr(*address)), 16);
        }
        evidence.style()
    }

    #[test]
    fn hashes_are_told_by_their_width_and_their_low_bits() {
        assert_eq!(style(&[0xffff_8da3_2ff3_b640]), PointerStyle::Raw);
        assert_eq!(style(&[0x678b_4d3e, 0xf16e_e92a]), PointerStyle::Hashed);
        assert_eq!(style(&[0x2ab_e000; 6]), PointerStyle::Raw, "s390 has low addresses");
        assert_eq!(style(&[0x2ab_e000]), PointerStyle::Unknown);
    }

    #[test]
    fn functions_are_believed_before_the_release_unless_they_disagree() {
        let names = Names::default();
        let kernel = Some(names.intern(b"6.1.0-amd64"));
        names.intern(b"ret_fast_syscall");
        assert_eq!(arch(kernel, None, &names), Some("arm"));
        let of_32_bit_programs = Names::default();
        of_32_bit_programs.intern(b"do_SYSENTER_32");
        let width = |bits| arch(None, Some(bits), &of_32_bit_programs);
        assert_eq!(width(PointerWidth::Bits64), Some("x86_64"));
        assert_eq!(width(PointerWidth::Bits32), Some("i386"));
        names.intern(b"plat_irq_dispatch");
        assert_eq!(arch(kernel, None, &names), Some("x86_64"), "boots of two machines");
    }
}
