//! Understood lines to events: a small state machine for each printing context.
//!
//! With `CONFIG_PRINTK_CALLER` every record says who printed it, and each printer has a lane of
//! its own. Without, all records share one lane.

mod backtraces;

use super::binder::Binder;
use super::lanes::{ADJACENT_LINES, Lane, Lanes};
use super::open_backtrace::OpenBacktrace;
use super::recording::{self, Recording, Tools};
use super::skeleton::Skeleton;
use super::torn;
use crate::address::{LineNumber, Pointer};
use crate::chain::{Depth, StackCache};
use crate::event::AssemblyLoss;
use crate::event::{Damage, DamageSet, Detail, Event, Lost, Printing, Witness};
use crate::lex::{
    Header, HeadingPlace, ObjectRows, Part, RecordedEntry, Registers, Run, Texts, Token, Word,
};
use crate::names::{FrameId, NameId, Names};
use crate::record::{Caller, Mark, Record, RegisterLine};

/// What became of lines that were offered together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// All are part of an open backtrace now.
    Whole,
    /// None was taken: each must be looked at.
    No,
}

/// Puts events together.
#[derive(Clone, Debug)]
pub(crate) struct Assembler {
    detail: Detail,
    lanes: Lanes,
    stacks: StackCache,
    binder: Binder,
    recording: Recording,
    loss: AssemblyLoss,
    losses: Vec<(Lost, LineNumber)>,
    /// Room for the next backtrace.
    spare: Option<Box<OpenBacktrace>>,
    skeleton: Skeleton,
    /// Headers so far.
    events: u64,
    /// Events that were handed on.
    handed_on: u64,
    boot: u32,
    /// Whether headers of the present boot carry times: then frames without one are no records.
    stamped: bool,
    kernel: Option<NameId>,
    build_id: Option<NameId>,
    hardware: Option<NameId>,
}

impl Assembler {
    pub(crate) fn new(detail: Detail, depth: Depth) -> Assembler {
        Assembler {
            detail,
            lanes: Lanes::default(),
            stacks: StackCache::new(depth),
            binder: Binder::default(),
            recording: Recording::default(),
            loss: AssemblyLoss::default(),
            losses: Vec::new(),
            spare: None,
            skeleton: Skeleton::default(),
            events: 0,
            handed_on: 0,
            boot: 0,
            stamped: false,
            kernel: None,
            build_id: None,
            hardware: None,
        }
    }

    /// Whether anything was found missing since it was last taken.
    #[inline]
    pub(crate) fn has_losses(&self) -> bool {
        !self.losses.is_empty() || !self.recording.losses.is_empty()
    }

    /// What was found missing since the last call.
    pub(crate) fn take_losses(&mut self) -> Vec<(Lost, LineNumber)> {
        let mut losses = std::mem::take(&mut self.losses);
        losses.append(&mut self.recording.losses);
        losses
    }

    /// How the present boot's events were printed.
    pub(crate) fn printing(&self, witness: Witness) -> Printing {
        match witness {
            Witness::SlubTrace => self.skeleton.printing(),
            Witness::TraceEvents => Printing {
                witness,
                event_lines_min: self.recording.entries_per_event(),
                ..Printing::default()
            },
        }
    }

    /// Counts what was lost so far.
    pub(crate) fn loss(&self) -> AssemblyLoss {
        let recording = self.recording.loss;
        AssemblyLoss {
            headless_stacks: self.binder.headless + recording.headless_stacks,
            ambiguous_stacks: self.binder.ambiguous,
            damaged_lines: self.loss.damaged_lines + recording.damaged_lines,
            entries_lost: recording.entries_lost,
            failed_allocs: recording.failed_allocs,
            unpaired: self.recording.unpaired,
            ..self.loss
        }
    }

    /// Events begun so far.
    pub(crate) fn events(&self) -> u64 {
        self.events + self.recording.events
    }

    /// The kernel release that the present boot names.
    pub(crate) fn kernel(&self) -> Option<NameId> {
        self.kernel
    }

    /// The build id of its kernel that the present boot names.
    pub(crate) fn build_id(&self) -> Option<NameId> {
        self.build_id
    }

    /// The hardware that the present boot names.
    pub(crate) fn hardware(&self) -> Option<NameId> {
        self.hardware
    }

    /// A new boot begins. Everything of the old one must have been flushed.
    pub(crate) fn next_boot(&mut self) {
        self.boot += 1;
        self.binder.next_boot();
        self.skeleton = Skeleton::default();
        self.stamped = false;
        self.kernel = None;
        self.build_id = None;
        self.hardware = None;
    }

