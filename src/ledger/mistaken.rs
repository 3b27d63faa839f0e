//! Groups that are another one's objects with lines of the backtrace lost.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::bounds::Entry;
use super::likely::Expected;
use super::likeness::{Likeness, likeness};
use super::loss::BootLoss;
use crate::event::{NameId, Names};

/// Chains of a cache that others are held against: those with most allocations. A boot has a few
/// hundred; a log with more than this many is hostile or garbage.
const WHOLE_MAX: usize = 512;

/// A chain is rare beside another one that is so many times as frequent.
const RARE: u64 = 4;

/// Missing lines for each header that is missing: of an event's lines, so many are of a kind that is
/// known to be there.
const LINES_PER_HEADER: f64 = 4.0;

/// Lines that are not known to be missing are missing too: for each one that is, so many.
const CAUTION: f64 = 2.0;

/// What lost frames may have done to a group.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Mistaken {
    /// The chain is another group's with frames missing.
    pub(super) is_short: bool,
    /// Live objects of groups whose chain is this one's with frames missing.
    pub(super) live_elsewhere: u64,
    /// What that makes on average.
    pub(super) of_group: Expected,
    /// What it makes on average for the group's family: what is mistaken within it does not count.
    pub(super) of_family: Expected,
}

/// Asks which of a boot's groups may be others' with lines lost or out of place. Where the log shows
/// that lines are missing, any such chain may be; else only a rare one that no program could have
/// printed.
pub(super) struct Mistakes<'a> {
    names: &'a Names,
    lines_are_missing: bool,
    /// The share of lines that are missing.
    missing: f64,
}

impl<'a> Mistakes<'a> {
    pub(super) fn new(loss: &BootLoss, headers: u64, names: &'a Names) -> Mistakes<'a> {
        let lines = loss.printing.missing_lines;
        let told = (loss.headless() as f64).max(lines as f64 / LINES_PER_HEADER);
        Mistakes {
            names,
            lines_are_missing: lines > 0 || loss.headless() > 0,
            missing: told / headers.max(1) as f64,
        }
    }

    /// What was mistaken of each group.
    pub(super) fn of(&self, groups: &[Entry], family_of: &[usize]) -> Vec<Mistaken> {
        let mut mistaken = vec![Mistaken::default(); groups.len()];
        for of_cache in by_cache(groups) {
            for &whole in of_cache.iter().take(WHOLE_MAX) {
                for &part in of_cache.iter().filter(|&&part| part != whole) {
                    let is_family = family_of[part] == family_of[whole];
                    let Some(objects) = self.between(&groups[part], &groups[whole]) else {
                        // A digit of an offset may be damaged: within a family that is all it takes.
                        if is_family {
                            let objects = self.by_chance(&groups[part], &groups[whole]);
                            mistaken[whole].of_group.more += objects;
                            mistaken[part].of_group.fewer += objects;
                        }
                        continue;
                    };
                    mistaken[whole].live_elsewhere += groups[part].1.live();
                    mistaken[whole].of_group.more += objects;
                    mistaken[part].is_short = true;
                    mistaken[part].of_group.fewer += objects;
                    if !is_family {
                        mistaken[whole].of_family.more += objects;
                        mistaken[part].of_family.fewer += objects;
                    }
                }
            }
        }
        mistaken
    }

    /// How many of a group's live objects are those of another one's whole chain, on average; none
    /// where they cannot be.
    fn between(&self, part: &Entry, whole: &Entry) -> Option<f64> {
        let by_chance = self.by_chance(part, whole);
        let ((part, rare, _), (whole, group, _)) = (part, whole);
        let is_rare = rare.allocs.saturating_mul(RARE) <= group.allocs;
        if !is_rare && !self.lines_are_missing {
            return None;
        }
        let (part, whole) = (part.chain?, whole.chain?);
        let live = rare.live() as f64;
        match likeness(self.names, part, whole) {
            Likeness::Impossible if is_rare => Some(live),
            Likeness::Impossible => Some(by_chance),
            Likeness::Possible if self.lines_are_missing => Some(by_chance),
            Likeness::Possible | Likeness::None => None,
        }
    }

    /// How many of a group's live objects are those of another one that lost a line, on average.
    fn by_chance(&self, (_, part, _): &Entry, (_, whole, _): &Entry) -> f64 {
        (CAUTION * whole.live() as f64 * self.missing).min(part.live() as f64)
    }
}

/// The groups of each cache, those with most allocations first.
fn by_cache(groups: &[Entry]) -> Vec<Vec<usize>> {
    let mut caches: IndexMap<NameId, Vec<usize>, FixedState> = IndexMap::default();
    for (at, (key, _, _)) in groups.iter().enumerate() {
        caches.entry(key.cache).or_default().push(at);
    }
    let mut lists: Vec<Vec<usize>> = caches.into_values().collect();
    for list in &mut lists {
        list.sort_by_key(|&at| (std::cmp::Reverse(groups[at].1.allocs), at));
    }
    lists
}
