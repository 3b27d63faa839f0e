//! The main job in one place: bytes in, report out.

use crate::event::{Detail, Grouping};
use crate::ledger::Ledger;
use crate::parser::{Parser, ParserOptions};
use crate::report::{Input, Report};

/// What an analysis is to do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AnalysisOptions {
    /// Which frames make a group.
    pub grouping: Grouping,
}

/// One analysis of a log, which may come in any number of pieces.
#[derive(Debug)]
pub struct Analysis {
    parser: Parser,
    ledger: Ledger,
    inputs: Vec<Input>,
}

impl Analysis {
    /// An analysis of a log that has not begun.
    pub fn new(options: AnalysisOptions) -> Analysis {
        let parser = ParserOptions { detail: Detail::Report, grouping: options.grouping };
        Analysis { parser: Parser::new(parser), ledger: Ledger::new(), inputs: Vec::new() }
    }

    /// Takes the next piece of the log.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.feed(bytes, &mut self.ledger);
    }

    /// Takes note of an input that has been fed, for the report.
    pub fn end_input(&mut self, path: String, bytes: u64) {
        let before: u64 = self.inputs.iter().map(|input| input.lines).sum();
        self.inputs.push(Input { path, bytes, lines: self.parser.lines() - before });
    }

    /// Ends the log.
    pub fn finish(mut self) -> Report {
        self.parser.finish(&mut self.ledger);
        let settled = self.ledger.settle(self.parser.names());
        Report::build(self.inputs, &self.parser, &settled)
    }
}
