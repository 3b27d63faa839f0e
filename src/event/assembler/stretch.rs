//! An assembler that reads a stretch of a log on its own, and how that becomes part of another's work.

use super::super::binder::{BinderHint, BinderMark};
use super::super::lanes::Lanes;
use super::super::loss::AssemblyLoss;
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
    stamped: bool,
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
            stamped: self.stamped,
        }
    }

    /// How much further down than `mark` this one stands.
    pub(crate) fn shift(&self, mark: &AssemblerMark, lines: u64) -> Shift {
        Shift { lines, events: self.events.saturating_sub(mark.events), boots: self.boot }
    }

    /// Whether what another one did behind `mark` would have been done here too.
    pub(crate) fn may_join(&self, mark: &AssemblerMark, later: &Assembler, shift: Shift) -> bool {
        let mut lanes = mark.lanes.clone();
        lanes.shift(shift);
        self.events >= mark.events
            && self.stamped == mark.stamped
            && self.lanes.is_like(&lanes)
            && later.skeleton.is_complete()
            && self.binder.may_join(&mark.binder, &later.binder, shift)
    }

    /// Takes what another one did, as if it had been done here.
    pub(crate) fn join(&mut self, mut later: Assembler, shift: Shift) {
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