    /// An event's header.
    pub(crate) fn header(&mut self, record: &Record<'_>, header: &Header) {
        let mut damage = DamageSet::default();
        if header.fp.is_none() {
            damage.insert(Damage::TornHeader);
            self.loss.damaged_lines += 1;
        }
        self.stamped |= record.stamp.is_some();
        self.binder.header(Event {
            seq: self.events,
            op: header.op,
            cache: header.cache,
            object: header.object,
            digits: if matches!(header.object, Pointer::Torn) { 0 } else { header.digits.into() },
            inuse: header.inuse,
            fp: header.fp,
            stamp: record.stamp,
            boot: self.boot,
            line: record.line,
            caller: record.caller,
            task: None,
            stack: None,
            backtrace: None,
            object_size: None,
            recorded: None,
            damage,
        });
        self.events += 1;
        self.lane(record.caller).since_header = 0;
    }

    /// An entry of a recording.
    pub(crate) fn entry(&mut self, token: &Token, entry: &RecordedEntry, names: &Names) {
        let place = recording::Place { line: token.line, boot: self.boot, stamp: token.first };
        let Assembler { recording, stacks, detail, .. } = self;
        recording.entry(entry, place, &mut Tools { detail: *detail, stacks, names });
    }

    /// Rows of an object dump.
    pub(crate) fn object_rows(&mut self, caller: Option<Caller>, rows: ObjectRows) {
        self.binder.object_rows(caller, rows);
        self.lane(caller).since_header = 0;
    }

    /// Lines of a register dump.
    pub(crate) fn registers(&mut self, token: &Token, kind: Registers, texts: &Texts<'_>) {
        let detail = self.detail;
        let stamped = token.first.is_some();
        let open = &mut self.lane(token.caller).open;
        let Some(dump) = open.as_mut().filter(|dump| stamped || dump.stamp.is_none()) else {
            return;
        };
        if kind == Registers::ExceptionStack {
            dump.begin_exception();
        }
        if detail == Detail::Full {
            for line in token.line_texts(texts).filter_map(RegisterLine::parse) {
                dump.push_registers(line);
            }
        }
    }

    /// Takes the lines of a run, if they can only be the next ones of the backtrace that its
    /// caller has open.
    #[inline]
    pub(crate) fn run(
        &mut self,
        token: &Token,
        run: &Run,
        texts: &Texts<'_>,
        names: &Names,
    ) -> Taken {
        if run.entry_frames > 0 {
            let numbers = texts.backtrace_lines(run);
            return match self.recording.frames(run, numbers, token.line) {
                recording::Taken::Yes => Taken::Whole,
                recording::Taken::No => Taken::No,
            };
        }
        let is_stray = self.stamped && token.last.is_none();
        let lane = self.lanes.get(token.caller);
        let announced = lane.splat_announced && run.heading != HeadingPlace::None;
        let Some(dump) =
            lane.open.as_mut().filter(|dump| !is_stray && !announced && dump.goes_on_with(run))
        else {
            return Taken::No;
        };
        dump.push_run(run, texts.backtrace_lines(run));
        if run.frames > 0 {
            dump.last_stamp = token.last;
        }
        self.hardware = run.hardware.or(self.hardware);
        if run.parts.contains(Part::End) {
            self.mark(token.caller, Mark::TaskEnd, names);
        }
        Taken::Whole
    }

