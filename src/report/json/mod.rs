//! The JSON report: wire types, apart from the model so that it cannot change by accident.

mod frame;
mod group;
mod rollup;

use std::io::{self, Write};

use serde::Serialize;

use super::crosscheck;
use super::crosscheck::json::Witnesses;
use super::{Advice, CacheReport, Report};
use crate::print;
use crate::report::Origin;
pub(crate) use frame::{Frame, frame};
use group::{Family, Group, family, group};
use rollup::{Function, Rollup, function, rollup};

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
    conclusion: Option<&'a str>,
    inputs: Vec<Input<'a>>,
    boots: Vec<Boot<'a>>,
    totals: Totals,
    loss: Loss,
    caches: Vec<Cache<'a>>,
    groups: Vec<Group<'a>>,
    families: Vec<Family<'a>>,
    /// The groups added up, where `--group-by` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollup: Option<Rollup<'a>>,
    /// A function between its callers and callees, where `--function` names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Function<'a>>,
    /// What other witnesses say.
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<Witnesses<'a>>,
    /// The kernel's own counts that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Account<'a>>,
    advice: Vec<String>,
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
    /// Who told of its events.
    sources: Vec<&'static str>,
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
    entries_lost: u64,
    dropped_early: u64,
    broken_off: u64,
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
    inferred_allocs: u64,
    inferred_frees: u64,
    mended_addresses: u64,
}

#[derive(Serialize)]
struct Cache<'a> {
    name: &'a str,
    object_size: Option<u32>,
    allocs: Option<u64>,
    frees: Option<u64>,
    live_objects: u64,
    live_bytes: Option<u64>,
    proof: Option<&'static str>,
    links: Option<Links>,
}

/// How the headers of a cache's slabs follow from each other.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names that JSON uses")]
struct Links {
    alloc_links: u64,
    free_links: u64,
    alloc_breaks: u64,
    free_breaks: u64,
    unlinked: u64,
    inferred_allocs: u64,
    inferred_frees: u64,
    without_address: u64,
    slabs: u64,
    live_by_inuse: u64,
    unheard: u64,
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

fn document(report: &Report) -> Document<'_> {
    Document {
        schema: SCHEMA,
        source: (report.origin != Origin::Trace).then(|| report.origin.name()),
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        conclusion: report.conclusion.as_deref(),
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
        families: report.families.iter().map(family).collect(),
        rollup: report.rollup.as_ref().map(rollup),
        function: report.function.as_ref().map(function),
        witnesses: crosscheck::json::witnesses(&report.witness),
        accounts: report.accounts.iter().map(account).collect(),
        advice: report.advice.iter().map(ToString::to_string).collect(),
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
        sources: boot.sources.iter().map(|witness| witness.name()).collect(),
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
        entries_lost: loss.entries_lost,
        dropped_early: loss.dropped_early,
        broken_off: loss.broken_off,
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
        inferred_allocs: loss.inferred_allocs,
        inferred_frees: loss.inferred_frees,
        mended_addresses: loss.mended_addresses,
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
        proof: is_traced.then(|| cache.proof.name()),
        links: is_traced.then(|| links(&cache.links)),
    }
}

fn links(links: &super::Links) -> Links {
    Links {
        alloc_links: links.alloc_links,
        free_links: links.free_links,
        alloc_breaks: links.alloc_breaks,
        free_breaks: links.free_breaks,
        unlinked: links.unlinked,
        inferred_allocs: links.inferred_allocs,
        inferred_frees: links.inferred_frees,
        without_address: links.without_address,
        slabs: links.slabs,
        live_by_inuse: links.live_by_inuse,
        unheard: links.unheard,
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
