//! The text report: what a kernel engineer reads at a glance on an 80-column terminal.
//!
//! The answer comes first; then what was read, the caches, and the groups: those that leak first,
//! the first ones in full and the rest in a line each.

mod brief;
mod caches;
mod conclusion;
mod entry;
mod frame;
mod full;
pub(super) mod head;
pub(super) mod losses;
mod markdown;
mod tables;

use std::io::{self, Write};

use super::{Report, crosscheck};
use crate::print::Style;
use crate::print::number::{bytes, counted};
use entry::Entry;
pub(crate) use frame::{frame_place, frame_text};
pub use markdown::write as write_markdown;

/// So many entries are shown in full.
const FULL_MAX: usize = 10;

/// So many are shown in full though they do not leak.
const HARMLESS_MAX: usize = 3;

/// Lines that entries in full take together, but for the first.
const FULL_LINES_MAX: usize = 80;

/// Lines that all entries take together.
const LINES_MAX: usize = 108;

/// So many entries have a line each: a screen.
const BRIEF_MAX: usize = 24;

/// So many at least, if there are as many.
const BRIEF_MIN: usize = 8;

/// How a report is written as text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TextOptions {
    /// Colours.
    pub style: Style,
    /// How much of the groups.
    pub groups: GroupsShown,
    /// How much of call chains.
    pub chains: ChainsShown,
    /// How much of what was lost.
    pub losses: LossesShown,
}

/// How much is shown of the groups.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum GroupsShown {
    /// The first in full, the next in a line each.
    #[default]
    Brief,
    /// All of them in full.
    All,
}

/// How much is shown of call chains.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ChainsShown {
    /// The first frames.
    #[default]
    Brief,
    /// All frames.
    Whole,
}

/// How much is shown of what was lost.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LossesShown {
    /// The main kinds, in a line.
    #[default]
    Summary,
    /// Each kind on a line.
    Details,
}

/// The answer in a sentence.
pub(super) fn conclusion(report: &Report) -> String {
    conclusion::sentence(report, &Entry::all(report))
}

/// Writes the report as text.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report, options: TextOptions, out: &mut impl Write) -> io::Result<()> {
    let entries = Entry::all(report);
    if let Some(answer) = &report.conclusion {
        options.style.paragraph(out, "", &options.style.bold(answer))?;
        writeln!(out)?;
    }
    head::header(report, options, out)?;
    caches::write(report, options.style, out)?;
    crosscheck::text::section(report, options.style, out)?;
    if let Some(function) = &report.function {
        tables::function(function, out)?;
    }
    match &report.rollup {
        Some(rollup) => tables::rollup(rollup, report, out)?,
        None => groups(&entries, report, options, out)?,
    }
    advice(report, options.style, out)
}

fn groups(
    entries: &[Entry<'_>],
    report: &Report,
    options: TextOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let full = match options.groups {
        GroupsShown::All => entries.len(),
        GroupsShown::Brief => in_full(entries),
    };
    for entry in &entries[..full] {
        writeln!(out)?;
        full::block(entry, report, options, out)?;
    }
    let rest = &entries[full..];
    let used: usize = entries[..full].iter().map(full::lines).sum();
    let room = LINES_MAX.saturating_sub(used).clamp(BRIEF_MIN, BRIEF_MAX);
    let brief = &rest[..rest.len().min(room)];
    if !brief.is_empty() {
        brief::heading(out)?;
    }
    for entry in brief {
        brief::line(entry, options.style, out)?;
    }
    hidden(&rest[brief.len()..], report, out)
}

/// How many entries are shown in full: the first, and as many more of those that leak as there is
/// room for.
fn in_full(entries: &[Entry<'_>]) -> usize {
    let mut lines = 0;
    let fitting = entries.iter().take(FULL_MAX).take_while(|entry| {
        let is_wanted =
            entry.is_leak() || entry.number <= HARMLESS_MAX || entry.families.is_empty();
        let fits = is_wanted && (lines == 0 || lines + full::lines(entry) <= FULL_LINES_MAX);
        lines += full::lines(entry);
        fits
    });
    fitting.count()
}

/// Says what is not shown.
fn hidden(rest: &[Entry<'_>], report: &Report, out: &mut impl Write) -> io::Result<()> {
    if !rest.is_empty() {
        let objects = rest.iter().map(Entry::objects).sum();
        let size: u64 = rest.iter().filter_map(Entry::bytes).sum();
        writeln!(
            out,
            "      and {}, {}, {}: --all shows them",
            counted(rest.len() as u64, "more place"),
            counted(objects, "object"),
            bytes(size)
        )?;
    }
    let left_out = report.totals.groups.saturating_sub(report.groups.len() as u64);
    if report.groups.is_empty() && left_out > 0 {
        writeln!(out, "\nNo group fits the selection; {} not shown.", counted(left_out, "group"))
    } else if left_out > 0 {
        writeln!(out, "\n{} left out by the selection.", counted(left_out, "group"))
    } else {
        Ok(())
    }
}

fn advice(report: &Report, style: Style, out: &mut impl Write) -> io::Result<()> {
    if report.advice.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bold("What to know and what to do"))?;
    for advice in &report.advice {
        style.paragraph(out, "  - ", &advice.to_string())?;
    }
    Ok(())
}
