//! What stands in the way of a better report, and what to do about it.

use std::fmt;

use super::Report;
use super::absence::Absence;
use super::order_doubt::OrderDoubt;
use crate::event::{PointerStyle, Witness};
use crate::record::ftrace::Unpaired;
use crate::report::Origin;
use crate::symbol::Warning;

/// Advice to the user: what happened, why it matters, what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advice {
    /// Addresses are hashed; different objects may share a hash.
    Hashed,
    /// The order of boots, or of times, seems wrong.
    Order(OrderDoubt),
    /// Messages were dropped before the first event.
    BeginsLate(u64),
    /// The kernel dropped messages.
    Dropped(u64),
    /// Frees of objects that tracing did not see allocated.
    Orphans(u64),
    /// Frees of objects that a recording of trace events does not know.
    OlderThanRecording(u64),
    /// A recording of trace events lost entries.
    EntriesLost(u64),
    /// A recording has hashed addresses.
    HashedRecording,
    /// Frees are missing: addresses were allocated twice.
    LostFrees(u64),
    /// Backtraces could belong to more than one event.
    Ambiguous(u64),
    /// Events lost their backtraces.
    Torn(u64),
    /// Some addresses could not be printed.
    SomeUnprintable(u64),
    /// Backtraces came without their TRACE line.
    Headless(u64),
    /// Everything that was allocated was freed.
    NoSurvivors,
    /// Nothing names frames, or tells their lines.
    Absent(Absence),
    /// An image does not fit the log.
    Symbols(Warning),
    /// One reading of the kernel's own counts.
    OneReading,
    /// The kernel has cut its own list.
    CutList(Origin),
    /// Nothing tells which cache a list is of.
    CacheUnknown(Origin),
    /// The list shows call sites, and no backtraces.
    SitesAlone,
    /// The list tells who freed last what now lives.
    WhoFreed,
    /// Lists of several kinds may count the same memory.
    Overlapping,
    /// The kernel does not vouch for some counts.
    Inaccurate(u64),
    /// The size of a page is not told.
    PageSize,
}

impl Advice {
    /// The advice on a report of the kernel's own counts.
    pub(crate) fn on_accounts(report: &Report) -> Vec<Advice> {
        let mut advice = Vec::new();
        let mut add = |new: Advice| {
            if !advice.contains(&new) {
                advice.push(new);
            }
        };
        for account in &report.accounts {
            let origin = account.origin;
            let is_of_a_cache = !matches!(origin, Origin::Allocinfo | Origin::PageOwner);
            if !origin.is_of_allocations() && origin == report.origin {
                add(Advice::WhoFreed);
            }
            if account.history.len() == 1 {
                add(Advice::OneReading);
            }
            if account.is_cut {
                add(Advice::CutList(origin));
            }
            if is_of_a_cache && account.cache.is_none() {
                add(Advice::CacheUnknown(origin));
            }
            if matches!(origin, Origin::AllocCalls | Origin::FreeCalls) {
                add(Advice::SitesAlone);
            }
            if account.inaccurate_rows > 0 {
                add(Advice::Inaccurate(account.inaccurate_rows));
            }
            if origin == Origin::PageOwner {
                add(Advice::PageSize);
            }
        }
        if report.origin == Origin::Several {
            add(Advice::Overlapping);
        }
        if report.loss.torn_events > 0 {
            add(Advice::Torn(report.loss.torn_events));
        }
        advice
    }