    /// Any other line that was understood.
    pub(crate) fn word(&mut self, record: &Record<'_>, word: Word, names: &Names) {
        match word {
            Word::Frame(_)
            | Word::Struck(..)
            | Word::Marked(..)
            | Word::Call { .. }
            | Word::Frames(_)
            | Word::Headed(_)
            | Word::Mark(_)
            | Word::Heading
            | Word::Task(_)
                if self.stamped && record.stamp.is_none() =>
            {
                self.loss.stray_frames += 1;
            }
            Word::Frame(_)
            | Word::Struck(..)
            | Word::Marked(..)
            | Word::Call { .. }
            | Word::Frames(_) => {
                self.frame(record, word, names);
            }
            Word::Headed(_) => {
                self.heading(record, names);
                self.frame(record, word, names);
            }
            Word::EntryFrame(frame) => self.entry_frame(record, frame),
            Word::Recording(notice) => {
                let Assembler { recording, stacks, detail, .. } = self;
                let mut tools = Tools { detail: *detail, stacks, names };
                recording.notice(notice, record.line, &mut tools);
            }
            Word::Track => self.track(record, names),
            Word::Mark(mark) => self.mark(record.caller, mark, names),
            Word::Task(task) => {
                self.kernel = task.kernel.or(self.kernel);
                self.build_id = task.build_id.or(self.build_id);
                if let Some(cpu) = task.cpu {
                    self.binder.see_cpu(cpu);
                }
                self.overtake(record.caller, names);
                self.begin(record, Some(task), names);
            }
            Word::Heading => self.heading(record, names),
            Word::Hardware(name) => {
                self.hardware = Some(name);
                self.note_part(record, Part::Hardware);
            }
            Word::Banner(kernel) => self.kernel = Some(kernel),
            Word::SplatBegin => self.lane(record.caller).splat_announced = true,
            Word::SplatEnd => self.end_splat(record.caller, names),
            Word::Dropped(count) => self.dropped(record, count, names),
            Word::Blank => self.blank(record, names),
            Word::Other => self.other(record),
            Word::ProgramFrame
            | Word::TaskDetail
            | Word::CommandLine
            | Word::BootSeparator
            | Word::Slabinfo(..) => {}
        }
    }

    /// Hands on every event that waits for nothing any more.
    pub(crate) fn drain(&mut self, each: impl FnMut(&Event)) {
        self.binder.drain(numbered(&mut self.handed_on, each));
    }

    /// The same for the events of a recording.
    pub(crate) fn drain_recording(&mut self, each: impl FnMut(&Event)) {
        self.recording.drain(numbered(&mut self.handed_on, each));
    }

    /// Closes everything that is open and hands on every event: the log or the boot ends.
    pub(crate) fn flush(&mut self, names: &Names, each: impl FnMut(&Event)) {
        for (caller, mut dump) in self.lanes.take_dumps() {
            // What ends where no other backtrace ended was cut off with the log.
            dump.cut |= !self.skeleton.is_end(dump.outermost());
            self.close(caller, dump, names);
        }
        self.lanes.clear();
        let Assembler { binder, recording, stacks, detail, handed_on, .. } = self;
        let mut each = numbered(handed_on, each);
        binder.flush(&mut each);
        recording.finish(&mut Tools { detail: *detail, stacks, names });
        recording.drain(each);
    }

    fn entry_frame(&mut self, record: &Record<'_>, frame: FrameId) {
        if self.recording.frame(frame, record.line) == recording::Taken::No {
            self.loss.stray_frames += 1;
        }
    }

    #[inline]
    fn lane(&mut self, caller: Option<Caller>) -> &mut Lane {
        self.lanes.get(caller)
    }

    /// The kernel dropped messages: what was being printed is incomplete.
    fn dropped(&mut self, record: &Record<'_>, count: u64, names: &Names) {
        self.loss.printk_dropped = self.loss.printk_dropped.saturating_add(count);
        // A mark that does not say how many may stand for any number.
        let missing = if count == 0 { torn::MISSING_UNKNOWN } else { count };
        self.loss.damaged_lines += u64::from(count == 0);
        self.losses.push((Lost::Messages(missing), record.line));
        for (_, lane) in self.lanes.iter_mut() {
            lane.since_header = ADJACENT_LINES;
        }
        for (caller, mut dump) in self.lanes.take_dumps() {
            dump.cut = true;
            self.close(caller, dump, names);
        }
    }

    /// A line that means nothing here. One that was a frame before it was damaged counts.
    fn other(&mut self, record: &Record<'_>) {
        let stamped = record.stamp.is_some();
        if (stamped || !self.stamped) && torn::is_torn_header(record.text) {
            self.loss.damaged_lines += 1;
            self.losses.push((Lost::Messages(1), record.line));
        }
        let lane = self.lane(record.caller);
        lane.see_other();
        let in_backtrace = lane
            .open
            .as_mut()
            .filter(|dump| dump.stamp.is_some() == stamped && !dump.steps.is_empty());
        let Some(dump) = in_backtrace else { return };
        if torn::is_torn_frame(record.text) {
            dump.cut = true;
            self.loss.damaged_lines += 1;
        }
    }
}
/// Numbers events in the order in which they are handed on: two witnesses take turns.
fn numbered(count: &mut u64, mut each: impl FnMut(&Event)) -> impl FnMut(&mut Event) {
    move |event| {
        event.seq = *count;
        *count += 1;
        each(event);
    }
}
