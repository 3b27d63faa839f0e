//! An entry in full: what became of its objects, how it grew, who allocated, who frees.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::conclusion::percent;
use super::entry::Entry;
use super::frame::{frame_place, frame_text, module};
use super::{ChainsShown, TextOptions};
use crate::event::Context;
use crate::print::number::{bytes, count, counted, duration, durations, sparkline};
use crate::print::{Escaped, Style, listed};
use crate::report::{Ages, FamilyReport, GroupReport, Lifetimes, Report, account, crosscheck};
use crate::time::Clock;

/// Frames of a chain that are shown, unless all is asked for.
const FRAMES_MAX: usize = 6;

/// Lines that an entry takes, where its frames take one each.
pub(super) fn lines(entry: &Entry<'_>) -> usize {
    const BESIDE_FRAMES: usize = 7;
    BESIDE_FRAMES + entry.first().chain.len().min(FRAMES_MAX + 1)
}

/// Writes an entry.
pub(super) fn block(
    entry: &Entry<'_>,
    report: &Report,
    options: TextOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let group = entry.first();
    let style = options.style;
    writeln!(out, "{}", title(entry, report, style))?;
    match (&group.counted, entry.family()) {
        (Some(counted), _) => options.style.paragraph(out, "    ", &account::fate(counted))?,
        (None, Some(family)) => of_family(entry, family, report, style, out)?,
        (None, None) => {}
    }
    request(group, out)?;
    parts(entry, style, out)?;
    chain(group, options, out)?;
    allocators(entry, style, out)?;
    freers(entry, style, out)?;
    crosscheck::text::of_group(group, report, options.style, out)?;
    let example = group
        .examples
        .first()
        .map(|example| format!("oldest: line {}, object {}; ", example.line, example.address));
    writeln!(
        out,
        "    {}",
        style.dim(&format!("{}fingerprint {}", example.unwrap_or_default(), group.fingerprint))
    )
}

/// #1  leaking  kmalloc-64  80 objects live, 5.0 KiB, 38 %
fn title(entry: &Entry<'_>, report: &Report, style: Style) -> String {
    let group = entry.first();
    let size = entry.bytes().map_or_else(|| "unknown size".to_owned(), bytes);
    let verdict = entry.family().map_or_else(String::new, |family| {
        let title = family.judgement.verdict.title();
        format!("{}  ", if entry.is_leak() { style.alarm(title) } else { title.to_owned() })
    });
    let boots: Vec<String> = entry.families.iter().map(|family| family.boot.to_string()).collect();
    let boot = match boots.len() {
        0 => String::new(),
        _ if report.boots.len() < 2 => String::new(),
        1 => format!("  boot {}", boots[0]),
        _ => format!("  boots {}", boots.join(", ")),
    };
    let text = format!(
        "{}  {} live, {size}, {} ({} so far){boot}",
        Escaped(&group.cache),
        counted(entry.objects(), "object"),
        percent(entry.share.own),
        percent(entry.share.so_far),
    );
    format!("{}  {verdict}{}", style.bold(&format!("#{}", entry.number)), style.bold(&text))
}

/// How much of each object was asked for, where trace events say so and it is not all.
fn request(group: &GroupReport, out: &mut impl Write) -> io::Result<()> {
    match group.requested_size.zip(group.object_size) {
        Some((requested, size)) if requested < u64::from(size) => {
            writeln!(out, "    {requested} of the {size} bytes of each are asked for")
        }
        _ => Ok(()),
    }
}

