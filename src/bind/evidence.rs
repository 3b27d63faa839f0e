//! What speaks for a header and a backtrace belonging together.
//!
//! Without caller ids, records of several CPUs lie in one stream: `dump_stack()` is serialised,
//! the header before it is not. A header's own line says cache, operation and time; its
//! backtrace says operation, chain, CPU and time. Clocks of CPUs may differ by much (a virtual
//! machine, an unsynchronised TSC), but each CPU's own runs forward.

use foldhash::HashMap;

use super::open_backtrace::OpenBacktrace;
use crate::address::Pointer;
use crate::chain::Family;
use crate::chain::StackFacts;
use crate::event::{Event, Task};
use crate::names::{ChainId, NameId, Names};
use crate::time::{Clock, Stamp};

/// How well a header fits a backtrace. Greater is better; the order of the fields is the order
/// of their weight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Fit {
    /// What decides between headers.
    strong: Strong,
    /// What says no more than which of equals to take.
    weak: Weak,
}

/// Evidence that a header is the backtrace's, or is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Strong {
    /// Whether the header was printed no later than the backtrace.
    timely: bool,
    /// Whether the header's cache is of the kind that the backtrace's allocator serves.
    akin: bool,
    /// Whether the chain is known to use the header's cache.
    affinity: Affinity,
    /// Whether the slab's state is one that the backtrace's way through the allocator goes with.
    state: Likeness,
}

/// Evidence from the order in which a CPU prints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Weak {
    /// Whether the header was printed after all that the backtrace's CPU printed before.
    fresh: bool,
    /// Whether the header was printed shortly before the backtrace.
    recent: bool,
}

impl Fit {
    /// Whether another header might have been meant just as well: only weak evidence decides. A
    /// CPU prints one event after the other; only what an interrupt nests comes out of order.
    pub(crate) fn is_rival_of(self, best: Fit) -> bool {
        let is_plausible = self.weak.recent || (self.weak.fresh && !best.weak.fresh);
        is_plausible && self.strong == best.strong
    }
}

/// Which header printed a backtrace, where more than one may have.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Question {
    chain: ChainId,
    path: ChainId,
    cpu: Option<u32>,
    candidates: Vec<Candidate>,
}

/// A header that may have printed a backtrace, with what nothing learned can change.
#[derive(Clone, PartialEq, Debug)]
struct Candidate {
    /// Its place among those that wait.
    at: usize,
    cache: NameId,
    /// Its time, where the backtrace has one too.
    time: Option<i64>,
    state: Option<SlabState>,
    timely: bool,
    akin: bool,
    recent: bool,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Choice {
    /// The place of the best header.
    pub(crate) chosen: usize,
    /// That of another one which might have been meant just as well.
    pub(crate) rival: Option<usize>,
}

impl Question {
    /// A question that nobody answers to yet.
    pub(crate) fn new(dump: &OpenBacktrace, meaning: &StackFacts) -> Question {
        let cpu = dump.task.and_then(|task| task.cpu);
        Question { chain: meaning.stack.chain, path: meaning.path, cpu, candidates: Vec::new() }
    }

    /// The header at this place may have printed the backtrace.
    pub(crate) fn add(
        &mut self,
        at: usize,
        header: &Event,
        overtaken: u32,
        dump: &OpenBacktrace,
        meaning: &StackFacts,
        names: &Names,
    ) {
        let times = boot_time(header.stamp).zip(boot_time(dump.stamp));
        let is_near = times.is_none_or(|(header, dump)| dump - header < RECENT_MICROS);
        self.candidates.push(Candidate {
            at,
            cache: header.cache,
            time: times.map(|(header, _)| header),
            state: SlabState::of(header),
            timely: times.is_none_or(|(header, dump)| header <= dump),
            akin: is_akin(meaning.family, names.text(header.cache)),
            recent: overtaken < RECENT_OVERTAKEN && is_near,
        });
    }

    /// Whether there is no candidate.
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The answer where events can only nest: what a chain did before, and when a CPU printed last,
    /// says nothing against the most recent header.
    pub(crate) fn most_recent(&self) -> Option<usize> {
        let fit = |candidate: &Candidate| (candidate.timely, candidate.akin, candidate.at);
        self.candidates.iter().map(fit).max().map(|(.., at)| at)
    }
}

/// What a header says of its slab.
///
/// From 6.1 on an object of a new slab is the only one in use, and comes through `___slab_alloc()`; one
/// that comes through `get_partial_node()` hardly ever is (`mm/slub.c`). Other kernels have other pairs,
/// so that which states go with which way is learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SlabState {
    /// The object is the only one in use.
    First,
    /// Others are in use too.
    Further,
    /// No object is free.
    Full,
}

impl SlabState {
    const COUNT: usize = 3;

    fn of(header: &Event) -> Option<SlabState> {
        Some(match (header.inuse?, header.fp?) {
            (_, Pointer::Null) => SlabState::Full,
            (1, _) => SlabState::First,
            _ => SlabState::Further,
        })
    }
}

/// Whether a state of the slab goes with a way through the allocator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Likeness {
    /// Hardly ever.
    Unlike,
    /// Too little is known.
    Unknown,
    /// It does.
    Like,
}

/// A state that a way went with in more than one case of so many goes with it.
const STATE_SHARE_MIN: u64 = 512;

/// So many bindings tell that a state does not go with a way.
const STATES_MIN: u64 = 48;

