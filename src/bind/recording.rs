//! Entries of a recording to events: each event with the backtrace behind it.
//!
//! A backtrace is an entry of its own, which its event's writer writes next. Other CPUs' entries may
//! stand between the two, and those of an interrupt: a writer is a CPU, a task, and what the CPU was
//! doing. perf prints a backtrace right behind its event, without a heading.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::address::{LineNumber, Pointer};
use crate::chain::{Printer, Stack, StackCache, Step, Steps};
use crate::event::{
    AssemblyLoss, Backtrace, Damage, DamageSet, Detail, Event, Lost, Recorded, Witness,
};
use crate::lex::{
    BacktraceLine, EntryBeginning, EntryWriter, RecordedEntry, RecordedEvent, RecordedKind, Run,
    Task,
};
use crate::names::{FrameId, NameId, Names};
use crate::record::Op;
use crate::record::ftrace::{RecordingNotice, Unpaired};
use crate::time::Stamp;

use super::torn;

/// So many events may wait for their backtrace. A CPU that idles never writes the next entry.
const WAITING_MAX: usize = 4096;

/// A backtrace has no more frames: the kernel records 64 at most, perf 127.
const FRAMES_MAX: usize = 256;

/// Entries that a glued line may stand for: `tracing_splice_read_pipe()` of `kernel/trace/trace.c`
/// prints up to 8 KiB and passes 4 KiB of them on; an entry has 60 bytes or more.
const ENTRIES_IN_PAGE: u64 = 64;

/// `ZERO_SIZE_PTR` of `include/linux/slab.h`: what `kmalloc(0)` gives, which is no object.
const ZERO_SIZE_PTR: u64 = 16;

/// Number of an event among all of a boot's recording.
type Number = u64;

/// Puts the entries of a boot's recording together.
#[derive(Clone, Default, Debug)]
pub(super) struct Recording {
    /// Events in the order of their entries, the oldest first.
    waiting: VecDeque<Waiting>,
    /// The number of the first of them.
    first: Number,
    /// The last entry of each writer, if its backtrace may come next.
    last_of: HashMap<EntryWriter, Last, FixedState>,
    reading: Reading,
    stacks: SiteStacks,
    /// The rendering, where nothing can be made of it.
    pub(super) unpaired: Option<Unpaired>,
    /// What stands for no taint.
    taint: Option<NameId>,
    /// Events that came with a backtrace, in this boot.
    with_stack: u64,
    /// Events so far.
    pub(super) events: u64,
    pub(super) losses: Vec<(Lost, LineNumber)>,
    pub(super) loss: AssemblyLoss,
}

/// An event that waits for its backtrace, or for those before it.
#[derive(Clone, Debug)]
struct Waiting {
    event: Event,
    call_site: Option<FrameId>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Its backtrace may come.
    Open,
    /// Nothing more comes.
    Complete,
}

/// What a writer wrote last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Last {
    /// An event.
    Event(Number),
    /// Something that is no event of an object.
    Other,
}

/// Where the frames go that come next.
#[derive(Clone, Default, Debug)]
enum Reading {
    /// Nowhere: no backtrace is open.
    #[default]
    Nothing,
    /// To an event that was just read: perf prints its backtrace so.
    Behind(Number),
    /// To a backtrace with a heading. Its event may be lost.
    Backtrace { event: Option<Number>, line: LineNumber, steps: Steps },
    /// They are a program's, or of an entry that is no event of an object.
    Ignored,
}

impl Reading {
    /// The backtrace of an event, or of one that is lost.
    fn of_event(event: Option<Number>, first: Option<FrameId>, line: LineNumber) -> Reading {
        let mut steps = Steps::default();
        steps.extend(first.map(BacktraceLine::EntryFrame));
        Reading::Backtrace { event, line, steps }
    }
}

/// Where a recording takes place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) line: LineNumber,
    pub(super) boot: u32,
    /// The time of the message that an entry is, where it has none of its own.
    pub(super) stamp: Option<Stamp>,
}

