//! What a function's name says about a frame: allocator, debug plumbing, interrupt entry.
//!
//! Names are compared without their compiler suffixes (`.isra.0`, `.cold`, `.constprop.0`) and
//! without `_noprof`, which memory allocation profiling adds from 6.10 on.

use crate::record::Op;

/// What a function is to SLUB tracing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Plumbing {
    /// Prints the stack: the top of every event's backtrace.
    Dump,
    /// Part of the slab allocator's way to an allocation or a free.
    Slab(Op),
    /// A wrapper above the allocator that serves both or neither way.
    Wrapper,
}

/// A function's name without what compilers and builds add to it.
pub(crate) fn base_name(function: &str) -> &str {
    let function = function.strip_prefix('.').unwrap_or(function);
    let end = memchr::memchr(b'.', function.as_bytes()).unwrap_or(function.len());
    let function = &function[..end];
    function.strip_suffix("_noprof").unwrap_or(function)
}

/// Whether a frame at the top of a backtrace belongs to the allocator or to its debugging.
pub(crate) fn plumbing(function: &str) -> Option<Plumbing> {
    let base = base_name(function);
    if is_dump(base) {
        Some(Plumbing::Dump)
    } else if is_alloc(base) {
        Some(Plumbing::Slab(Op::Alloc))
    } else if is_free(base) {
        Some(Plumbing::Slab(Op::Free))
    } else if is_wrapper(base) {
        Some(Plumbing::Wrapper)
    } else {
        None
    }
}

/// Which kind of cache an allocator function serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// The size classes of `kmalloc()`.
    Kmalloc,
    /// A cache that its caller names, which may have been merged with a size class.
    Named,
}

/// The kind of cache that a function above the allocator's common part tells.
pub(crate) fn family(function: &str) -> Option<Family> {
    // Up to 6.0 `kmalloc()` of a constant size calls kmem_cache_alloc_trace(); in 6.1 the size
    // classes have __kmem_cache_alloc_node() to themselves.
    let base = base_name(function);
    let is_kmalloc = base.starts_with("__kmalloc")
        || base.starts_with("kmalloc_")
        || base.starts_with("kmem_cache_alloc_trace")
        || base.starts_with("kmem_cache_alloc_node_trace")
        || matches!(
            base,
            "__kmem_cache_alloc_node" | "kmalloc" | "kmemdup" | "kstrdup" | "krealloc"
        );
    let is_named = matches!(
        base,
        "kmem_cache_alloc"
            | "kmem_cache_alloc_node"
            | "kmem_cache_alloc_lru"
            | "kmem_cache_alloc_bulk"
            | "kmem_cache_zalloc"
    );
    match (is_kmalloc, is_named) {
        (true, _) => Some(Family::Kmalloc),
        (_, true) => Some(Family::Named),
        _ => None,
    }
}

/// Whether `trace()` of `mm/slub.c` is inlined into a function.
pub(crate) fn prints_event(function: &str) -> bool {
    matches!(
        base_name(function),
        "alloc_debug_processing" | "free_debug_processing" | "free_to_partial_list" | "trace"
    )
}

fn is_dump(base: &str) -> bool {
    is_tracer(base) || is_dumper(base)
}

/// What writes a trace event: `DECLARE_EVENT_CLASS` and `DECLARE_TRACE` of `include/trace/` make a
/// function for each.
fn is_tracer(base: &str) -> bool {
    base.starts_with("trace_event_raw_event_") || base.starts_with("__traceiter_")
}

