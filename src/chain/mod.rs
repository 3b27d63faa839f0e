//! The steps of a printed backtrace, and the call chain that they make.

mod function;
mod occasion;
mod stack;
mod steps;

pub(crate) use function::base_name;
pub use occasion::Occasion;
pub use stack::{Depth, Stack};
pub(crate) use stack::{StackCache, StackFacts};
pub(crate) use steps::Steps;

use crate::lex::BacktraceLine;
use crate::names::{Context, FrameId, Names, Placed, Role};
use crate::record::frame::Reliability;
use crate::record::{Mark, Op};
pub(crate) use function::Family;
use function::{Entry, Plumbing};

/// One step of a backtrace as printed, innermost first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// A frame with a return address.
    Frame(FrameId),
    /// The place where an interrupt or fault struck, from a register block: an exact address.
    Struck(FrameId),
    /// The end of the interrupt's part of the stack.
    EndOf(Context),
}

impl Step {
    /// The step that a context marker makes, if any. Beginnings say nothing that the frames
    /// behind them do not say.
    fn of_mark(mark: Mark) -> Option<Step> {
        match mark {
            Mark::IrqEnd => Some(Step::EndOf(Context::Hardirq)),
            Mark::SoftirqEnd => Some(Step::EndOf(Context::Softirq)),
            Mark::NmiEnd => Some(Step::EndOf(Context::Nmi)),
            Mark::Task | Mark::TaskEnd | Mark::Irq | Mark::Softirq | Mark::Nmi | Mark::Other => {
                None
            }
        }
    }

    /// The step that a line makes, if any.
    pub(crate) fn of(line: BacktraceLine) -> Option<Step> {
        match line {
            BacktraceLine::Frame(frame) | BacktraceLine::EntryFrame(frame) => {
                Some(Step::Frame(frame))
            }
            BacktraceLine::Struck(frame) => Some(Step::Struck(frame)),
            BacktraceLine::Mark(mark) => Step::of_mark(mark),
            BacktraceLine::Heading | BacktraceLine::Hardware(_) => None,
        }
    }

    pub(crate) fn frame(self) -> Option<FrameId> {
        match self {
            Step::Frame(frame) | Step::Struck(frame) => Some(frame),
            Step::EndOf(_) => None,
        }
    }
}

/// What a backtrace shows about where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Printer {
    /// SLUB's trace of an allocation or a free.
    Trace(Op),
    /// Something else printed it: a slab report, a driver's own `dump_stack()`.
    Foreign,
    /// It does not say: no symbols, or its first frames are lost.
    Unclear,
}

/// Lays a backtrace out as a call chain, innermost frame first, complete.
pub fn place(steps: &[Step], names: &Names) -> Vec<Placed> {
    let contexts = contexts(steps, names);
    let first_interrupted = contexts.first_interrupted;
    let placed = steps.iter().zip(&contexts.of_step).enumerate();
    let mut chain: Vec<Placed> = placed
        .filter_map(|(at, (step, &context))| {
            let role = if at >= first_interrupted { Role::Interrupted } else { Role::Caller };
            Some(Placed { frame: step.frame()?, context, role })
        })
        .collect();
    let allocator = allocator_frames(&chain, names);
    for placed in &mut chain[..allocator] {
        placed.role = Role::Allocator;
    }
    chain
}

/// The frames that groups are made by: callers that the unwinder vouches for. Where it vouches
/// for none, all callers.
pub fn callers(chain: &[Placed], names: &Names) -> Vec<Placed> {
    let callers = || chain.iter().copied().filter(|placed| placed.role == Role::Caller);
    let is_reliable =
        |placed: &Placed| names.frame(placed.frame).reliability == Reliability::Reliable;
    let reliable: Vec<Placed> = callers().filter(is_reliable).collect();
    if reliable.is_empty() { callers().collect() } else { reliable }
}

