//! The first headers of a boot, from which it is learned what headers show.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use indexmap::IndexMap;

use super::follower::{Follower, Reader};
use super::header::Header;
use super::links::Links;
use super::places::Pointers;
use super::rule::Rule;
use super::{PENDING_MAX, Reading, Unseen};
use crate::address::{LineNumber, ObjectAddr};
use crate::event::NameId;
use crate::record::Op;

/// How many headers are tried first; twice as many each time that they do not tell.
const HEADERS_MIN: usize = 16;

/// After so many that do not tell, others are tried.
const HEADERS_MAX: usize = 1024;

/// Allocations that must be checked: frees look the same under every rule.
const ALLOCS_CHECKED_MIN: u64 = 4;

/// By how many headers a rule must fit better than any other.
const LEAD_MIN: i64 = 3;

/// A rule that is wrong agrees by chance more often than one that is right disagrees.
const BREAK_WEIGHT: i64 = 4;

/// How many times others are tried.
const TRIES_MAX: u32 = 16;

/// Headers of which it is not known yet what they show.
#[derive(Clone, Default, Debug)]
pub(super) struct Sample {
    headers: Vec<Header>,
    tries: u32,
}

impl Sample {
    /// Adds the next header.
    pub(super) fn add(&mut self, header: Header) {
        if self.tries < TRIES_MAX {
            self.headers.push(header);
        }
    }

    /// The follower that takes the headers by the rule that fits them best, and what it inferred;
    /// absent as long as none does.
    pub(super) fn learn(&mut self) -> Option<(Follower, Vec<Unseen>)> {
        let count = self.headers.len();
        if count < HEADERS_MIN || !count.is_power_of_two() || self.tries == TRIES_MAX {
            return None;
        }
        let (follower, unseen, lead) = self.best();
        let links = total(&follower);
        let is_enough = links.agreeing() >= Links::CHECKS_MIN
            && links.alloc_links + links.alloc_breaks >= ALLOCS_CHECKED_MIN
            && lead >= LEAD_MIN
            && links.may_be_trusted();
        if is_enough {
            let unseen = self.uncontradicted(unseen);
            self.headers = Vec::new();
            return Some((follower, unseen));
        }
        if count >= HEADERS_MAX {
            self.headers.clear();
            self.tries += 1;
        }
        None
    }

    /// What the headers prove at the end.
    pub(super) fn links(
        &self,
        last_gap: Option<LineNumber>,
    ) -> IndexMap<NameId, Links, FixedState> {
        self.best().0.links(last_gap)
    }

    /// The follower by the rule that fits best, what it inferred, and by how much it fits better.
    fn best(&self) -> (Follower, Vec<Unseen>, i64) {
        let (null, pointers) = (self.null(), self.pointers());
        let trial = |rule| self.trial(Reader { rule, pointers, null });
        let mut best = trial(Rule::ALL[0]);
        let mut lead = i64::MAX;
        for &rule in &Rule::ALL[1..] {
            let other = trial(rule);
            let ahead = score(&best.0) - score(&other.0);
            if ahead < 0 {
                best = other;
            }
            lead = if ahead < 0 { -ahead } else { lead.min(ahead) };
        }
        (best.0, best.1, lead)
    }

    fn trial(&self, reader: Reader) -> (Follower, Vec<Unseen>) {
        let mut follower = Follower::new(reader);
        let mut unseen = Vec::new();
        for header in &self.headers {
            let mut reading = Reading::default();
            follower.see(header, &|_| false, &mut reading);
            unseen.extend(reading.unseen);
        }
        (follower, unseen)
    }

    /// The latest inferred events, without those whose object has an event of its own later: that
    /// one has been counted as if they had not been.
    fn uncontradicted(&self, mut unseen: Vec<Unseen>) -> Vec<Unseen> {
        let mut last = HashMap::with_hasher(FixedState::default());
        for header in &self.headers {
            last.extend(header.object.map(|object| (object, header.line)));
        }
        unseen.retain(|event| last.get(&event.object).is_none_or(|&line| line < event.line));
        let excess = unseen.len().saturating_sub(PENDING_MAX);
        unseen.split_off(excess)
    }

    /// What most allocations print as the next free object is what the kernel makes of a null
    /// pointer, unless objects have that address.
    fn null(&self) -> Option<ObjectAddr> {
        let allocs = self.headers.iter().filter(|header| header.op == Op::Alloc);
        let mut counts: IndexMap<ObjectAddr, usize, FixedState> = IndexMap::default();
        let mut total = 0;
        for header in allocs {
            total += 1;
            if let Some(fp) = header.fp.object() {
                *counts.entry(fp).or_default() += 1;
            }
        }
        let (&most, &count) = counts.iter().max_by_key(|&(_, &count)| count)?;
        let is_object = self.headers.iter().any(|header| header.object == Some(most));
        (count >= 4 && count * 4 >= total * 3 && !is_object).then_some(most)
    }

    /// Objects are aligned, hashes are not.
    fn pointers(&self) -> Pointers {
        let numbers = self.headers.iter().flat_map(|header| [header.object, header.fp.object()]);
        let distinct: HashSet<_, FixedState> = numbers.flatten().collect();
        let total = distinct.len();
        let aligned = distinct.into_iter().filter(|object| object.0.is_multiple_of(4)).count();
        if aligned * 3 > total * 2 { Pointers::Raw } else { Pointers::Hashed }
    }
}

fn total(follower: &Follower) -> Links {
    let mut sum = Links::default();
    follower.caches.values().for_each(|cache| sum += cache.links);
    sum
}

/// How well the rule fits.
fn score(follower: &Follower) -> i64 {
    let links = total(follower);
    let [agreeing, breaks] =
        [links.agreeing(), links.breaks()].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    agreeing - BREAK_WEIGHT * breaks
}
