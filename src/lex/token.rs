//! What the lexer makes of lines.

use std::ops::Range;

use super::backtrace::{BacktraceLine, Run};
use super::entry::RecordedEntry;
use super::word::Word;
use crate::address::{LineNumber, ObjectAddr, Pointer};
use crate::names::NameId;
use crate::record::prefix::trim_returns;
use crate::record::{Caller, ObjectRow, Op, ROW_BYTES, Record, RegisterLine, TraceHeader};
use crate::time::Stamp;

/// A line, or several that follow one another and are printed by one context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// The first line.
    pub(crate) line: LineNumber,
    /// How many lines.
    pub(crate) lines: u32,
    /// Who printed them, where the kernel says so.
    pub(crate) caller: Option<Caller>,
    /// The time of the first line.
    pub(crate) first: Option<Stamp>,
    /// The time of the last line: no earlier, and no more than a second later.
    pub(crate) last: Option<Stamp>,
    pub(crate) text: TokenText,
    pub(crate) kind: TokenKind,
}

/// Where the text of a token's lines lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenText {
    /// Of the only line, without what stands in front of it.
    One(Span),
    /// Of all lines, with so many bytes in front of the text of each, and their ends.
    Lines { span: Span, front: u16 },
}

/// What a token is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenKind {
    /// An event's header.
    Header(Header),
    /// Rows of an object dump, each where the last one ended.
    ObjectRows(ObjectRows),
    /// Lines of a register dump.
    Registers(Registers),
    /// Lines of a backtrace.
    Run(Run),
    /// An entry of a recording: its place among those of the batch.
    Entry(EntryId),
    /// Any other line.
    Word(Word),
}

/// The place of an entry among those of a batch. Entries are so much larger than other tokens that they
/// lie elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntryId(u32);

/// An event's header, its cache interned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) op: Op,
    /// The cache that the event counts under.
    pub(crate) cache: NameId,
    pub(crate) object: Pointer,
    /// Hexadecimal digits of `object` as printed, 0 where it is not a number.
    pub(crate) digits: u8,
    pub(crate) inuse: Option<u32>,
    /// Absent when the line was cut before it.
    pub(crate) fp: Option<Pointer>,
    /// A number that the line and its time make.
    pub(crate) hash: u64,
}

impl Header {
    pub(crate) fn new(header: &TraceHeader<'_>, cache: NameId, hash: u64) -> Header {
        let TraceHeader { op, object, digits, inuse, fp, .. } = *header;
        let digits = u8::try_from(digits).unwrap_or(u8::MAX);
        Header { op, cache, object, digits, inuse, fp, hash }
    }
}

/// Rows of an object dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ObjectRows {
    /// Where the first row lies.
    pub(crate) address: Pointer,
    /// Bytes of all rows.
    pub(crate) bytes: u32,
}

impl From<ObjectRow> for ObjectRows {
    fn from(ObjectRow { address, bytes }: ObjectRow) -> ObjectRows {
        ObjectRows { address, bytes }
    }
}

impl ObjectRows {
    /// Adds a row, if it lies where these end and they are full.
    fn extend(&mut self, row: ObjectRows) -> bool {
        let (Pointer::Addr(own), Pointer::Addr(next)) = (self.address, row.address) else {
            return false;
        };
        let is_next = self.bytes.is_multiple_of(ROW_BYTES)
            && self.bytes < ROWS_BYTES_MAX
            && own.0.checked_add(u64::from(self.bytes)) == Some(next.0);
        if is_next {
            self.bytes += row.bytes;
        }
        is_next
    }

    /// One of the rows.
    fn row(self, at: usize) -> ObjectRows {
        let offset = u32::try_from(at).unwrap_or(u32::MAX).saturating_mul(ROW_BYTES);
        let address = match self.address {
            Pointer::Addr(ObjectAddr(first)) => {
                Pointer::Addr(ObjectAddr(first.wrapping_add(u64::from(offset))))
            }
            other => other,
        };
        ObjectRows { address, bytes: self.bytes.saturating_sub(offset).min(ROW_BYTES) }
    }
}

/// Rows of one token have no more bytes than this.
const ROWS_BYTES_MAX: u32 = 1 << 16;

/// What lines of a register dump are to a backtrace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Registers {
    /// Values.
    Values,
    /// The heading of an exception stack: what follows was interrupted.
    ExceptionStack,
}