/// What is known of a chain and a cache.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Affinity {
    /// The chain is known to use other caches.
    Other,
    /// Nothing is known of the chain.
    Unknown,
    /// The chain is known to use the cache.
    Known,
}

/// A chain whose bindings were with one cache in one case of so many may well use it.
const SHARE_MIN: u64 = 8;

/// So many bindings tell that a chain uses no other cache.
const KNOWN_MIN: u64 = 2;

/// Caches remembered for each chain.
const CACHES_MAX: usize = 16;

/// A header waits for its backtrace hardly longer than this, even on a slow console.
const RECENT_MICROS: i64 = 500_000;

/// Nor while so many later headers get theirs, where clocks stand still.
const RECENT_OVERTAKEN: u32 = 16;

/// CPUs kept apart; more are no machine that prints to a console.
const CPUS_MAX: usize = 4096;

/// What unambiguous bindings have taught.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// How often a chain was bound to a cache without a choice.
    caches: HashMap<ChainId, Vec<(NameId, u64)>>,
    /// How often a way through the allocator went with each state of the slab.
    states: HashMap<ChainId, [u64; SlabState::COUNT]>,
    /// The last time that a CPU is known to have printed at, other than inside an event.
    last_of_cpu: HashMap<u32, i64>,
}

impl Evidence {
    /// The header that a backtrace most likely belongs to: the best fit, and among equals the most
    /// recent, since interrupts nest.
    pub(crate) fn choose(&self, question: &Question) -> Option<Choice> {
        let fit = |candidate: &Candidate| (self.fit(question, candidate), candidate.at);
        let mut fits: Vec<(Fit, usize)> = question.candidates.iter().map(fit).collect();
        fits.sort_unstable();
        let &(best, chosen) = fits.last()?;
        let runner_up = fits.len().checked_sub(2).map(|at| fits[at]);
        let rival = runner_up.filter(|(fit, _)| fit.is_rival_of(best)).map(|(_, at)| at);
        Some(Choice { chosen, rival })
    }

    /// How well a header fits.
    fn fit(&self, question: &Question, candidate: &Candidate) -> Fit {
        let &Candidate { cache, time, state, timely, akin, recent, .. } = candidate;
        let last = question.cpu.and_then(|cpu| self.last_of_cpu.get(&cpu).copied());
        let fresh = time.zip(last).is_none_or(|(header, last)| header >= last);
        let state = self.likeness(question.path, state);
        let affinity = self.affinity(question.chain, cache);
        Fit { strong: Strong { timely, akin, affinity, state }, weak: Weak { fresh, recent } }
    }

    fn affinity(&self, chain: ChainId, cache: NameId) -> Affinity {
        let Some(known) = self.caches.get(&chain) else { return Affinity::Unknown };
        let total: u64 = known.iter().map(|(_, count)| count).sum();
        let of_cache = known.iter().find(|(name, _)| *name == cache).map_or(0, |(_, count)| *count);
        match of_cache * SHARE_MIN >= total {
            true => Affinity::Known,
            false if total < KNOWN_MIN => Affinity::Unknown,
            false => Affinity::Other,
        }
    }

    /// A backtrace that could only be one header's.
    pub(crate) fn learn(&mut self, facts: &StackFacts, header: &Event) {
        let (chain, cache) = (facts.stack.chain, header.cache);
        if let Some(state) = SlabState::of(header) {
            self.states.entry(facts.path).or_default()[state as usize] += 1;
        }
        let known = self.caches.entry(chain).or_default();
        let has_room = known.len() < CACHES_MAX;
        match known.iter_mut().find(|(name, _)| *name == cache) {
            Some((_, count)) => *count = count.saturating_add(1),
            None if has_room => known.push((cache, 1)),
            None => {}
        }
    }

    /// A CPU has ended a backtrace that interrupted no other event.
    pub(crate) fn printed(&mut self, task: Option<Task>, stamp: Option<Stamp>) {
        let Some((cpu, time)) = task.and_then(|task| task.cpu).zip(boot_time(stamp)) else {
            return;
        };
        if self.last_of_cpu.len() < CPUS_MAX || self.last_of_cpu.contains_key(&cpu) {
            self.last_of_cpu.insert(cpu, time);
        }
    }

    fn likeness(&self, path: ChainId, state: Option<SlabState>) -> Likeness {
        let Some((known, state)) = self.states.get(&path).zip(state) else {
            return Likeness::Unknown;
        };
        let total: u64 = known.iter().sum();
        match known[state as usize] * STATE_SHARE_MIN > total {
            true => Likeness::Like,
            false if total < STATES_MIN => Likeness::Unknown,
            false => Likeness::Unlike,
        }
    }

    /// A new boot begins: its clocks say nothing about the old one's. Chains keep their caches.
    pub(crate) fn next_boot(&mut self) {
        self.last_of_cpu.clear();
    }
}

/// A function of `kmalloc()` serves only caches that are named for it; one for named caches may
/// serve a cache that was merged with a size class, and still is better placed elsewhere.
fn is_akin(family: Option<Family>, cache: &str) -> bool {
    match family {
        Some(Family::Kmalloc) => cache.contains("kmalloc"),
        Some(Family::Named) => !cache.contains("kmalloc"),
        None => true,
    }
}

fn boot_time(stamp: Option<Stamp>) -> Option<i64> {
    stamp.filter(|stamp| stamp.clock == Clock::Boot).map(|stamp| stamp.micros)
}