/// Tells from the innermost frames who printed a backtrace.
///
/// `trace()` of `mm/slub.c` is inlined into the debug processing of an allocation or a free, so
/// that a traced event has such a function right below `dump_stack()`.
pub fn printer(chain: &[Placed], names: &Names) -> Printer {
    let mut functions = chain
        .iter()
        .filter(|placed| names.frame(placed.frame).reliability == Reliability::Reliable)
        .map(|placed| names.function(placed.frame))
        .peekable();
    let mut dumped = false;
    while let Some(Some(function)) = functions.peek() {
        if function::plumbing(function) != Some(Plumbing::Dump) {
            break;
        }
        dumped = true;
        functions.next();
    }
    match functions.next() {
        Some(Some(function)) => match function::plumbing(function) {
            Some(Plumbing::Slab(op)) => Printer::Trace(op),
            _ if dumped && is_report(function) => Printer::Foreign,
            _ => Printer::Unclear,
        },
        Some(None) | None => Printer::Unclear,
    }
}

/// The kind of cache that the allocator's frames tell.
pub(crate) fn family(chain: &[Placed], names: &Names) -> Option<Family> {
    let allocator = chain.iter().filter(|placed| {
        placed.role == Role::Allocator
            && names.frame(placed.frame).reliability == Reliability::Reliable
    });
    allocator.filter_map(|placed| names.function(placed.frame)).find_map(function::family)
}

/// Whether the interrupted frames were in the middle of printing an event.
pub fn interrupts_event(chain: &[Placed], names: &Names) -> bool {
    let interrupted = chain.iter().filter(|placed| placed.role == Role::Interrupted);
    interrupted.filter_map(|placed| names.function(placed.frame)).any(function::prints_event)
}

/// Whether an event's backtrace may begin with a frame.
pub(crate) fn is_innermost(frame: FrameId, names: &Names) -> bool {
    let plumbing = names.function(frame).and_then(function::plumbing);
    matches!(plumbing, Some(Plumbing::Dump | Plumbing::Slab(_)))
}

/// Whether a frame belongs to the allocator or to what traces it.
pub(crate) fn is_machinery(frame: FrameId, names: &Names) -> bool {
    names.function(frame).and_then(function::plumbing).is_some()
}

/// Functions that call `dump_stack()` for reports of their own.
fn is_report(function: &str) -> bool {
    matches!(
        function::base_name(function),
        "slab_err"
            | "slab_bug"
            | "object_err"
            | "print_trailer"
            | "slab_fix"
            | "check_object"
            | "check_slab"
            | "check_bytes_and_report"
            | "check_pad_bytes"
            | "slab_pad_check"
            | "on_freelist"
            | "list_slab_objects"
            | "print_address_description"
            | "kasan_report"
            | "print_report"
            | "bad_page"
            | "warn_alloc"
            | "dump_header"
            | "panic"
            | "__warn"
            | "print_circular_bug"
            | "print_usage_bug"
            | "__schedule_bug"
            | "___might_sleep"
            | "__might_resched"
            | "nmi_cpu_backtrace"
            | "sched_show_task"
            | "warn_slowpath_common"
            | "should_failslab"
            | "should_fail_ex"
            | "fail_dump"
    )
}

struct Contexts {
    /// One for every step.
    of_step: Vec<Context>,
    /// Index of the first step below the innermost interrupt's entry.
    first_interrupted: usize,
}

fn contexts(steps: &[Step], names: &Names) -> Contexts {
    let mut of_step = vec![Context::Task; steps.len()];
    let mut first_interrupted = steps.len();
    let mut segment = 0;
    while let Some(boundary) = next_boundary(&steps[segment..], names) {
        let end = segment + boundary.at;
        of_step[segment..end].fill(boundary.context);
        first_interrupted = first_interrupted.min(end);
        segment += boundary.resume;
    }
    Contexts { of_step, first_interrupted }
}

