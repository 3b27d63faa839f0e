//! Backtraces: how one begins, goes on and ends.

use super::super::binder::Claim;
use super::super::lanes::ADJACENT_LINES;
use super::super::open_backtrace::{OpenBacktrace, Opening};
use super::{Assembler, Lane};
use crate::chain::Printer;
use crate::event::{Detail, Lost, Task, Witness};
use crate::lex::{Part, Word};
use crate::names::Names;
use crate::record::{Caller, Mark, Record};

/// A backtrace that this many others were begun after, in other printing contexts, is complete.
const OVERTAKEN_MAX: u32 = 8;

impl Assembler {
    /// Takes a line around the frames of a backtrace that is open.
    fn push_around(&mut self, caller: Option<Caller>, line: Word) -> bool {
        let Lane { open: Some(dump), splat_announced, .. } = self.lanes.get(caller) else {
            return false;
        };
        match line {
            Word::Heading if !*splat_announced && dump.awaits_heading() => dump.head(),
            Word::Mark(mark) if mark != Mark::TaskEnd => dump.mark(mark),
            _ => return false,
        }
        true
    }

    /// A task header, or a heading without one, begins a backtrace.
    pub(super) fn begin(&mut self, record: &Record<'_>, task: Option<Task>, names: &Names) {
        let headers_before = self.events;
        let spare = self.spare.take();
        let lane = self.lane(record.caller);
        let opening = if lane.splat_announced { Opening::Splat } else { Opening::Event };
        let mut dump = OpenBacktrace::renewed(spare, opening, task, record.line);
        dump.stamp = record.stamp;
        dump.last_stamp = record.stamp;
        if task.is_some() {
            dump.parts.insert(Part::Task);
        }
        dump.headers_before = headers_before;
        dump.adjacent = lane.since_header < ADJACENT_LINES;
        lane.since_header = ADJACENT_LINES;
        lane.splat_announced = false;
        let before = lane.open.replace(dump);
        if before.is_none() && lane.suspended.is_none() {
            return;
        }
        let over = match (opening, before) {
            (Opening::Splat, Some(event)) if event.opening == Opening::Event => {
                [lane.suspended.replace(event), None]
            }
            (Opening::Splat, before) => [before, None],
            // A warning that did not mark its end is over, and so is the event that it interrupted.
            (Opening::Event, before) => [lane.suspended.take(), before],
        };
        self.close_all(record.caller, over.into_iter().flatten(), names);
    }

    /// Backtraces are printed one at a time (`lib/dump_stack.c`, 3.11 on), except that an
    /// interrupt may print some within another. One that is overtaken again and again is over,
    /// though nothing marked its end.
    pub(super) fn overtake(&mut self, caller: Option<Caller>, names: &Names) {
        if !self.lanes.are_several() {
            return;
        }
        let mut over = self.lanes.take_evicted();
        for (other, lane) in self.lanes.iter_mut().filter(|(other, _)| *other != caller) {
            let Some(dump) = &mut lane.open else { continue };
            dump.overtaken += 1;
            if dump.overtaken >= OVERTAKEN_MAX {
                over.extend(lane.open.take().map(|dump| (other, dump)));
            }
        }
        for (lane_caller, dump) in over {
            self.close(lane_caller, dump, names);
        }
    }

    /// A warning prints where it struck before the heading of its own backtrace.
    pub(super) fn heading(&mut self, record: &Record<'_>, names: &Names) {
        if self.push_around(record.caller, Word::Heading) {
            return;
        }
        self.begin(record, None, names);
        if let Some(dump) = &mut self.lane(record.caller).open {
            dump.head();
        }
    }

    /// A slab report lists who allocated or freed its object: frames of no event. The report's own
    /// backtrace is still to come.
    pub(super) fn track(&mut self, record: &Record<'_>, names: &Names) {
        self.lane(record.caller).splat_announced = true;
        self.begin(record, None, names);
        self.lane(record.caller).splat_announced = true;
    }

