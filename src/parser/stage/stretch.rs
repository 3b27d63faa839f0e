//! A stage that reads a stretch of a log on its own, and how that becomes part of another's work.

use std::sync::Arc;

use super::super::ParserOptions;
use super::{Boundary, Stage};
use crate::event::{AssemblerMark, Boot, Ending, Printing, Shift, TimelineMark};

/// Whether the first boot of a stretch goes on that is read on its own.
#[derive(Debug, Default)]
pub(super) enum FirstBoot {
    /// The log is read through: there is no stretch.
    #[default]
    Unnoted,
    Present,
    Past(Box<Ending>),
}

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
        let timeline = self.timeline.renewed();
        Stage { vocabulary: std::mem::take(&mut self.vocabulary), timeline, assembler, ..fresh }
    }

    /// A stretch begins here that is read on its own: counts afresh. None where it cannot be told
    /// yet what came before.
    pub(crate) fn begin_stretch(&mut self) -> Option<StageMark> {
        let timeline = self.timeline.mark()?;
        let is_settled =
            self.banner.is_none() && self.boundary == Boundary::None && self.held.is_empty();
        self.boots = vec![Boot::continued()];
        self.first_boot = FirstBoot::Present;
        self.replayed_lines = 0;
        self.timeline.begin_notes();
        let assembler = self.assembler.begin_stretch();
        is_settled.then_some(StageMark { timeline, assembler })
    }

    /// How much further down than `mark` this one stands.
    pub(crate) fn shift(&self, mark: &StageMark, lines: u64) -> Shift {
        self.assembler.shift(&mark.assembler, lines)
    }

    /// Whether what another one did behind `mark` would have been done here too.
    pub(crate) fn may_join(&mut self, mark: &StageMark, later: &Stage, shift: Shift) -> bool {
        later.boundary == Boundary::None
            && later.banner.is_none()
            && self.banner.is_none()
            && !self.names.are_exhausted()
            && self.timeline.may_join(&mark.timeline, &later.timeline)
            && self.assembler.may_join(
                &mark.assembler,
                &later.assembler,
                later.first_boot.ending(),
                shift,
            )
    }

    /// Takes what another one did, as if it had been done here. If the present boot ended there,
    /// tells how its events were printed.
    pub(crate) fn join(
        &mut self,
        mark: &StageMark,
        later: Stage,
        shift: Shift,
    ) -> Option<Printing> {
        self.timeline.join(&mark.timeline, later.timeline);
        self.replayed_lines += later.replayed_lines;
        let mut boots = later.boots.into_iter();
        if let (Some(own), Some(first)) = (self.boots.last_mut(), boots.next()) {
            own.join(&first, shift);
        }
        let printing = later.first_boot.ending().map(|ending| self.end_joined_boot(ending));
        if printing.is_some() {
            self.events_before = later.events_before + shift.events;
        }
        self.boots.extend(boots.map(|boot| boot.shifted(shift)));
        self.assembler.join(later.assembler, shift);
        printing
    }

    /// Ends the present boot as a stretch did in which it ended. Tells how its events were printed.
    fn end_joined_boot(&mut self, ending: &Ending) -> Printing {
        let Stage { assembler, boots, .. } = self;
        let mut printing = assembler.printing_until(ending);
        if let Some(boot) = boots.last_mut() {
            boot.kernel = boot.kernel.or(assembler.kernel());
            boot.build_id = boot.build_id.or(assembler.build_id());
            boot.hardware = boot.hardware.or(assembler.hardware());
            printing.beginning = boot.beginning();
        }
        printing
    }

    /// What is to be noted before the present boot ends, if it is the first of a stretch.
    pub(super) fn begin_ending(&self) -> Option<Ending> {
        match self.first_boot {
            FirstBoot::Present => Some(self.assembler.begin_ending()),
            FirstBoot::Unnoted | FirstBoot::Past(_) => None,
        }
    }

    /// The boot has ended.
    pub(super) fn complete(&mut self, ending: Option<Ending>) {
        if let Some(ending) = ending {
            self.first_boot = FirstBoot::Past(Box::new(self.assembler.complete(ending)));
        }
    }
}

impl FirstBoot {
    /// How it ended.
    fn ending(&self) -> Option<&Ending> {
        match self {
            FirstBoot::Past(ending) => Some(ending),
            FirstBoot::Unnoted | FirstBoot::Present => None,
        }
    }
}
