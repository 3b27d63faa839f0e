//! Headers wait here for their backtraces, and leave in the order they came.

use std::collections::VecDeque;

use super::evidence::{Choice, Evidence, Question};
use super::open_backtrace::OpenBacktrace;
use super::rivals::{Rivals, Speaks};
use crate::address::{ObjectAddr, Pointer};
use crate::chain::Printer;
use crate::chain::StackFacts;
use crate::event::{Damage, Event};
use crate::lex::ObjectRows;
use crate::names::{FrameId, Names};
use crate::record::{Caller, Op, ROW_BYTES};

/// Headers that may wait at once, those included that only wait for an earlier one to leave.
const WAITING_MAX: usize = 1024;

/// A header that this many later headers got their backtraces before has lost its own. A timer
/// that interrupts a header may well allocate a hundred objects before the header's backtrace.
const OVERTAKEN_MAX: u32 = 512;

/// Objects in traced caches are smaller than this: larger ones come from the page allocator.
const OBJECT_BYTES_MAX: u64 = 1 << 22;

/// A header, and whether its backtrace has come.
#[derive(Clone, PartialEq, Debug)]
struct Waiting {
    event: Event,
    has_stack: bool,
    /// How many backtraces went to later headers since.
    overtaken: u32,
    /// Bytes of the object dump so far.
    dumped_bytes: u32,
    /// Bytes that the rows seen account for; less than `dumped_bytes` where rows are missing.
    row_bytes: u32,
}

/// A guess is kept open for this many events: most mistakes show at once.
const RECONSIDERED_EVENTS: u64 = 64;

/// Who took a backtrace.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// This header.
    Header(&'a mut Event),
    /// The header of such an event, which is missing.
    Headless(Op),
    /// Nobody: it is no event's.
    Nobody,
}

/// How many CPUs a boot's backtraces have shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Cpus {
    #[default]
    None,
    One(u32),
    Several,
}

/// The headers that wait, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binder {
    cpus: Cpus,
    waiting: VecDeque<Waiting>,
    evidence: Evidence,
    rivals: Rivals,
    /// Backtraces of events whose header never came.
    pub(crate) headless: u64,
    /// Backtraces that more than one header could have printed.
    pub(crate) ambiguous: u64,
}

impl Binder {
    /// A header comes.
    pub(crate) fn header(&mut self, event: Event) {
        if let (Op::Free, Pointer::Addr(object)) = (event.op, event.object) {
            self.freed_early(object);
        }
        self.waiting.push_back(Waiting {
            event,
            has_stack: false,
            overtaken: 0,
            dumped_bytes: 0,
            row_bytes: 0,
        });
    }

    /// A backtrace's first line names its CPU.
    pub(crate) fn see_cpu(&mut self, cpu: u32) {
        self.cpus = match self.cpus {
            Cpus::None => Cpus::One(cpu),
            Cpus::One(known) if known == cpu => Cpus::One(cpu),
            Cpus::One(_) | Cpus::Several => Cpus::Several,
        };
    }

    /// A new boot begins.
    pub(crate) fn next_boot(&mut self) {
        self.cpus = Cpus::None;
        self.rivals.next_boot();
        self.evidence.next_boot();
    }

    /// Whether any header of this printing context waits for its backtrace.
    pub(crate) fn expects_stack(&self, lane: Option<Caller>) -> bool {
        self.waiting.iter().any(|waiting| !waiting.has_stack && waiting.event.caller == lane)
    }

    /// Rows of an object dump come: they belong to a free whose backtrace has not come yet.
    pub(crate) fn object_rows(&mut self, lane: Option<Caller>, rows: ObjectRows) {
        let mut frees = self.waiting.iter_mut().rev().filter(|waiting| {
            waiting.event.op == Op::Free && !waiting.has_stack && waiting.event.caller == lane
        });
        let Pointer::Addr(at) = rows.address else {
            if let Some(free) = frees.next() {
                free.add_rows(free.dumped_bytes, rows.bytes);
            }
            return;
        };
        let mut newest = None;
        for free in frees {
            if let Some(offset) = free.offset_of(at.0) {
                return free.add_rows(offset, rows.bytes);
            }
            newest.get_or_insert(free);
        }
        // Hashed row addresses say nothing: rows behind the first follow one another.
        if let Some(free) = newest.filter(|free| free.dumped_bytes > 0) {
            free.add_rows(free.dumped_bytes, rows.bytes);
        }
    }

