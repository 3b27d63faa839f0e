//! The lines that every backtrace of a boot has, and how many of them are missing.
//!
//! A frame that was lost leaves no trace, but heading, hardware line and end marker are printed
//! with every backtrace. Where some lack one that nearly all have, lines were lost, and chains
//! may have lost frames too.

use foldhash::fast::FixedState;
use indexmap::IndexSet;

use crate::event::Printing;
use crate::lex::{Part, Parts};
use crate::names::FrameId;

/// A part that at least this share of backtraces have is one that all of them had: nine in ten.
const COMMON: (u64, u64) = (9, 10);

/// Counts the parts of a boot's backtraces.
#[derive(Clone, Default, Debug)]
pub(crate) struct Skeleton {
    backtraces: u64,
    with: [u64; Part::ALL.len()],
    lines_min: Option<u64>,
    /// Frames that backtraces ended with.
    ends: IndexSet<FrameId, FixedState>,
    /// The last of them, which the next one mostly equals.
    last_end: Option<FrameId>,
}

/// So many backtraces show how a boot's backtraces end.
const ENDS_MANY: u64 = 8;

/// Outermost frames remembered: system calls, threads, interrupts have a few each.
const ENDS_MAX: usize = 1024;

impl Skeleton {
    /// A backtrace of an event is complete.
    pub(crate) fn see(&mut self, parts: Parts, frames: usize, outermost: Option<FrameId>) {
        if self.ends.len() < ENDS_MAX && outermost != self.last_end {
            self.ends.extend(outermost);
            self.last_end = outermost;
        }
        self.backtraces += 1;
        for (count, part) in self.with.iter_mut().zip(Part::ALL) {
            *count += u64::from(parts.contains(part));
        }
        // Header and frames at the least; what else there may be is left out of the reckoning.
        let lines = frames as u64 + 1;
        self.lines_min = Some(self.lines_min.map_or(lines, |least| least.min(lines)));
    }

    /// Whether a backtrace may end with a frame, as far as others show: there must be many, and
    /// few ways to end.
    pub(crate) fn is_end(&self, outermost: Option<FrameId>) -> bool {
        let ends = self.ends.len() as u64;
        let is_telling = self.backtraces >= ENDS_MANY && ends * 4 <= self.backtraces;
        !is_telling || outermost.is_none_or(|frame| self.ends.contains(&frame))
    }

    /// What the boot's backtraces show.
    pub(crate) fn printing(&self) -> Printing {
        let missing = |&with: &u64| {
            let is_common = with * COMMON.1 >= self.backtraces * COMMON.0;
            if is_common { self.backtraces - with } else { 0 }
        };
        Printing {
            event_lines_min: self.lines_min.unwrap_or(0),
            missing_lines: self.with.iter().map(missing).sum(),
            ..Printing::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(backtraces: &[&[Part]]) -> u64 {
        let mut skeleton = Skeleton::default();
        for parts in backtraces {
            let mut seen = Parts::default();
            parts.iter().for_each(|&part| seen.insert(part));
            skeleton.see(seen, 10, None);
        }
        skeleton.printing().missing_lines
    }

    #[test]
    fn a_part_that_nearly_all_have_is_missing_from_the_others() {
        let mut backtraces = vec![&[Part::Task, Part::Heading][..]; 19];
        backtraces.push(&[Part::Task]);
        assert_eq!(missing(&backtraces), 1);
    }

    #[test]
    fn a_part_that_an_architecture_does_not_print_is_not_missing() {
        assert_eq!(missing(&[&[Part::Task][..]; 20]), 0);
        assert_eq!(missing(&[&[Part::Task], &[Part::Task, Part::End]]), 0);
    }
}
