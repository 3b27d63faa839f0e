//! Printing contexts, each with the backtraces it is in the middle of.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::open_backtrace::OpenBacktrace;
use crate::record::Caller;

/// A stack this many lines behind its header, with nothing but other lines between, may still be
/// the header's although it does not show where it comes from.
pub(super) const ADJACENT_LINES: u32 = 3;

/// Callers whose lanes are kept at once; blank ones are forgotten first.
const LANES_MAX: usize = 256;

/// The state of one printing context.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Lane {
    /// The backtrace whose lines are coming in.
    pub(super) open: Option<Box<OpenBacktrace>>,
    /// An event's backtrace that a warning interrupted.
    pub(super) suspended: Option<Box<OpenBacktrace>>,
    /// A warning or oops has announced itself, and its stack has not begun.
    pub(super) splat_announced: bool,
    /// Lines since the last header or row of an object dump.
    pub(super) since_header: u32,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane { open: None, suspended: None, splat_announced: false, since_header: ADJACENT_LINES }
    }
}

impl Lane {
    /// Takes the backtraces out, the older one first.
    pub(super) fn take_dumps(&mut self) -> impl Iterator<Item = Box<OpenBacktrace>> {
        [self.suspended.take(), self.open.take()].into_iter().flatten()
    }

    /// Another line means nothing.
    pub(super) fn see_other(&mut self) {
        self.since_header = (self.since_header + 1).min(ADJACENT_LINES);
    }

    /// Whether it is as if its context had never printed.
    fn is_blank(&self) -> bool {
        *self == Lane::default()
    }
}

/// Every printing context.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    /// Of the records that do not say who printed them: of most logs, all.
    common: Lane,
    by_caller: IndexMap<Caller, Lane, FixedState>,
    /// What was open in lanes that had to make room.
    evicted: Vec<(Option<Caller>, Box<OpenBacktrace>)>,
}

impl Lanes {
    /// A caller's lane.
    #[inline]
    pub(super) fn get(&mut self, caller: Option<Caller>) -> &mut Lane {
        match caller {
            None => &mut self.common,
            Some(caller) => self.of(caller),
        }
    }

    fn of(&mut self, caller: Caller) -> &mut Lane {
        if self.by_caller.len() >= LANES_MAX && !self.by_caller.contains_key(&caller) {
            self.make_room();
        }
        self.by_caller.entry(caller).or_default()
    }

    fn make_room(&mut self) {
        self.by_caller.retain(|_, lane| !lane.is_blank());
        if self.by_caller.len() >= LANES_MAX
            && let Some((caller, mut lane)) = self.by_caller.shift_remove_index(0)
        {
            self.evicted.extend(lane.take_dumps().map(|dump| (Some(caller), dump)));
        }
    }

    /// Whether more than one context prints.
    pub(super) fn are_several(&self) -> bool {
        !self.by_caller.is_empty()
    }

    /// Every lane.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Option<Caller>, &mut Lane)> {
        let callers = self.by_caller.iter_mut().map(|(&caller, lane)| (Some(caller), lane));
        std::iter::once((None, &mut self.common)).chain(callers)
    }

    /// Takes out what lanes had open that had to make room.
    pub(super) fn take_evicted(&mut self) -> Vec<(Option<Caller>, Box<OpenBacktrace>)> {
        std::mem::take(&mut self.evicted)
    }

    /// Takes out everything that is open.
    pub(super) fn take_dumps(&mut self) -> Vec<(Option<Caller>, Box<OpenBacktrace>)> {
        let mut dumps = self.take_evicted();
        for (caller, lane) in self.iter_mut() {
            dumps.extend(lane.take_dumps().map(|dump| (caller, dump)));
        }
        dumps
    }

    /// Forgets every lane.
    pub(super) fn clear(&mut self) {
        *self = Lanes::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::open_backtrace::Opening;
    use super::*;
    use crate::address::LineNumber;

    #[test]
    fn a_lane_that_makes_room_loses_nothing() {
        let mut lanes = Lanes::default();
        let callers = u32::try_from(LANES_MAX).unwrap_or(u32::MAX) + 5;
        for id in 0..callers {
            lanes.get(Some(Caller::Task(id))).open =
                Some(Box::new(OpenBacktrace::new(Opening::Event, None, LineNumber(1))));
        }
        assert_eq!(lanes.take_evicted().len(), 5);
        assert_eq!(lanes.take_dumps().len(), LANES_MAX);
    }
}
