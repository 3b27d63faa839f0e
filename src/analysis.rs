//! The main job in one place: bytes in, report out.

use crate::event::{Detail, Grouping};
use crate::ledger::Ledger;
use crate::parser::{Parser, ParserOptions};
use crate::report::{Input, Report};
use crate::symbol::Addresses;

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

    /// An analysis that names bare addresses.
    pub fn with_addresses(options: AnalysisOptions, addresses: Addresses) -> Analysis {
        let parser = ParserOptions { detail: Detail::Report, grouping: options.grouping };
        let parser = Parser::with_addresses(parser, addresses);
        Analysis { parser, ..Analysis::new(options) }
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
    pub fn finish(self) -> Report {
        self.finish_with_addresses().0
    }

    /// Ends the log, and gives back what named addresses.
    pub fn finish_with_addresses(mut self) -> (Report, Addresses) {
        self.parser.finish(&mut self.ledger);
        let settled = self.ledger.settle(self.parser.names());
        let report = Report::build(self.inputs, &self.parser, &settled);
        (report, self.parser.take_addresses())
    }
}
