//! The text form: what a kernel engineer reads at a glance on an 80-column terminal.

mod holdings;

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::monitor::balance::whole;
use crate::monitor::quantity::{date, interval, rate, span};
use crate::monitor::report::{CacheReport, MonitorReport, PartReport, Samples, TimeUnit, Verdict};
use crate::monitor::scale::{ByteUnit, SpeedUnit};
use crate::print::number::{bytes, count, counted, sparkline};

use crate::print::{Escaped, Style};

/// Columns that names and sparklines of caches share.
const NAME_AND_BARS: usize = 25;

/// A span that is this part of the log's is told as the whole.
const WHOLE_SPAN: f64 = 0.9;

/// What a speed makes of its span may be other than what the ends differ by, by this part.
const SWING: f64 = 0.25;

/// Columns of the names; longer ones push the rest of their row.
const NAME_MIN: usize = 5;
const NAME_MAX: usize = 22;

/// Columns of a use of memory, and of its sparkline.
const USE: usize = 18;
const USE_BARS: usize = 14;

/// Caches that do not leak are shown up to this many.
const OTHERS_MAX: usize = 8;

/// Writes the report as text, the verdict first.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    verdict(report, style, out)?;
    source(report, style, out)?;
    if let Some(snapshot) = &report.snapshot {
        holdings::write(snapshot, report.memory.available_last, out)?;
    } else {
        caches(report, style, out)?;
        memory(report, style, out)?;
    }
    let notes = report.conclusion.notes.iter().cloned();
    let notes: Vec<String> =
        notes.chain(report.next_step.iter().map(ToString::to_string)).collect();
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("What to know and what to do"))?;
    notes.iter().try_for_each(|note| style.paragraph(out, "  - ", note))
}

fn verdict(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Vec::new();
    style.paragraph(&mut lines, "", &report.conclusion.sentence)?;
    let is_leak = report.conclusion.cache.is_some();
    // Each line is painted by itself: not every terminal carries colour over its end.
    String::from_utf8_lossy(&lines).lines().try_for_each(|line| {
        writeln!(out, "{}", if is_leak { style.alarm(line) } else { style.bold(line) })
    })
}

fn source(report: &MonitorReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    for input in &report.inputs {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        let (size, lines) = (bytes(input.bytes), counted(input.lines, "line"));
        writeln!(out, "{}  {size}, {lines}", Escaped(name))?;
    }
    style.paragraph(out, "", &samples(&report.samples))
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
    let columns = CacheColumns::of(&shown, report.samples.unit);
    columns.heading(out)?;
    let is_late = shown.iter().any(|cache| has_begun_late(cache, report.samples));
    for cache in shown {
        columns.row(cache, style, out)?;
        if matches!(cache.verdict, Verdict::Leaking | Verdict::Growing) {
            detail(cache, report.samples, style, out)?;
        }
    }
    if is_late {
        writeln!(out, "What grows steadily is counted from where that began.")?;
    }
    if hidden > 0 {
        writeln!(out, "{} not shown.", counted(hidden as u64, "other changing cache"))?;
    }
    Ok(())
}

/// The widths and units of the caches' columns.
struct CacheColumns {
    name: usize,
    bars: usize,
    more: ByteUnit,
    speed: Option<SpeedUnit>,
}

impl CacheColumns {
    fn of(shown: &[&CacheReport], unit: TimeUnit) -> CacheColumns {
        let longest = shown.iter().map(|cache| cache.name.len()).max().unwrap_or(0);
        let name = longest.clamp(NAME_MIN, NAME_MAX);
        let more = shown.iter().map(|cache| Ends::of_cache(cache).more(cache.object_size));
        let steady = shown.iter().filter(|cache| cache.is_steady());
        CacheColumns {
            name,
            bars: NAME_AND_BARS - name,
            more: ByteUnit::of(more),
            speed: SpeedUnit::of(steady.map(|cache| cache.slope_bytes), unit),
        }
    }

    fn heading(&self, out: &mut impl Write) -> io::Result<()> {
        let CacheColumns { name, bars, more, speed } = self;
        let (from, to, more, speed) =
            ("from", "to", format!("more {}", more.name), name_of(*speed));
        writeln!(
            out,
            "\n{:name$}  {:bars$}  {from:>9} {to:>9} {more:>9} {speed:>8}  verdict",
            "cache", "objects",
        )
    }

