//! Stretches of a log, each read on its own, and how they become part of an analysis.

use std::ops::Range;

use crate::address::LineNumber;
use crate::analysis::Books;
use crate::event::{BinderHint, Event, EventSink, Lost, Meaning, NameId, Names, Printing, Shift};
use crate::ledger::{BootLedger, Ledger};
use crate::parser::{ParsedStretch, Parser, ParserOptions, StretchParser};
use crate::record::{Caller, Record, SlabinfoRow};
use crate::time::Stamp;
use crate::witness::Inside;

/// Lines that mean nothing are kept in no more memory than this; a stretch with more is refused.
const HEARD_BYTES_MAX: usize = 8 << 20;

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
                let printing = parser.join(parsed, shift);
                own.join(books, shift, printing, parser.names());
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
    /// The boots that ended, and how their events were printed.
    ended: Vec<(BootLedger, Printing)>,
    /// How those of the boot were printed that is about to end.
    printing: Printing,
    /// Only finds out whether the stretch holds anything that is spread over several lines.
    inside: Inside,
    heard: Vec<Heard>,
    /// The texts of what was heard, one behind the other.
    texts: Vec<u8>,
    lists: Lists,
}

/// Whether a witness has spoken in several lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lists {
    None,
    Found,
}

/// A line that means nothing to the parser.
#[derive(Debug)]
struct Heard {
    line: LineNumber,
    stamp: Option<Stamp>,
    caller: Option<Caller>,
    text: Range<usize>,
}

impl StretchBooks {
    fn new() -> StretchBooks {
        let mut inside = Inside::default();
        inside.see_event();
        StretchBooks {
            ledger: Ledger::of_stretch(),
            ended: Vec::new(),
            printing: Printing::default(),
            inside,
            heard: Vec::new(),
            texts: Vec::new(),
            lists: Lists::None,
        }
    }

    fn heard_bytes(&self) -> usize {
        self.texts.len() + self.heard.len() * size_of::<Heard>()
    }

    /// Whether what was found here would have been found there.
    fn may_join(&self, books: &Books) -> bool {
        self.lists == Lists::None
            && self.heard_bytes() <= HEARD_BYTES_MAX
            && books.inside.is_quiet()
            && books.ledger.may_join(&self.ended, &self.ledger)
    }

    /// If the present boot ended in the stretch, how its events were printed shows only now.
    fn join(mut self, books: &mut Books, shift: Shift, printing: Option<Printing>, names: &Names) {
        if let Some(((_, own), printing)) = self.ended.first_mut().zip(printing) {
            *own = printing;
        }
        for (boot, printing) in self.ended {
            books.ledger.join_ended(boot, printing, shift, names);
        }
        books.ledger.join(self.ledger, shift);
        for Heard { line, stamp, caller, text } in self.heard {
            let line = LineNumber(line.0 + shift.lines);
            let record = Record { line, stamp, caller, text: &self.texts[text] };
            books.inside.line(&record, Meaning::Unknown);
        }
        books.inside.see_event();
    }
}

impl EventSink for StretchBooks {
    fn boot(&mut self, _line: LineNumber, _names: &Names) {
        self.ended.push((self.ledger.take_boot(), std::mem::take(&mut self.printing)));
    }

    fn event(&mut self, event: &Event, names: &Names) {
        self.ledger.event(event, names);
    }

    fn lost(&mut self, lost: Lost, line: LineNumber, names: &Names) {
        self.ledger.lost(lost, line, names);
    }

    fn printed(&mut self, printing: Printing) {
        self.printing = printing;
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
        if self.heard_bytes() <= HEARD_BYTES_MAX {
            let Record { line, stamp, caller, text } = *record;
            let start = self.texts.len();
            self.texts.extend_from_slice(text);
            self.heard.push(Heard { line, stamp, caller, text: start..self.texts.len() });
        }
    }
}
