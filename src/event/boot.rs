//! What a log says about each boot in it.

use super::Beginning;
use super::names::{NameId, Names};
use crate::address::{LineNumber, Pointer, PointerWidth};
use crate::record::TraceHeader;
use crate::time::{Clock, Stamp};

/// A log that begins this soon after the kernel begins with the boot.
const START_MICROS: i64 = 2_000_000;

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
    /// The hardware, as stack headers name it.
    pub hardware: Option<NameId>,
    /// How the kernel printed pointers.
    pub pointers: PointerEvidence,
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
            hardware: None,
            pointers: PointerEvidence::default(),
        }
    }

    /// Where its log begins.
    pub fn beginning(&self) -> Beginning {
        let is_start = |stamp: &Stamp| stamp.clock == Clock::Boot && stamp.micros < START_MICROS;
        if self.first_time.as_ref().is_some_and(is_start) {
            Beginning::Boot
        } else {
            Beginning::Later
        }
    }

    /// Takes note of a record.
    #[inline]
    pub(crate) fn see(&mut self, line: LineNumber, stamp: Option<Stamp>) {
        self.last_line = line;
        let Some(stamp) = stamp else { return };
        match self.first_time {
            // A recorder's clock dates lines that the kernel did not: the kernel's wins.
            Some(first) if first.clock == Clock::Boot && stamp.clock == Clock::Wall => {}
            Some(first) if first.clock == stamp.clock => self.last_time = Some(stamp),
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
    pub(crate) fn see(&mut self, header: &TraceHeader<'_>) {
        match header.object {
            Pointer::Addr(addr) => {
                self.printed += 1;
                self.wide += u64::from(addr.0 >> 32 != 0);
                self.odd += u64::from(!addr.0.is_multiple_of(4));
                self.narrow_digits += u64::from(header.digits == PointerWidth::Bits32.digits());
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

/// Functions that only one architecture has, and its name.
const ARCH_FUNCTIONS: [(&str, &str); 59] = [
    ("entry_SYSCALL_64_after_hwframe", "x86_64"),
    ("entry_SYSCALL_64_fastpath", "x86_64"),
    ("secondary_startup_64_no_verify", "x86_64"),
    ("system_call_fastpath", "x86_64"),
    ("x86_64_start_kernel", "x86_64"),
    ("asm_sysvec_apic_timer_interrupt", "x86_64"),
    ("do_SYSENTER_32", "i386"),
    ("entry_SYSENTER_32", "i386"),
    ("entry_INT80_32", "i386"),
    ("sysenter_do_call", "i386"),
    ("sysenter_past_esp", "i386"),
    ("i386_start_kernel", "i386"),
    ("do_el0_svc", "arm64"),
    ("el0_svc", "arm64"),
    ("el0_svc_naked", "arm64"),
    ("el1_irq", "arm64"),
    ("__primary_switched", "arm64"),
    ("ret_fast_syscall", "arm"),
    ("__irq_svc", "arm"),
    ("unwind_backtrace", "arm"),
    ("syscall_common", "mips"),
    ("plat_irq_dispatch", "mips"),
    ("handle_sys", "mips"),
    ("stack_done", "mips"),
    ("system_call_vectored_common", "powerpc"),
    ("system_call_exception", "powerpc"),
    ("ret_from_except", "powerpc"),
    ("call_do_softirq", "powerpc"),
    (".call_do_softirq", "powerpc"),
    (".kthread", "powerpc"),
    ("do_trap_ecall_u", "riscv"),
    ("handle_riscv_irq", "riscv"),
    ("riscv_intc_irq", "riscv"),
    ("ext_int_handler", "s390"),
    ("ext_skip", "s390"),
    ("io_skip", "s390"),
    ("sysc_nr_ok", "s390"),
    ("sysc_noemu", "s390"),
    ("sysc_tracego", "s390"),
    ("psw_idle_exit", "s390"),
    ("linux_sparc_syscall32", "sparc64"),
    ("linux_sparc_syscall", "sparc64"),
    ("tl0_irq14", "sparc64"),
    ("real_irq_continue", "sparc"),
    ("syscall_is_too_hard", "sparc"),
    ("entSys", "alpha"),
    ("entInt", "alpha"),
    ("ia64_ret_from_syscall", "ia64"),
    ("ia64_handle_irq", "ia64"),
    ("syscall_exit", "parisc"),
    ("do_cpu_irq_mask", "parisc"),
    ("csky_irq", "csky"),
    ("csky_systemcall", "csky"),
    ("handle_vint", "loongarch"),
    ("do_vint", "loongarch"),
    ("fork_handler", "um"),
    ("EV_Trap", "arc"),
    ("auto_irqhandler_fixup", "m68k"),
    ("_external_irq_handler", "openrisc"),
];

/// The architecture of a kernel, from its release name or from functions in its backtraces.
pub fn arch(
    kernel: Option<NameId>,
    width: Option<PointerWidth>,
    names: &Names,
) -> Option<&'static str> {
    const RELEASES: [(&str, &str); 22] = [
        ("amd64", "x86_64"),
        ("x86_64", "x86_64"),
        ("arm64", "arm64"),
        ("aarch64", "arm64"),
        ("armmp", "arm"),
        ("armv7", "arm"),
        ("marvell", "arm"),
        ("686", "i386"),
        ("586", "i386"),
        ("powerpc", "powerpc"),
        ("ppc64", "powerpc"),
        ("riscv", "riscv"),
        ("s390x", "s390"),
        ("malta", "mips"),
        ("loongson-3", "mips"),
        ("octeon", "mips"),
        ("sparc64", "sparc64"),
        ("parisc", "parisc"),
        ("alpha", "alpha"),
        ("ia64", "ia64"),
        ("m68k", "m68k"),
        ("loong64", "loongarch"),
    ];
    let release = kernel.map_or("", |name| names.text(name));
    if let Some((_, arch)) = RELEASES.iter().find(|(part, _)| release.contains(part)) {
        return Some(arch);
    }
    let found =
        ARCH_FUNCTIONS.iter().find(|(function, _)| names.is_known(function)).map(|&(_, arch)| arch);
    found.or_else(|| by_width(width?, names))
}

/// The architecture by functions that its 32-bit and 64-bit kernels share.
fn by_width(width: PointerWidth, names: &Names) -> Option<&'static str> {
    let narrow = width == PointerWidth::Bits32;
    if names.is_known("dump_backtrace") {
        return narrow.then_some("arm");
    }
    let x86 = ["kernel_thread_helper", "apic_timer_interrupt", "__do_fast_syscall_32"];
    x86.iter().any(|function| names.is_known(function)).then_some(if narrow {
        "i386"
    } else {
        "x86_64"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(addresses: &[u64]) -> PointerStyle {
        let mut evidence = PointerEvidence::default();
        for address in addresses {
            let text = format!("TRACE a alloc 0x{address:016x} inuse=1 fp=0x0000000000000000");
            evidence.see(&TraceHeader::parse(text.as_bytes()).expect("header"));
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
}
