//! Bytes to events: the first four stages of the pipeline, in the order they are passed.

mod lines;
mod stage;

use std::sync::Arc;

use crate::capture::LineSplitter;
use crate::event::{AssemblyLoss, Boot, Detail, EventSink, Grouping, Names};
use crate::record::prefix::Unwrapper;
use crate::symbol::Addresses;

use lines::Lines;
use stage::Stage;

/// What to parse for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParserOptions {
    /// How much of an event is put together.
    pub detail: Detail,
    /// Which frames make a group.
    pub grouping: Grouping,
}

impl Default for ParserOptions {
    fn default() -> ParserOptions {
        ParserOptions { detail: Detail::Report, grouping: Grouping::Callers }
    }
}

/// Turns a stream of bytes into events. It does no input or output and never fails; however the
/// stream is cut into pieces, the events are the same.
#[derive(Debug)]
pub struct Parser {
    splitter: LineSplitter,
    unwrapper: Unwrapper,
    stage: Stage,
}

impl Parser {
    /// A parser at the start of a log.
    pub fn new(options: ParserOptions) -> Parser {
        Parser {
            splitter: LineSplitter::new(),
            unwrapper: Unwrapper::new(),
            stage: Stage::new(options, Arc::default()),
        }
    }

    /// A parser that names bare addresses.
    pub fn with_addresses(options: ParserOptions, addresses: Addresses) -> Parser {
        let mut parser = Parser::new(options);
        parser.stage.vocabulary.name_addresses(addresses);
        parser
    }

    /// Gives back what names bare addresses, with what it learned from the log.
    pub fn take_addresses(&mut self) -> Addresses {
        self.stage.vocabulary.take_addresses()
    }

    /// Takes the next piece of the log.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl EventSink) {
        let Parser { splitter, unwrapper, stage } = self;
        splitter.feed_to(bytes, &mut Lines::new(stage, unwrapper, sink));
    }

    /// Ends the log.
    pub fn finish(&mut self, sink: &mut impl EventSink) {
        let Parser { splitter, unwrapper, stage } = self;
        splitter.finish(|line| stage.line(line, None, unwrapper, sink));
        unwrapper.finish(|record| stage.record(&record, sink));
        stage.finish(sink);
    }

    /// Lines begun so far.
    pub fn lines(&self) -> u64 {
        self.splitter.lines()
    }

    /// The names that events refer to.
    pub fn names(&self) -> &Names {
        &self.stage.names
    }

    /// The boots of the log; complete after [`Parser::finish`].
    pub fn boots(&self) -> &[Boot] {
        &self.stage.boots
    }

    /// What was lost so far.
    pub fn loss(&self) -> AssemblyLoss {
        AssemblyLoss { replayed_lines: self.stage.replayed_lines, ..self.stage.assembler.loss() }
    }
}
