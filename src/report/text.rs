//! The text report: what a kernel engineer reads at a glance on an 80-column terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::Origin;
use super::{BootReport, FrameReport, GroupReport, Loss, Report, Verdict, account, crosscheck};
use crate::event::{Context, PointerStyle, Role};
use crate::print::number::{bytes, count, counted, duration, sparkline};
use crate::print::{Escaped, Style, listed, write_wrapped};
use crate::symbol::{Reason, Source};
use crate::time::Clock;

/// Writes the report as text.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    header(report, style, out)?;
    caches(report, out)?;
    crosscheck::text::section(report, style, out)?;
    for group in &report.groups {
        writeln!(out)?;
        group_block(group, report, style, out)?;
    }
    let hidden = report.totals.groups.saturating_sub(report.groups.len() as u64);
    if report.groups.is_empty() && hidden > 0 {
        writeln!(out, "\nNo group fits the selection; {} not shown.", counted(hidden, "group"))?;
    } else if hidden > 0 {
        writeln!(out, "\n{} not shown.", counted(hidden, "more group"))?;
    }
    advice(report, style, out)
}

fn header(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    for input in &report.inputs {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        writeln!(
            out,
            "{}  {}, {}",
            style.bold(&Escaped(name).to_string()),
            bytes(input.bytes),
            counted(input.lines, "line")
        )?;
    }
    if report.origin != Origin::Trace {
        return account::header(report, style, out);
    }
    for boot in &report.boots {
        boot_line(boot, report.boots.len(), out)?;
    }
    let totals = &report.totals;
    writeln!(
        out,
        "{}: {}, {} of them matched",
        counted(totals.events, "event"),
        counted(totals.allocs, "alloc"),
        format_args!("{}, {}", counted(totals.frees, "free"), count(totals.matched_frees)),
    )?;
    let live = format!(
        "{} live, {}, in {}",
        counted(totals.live_objects, "object"),
        bytes(totals.live_bytes),
        counted(totals.groups, "group")
    );
    writeln!(out, "{}", if totals.live_objects > 0 { style.alarm(&live) } else { live })?;
    write_wrapped(out, "", &loss_sentence(&report.loss))
}

fn boot_line(boot: &BootReport, boots: usize, out: &mut impl Write) -> io::Result<()> {
    let mut parts = Vec::new();
    if boots > 1 {
        parts
            .push(format!("boot {}, lines {} to {}:", boot.index, boot.first_line, boot.last_line));
    }
    let kernel = boot.kernel.as_deref().unwrap_or("of unknown version");
    parts.push(format!("kernel {}", Escaped(kernel)));
    if let Some(arch) = boot.arch {
        parts.push(format!("({arch})"));
    }
    if let (Some(first), Some(last)) = (boot.first_time, boot.last_time) {
        let span = last.seconds() - first.seconds();
        parts.push(match first.clock {
            Clock::Boot => format!("from {:.3} s to {:.3} s,", first.seconds(), last.seconds()),
            Clock::Wall => format!("over {},", duration(span)),
        });
    }
    parts.push(format!("pointers {}", pointers(boot.pointers)));
    write_wrapped(out, "", &parts.join(" "))?;
    match &boot.hardware {
        Some(hardware) => write_wrapped(out, "", &format!("on {}", Escaped(hardware))),
        None => Ok(()),
    }
}

fn pointers(style: PointerStyle) -> &'static str {
    match style {
        PointerStyle::Raw => "raw",
        PointerStyle::Hashed => "hashed",
        PointerStyle::Unprintable => "unprintable",
        PointerStyle::Unknown => "of unknown style",
    }
}

pub(super) fn loss_sentence(loss: &Loss) -> String {
    let parts: Vec<String> = [
        (loss.printk_dropped, "message", "dropped"),
        (loss.lost_frees, "free", "not logged"),
        (loss.torn_events, "event", "torn"),
        (loss.headless_stacks, "backtrace", "without a TRACE line"),
        (loss.unaddressed_events, "event", "without a usable address"),
        (loss.ambiguous_stacks, "backtrace", "bound by guess"),
        (loss.damaged_lines, "line", "damaged"),
        (loss.missing_lines, "line", "missing"),
        (loss.suspect_chains, "call chain", "that may be another's with frames lost"),
        (loss.replayed_lines, "line", "printed twice"),
        (loss.orphan_frees, "free", "of objects not seen allocated"),
        (loss.failed_allocs, "allocation", "failed"),
    ]
    .into_iter()
    .filter(|&(number, _, _)| number > 0)
    .map(|(number, noun, what)| format!("{} {what}", counted(number, noun)))
    .collect();
    if parts.is_empty() {
        "lost: nothing".to_owned()
    } else {
        format!("lost or unmatched: {}", parts.join(", "))
    }
}

