//! The JSON form: wire types, apart from the model so that it cannot change by accident.

use std::io::{self, Write};

use serde::Serialize;

use super::report::{GroupReport, KmemleakReport};
use crate::print::write_pretty;
use crate::report::json::{Frame, frame};

/// The format's name; the number changes when a field changes its meaning.
const SCHEMA: &str = "slabtrace.kmemleak/1";

/// Writes the report as one JSON document.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &KmemleakReport, out: &mut impl Write) -> io::Result<()> {
    write_pretty(&document(report), out)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    scans: usize,
    totals: Totals,
    new_objects: Option<u64>,
    gone_objects: Option<u64>,
    cut_objects: u64,
    #[serde(skip_serializing_if = "is_zero")]
    shared_objects: u64,
    damaged_lines: u64,
    groups: Vec<Group<'a>>,
    /// What is doubtful about the source places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    symbol_warnings: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Totals {
    objects: u64,
    bytes: u64,
    groups: u64,
}

#[derive(Serialize)]
struct Group<'a> {
    rank: usize,
    fingerprint: &'a str,
    cache: Option<&'a str>,
    kind: Option<&'static str>,
    objects: u64,
    bytes: u64,
    size: u64,
    new_objects: Option<u64>,
    gone_objects: Option<u64>,
    history: &'a [u64],
    trend: &'static str,
    oldest_age: Option<f64>,
    chain: Vec<Frame<'a>>,
    processes: Vec<Process<'a>>,
    example: Example<'a>,
}

#[derive(Serialize)]
struct Process<'a> {
    comm: Option<&'a str>,
    pid: Option<u32>,
    objects: u64,
}

#[derive(Serialize)]
struct Example<'a> {
    address: &'a str,
    hex: String,
}

fn document(report: &KmemleakReport) -> Document<'_> {
    let super::Totals { objects, bytes, groups } = report.totals;
    Document {
        schema: SCHEMA,
        scans: report.scans,
        totals: Totals { objects, bytes, groups },
        new_objects: report.new_objects,
        gone_objects: report.gone_objects,
        cut_objects: report.cut_objects,
        shared_objects: report.shared_objects,
        damaged_lines: report.damaged_lines,
        groups: report.groups.iter().map(group).collect(),
        symbol_warnings: report.symbol_warnings.iter().map(ToString::to_string).collect(),
    }
}

fn group(group: &GroupReport) -> Group<'_> {
    Group {
        rank: group.rank,
        fingerprint: &group.fingerprint,
        cache: group.cache.as_deref(),
        kind: group.kind.infix(),
        objects: group.objects,
        bytes: group.bytes,
        size: group.size,
        new_objects: group.new_objects,
        gone_objects: group.gone_objects,
        history: &group.history,
        trend: group.trend.name(),
        oldest_age: group.oldest_age,
        chain: group.chain.iter().map(frame).collect(),
        processes: group
            .processes
            .iter()
            .map(|process| Process {
                comm: process.comm.as_deref(),
                pid: process.pid,
                objects: process.objects,
            })
            .collect(),
        example: Example { address: &group.example.address, hex: hex(&group.example.hex) },
    }
}

/// Bytes as kmemleak prints them: `6b 6b a5`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
