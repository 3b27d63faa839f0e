//! A row for each group, for spreadsheets and scripts.

use std::io::{self, Write};

use serde::Serialize;

use super::stack::Place;
use super::{Stack, stack};
use crate::kmemleak::{self, KmemleakReport};
use crate::report::{GroupReport, Report, Timeline};

/// A group of a report.
#[derive(Serialize)]
struct Row {
    rank: usize,
    verdict: Option<&'static str>,
    cache: String,
    object_size: Option<u32>,
    live_objects: u64,
    live_likely_low: u64,
    live_likely_high: u64,
    live_bytes: Option<u64>,
    allocs: Option<u64>,
    frees: Option<u64>,
    growth_objects_per_s: Option<f64>,
    first_alloc_s: Option<f64>,
    last_alloc_s: Option<f64>,
    oldest_age_s: Option<f64>,
    boot: usize,
    fingerprint: String,
    function: String,
    module: String,
    file: String,
    line: Option<u32>,
    chain: String,
    processes: String,
    reason: String,
}

/// Writes the groups of a report as CSV (RFC 4180), with a row of names above them.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let rows = report.groups.iter().zip(Stack::of_report(report));
    rows_to(rows.map(|(group, stack)| row(group, &stack)), out)
}

fn row(group: &GroupReport, stack: &Stack) -> Row {
    let is_traced = group.counted.is_none();
    let Site { function, module, file, line } = Site::of(stack);
    let growth = group.timeline.as_deref().and_then(Timeline::growth);
    let processes = group.processes.iter();
    Row {
        rank: group.rank,
        verdict: group.judgement.map(|judgement| judgement.verdict.name()),
        cache: harmless(&group.cache),
        object_size: group.object_size,
        live_objects: group.live_objects,
        live_likely_low: group.likely.0,
        live_likely_high: group.likely.1,
        live_bytes: group.live_bytes,
        allocs: is_traced.then_some(group.allocs),
        frees: is_traced.then_some(group.frees),
        growth_objects_per_s: growth.map(|growth| growth.objects_per_s),
        first_alloc_s: group.first_alloc,
        last_alloc_s: group.last_alloc,
        oldest_age_s: group.ages.map(|ages| ages.oldest),
        boot: group.boot,
        fingerprint: group.fingerprint.clone(),
        function,
        module,
        file,
        line,
        chain: chain(stack),
        processes: listed(
            processes.map(|process| (process.comm.as_deref(), process.pid, process.live_objects)),
        ),
        reason: group.judgement.map_or_else(String::new, |judgement| judgement.reason.to_string()),
    }
}

/// A group of kmemleak's report.
#[derive(Serialize)]
struct UnreferencedRow {
    rank: usize,
    trend: &'static str,
    cache: String,
    size: u64,
    objects: u64,
    bytes: u64,
    new_objects: Option<u64>,
    gone_objects: Option<u64>,
    oldest_age_s: Option<f64>,
    fingerprint: String,
    function: String,
    module: String,
    file: String,
    line: Option<u32>,
    chain: String,
    processes: String,
}

/// Writes the groups that kmemleak listed as CSV, those of its last report.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_kmemleak(report: &KmemleakReport, out: &mut impl Write) -> io::Result<()> {
    let present = report.groups.iter().filter(|group| stack::is_there(group));
    let rows = present.zip(Stack::of_kmemleak(report));
    rows_to(rows.map(|(group, stack)| unreferenced_row(group, &stack)), out)
}

fn unreferenced_row(group: &kmemleak::GroupReport, stack: &Stack) -> UnreferencedRow {
    let Site { function, module, file, line } = Site::of(stack);
    let processes = group.processes.iter();
    UnreferencedRow {
        rank: group.rank,
        trend: group.trend.name(),
        cache: harmless(group.cache.as_deref().unwrap_or_default()),
        size: group.size,
        objects: group.objects,
        bytes: group.bytes,
        new_objects: group.new_objects,
        gone_objects: group.gone_objects,
        oldest_age_s: group.oldest_age,
        fingerprint: group.fingerprint.clone(),
        function,
        module,
        file,
        line,
        chain: chain(stack),
        processes: listed(
            processes.map(|process| (process.comm.as_deref(), process.pid, process.objects)),
        ),
    }
}

/// Where a group allocates.
struct Site {
    function: String,
    module: String,
    file: String,
    line: Option<u32>,
}

impl Site {
    fn of(stack: &Stack) -> Site {
        let first = stack.site();
        let text = |of: fn(&Place) -> Option<&str>| harmless(first.and_then(of).unwrap_or(""));
        Site {
            function: text(|place| Some(&place.function)),
            module: text(|place| place.module.as_deref()),
            file: text(|place| place.file.as_deref()),
            line: first.and_then(|place| place.line),
        }
    }
}

/// The functions from the innermost to the outermost.
fn chain(stack: &Stack) -> String {
    harmless(&stack.places.iter().map(Place::title).collect::<Vec<_>>().join(" < "))
}

fn listed<'a>(processes: impl Iterator<Item = (Option<&'a str>, Option<u32>, u64)>) -> String {
    let one = |(comm, pid, objects): (Option<&str>, Option<u32>, u64)| {
        let pid = pid.map_or(String::new(), |pid| format!(" {pid}"));
        format!("{}{pid} ({objects})", comm.unwrap_or("?"))
    };
    harmless(&processes.map(one).collect::<Vec<_>>().join(", "))
}

/// Text of a log that no spreadsheet takes for a formula, nor a terminal for commands.
fn harmless(text: &str) -> String {
    let text = crate::print::Escaped(text).to_string();
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

fn rows_to(rows: impl Iterator<Item = impl Serialize>, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for row in rows {
        writer.serialize(row).map_err(io::Error::other)?;
    }
    writer.flush()
}
