//! The witnesses' part of the JSON report: wire types.

use serde::Serialize;

use super::model::{GrowthReport, Period};
use super::{GroupWitness, KernelCount, Unreferenced, WitnessReport};

/// What the witnesses say of the whole.
#[derive(Serialize)]
pub(crate) struct Witnesses<'a> {
    growth: Vec<Growth<'a>>,
    memory: Vec<Memory>,
    kmemleak: Option<Kmemleak<'a>>,
}

#[derive(Serialize)]
struct Growth<'a> {
    cache: &'a str,
    boot: usize,
    counted_by: &'static str,
    first_line: Option<u64>,
    last_line: Option<u64>,
    seconds: Option<f64>,
    objects_first: u64,
    objects_last: u64,
    spacing: u64,
    survivors: u64,
    explained: Option<f64>,
    top_fingerprint: Option<&'a str>,
    top_survivors: Option<u64>,
    grown_per_s: Option<f64>,
    survivors_per_s: Option<f64>,
    sentence: String,
    reservations: Vec<String>,
}

#[derive(Serialize)]
struct Memory {
    name: &'static str,
    first: u64,
    last: u64,
    sentence: String,
}

#[derive(Serialize)]
struct Kmemleak<'a> {
    scans: usize,
    groups: u64,
    matched_groups: u64,
    other_objects: u64,
    others: Vec<Other<'a>>,
}

#[derive(Serialize)]
struct Other<'a> {
    fingerprint: &'a str,
    function: Option<&'a str>,
    size: u64,
    objects: u64,
}

/// What they say of a group.
#[derive(Serialize)]
pub(crate) struct OfGroup {
    between_counts: Option<u64>,
    kmemleak: Option<Leak>,
    kernel: Option<Count>,
}

#[derive(Serialize)]
struct Leak {
    objects_last: u64,
    objects_most: u64,
    likeness: &'static str,
    rivals: u64,
}

#[derive(Serialize)]
struct Count {
    source: &'static str,
    objects: u64,
    survivors: u64,
    groups: u64,
    likeness: &'static str,
}

pub(crate) fn witnesses(report: &WitnessReport) -> Option<Witnesses<'_>> {
    (!report.is_empty()).then(|| Witnesses {
        growth: report.growth.iter().map(growth).collect(),
        memory: report
            .memory
            .iter()
            .map(|memory| Memory {
                name: memory.name,
                first: memory.first,
                last: memory.last,
                sentence: memory.sentence(),
            })
            .collect(),
        kmemleak: report.kmemleak.as_ref().map(|kmemleak| Kmemleak {
            scans: kmemleak.scans,
            groups: kmemleak.groups,
            matched_groups: kmemleak.matched_groups,
            other_objects: kmemleak.other_objects,
            others: kmemleak
                .others
                .iter()
                .map(|leak| Other {
                    fingerprint: &leak.fingerprint,
                    function: leak.function.as_deref(),
                    size: leak.size,
                    objects: leak.objects,
                })
                .collect(),
        }),
    })
}

fn growth(growth: &GrowthReport) -> Growth<'_> {
    let (counted_by, lines, seconds) = match growth.period {
        Period::Lines { first, last } => ("slabinfo", Some((first.0, last.0)), None),
        Period::Monitor { seconds } => ("monitor", None, seconds),
    };
    Growth {
        cache: &growth.cache.name,
        boot: growth.cache.boot,
        counted_by,
        first_line: lines.map(|(first, _)| first),
        last_line: lines.map(|(_, last)| last),
        seconds,
        objects_first: growth.objects_first,
        objects_last: growth.objects_last,
        spacing: growth.spacing,
        survivors: growth.survivors,
        explained: growth.explained(),
        top_fingerprint: growth.top.as_ref().map(|top| top.fingerprint.as_str()),
        top_survivors: growth.top.as_ref().map(|top| top.survivors),
        grown_per_s: growth.rates.map(|(grown, _)| grown),
        survivors_per_s: growth.rates.map(|(_, survivors)| survivors),
        sentence: growth.sentence(),
        reservations: growth.reservations.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn of_group(witness: &GroupWitness) -> Option<OfGroup> {
    (!witness.is_empty()).then(|| OfGroup {
        between_counts: witness.between_counts,
        kmemleak: witness.kmemleak.as_ref().map(leak),
        kernel: witness.kernel.as_ref().map(count),
    })
}

fn leak(leak: &Unreferenced) -> Leak {
    Leak {
        objects_last: leak.objects_last,
        objects_most: leak.objects_most,
        likeness: leak.likeness.name(),
        rivals: leak.rivals,
    }
}

fn count(count: &KernelCount) -> Count {
    Count {
        source: count.origin.name(),
        objects: count.objects,
        survivors: count.survivors,
        groups: count.groups,
        likeness: count.likeness.name(),
    }
}