    /// The advice on a report.
    pub(super) fn on(report: &Report) -> Vec<Advice> {
        let loss = &report.loss;
        let hashed = report.boots.iter().any(|boot| boot.pointers == PointerStyle::Hashed);
        let is_recording =
            report.boots.iter().all(|boot| boot.sources.first() == Some(&Witness::TraceEvents));
        let (orphans, addresses): (fn(u64) -> Advice, _) = if is_recording {
            (Advice::OlderThanRecording, Advice::HashedRecording)
        } else {
            (Advice::Orphans, Advice::Hashed)
        };
        let dropped = loss.printk_dropped.saturating_sub(loss.dropped_early);
        let early = loss.dropped_early.saturating_sub(loss.printk_dropped);
        // A few frees of older objects are normal; most of a capture's are worth a word.
        let orphans_matter = loss.orphan_frees > report.totals.matched_frees / 10;
        let counted = |count: u64, advice: fn(u64) -> Advice| (count > 0).then(|| advice(count));
        let others = [
            (report.totals.live_objects == 0).then_some(Advice::NoSurvivors),
            counted(loss.dropped_early.min(loss.printk_dropped), Advice::BeginsLate),
            counted(dropped, Advice::Dropped),
            counted(loss.entries_lost.saturating_sub(early), Advice::EntriesLost),
            counted(loss.unaddressed_events, Advice::SomeUnprintable),
            counted(loss.headless_stacks, Advice::Headless),
            counted(loss.torn_events, Advice::Torn),
            counted(loss.lost_frees.saturating_sub(loss.inferred_frees), Advice::LostFrees),
            counted(loss.orphan_frees, orphans).filter(|_| orphans_matter),
            counted(loss.ambiguous_stacks, Advice::Ambiguous),
            hashed.then_some(addresses),
        ];
        let order = OrderDoubt::of(&report.boots).into_iter().map(Advice::Order);
        order.chain(others.into_iter().flatten()).collect()
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = crate::print::number::counted;
        match *self {
            Advice::Symbols(ref warning) => write!(f, "{warning}."),
            Advice::Absent(ref absence) => write!(f, "{absence}"),
            Advice::OneReading => write!(
                f,
                "One reading shows what lives, and not what grows. Read the file again later and give both, oldest first."
            ),
            Advice::CutList(origin) => write!(
                f,
                "The kernel cuts {} at one page: call sites are missing from the list, and among them may be the leak. From 5.16 on alloc_traces in /sys/kernel/debug/slab/ is whole.",
                origin.name()
            ),
            Advice::CacheUnknown(origin) => write!(
                f,
                "Nothing tells which cache {} is of. Give the file a name such as kmalloc-64.{0}.txt, or leave it in a folder named after the cache.",
                origin.name()
            ),
            Advice::SitesAlone => write!(
                f,
                "The list shows call sites alone, and no backtraces: a helper that many call stands for all of them."
            ),
            Advice::WhoFreed => write!(
                f,
                "This list tells who freed last the memory that objects now lie in, and not who allocated them: alloc_traces or alloc_calls do."
            ),
            Advice::Overlapping => write!(
                f,
                "Lists of several kinds were given: they may count the same memory, and the sums are of all of them."
            ),
            Advice::Inaccurate(n) => write!(
                f,
                "The kernel says of {} that it may have missed allocations (accurate:no).",
                count(n, "row")
            ),
            Advice::PageSize => write!(
                f,
                "page_owner does not tell the size of a page: bytes are reckoned with 4 KiB."
            ),
            Advice::NoSurvivors => write!(
                f,
                "Every traced allocation was freed: no leak in this window. Trace for longer, or trace another cache."
            ),
            Advice::Order(doubt) => write!(f, "{doubt}"),
            Advice::BeginsLate(n) => write!(
                f,
                "The log begins late: {} dropped before the first event. What was allocated before is not in it.",
                were(n, "message")
            ),
            Advice::Dropped(n) => write!(
                f,
                "{} dropped on the way, by the kernel or by what recorded it: objects and frees are missing, and groups say which numbers are probable. Boot with a larger log_buf_len=, read dmesg instead of a slow console, or trace fewer caches.",
                were(n, "message")
            ),
            Advice::SomeUnprintable(n) => write!(
                f,
                "{} had no usable address and could not be matched. Give the kernel entropy early (random.trust_cpu=on), or boot with no_hash_pointers (5.12 on).",
                count(n, "event")
            ),
            Advice::Headless(n) => write!(
                f,
                "{} lost the line of the event: as many objects or frees are missing from the numbers.",
                count(n, "backtrace")
            ),
            Advice::Torn(n) => write!(
                f,
                "{} lost a backtrace or part of a line: they count, but their call chain is not known or not whole.",
                count(n, "event")
            ),
            Advice::LostFrees(n) => write!(
                f,
                "{} came between two allocations of one address without being logged; those objects are not counted as live.",
                count(n, "free")
            ),
            Advice::Orphans(n) => write!(
                f,
                "{} of objects whose allocation is not in the log: they are older than the capture, or the line was lost. Trace from boot (slub_debug=T,<cache>) to see every allocation.",
                count(n, "free")
            ),
            Advice::OlderThanRecording(_) | Advice::EntriesLost(_) | Advice::HashedRecording => {
                self.on_recording(f)
            }
            Advice::Ambiguous(n) => write!(
                f,
                "{} could belong to more than one event, since several CPUs printed at once. A kernel with CONFIG_PRINTK_CALLER tells them apart.",
                count(n, "backtrace")
            ),
            Advice::Hashed => write!(
                f,
                "Addresses are hashed: two objects may share one, rarely. Boot with no_hash_pointers (5.12 on); any slub_debug= implies it from 5.14."
            ),
        }
    }
}