fn caches(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.caches.is_empty() || report.origin != Origin::Trace {
        return Ok(());
    }
    let width = report.caches.iter().map(|cache| cache.name.len()).max().unwrap_or(0).clamp(5, 28);
    writeln!(
        out,
        "\n{:width$}  {:>9} {:>9} {:>9} {:>10} {:>10}",
        "cache", "size", "allocs", "frees", "live", "bytes"
    )?;
    for cache in &report.caches {
        let size = cache.object_size.map_or("?".to_owned(), |size| count(size.into()));
        let live = cache.live_bytes.map_or("?".to_owned(), bytes);
        let name = Escaped(&cache.name).to_string();
        writeln!(
            out,
            "{name:width$}  {size:>9} {:>9} {:>9} {:>10} {live:>10}",
            count(cache.allocs),
            count(cache.frees),
            count(cache.live_objects),
        )?;
    }
    Ok(())
}

fn group_block(
    group: &GroupReport,
    report: &Report,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let size = group.live_bytes.map_or_else(|| "unknown size".to_owned(), bytes);
    let boot =
        if report.boots.len() > 1 { format!("  boot {}", group.boot) } else { String::new() };
    let title = format!(
        "#{}  {}  {} live, {size}{boot}",
        group.rank,
        Escaped(&group.cache),
        counted(group.live_objects, "object"),
    );
    writeln!(out, "{}", style.bold(&title))?;
    let fate = group.counted.as_ref().map_or_else(|| fate(group), account::fate);
    write_wrapped(out, "    ", &fate)?;
    if group.timeline.iter().sum::<u64>() > 1 {
        let clock = report.boots.get(group.boot).and_then(|boot| boot.first_time);
        writeln!(out, "    {}", growth(group, clock.map(|time| time.clock), style))?;
    }
    chain(group, style, out)?;
    if group.counted.is_none() || !group.processes.is_empty() {
        allocators(group, out)?;
    }
    if !group.freed_by.is_empty() {
        let freers = listed(group.freed_by.iter().map(|freer| {
            let function = freer
                .function
                .as_deref()
                .map_or_else(|| "unknown code".to_owned(), |name| Escaped(name).to_string());
            format!("{function}{} ({})", module(freer.module.as_deref()), count(freer.frees))
        }));
        write_wrapped(out, "    ", &format!("siblings freed by {freers}"))?;
    }
    crosscheck::text::of_group(group, report, out)?;
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

/// The tasks that allocated.
fn allocators(group: &GroupReport, out: &mut impl Write) -> io::Result<()> {
    let processes = listed(group.processes.iter().map(|process| {
        let comm = process.comm.as_deref().map(|comm| Escaped(comm).to_string());
        let pid = process.pid.map(|pid| format!("pid {pid}"));
        let known: Vec<String> = comm.into_iter().chain(pid).collect();
        let task = if known.is_empty() { "unknown task".to_owned() } else { known.join(" ") };
        format!("{task} ({})", count(process.live_objects))
    }));
    // An interrupt's handler runs on the back of whatever task is there.
    let is_task = group.chain.first().is_none_or(|frame| frame.context == Context::Task);
    let lead = match &group.counted {
        Some(counted) if !counted.origin.is_of_allocations() => "freed by",
        _ if is_task => "allocated by",
        _ => "while running",
    };
    write_wrapped(out, "    ", &format!("{lead} {processes}"))
}

/// What became of the group's allocations, in a sentence.
fn fate(group: &GroupReport) -> String {
    let mut text = format!("{} allocated, {} freed", count(group.allocs), count(group.frees));
    let lost = group.allocs.saturating_sub(group.frees + group.live_objects);
    if lost > 0 {
        let _ = write!(text, ", {} not logged", counted(lost, "free"));
    }
    if let Some(age) = group.oldest_age {
        let _ = write!(text, "; oldest lives for {}", duration(age));
    }
    text.push_str("; ");
    text.push_str(verdict(group.verdict));
    if (group.live_objects_min, group.live_objects_max) != (group.live_objects, group.live_objects)
    {
        let _ = write!(
            text,
            " (truly {} to {})",
            count(group.live_objects_min),
            count(group.live_objects_max)
        );
    }
    text
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NeverFreed => "never freed",
        Verdict::PartlyFreed => "some are never freed",
        Verdict::SetUpEarly => "set up early and kept",
        Verdict::StillYoung => "still young, may be in use",
        Verdict::Single => "a single object",
        Verdict::ExplainedByLoss => "what was lost could explain it",
    }
}

