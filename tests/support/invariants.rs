//! What holds of the report of any capture, damaged or not.

use slabtrace::address::Pointer;
use slabtrace::event::Event;
use slabtrace::record::Op;
use slabtrace::report::{GroupReport, Loss, Report};

/// Checks a report against itself and against its events in full.
pub(crate) fn check(report: &Report, events: &[Event]) -> Result<(), String> {
    sums(report)?;
    report.groups.iter().try_for_each(group)?;
    order(&report.groups)?;
    if report.loss == Loss::default() {
        report.groups.iter().try_for_each(exact)?;
    }
    numbered(events, report)?;
    ledger(events, report)
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
    let of_families: u64 = report.families.iter().map(|family| family.live_objects).sum();
    holds(live == of_families, || format!("families have {of_families} live, groups {live}"))?;
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
    let (low, high) = group.likely;
    let is_likely_possible = live_objects_min <= low && low <= high && high <= live_objects_max;
    holds(is_likely_possible, what)?;
    let timed = group.timeline.as_ref().map_or(0, |timeline| timeline.allocs.iter().sum());
    let freed = group.lifetimes.map_or(0, |lifetimes| lifetimes.count);
    holds(timed <= allocs && freed <= frees, what)?;
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
    let class = |group: &GroupReport| group.judgement.map(|judgement| judgement.class());
    holds(groups.is_sorted_by_key(class), || "leaks are not in front".to_owned())?;
    let falls = groups
        .chunk_by(|a, b| a.boot == b.boot && a.family == b.family)
        .all(|family| family.is_sorted_by(|a, b| a.live_bytes >= b.live_bytes));
    holds(falls, || "groups of a family are not ordered by live bytes".to_owned())
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

/// Whether two witnesses tell of a boot: then of a cache that both know the report is made of what one
/// of them says.
fn is_told_twice(report: &Report) -> bool {
    report.boots.iter().any(|boot| boot.sources.len() > 1)
}

fn numbered(events: &[Event], report: &Report) -> Result<(), String> {
    let count = events.len() as u64;
    let is_all = if is_told_twice(report) {
        count >= report.totals.events
    } else {
        count == report.totals.events
    };
    holds(is_all, || format!("{count} events in full, {} in the report", report.totals.events))?;
    let in_order = events.iter().map(|event| event.seq).eq(0..count);
    holds(in_order, || "events are not numbered 0, 1, 2…".to_owned())
}

/// Every allocation with an address was freed, lost or lives; every free of one matched or not.
fn ledger(events: &[Event], report: &Report) -> Result<(), String> {
    if is_told_twice(report) {
        return Ok(());
    }
    let addressed = |op: Op| {
        let is_addressed =
            |event: &&Event| event.op == op && matches!(event.object, Pointer::Addr(_));
        events.iter().filter(is_addressed).count() as u64
    };
    let (totals, loss) = (&report.totals, &report.loss);
    let (allocs, frees) = (addressed(Op::Alloc), addressed(Op::Free));
    // Objects of addresses that were put right come in, those of addresses that are belied go out.
    let unusable = loss.unaddressed_events + loss.failed_allocs;
    let others = totals.events - allocs - frees;
    let moved = unusable.abs_diff(others) <= loss.mended_addresses + unusable;
    holds(moved, || format!("{others} events without an address: {loss:?}"))?;
    let accounted = totals.matched_frees + loss.lost_frees + totals.live_objects;
    let known = allocs + loss.inferred_allocs;
    let slack = loss.mended_addresses + unusable.saturating_sub(others);
    holds(known.abs_diff(accounted) <= slack, || {
        format!("{known} allocations with an address: {totals:?} {loss:?}")
    })?;
    let freed = totals.matched_frees + loss.orphan_frees;
    holds(frees.abs_diff(freed) <= slack, || {
        format!("{frees} frees with an address: {totals:?} {loss:?}")
    })
}
