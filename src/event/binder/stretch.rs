//! A binder that reads a stretch of a log on its own, and how that becomes part of another's work.

use std::collections::VecDeque;

use super::super::evidence::Evidence;
use super::super::rivals::Rivals;
use super::super::shift::Shift;
use super::{Binder, Cpus, Waiting};

/// What a binder knows that another one, further down in the log, may take for known too.
#[derive(Clone, Default, Debug)]
pub(crate) struct BinderHint {
    cpus: Cpus,
    learned: Option<(Evidence, Rivals)>,
}

/// Where a binder stands between two records.
#[derive(Debug)]
pub(crate) struct BinderMark {
    cpus: Cpus,
    waiting: VecDeque<Waiting>,
    /// For each of those, the other event of a guess that it is part of.
    rivals: Vec<Option<u64>>,
}

impl Binder {
    /// What is known of the log so far. What was learned is of use where CPUs mix.
    pub(crate) fn hint(&self) -> BinderHint {
        let learned = || (self.evidence.clone(), self.rivals.renewed());
        BinderHint { cpus: self.cpus, learned: (self.cpus == Cpus::Several).then(learned) }
    }

    /// Takes for known what a hint says.
    pub(crate) fn take_hint(&mut self, hint: &BinderHint) {
        self.cpus = hint.cpus;
        if let Some((evidence, rivals)) = hint.learned.clone() {
            (self.evidence, self.rivals) = (evidence, rivals);
        }
    }

    fn mark(&self) -> BinderMark {
        let rival_of = |waiting: &Waiting| self.rivals.rival_of(waiting.event.seq);
        BinderMark {
            cpus: self.cpus,
            waiting: self.waiting.clone(),
            rivals: self.waiting.iter().map(rival_of).collect(),
        }
    }

    /// A stretch begins here that is read on its own: counts and takes notes afresh.
    pub(crate) fn begin_stretch(&mut self) -> BinderMark {
        (self.headless, self.ambiguous) = (0, 0);
        self.evidence.begin_notes();
        self.rivals.begin_notes();
        self.mark()
    }

    /// Whether what another one did behind `mark` would have been done here too.
    pub(crate) fn may_join(&self, mark: &BinderMark, later: &Binder, shift: Shift) -> bool {
        let shifted = mark.waiting.iter().map(|waiting| waiting.shifted(shift));
        let rivals = mark.rivals.iter().map(|rival| rival.map(|seq| seq + shift.events));
        let own = self.mark();
        own.cpus == mark.cpus
            && own.waiting.iter().cloned().eq(shifted)
            && own.rivals.iter().copied().eq(rivals)
            && self.evidence.agrees(&later.evidence)
            && self.rivals.agrees(&later.rivals)
    }

    /// Takes what another one did, as if it had been done here.
    pub(crate) fn join(&mut self, later: &Binder, shift: Shift) {
        self.cpus = later.cpus;
        self.waiting = later.waiting.iter().map(|waiting| waiting.shifted(shift)).collect();
        self.evidence.join(&later.evidence);
        self.rivals.join(&later.rivals, shift);
        self.headless += later.headless;
        self.ambiguous += later.ambiguous;
    }
}

impl Waiting {
    /// The same, further down in the log.
    fn shifted(&self, shift: Shift) -> Waiting {
        let mut waiting = self.clone();
        waiting.event.shift(shift);
        waiting
    }
}
