//! The JSON report: wire types, apart from the model so that it cannot change by accident.

use std::io::{self, Write};

use serde::Serialize;

use super::crosscheck;
use super::crosscheck::json::{OfGroup, Witnesses};
use super::{Advice, CacheReport, FrameReport, GroupReport, Report};
use crate::print;
use crate::report::Origin;
use crate::symbol::Reason;

/// The format's name; the number changes when a field changes its meaning.
const SCHEMA: &str = "slabtrace.report/1";

/// Writes the report as one JSON document.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    print::write_pretty(&document(report), out)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    /// Which of the kernel's files the numbers are from, where it is no trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    inputs: Vec<Input<'a>>,
    boots: Vec<Boot<'a>>,
    totals: Totals,
    loss: Loss,
    caches: Vec<Cache<'a>>,
    groups: Vec<Group<'a>>,
    /// What other witnesses say.
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<Witnesses<'a>>,
    /// The kernel's own counts that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Account<'a>>,
    /// What is doubtful about the source places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    symbol_warnings: Vec<String>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Input<'a> {
    path: &'a str,
    bytes: u64,
    lines: u64,
}

#[derive(Serialize)]
struct Boot<'a> {
    index: usize,
    kernel: Option<&'a str>,
    /// Kernels that print it are rare.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<&'a str>,
    hardware: Option<&'a str>,
    arch: Option<&'static str>,
    first_line: u64,
    last_line: u64,
    first_time: Option<f64>,
    last_time: Option<f64>,
    pointers: &'static str,
}

#[derive(Serialize)]
struct Totals {
    events: u64,
    allocs: u64,
    frees: u64,
    matched_frees: u64,
    live_objects: u64,
    live_bytes: u64,
    groups: u64,
}

#[derive(Serialize)]
struct Loss {
    printk_dropped: u64,
    orphan_frees: u64,
    lost_frees: u64,
    torn_events: u64,
    unaddressed_events: u64,
    ambiguous_stacks: u64,
    replayed_lines: u64,
    damaged_lines: u64,
    headless_stacks: u64,
    stray_frames: u64,
    failed_allocs: u64,
    missing_lines: u64,
    suspect_chains: u64,
}

#[derive(Serialize)]
struct Cache<'a> {
    name: &'a str,
    object_size: Option<u32>,
    allocs: Option<u64>,
    frees: Option<u64>,
    live_objects: u64,
    live_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Group<'a> {
    rank: usize,
    fingerprint: &'a str,
    boot: usize,
    cache: &'a str,
    object_size: Option<u32>,
    allocs: Option<u64>,
    frees: Option<u64>,
    live_objects: u64,
    live_objects_min: u64,
    live_objects_max: u64,
    live_bytes: Option<u64>,
    first_alloc: Option<f64>,
    last_alloc: Option<f64>,
    oldest_live: Option<f64>,
    verdict: Option<&'static str>,
    chain: Vec<Frame<'a>>,
    processes: Vec<Process<'a>>,
    freed_by: Vec<FreedBy<'a>>,
    examples: Vec<Example<'a>>,
    /// What the kernel counts, where the numbers are its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<Counted<'a>>,
    /// What other witnesses say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<OfGroup>,
}

/// One of the kernel's files.
#[derive(Serialize)]
struct Account<'a> {
    source: &'static str,
    cache: Option<&'a str>,
    history: &'a [u64],
    gone_groups: u64,
    inaccurate_rows: u64,
    cut: bool,
}

/// What the kernel counts of a group.
#[derive(Serialize)]
struct Counted<'a> {
    source: &'static str,
    history: &'a [u64],
    grown_objects: Option<i64>,
    grown_bytes: Option<i64>,
    waste: Option<u64>,
    ages: Option<(i64, i64)>,
    pids: Option<(u32, u32)>,
}

/// A frame, as reports and events show it.
#[derive(Serialize)]
pub(crate) struct Frame<'a> {
    function: Option<&'a str>,
    offset: Option<u64>,
    size: Option<u64>,
    module: Option<&'a str>,
    address: Option<String>,
    reliable: bool,
    context: &'static str,
    role: &'static str,
    source: Option<Source<'a>>,
    /// Why there is none, where images were at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    unresolved: Option<String>,
    /// The places of which one is meant, where the function's name and size do not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Source<'a>>,
}

/// Where in the source a frame lies.
#[derive(Serialize)]
struct Source<'a> {
    file: &'a str,
    line: Option<u32>,
    column: Option<u32>,
    /// The line itself, where it was asked for and is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    inlined: Vec<Inlined<'a>>,
}

/// A call inlined there.
#[derive(Serialize)]
struct Inlined<'a> {
    function: &'a str,
    file: &'a str,
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Process<'a> {
    comm: Option<&'a str>,
    pid: Option<u32>,
    live_objects: u64,
}

#[derive(Serialize)]
struct FreedBy<'a> {
    function: Option<&'a str>,
    module: Option<&'a str>,
    frees: u64,
}

#[derive(Serialize)]
struct Example<'a> {
    line: u64,
    time: Option<f64>,
    address: &'a str,
}

fn document(report: &Report) -> Document<'_> {
    Document {
        schema: SCHEMA,
        source: (report.origin != Origin::Trace).then(|| report.origin.name()),
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        inputs: report
            .inputs
            .iter()
            .map(|input| Input { path: &input.path, bytes: input.bytes, lines: input.lines })
            .collect(),
        boots: report.boots.iter().map(boot).collect(),
        totals: totals(report),
        loss: loss(report),
        caches: report.caches.iter().map(|cache| self::cache(cache, report.origin)).collect(),
        groups: report.groups.iter().map(group).collect(),
        witnesses: crosscheck::json::witnesses(&report.witness),
        accounts: report.accounts.iter().map(account).collect(),
        symbol_warnings: report.advice.iter().filter_map(symbol_warning).collect(),
    }
}