/// The line of survivors over the time of their boot. Of a calendar clock the zone is not known:
/// it tells how long that was, and not when.
fn growth(group: &GroupReport, clock: Option<Clock>, style: Style) -> String {
    let mut total = 0;
    let grown: Vec<u64> = group
        .timeline
        .iter()
        .map(|&part| {
            total += part;
            total
        })
        .collect();
    let axis = group.timeline_span.map_or_else(String::new, |(first, last)| match clock {
        Some(Clock::Wall) => format!("  over {}", duration(last - first)),
        Some(Clock::Boot) | None => format!("  over {first:.3} s to {last:.3} s"),
    });
    format!("survivors {}{}", style.alarm(&sparkline(&grown)), style.dim(&axis))
}

fn chain(group: &GroupReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    if group.chain.is_empty() {
        let why =
            if group.counted.is_some() { "(not known to the kernel)" } else { "(backtrace lost)" };
        return writeln!(out, "      {}", style.dim(why));
    }
    let mut context = Context::Task;
    for frame in &group.chain {
        if frame.context != context {
            context = frame.context;
            if context != Context::Task {
                writeln!(out, "      {}", style.dim(&format!("in {}:", context.name())))?;
            }
        }
        writeln!(out, "      {}", frame_text(frame, style))?;
        frame_place(frame, style, out)?;
    }
    Ok(())
}

/// Where a frame lies, or why that is not known, on lines of its own.
pub(crate) fn frame_place(
    frame: &FrameReport,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    if let Some(source) = &frame.source {
        source_lines(source, style, out)?;
    } else if let Some(Reason::Ambiguous(places)) = &frame.unresolved {
        writeln!(out, "        {}", style.dim("one of, which the name does not tell:"))?;
        for source in places {
            source_lines(source, style, out)?;
        }
    } else if let Some(reason) = &frame.unresolved {
        writeln!(out, "        {}", style.dim(&format!("({reason})")))?;
    }
    Ok(())
}

/// The place of a frame, and above it the calls inlined there, as they would stand as frames.
fn source_lines(source: &Source, style: Style, out: &mut impl Write) -> io::Result<()> {
    for call in &source.inlined {
        let text =
            format!("{} in {}, inlined", place(&call.file, call.line), Escaped(&call.function));
        writeln!(out, "        {}", style.dim(&text))?;
        quote(call.text.as_deref(), out)?;
    }
    writeln!(out, "        {}", style.dim(&place(&source.file, source.line)))?;
    quote(source.text.as_deref(), out)
}

/// A line of source.
fn quote(text: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    text.map_or(Ok(()), |text| writeln!(out, "          | {}", Escaped(text)))
}

fn place(file: &str, line: Option<u32>) -> String {
    line.map_or_else(|| Escaped(file).to_string(), |line| format!("{}:{line}", Escaped(file)))
}

pub(crate) fn frame_text(frame: &FrameReport, style: Style) -> String {
    let doubt = if frame.reliable { "" } else { "? " };
    let place = match (&frame.function, frame.offset, frame.size) {
        (Some(function), Some(offset), Some(size)) => {
            format!("{}+{offset:#x}/{size:#x}", Escaped(function))
        }
        (Some(function), Some(offset), None) => format!("{}+{offset:#x}", Escaped(function)),
        (Some(function), _, _) => Escaped(function).to_string(),
        (None, _, _) => {
            frame.address.map_or_else(|| "?".to_owned(), |address| format!("{address:#x}"))
        }
    };
    let text = format!("{doubt}{place}{}", module(frame.module.as_deref()));
    if frame.role == Role::Caller { text } else { style.dim(&text) }
}

fn module(module: Option<&str>) -> String {
    module.map_or_else(String::new, |module| format!(" [{}]", Escaped(module)))
}

fn advice(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    if report.advice.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("What to know and what to do"))?;
    for advice in &report.advice {
        write_wrapped(out, "  - ", &advice.to_string())?;
    }
    Ok(())
}
