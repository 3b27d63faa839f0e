//! An assembler that reads a stretch of a log on its own, and how that becomes part of another's work.

use super::super::Printing;
use super::super::binder::{BinderHint, BinderMark};
use super::super::lanes::Lanes;
use super::super::loss::AssemblyLoss;
use super::super::names::FrameId;
use super::super::shift::Shift;
use super::super::skeleton::Skeleton;
use super::super::stacks::{Grouping, Stacks};
use super::Assembler;

/// Where an assembler stands between two records.
#[derive(Debug)]
pub(crate) struct AssemblerMark {
    lanes: Lanes,
    binder: BinderMark,
    events: u64,
    boot: u32,
    stamped: bool,
}

/// How the first boot of a stretch ended that is read on its own.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What the backtraces had shown that were complete.
    before: Skeleton,
    /// How those ended that were still open.
    open: Vec<Option<FrameId>>,
    /// What all have shown.
    all: Skeleton,
}

impl Assembler {
    /// A fresh one, with what this one has learned.
    pub(crate) fn renewed(&mut self, fresh: Assembler) -> Assembler {
        let stacks = std::mem::replace(&mut self.stacks, Stacks::new(Grouping::default()));
        Assembler { stacks, ..fresh }
    }

    /// What is known of the log so far, for those who read a stretch further down.
    pub(crate) fn hint(&self) -> BinderHint {
        self.binder.hint()
    }

    /// Takes for known what a hint says.
    pub(crate) fn take_hint(&mut self, hint: &BinderHint) {
        self.binder.take_hint(hint);
    }

    /// A stretch begins here that is read on its own: counts afresh.
    pub(crate) fn begin_stretch(&mut self) -> AssemblerMark {
        self.loss = AssemblyLoss::default();
        self.skeleton = Skeleton::default();
        (self.kernel, self.build_id, self.hardware) = (None, None, None);
        AssemblerMark {
            lanes: self.lanes.clone(),
            binder: self.binder.begin_stretch(),
            events: self.events,
            boot: self.boot,
            stamped: self.stamped,
        }
    }

    /// A stretch's first boot is about to end.
    pub(crate) fn begin_ending(&self) -> Ending {
        let before = self.skeleton.clone();
        Ending { before, open: self.lanes.ends(), all: Skeleton::default() }
    }

    /// The boot has ended, and the next one has not begun.
    pub(crate) fn complete(&self, ending: Ending) -> Ending {
        Ending { all: self.skeleton.clone(), ..ending }
    }

    /// Whether a stretch's first boot would have ended alike here: what was cut off shows by how
    /// all of its backtraces end.
    fn may_end(&self, ending: &Ending) -> bool {
        let mut before = self.skeleton.clone();
        before.join(&ending.before);
        let is_alike = |&end: &Option<FrameId>| before.is_end(end) == ending.before.is_end(end);
        // The first of several would be one of those that tell about the second.
        ending.open.len() <= 1 && ending.open.iter().all(is_alike) && ending.all.is_complete()
    }

    /// How the events of the present boot were printed, if it ended so.
    pub(crate) fn printing_until(&self, ending: &Ending) -> Printing {
        let mut all = self.skeleton.clone();
        all.join(&ending.all);
        all.printing()
    }

    /// How much further down than `mark` this one stands.
    pub(crate) fn shift(&self, mark: &AssemblerMark, lines: u64) -> Shift {
        Shift {
            lines,
            events: self.events.saturating_sub(mark.events),
            boots: self.boot.saturating_sub(mark.boot),
        }
    }

    /// Whether what another one did behind `mark` would have been done here too. Its first boot
    /// may have ended.
    pub(crate) fn may_join(
        &self,
        mark: &AssemblerMark,
        later: &Assembler,
        ending: Option<&Ending>,
        shift: Shift,
    ) -> bool {
        let mut lanes = mark.lanes.clone();
        lanes.shift(shift);
        self.events >= mark.events
            && self.boot >= mark.boot
            && self.stamped == mark.stamped
            && self.lanes.is_like(&lanes)
            && later.skeleton.is_complete()
            && ending.is_none_or(|ending| self.may_end(ending))
            && self.binder.may_join(&mark.binder, &later.binder, shift)
    }

    /// Takes what another one did, as if it had been done here.
    pub(crate) fn join(&mut self, mut later: Assembler, shift: Shift) {
        let boot = later.boot + shift.boots;
        if boot > self.boot {
            (self.kernel, self.build_id, self.hardware) = (None, None, None);
            self.skeleton = Skeleton::default();
            self.boot = boot;
        }
        later.lanes.shift(shift);
        self.lanes = later.lanes;
        self.binder.join(&later.binder, shift);
        self.loss.add(later.loss);
        self.skeleton.join(&later.skeleton);
        self.events = later.events + shift.events;
        self.stamped = later.stamped;
        self.kernel = later.kernel.or(self.kernel);
        self.build_id = later.build_id.or(self.build_id);
        self.hardware = later.hardware.or(self.hardware);
    }
}