/// What is at hand to complete events.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) detail: Detail,
    pub(super) stacks: &'a mut StackCache,
    pub(super) names: &'a Names,
}

impl Recording {
    /// Takes the next entry.
    pub(super) fn entry(&mut self, entry: &RecordedEntry, place: Place, tools: &mut Tools<'_>) {
        self.end_backtrace(tools);
        if entry.beginning == EntryBeginning::BehindGap {
            self.loss.damaged_lines += 1;
            self.losses.push((Lost::Entries(ENTRIES_IN_PAGE), place.line));
        }
        match entry.kind {
            RecordedKind::Event(event) => {
                self.settle(entry.writer, tools);
                self.event(entry, &event, place, tools);
            }
            RecordedKind::Stack(first) => {
                self.reading = match self.last_of.remove(&entry.writer) {
                    Some(Last::Other) => Reading::Ignored,
                    Some(Last::Event(number)) => Reading::of_event(Some(number), first, place.line),
                    None => Reading::of_event(None, first, place.line),
                };
            }
            RecordedKind::UserStack => self.reading = Reading::Ignored,
            RecordedKind::Other => {
                self.settle(entry.writer, tools);
                self.ignore(entry.writer);
            }
        }
    }

    /// Takes a frame.
    pub(super) fn frame(&mut self, frame: FrameId, line: LineNumber) -> Taken {
        let Some(steps) = self.open(line) else { return self.ignored() };
        if steps.len() < FRAMES_MAX {
            steps.push(BacktraceLine::EntryFrame(frame));
        }
        Taken::Yes
    }

    /// Takes frames that follow one another.
    pub(super) fn frames(&mut self, run: &Run, numbers: &[u64], line: LineNumber) -> Taken {
        let Some(steps) = self.open(line) else { return self.ignored() };
        if steps.len() + numbers.len() <= FRAMES_MAX {
            steps.append(run, numbers);
        }
        Taken::Yes
    }

    /// Where the next frames go.
    fn open(&mut self, line: LineNumber) -> Option<&mut Steps> {
        if let Reading::Behind(number) = self.reading {
            self.last_of.retain(|_, last| *last != Last::Event(number));
            self.reading = Reading::of_event(Some(number), None, line);
        }
        match &mut self.reading {
            Reading::Backtrace { steps, .. } => Some(steps),
            _ => None,
        }
    }

    fn ignored(&self) -> Taken {
        match self.reading {
            Reading::Ignored => Taken::Yes,
            _ => Taken::No,
        }
    }

    /// Takes what the recording says about itself.
    pub(super) fn notice(
        &mut self,
        notice: RecordingNotice,
        line: LineNumber,
        tools: &mut Tools<'_>,
    ) {
        self.end_backtrace(tools);
        let entries = match notice {
            RecordingNotice::Unpaired(form) => {
                self.unpaired = Some(form);
                return;
            }
            RecordingNotice::Overwritten(0) => return,
            RecordingNotice::Overwritten(entries) => Some(entries),
            RecordingNotice::Lost { cpu, entries } => {
                self.settle_cpu(cpu, tools);
                entries
            }
        };
        self.loss.entries_lost = self.loss.entries_lost.saturating_add(entries.unwrap_or(0));
        self.loss.damaged_lines += u64::from(entries.is_none());
        self.losses.push((Lost::Entries(entries.unwrap_or(torn::MISSING_UNKNOWN)), line));
    }

