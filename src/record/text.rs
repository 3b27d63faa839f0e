//! The text of a record, told apart by its shape alone.

use super::frame::{FrameLine, FrameText};
use super::{Mark, ObjectRow, RegisterLine, TaskHeader, TraceHeader, notice, registers};

/// What one line of kernel text says. Every variant is told from the line alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text<'a> {
    /// The header of an event.
    Trace(TraceHeader<'a>),
    /// A row of an object dump.
    Object(ObjectRow),
    /// The first line of `dump_stack()`.
    Task(TaskHeader<'a>),
    /// `Hardware name: …`.
    Hardware(&'a [u8]),
    /// Other lines between task and backtrace: `Workqueue: …`, `Tainted: …`, raw stack words.
    TaskDetail,
    /// `Call Trace:`, `Backtrace:` and their kin.
    Heading,
    /// A context marker on a line of its own.
    Mark(Mark),
    /// A line of a backtrace.
    Frame(FrameLine<'a>),
    /// The place that an interrupt interrupted, from a register block.
    Interrupted(FrameText<'a>),
    /// A line of a register dump.
    Registers(RegisterLine<'a>),
    /// The kernel, or a recorder, says that this many messages are missing here; 0 if it does
    /// not say how many.
    Dropped(u64),
    /// A boot's first line, with the kernel release.
    Banner(&'a [u8]),
    /// journalctl's line between two boots.
    BootSeparator,
    /// A report with a stack of its own begins.
    SplatBegin,
    /// Such a report ends.
    SplatEnd,
    /// A row of `/proc/slabinfo`: cache and object size in bytes.
    Slabinfo(&'a [u8], u32),
    /// Nothing at all.
    Blank,
    /// Anything else.
    Other,
}

impl<'a> Text<'a> {
    /// Reads a line of kernel text, its prefixes stripped.
    pub fn parse(text: &'a [u8]) -> Text<'a> {
        by_event(text)
            .or_else(|| by_task(text))
            .or_else(|| by_backtrace(text))
            .or_else(|| by_notice(text))
            .unwrap_or(Text::Other)
    }
}

fn by_event(text: &[u8]) -> Option<Text<'_>> {
    match *text.first()? {
        b'T' => TraceHeader::parse(text).map(Text::Trace),
        b'O' | b' ' => ObjectRow::parse(text).map(Text::Object),
        _ => None,
    }
}

fn by_task(text: &[u8]) -> Option<Text<'_>> {
    // Tainted: [O]=OOT_MODULE, [E]=UNSIGNED_MODULE
    // Workqueue: events leaky_cmd_complete_work [leaky]
    const DETAILS: [&[u8]; 4] = [b"Workqueue: ", b"Tainted: ", b"Stopper: ", b"Sched_ext: "];
    match *text.first()? {
        b'C' | b'P' => TaskHeader::parse(text).map(Text::Task),
        b'H' => text.strip_prefix(b"Hardware name: ").map(Text::Hardware),
        b'W' | b'T' | b'S' | b' ' => {
            let known = DETAILS.iter().any(|detail| text.starts_with(detail));
            (known || notice::is_stack_words(text)).then_some(Text::TaskDetail)
        }
        _ => None,
    }
}

fn by_backtrace(text: &[u8]) -> Option<Text<'_>> {
    if is_heading(text) {
        return Some(Text::Heading);
    }
    if let Some(mark) = Mark::parse(text) {
        return Some(Text::Mark(mark));
    }
    if let Some(place) = registers::interrupted(text) {
        return Some(Text::Interrupted(place));
    }
    if let Some(line) = RegisterLine::parse(text) {
        return Some(Text::Registers(line));
    }
    FrameLine::parse(text).map(Text::Frame)
}

/// `Backtrace: ` has a blank at its end, and so has arm's `Call trace: ` from 6.9 on.
fn is_heading(text: &[u8]) -> bool {
    matches!(
        text.trim_ascii_end(),
        b"Call Trace:" | b"Call trace:" | b"Backtrace:" | b"Stack Trace:" | b"Trace:"
    )
}

fn by_notice(text: &[u8]) -> Option<Text<'_>> {
    if text.trim_ascii().is_empty() {
        return Some(Text::Blank);
    }
    if let Some(count) = notice::dropped(text) {
        return Some(Text::Dropped(count));
    }
    if let Some(release) = notice::banner(text) {
        return Some(Text::Banner(release));
    }
    if let Some((cache, size)) = notice::slabinfo_row(text) {
        return Some(Text::Slabinfo(cache, size));
    }
    if notice::is_boot_separator(text) {
        return Some(Text::BootSeparator);
    }
    if notice::opens_splat(text) {
        return Some(Text::SplatBegin);
    }
    notice::closes_splat(text).then_some(Text::SplatEnd)
}
