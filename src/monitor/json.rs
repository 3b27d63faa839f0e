//! The JSON form: wire types, apart from the model so that it cannot change by accident.

use std::io::{self, Write};

use serde::Serialize;

use super::report::{CacheReport, MonitorReport, PartReport, RunReport, TimeUnit};
use super::snapshot::Snapshot;
use crate::print::write_pretty;

/// The format's name; the number changes when a field changes its meaning.
const SCHEMA: &str = "slabtrace.monitor/1";

/// Writes the report as one JSON document.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &MonitorReport, out: &mut impl Write) -> io::Result<()> {
    write_pretty(&document(report), out)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    inputs: Vec<Input<'a>>,
    samples: Samples,
    conclusion: Conclusion<'a>,
    snapshot: Option<Holdings<'a>>,
    caches: Vec<Cache<'a>>,
    memory: Memory,
    other_runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Input<'a> {
    path: &'a str,
    bytes: u64,
    lines: u64,
}

#[derive(Serialize)]
struct Run<'a> {
    samples: u64,
    first_time: Option<f64>,
    last_time: Option<f64>,
    leaking: Option<&'a str>,
    slope_objects_per_s: Option<f64>,
}

#[derive(Serialize)]
struct Samples {
    count: u64,
    first_time: Option<f64>,
    last_time: Option<f64>,
    span_s: Option<f64>,
    skipped: u64,
    left_out: u64,
    partial: u64,
    undated: u64,
    damaged_lines: u64,
    restarts: u64,
    inputs_sorted: bool,
    unit: &'static str,
}

#[derive(Serialize)]
struct Conclusion<'a> {
    kind: &'static str,
    cache: Option<&'a str>,
    sentence: &'a str,
    notes: &'a [String],
    next_step: Option<String>,
}

/// What holds memory, where samples are too few for a verdict.
#[derive(Serialize)]
struct Holdings<'a> {
    slab_bytes: u64,
    slab_source: &'static str,
    memory_bytes: Option<u64>,
    caches: Vec<HoldingCache<'a>>,
    memory: Vec<HoldingUse>,
}

#[derive(Serialize)]
struct HoldingCache<'a> {
    name: &'a str,
    objects: u64,
    bytes: u64,
    share: f64,
    objects_before: Option<u64>,
    bytes_before: Option<u64>,
    reclaimable: bool,
}

#[derive(Serialize)]
struct HoldingUse {
    kind: &'static str,
    bytes: u64,
    share: Option<f64>,
    bytes_before: Option<u64>,
}

/// Slopes are per second where the log has dates or an interval was given, else per sample;
/// `samples.unit` says which.
#[derive(Serialize)]
struct Cache<'a> {
    name: &'a str,
    objects_first: u64,
    objects_last: u64,
    object_size: u64,
    slope_objects_per_s: f64,
    slope_low: f64,
    slope_high: f64,
    slope_bytes_per_s: f64,
    significance: f64,
    share: Option<f64>,
    comes_with: Option<&'a str>,
    verdict: &'static str,
}

#[derive(Serialize)]
struct Memory {
    slab_slope_bytes_per_s: Option<f64>,
    unreclaimable_slope_bytes_per_s: Option<f64>,
    unaccounted_slope_bytes_per_s: Option<f64>,
    available_first: Option<u64>,
    available_last: Option<u64>,
    exhausted_in_s: Option<f64>,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    kind: &'static str,
    first: u64,
    last: u64,
    slope_bytes_per_s: f64,
    grows: bool,
}

fn document(report: &MonitorReport) -> Document<'_> {
    let samples = &report.samples;
    let is_timed = samples.unit == TimeUnit::Second;
    let memory = &report.memory;
    Document {
        schema: SCHEMA,
        inputs: report
            .inputs
            .iter()
            .map(|input| Input { path: &input.path, bytes: input.bytes, lines: input.lines })
            .collect(),
        samples: Samples {
            count: samples.count,
            first_time: samples.first_time,
            last_time: samples.last_time,
            span_s: is_timed.then_some(samples.span),
            skipped: samples.skipped,
            left_out: samples.left_out,
            partial: samples.partial,
            undated: samples.undated,
            damaged_lines: samples.damaged_lines,
            restarts: samples.restarts,
            inputs_sorted: samples.is_sorted,
            unit: if is_timed { "second" } else { "sample" },
        },
        conclusion: Conclusion {
            kind: report.conclusion.kind.name(),
            cache: report.conclusion.cache.as_deref(),
            sentence: &report.conclusion.sentence,
            notes: &report.conclusion.notes,
            next_step: report.next_step.as_ref().map(ToString::to_string),
        },
        snapshot: report.snapshot.as_ref().map(holdings),
        caches: report.caches.iter().map(cache).collect(),
        memory: Memory {
            slab_slope_bytes_per_s: memory.slab_slope,
            unreclaimable_slope_bytes_per_s: memory.unreclaimable_slope,
            unaccounted_slope_bytes_per_s: memory.unaccounted_slope,
            available_first: memory.available_first,
            available_last: memory.available_last,
            exhausted_in_s: memory.exhausted_in.filter(|_| is_timed),
            parts: memory.parts.iter().map(part).collect(),
        },
        other_runs: report.runs.iter().map(run).collect(),
    }
}

fn holdings(snapshot: &Snapshot) -> Holdings<'_> {
    let caches = snapshot.caches.iter().map(|cache| HoldingCache {
        name: &cache.name,
        objects: cache.objects,
        bytes: cache.bytes,
        share: cache.share,
        objects_before: cache.before.map(|(objects, _)| objects),
        bytes_before: cache.before.map(|(_, bytes)| bytes),
        reclaimable: cache.is_reclaimable,
    });
    let memory = snapshot.memory.iter().map(|holding| HoldingUse {
        kind: holding.kind.name(),
        bytes: holding.bytes,
        share: holding.share,
        bytes_before: holding.before,
    });
    Holdings {
        slab_bytes: snapshot.slab_bytes,
        slab_source: snapshot.slab_source.name(),
        memory_bytes: snapshot.memory_bytes,
        caches: caches.collect(),
        memory: memory.collect(),
    }
}

fn cache(cache: &CacheReport) -> Cache<'_> {
    Cache {
        name: &cache.name,
        objects_first: cache.objects_first,
        objects_last: cache.objects_last,
        object_size: cache.object_size,
        slope_objects_per_s: cache.slope,
        slope_low: cache.slope_low,
        slope_high: cache.slope_high,
        slope_bytes_per_s: cache.slope_bytes,
        significance: cache.significance,
        share: cache.share,
        comes_with: cache.comes_with.as_deref(),
        verdict: cache.verdict.name(),
    }
}

fn run(run: &RunReport) -> Run<'_> {
    Run {
        samples: run.count,
        first_time: run.first_time,
        last_time: run.last_time,
        leaking: run.leak.as_ref().map(|(name, _)| name.as_str()),
        slope_objects_per_s: run.leak.as_ref().map(|(_, slope)| *slope),
    }
}

fn part(part: &PartReport) -> Part {
    Part {
        kind: part.kind.name(),
        first: part.first,
        last: part.last,
        slope_bytes_per_s: part.slope,
        grows: part.grows,
    }
}