    /// A complete backtrace comes. Tells who took it.
    pub(crate) fn stack(
        &mut self,
        lane: Option<Caller>,
        dump: &OpenBacktrace,
        meaning: &StackFacts,
        names: &Names,
    ) -> Claim<'_> {
        if !meaning.interrupts_event {
            self.evidence.printed(dump.task, dump.last_stamp);
        }
        let at = match meaning.printer {
            Printer::Trace(op) => {
                if let Some(at) = self.choose(lane, op, dump, meaning, names) {
                    at
                } else {
                    self.headless += 1;
                    return Claim::Headless(op);
                }
            }
            Printer::Unclear if dump.adjacent => match self.newest(lane, dump) {
                Some(at) => at,
                None => return Claim::Nobody,
            },
            Printer::Unclear | Printer::Foreign => return Claim::Nobody,
        };
        for earlier in self.waiting.range_mut(..at) {
            earlier.overtaken += u32::from(!earlier.has_stack);
        }
        let waiting = &mut self.waiting[at];
        waiting.has_stack = true;
        waiting.event.task = dump.task;
        waiting.event.stack = Some(meaning.stack);
        if dump.is_cut() || names.chain(meaning.stack.chain).is_empty() {
            waiting.event.damage.insert(Damage::Cut);
        }
        let (event, site) = (waiting.event.seq, meaning.stack.site);
        if self.could_mix(lane) {
            self.look_again(event, site);
        }
        match self.waiting.iter_mut().find(|waiting| waiting.event.seq == event) {
            Some(waiting) => Claim::Header(&mut waiting.event),
            None => Claim::Nobody,
        }
    }

    /// Whether several CPUs print into one lane.
    fn could_mix(&self, lane: Option<Caller>) -> bool {
        lane.is_none() && self.cpus == Cpus::Several
    }

    /// An event was bound: what does it say about guesses before it?
    fn look_again(&mut self, seq: u64, site: Option<FrameId>) {
        let Some(bound) = self.waiting.iter().find(|waiting| waiting.event.seq == seq) else {
            return;
        };
        let (Pointer::Addr(object), Some(stack)) = (bound.event.object, bound.event.stack) else {
            return;
        };
        match (bound.event.op, site) {
            (Op::Alloc, _) if self.rivals.rival_of(seq).is_none() => {
                self.rivals.allocated(object, stack.chain);
            }
            (Op::Free, Some(site)) => {
                self.reconsider(object, site);
                self.rivals.freed(object, site);
            }
            _ => {}
        }
    }

    /// An object that may have been bound by a guess is freed at `site`.
    fn reconsider(&mut self, object: ObjectAddr, site: FrameId) {
        let Some(one) = self.alloc_of(object) else { return };
        let seq = self.waiting[one].event.seq;
        let Some(rival) = self.rivals.rival_of(seq) else { return };
        let Some(other) = self.waiting.iter().position(|waiting| waiting.event.seq == rival) else {
            return;
        };
        let (Some(own), Some(others)) =
            (self.waiting[one].event.stack, self.waiting[other].event.stack)
        else {
            return;
        };
        if self.rivals.speaks_for(site, others.chain, own.chain) == Speaks::ForOther {
            self.swap_stacks(one, other);
        }
        self.rivals.settled(seq);
    }

    /// An object is freed. Its allocation's backtrace was printed before the caller had it: if it
    /// seems not to have come yet, the guess that gave it away was wrong.
    fn freed_early(&mut self, object: ObjectAddr) {
        let Some(one) = self.alloc_of(object).filter(|&at| !self.waiting[at].has_stack) else {
            return;
        };
        let Some(rival) = self.rivals.rival_of(self.waiting[one].event.seq) else { return };
        let Some(other) = self.waiting.iter().position(|waiting| waiting.event.seq == rival) else {
            return;
        };
        if self.waiting[other].has_stack {
            self.swap_stacks(one, other);
        }
    }

    fn alloc_of(&self, object: ObjectAddr) -> Option<usize> {
        let is_its_alloc = |waiting: &Waiting| {
            waiting.event.op == Op::Alloc && waiting.event.object == Pointer::Addr(object)
        };
        self.waiting.iter().rposition(is_its_alloc)
    }

    fn swap_stacks(&mut self, one: usize, other: usize) {
        let waiting = self.waiting.make_contiguous();
        let Ok([left, right]) = waiting.get_disjoint_mut([one, other]) else { return };
        std::mem::swap(&mut left.has_stack, &mut right.has_stack);
        let (left, right) = (&mut left.event, &mut right.event);
        std::mem::swap(&mut left.task, &mut right.task);
        std::mem::swap(&mut left.stack, &mut right.stack);
        std::mem::swap(&mut left.backtrace, &mut right.backtrace);
        left.damage.swap(&mut right.damage, Damage::Cut);
    }

    /// The header that a backtrace most likely belongs to: of its kind, the best fit, and among
    /// equals the most recent, since interrupts nest.
    fn choose(
        &mut self,
        lane: Option<Caller>,
        op: Op,
        dump: &OpenBacktrace,
        meaning: &StackFacts,
        names: &Names,
    ) -> Option<usize> {
        if let Some(only) = self.only_candidate(lane, op, dump) {
            self.evidence.learn(meaning, &self.waiting[only].event);
            return Some(only);
        }
        let mut question = self.question(lane, op, dump, meaning, names, Waiting::may_own);
        if question.is_empty() {
            question = self.question(lane, op, dump, meaning, names, Waiting::may_own_if_swapped);
        }
        // On one CPU, and with a lane for each printer, events nest: the last header in has its
        // backtrace out first.
        if !self.could_mix(lane) {
            return question.most_recent();
        }
        let Choice { chosen, rival } = self.evidence.choose(&question)?;
        if let Some(other) = rival {
            self.ambiguous += 1;
            self.rivals.guessed(self.waiting[chosen].event.seq, self.waiting[other].event.seq);
            // The other one's backtrace will be what is left over: a guess as well.
            for guessed in [chosen, other] {
                self.waiting[guessed].event.damage.insert(Damage::AmbiguousStack);
            }
        }
        Some(chosen)
    }

    /// The header that alone may own a backtrace: nearly always there is just one.
    fn only_candidate(&self, lane: Option<Caller>, op: Op, dump: &OpenBacktrace) -> Option<usize> {
        let may_own = |waiting: &Waiting| waiting.event.op == op && waiting.may_own(lane, dump);
        let mut candidates = (0..self.waiting.len()).filter(|&at| may_own(&self.waiting[at]));
        let only = candidates.next()?;
        candidates.next().is_none().then_some(only)
    }

    /// Which of the headers printed a backtrace that may have?
    fn question(
        &self,
        lane: Option<Caller>,
        op: Op,
        dump: &OpenBacktrace,
        meaning: &StackFacts,
        names: &Names,
        may_own: impl Fn(&Waiting, Option<Caller>, &OpenBacktrace) -> bool,
    ) -> Question {
        let mut question = Question::new(dump, meaning);
        for (at, waiting) in self.waiting.iter().enumerate() {
            let Waiting { event, overtaken, .. } = waiting;
            if event.op == op && may_own(waiting, lane, dump) {
                question.add(at, event, *overtaken, dump, meaning, names);
            }
        }
        question
    }

    fn newest(&self, lane: Option<Caller>, dump: &OpenBacktrace) -> Option<usize> {
        let is_before = |waiting: &Waiting| {
            waiting.event.caller == lane && waiting.event.seq < dump.headers_before
        };
        let newest = self.waiting.iter().rposition(is_before)?;
        (!self.waiting[newest].has_stack).then_some(newest)
    }

    /// Hands on the events that wait for nothing any more.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&mut Event)) {
        while self.is_ready() {
            self.release(&mut each);
        }
    }

    /// Hands on all events, waiting or not: nothing more comes.
    pub(crate) fn flush(&mut self, mut each: impl FnMut(&mut Event)) {
        while !self.waiting.is_empty() {
            self.release(&mut each);
        }
    }

    fn is_ready(&self) -> bool {
        let Some(front) = self.waiting.front() else { return false };
        let is_settled = front.has_stack && !self.may_be_reconsidered(front);
        is_settled || front.overtaken >= OVERTAKEN_MAX || self.waiting.len() > WAITING_MAX
    }

    /// Whether an event was part of a guess that its object's free may still turn.
    fn may_be_reconsidered(&self, waiting: &Waiting) -> bool {
        let latest = self.waiting.back().map_or(0, |waiting| waiting.event.seq);
        latest < waiting.event.seq + RECONSIDERED_EVENTS
            && self.rivals.rival_of(waiting.event.seq).is_some()
    }

    /// Hands on the next event.
    fn release(&mut self, each: &mut impl FnMut(&mut Event)) {
        if let Some(waiting) = self.waiting.front_mut() {
            waiting.complete();
            each(&mut waiting.event);
            self.waiting.pop_front();
        }
    }
}

