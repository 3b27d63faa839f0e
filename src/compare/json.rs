//! A comparison as JSON: wire types, apart from the model so that it cannot change by accident.

use std::io::{self, Write};

use serde::Serialize;

use super::change::{Certainty, Change, ChangeKind, Match};
use super::diff::Diff;
use super::side::{Finding, Side};

/// The format's name; the number changes when a field changes its meaning.
const SCHEMA: &str = "slabtrace.diff/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    tool: Tool,
    conclusion: String,
    old: Report<'a>,
    new: Report<'a>,
    totals: Totals,
    changes: Vec<ChangeOut<'a>>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Report<'a> {
    title: &'a str,
    span_s: Option<f64>,
    findings: usize,
}

#[derive(Serialize)]
struct Totals {
    new: u64,
    worse: u64,
    better: u64,
    gone: u64,
    same: u64,
}

#[derive(Serialize)]
struct ChangeOut<'a> {
    kind: &'static str,
    sure: bool,
    matched: Option<&'static str>,
    likeness: Option<f64>,
    fingerprint: &'a str,
    cache: &'a str,
    old: Option<Place<'a>>,
    new: Option<Place<'a>>,
    chain: Vec<Step<'a>>,
}

/// What one of the reports says of a place.
#[derive(Serialize)]
struct Place<'a> {
    fingerprint: &'a str,
    verdict: &'static str,
    objects: u64,
    likely_low: u64,
    likely_high: u64,
    bytes: Option<u64>,
    bytes_per_hour: Option<f64>,
}

#[derive(Serialize)]
struct Step<'a> {
    function: &'a str,
    module: Option<&'a str>,
    file: Option<&'a str>,
    line: Option<u32>,
}

/// Writes a comparison as one JSON document.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(diff: &Diff, out: &mut impl Write) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        conclusion: super::text::conclusion(diff),
        old: report(&diff.old),
        new: report(&diff.new),
        totals: Totals {
            new: diff.count(ChangeKind::New),
            worse: diff.count(ChangeKind::Worse),
            better: diff.count(ChangeKind::Better),
            gone: diff.count(ChangeKind::Gone),
            same: diff.same,
        },
        changes: diff.changes.iter().filter_map(|change| self::change(change, diff)).collect(),
    };
    crate::print::write_pretty(&document, out)
}

fn report(side: &Side) -> Report<'_> {
    Report { title: &side.title, span_s: side.span, findings: side.findings.len() }
}

fn change<'a>(change: &'a Change, diff: &'a Diff) -> Option<ChangeOut<'a>> {
    let latest = change.latest()?;
    let (matched, likeness) = match change.matched {
        Match::Exact => (Some("exact"), None),
        Match::Near(likeness) => (Some("near"), Some(likeness)),
        Match::None => (None, None),
    };
    Some(ChangeOut {
        kind: change.kind.name(),
        sure: change.certainty == Certainty::Sure,
        matched,
        likeness,
        fingerprint: &latest.fingerprint,
        cache: &latest.cache,
        old: change.old.as_ref().map(|finding| place(finding, &diff.old)),
        new: change.new.as_ref().map(|finding| place(finding, &diff.new)),
        chain: latest
            .chain
            .iter()
            .map(|step| Step {
                function: &step.function,
                module: step.module.as_deref(),
                file: step.file.as_deref(),
                line: step.line,
            })
            .collect(),
    })
}

fn place<'a>(finding: &'a Finding, side: &Side) -> Place<'a> {
    Place {
        fingerprint: &finding.fingerprint,
        verdict: finding.standing.name(),
        objects: finding.objects,
        likely_low: finding.likely.0,
        likely_high: finding.likely.1,
        bytes: finding.bytes,
        bytes_per_hour: Diff::bytes_per_hour(finding, side),
    }
}