fn is_dumper(base: &str) -> bool {
    matches!(
        base,
        "dump_backtrace"
            | "dump_stack"
            | "dump_stack_lvl"
            | "__dump_stack"
            | "dump_trace"
            | "show_stack"
            | "show_stack_loglvl"
            | "show_trace"
            | "show_trace_log_lvl"
            | "unwind_backtrace"
            | "c_backtrace"
            | "walk_stackframe"
            | "arch_stack_walk"
            | "show_stack_log_lvl"
            | "show_stacktrace"
            | "arc_unwind_core"
            | "parisc_show_stack"
            | "do_show_stack"
            | "ia64_do_show_stack"
            | "unwind_init_running"
            | "microblaze_unwind"
            | "_dump_stack"
            // gcc 4.4 calls a partially inlined function T.<number>.
            | "T"
            | "trace"
    )
}

/// Functions of `mm/slub.c`, `mm/slab_common.c` and `include/linux/slab.h` that allocate.
fn is_alloc(base: &str) -> bool {
    const PREFIXES: [&str; 11] = [
        "kmem_cache_alloc",
        "__kmem_cache_alloc",
        "kmem_cache_zalloc",
        "__kmalloc",
        "kmalloc_trace",
        "kmalloc_node",
        "alloc_single_from_",
        "get_partial",
        "get_from_",
        "slab_alloc",
        "get_any_partial",
    ];
    matches!(
        base,
        "alloc_debug_processing"
            | "___slab_alloc"
            | "__slab_alloc"
            | "__slab_alloc_node"
            | "__do_kmalloc_node"
            | "slab_post_alloc_hook"
            | "new_slab"
            | "new_slab_objects"
            | "new_slab_get_partial"
            | "__get_partial_node"
            | "alloc_from_pcs"
            | "alloc_from_pcs_bulk"
            | "kmalloc"
            | "kmalloc_array"
            | "kmalloc_nolock"
            | "kmalloc_parameter"
            | "kmalloc_large"
            | "kmalloc_large_node"
            | "kmalloc_order_trace"
            | "kmalloc_order"
            | "__kcalloc"
            | "__kzalloc"
            | "kzalloc"
            | "kzalloc_node"
            | "kcalloc"
            | "kvmalloc"
            | "kvmalloc_node"
            | "__kvmalloc_node"
            | "kvzalloc"
            | "krealloc"
            | "__krealloc"
            | "__do_krealloc"
            | "krealloc_array"
            | "krealloc_node_align"
            | "kvrealloc"
            | "__kmemdup"
            | "kmemdup"
            | "kmemdup_nul"
            | "kmemdup_array"
            | "kvmemdup"
            | "kstrdup"
            | "kstrdup_const"
            | "kstrndup"
            | "devm_kmalloc"
            | "mempool_alloc_slab"
            | "mempool_kmalloc"
    ) || PREFIXES.iter().any(|prefix| base.starts_with(prefix))
}

/// Functions of the same files that free. Deferred frees such as `kfree_rcu_work` are callers.
fn is_free(base: &str) -> bool {
    const PREFIXES: [&str; 2] = ["kmem_cache_free", "__kmem_cache_free"];
    matches!(
        base,
        "free_debug_processing"
            | "free_to_partial_list"
            | "__slab_free"
            | "slab_free"
            | "slab_free_after_rcu_debug"
            | "slab_free_bulk"
            | "slab_free_freelist_hook"
            | "do_slab_free"
            | "___cache_free"
            | "free_to_pcs"
            | "__kfree"
            | "kfree"
            | "kfree_nolock"
            | "kfree_const"
            | "kfree_sensitive"
            | "kzfree"
            | "kvfree"
            | "kvfree_sensitive"
            | "kfree_bulk"
            | "mempool_free_slab"
            | "mempool_kfree"
    ) || PREFIXES.iter().any(|prefix| base.starts_with(prefix))
}

fn is_wrapper(base: &str) -> bool {
    matches!(
        base,
        "kasan_save_stack" | "kasan_set_track" | "slab_pre_alloc_hook" | "sheaf_flush_unused"
    )
}

/// Where the kernel enters an interrupt: what lies below in the backtrace was interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// The loop that runs soft interrupts, on whichever stack and however it was reached.
    Softirq,
    /// A hard interrupt's vector.
    Hardirq,
    /// A non-maskable interrupt's vector.
    Nmi,
}

