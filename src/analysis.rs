//! The main job in one place: bytes in, report out.

use crate::event::{BinderHint, Detail, Grouping};
use crate::ledger::Ledger;
use crate::parser::{ParsedStretch, Parser, ParserOptions, StretchParser};
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
    options: ParserOptions,
    parser: Parser,
    ledger: Ledger,
    inputs: Vec<Input>,
}

impl Analysis {
    /// An analysis of a log that has not begun.
    pub fn new(options: AnalysisOptions) -> Analysis {
        let parser = ParserOptions { detail: Detail::Report, grouping: options.grouping };
        Analysis {
            options: parser,
            parser: Parser::new(parser),
            ledger: Ledger::new(),
            inputs: Vec::new(),
        }
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

    /// A reader of stretches that can be joined to this analysis.
    pub fn stretch_reader(&self) -> StretchReader {
        StretchReader {
            parser: StretchParser::new(self.options, self.parser.shared_names()),
            ledger: Ledger::of_stretch(),
        }
    }

    /// What is known of the log so far. A stretch that is read with it is refused less often.
    pub fn hint(&self) -> Hint {
        Hint(self.parser.hint())
    }

    /// Whether the last line was whole, so that a stretch may begin.
    pub fn is_between_lines(&self) -> bool {
        self.parser.is_between_lines()
    }

    /// Takes a stretch of the log instead of its bytes, if all in it is what would have been read
    /// here; it must begin where the analysis stands.
    pub fn join(&mut self, stretch: Stretch) -> Joined {
        // What an address is called may hang on any line before, and on the boot.
        if self.parser.names_addresses() {
            return Joined::Refused;
        }
        let Stretch { parsed, ledger } = stretch;
        match self.parser.place(&parsed).filter(|_| self.ledger.may_join(&ledger)) {
            Some(shift) => {
                self.parser.join(parsed, shift);
                self.ledger.join(ledger, shift);
                Joined::Whole
            }
            None => Joined::Refused,
        }
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

/// Reads stretches of a log, each on its own.
#[derive(Debug)]
pub struct StretchReader {
    parser: StretchParser,
    ledger: Ledger,
}

/// A stretch of a log, read on its own: what it closed, what it left open, and what it found
/// first at each address.
#[derive(Debug)]
pub struct Stretch {
    parsed: ParsedStretch,
    ledger: Ledger,
}

/// What is known of a log when a stretch of it is to be read.
#[derive(Clone, Default, Debug)]
pub struct Hint(BinderHint);

/// What became of a stretch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Joined {
    /// It is part of the analysis now.
    Whole,
    /// It depends on what came before in a way that its reader did not foresee: its bytes must be
    /// fed.
    Refused,
}

impl StretchReader {
    /// The run-up begins: some bytes above the stretch, from the beginning of a line on.
    pub fn begin_run_up(&mut self, hint: &Hint) {
        self.parser.begin_run_up(&hint.0);
    }

    /// The run-up is over, and the stretch begins, at the beginning of a line.
    pub fn begin_stretch(&mut self) {
        self.parser.begin_stretch();
        self.ledger = Ledger::of_stretch();
    }

    /// Takes the next piece.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.feed(bytes, &mut self.ledger);
    }

    /// Ends the stretch, at the end of a line.
    pub fn end_stretch(&mut self) -> Stretch {
        let ledger = std::mem::replace(&mut self.ledger, Ledger::of_stretch());
        Stretch { parsed: self.parser.end_stretch(), ledger }
    }
}
