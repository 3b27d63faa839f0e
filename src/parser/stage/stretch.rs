//! A stage that reads a stretch of a log on its own, and how that becomes part of another's work.

use std::sync::Arc;

use super::super::ParserOptions;
use super::{Boundary, Stage};
use crate::address::LineNumber;
use crate::event::{AssemblerMark, Boot, Shift, TimelineMark};

/// Where a stage stands between two lines.
#[derive(Debug)]
pub(crate) struct StageMark {
    timeline: TimelineMark,
    assembler: AssemblerMark,
}

impl Stage {
    /// One that knows what this one has learned, for another stretch of the log. This one needs
    /// it no more.
    pub(crate) fn renewed(&mut self, options: ParserOptions) -> Stage {
        let fresh = Stage::new(options, Arc::clone(&self.names));
        let assembler = self.assembler.renewed(fresh.assembler);
        Stage { vocabulary: std::mem::take(&mut self.vocabulary), assembler, ..fresh }
    }

    /// A stretch begins here that is read on its own: counts afresh. None where it cannot be told
    /// yet what came before.
    pub(crate) fn begin_stretch(&mut self, line: LineNumber) -> Option<StageMark> {
        let timeline = self.timeline.mark()?;
        let is_settled = self.boots.len() == 1
            && self.banner.is_none()
            && self.boundary == Boundary::None
            && self.held.is_empty();
        self.boots = vec![Boot::new(line)];
        let assembler = self.assembler.begin_stretch();
        is_settled.then_some(StageMark { timeline, assembler })
    }

    /// How much further down than `mark` this one stands.
    pub(crate) fn shift(&self, mark: &StageMark, lines: u64) -> Shift {
        self.assembler.shift(&mark.assembler, lines)
    }

    /// Whether what another one did behind `mark` would have been done here too.
    pub(crate) fn may_join(&mut self, mark: &StageMark, later: &Stage, shift: Shift) -> bool {
        later.boots.len() == 1
            && later.boundary == Boundary::None
            && later.banner.is_none()
            && self.banner.is_none()
            && !self.names.are_exhausted()
            && self.timeline.may_join(&mark.timeline, &later.timeline)
            && self.assembler.may_join(&mark.assembler, &later.assembler, shift)
    }

    /// Takes what another one did, as if it had been done here.
    pub(crate) fn join(&mut self, mark: &StageMark, later: Stage, shift: Shift) {
        self.timeline.join(&mark.timeline, &later.timeline);
        if let (Some(own), Some(boot)) = (self.boots.last_mut(), later.boots.last()) {
            own.join(boot, shift);
        }
        self.assembler.join(later.assembler, shift);
    }
}