/// Whether a function is such an entry. Exceptions and system calls are not: they belong to the
/// task.
pub(crate) fn entry(function: &str) -> Option<Entry> {
    let base = base_name(function);
    match base {
        "__do_softirq" | "handle_softirqs" | "do_softirq" | "__do_softirq_own_stack" => {
            Some(Entry::Softirq)
        }
        "nmi" | "asm_exc_nmi" | "end_repeat_nmi" | "exc_nmi" | "nmi_stack_correct"
        | "repeat_nmi" | "do_nmi" => Some(Entry::Nmi),
        _ => is_vector(base).then_some(Entry::Hardirq),
    }
}

fn is_vector(base: &str) -> bool {
    const PREFIXES: [&str; 14] = [
        "asm_sysvec_",
        "sysvec_",
        // arm64, 5.14 on
        "el1h_64_irq",
        "el0t_64_irq",
        "el0t_32_irq",
        "el1t_64_irq",
        // powerpc
        "hardware_interrupt_common",
        "decrementer_common",
        "HardwareInterrupt",
        "Decrementer",
        // mips
        "except_vec_vi",
        // sparc64, one for each level
        "tl0_irq",
        "tl1_irq",
        // arc, one for each priority
        "handle_interrupt_level",
    ];
    let exact = matches!(
        base,
        // What most architectures' entry code calls.
        "do_IRQ"
        // x86
        | "asm_common_interrupt" | "common_interrupt" | "apic_timer_interrupt" | "ret_from_intr"
        | "reschedule_interrupt" | "call_function_interrupt" | "call_function_single_interrupt"
        | "irq_work_interrupt" | "irq_entries_start" | "xen_hvm_callback_vector" | "hyperv_callback_vector"
        // arm
        | "__irq_svc" | "__irq_usr" | "__irq_invalid" | "__fiq_svc" | "__fiq_usr"
        // arm64
        | "el1_irq" | "el0_irq" | "el0_irq_naked" | "el0_irq_compat" | "el1_interrupt" | "el0_interrupt"
        | "__el0_irq_handler_common" | "__el1_irq"
        // mips, loongarch
        | "handle_int" | "rollback_handle_int" | "handle_vint" | "do_vint"
        // powerpc
        | "doorbell_super_common" | "h_virt_irq_common" | "h_doorbell_common" | "ret_from_except"
        // riscv
        | "handle_riscv_irq" | "generic_handle_arch_irq" | "do_irq" | "riscv_intc_irq"
        // s390
        | "ext_int_handler" | "io_int_handler" | "do_ext_irq" | "do_io_irq" | "do_extint" | "io_return"
        | "io_skip" | "io_tif" | "ext_skip" | "ext_no_vtime" | "io_no_vtime"
        // sparc, alpha, parisc, m68k, sh
        | "rtrap_irq" | "handler_irq" | "patchme_maybe_smp_msg" | "real_irq_continue"
        | "entInt" | "do_entInt" | "intr_return" | "do_cpu_irq_mask"
        | "auto_inthandler" | "user_inthandler" | "auto_irqhandler_fixup" | "user_irqvec_fixup"
        | "ret_from_irq"
        // ia64, xtensa, microblaze, arc, csky, openrisc, nios2, hexagon
        | "ia64_handle_irq" | "do_interrupt" | "_interrupt" | "handle_interrupt" | "csky_irq"
        | "_external_irq_handler" | "_timer_handler" | "external_interrupt" | "arch_do_IRQ"
    );
    exact || PREFIXES.iter().any(|prefix| base.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_do_not_hide_a_function() {
        for name in [
            "alloc_debug_processing.cold",
            "get_partial_node.part.0",
            "__slab_alloc.isra.50.constprop.56",
            "__kmalloc_noprof",
            ".kmem_cache_alloc",
        ] {
            assert_eq!(plumbing(name), Some(Plumbing::Slab(Op::Alloc)), "{name}");
        }
        for name in ["free_to_partial_list.cold", "kfree", "kmem_cache_free_bulk"] {
            assert_eq!(plumbing(name), Some(Plumbing::Slab(Op::Free)), "{name}");
        }
        assert_eq!(plumbing("dump_stack_lvl"), Some(Plumbing::Dump));
    }

    #[test]
    fn each_era_of_the_allocator_is_known() {
        for name in [
            "kmem_cache_zalloc",                  // 2.6.22
            "kmem_cache_alloc_notrace",           // 2.6.30
            "__kmalloc_track_caller",             // 2.6.22 to 6.9
            "__slab_alloc.isra.50.constprop.56",  // 3.x
            "kmem_cache_alloc_trace",             // 3.1 to 6.0
            "kmalloc_trace",                      // 6.1 to 6.9
            "__kmem_cache_alloc_node",            // 6.1 to 6.5
            "__kmalloc_cache_noprof",             // 6.10
            "__kmalloc_node_track_caller_noprof", // 6.10
            "get_from_partial_node",              // 7.x
            "alloc_single_from_new_slab",         // 6.0
        ] {
            assert_eq!(plumbing(name), Some(Plumbing::Slab(Op::Alloc)), "{name}");
        }
        for name in [
            "free_debug_processing", // 2.6.22 to 5.19
            "kzfree",                // 2.6.30 to 5.9
            "kmem_cache_free",
            "__kmem_cache_free",         // 6.1 to 6.5
            "free_to_partial_list.cold", // 6.4
            "slab_free_after_rcu_debug", // 6.12
        ] {
            assert_eq!(plumbing(name), Some(Plumbing::Slab(Op::Free)), "{name}");
        }
        for name in ["T.1037", "unwind_backtrace", "arc_unwind_core.constprop.1", "show_stack"] {
            assert_eq!(plumbing(name), Some(Plumbing::Dump), "{name}");
        }
    }

    #[test]
    fn functions_that_only_sound_alike_are_callers() {
        for name in [
            "kfree_rcu_work",
            "kfree_skb_reason",
            "__alloc_skb",
            "security_task_alloc",
            "leaky_alloc",
            "kmalloc_reserve",
            "kmalloc_slab",
        ] {
            assert_eq!(plumbing(name), None, "{name}");
        }
    }

    #[test]
    fn the_allocator_tells_the_kind_of_cache() {
        for name in
            ["__kmalloc", "kmalloc_trace", "kmem_cache_alloc_trace", "__kmalloc_cache_noprof"]
        {
            assert_eq!(family(name), Some(Family::Kmalloc), "{name}");
        }
        assert_eq!(family("kmem_cache_alloc_noprof"), Some(Family::Named));
        assert_eq!(family("___slab_alloc"), None);
    }

    #[test]
    fn interrupts_are_told_from_exceptions_and_calls() {
        assert_eq!(entry("handle_softirqs"), Some(Entry::Softirq));
        for name in [
            "asm_sysvec_apic_timer_interrupt",
            "__irq_svc",
            "el1h_64_irq_handler",
            "handle_int",
            "decrementer_common_virt",
            "HardwareInterrupt_virt",
            "tl0_irq14",
            "do_IRQ",
            "ia64_handle_irq",
            "riscv_intc_irq",
        ] {
            assert_eq!(entry(name), Some(Entry::Hardirq), "{name}");
        }
        for name in [
            "asm_exc_page_fault",
            "el0_svc",
            "ret_fast_syscall",
            "__sysvec_apic_timer_interrupt",
            "run_timer_softirq",
            "system_call_vectored_common",
            "common_exception_return",
            "ret_from_exception",
        ] {
            assert_eq!(entry(name), None, "{name}");
        }
    }
}
