//! The report as a picture: memory on top, the growing caches below it.
//!
//! One file without references to others, in light and dark colours as the viewer has them.

mod axis;
mod bars;
mod panel;
mod xml;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::io;

use super::quantity::{date, rate, span, speed};
use super::report::{CacheReport, MonitorReport, PartReport, TimeUnit, Verdict};
use crate::print::number::bytes;
use crate::statistics::median;
use axis::{Time, Unit, time_ticks};
use panel::{Frame, Line, Panel, Stroke};
use xml::Xml;

/// The picture's width.
const WIDTH: f64 = 960.0;

/// Room for the values at the left of a diagram.
const LEFT: f64 = 92.0;

/// Room at the right of the last diagram.
const RIGHT: f64 = 28.0;

/// Room for a diagram's heading, and for the times below it.
const HEAD: f64 = 30.0;
const FOOT: f64 = 46.0;

const WIDE_HEIGHT: f64 = 120.0;
const SMALL_HEIGHT: f64 = 90.0;

/// Columns of caches.
const COLUMNS: usize = 2;

/// Caches that leak are drawn up to this many, and others up to this many.
const LEAKS_MAX: usize = 4;
const OTHERS_MAX: usize = 6;

/// Uses of memory that grow are drawn up to this many.
const PARTS_MAX: usize = 3;

/// Characters in a line of the verdict.
const LINE_CHARACTERS: usize = 92;