/// Where one context of a backtrace ends.
struct Boundary {
    /// What ends.
    context: Context,
    /// The first step that is no longer part of it.
    at: usize,
    /// Where to look for the next one.
    resume: usize,
}

fn next_boundary(steps: &[Step], names: &Names) -> Option<Boundary> {
    steps.iter().enumerate().find_map(|(at, step)| match *step {
        Step::EndOf(context) => Some(Boundary { context, at, resume: at + 1 }),
        Step::Struck(_) => None,
        // An address that merely lay on the stack tells of no entry.
        Step::Frame(frame) if names.frame(frame).reliability == Reliability::Unreliable => None,
        Step::Frame(frame) => {
            let entry = function::entry(names.function(frame)?)?;
            Some(match entry {
                // The loop itself is the handler's outermost frame.
                Entry::Softirq => {
                    Boundary { context: Context::Softirq, at: at + 1, resume: at + 1 }
                }
                // Which vector was entered depends on the victim: user or kernel mode.
                Entry::Hardirq => Boundary {
                    context: Context::Hardirq,
                    at,
                    resume: past_vector(steps, at, names),
                },
                Entry::Nmi => {
                    Boundary { context: Context::Nmi, at, resume: past_vector(steps, at, names) }
                }
            })
        }
    })
}

/// The first step behind a vector, which may be several frames and a marker.
fn past_vector(steps: &[Step], at: usize, names: &Names) -> usize {
    let is_vector = |step: &Step| match *step {
        Step::EndOf(_) => true,
        Step::Frame(frame) | Step::Struck(frame) => names
            .function(frame)
            .and_then(function::entry)
            .is_some_and(|entry| entry != Entry::Softirq),
    };
    at + steps[at..].iter().take_while(|step| is_vector(step)).count()
}

