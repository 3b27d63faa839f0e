//! The tidy form for plotting programs: one line for each time, series and value.

use std::io::{self, Write};

use super::report::MonitorReport;
use super::snapshot::Snapshot;
use crate::print::Escaped;

/// Writes every series, each line with its unit: caches in objects, memory in bytes. Time is in seconds since 1970 where
/// the log has dates, else from the first sample on.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &MonitorReport, out: &mut impl Write) -> io::Result<()> {
    let start = report.samples.first_time.unwrap_or(0.0);
    writeln!(out, "time,series,unit,value")?;
    series("free memory", "bytes", &report.memory.free, start, out)?;
    series("available memory", "bytes", &report.memory.available, start, out)?;
    if let (Some(snapshot), 1) = (&report.snapshot, report.samples.count) {
        return held(snapshot, start, out);
    }
    for part in &report.memory.parts {
        series(part.kind.name(), "bytes", &part.series, start, out)?;
    }
    for cache in &report.caches {
        series(&cache.name, "objects", &cache.series, start, out)?;
    }
    Ok(())
}

/// A single sample makes no series, and is a row of each.
fn held(snapshot: &Snapshot, start: f64, out: &mut impl Write) -> io::Result<()> {
    for holding in &snapshot.memory {
        series(holding.kind.name(), "bytes", &[(0.0, holding.bytes as f64)], start, out)?;
    }
    for cache in &snapshot.caches {
        series(&cache.name, "objects", &[(0.0, cache.objects as f64)], start, out)?;
        series(&cache.name, "bytes", &[(0.0, cache.bytes as f64)], start, out)?;
    }
    Ok(())
}

fn series(
    name: &str,
    unit: &str,
    points: &[(f64, f64)],
    start: f64,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = quoted(name);
    points
        .iter()
        .try_for_each(|(time, value)| writeln!(out, "{},{name},{unit},{value}", start + time))
}

/// A field as RFC 4180 wants it, with nothing hidden in it.
fn quoted(name: &str) -> String {
    let name = Escaped(name).to_string();
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name
    }
}
