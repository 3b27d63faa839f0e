//! The text form: what a kernel engineer reads at a glance on an 80-column terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::balance::whole;
use super::quantity::{date, interval, rate, span, speed};
use super::report::{CacheReport, MonitorReport, PartReport, Samples, TimeUnit, Verdict};
use crate::print::number::{bytes, count, counted, sparkline};
use crate::print::write_wrapped;
use crate::print::{Escaped, Style};

/// Columns that names and sparklines of caches share.
const NAME_AND_BARS: usize = 31;

/// Columns of the names; longer ones push the rest of their row.
const NAME_MIN: usize = 5;
const NAME_MAX: usize = 22;

/// Columns of a use of memory, and of its sparkline.
const USE: usize = 18;
const USE_BARS: usize = 16;

/// Caches that do not leak are shown up to this many.
const OTHERS_MAX: usize = 8;

/// Writes the report as text, the verdict first.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    verdict(report, style, out)?;
    source(report, out)?;
    caches(report, style, out)?;
    memory(report, style, out)?;
    let notes = report.conclusion.notes.iter().cloned();
    let notes: Vec<String> =
        notes.chain(report.next_step.iter().map(ToString::to_string)).collect();
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("What to know and what to do"))?;
    notes.iter().try_for_each(|note| write_wrapped(out, "  - ", note))
}

fn verdict(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Vec::new();
    write_wrapped(&mut lines, "", &report.conclusion.sentence)?;
    let is_leak = report.conclusion.cache.is_some();
    // Each line is painted by itself: not every terminal carries colour over its end.
    String::from_utf8_lossy(&lines).lines().try_for_each(|line| {
        writeln!(out, "{}", if is_leak { style.alarm(line) } else { style.bold(line) })
    })
}

fn source(report: &MonitorReport, out: &mut impl Write) -> io::Result<()> {
    for input in &report.inputs {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        let (size, lines) = (bytes(input.bytes), counted(input.lines, "line"));
        writeln!(out, "{}  {size}, {lines}", Escaped(name))?;
    }
    write_wrapped(out, "", &samples(&report.samples))
}

fn samples(samples: &Samples) -> String {
    let mut text = counted(samples.count, "sample");
    if samples.unit == TimeUnit::Second {
        let _ = write!(text, " over {}", span(samples.span, samples.unit));
    }
    if let (Some(first), Some(last)) = (samples.first_time, samples.last_time) {
        let _ = write!(text, ", {} to {} UTC", date(first), date(last));
    }
    let told = [
        (samples.left_out, "of other runs left out"),
        (samples.skipped - samples.left_out, "empty"),
        (samples.partial, "incomplete"),
    ];
    for (number, what) in told.into_iter().filter(|(number, _)| *number > 0) {
        let _ = write!(text, "; {} {what}", count(number));
    }
    if samples.damaged_lines > 0 {
        let _ = write!(text, "; {} not understood", counted(samples.damaged_lines, "line"));
    }
    text
}

fn caches(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let leaking = report.caches.iter().filter(|cache| cache.verdict == Verdict::Leaking);
    let is_other =
        |cache: &&CacheReport| !matches!(cache.verdict, Verdict::Leaking | Verdict::Flat);
    let others = report.caches.iter().filter(is_other);
    let hidden = others.clone().count().saturating_sub(OTHERS_MAX);
    let shown: Vec<&CacheReport> = leaking.chain(others.take(OTHERS_MAX)).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let longest = shown.iter().map(|cache| cache.name.len()).max().unwrap_or(0);
    let width = longest.clamp(NAME_MIN, NAME_MAX);
    let columns = NAME_AND_BARS - width;
    let (from, to, growth) = ("from", "to", "growth");
    writeln!(
        out,
        "\n{:width$}  {:columns$}  {from:>9} {to:>9} {growth:>12}  verdict",
        "cache", "objects",
    )?;
    for cache in shown {
        cache_row(cache, report.samples.unit, (width, columns), style, out)?;
    }
    if hidden > 0 {
        writeln!(out, "{} not shown.", counted(hidden as u64, "other changing cache"))?;
    }
    Ok(())
}