    /// Hands on every event that nothing more comes for, and that none before it waits.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&mut Event)) {
        while let Some(waiting) = self.waiting.front()
            && (waiting.state == State::Complete || self.waiting.len() > WAITING_MAX)
        {
            let Some(mut waiting) = self.waiting.pop_front() else { break };
            each(&mut waiting.event);
            self.first += 1;
        }
    }

    /// Completes what is open: the log or the boot ends.
    pub(super) fn finish(&mut self, tools: &mut Tools<'_>) {
        self.end_backtrace(tools);
        self.settle_cpu(None, tools);
        for waiting in &mut self.waiting {
            waiting.state = State::Complete;
        }
        self.with_stack = 0;
    }

    /// Entries that an event has at least: itself, and its backtrace where there are any.
    pub(super) fn entries_per_event(&self) -> u64 {
        if self.with_stack > 0 { 2 } else { 1 }
    }

    fn event(
        &mut self,
        entry: &RecordedEntry,
        event: &RecordedEvent,
        place: Place,
        tools: &Tools<'_>,
    ) {
        // Nothing is freed, nothing was given, and nothing of no size was ever allocated.
        let is_nothing = match event.object {
            Pointer::Null => {
                self.loss.failed_allocs += u64::from(event.op == Op::Alloc);
                true
            }
            Pointer::Addr(object) => object.0 == ZERO_SIZE_PTR,
            Pointer::Unprintable | Pointer::Torn => false,
        };
        if is_nothing {
            return self.ignore(entry.writer);
        }
        let mut damage = DamageSet::default();
        if event.object == Pointer::Torn {
            damage.insert(Damage::TornHeader);
            self.loss.damaged_lines += 1;
        }
        let number = self.first + self.waiting.len() as u64;
        // A recording tells of no taint.
        let taint = *self.taint.get_or_insert_with(|| tools.names.intern(b""));
        let event = Waiting {
            event: whole_event(entry, event, place, damage, taint),
            call_site: event.call_site,
            state: State::Open,
        };
        self.waiting.push_back(event);
        self.events += 1;
        self.last_of.insert(entry.writer, Last::Event(number));
        self.reading = Reading::Behind(number);
    }

    /// The backtrace of this writer's last event does not come.
    fn settle(&mut self, writer: EntryWriter, tools: &mut Tools<'_>) {
        if let Some(Last::Event(number)) = self.last_of.remove(&writer) {
            self.complete(number, &Steps::default(), tools);
        }
    }

    /// The backtrace that this writer writes next is of no event.
    fn ignore(&mut self, writer: EntryWriter) {
        self.last_of.insert(writer, Last::Other);
        self.reading = Reading::Ignored;
    }

    /// What a CPU, or all of them, have still to write is lost.
    fn settle_cpu(&mut self, cpu: Option<u32>, tools: &mut Tools<'_>) {
        let is_of = |writer: &EntryWriter| cpu.is_none() || writer.cpu == cpu;
        let open: Vec<EntryWriter> =
            self.last_of.keys().copied().filter(|writer| is_of(writer)).collect();
        for writer in open {
            self.settle(writer, tools);
        }
    }

    /// The open backtrace ends.
    fn end_backtrace(&mut self, tools: &mut Tools<'_>) {
        let Reading::Backtrace { event, line, steps } = std::mem::take(&mut self.reading) else {
            return;
        };
        match event {
            Some(number) => {
                self.with_stack += 1;
                self.complete(number, &steps, tools);
            }
            None => self.headless(&steps, line, tools),
        }
    }

    /// A backtrace whose event is lost, or one of another kind of event: then its frames show no
    /// allocator.
    fn headless(&mut self, steps: &Steps, line: LineNumber, tools: &mut Tools<'_>) {
        let facts = tools.stacks.read(steps, tools.names);
        if let Printer::Trace(op) = facts.printer {
            self.loss.headless_stacks += 1;
            let (stack, witness) = (facts.stack, Witness::TraceEvents);
            self.losses.push((Lost::Header { op, stack, witness }, line));
        }
    }

    /// Nothing more comes for an event but these frames.
    fn complete(&mut self, number: Number, steps: &Steps, tools: &mut Tools<'_>) {
        let has_stacks = self.with_stack > 0;
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let Some(waiting) = at.and_then(|at| self.waiting.get_mut(at)) else { return };
        waiting.state = State::Complete;
        if steps.is_empty() && has_stacks {
            waiting.event.damage.insert(Damage::Cut);
        }
        if steps.is_empty() && waiting.call_site.is_none() {
            waiting.event.damage.insert(Damage::NoStack);
            return;
        }
        waiting.event.stack = Some(self.stacks.read(waiting.call_site, steps, tools));
        if tools.detail == Detail::Full {
            let steps: Vec<_> =
                from_call_site(waiting.call_site, steps, tools.names).iter().collect();
            let chain = crate::chain::place(&steps, tools.names);
            waiting.event.backtrace = Some(Box::new(Backtrace { chain, registers: Vec::new() }));
        }
    }
}