/// How many leading frames belong to the allocator: up to the first reliable frame that does not.
fn allocator_frames(chain: &[Placed], names: &Names) -> usize {
    let is_allocator = |placed: &Placed| {
        let frame = names.frame(placed.frame);
        frame.reliability == Reliability::Unreliable
            || frame.function.is_some_and(|name| function::plumbing(names.text(name)).is_some())
    };
    let run = chain
        .iter()
        .take_while(|placed| placed.role == Role::Caller && is_allocator(placed))
        .count();
    let last = chain[..run]
        .iter()
        .rposition(|placed| names.function(placed.frame).and_then(function::plumbing).is_some());
    // Unreliable frames between the allocator and its caller are the allocator's leavings, but
    // a chain of nothing else has no allocator in it.
    match last {
        Some(_) if run < chain.len() => run,
        Some(last) => last + 1,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::FrameLine;

    fn steps(names: &Names, lines: &[&str]) -> Vec<Step> {
        let mut steps = Vec::new();
        for line in lines {
            if let Some(mark) = Mark::parse(line.as_bytes()) {
                steps.extend(Step::of_mark(mark));
            } else if let Some(FrameLine::One(frame)) = FrameLine::parse(line.as_bytes()) {
                steps.push(Step::Frame(names.intern_frame(&frame)));
            } else {
                panic!("{line}");
            }
        }
        steps
    }

    fn check(lines: &[&str], expected_origin: Printer, expected_callers: &[(&str, Context)]) {
        let names = Names::default();
        let steps = steps(&names, lines);
        let chain = place(&steps, &names);
        assert_eq!(printer(&chain, &names), expected_origin);
        let callers: Vec<_> = callers(&chain, &names)
            .iter()
            .map(|placed| (names.function(placed.frame).unwrap_or("?").to_owned(), placed.context))
            .collect();
        let expected: Vec<_> =
            expected_callers.iter().map(|&(name, context)| (name.to_owned(), context)).collect();
        assert_eq!(callers, expected);
    }

    #[test]
    fn the_chain_starts_above_the_allocator_and_leaves_doubts_out() {
        check(
            &[
                " dump_stack_lvl+0x44/0x5c",
                " alloc_debug_processing.cold+0x55/0x74",
                " ? security_task_alloc+0xbf/0xe0",
                " ___slab_alloc+0x6f1/0x990",
                " ? security_prepare_creds+0xc5/0xe0",
                " __kmalloc+0x49/0x150",
                " ? stray+0x1/0x2",
                " security_task_alloc+0xbf/0xe0",
                " ? wp_page_reuse+0x60/0x70",
                " copy_process+0x9a5/0x1ae0",
            ],
            Printer::Trace(Op::Alloc),
            &[("security_task_alloc", Context::Task), ("copy_process", Context::Task)],
        );
    }

    #[test]
    fn a_timer_is_cut_at_the_softirq_loop_whomever_it_interrupted() {
        let timer = [
            " <IRQ>",
            " dump_stack_lvl+0x3a/0x4c",
            " alloc_debug_processing.cold+0x50/0x6f",
            " __kmalloc+0x32/0x40",
            " leaky_timer_cb+0x9/0x48 [leaky]",
            " call_timer_fn+0x13/0x80",
            " handle_softirqs+0xc6/0x1c0",
        ];
        let expected = [
            ("leaky_timer_cb", Context::Softirq),
            ("call_timer_fn", Context::Softirq),
            ("handle_softirqs", Context::Softirq),
        ];
        let irq = [
            " irq_exit_rcu+0x8b/0xb0",
            " </IRQ>",
            " <TASK>",
            " asm_sysvec_apic_timer_interrupt+0x1b/0x20",
            " do_idle+0x1df/0x210",
            " </TASK>",
        ];
        let thread = [" run_ksoftirqd+0x2d/0x40", " kthread+0xda/0x100"];
        check(&[&timer[..], &irq].concat(), Printer::Trace(Op::Alloc), &expected);
        check(&[&timer[1..], &thread].concat(), Printer::Trace(Op::Alloc), &expected);
    }

    #[test]
    fn a_hard_interrupt_is_cut_before_its_vector() {
        check(
            &[
                " dump_stack_lvl+0x3a/0x4c",
                " free_to_partial_list.cold+0xb6/0xfe",
                " kfree+0x1/0x2",
                " leaky_hardirq_cb+0x1/0x2",
                " hrtimer_interrupt+0x1/0x2",
                " __sysvec_apic_timer_interrupt+0x1/0x2",
                " sysvec_apic_timer_interrupt+0x1/0x2",
                " </IRQ>",
                " asm_sysvec_apic_timer_interrupt+0x1/0x2",
                " __kmalloc+0x1/0x2",
                " other_driver+0x1/0x2",
            ],
            Printer::Trace(Op::Free),
            &[
                ("leaky_hardirq_cb", Context::Hardirq),
                ("hrtimer_interrupt", Context::Hardirq),
                ("__sysvec_apic_timer_interrupt", Context::Hardirq),
            ],
        );
    }

    #[test]
    fn a_slab_reports_own_backtrace_is_no_event() {
        check(
            &[
                " dump_stack_lvl+0x1/0x2",
                " check_bytes_and_report.cold+0x1/0x2",
                " free_to_partial_list+0x1/0x2",
                " leaky_release+0x1/0x2",
            ],
            Printer::Foreign,
            &[
                ("check_bytes_and_report.cold", Context::Task),
                ("free_to_partial_list", Context::Task),
                ("leaky_release", Context::Task),
            ],
        );
    }

    #[test]
    fn reports_and_headless_stacks_are_no_events() {
        check(
            &[" dump_stack+0x1/0x2", " slab_err+0x1/0x2", " kfree+0x1/0x2"],
            Printer::Foreign,
            &[("slab_err", Context::Task), ("kfree", Context::Task)],
        );
        check(
            &[" security_task_free+0x1/0x2"],
            Printer::Unclear,
            &[("security_task_free", Context::Task)],
        );
    }
}