impl Registers {
    pub(super) fn of(line: RegisterLine<'_>) -> Registers {
        match line {
            RegisterLine::ExceptionStack(_) => Registers::ExceptionStack,
            RegisterLine::Named(_) | RegisterLine::ExceptionRow(_) | RegisterLine::Unnamed => {
                Registers::Values
            }
        }
    }
}

/// Where text lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// A part of the piece.
    pub(super) fn of(bytes: Range<usize>) -> Span {
        let start = u32::try_from(bytes.start).unwrap_or(0);
        Span { start, len: u32::try_from(bytes.len()).unwrap_or(0) }
    }
}

/// Spans from here on lie in the batch's own bytes.
const OWN: u32 = 1 << 31;

/// The tokens of a piece of a log.
#[derive(Clone, Default, Debug)]
pub(crate) struct Batch {
    pub(crate) tokens: Vec<Token>,
    /// The numbers of lines that runs consist of.
    pub(crate) backtrace_lines: Vec<u64>,
    /// Entries of a recording.
    entries: Vec<RecordedEntry>,
    /// Texts that do not stand in the piece as they were understood.
    texts: Vec<u8>,
}

impl Batch {
    /// Empties it, and keeps its room.
    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.backtrace_lines.clear();
        self.entries.clear();
        self.texts.clear();
    }

    /// Its lines lie further down in the log by so many.
    pub(crate) fn move_down(&mut self, lines: u64) {
        for token in &mut self.tokens {
            token.line.0 += lines;
        }
    }

    /// Where a text of the piece lies. Any other text is copied.
    pub(super) fn span(&mut self, text: &[u8], piece: &[u8]) -> Span {
        let len = length(text);
        let bounds = piece.as_ptr_range();
        if bounds.contains(&text.as_ptr()) {
            let start = text.as_ptr().addr() - bounds.start.addr();
            return Span { start: u32::try_from(start).unwrap_or(0), len };
        }
        let start = u32::try_from(self.texts.len()).unwrap_or(0) | OWN;
        self.texts.extend_from_slice(text);
        Span { start, len }
    }

    /// Puts an entry to the others.
    pub(super) fn add_entry(&mut self, entry: RecordedEntry) -> EntryId {
        let id = EntryId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(entry);
        id
    }

    /// Adds a token. Lines that go on where the last token ends become part of it.
    pub(super) fn push(&mut self, token: Token) {
        let is_appended = self.tokens.last_mut().is_some_and(|last| last.append(&token));
        if !is_appended {
            self.tokens.push(token);
        }
    }

    /// The texts of its tokens, which were read from a piece.
    pub(crate) fn texts<'a>(&'a self, piece: &'a [u8]) -> Texts<'a> {
        let Batch { texts, backtrace_lines, entries, .. } = self;
        Texts { piece, own: texts, backtrace_lines, entries }
    }
}

/// What the spans and runs of tokens refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    piece: &'a [u8],
    own: &'a [u8],
    backtrace_lines: &'a [u64],
    entries: &'a [RecordedEntry],
}

impl<'a> Texts<'a> {
    /// The text of a single token that was kept.
    pub(crate) fn of_one(text: &'a [u8]) -> Texts<'a> {
        Texts { piece: text, own: &[], backtrace_lines: &[], entries: &[] }
    }

    /// The text of a single entry that was kept.
    pub(crate) fn of_entry(text: &'a [u8], entry: &'a RecordedEntry) -> Texts<'a> {
        Texts { entries: std::slice::from_ref(entry), ..Texts::of_one(text) }
    }

    /// An entry. One that was kept is the only one.
    #[inline]
    pub(crate) fn entry(&self, EntryId(at): EntryId) -> Option<&'a RecordedEntry> {
        self.entries.get(at as usize).or_else(|| self.entries.last())
    }

    /// The text of a span.
    #[inline]
    pub(crate) fn get(&self, span: Span) -> &'a [u8] {
        let (bytes, start) =
            if span.start < OWN { (self.piece, span.start) } else { (self.own, span.start - OWN) };
        bytes.get(start as usize..).and_then(|text| text.get(..span.len as usize)).unwrap_or(&[])
    }

    /// The numbers of a run's lines.
    #[inline]
    pub(crate) fn backtrace_lines(&self, run: &Run) -> &'a [u64] {
        let numbers = self.backtrace_lines.get(run.start as usize..).unwrap_or(&[]);
        numbers.get(..run.lines as usize).unwrap_or(&[])
    }
}