impl Waiting {
    /// Nothing more comes: what is missing now is lost.
    fn complete(&mut self) {
        if !self.has_stack {
            self.event.damage.insert(Damage::NoStack);
        }
        if self.dumped_bytes > 0 {
            self.event.object_size = Some(self.dumped_bytes);
        }
        if self.row_bytes < self.dumped_bytes {
            self.event.damage.insert(Damage::DumpTorn);
        }
    }

    /// Whether the header could have printed a backtrace.
    fn may_own(&self, lane: Option<Caller>, dump: &OpenBacktrace) -> bool {
        !self.has_stack && self.event.caller == lane && self.event.seq < dump.headers_before
    }

    /// Whether the header could have printed a backtrace, had two lines changed places.
    fn may_own_if_swapped(&self, lane: Option<Caller>, dump: &OpenBacktrace) -> bool {
        !self.has_stack && self.event.caller == lane && self.event.line.0 <= dump.line.0 + 1
    }

    /// Where in the object a row with a true address lies.
    fn offset_of(&self, row: u64) -> Option<u32> {
        let Pointer::Addr(object) = self.event.object else { return None };
        let offset = row.checked_sub(object.0)?;
        let fits = offset < OBJECT_BYTES_MAX && offset.is_multiple_of(u64::from(ROW_BYTES));
        fits.then(|| u32::try_from(offset).ok()).flatten()
    }

    fn add_rows(&mut self, offset: u32, bytes: u32) {
        self.dumped_bytes = self.dumped_bytes.max(offset.saturating_add(bytes));
        self.row_bytes = self.row_bytes.saturating_add(bytes);
    }
}
