//! The tidy form for plotting programs: one line for each time, series and value.

use std::io::{self, Write};

use super::report::MonitorReport;
use crate::print::Escaped;

/// Writes every series: caches in objects, memory in bytes. Time is in seconds since 1970 where
/// the log has dates, else from the first sample on.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &MonitorReport, out: &mut impl Write) -> io::Result<()> {
    let start = report.samples.first_time.unwrap_or(0.0);
    writeln!(out, "time,series,value")?;
    series("free memory", &report.memory.free, start, out)?;
    series("available memory", &report.memory.available, start, out)?;
    for part in &report.memory.parts {
        series(part.kind.name(), &part.series, start, out)?;
    }
    for cache in &report.caches {
        series(&cache.name, &cache.series, start, out)?;
    }
    Ok(())
}

fn series(name: &str, points: &[(f64, f64)], start: f64, out: &mut impl Write) -> io::Result<()> {
    let name = quoted(name);
    points.iter().try_for_each(|(time, value)| writeln!(out, "{},{name},{value}", start + time))
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
