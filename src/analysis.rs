//! The main job in one place: bytes in, report out.

use crate::address::LineNumber;
use crate::crosscheck::{Inside, Overheard};
use crate::event::{Depth, Detail, Event, EventSink, Lost, NameId, Names, Printing, Recognition};
use crate::ledger::Ledger;
use crate::lex::{Chunk, ChunkReader, Footing};
use crate::parser::{Parser, ParserOptions, Reading};
use crate::record::{Record, SlabinfoRow};
use crate::report::crosscheck::Seen;
use crate::report::{Findings, Input, Report};
use crate::symbol::Addresses;

/// What an analysis is to do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AnalysisOptions {
    /// Which frames make a group.
    pub depth: Depth,
}

/// One analysis of a log, which may come in any number of pieces.
#[derive(Clone, Debug)]
pub struct Analysis {
    options: AnalysisOptions,
    parser: Parser,
    books: Books,
    inputs: Vec<Input>,
    /// Inputs that ended before their end.
    broken_off: u64,
    /// Whether the last line that was fed is whole.
    ends_line: bool,
}

impl Analysis {
    /// An analysis of a log that has not begun.
    pub fn new(options: AnalysisOptions) -> Analysis {
        let parser = parser_options(options);
        Analysis {
            options,
            parser: Parser::new(parser),
            books: Books::default(),
            inputs: Vec::new(),
            broken_off: 0,
            ends_line: true,
        }
    }

    /// An analysis that names bare addresses.
    pub fn with_addresses(options: AnalysisOptions, addresses: Addresses) -> Analysis {
        let parser = ParserOptions { detail: Detail::Report, depth: options.depth };
        let parser = Parser::with_addresses(parser, addresses);
        Analysis { parser, ..Analysis::new(options) }
    }

    /// Takes the next piece of the log.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.ends_line = bytes.last().map_or(self.ends_line, |&last| last == b'\n');
        self.parser.feed(bytes, &mut self.books);
    }

    /// A reader of chunks of this log.
    pub fn chunk_reader(&self) -> ChunkReader {
        self.parser.chunk_reader()
    }

    /// What is known of the log so far.
    pub fn footing(&self) -> Option<Footing> {
        self.parser.footing()
    }

    /// Takes the next chunk of the log, which was read before.
    pub fn take(&mut self, chunk: &mut Chunk) -> Reading {
        self.ends_line = chunk.bytes().last().map_or(self.ends_line, |&last| last == b'\n');
        self.parser.take(chunk, &mut self.books)
    }

    /// Takes note of an input that has been fed as far as it could be read: packed data that was cut
    /// short ends before its end.
    pub fn end_broken_input(&mut self, path: String, bytes: u64) {
        self.broken_off += 1;
        self.end_input(path, bytes);
    }

    /// Takes note of an input that has been fed, for the report.
    pub fn end_input(&mut self, path: String, bytes: u64) {
        // A log goes on in the next input, be it in the middle of a line. A list does not.
        if !self.ends_line && self.books.inside.is_in_list() {
            self.feed(b"\n");
        }
        self.parser.end_input(&mut self.books);
        self.books.inside.end_input(&path);
        let before: u64 = self.inputs.iter().map(|input| input.lines).sum();
        self.inputs.push(Input { path, bytes, lines: self.parser.lines() - before });
    }

    /// Ends the log.
    pub fn finish(self) -> Report {
        self.finish_with_addresses().0
    }

    /// What the report would be if the log ended here; the log goes on.
    ///
    /// It costs a copy of what is known of live objects.
    pub fn snapshot(&self, path: String, bytes: u64) -> Report {
        let mut copy = self.clone();
        copy.end_input(path, bytes);
        copy.finish()
    }

    /// Ends the log, and gives back what named addresses.
    pub fn finish_with_addresses(mut self) -> (Report, Addresses) {
        self.parser.finish(&mut self.books);
        let addresses = self.parser.take_addresses();
        (self.report(), addresses)
    }

    fn report(self) -> Report {
        let Books { ledger, inside } = self.books;
        let settled = ledger.settle(self.parser.names());
        let (names, boots, loss) = (self.parser.names(), self.parser.boots(), self.parser.loss());
        let found = Findings { names, boots, loss, settled: &settled };
        let mut report = Report::build(self.inputs, &found);
        report.join_slabinfo(&found);
        report.conclude();
        report.loss.broken_off = self.broken_off;
        let Overheard { kmemleak, found, memory } = inside.finish(self.options.depth);
        if report.totals.events == 0 && report.loss.headless_stacks == 0 && found.is_any() {
            let mut counts = found.into_report(report.inputs, report.boots);
            counts.loss.broken_off += self.broken_off;
            return counts;
        }
        report.lists_without_data = found.without_data;
        report.join_accounts(found.accounts);
        if report.boots.len() == 1 {
            report.witness.memory = memory;
        }
        if let Some(kmemleak) = kmemleak {
            report.join_kmemleak(&kmemleak, Seen::Inside);
        }
        report
    }
}

fn parser_options(options: AnalysisOptions) -> ParserOptions {
    ParserOptions { detail: Detail::Report, depth: options.depth }
}

/// Who listens to the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) ledger: Ledger,
    pub(crate) inside: Inside,
}

impl EventSink for Books {
    fn boot(&mut self, line: LineNumber, names: &Names) {
        self.ledger.boot(line, names);
    }

    fn event(&mut self, event: &Event, names: &Names) {
        self.ledger.event(event, names);
        self.inside.see_event();
    }

    fn lost(&mut self, lost: Lost, line: LineNumber, names: &Names) {
        self.ledger.lost(lost, line, names);
    }

    fn printed(&mut self, printing: Printing) {
        self.ledger.printed(printing);
    }

    fn slabinfo(&mut self, cache: NameId, row: SlabinfoRow, line: LineNumber) {
        self.ledger.slabinfo(cache, row, line);
    }

    #[inline]
    fn is_listening(&self) -> bool {
        self.inside.is_listening()
    }

    #[inline]
    fn line(&mut self, record: &Record<'_>, meaning: Recognition) {
        self.inside.line(record, meaning);
    }
}