    fn row(&self, cache: &CacheReport, style: Style, out: &mut impl Write) -> io::Result<()> {
        let CacheColumns { name: width, bars: columns, more, speed } = self;
        let name = Escaped(&cache.name).to_string();
        let bars = bars(&cache.series, *columns);
        let is_leak = cache.verdict == Verdict::Leaking;
        let bars = if is_leak { style.alarm(&bars) } else { bars };
        let ends = Ends::of_cache(cache);
        let more = more.change(ends.more(cache.object_size));
        // What does not grow steadily has no speed.
        let speed = speed.filter(|_| cache.is_steady());
        let speed = speed.map_or_else(String::new, |speed| speed.number(cache.slope_bytes));
        let (from, to, verdict) = (count(ends.from), count(ends.to), cache.verdict.name());
        writeln!(out, "{name:width$}  {bars}  {from:>9} {to:>9} {more:>9} {speed:>8}  {verdict}")
    }
}

/// The heading of a column of speeds, which may be empty.
fn name_of(speed: Option<SpeedUnit>) -> String {
    speed.map(SpeedUnit::name).unwrap_or_default()
}

/// Where the part of a series begins and ends that its speed is of.
#[derive(Clone, Copy)]
struct Ends {
    from: u64,
    to: u64,
}

impl Ends {
    fn of_cache(cache: &CacheReport) -> Ends {
        let all = Ends { from: cache.objects_first, to: cache.objects_last };
        if cache.is_steady() { all.of_last(&cache.series, cache.steady_span) } else { all }
    }

    fn of_part(part: &PartReport) -> Ends {
        let all = Ends { from: part.first, to: part.last };
        part.steady_span.map_or(all, |span| all.of_last(&part.series, span))
    }

    /// Those of the last so many units of time.
    fn of_last(self, series: &[(f64, f64)], span: f64) -> Ends {
        let begin = series.last().map_or(0.0, |point| point.0 - span);
        let first = series.iter().find(|point| point.0 >= begin - f64::EPSILON * begin.abs());
        Ends { from: first.map_or(self.from, |point| whole(point.1)), ..self }
    }

    /// The difference, of things of a size.
    fn more(self, size: u64) -> f64 {
        (self.to as f64 - self.from as f64) * size as f64
    }
}

/// Whether its speed is of the last part of the log alone.
fn has_begun_late(cache: &CacheReport, samples: Samples) -> bool {
    cache.is_steady() && cache.steady_span < samples.span * WHOLE_SPAN
}

fn detail(
    cache: &CacheReport,
    samples: Samples,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let unit = samples.unit;
    let ends = Ends::of_cache(cache);
    let grown = ends.to.saturating_sub(ends.from);
    let (low, high) = interval(cache.slope, (cache.slope_low, cache.slope_high), unit);
    let over = if has_begun_late(cache, samples) {
        format!(" over the last {}", span(cache.steady_span, unit))
    } else {
        String::new()
    };
    let text = format!(
        "{} of {} bytes{over} (95 % sure of {low} to {high}), by chance {}; {} more",
        rate(cache.slope, unit),
        count(cache.object_size),
        chance(cache.significance),
        counted(grown, "object"),
    );
    style.paragraph(out, "    ", &text)
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
    let ends = shown.iter().map(|part| Ends::of_part(part));
    let unit = ByteUnit::of(ends.flat_map(|ends| [ends.from as f64, ends.to as f64]));
    let steady = shown.iter().filter(|part| agrees(part));
    let speed = SpeedUnit::of(steady.map(|part| part.slope), report.samples.unit);
    let name = unit.name;
    let (from, to, more) = (format!("from {name}"), format!("to {name}"), format!("more {name}"));
    let (memory, none, per) = ("memory", "", name_of(speed));
    let heading =
        format!("{memory:USE$}  {none:USE_BARS$}  {from:>10} {to:>10} {more:>9} {per:>9}");
    writeln!(out, "\n{}", heading.trim_end())?;
    for part in shown {
        let bars = bars(&part.series, USE_BARS);
        let bars = if part.grows { style.alarm(&bars) } else { bars };
        let ends = Ends::of_part(part);
        let (from, to) = (unit.number(ends.from as f64), unit.number(ends.to as f64));
        let (use_, more) = (part.kind.name(), unit.change(ends.more(1)));
        let speed = speed.filter(|_| agrees(part));
        let speed = speed.map_or_else(String::new, |speed| speed.number(part.slope));
        let row = format!("{use_:USE$}  {bars}  {from:>10} {to:>10} {more:>9} {speed:>9}");
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

/// Whether a use of memory has a speed that its ends bear out: where it swings, they are chance.
fn agrees(part: &PartReport) -> bool {
    let Some(span) = part.steady_span else { return false };
    let (told, made) = (part.slope * span, Ends::of_part(part).more(1));
    part.grows || (told - made).abs() <= SWING * made.abs()
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
