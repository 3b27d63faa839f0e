//! What a log says about each boot in it.

use super::Beginning;
use super::names::{NameId, Names};
use crate::address::{LineNumber, Pointer, PointerWidth};
use crate::lex::Header;
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
    /// The kernel's build id.
    pub build_id: Option<NameId>,
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
            build_id: None,
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
    pub(crate) fn see(&mut self, header: &Header) {
        match header.object {
            Pointer::Addr(addr) => {
                self.printed += 1;
                self.wide += u64::from(addr.0 >> 32 != 0);
                self.odd += u64::from(!addr.0.is_multiple_of(4));
                self.narrow_digits +=
                    u64::from(usize::from(header.digits) == PointerWidth::Bits32.digits());
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
const ARCH_FUNCTIONS: [(&str, &str); 57] = [
    ("entry_SYSCALL_64_after_hwframe", "x86_64"),
    ("entry_SYSCALL_64_fastpath", "x86_64"),
    ("secondary_startup_64_no_verify", "x86_64"),
    ("system_call_fastpath", "x86_64"),
    ("x86_64_start_kernel", "x86_64"),
    ("asm_sysvec_apic_timer_interrupt", "x86_64"),
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

/// Words of release names, as distributions add them, and their architectures. Each is one or
/// more whole parts of the name.
const ARCH_RELEASES: [(&str, &str); 31] = [
    ("amd64", "x86_64"),
    ("x86_64", "x86_64"),
    ("arm64", "arm64"),
    ("aarch64", "arm64"),
    ("armmp", "arm"),
    ("armv7", "arm"),
    ("armv7l", "arm"),
    ("armv7hl", "arm"),
    ("marvell", "arm"),
    ("i686", "i386"),
    ("686", "i386"),
    ("i586", "i386"),
    ("586", "i386"),
    ("powerpc", "powerpc"),
    ("powerpc64", "powerpc"),
    ("powerpc64le", "powerpc"),
    ("ppc64", "powerpc"),
    ("ppc64le", "powerpc"),
    ("riscv", "riscv"),
    ("riscv64", "riscv"),
    ("s390x", "s390"),
    ("malta", "mips"),
    ("loongson-3", "mips"),
    ("octeon", "mips"),
    ("sparc64", "sparc64"),
    ("parisc", "parisc"),
    ("parisc64", "parisc"),
    ("alpha", "alpha"),
    ("ia64", "ia64"),
    ("m68k", "m68k"),
    ("loong64", "loongarch"),
];

/// The architecture of a kernel: from functions in its backtraces that only one has, from its
/// release name, or from functions that two share and the width of its pointers.
pub fn arch(
    kernel: Option<NameId>,
    width: Option<PointerWidth>,
    names: &Names,
) -> Option<&'static str> {
    let release = kernel.map_or("", |name| names.text(name));
    let by_function = arch_of(|function| names.is_known(function));
    by_function.or_else(|| by_release(release)).or_else(|| by_width(width?, names))
}

/// The architecture whose functions are known, if they are of one alone. A log may hold boots of
/// several machines.
pub(crate) fn arch_of(is_known: impl Fn(&str) -> bool) -> Option<&'static str> {
    let mut seen = ARCH_FUNCTIONS.iter().filter(|(function, _)| is_known(function));
    let &(_, first) = seen.next()?;
    seen.all(|&(_, arch)| arch == first).then_some(first)
}

// 6.1.0-50-amd64
// 6.1.0-50-armmp-lpae
// 5.14.0-362.el9.x86_64+debug
// 6.6.0-rc1-g5867abc              a commit, which may look like anything
/// The architecture that a release names.
fn by_release(release: &str) -> Option<&'static str> {
    let parts: Vec<&str> = release.split(is_separator).filter(|part| !is_commit(part)).collect();
    let named = |(word, _): &&(&str, &str)| {
        let word: Vec<&str> = word.split(is_separator).collect();
        parts.windows(word.len()).any(|window| window == word)
    };
    ARCH_RELEASES.iter().find(named).map(|&(_, arch)| arch)
}

fn is_separator(character: char) -> bool {
    matches!(character, '-' | '.' | '_' | '+')
}

/// Whether a part of a release is the commit that it was built from.
fn is_commit(part: &str) -> bool {
    part.strip_prefix('g').is_some_and(|commit| {
        commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The architecture by functions that its 32-bit and 64-bit kernels share.
fn by_width(width: PointerWidth, names: &Names) -> Option<&'static str> {
    let narrow = width == PointerWidth::Bits32;
    if names.is_known("dump_backtrace") {
        return narrow.then_some("arm");
    }
    let x86 =
        ["kernel_thread_helper", "apic_timer_interrupt", "__do_fast_syscall_32", "do_SYSENTER_32"];
    if x86.iter().any(|function| names.is_known(function)) {
        return Some(if narrow { "i386" } else { "x86_64" });
    }
    // powerpc has one too, and names itself in most releases.
    names.is_known("syscall_exit").then_some("parisc")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TraceHeader;

    fn style(addresses: &[u64]) -> PointerStyle {
        let cache = Names::default().intern(b"a");
        let mut evidence = PointerEvidence::default();
        for address in addresses {
            let text = format!("TRACE a alloc 0x{address:016x} inuse=1 fp=0x0000000000000000");
            let header = TraceHeader::parse(text.as_bytes()).expect("header");
            evidence.see(&Header::new(&header, cache, 0));
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
    fn a_release_names_its_architecture_in_whole_words() {
        for (release, arch) in [
            ("6.1.0-50-amd64", Some("x86_64")),
            ("5.14.0-362.8.1.el9_3.x86_64", Some("x86_64")),
            ("5.14.0-362.el9.x86_64+debug", Some("x86_64")),
            ("6.1.0-50-armmp-lpae", Some("arm")),
            ("6.1.0-50-686-pae", Some("i386")),
            ("6.1.0-50-powerpc64le", Some("powerpc")),
            ("6.1.0-50-4kc-malta", Some("mips")),
            ("6.1.0-50-loongson-3", Some("mips")),
            ("6.1.0-50-alpha-smp", Some("alpha")),
            ("6.6.0-rc1-g5867abc", None),
            ("6.6.0-rc1-00586-g686586a", None),
            ("6.6.0-alpha1", None),
            ("6.1.0-1586", None),
        ] {
            assert_eq!(by_release(release), arch, "{release}");
        }
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
