//! The text form: what a kernel engineer reads at a glance on an 80-column terminal.

use std::io::{self, Write};

use super::json::hex;
use super::report::{GroupReport, KmemleakReport, Trend};
use crate::print::listed;
use crate::print::number::{bytes, count, counted, duration, sparkline};
use crate::print::{Escaped, Style};
use crate::report::Absence;
use crate::report::text::{frame_place, frame_text};

/// Bytes of a dump's row.
const ROW_BYTES: usize = 16;

/// Writes the report as text.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &KmemleakReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    header(report, style, out)?;
    let (present, gone): (Vec<_>, Vec<_>) =
        report.groups.iter().partition(|group| group.trend != Trend::Gone);
    for group in present {
        writeln!(out)?;
        block(group, report, style, out)?;
    }
    if !gone.is_empty() {
        writeln!(out, "\n{}", style.bold("Gone since an earlier report"))?;
        for group in gone {
            gone_line(group, style, out)?;
        }
    }
    advice(report, style, out)
}

fn header(report: &KmemleakReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    for input in &report.inputs {
        let name = if input.path == "-" { "standard input" } else { &input.path };
        let name = style.bold(&Escaped(name).to_string());
        writeln!(out, "{name}  {}, {}", bytes(input.bytes), counted(input.lines, "line"))?;
    }
    let totals = &report.totals;
    if report.seen_objects == 0 {
        return writeln!(
            out,
            "no unreferenced objects: the report is empty, kmemleak has found no leak"
        );
    }
    let found = sum(report);
    writeln!(out, "{}", if totals.objects > 0 { style.alarm(&found) } else { found })?;
    if let (Some(new), Some(gone)) = (report.new_objects, report.gone_objects) {
        let change = format!(
            "the last of {}; since the one before: {} new, {} gone",
            counted(report.scans as u64, "report"),
            count(new),
            count(gone)
        );
        style.paragraph(out, "", &change)?;
    }
    Ok(())
}

/// `12 unreferenced objects, 1.5 KiB, in 3 groups`
pub(super) fn sum(report: &KmemleakReport) -> String {
    let totals = &report.totals;
    format!(
        "{}, {}, in {}",
        counted(totals.objects, "unreferenced object"),
        bytes(totals.bytes),
        counted(totals.groups, "group")
    )
}

fn block(
    group: &GroupReport,
    report: &KmemleakReport,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let title = format!(
        "#{}  {} of {} bytes{}, {}",
        group.rank,
        counted(group.objects, "object"),
        count(group.size),
        group.kind.infix().map_or_else(String::new, |infix| format!(" ({infix})")),
        bytes(group.bytes)
    );
    writeln!(out, "{}", style.bold(&title))?;
    change(group, style, out)?;
    for frame in &group.chain {
        writeln!(out, "      {}", frame_text(frame, style))?;
        frame_place(frame, style, out)?;
    }
    if group.chain.is_empty() {
        writeln!(out, "      {}", style.dim("(backtrace lost)"))?;
    }
    style.paragraph(out, "    ", &format!("allocated by {}", processes(group)))?;
    let same = report.groups.iter().take(group.rank.saturating_sub(1));
    if let Some(first) = same.into_iter().find(|other| other.fingerprint == group.fingerprint) {
        writeln!(out, "    the callers are those of #{}", first.rank)?;
    }
    dump(group, style, out)
}

fn change(group: &GroupReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let mut parts = Vec::new();
    if let Some(age) = group.oldest_age {
        parts.push(format!("oldest lives for {}", duration(age)));
    }
    if let (Some(new), Some(gone)) = (group.new_objects, group.gone_objects) {
        let bars = style.alarm(&sparkline(&group.history));
        parts.push(format!(
            "{} {bars} ({} new, {} gone)",
            group.trend.name(),
            count(new),
            count(gone)
        ));
    }
    if parts.is_empty() { Ok(()) } else { style.paragraph(out, "    ", &parts.join("; ")) }
}

fn processes(group: &GroupReport) -> String {
    listed(group.processes.iter().map(|process| {
        let comm = process.comm.as_deref();
        let comm = comm.map_or_else(|| "unknown task".to_owned(), |comm| Escaped(comm).to_string());
        let pid = process.pid.map_or_else(String::new, |pid| format!(" pid {pid}"));
        format!("{comm}{pid} ({})", count(process.objects))
    }))
}

fn dump(group: &GroupReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let example = &group.example;
    let cache = group.cache.as_deref().unwrap_or("an unknown cache");
    let line = format!(
        "first: object {}; fingerprint {} (in {cache})",
        example.address, group.fingerprint
    );
    writeln!(out, "    {}", style.dim(&line))?;
    for row in example.hex.chunks(ROW_BYTES) {
        let letters: String = row
            .iter()
            .map(
                |&byte| {
                    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
                },
            )
            .collect();
        let line = format!("{:47}  {letters}", hex(row));
        writeln!(out, "      {}", style.dim(line.trim_end()))?;
    }
    Ok(())
}

fn gone_line(group: &GroupReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let most = group.history.iter().copied().max().unwrap_or(0);
    let site = group.chain.iter().find(|frame| frame.role == crate::event::Role::Caller);
    let site = site.and_then(|frame| frame.function.as_deref()).unwrap_or("unknown code");
    let text = format!(
        "{} of {} bytes by {}; fingerprint {}",
        counted(most, "object"),
        count(group.size),
        Escaped(site),
        group.fingerprint
    );
    style.paragraph(out, "  - ", &text)
}

fn advice(report: &KmemleakReport, style: Style, out: &mut impl Write) -> io::Result<()> {
    let mut notes = Vec::new();
    if report.scans == 1 && report.totals.objects > 0 {
        notes.push("One report may hold false alarms and objects that are merely young. Scan again (echo scan > /sys/kernel/debug/kmemleak) and give both: what is still there, and what grows, is a leak.".to_owned());
    }
    if report.gone_objects.is_some_and(|gone| gone > 0) {
        notes.push("Gone objects were freed, or are referenced again, or the list was cleared (echo clear > /sys/kernel/debug/kmemleak).".to_owned());
    }
    if report.seen_objects == 0 {
        notes.push("kmemleak scans every ten minutes, and reports what has lived for a while. To be sure, scan again (echo scan > /sys/kernel/debug/kmemleak), wait a minute, and read it once more.".to_owned());
    }
    if report.shared_objects > 0 {
        notes.push(format!(
            "{} had no backtrace and stood before an object like it: its backtrace was taken for theirs.",
            counted(report.shared_objects, "object")
        ));
    }
    if report.cut_objects > 0 {
        notes.push(format!("{} lost the backtrace.", counted(report.cut_objects, "object")));
    }
    if report.damaged_lines > 0 {
        notes.push(format!(
            "{} could not be read; an object whose first line is lost is not counted.{}",
            counted(report.damaged_lines, "line"),
            report.unread.as_ref().map_or_else(String::new, |unread| format!(
                " The first is line {}: {}",
                unread.line.0,
                Escaped(&unread.text)
            ))
        ));
    }
    let chains = || report.groups.iter().map(|group| &group.chain);
    let absence = [Absence::of_images(chains()), Absence::of_names(chains())];
    notes.extend(absence.into_iter().flatten().map(|absence| absence.to_string()));
    notes.extend(report.symbol_warnings.iter().map(|warning| format!("{warning}.")));
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("What to know and what to do"))?;
    notes.iter().try_for_each(|note| style.paragraph(out, "  - ", note))
}
