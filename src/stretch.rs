//! Stretches of a log, each read on its own, and how they become part of an analysis.

use crate::address::LineNumber;
use crate::analysis::Books;
use crate::event::{BinderHint, Event, EventSink, Lost, Meaning, NameId, Names, Printing, Shift};
use crate::ledger::Ledger;
use crate::parser::{ParsedStretch, Parser, ParserOptions, StretchParser};
use crate::record::{Caller, Record, SlabinfoRow};
use crate::time::Stamp;
use crate::witness::Inside;

/// Lines that mean nothing are kept up to so many bytes; a stretch with more is refused.
const HEARD_BYTES_MAX: usize = 1 << 20;

/// Reads stretches of a log, each on its own.
#[derive(Debug)]
pub struct StretchReader {
    parser: StretchParser,
    books: StretchBooks,
}

/// A stretch of a log, read on its own: what it closed, what it left open, and what it found
/// first at each address.
#[derive(Debug)]
pub struct Stretch {
    parsed: ParsedStretch,
    books: StretchBooks,
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

impl Hint {
    pub(crate) fn of(parser: &Parser) -> Hint {
        Hint(parser.hint())
    }
}

impl StretchReader {
    pub(crate) fn new(options: ParserOptions, parser: &Parser) -> StretchReader {
        StretchReader {
            parser: StretchParser::new(options, parser.shared_names()),
            books: StretchBooks::new(),
        }
    }

    /// The run-up begins: some bytes above the stretch, from the beginning of a line on.
    pub fn begin_run_up(&mut self, hint: &Hint) {
        self.parser.begin_run_up(&hint.0);
    }

    /// The run-up is over, and the stretch begins, at the beginning of a line.
    pub fn begin_stretch(&mut self) {
        self.parser.begin_stretch();
        self.books = StretchBooks::new();
    }

    /// Takes the next piece.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.feed(bytes, &mut self.books);
    }

    /// Ends the stretch, at the end of a line.
    pub fn end_stretch(&mut self) -> Stretch {
        let books = std::mem::replace(&mut self.books, StretchBooks::new());
        Stretch { parsed: self.parser.end_stretch(), books }
    }
}

impl Stretch {
    /// Becomes part of what was read before, if all in it is what would have been read there.
    pub(crate) fn join(self, parser: &mut Parser, books: &mut Books) -> Joined {
        let Stretch { parsed, books: own } = self;
        match parser.place(&parsed).filter(|_| own.may_join(books)) {
            Some(shift) => {
                parser.join(parsed, shift);
                own.join(books, shift);
                Joined::Whole
            }
            None => Joined::Refused,
        }
    }
}

/// Who listens to a stretch.
#[derive(Debug)]
struct StretchBooks {
    ledger: Ledger,
    /// Only finds out whether the stretch holds anything that is spread over several lines.
    inside: Inside,
    heard: Vec<Heard>,
    heard_bytes: usize,
    lists: Lists,
}

/// Whether a witness has spoken in several lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lists {
    None,
    Found,
}

/// A line that means nothing to the parser, with bytes of its own.
#[derive(Debug)]
struct Heard {
    line: LineNumber,
    stamp: Option<Stamp>,
    caller: Option<Caller>,
    text: Vec<u8>,
}

impl StretchBooks {
    fn new() -> StretchBooks {
        let mut inside = Inside::default();
        inside.see_event();
        StretchBooks {
            ledger: Ledger::of_stretch(),
            inside,
            heard: Vec::new(),
            heard_bytes: 0,
            lists: Lists::None,
        }
    }

    /// Whether what was found here would have been found there.
    fn may_join(&self, books: &Books) -> bool {
        self.lists == Lists::None
            && self.heard_bytes <= HEARD_BYTES_MAX
            && books.inside.is_quiet()
            && books.ledger.may_join(&self.ledger)
    }

    fn join(self, books: &mut Books, shift: Shift) {
        books.ledger.join(self.ledger, shift);
        for Heard { line, stamp, caller, text } in self.heard {
            let line = LineNumber(line.0 + shift.lines);
            let record = Record { line, stamp, caller, text: &text };
            books.inside.line(&record, Meaning::Unknown);
        }
        books.inside.see_event();
    }
}

impl EventSink for StretchBooks {
    fn boot(&mut self, line: LineNumber, names: &Names) {
        self.ledger.boot(line, names);
    }

    fn event(&mut self, event: &Event, names: &Names) {
        self.ledger.event(event, names);
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
    fn line(&mut self, record: &Record<'_>, meaning: Meaning) {
        if meaning == Meaning::Known {
            return;
        }
        self.inside.line(record, meaning);
        if !self.inside.is_quiet() {
            self.lists = Lists::Found;
        }
        self.heard_bytes += record.text.len();
        if self.heard_bytes <= HEARD_BYTES_MAX {
            let Record { line, stamp, caller, text } = *record;
            self.heard.push(Heard { line, stamp, caller, text: text.to_vec() });
        }
    }
}
