//! The text form: what a kernel engineer reads at a glance on an 80-column terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::build::{decimals, speed};
use super::report::{CacheReport, MonitorReport, PartReport, TimeUnit, Verdict};
use crate::report::number::{bytes, count, counted, duration, sparkline};
use crate::report::text::write_wrapped;
use crate::report::{Escaped, Style};

/// Columns of a sparkline.
const BARS: usize = 20;

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
    let sentence = &report.conclusion.sentence;
    let is_leak = report.conclusion.cache.is_some();
    // Colour would be broken by the wrapping; a verdict is a line of its own.
    if style == Style::Colour {
        return writeln!(
            out,
            "{}",
            if is_leak { style.alarm(sentence) } else { style.bold(sentence) }
        );
    }
    write_wrapped(out, "", sentence)
}

fn source(report: &MonitorReport, out: &mut impl Write) -> io::Result<()> {
    for input in &report.inputs {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        writeln!(
            out,
            "{}  {}, {}",
            Escaped(name),
            bytes(input.bytes),
            counted(input.lines, "line")
        )?;
    }
    let samples = &report.samples;
    let mut text = counted(samples.count, "sample");
    if samples.unit == TimeUnit::Second {
        let _ = write!(text, " over {}", duration(samples.span));
    }
    if samples.skipped > 0 {
        let _ = write!(text, ", {} not usable", count(samples.skipped));
    }
    if samples.partial > 0 {
        let _ = write!(text, ", {} of them incomplete", count(samples.partial));
    }
    writeln!(out, "{text}")
}

fn caches(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let leaking = report.caches.iter().filter(|cache| cache.verdict == Verdict::Leaking);
    let others = report
        .caches
        .iter()
        .filter(|cache| !matches!(cache.verdict, Verdict::Leaking | Verdict::Flat))
        .take(OTHERS_MAX);
    let shown: Vec<&CacheReport> = leaking.chain(others).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let width = shown.iter().map(|cache| cache.name.len()).max().unwrap_or(0).clamp(5, 24);
    let unit = unit(report);
    writeln!(
        out,
        "\n{:width$}  {:BARS$}  {:>9} {:>9} {:>9}  verdict",
        "cache",
        "objects",
        "from",
        "to",
        format!("bytes/{unit}")
    )?;
    for cache in shown {
        let name = Escaped(&cache.name).to_string();
        let bars = pad(&bars(&cache.series));
        let is_leak = cache.verdict == Verdict::Leaking;
        let bars = if is_leak { style.alarm(&bars) } else { bars };
        writeln!(
            out,
            "{name:width$}  {bars}  {:>9} {:>9} {:>9}  {}",
            count(cache.objects_first),
            count(cache.objects_last),
            speed(cache.slope_bytes),
            cache.verdict.name()
        )?;
        if is_leak {
            detail(cache, unit, out)?;
        }
    }
    Ok(())
}

fn detail(cache: &CacheReport, unit: &str, out: &mut impl Write) -> io::Result<()> {
    let grown = cache.objects_last.saturating_sub(cache.objects_first);
    let text = format!(
        "{} objects/{unit} of {} bytes (95 % sure of {} to {}), by chance {}; {} more, {}",
        decimals(cache.slope),
        count(cache.object_size),
        decimals(cache.slope_low),
        decimals(cache.slope_high),
        chance(cache.significance),
        counted(grown, "object"),
        bytes(grown.saturating_mul(cache.object_size)),
    );
    write_wrapped(out, "    ", &text)
}

fn chance(probability: f64) -> String {
    if probability < 1e-6 {
        "less than 1 in a million".to_owned()
    } else {
        format!("1 in {}", count(super::balance::whole((1.0 / probability).round())))
    }
}

fn memory(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let is_shown = |part: &&PartReport| part.grows || part.slope.abs() >= 1.0;
    let shown: Vec<&PartReport> = report.memory.parts.iter().filter(is_shown).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let unit = unit(report);
    writeln!(
        out,
        "\n{:18}  {:BARS$}  {:>9} {:>9} {:>9}",
        "memory",
        "",
        "from",
        "to",
        format!("bytes/{unit}")
    )?;
    for part in shown {
        let bars = pad(&bars(&part.series));
        let bars = if part.grows { style.alarm(&bars) } else { bars };
        writeln!(
            out,
            "{:18}  {bars}  {:>9} {:>9} {:>9}",
            part.kind.name(),
            bytes(part.first),
            bytes(part.last),
            speed(part.slope)
        )?;
    }
    Ok(())
}

fn unit(report: &MonitorReport) -> &'static str {
    if report.samples.unit == TimeUnit::Second { "s" } else { "sample" }
}

/// Bars for a series between its least and its greatest value.
fn bars(points: &[(f64, f64)]) -> String {
    let kept = points.len().min(BARS);
    let values: Vec<u64> = (0..kept)
        .map(|at| super::balance::whole(points[at * (points.len() - 1) / (kept - 1).max(1)].1))
        .collect();
    let least = values.iter().copied().min().unwrap_or(0);
    sparkline(&values.iter().map(|value| value - least).collect::<Vec<_>>())
}

fn pad(bars: &str) -> String {
    format!("{bars:BARS$}")
}