    pub(super) fn frame(&mut self, record: &Record<'_>, word: Word, names: &Names) {
        let events = self.events;
        let lane = self.lane(record.caller);
        let begins = match &lane.open {
            None => lane.since_header < ADJACENT_LINES,
            Some(dump) => dump.ends_before(events, word, names),
        };
        if begins {
            self.begin(record, None, names);
        }
        match &mut self.lane(record.caller).open {
            Some(dump) => {
                dump.last_stamp = record.stamp;
                dump.push(word, names);
            }
            None => self.loss.stray_frames += 1,
        }
    }

    pub(super) fn mark(&mut self, caller: Option<Caller>, mark: Mark, names: &Names) {
        if mark != Mark::TaskEnd {
            self.push_around(caller, Word::Mark(mark));
            return;
        }
        let lane = self.lane(caller);
        if let Some(dump) = &mut lane.open {
            dump.parts.insert(Part::End);
        }
        // A warning's backtrace ends here, and the one that it interrupted goes on.
        let ended = match lane.open.as_ref().map(|dump| dump.opening) {
            Some(Opening::Splat) => std::mem::replace(&mut lane.open, lane.suspended.take()),
            _ => lane.open.take(),
        };
        self.close_all(caller, ended, names);
    }

    pub(super) fn end_splat(&mut self, caller: Option<Caller>, names: &Names) {
        let lane = self.lane(caller);
        lane.splat_announced = false;
        if lane.open.as_ref().is_some_and(|dump| dump.opening == Opening::Splat) {
            let ended = std::mem::replace(&mut lane.open, lane.suspended.take());
            self.close_all(caller, ended, names);
        }
    }

    /// mips ends a backtrace with an empty record. x86 prints one where a line that was to be
    /// continued was overtaken.
    pub(super) fn blank(&mut self, record: &Record<'_>, names: &Names) {
        let lane = self.lane(record.caller);
        let ends = |dump: &OpenBacktrace| {
            let is_alike = dump.stamp.is_some() == record.stamp.is_some();
            is_alike && !dump.steps.is_empty() && !dump.awaits_end()
        };
        if lane.open.as_deref().is_some_and(ends) {
            self.note_part(record, Part::End);
            let ended = self.lane(record.caller).open.take();
            self.close_all(record.caller, ended, names);
        }
    }

    pub(super) fn note_part(&mut self, record: &Record<'_>, part: Part) {
        if let Some(dump) = &mut self.lane(record.caller).open {
            dump.parts.insert(part);
        }
    }

    fn close_all(
        &mut self,
        caller: Option<Caller>,
        dumps: impl IntoIterator<Item = Box<OpenBacktrace>>,
        names: &Names,
    ) {
        for dump in dumps {
            self.close(caller, dump, names);
        }
    }

    /// A backtrace is complete.
    pub(super) fn close(
        &mut self,
        caller: Option<Caller>,
        dump: Box<OpenBacktrace>,
        names: &Names,
    ) {
        self.bind(caller, &dump, names);
        self.spare = Some(dump);
    }

    /// A complete backtrace's header takes it.
    fn bind(&mut self, caller: Option<Caller>, dump: &OpenBacktrace, names: &Names) {
        if dump.steps.is_empty()
            || (dump.opening == Opening::Splat && !self.binder.expects_stack(caller))
        {
            return;
        }
        let meaning = self.stacks.read(&dump.steps, names);
        if dump.opening == Opening::Splat && !matches!(meaning.printer, Printer::Trace(_)) {
            return;
        }
        match self.binder.stack(caller, dump, &meaning, names) {
            Claim::Header(event) => {
                self.skeleton.see(dump.parts, dump.steps.len(), dump.outermost());
                if self.detail == Detail::Full {
                    event.backtrace = Some(Box::new(dump.backtrace(names)));
                }
            }
            Claim::Headless(op) => {
                self.losses.push((
                    Lost::Header { op, stack: meaning.stack, witness: Witness::SlubTrace },
                    dump.line,
                ));
            }
            Claim::Nobody => {}
        }
    }
}