fn symbol_warning(advice: &Advice) -> Option<String> {
    match advice {
        Advice::Symbols(warning) => Some(warning.to_string()),
        _ => None,
    }
}

fn boot(boot: &super::BootReport) -> Boot<'_> {
    Boot {
        index: boot.index,
        kernel: boot.kernel.as_deref(),
        build_id: boot.build_id.as_deref(),
        hardware: boot.hardware.as_deref(),
        arch: boot.arch,
        first_line: boot.first_line.0,
        last_line: boot.last_line.0,
        first_time: boot.first_time.map(crate::time::Stamp::seconds),
        last_time: boot.last_time.map(crate::time::Stamp::seconds),
        pointers: boot.pointers.name(),
    }
}

fn totals(report: &Report) -> Totals {
    let super::Totals { events, allocs, frees, matched_frees, live_objects, live_bytes, groups } =
        report.totals;
    Totals { events, allocs, frees, matched_frees, live_objects, live_bytes, groups }
}

fn loss(report: &Report) -> Loss {
    let loss = &report.loss;
    Loss {
        printk_dropped: loss.printk_dropped,
        orphan_frees: loss.orphan_frees,
        lost_frees: loss.lost_frees,
        torn_events: loss.torn_events,
        unaddressed_events: loss.unaddressed_events,
        ambiguous_stacks: loss.ambiguous_stacks,
        replayed_lines: loss.replayed_lines,
        damaged_lines: loss.damaged_lines,
        headless_stacks: loss.headless_stacks,
        stray_frames: loss.stray_frames,
        failed_allocs: loss.failed_allocs,
        missing_lines: loss.missing_lines,
        suspect_chains: loss.suspect_chains,
    }
}

fn cache(cache: &CacheReport, origin: Origin) -> Cache<'_> {
    let is_traced = origin == Origin::Trace;
    Cache {
        name: &cache.name,
        object_size: cache.object_size,
        allocs: is_traced.then_some(cache.allocs),
        frees: is_traced.then_some(cache.frees),
        live_objects: cache.live_objects,
        live_bytes: cache.live_bytes,
    }
}

fn group(group: &GroupReport) -> Group<'_> {
    let is_traced = group.counted.is_none();
    Group {
        rank: group.rank,
        fingerprint: &group.fingerprint,
        boot: group.boot,
        cache: &group.cache,
        object_size: group.object_size,
        allocs: is_traced.then_some(group.allocs),
        frees: is_traced.then_some(group.frees),
        live_objects: group.live_objects,
        live_objects_min: group.live_objects_min,
        live_objects_max: group.live_objects_max,
        live_bytes: group.live_bytes,
        first_alloc: group.first_alloc,
        last_alloc: group.last_alloc,
        oldest_live: group.oldest_live,
        verdict: is_traced.then(|| group.verdict.name()),
        chain: group.chain.iter().map(frame).collect(),
        processes: group
            .processes
            .iter()
            .map(|process| Process {
                comm: process.comm.as_deref(),
                pid: process.pid,
                live_objects: process.live_objects,
            })
            .collect(),
        freed_by: group
            .freed_by
            .iter()
            .map(|freer| FreedBy {
                function: freer.function.as_deref(),
                module: freer.module.as_deref(),
                frees: freer.frees,
            })
            .collect(),
        examples: group
            .examples
            .iter()
            .map(|example| Example {
                line: example.line.0,
                time: example.time,
                address: &example.address,
            })
            .collect(),
        counted: group.counted.as_ref().map(counted),
        witness: crosscheck::json::of_group(&group.witness),
    }
}

fn account(account: &super::AccountReport) -> Account<'_> {
    Account {
        source: account.origin.name(),
        cache: account.cache.as_deref(),
        history: &account.history,
        gone_groups: account.gone_groups,
        inaccurate_rows: account.inaccurate_rows,
        cut: account.is_cut,
    }
}

fn counted(counted: &super::Counted) -> Counted<'_> {
    Counted {
        source: counted.origin.name(),
        history: &counted.history,
        grown_objects: counted.grown_objects(),
        grown_bytes: counted.grown_bytes,
        waste: counted.waste,
        ages: counted.ages,
        pids: counted.pids,
    }
}

pub(crate) fn frame(frame: &FrameReport) -> Frame<'_> {
    Frame {
        function: frame.function.as_deref(),
        offset: frame.offset,
        size: frame.size,
        module: frame.module.as_deref(),
        address: frame.address.map(|address| format!("{address:#x}")),
        reliable: frame.reliable,
        context: frame.context.name(),
        role: frame.role.name(),
        source: frame.source.as_ref().map(source),
        unresolved: frame.unresolved.as_ref().map(ToString::to_string),
        candidates: match &frame.unresolved {
            Some(Reason::Ambiguous(places)) => places.iter().map(source).collect(),
            _ => Vec::new(),
        },
    }
}

fn source(source: &crate::symbol::Source) -> Source<'_> {
    let inlined = source.inlined.iter().map(|call| Inlined {
        function: &call.function,
        file: &call.file,
        line: call.line,
        text: call.text.as_deref(),
    });
    Source {
        file: &source.file,
        line: source.line,
        column: source.column,
        text: source.text.as_deref(),
        inlined: inlined.collect(),
    }
}
