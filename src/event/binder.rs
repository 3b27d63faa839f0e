//! Headers wait here for their backtraces, and leave in the order they came.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::names::{ChainId, NameId, Names};
use super::stacks::Meaning;
use super::{Damage, Event};
use crate::address::Pointer;
use crate::event::chain::Origin;
use crate::event::dump::Dump;
use crate::record::{Caller, ObjectRow, Op, ROW_BYTES};

/// Headers that may wait at once, those included that only wait for an earlier one to leave.
const WAITING_MAX: usize = 1024;

/// A header that this many later headers got their backtraces before has lost its own. A timer
/// that interrupts a header may well allocate a hundred objects before the header's backtrace.
const OVERTAKEN_MAX: u32 = 512;

/// Objects in traced caches are smaller than this: larger ones come from the page allocator.
const OBJECT_BYTES_MAX: u64 = 1 << 22;

/// A header, and whether its backtrace has come.
#[derive(Debug)]
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

/// How many CPUs a boot's backtraces have shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Cpus {
    #[default]
    None,
    One(u32),
    Several,
}

/// The headers that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Binder {
    cpus: Cpus,
    waiting: VecDeque<Waiting>,
    /// Which caches a chain is known to use, from bindings without a choice.
    caches: HashMap<ChainId, Vec<NameId>>,
    /// Backtraces of events whose header never came.
    pub(crate) headless: u64,
    /// Backtraces that more than one header could have printed.
    pub(crate) ambiguous: u64,
}

impl Binder {
    /// A header comes.
    pub(crate) fn header(&mut self, event: Event) {
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
    }

    /// Whether any header of this printing context waits for its backtrace.
    pub(crate) fn expects_stack(&self, lane: Option<Caller>) -> bool {
        self.waiting.iter().any(|waiting| !waiting.has_stack && waiting.event.caller == lane)
    }

    /// A row of an object dump comes: it belongs to a free whose backtrace has not come yet.
    pub(crate) fn object_row(&mut self, lane: Option<Caller>, row: ObjectRow) {
        let mut frees = self.waiting.iter_mut().rev().filter(|waiting| {
            waiting.event.op == Op::Free && !waiting.has_stack && waiting.event.caller == lane
        });
        let Pointer::Addr(at) = row.address else {
            if let Some(free) = frees.next() {
                free.add_row(free.dumped_bytes, row.bytes);
            }
            return;
        };
        let mut newest = None;
        for free in frees {
            if let Some(offset) = free.offset_of(at.0) {
                return free.add_row(offset, row.bytes);
            }
            newest.get_or_insert(free);
        }
        // Hashed row addresses say nothing: rows behind the first follow one another.
        if let Some(free) = newest.filter(|free| free.dumped_bytes > 0) {
            free.add_row(free.dumped_bytes, row.bytes);
        }
    }

    /// A complete backtrace comes. Returns whether a header took it.
    pub(crate) fn stack(
        &mut self,
        lane: Option<Caller>,
        dump: &Dump,
        meaning: &Meaning,
        names: &Names,
    ) -> Option<&mut Event> {
        let at = match meaning.origin {
            Origin::Trace(op) => self.choose(lane, op, dump, meaning.stack.chain),
            Origin::Unclear if dump.adjacent => self.newest(lane, dump),
            Origin::Unclear | Origin::Foreign => return None,
        };
        let Some(at) = at else {
            self.headless += u64::from(matches!(meaning.origin, Origin::Trace(_)));
            return None;
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
        Some(&mut waiting.event)
    }

    /// The header that a backtrace most likely belongs to: of its kind, of a cache that its chain
    /// is known to use, and among those the most recent, since interrupts nest.
    fn choose(
        &mut self,
        lane: Option<Caller>,
        op: Op,
        dump: &Dump,
        chain: ChainId,
    ) -> Option<usize> {
        let of_kind = |waiting: &Waiting| waiting.may_own(lane, dump) && waiting.event.op == op;
        let candidates: Vec<usize> =
            (0..self.waiting.len()).filter(|&at| of_kind(&self.waiting[at])).collect();
        match candidates[..] {
            [] => None,
            [only] => {
                self.learn(chain, self.waiting[only].event.cache);
                Some(only)
            }
            [.., newest] => {
                let known = self.caches.get(&chain).map_or(&[][..], Vec::as_slice);
                let mut fitting = candidates
                    .iter()
                    .rev()
                    .filter(|&&at| known.contains(&self.waiting[at].event.cache));
                let chosen = fitting.next().copied().unwrap_or(newest);
                // On one CPU, and with a lane for each printer, events nest: the last header in
                // has its backtrace out first.
                if lane.is_none() && self.cpus == Cpus::Several {
                    self.ambiguous += 1;
                    self.waiting[chosen].event.damage.insert(Damage::AmbiguousStack);
                }
                Some(chosen)
            }
        }
    }

    fn newest(&self, lane: Option<Caller>, dump: &Dump) -> Option<usize> {
        let is_before = |waiting: &Waiting| {
            waiting.event.caller == lane && waiting.event.seq < dump.headers_before
        };
        let newest = self.waiting.iter().rposition(is_before)?;
        (!self.waiting[newest].has_stack).then_some(newest)
    }

    fn learn(&mut self, chain: ChainId, cache: NameId) {
        let caches = self.caches.entry(chain).or_default();
        if !caches.contains(&cache) {
            caches.push(cache);
        }
    }

    /// The next event that waits for nothing any more.
    pub(crate) fn ready(&mut self) -> Option<Event> {
        let front = self.waiting.front()?;
        let ready =
            front.has_stack || front.overtaken >= OVERTAKEN_MAX || self.waiting.len() > WAITING_MAX;
        if ready { self.release() } else { None }
    }

    /// The next event, waiting or not: nothing more comes.
    pub(crate) fn release(&mut self) -> Option<Event> {
        let mut waiting = self.waiting.pop_front()?;
        if !waiting.has_stack {
            waiting.event.damage.insert(Damage::NoStack);
        }
        if waiting.dumped_bytes > 0 {
            waiting.event.object_size = Some(waiting.dumped_bytes);
        }
        if waiting.row_bytes < waiting.dumped_bytes {
            waiting.event.damage.insert(Damage::DumpTorn);
        }
        Some(waiting.event)
    }
}

impl Waiting {
    /// Whether the header could have printed a backtrace.
    fn may_own(&self, lane: Option<Caller>, dump: &Dump) -> bool {
        !self.has_stack && self.event.caller == lane && self.event.seq < dump.headers_before
    }

    /// Where in the object a row with a true address lies.
    fn offset_of(&self, row: u64) -> Option<u32> {
        let Pointer::Addr(object) = self.event.object else { return None };
        let offset = row.checked_sub(object.0)?;
        let fits = offset < OBJECT_BYTES_MAX && offset.is_multiple_of(u64::from(ROW_BYTES));
        fits.then(|| u32::try_from(offset).ok()).flatten()
    }

    fn add_row(&mut self, offset: u32, bytes: u32) {
        self.dumped_bytes = self.dumped_bytes.max(offset + bytes);
        self.row_bytes = self.row_bytes.saturating_add(bytes);
    }
}
