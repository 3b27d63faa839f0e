//! What holds of the report of any capture, damaged or not.

use slabtrace::address::Pointer;
use slabtrace::event::Event;
use slabtrace::record::Op;
use slabtrace::report::{GroupReport, Loss, Report};

use super::run::{Capture, json};

/// Up to this size a capture is fed byte by byte.
const SINGLE_BYTES_MAX: usize = 300_000;

/// Checks a capture's report.
pub(crate) fn check(capture: &Capture, report: &Report) -> Result<(), String> {
    sums(report)?;
    report.groups.iter().try_for_each(group)?;
    order(&report.groups)?;
    if report.loss == Loss::default() {
        report.groups.iter().try_for_each(exact)?;
    }
    let events = capture.events();
    numbered(&events, report)?;
    ledger(&events, report)?;
    lines(&events, capture)?;
    pieces(capture, report)
}

fn holds(condition: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(what()) }
}

fn sums(report: &Report) -> Result<(), String> {
    let totals = &report.totals;
    holds(totals.allocs + totals.frees == totals.events, || format!("events: {totals:?}"))?;
    let live: u64 = report.groups.iter().map(|group| group.live_objects).sum();
    holds(live == totals.live_objects, || format!("groups have {live} live: {totals:?}"))?;
    let of_caches: u64 = report.caches.iter().map(|cache| cache.live_objects).sum();
    holds(live == of_caches, || format!("caches have {of_caches} live, groups {live}"))?;
    let groups = report.groups.len() as u64;
    holds(groups == totals.groups, || format!("{groups} groups: {totals:?}"))
}

fn group(group: &GroupReport) -> Result<(), String> {
    let GroupReport {
        rank, allocs, frees, live_objects, live_objects_min, live_objects_max, ..
    } = *group;
    let what = || format!("group {rank} of {} contradicts itself: {group:#?}", group.cache);
    holds(live_objects > 0, what)?;
    holds(live_objects_min <= live_objects && live_objects <= live_objects_max, what)?;
    // What is left over was lost: its address was allocated again without a free.
    holds(frees + live_objects <= allocs, what)?;
    let of_processes: u64 = group.processes.iter().map(|process| process.live_objects).sum();
    holds(of_processes == live_objects, what)?;
    let of_freers: u64 = group.freed_by.iter().map(|freer| freer.frees).sum();
    holds(of_freers == frees, what)
}

fn order(groups: &[GroupReport]) -> Result<(), String> {
    let ranks: Vec<usize> = groups.iter().map(|group| group.rank).collect();
    holds(ranks.iter().copied().eq(1..=groups.len()), || format!("ranks are {ranks:?}"))?;
    let falls = groups.is_sorted_by(|a, b| a.live_bytes >= b.live_bytes);
    holds(falls, || "groups are not ordered by live bytes".to_owned())
}

/// Nothing was lost, so nothing is in doubt.
fn exact(group: &GroupReport) -> Result<(), String> {
    let GroupReport { live_objects, live_objects_min, live_objects_max, .. } = *group;
    let is_exact = live_objects_min == live_objects && live_objects == live_objects_max;
    holds(is_exact, || format!("group {} is in doubt although nothing was lost", group.rank))?;
    holds(group.allocs == group.frees + live_objects, || {
        format!("group {} lost objects although nothing was lost", group.rank)
    })
}

fn numbered(events: &[Event], report: &Report) -> Result<(), String> {
    let count = events.len() as u64;
    holds(count == report.totals.events, || {
        format!("{count} events in full, {} in the report", report.totals.events)
    })?;
    let in_order = events.iter().map(|event| event.seq).eq(0..count);
    holds(in_order, || "events are not numbered 0, 1, 2…".to_owned())
}

/// Every allocation with an address was freed, lost or lives; every free of one matched or not.
fn ledger(events: &[Event], report: &Report) -> Result<(), String> {
    let addressed = |op: Op| {
        let is_addressed =
            |event: &&Event| event.op == op && matches!(event.object, Pointer::Addr(_));
        events.iter().filter(is_addressed).count() as u64
    };
    let (totals, loss) = (&report.totals, &report.loss);
    let (allocs, frees) = (addressed(Op::Alloc), addressed(Op::Free));
    holds(allocs == totals.matched_frees + loss.lost_frees + totals.live_objects, || {
        format!("{allocs} allocations with an address: {totals:?} {loss:?}")
    })?;
    holds(frees == totals.matched_frees + loss.orphan_frees, || {
        format!("{frees} frees with an address: {totals:?} {loss:?}")
    })?;
    let others = totals.events - allocs - frees;
    holds(others == loss.unaddressed_events + loss.failed_allocs, || {
        format!("{others} events without an address: {loss:?}")
    })
}

/// The line that an event names is a TRACE line of the capture.
fn lines(events: &[Event], capture: &Capture) -> Result<(), String> {
    let lines: Vec<&[u8]> = capture.bytes.split(|&byte| byte == b'\n').collect();
    let is_trace = |event: &&Event| {
        let at = usize::try_from(event.line.0).ok().and_then(|number| number.checked_sub(1));
        let line = at.and_then(|at| lines.get(at)).copied().unwrap_or_default();
        !line.windows(5).any(|word| word == b"TRACE")
    };
    match events.iter().find(is_trace) {
        None => Ok(()),
        Some(event) => Err(format!("line {} of event {} is no TRACE", event.line.0, event.seq)),
    }
}

/// However the capture is cut, the report is the same.
fn pieces(capture: &Capture, report: &Report) -> Result<(), String> {
    let whole = json(report);
    let sizes: &[Option<usize>] = if capture.bytes.len() <= SINGLE_BYTES_MAX {
        &[Some(1)]
    } else {
        &[Some(7), Some(4096), None]
    };
    for &size in sizes {
        let cut = match size {
            Some(size) => capture.report_of(capture.bytes.chunks(size)),
            None => capture.report_of(Ragged { rest: &capture.bytes, state: 0x9e37_79b9 }),
        };
        let name = size.map_or_else(|| "ragged".to_owned(), |size| format!("{size}-byte"));
        holds(json(&cut) == whole, || format!("{name} pieces change the report"))?;
    }
    Ok(())
}

/// Pieces of sizes that follow no pattern, the same in every run.
struct Ragged<'a> {
    rest: &'a [u8],
    state: u64,
}

impl<'a> Iterator for Ragged<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let size = usize::try_from(self.state % 9973).unwrap_or_default().min(self.rest.len());
        let (piece, rest) = self.rest.split_at(size);
        self.rest = rest;
        Some(piece)
    }
}