impl Token {
    /// Its only line, or the first of several.
    #[inline]
    pub(crate) fn record<'a>(&self, texts: &Texts<'a>) -> Record<'a> {
        let text = self.line_texts(texts).next().unwrap_or(&[]);
        Record { line: self.line, stamp: self.first, caller: self.caller, text }
    }

    /// The last line.
    #[inline]
    pub(crate) fn last_line(&self) -> LineNumber {
        LineNumber(self.line.0 + u64::from(self.lines) - 1)
    }

    /// Adds a line, if it is right behind these and of a kind of which several make one token.
    fn append(&mut self, next: &Token) -> bool {
        let (TokenText::Lines { span, front }, TokenText::Lines { span: more, front: next_front }) =
            (&mut self.text, next.text)
        else {
            return false;
        };
        let goes_on = *front == next_front
            && self.caller == next.caller
            && self.line.0 + u64::from(self.lines) == next.line.0
            && span.start + span.len == more.start
            && is_soon_after(self.first, self.last, next.first)
            && self.kind.extend(next.kind);
        if goes_on {
            span.len += more.len;
            self.lines += next.lines;
            self.last = next.last;
        }
        goes_on
    }

    /// The text of each line.
    pub(crate) fn line_texts<'a>(&self, texts: &Texts<'a>) -> impl Iterator<Item = &'a [u8]> {
        let (one, lines) = match self.text {
            TokenText::One(span) => (Some(texts.get(span)), None),
            TokenText::Lines { span, front } => (None, Some((texts.get(span), usize::from(front)))),
        };
        let lines = lines.into_iter().flat_map(|(bytes, front)| {
            let lines = bytes.split_inclusive(|&byte| byte == b'\n');
            lines.map(move |line| {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                trim_returns(line).get(front..).unwrap_or(&[])
            })
        });
        one.into_iter().chain(lines)
    }

    /// Hands each line to `each` as a token of its own, with its text.
    pub(crate) fn split<'a>(&self, texts: &Texts<'a>, mut each: impl FnMut(&Token, &Texts<'a>)) {
        if let TokenText::One(_) = self.text {
            return each(self, texts);
        }
        for (at, text) in self.line_texts(texts).enumerate() {
            let is_last = at + 1 == self.lines as usize;
            let stamp = if is_last { self.last } else { self.first };
            let token = Token {
                line: LineNumber(self.line.0 + at as u64),
                lines: 1,
                first: stamp,
                last: stamp,
                text: TokenText::One(Span { start: 0, len: length(text) }),
                kind: self.kind.of_line(at, texts),
                ..*self
            };
            each(&token, &Texts::of_one(text));
        }
    }
}

/// Whether a line of a time may be behind others in one token.
fn is_soon_after(first: Option<Stamp>, last: Option<Stamp>, next: Option<Stamp>) -> bool {
    const SOON_MICROS: i64 = 1_000_000;
    match (first, last, next) {
        (Some(first), Some(last), Some(next)) => {
            first.clock == next.clock
                && last.micros <= next.micros
                && next.micros.saturating_sub(first.micros) < SOON_MICROS
        }
        (None, None, None) => true,
        _ => false,
    }
}

impl TokenKind {
    /// Adds another line, if both are of the kind of which several make one token.
    fn extend(&mut self, next: TokenKind) -> bool {
        match (self, next) {
            (TokenKind::ObjectRows(rows), TokenKind::ObjectRows(row)) => rows.extend(row),
            (TokenKind::Registers(Registers::Values), TokenKind::Registers(Registers::Values)) => {
                true
            }
            _ => false,
        }
    }

    /// What one of several lines is.
    fn of_line(self, at: usize, texts: &Texts<'_>) -> TokenKind {
        match self {
            TokenKind::ObjectRows(rows) => TokenKind::ObjectRows(rows.row(at)),
            TokenKind::Run(run) => {
                let number = texts.backtrace_lines(&run).get(at).copied();
                let line = number.map(BacktraceLine::of_number);
                TokenKind::Word(line.map_or(Word::Other, BacktraceLine::word))
            }
            TokenKind::Header(_)
            | TokenKind::Registers(_)
            | TokenKind::Entry(_)
            | TokenKind::Word(_) => self,
        }
    }
}

fn length(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(0)
}
