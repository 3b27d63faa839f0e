//! Whether two call chains, told by two witnesses, are one.

use crate::chain::base_name;
use crate::names::Role;
use crate::report::FrameReport;
use crate::report::crosscheck::Likeness;

/// Frames that a trace ends at and others may show: the kernel's entry from user space, and what
/// lies beyond it.
const ENTRIES: [&str; 10] = [
    "entry_SYSCALL_64_after_hwframe",
    "entry_SYSENTER_32",
    "entry_INT80_32",
    "ret_fast_syscall",
    "__ret_fast_syscall",
    "el0_sync",
    "el0t_64_sync",
    "syscall_common",
    "system_call_exception",
    "ret_from_fork",
];

/// What both chains say of who called: the allocator's own frames differ between witnesses.
pub(super) fn callers(chain: &[FrameReport]) -> Vec<&FrameReport> {
    chain.iter().filter(|frame| frame.role == Role::Caller).collect()
}

/// How alike two chains of callers are, innermost frame first. Compiler suffixes do not count, and
/// a bare address may be any function: that of a module's init code, for one, which is gone when
/// kmemleak prints it.
pub(super) fn likeness(a: &[&FrameReport], b: &[&FrameReport]) -> Option<Likeness> {
    let both = a.len().min(b.len());
    if both == 0 {
        return None;
    }
    let named = a.iter().zip(b).filter(|(a, b)| a.function.is_some() && b.function.is_some());
    let named = named.count();
    let fits = a.iter().zip(b).all(|(a, b)| match (&a.function, &b.function) {
        (Some(a), Some(b)) => base_name(a) == base_name(b),
        _ => true,
    });
    if !fits || named == 0 {
        return None;
    }
    let rest = if a.len() > both { &a[both..] } else { &b[both..] };
    Some(if rest.is_empty() && named == both {
        Likeness::Same
    } else if rest.iter().all(|frame| is_beyond(frame)) {
        Likeness::Alike
    } else if both == 1 {
        return is_one_place(a[0], b[0]).then_some(Likeness::Site);
    } else {
        Likeness::Beginning
    })
}

fn is_beyond(frame: &FrameReport) -> bool {
    frame.function.as_deref().is_none_or(|function| ENTRIES.contains(&function))
}

/// Whether two frames lie at one place of one function.
fn is_one_place(a: &FrameReport, b: &FrameReport) -> bool {
    let place = |frame: &FrameReport| (frame.offset, frame.size);
    a.offset.is_none() || b.offset.is_none() || place(a) == place(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Context;

    fn chain(text: &str) -> Vec<FrameReport> {
        let frames = text.split(' ').map(|word| {
            let (name, offset) =
                word.split_once('+').map_or((word, None), |(n, o)| (n, o.parse().ok()));
            FrameReport {
                function: (name != "?").then(|| name.to_owned()),
                offset,
                size: None,
                module: None,
                build_id: None,
                address: None,
                reliable: true,
                aim: crate::record::frame::Aim::BehindCall,
                context: Context::Task,
                role: Role::Caller,
                source: None,
                unresolved: None,
            }
        });
        frames.collect()
    }

    fn alike(a: &str, b: &str) -> Option<Likeness> {
        let (a, b) = (chain(a), chain(b));
        likeness(&callers(&a), &callers(&b))
    }

    #[test]
    fn compiler_suffixes_do_not_count() {
        assert_eq!(alike("fill.isra.0 init", "fill.constprop.3 init"), Some(Likeness::Same));
        assert_eq!(alike("fill init", "fill exit"), None);
    }

    #[test]
    fn init_code_that_is_gone_may_be_any_function() {
        let trace = "leaky_start leaky_init do_one_initcall";
        assert_eq!(alike(trace, "leaky_start ? do_one_initcall"), Some(Likeness::Alike));
        assert_eq!(alike("?", "leaky_start"), None, "bare addresses alone say nothing");
    }

    #[test]
    fn what_lies_beyond_the_entry_does_not_count() {
        let trace = "leaky_write ksys_write";
        assert_eq!(
            alike(trace, "leaky_write ksys_write ret_fast_syscall ?"),
            Some(Likeness::Alike)
        );
        assert_eq!(alike(trace, "leaky_write ksys_write sys_write"), Some(Likeness::Beginning));
    }

    #[test]
    fn a_call_site_alone_must_be_the_same_place() {
        assert_eq!(alike("load+20", "load+20 init"), Some(Likeness::Site));
        assert_eq!(alike("load+24", "load+20 init"), None);
    }
}