/// What call sites and the backtraces behind them say, worked out once.
#[derive(Clone, Default, Debug)]
struct SiteStacks(HashMap<(Option<FrameId>, u64), SiteStack, FixedState>);

/// The lines of a backtrace, and what they say.
type SiteStack = (Box<[u64]>, Stack);

/// At so many, learning starts afresh.
const SITE_STACKS_MAX: usize = 1 << 14;

impl SiteStacks {
    fn read(&mut self, site: Option<FrameId>, steps: &Steps, tools: &mut Tools<'_>) -> Stack {
        let key = (site, steps.hash());
        if let Some((numbers, stack)) = self.0.get(&key)
            && **numbers == *steps.numbers()
        {
            return *stack;
        }
        let stack = tools.stacks.read(&from_call_site(site, steps, tools.names), tools.names).stack;
        if self.0.len() >= SITE_STACKS_MAX {
            self.0.clear();
        }
        self.0.insert(key, (steps.numbers().into(), stack));
        stack
    }
}

/// Whether a frame belongs to an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// It does.
    Yes,
    /// No backtrace is open.
    No,
}

/// The frames that count: from the call site on, which says more of its place than the frame of the
/// same function in the backtrace. What is above is the tracer and the allocator. Where the unwinder
/// skips too many frames, as on arm, the call site is not among them.
fn from_call_site(site: Option<FrameId>, steps: &Steps, names: &Names) -> Steps {
    let frames: Vec<FrameId> = steps.iter().filter_map(Step::frame).collect();
    let below = site.map_or(&frames[..], |site| below_site(site, &frames, names));
    let mut chain = Steps::default();
    chain.extend(site.iter().chain(below).map(|&frame| BacktraceLine::EntryFrame(frame)));
    chain
}

/// The frames below the call site.
fn below_site<'a>(site: FrameId, frames: &'a [FrameId], names: &Names) -> &'a [FrameId] {
    let is_site = |&frame: &FrameId| {
        let (frame, site) = (names.frame(frame), names.frame(site));
        match (frame.function, site.function) {
            (Some(function), Some(of_site)) => function == of_site,
            _ => frame.bare.is_some() && frame.bare == site.bare,
        }
    };
    let is_above = |frame: &&FrameId| crate::chain::is_machinery(**frame, names);
    let above = frames.iter().position(is_site).map(|at| at + 1);
    &frames[above.unwrap_or_else(|| frames.iter().take_while(is_above).count())..]
}

fn whole_event(
    entry: &RecordedEntry,
    event: &RecordedEvent,
    place: Place,
    damage: DamageSet,
    taint: NameId,
) -> Event {
    let comm = entry.comm.name();
    let task = entry.writer.pid.zip(comm).map(|(pid, comm)| Task {
        cpu: entry.writer.cpu,
        pid,
        comm,
        taint,
        kernel: None,
        build_id: None,
    });
    let bytes = event.request.map(|request| request.allocated);
    Event {
        seq: 0,
        op: event.op,
        cache: event.cache.name(),
        object: event.object,
        digits: usize::from(event.digits),
        inuse: None,
        fp: None,
        stamp: entry.time.map(Stamp::boot).or(place.stamp),
        boot: place.boot,
        line: place.line,
        caller: None,
        task,
        stack: None,
        backtrace: None,
        object_size: bytes.and_then(|bytes| u32::try_from(bytes).ok()),
        recorded: Some(Recorded { cache: event.cache, request: event.request }),
        damage,
    }
}
