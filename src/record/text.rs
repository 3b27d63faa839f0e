//! The text of a record, told apart by its shape alone.

use super::frame::{self, FrameLine, FrameRun, FrameText};
use super::ftrace::{BacktraceFrame, Entry, RecordingNotice};
use super::{
    Mark, ObjectRow, RegisterLine, SlabinfoRow, TaskHeader, TraceHeader, notice, registers,
};

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
    /// A heading with the first frames behind it.
    Headed(FrameRun<'a>),
    /// The heading of a list of frames in a slab report: who allocated or freed the object.
    Track,
    /// A context marker on a line of its own.
    Mark(Mark),
    /// A line of a backtrace.
    Frame(FrameLine<'a>),
    /// The place that an interrupt or an exception struck, and what ends there, where the line
    /// tells; x86 tells it by markers.
    Struck(Option<Mark>, FrameText<'a>),
    /// A line of a register dump.
    Registers(RegisterLine<'a>),
    /// An entry of a recording.
    Entry(Entry<'a>),
    /// A line of an entry's backtrace.
    EntryFrame(BacktraceFrame<'a>),
    /// What a recording says about itself.
    Recording(RecordingNotice),
    /// The kernel, or a recorder, says that this many messages are missing here; 0 if it does
    /// not say how many.
    Dropped(u64),
    /// A boot's first line, with the kernel release.
    Banner(&'a [u8]),
    /// A boot's command line.
    CommandLine,
    /// journalctl's line between two boots.
    BootSeparator,
    /// A report with a stack of its own begins.
    SplatBegin,
    /// Such a report ends.
    SplatEnd,
    /// A row of `/proc/slabinfo`, and its cache.
    Slabinfo(&'a [u8], SlabinfoRow),
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
            .or_else(|| by_recording(text))
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
    if let Some(run) = headed(text) {
        return Some(Text::Headed(run));
    }
    if let Some(mark) = Mark::parse(text) {
        return Some(Text::Mark(mark));
    }
    if let Some(place) = registers::interrupted(text) {
        return Some(Text::Struck(None, place));
    }
    if let Some(trap) = frame::trap(text) {
        return trap
            .place
            .map(|place| Text::Struck(trap.ends, place))
            .or_else(|| trap.ends.map(Text::Mark));
    }
    if let Some(line) = RegisterLine::parse(text) {
        return Some(Text::Registers(line));
    }
    FrameLine::parse(text).map(Text::Frame)
}

// Backtrace:                                       arm: a blank at its end
// Call trace:                                      arm64, sh, openrisc; arm from 6.9 on
// CPU#0, insmod/123, Call Trace:                   hexagon
// Starting stack dump of tid 80, pid 80 (insmod) on cpu 1 at cycle 84713459812        tile
fn is_heading(text: &[u8]) -> bool {
    match text.trim_ascii_end() {
        b"Call Trace:" | b"Call trace:" | b"Backtrace:" | b"Stack Trace:" | b"Trace:" => true,
        [b'C', b'P', b'U', b'#', rest @ ..] => rest.ends_with(b", Call Trace:"),
        [b'S', b't', b'a', b'r', b't', rest @ ..] => rest.starts_with(b"ing stack dump of tid "),
        _ => false,
    }
}

// Call Trace: [<0002b04c>] printk+0x0/0x18             m68k
// Call Trace:[<c0012a34>]                              nios2, h8300, mips without kallsyms
fn headed(text: &[u8]) -> Option<FrameRun<'_>> {
    FrameRun::parse(text.strip_prefix(b"Call Trace:")?)
}

fn by_recording(text: &[u8]) -> Option<Text<'_>> {
    match BacktraceFrame::parse(text) {
        Some(frame @ BacktraceFrame::Kernel(_)) => return Some(Text::EntryFrame(frame)),
        // An entry may stand behind a frame that was cut off.
        Some(frame) => {
            return Some(Entry::parse(text).map_or(Text::EntryFrame(frame), Text::Entry));
        }
        None => {}
    }
    if let Some(notice) = RecordingNotice::parse(text) {
        return Some(Text::Recording(notice));
    }
    Entry::parse(text).map(Text::Entry)
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
    if let Some((cache, row)) = notice::slabinfo_row(text) {
        return Some(Text::Slabinfo(cache, row));
    }
    if notice::is_command_line(text) {
        return Some(Text::CommandLine);
    }
    if notice::is_track(text) {
        return Some(Text::Track);
    }
    if notice::is_boot_separator(text) {
        return Some(Text::BootSeparator);
    }
    if notice::opens_splat(text) {
        return Some(Text::SplatBegin);
    }
    notice::closes_splat(text).then_some(Text::SplatEnd)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Place;
    use super::*;

    #[test]
    fn every_heading_is_known() {
        for text in [
            "Call Trace:",
            "Call trace: ",
            "Backtrace: ",
            "Stack Trace:",
            "Trace:",
            "CPU#0, insmod/80, Call Trace:",
            "Starting stack dump of tid 80, pid 80 (insmod) on cpu 1 at cycle 84713459812",
        ] {
            assert_eq!(Text::parse(text.as_bytes()), Text::Heading, "{text}");
        }
        assert_eq!(Text::parse(b"Call Trace: none"), Text::Other);
    }

    #[test]
    fn a_heading_may_carry_the_first_frame() {
        for text in ["Call Trace: [<0002b04c>] printk+0x0/0x18", "Call Trace:[<0002b04c>]"] {
            let Text::Headed(run) = Text::parse(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(run.frames().count(), 1, "{text}");
        }
    }

    #[test]
    fn a_powerpc_interrupt_ends_a_context_wherever_it_struck() {
        let Text::Struck(ends, frame) =
            Text::parse(b"--- interrupt: 900 at arch_local_irq_restore+0x74/0x90")
        else {
            panic!("no interrupt")
        };
        assert_eq!(ends, Some(Mark::IrqEnd));
        assert!(
            matches!(frame.place, Place::Symbol(symbol) if symbol.function == b"arch_local_irq_restore")
        );
        let user = Text::parse(b"--- interrupt: 900 at 0x7fff8e4c2a38");
        assert_eq!(user, Text::Mark(Mark::IrqEnd));
        let call = Text::parse(b"--- interrupt: c00 at 0x7fff8e4c2a38");
        assert_eq!(call, Text::Registers(RegisterLine::Unnamed));
    }

    #[test]
    fn lines_between_task_and_backtrace_are_no_frames() {
        for text in [
            "Workqueue: events leaky_work [leaky]",
            "Stopper: multi_cpu_stop+0x0/0x100 <- migrate_swap+0x1/0x2",
            "Stack : 00000000 821eb3b4",
            "Stack from 0183bf7c:",
            "Stack: (0x8c3e5e6c to 0x8c3e6000)",
        ] {
            assert_eq!(Text::parse(text.as_bytes()), Text::TaskDetail, "{text}");
        }
    }
}