/// What became of a family's objects, why it is judged so, and how it grew.
fn of_family(
    entry: &Entry<'_>,
    family: &FamilyReport,
    report: &Report,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let text = format!("{}: {}", fate(family), family.judgement.reason);
    style.paragraph(out, "    ", &text)?;
    for other in entry.families.iter().skip(1) {
        let text = format!("boot {}: {}", other.boot, fate(other));
        style.paragraph(out, "    ", &text)?;
    }
    if family.live_objects > 1
        && let Some(line) = growth(family, report, style)
    {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

/// 100 allocated; 33 freed after 2.4 ms median, 2.9 ms at most; 67 live since 2.2 to 2.6 s
fn fate(family: &FamilyReport) -> String {
    let mut text = format!("{} allocated; ", count(family.allocs));
    text.push_str(&freed(family.frees, family.lifetimes));
    let lost = family.allocs.saturating_sub(family.frees + family.live_objects);
    if lost > 0 {
        let _ = write!(text, "; {} not logged", counted(lost, "free"));
    }
    let _ = write!(text, "; {} live{}", count(family.live_objects), since(family.ages));
    if family.likely != (family.live_objects, family.live_objects) {
        let (low, high) = family.likely;
        let _ = write!(text, ", probably {} to {}", count(low), count(high));
    }
    text
}

fn freed(frees: u64, lifetimes: Option<Lifetimes>) -> String {
    match lifetimes {
        _ if frees == 0 => "none freed".to_owned(),
        None => format!("{} freed", count(frees)),
        Some(lifetimes) if frees == 1 => {
            format!("1 freed after {}", duration(lifetimes.max))
        }
        Some(lifetimes) => format!(
            "{} freed after {} median, {} at most",
            count(frees),
            duration(lifetimes.median),
            duration(lifetimes.max)
        ),
    }
}

fn since(ages: Option<Ages>) -> String {
    ages.map_or_else(String::new, |Ages { youngest, oldest }| {
        format!(" since {}", durations(youngest, oldest))
    })
}

/// The line of live objects over the time of their boot. Of a calendar clock the zone is not known:
/// it tells how long that was, and not when.
fn growth(family: &FamilyReport, report: &Report, style: Style) -> Option<String> {
    let timeline = family.timeline.as_ref()?;
    let clock = report.boots.get(family.boot).and_then(|boot| boot.first_time);
    let axis = match clock.map(|time| time.clock) {
        Some(Clock::Wall) => format!("over {}", duration(timeline.end - timeline.start)),
        Some(Clock::Boot) | None => format!("{:.3} s to {:.3} s", timeline.start, timeline.end),
    };
    let trend = if family.judgement.verdict.is_leak() { trend(family) } else { String::new() };
    let line = style.alarm(&sparkline(&timeline.live()));
    Some(format!("live {line}{}", style.dim(&format!("  {axis}{trend}"))))
}

/// How fast it grows, where that is sure.
fn trend(family: &FamilyReport) -> String {
    const SURE: f64 = 0.01;
    let growth = family.growth().filter(|growth| growth.low > 0.0 && growth.significance < SURE);
    let chance = |probability: f64| {
        if probability < 1e-6 { "p < 1e-6".to_owned() } else { format!("p = {probability:.0e}") }
    };
    growth.map_or_else(String::new, |growth| {
        format!(", {} ({})", rate(growth.objects_per_s), chance(growth.significance))
    })
}

/// `12.5 objects a second`, `3.2 an hour`.
fn rate(per_s: f64) -> String {
    match per_s {
        _ if per_s >= 1.0 => format!("{per_s:.1} objects a second"),
        _ if per_s * 60.0 >= 1.0 => format!("{:.1} objects a minute", per_s * 60.0),
        _ => format!("{:.1} objects an hour", per_s * 3600.0),
    }
}

/// The other groups of the entry.
fn parts(entry: &Entry<'_>, style: Style, out: &mut impl Write) -> io::Result<()> {
    let first = entry.first();
    let others = entry.groups[1..].iter().filter(|group| group.boot == first.boot);
    let others: Vec<u64> = others.map(|group| group.live_objects).collect();
    if others.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{} through the chain below, {} through {} that differ in offsets or in recursion",
        count(first.live_objects),
        count(others.iter().sum()),
        counted(others.len() as u64, "other")
    );
    style.paragraph(out, "    ", &text)
}

/// The tasks that allocated.
fn allocators(entry: &Entry<'_>, style: Style, out: &mut impl Write) -> io::Result<()> {
    let group = entry.first();
    let processes = entry.processes();
    if group.counted.is_some() && processes.is_empty() {
        return Ok(());
    }
    let processes = listed(processes.iter().map(|process| {
        let comm = process.comm.as_deref().map(|comm| Escaped(comm).to_string());
        let pid = process.pid.map(|pid| format!("pid {pid}"));
        let known: Vec<String> = comm.into_iter().chain(pid).collect();
        let task = if known.is_empty() { "unknown task".to_owned() } else { known.join(" ") };
        format!("{task} ({})", count(process.live_objects))
    }));
    // An interrupt's handler runs on the back of whatever task is there.
    let is_task = group.callers().next().is_none_or(|frame| frame.context == Context::Task);
    let lead = match &group.counted {
        Some(counted) if !counted.origin.is_of_allocations() => "freed by",
        _ if is_task => "allocated by",
        _ => "while running",
    };
    style.paragraph(out, "    ", &format!("{lead} {processes}"))
}

/// Who freed what was freed.
fn freers(entry: &Entry<'_>, style: Style, out: &mut impl Write) -> io::Result<()> {
    let freers = entry.freers();
    if freers.is_empty() {
        return Ok(());
    }
    let freers = listed(freers.iter().map(|freer| {
        let function = freer
            .function
            .as_deref()
            .map_or_else(|| "unknown code".to_owned(), |name| Escaped(name).to_string());
        format!("{function}{} ({})", module(freer.module.as_deref()), count(freer.frees))
    }));
    style.paragraph(out, "    ", &format!("siblings freed by {freers}"))
}

fn chain(group: &GroupReport, options: TextOptions, out: &mut impl Write) -> io::Result<()> {
    let style = options.style;
    if group.chain.is_empty() {
        let why =
            if group.counted.is_some() { "(not known to the kernel)" } else { "(backtrace lost)" };
        return writeln!(out, "      {}", style.dim(why));
    }
    let shown = match options.chains {
        ChainsShown::Brief if group.chain.len() > FRAMES_MAX + 1 => FRAMES_MAX,
        _ => group.chain.len(),
    };
    let mut context = Context::Task;
    for frame in &group.chain[..shown] {
        if frame.context != context {
            context = frame.context;
            if context != Context::Task {
                writeln!(out, "      {}", style.dim(&format!("in {}:", context.name())))?;
            }
        }
        writeln!(out, "      {}", frame_text(frame, style))?;
        frame_place(frame, style, out)?;
    }
    match group.chain.len() - shown {
        0 => Ok(()),
        more => writeln!(out, "      {}", style.dim(&format!("… {more} more frames (--all)"))),
    }
}
