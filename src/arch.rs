//! What names a kernel's architecture: functions and releases.

use crate::address::PointerWidth;

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

/// The architecture whose functions are known, if they are of one alone. A log may hold boots of
/// several machines.
pub(crate) fn by_functions(is_known: impl Fn(&str) -> bool) -> Option<&'static str> {
    let mut seen = ARCH_FUNCTIONS.iter().filter(|(function, _)| is_known(function));
    let &(_, first) = seen.next()?;
    seen.all(|&(_, arch)| arch == first).then_some(first)
}

// 6.1.0-50-amd64
// 6.1.0-50-armmp-lpae
// 5.14.0-362.el9.x86_64+debug
// 6.6.0-rc1-g5867abc              a commit, which may look like anything
/// The architecture that a release names.
pub(crate) fn by_release(release: &str) -> Option<&'static str> {
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
pub(crate) fn by_width(
    width: PointerWidth,
    is_known: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    let narrow = width == PointerWidth::Bits32;
    if is_known("dump_backtrace") {
        return narrow.then_some("arm");
    }
    let x86 =
        ["kernel_thread_helper", "apic_timer_interrupt", "__do_fast_syscall_32", "do_SYSENTER_32"];
    if x86.iter().any(|function| is_known(function)) {
        return Some(if narrow { "i386" } else { "x86_64" });
    }
    // powerpc has one too, and names itself in most releases.
    is_known("syscall_exit").then_some("parisc")
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