/// The colours of light and of dark grounds. Contrast of text is 4.5 to 1 at least.
const STYLE: &str = "\
.ground{fill:#fff}text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}
.verdict{font-size:17px;font-weight:600}.from{font-size:13px;fill:#59636e}.head{font-size:14px}
.name{font-weight:600}.note{font-size:13px;fill:#59636e}.mark{font-size:12px;fill:#59636e}
.end{text-anchor:end}.mid{text-anchor:middle}
path{fill:none}.bar{fill:#0969da}.grid{stroke:#d8dee4}.axis{stroke:#818b98}
.line{stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.main{stroke:#0969da}.line.alarm{stroke:#cf222e;stroke-width:2.5}.line.second{stroke:#8250df;stroke-dasharray:6 4}
.line.trend{stroke:#818b98;stroke-width:1.5}
.name.main{fill:#0969da}.name.alarm{fill:#cf222e}.name.second{fill:#8250df}
@media(prefers-color-scheme:dark){
.bar{fill:#4493f8}.ground{fill:#0d1117}text{fill:#f0f6fc}.from,.note,.mark{fill:#9198a1}.grid{stroke:#2a313c}.axis{stroke:#656c76}
.line.main{stroke:#4493f8}.line.alarm{stroke:#ff7b72}.line.second{stroke:#be8fff}.line.trend{stroke:#656c76}
.name.main{fill:#4493f8}.name.alarm{fill:#ff7b72}.name.second{fill:#be8fff}}
";

/// Writes the report as an SVG picture.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &MonitorReport, out: &mut impl io::Write) -> io::Result<()> {
    let picture = picture(report).map_err(|_| io::Error::other("the picture has no text"))?;
    out.write_all(picture.as_bytes())
}

fn picture(report: &MonitorReport) -> Result<String, fmt::Error> {
    let verdict = wrapped(&report.conclusion.sentence);
    let mut body = String::new();
    let mut y = 34.0;
    for line in &verdict {
        writeln!(body, r#"<text class="verdict" x="24" y="{y:.0}">{}</text>"#, Xml(line))?;
        y += 24.0;
    }
    writeln!(body, r#"<text class="from" x="24" y="{y:.0}">{}</text>"#, Xml(&source(report)))?;
    y += 14.0;
    if let Some(snapshot) = &report.snapshot {
        y = bars::draw(snapshot, y, &mut body)?;
    } else {
        y = wide_panels(report, y, &mut body)?;
        y = small_panels(report, y, &mut body)?;
    }
    let height = y + 8.0;
    let mut out = String::new();
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0} {height:.0}" width="{WIDTH:.0}" height="{height:.0}" role="img" aria-labelledby="title desc">"#
    )?;
    writeln!(out, r#"<title id="title">{}</title>"#, Xml(&report.conclusion.sentence))?;
    writeln!(out, r#"<desc id="desc">{}</desc>"#, Xml(&description(report)))?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(out, r#"<rect class="ground" width="100%" height="100%"/>"#)?;
    out.push_str(&body);
    writeln!(out, "</svg>")?;
    Ok(out)
}

/// What the picture shows, for those who do not see it.
fn description(report: &MonitorReport) -> String {
    let caches = leaks(report).into_iter().chain(others(report));
    let told = caches.map(|cache| {
        format!(
            "{} from {} to {} objects, {}",
            cache.name,
            cache.objects_first,
            cache.objects_last,
            cache.verdict.name()
        )
    });
    let told: Vec<String> = told.collect();
    if let Some(snapshot) = &report.snapshot {
        return format!("What holds memory, {}. {}", source(report), bars::description(snapshot));
    }
    let list = if told.is_empty() { "none".to_owned() } else { told.join("; ") };
    format!("Memory over time, {}. Caches: {list}.", source(report))
}

fn source(report: &MonitorReport) -> String {
    let samples = &report.samples;
    let count = crate::print::number::counted(samples.count, "sample");
    let over = if samples.unit == TimeUnit::Second {
        format!(" over {}", span(samples.span, samples.unit))
    } else {
        String::new()
    };
    match (samples.first_time, samples.last_time) {
        (Some(first), Some(last)) => {
            format!("{count}{over}, from {} to {} UTC", date(first), date(last))
        }
        _ => format!("{count}{over}"),
    }
}

/// Memory and the caches that leak, one below the other.
fn wide_panels(report: &MonitorReport, top: f64, out: &mut String) -> Result<f64, fmt::Error> {
    let unit = report.samples.unit;
    let mut panels = memory_panels(report);
    panels.extend(leaks(report).into_iter().map(|cache| cache_panel(cache, unit)));
    let times = time_ticks(time(report), report.samples.span, 7.0);
    let mut y = top;
    for (at, panel) in panels.iter().enumerate() {
        let is_last = at + 1 == panels.len();
        let frame =
            Frame { x: LEFT, y: y + HEAD, width: WIDTH - LEFT - RIGHT, height: WIDE_HEIGHT };
        panel.draw(frame, report.samples.span, if is_last { &times } else { &[] }, out)?;
        y += HEAD + WIDE_HEIGHT + if is_last { FOOT } else { 10.0 };
    }
    Ok(y)
}

/// The other caches that change, in columns.
fn small_panels(report: &MonitorReport, top: f64, out: &mut String) -> Result<f64, fmt::Error> {
    let caches = others(report);
    let width = WIDTH / COLUMNS as f64 - LEFT - RIGHT;
    let times = time_ticks(time(report), report.samples.span, 4.5);
    for (at, cache) in caches.iter().enumerate() {
        let (row, column) = (at / COLUMNS, at % COLUMNS);
        let x = LEFT + column as f64 * (width + LEFT + RIGHT);
        let y = top + HEAD + row as f64 * (HEAD + SMALL_HEIGHT + FOOT);
        let frame = Frame { x, y, width, height: SMALL_HEIGHT };
        cache_panel(cache, report.samples.unit).draw(frame, report.samples.span, &times, out)?;
    }
    Ok(top + caches.len().div_ceil(COLUMNS) as f64 * (HEAD + SMALL_HEIGHT + FOOT))
}

/// Free memory, unreclaimable slab memory, and what else grows.
fn memory_panels(report: &MonitorReport) -> Vec<Panel> {
    let memory = &report.memory;
    let line = |name: &str, stroke, points: &[(f64, f64)]| Line {
        name: name.to_owned(),
        stroke,
        points: points.to_vec(),
    };
    let mut panels = Vec::new();
    if !memory.free.is_empty() {
        let lines = vec![
            line("free memory", Stroke::Main, &memory.free),
            line("available", Stroke::Second, &memory.available),
        ];
        panels.push(Panel { note: String::new(), unit: Unit::Bytes, lines });
    }
    let is_main = |part: &&PartReport| {
        matches!(part.kind, super::MemoryKind::Unreclaimable | super::MemoryKind::Slab)
    };
    let slab = memory.parts.iter().filter(is_main);
    let grown = memory.parts.iter().filter(|part| part.grows && !is_main(part)).take(PARTS_MAX);
    panels.extend(slab.chain(grown).map(|part| {
        let stroke =
            if part.grows && !part.kind.is_given_back() { Stroke::Alarm } else { Stroke::Main };
        Panel {
            note: note(part, report.samples.unit),
            unit: Unit::Bytes,
            lines: vec![line(part.kind.name(), stroke, &part.series)],
        }
    }));
    panels
}

/// How fast a use of memory grows; where it has no speed, by how much it is more or less.
fn note(part: &PartReport, unit: TimeUnit) -> String {
    if part.steady_span.is_some() {
        return speed(part.slope, unit);
    }
    let amount = bytes(part.last.abs_diff(part.first));
    match part.last.cmp(&part.first) {
        Ordering::Less => format!("{amount} less"),
        Ordering::Equal => "as much as before".to_owned(),
        Ordering::Greater => format!("{amount} more"),
    }
}

/// The caches that leak.
fn leaks(report: &MonitorReport) -> Vec<&CacheReport> {
    let leaks = report.caches.iter().filter(|cache| cache.verdict == Verdict::Leaking);
    leaks.take(LEAKS_MAX).collect()
}

/// What else changes: caches that grow, then others.
fn others(report: &MonitorReport) -> Vec<&CacheReport> {
    let rank = |cache: &&CacheReport| match cache.verdict {
        Verdict::Growing => 0,
        Verdict::Reclaimable => 1,
        _ => 2,
    };
    let is_other =
        |cache: &&CacheReport| !matches!(cache.verdict, Verdict::Leaking | Verdict::Flat);
    let mut caches: Vec<&CacheReport> = report.caches.iter().filter(is_other).collect();
    caches.sort_by_key(rank);
    caches.truncate(OTHERS_MAX);
    caches
}

fn cache_panel(cache: &CacheReport, unit: TimeUnit) -> Panel {
    let stroke = if cache.verdict == Verdict::Leaking { Stroke::Alarm } else { Stroke::Main };
    let is_trend = matches!(cache.verdict, Verdict::Leaking | Verdict::Growing);
    // The trend lies below, and shows where the series leaves it.
    let mut lines: Vec<Line> = is_trend.then(|| trend(cache)).into_iter().collect();
    lines.push(Line { name: cache.name.clone(), stroke, points: cache.series.clone() });
    let note = if is_trend || cache.verdict == Verdict::Reclaimable {
        format!("{}, {}", cache.verdict.name(), rate(cache.slope, unit))
    } else {
        cache.verdict.name().to_owned()
    };
    Panel { note, unit: Unit::Objects, lines }
}

/// The slope through the part of the series that it is of.
fn trend(cache: &CacheReport) -> Line {
    let last = cache.series.last().map_or(0.0, |point| point.0);
    let first = (last - cache.steady_span).max(0.0);
    let part = cache.series.iter().filter(|point| point.0 >= first);
    let heights: Vec<f64> = part.map(|&(time, value)| value - cache.slope * time).collect();
    let height = median(&heights);
    let at = |time: f64| (time, (height + cache.slope * time).max(0.0));
    Line { name: String::new(), stroke: Stroke::Trend, points: vec![at(first), at(last)] }
}

fn time(report: &MonitorReport) -> Time {
    match (report.samples.unit, report.samples.first_time) {
        (TimeUnit::Second, Some(first)) => Time::Date(first),
        (TimeUnit::Second, None) => Time::Elapsed,
        (TimeUnit::Sample, _) => Time::Samples,
    }
}

/// A sentence in lines.
fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if length > 0 && length + 1 + word.chars().count() > LINE_CHARACTERS {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