impl Advice {
    /// The advice on a recording of trace events.
    fn on_recording(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Advice::OlderThanRecording(n) => write!(
                f,
                "{} of objects whose allocation is not in the recording: they are older, a filter passed them by, or their entry was lost.",
                crate::print::number::counted(n, "free")
            ),
            Advice::EntriesLost(n) => write!(
                f,
                "{} lost: objects and frees are missing, and groups say which numbers are probable. Give the recording a larger buffer (buffer_size_kb), or a filter on the size (bytes_alloc == 64).",
                were(n, "trace entry")
            ),
            Advice::HashedRecording => write!(
                f,
                "Addresses are hashed: two objects may share one, rarely. Before the recording is read, echo 0 > /sys/kernel/tracing/options/hash-ptr shows them raw, where the kernel has that option."
            ),
            _ => Ok(()),
        }
    }
}

/// `1 message was`, `12 messages were`.
fn were(number: u64, noun: &str) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", crate::print::number::counted(number, noun))
}

/// Why there is nothing to report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// The input has no bytes.
    #[error("the input is empty; give a console capture, for example: slabtrace serial.log")]
    Empty,
    /// Nothing of the input looks like a console log.
    #[error(
        "the input is no text; give a console log or dmesg output (gzip, xz, zstd and bzip2 are unpacked)"
    )]
    Binary,
    /// Backtraces of slab tracing, but no TRACE line: the console level hid them.
    #[error(
        "found {0} backtraces of slab tracing but no TRACE line, which the console level hid; boot with loglevel=8 (or: dmesg -n 8), or read the log with dmesg"
    )]
    Hidden(u64),
    /// Trace events in a rendering that tells no object from another.
    #[error("found {0}, which tells no object from another; give {1}")]
    Unpaired(&'static str, &'static str),
    /// No trace of slab tracing, but something else that is read by a subcommand.
    #[error("found no TRACE line of slab tracing in the input, but {0}; give it to: slabtrace {1}")]
    Another(&'static str, &'static str),
    /// No trace, and a list of the kernel's that is empty.
    #[error(
        "the kernel's list holds no data: it does not store who allocates; boot with slub_debug=U,<cache> (slab_debug= from 6.9 on) and read the list again"
    )]
    NoData,
    /// No trace of slab tracing.
    #[error(
        "found no TRACE line of slab tracing and no trace event in the input; record trace events (slabtrace record-script), or boot with slub_debug=T,<cache> (before Linux 5.9 also: echo 1 > /sys/kernel/slab/<cache>/trace) and set the console to loglevel=8"
    )]
    NoTrace,
    /// No address was printable.
    #[error(
        "every object address in the input is unprintable, so that no free can be matched; give the kernel entropy early (random.trust_cpu=on) or boot with no_hash_pointers (5.12 on)"
    )]
    Unprintable,
}

impl Unusable {
    /// Why nothing can be made of a rendering of trace events, and what to give instead.
    fn of_rendering(form: Unpaired) -> Unusable {
        match form {
            Unpaired::Numbers => Unusable::Unpaired(
                "a trace file of numbers (the options raw, hex and bin)",
                "the file as it reads after: echo noraw nohex nobin > trace_options",
            ),
            Unpaired::Histogram => Unusable::Unpaired(
                "the sums of a hist trigger",
                "the trace file of the events themselves, with options/stacktrace set",
            ),
            Unpaired::PerfKmem => {
                Unusable::Unpaired("the sums of perf kmem", "the output of: perf script")
            }
        }
    }

    /// Why a report says nothing, if it does.
    pub fn of(report: &Report, binary: bool) -> Option<Unusable> {
        let totals = &report.totals;
        if report.inputs.iter().all(|input| input.bytes == 0) {
            Some(Unusable::Empty)
        } else if report.origin != Origin::Trace {
            None
        } else if totals.events == 0 && report.loss.headless_stacks > 0 {
            Some(Unusable::Hidden(report.loss.headless_stacks))
        } else if let (0, Some(form)) = (totals.events, report.unpaired) {
            Some(Unusable::of_rendering(form))
        } else if totals.events == 0 && binary {
            Some(Unusable::Binary)
        } else if totals.events == 0 && report.witness.kmemleak.is_some() {
            Some(Unusable::Another("a report of kmemleak", "kmemleak"))
        } else if totals.events == 0 && !report.witness.memory.is_empty() {
            Some(Unusable::Another("samples of /proc/meminfo", "monitor"))
        } else if totals.events == 0 && report.lists_without_data > 0 {
            Some(Unusable::NoData)
        } else if totals.events == 0 {
            Some(Unusable::NoTrace)
        } else if report.loss.unaddressed_events == totals.events {
            Some(Unusable::Unprintable)
        } else {
            None
        }
    }
}
