//! Stretches of a log, read on their own and joined afterwards.
//!
//! What a line means hardly ever depends on what stood far above it: the headers that wait, the
//! backtraces that are open and what was learned of the log's shape settle within a few hundred
//! events. A reader that begins some way above a stretch, the run-up, is therefore nearly always
//! in the state that a reader of the whole log would be in when the stretch begins. It notes that
//! state, and whatever it asked of what it remembers. Who joins the stretch to what came before
//! compares: either everything is the same, then so is all that was read, or the stretch is read
//! again. Nothing is ever guessed.

use std::sync::Arc;

use super::lines::Lines;
use super::stage::{Stage, StageMark};
use super::{Parser, ParserOptions};
use crate::capture::LineSplitter;
use crate::event::{BinderHint, EventSink, Names, Printing, Shift};
use crate::record::prefix::Unwrapper;

/// A parser of stretches.
#[derive(Debug)]
pub(crate) struct StretchParser {
    options: ParserOptions,
    splitter: LineSplitter,
    unwrapper: Unwrapper,
    stage: Stage,
    mark: Option<Mark>,
}

/// The state in which a stretch begins.
#[derive(Debug)]
struct Mark {
    lines: u64,
    unwrapper: Unwrapper,
    stage: StageMark,
}

/// A stretch that was parsed.
#[derive(Debug)]
pub(crate) struct ParsedStretch {
    lines: u64,
    unwrapper: Unwrapper,
    stage: Stage,
    /// None where the stretch did not begin or end between two records.
    mark: Option<Mark>,
}

impl StretchParser {
    /// A parser that shares its names with the one that its stretches will be joined to.
    pub(crate) fn new(options: ParserOptions, names: Arc<Names>) -> StretchParser {
        StretchParser {
            options,
            splitter: LineSplitter::new(),
            unwrapper: Unwrapper::new(),
            stage: Stage::new(options, names),
            mark: None,
        }
    }

    /// A run-up begins, at the beginning of a line.
    pub(crate) fn begin_run_up(&mut self, hint: &BinderHint) {
        self.stage = self.stage.renewed(self.options);
        self.stage.assembler.take_hint(hint);
        self.splitter = LineSplitter::new();
        self.unwrapper = Unwrapper::new();
        self.mark = None;
    }

    /// The stretch begins, at the beginning of a line.
    pub(crate) fn begin_stretch(&mut self) {
        let lines = self.splitter.lines();
        let is_whole = self.splitter.is_between_lines() && self.unwrapper.is_empty();
        let stage = self.stage.begin_stretch().filter(|_| is_whole);
        let unwrapper = self.unwrapper.clone();
        self.mark = stage.map(|stage| Mark { lines, unwrapper, stage });
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, bytes: &[u8], sink: &mut impl EventSink) {
        let StretchParser { splitter, unwrapper, stage, .. } = self;
        splitter.feed_to(bytes, &mut Lines::new(stage, unwrapper, sink));
    }

    /// The stretch ends, at the end of a line.
    pub(crate) fn end_stretch(&mut self) -> ParsedStretch {
        let is_whole = self.splitter.is_between_lines() && self.unwrapper.is_empty();
        let next = self.stage.renewed(self.options);
        ParsedStretch {
            lines: self.splitter.lines(),
            unwrapper: std::mem::take(&mut self.unwrapper),
            stage: std::mem::replace(&mut self.stage, next),
            mark: self.mark.take().filter(|_| is_whole),
        }
    }
}

impl Parser {
    /// The names, to be shared.
    pub(crate) fn shared_names(&self) -> Arc<Names> {
        Arc::clone(&self.stage.names)
    }

    /// Whether the last line was whole.
    pub(crate) fn is_between_lines(&self) -> bool {
        self.splitter.is_between_lines()
    }

    /// What is known of the log so far, for those who read a stretch further down.
    pub(crate) fn hint(&self) -> BinderHint {
        self.stage.assembler.hint()
    }

    /// How much further down the stretch lies than was thought when it was read, if it is what
    /// would have been read here.
    pub(crate) fn place(&mut self, stretch: &ParsedStretch) -> Option<Shift> {
        let mark = stretch.mark.as_ref()?;
        let lines = self.splitter.lines().checked_sub(mark.lines)?;
        let shift = self.stage.shift(&mark.stage, lines);
        let may_join = self.splitter.is_between_lines()
            && self.unwrapper == mark.unwrapper
            && self.stage.may_join(&mark.stage, &stretch.stage, shift);
        may_join.then_some(shift)
    }

    /// Takes a stretch that was found to be what would have been read here. If the present boot
    /// ended there, tells how its events were printed.
    pub(crate) fn join(&mut self, stretch: ParsedStretch, shift: Shift) -> Option<Printing> {
        let ParsedStretch { lines, unwrapper, stage, mark } = stretch;
        let mark = mark?;
        self.splitter.skip(lines - mark.lines);
        self.unwrapper = unwrapper;
        self.stage.join(&mark.stage, stage, shift)
    }
}
