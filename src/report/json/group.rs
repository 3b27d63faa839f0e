//! Groups and families, as JSON has them.

use serde::Serialize;

use super::frame::{Frame, frame};
use crate::report::crosscheck;
use crate::report::crosscheck::json::OfGroup;
use crate::report::{self, FamilyReport, GroupReport};

#[derive(Serialize)]
pub(super) struct Group<'a> {
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
    /// Trace events alone say what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_size: Option<u64>,
    first_alloc: Option<f64>,
    last_alloc: Option<f64>,
    oldest_live: Option<f64>,
    live_likely_low: u64,
    live_likely_high: u64,
    oldest_age: Option<f64>,
    youngest_age: Option<f64>,
    verdict: Option<&'static str>,
    reason: Option<String>,
    family: Option<&'a str>,
    lifetimes: Option<Lifetimes>,
    growth: Option<Growth>,
    timeline: Option<Timeline>,
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

/// Groups that are one place of the code, in one boot.
#[derive(Serialize)]
pub(super) struct Family<'a> {
    #[serde(rename = "family")]
    name: &'a str,
    boot: usize,
    verdict: &'static str,
    reason: String,
    allocs: u64,
    frees: u64,
    live_objects: u64,
    live_likely_low: u64,
    live_likely_high: u64,
    live_bytes: Option<u64>,
    outliving: u64,
    oldest_age: Option<f64>,
    youngest_age: Option<f64>,
    lifetimes: Option<Lifetimes>,
    growth: Option<Growth>,
    timeline: Option<Timeline>,
}

/// How long freed objects lived, in seconds.
#[derive(Serialize)]
struct Lifetimes {
    count: u64,
    min: f64,
    median: f64,
    p99: f64,
    max: f64,
}

/// How fast live objects became more.
#[derive(Serialize)]
struct Growth {
    objects_per_s: f64,
    low: f64,
    high: f64,
    significance: f64,
}

/// What happened in each part of a boot's time.
#[derive(Serialize)]
struct Timeline {
    start: f64,
    end: f64,
    allocs: Vec<u64>,
    frees: Vec<u64>,
    live: Vec<u64>,
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

pub(super) fn group(group: &GroupReport) -> Group<'_> {
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
        requested_size: group.requested_size,
        first_alloc: group.first_alloc,
        last_alloc: group.last_alloc,
        oldest_live: group.oldest_live,
        live_likely_low: group.likely.0,
        live_likely_high: group.likely.1,
        oldest_age: group.ages.map(|ages| ages.oldest),
        youngest_age: group.ages.map(|ages| ages.youngest),
        verdict: group.judgement.map(|judgement| judgement.verdict.name()),
        reason: group.judgement.map(|judgement| judgement.reason.to_string()),
        family: is_traced.then_some(&group.family),
        lifetimes: group.lifetimes.map(lifetimes),
        growth: group.timeline.as_deref().and_then(report::Timeline::growth).map(growth),
        timeline: group.timeline.as_deref().map(timeline),
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

pub(super) fn family(family: &FamilyReport) -> Family<'_> {
    Family {
        name: &family.name,
        boot: family.boot,
        verdict: family.judgement.verdict.name(),
        reason: family.judgement.reason.to_string(),
        allocs: family.allocs,
        frees: family.frees,
        live_objects: family.live_objects,
        live_likely_low: family.likely.0,
        live_likely_high: family.likely.1,
        live_bytes: family.live_bytes,
        outliving: family.outliving,
        oldest_age: family.ages.map(|ages| ages.oldest),
        youngest_age: family.ages.map(|ages| ages.youngest),
        lifetimes: family.lifetimes.map(lifetimes),
        growth: family.growth().map(growth),
        timeline: family.timeline.as_deref().map(timeline),
    }
}

fn lifetimes(lifetimes: report::Lifetimes) -> Lifetimes {
    let report::Lifetimes { count, min, median, p99, max } = lifetimes;
    Lifetimes { count, min, median, p99, max }
}

fn growth(growth: report::Growth) -> Growth {
    let report::Growth { objects_per_s, low, high, significance } = growth;
    Growth { objects_per_s, low, high, significance }
}

fn timeline(timeline: &report::Timeline) -> Timeline {
    Timeline {
        start: timeline.start,
        end: timeline.end,
        allocs: timeline.allocs.to_vec(),
        frees: timeline.frees.to_vec(),
        live: timeline.live().to_vec(),
    }
}

fn counted(counted: &report::Counted) -> Counted<'_> {
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