fn cache_row(
    cache: &CacheReport,
    unit: TimeUnit,
    (width, columns): (usize, usize),
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let name = Escaped(&cache.name).to_string();
    let is_leak = cache.verdict == Verdict::Leaking;
    let bars = bars(&cache.series, columns);
    let bars = if is_leak { style.alarm(&bars) } else { bars };
    let (from, to) = (count(cache.objects_first), count(cache.objects_last));
    let (growth, verdict) = (speed(cache.slope_bytes, unit), cache.verdict.name());
    writeln!(out, "{name:width$}  {bars}  {from:>9} {to:>9} {growth:>12}  {verdict}")?;
    let grows = matches!(cache.verdict, Verdict::Leaking | Verdict::Growing);
    if grows { detail(cache, unit, out) } else { Ok(()) }
}

fn detail(cache: &CacheReport, unit: TimeUnit, out: &mut impl Write) -> io::Result<()> {
    let grown = cache.objects_last.saturating_sub(cache.objects_first);
    let (low, high) = interval(cache.slope, (cache.slope_low, cache.slope_high), unit);
    let mut text = format!(
        "{} of {} bytes (95 % sure of {} to {}), by chance {}; {} more, {}",
        rate(cache.slope, unit),
        count(cache.object_size),
        low,
        high,
        chance(cache.significance),
        counted(grown, "object"),
        bytes(grown.saturating_mul(cache.object_size)),
    );
    if let Some(time) = cache.doubles_in() {
        let _ = write!(text, "; doubles in {}", span(time, unit));
    }
    write_wrapped(out, "    ", &text)
}

fn chance(probability: f64) -> String {
    if probability < 1e-6 {
        "less than 1 in a million".to_owned()
    } else {
        format!("1 in {}", count(whole((1.0 / probability).round())))
    }
}

fn memory(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let is_shown = |part: &&PartReport| part.grows || part.slope.abs() >= 1.0;
    let shown: Vec<&PartReport> = report.memory.parts.iter().filter(is_shown).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let (from, to, growth) = ("from", "to", "growth");
    writeln!(out, "\n{:USE$}  {:USE_BARS$}  {from:>10} {to:>10} {growth:>12}", "memory", "")?;
    for part in shown {
        let bars = bars(&part.series, USE_BARS);
        let bars = if part.grows { style.alarm(&bars) } else { bars };
        let (name, growth) = (part.kind.name(), speed(part.slope, report.samples.unit));
        let (from, to) = (bytes(part.first), bytes(part.last));
        writeln!(out, "{name:USE$}  {bars}  {from:>10} {to:>10} {growth:>12}")?;
    }
    Ok(())
}

/// Bars for a series between its least and its greatest value, each the mean of its part of the
/// time.
fn bars(points: &[(f64, f64)], columns: usize) -> String {
    let values = columns_of(points, columns.min(points.len()));
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let heights: Vec<u64> = values.iter().map(|value| whole((value - least).round())).collect();
    format!("{:columns$}", sparkline(&heights))
}

/// The means of a series in as many equal spans of time; where nothing was sampled, as before.
fn columns_of(points: &[(f64, f64)], columns: usize) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let span = (last.0 - first.0).max(f64::EPSILON);
    let mut sums = vec![(0.0, 0.0); columns];
    for &(time, value) in points {
        let at = whole((time - first.0) / span * columns as f64);
        let at = usize::try_from(at).unwrap_or(0).min(columns - 1);
        sums[at].0 += value;
        sums[at].1 += 1.0;
    }
    let mut before = first.1;
    let mean = |(sum, count): (f64, f64)| {
        before = if count > 0.0 { sum / count } else { before };
        before
    };
    sums.into_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_time_and_not_the_number_of_samples() {
        // Ten samples in the first second, and one in each of the next three.
        let mut points: Vec<(f64, f64)> = (0..10).map(|at| (f64::from(at) / 10.0, 0.0)).collect();
        points.extend([(1.5, 50.0), (2.5, 100.0), (4.0, 100.0)]);
        assert_eq!(columns_of(&points, 4), [0.0, 50.0, 100.0, 100.0]);
        assert_eq!(bars(&points, 4), "▁▄██");
        assert_eq!(bars(&[], 4), "    ");
    }
}
