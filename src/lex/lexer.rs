//! Pieces of a log to tokens.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::entry::{EntryNames, RecordedEntry, RecordedEvent, RecordedKind};
use super::line_cache::{LineCache, Understood};
use super::lines::{KnownFront, Lines};
use super::token::{Batch, Header, Registers, Token, TokenKind, TokenText};
use crate::address::LineNumber;
use crate::capture::{Line, LineSplitter};
use crate::names::{NameId, Names};
use crate::record::ftrace::{self, Entry};
use crate::record::prefix::fronts::{Fronts, Learned, Lesson, Recorder};
use crate::record::prefix::printk::{self, Stamped};
use crate::record::prefix::{self, Unwrapper, wrap};
use crate::record::{Caller, Record, TraceHeader};
use crate::time::Stamp;

/// Reads a log, or a part of one that begins between two lines.
#[derive(Clone, Debug)]
pub(crate) struct Lexer {
    splitter: LineSplitter,
    state: LexState,
    names: Arc<Names>,
    batch: Batch,
}

/// All but what cuts the log into lines.
#[derive(Clone, Debug)]
pub(super) struct LexState {
    pub(super) unwrapper: Unwrapper,
    pub(super) fronts: Fronts,
    pub(super) cache: LineCache,
    /// The last header's cache as printed, which the next one's mostly is, and its name.
    slab_cache: Option<(Vec<u8>, NameId)>,
    pub(super) entry_names: EntryNames,
    /// Whether the last line was one of a recording.
    pub(super) is_recording: bool,
    /// The beginning of a line of a recording that a message of the kernel's cut in two.
    pub(super) severed: Option<(LineNumber, Vec<u8>)>,
    /// Whether the last header carried a time: then lines without one are hardly the kernel's.
    pub(super) headers_carry_time: bool,
    /// The last time that a line carried.
    pub(super) last_time: Option<Stamp>,
}

/// A lexer at its work: on a piece, for a batch.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) state: &'a mut LexState,
    pub(super) names: &'a Names,
    pub(super) batch: &'a mut Batch,
    pub(super) piece: &'a [u8],
}

/// The only record of a line, if its text is the line's end.
#[derive(Clone, Copy, Default, Debug)]
enum Only {
    #[default]
    None,
    Record {
        stamp: Option<Stamp>,
        caller: Option<Caller>,
        text_len: usize,
    },
    More,
}

impl Only {
    fn see(&mut self, bytes: &[u8], line: &Line<'_>, record: &Record<'_>) {
        let Record { stamp, caller, text, .. } = *record;
        let is_end = record.line == line.number && !text.is_empty() && bytes.ends_with(text);
        *self = match self {
            Only::None if is_end => Only::Record { stamp, caller, text_len: text.len() },
            _ => Only::More,
        };
    }
}

impl Lexer {
    /// A lexer at the start of a log.
    pub(crate) fn new(names: Arc<Names>) -> Lexer {
        Lexer {
            splitter: LineSplitter::new(),
            state: LexState {
                unwrapper: Unwrapper::new(),
                fronts: Fronts::default(),
                cache: LineCache::default(),
                slab_cache: None,
                entry_names: EntryNames::default(),
                is_recording: false,
                severed: None,
                headers_carry_time: false,
                last_time: None,
            },
            names,
            batch: Batch::default(),
        }
    }

    /// Lines begun so far.
    pub(crate) fn lines(&self) -> u64 {
        self.splitter.lines()
    }

    /// Reads the next piece of the log, of less than two gigabytes.
    pub(crate) fn read(&mut self, piece: &[u8]) -> &Batch {
        let Lexer { splitter, state, names, batch } = self;
        batch.clear();
        splitter.feed_to(piece, &mut Lines::new(Work { state, names, batch, piece }));
        batch
    }

    /// What was learned of the log and changes what a line is, if the next line is the beginning of
    /// a record.
    pub(crate) fn footing(&self) -> Option<&Unwrapper> {
        let is_settled = self.splitter.is_between_lines()
            && self.state.unwrapper.is_empty()
            && self.state.severed.is_none();
        is_settled.then_some(&self.state.unwrapper)
    }

    /// Begins another part of the log, between two lines, as if this were known of it.
    pub(crate) fn restart(&mut self, footing: &Unwrapper) {
        self.splitter = LineSplitter::new();
        self.state.unwrapper.clone_from(footing);
    }

    /// Goes on behind so many lines that another lexer has read, with what it learned.
    pub(crate) fn skip(&mut self, lines: u64, footing: &Unwrapper) {
        self.splitter.skip(lines);
        self.state.unwrapper.clone_from(footing);
    }

    /// Takes out the tokens of what was read last, and leaves the room of others.
    pub(crate) fn swap_batch(&mut self, room: &mut Batch) {
        std::mem::swap(&mut self.batch, room);
    }

    /// Ends an input: hands over a line that may be whole and waited for more.
    pub(crate) fn end_input(&mut self) -> &Batch {
        let Lexer { state, names, batch, .. } = self;
        batch.clear();
        let mut work = Work { state, names, batch, piece: &[] };
        let mut unwrapper = std::mem::take(&mut work.state.unwrapper);
        unwrapper.end_input(|record| work.record(&record));
        work.state.unwrapper = unwrapper;
        batch
    }

    /// Ends the log.
    pub(crate) fn finish(&mut self) -> &Batch {
        let Lexer { splitter, state, names, batch } = self;
        batch.clear();
        let mut work = Work { state, names, batch, piece: &[] };
        splitter.finish(|line| work.line(line, None));
        work.release_severed();
        let mut unwrapper = std::mem::take(&mut work.state.unwrapper);
        unwrapper.finish(|record| work.record(&record));
        batch
    }
}

impl Work<'_> {
    /// A line that is a printk time and a text that is understood takes the short way. One that may
    /// go on in the next line does so once it was seen to be whole: only whole texts are remembered.
    pub(super) fn line(&mut self, line: Line<'_>, front: Option<KnownFront>) {
        let bytes = prefix::trim_returns(line.bytes);
        let known = front.and_then(|KnownFront { stamp, caller, len }| {
            Some(Stamped { stamp, caller, text: bytes.get(len..)? })
        });
        let is_recorded = known.is_some() && self.state.fronts.are_recorded();
        if self.state.unwrapper.is_idle()
            && let Some(stamped) = known.or_else(|| printk::stamped(bytes))
            && !prefix::is_dirty(bytes)
            && (!prefix::may_go_on(stamped.text) || self.state.cache.knows(stamped.text))
        {
            let Stamped { stamp, caller, text } = stamped;
            let record = Record { line: line.number, stamp: Some(stamp), caller, text };
            let understood = self.state.cache.read(text, self.names);
            if is_whole(&understood, &record, bytes) {
                self.push_understood(&record, understood);
                if is_recorded {
                    self.state.unwrapper.see_recorded(record.stamp, None);
                }
                return;
            }
        }
        if self.severed_line(&line, bytes) || self.own_line(&line, bytes) {
            return;
        }
        if self.state.fronts.want_lesson() {
            self.line_to_learn_from(line, bytes);
        } else {
            self.unwrap(line, |_| {});
        }
    }

    /// Takes a line of a recording, which is no record: what stands in front of it is its own.
    fn own_line(&mut self, line: &Line<'_>, bytes: &[u8]) -> bool {
        let is_own = self.state.unwrapper.is_idle()
            && ftrace::is_line(bytes)
            && printk::embedded(bytes).is_none();
        self.state.is_recording = is_own;
        if is_own {
            self.record(&Record { line: line.number, stamp: None, caller: None, text: bytes });
        }
        is_own
    }

    /// Looks for records in a line.
    pub(super) fn unwrap(&mut self, line: Line<'_>, mut see: impl FnMut(&Record<'_>)) {
        let mut unwrapper = std::mem::take(&mut self.state.unwrapper);
        unwrapper.records(line, |record| {
            see(&record);
            self.record(&record);
        });
        self.state.unwrapper = unwrapper;
    }

    /// Reads a line at length, and learns what lines begin with.
    fn line_to_learn_from(&mut self, line: Line<'_>, bytes: &[u8]) {
        let before = self.state.unwrapper.last_recorded();
        let mut only = Only::default();
        self.unwrap(line, |record| only.see(bytes, &line, record));
        if let Only::Record { stamp, caller, text_len } = only {
            let (front, text) = bytes.split_at(bytes.len() - text_len);
            let recorder = match self.state.unwrapper.last_recorded() {
                after if after != before => Recorder::Dates,
                after if after == stamp => Recorder::Unclear,
                _ => Recorder::Silent,
            };
            self.state.learn_front(&Lesson { front, stamp, caller, recorder }, text);
        }
    }

    /// Takes a record.
    pub(super) fn record(&mut self, record: &Record<'_>) {
        let understood = self.state.cache.read(record.text, self.names);
        self.push_understood(record, understood);
    }

    fn push_understood(&mut self, record: &Record<'_>, understood: Understood<'_>) {
        let kind = match understood {
            Understood::Trace(header) => TokenKind::Header(self.header(record, &header)),
            Understood::Object(row) => TokenKind::ObjectRows(row.into()),
            Understood::Registers(line) => {
                self.state.cache.see_registers();
                TokenKind::Registers(Registers::of(line))
            }
            Understood::Entry(entry) => {
                let entry = self.entry(record, &entry);
                self.expect_backtrace(&entry);
                TokenKind::Entry(self.batch.add_entry(entry))
            }
            Understood::Word(word) => TokenKind::Word(word),
        };
        self.push(record, kind);
    }

    /// Adds the token of one line.
    pub(super) fn push(&mut self, record: &Record<'_>, kind: TokenKind) {
        let text = TokenText::One(self.batch.span(record.text, self.piece));
        self.push_lines(record, text, kind);
    }

    /// Adds the token of one line, which others may follow.
    pub(super) fn push_lines(&mut self, record: &Record<'_>, text: TokenText, kind: TokenKind) {
        let Record { line, stamp, caller, .. } = *record;
        self.state.last_time = stamp.or(self.state.last_time);
        self.batch.push(Token { line, lines: 1, caller, first: stamp, last: stamp, text, kind });
    }

    /// An entry of a recording, its names interned.
    fn entry(&mut self, record: &Record<'_>, entry: &Entry<'_>) -> RecordedEntry {
        self.state.entry_names.intern(entry, record.text, self.names)
    }

    /// The backtrace of an event of a recording mostly comes next.
    pub(super) fn expect_backtrace(&mut self, entry: &RecordedEntry) {
        if let RecordedKind::Event(RecordedEvent { call_site: Some(site), .. }) = entry.kind {
            self.state.cache.begin_entry(site);
        }
    }

    /// An event's header, its cache interned.
    pub(super) fn header(&mut self, record: &Record<'_>, header: &TraceHeader<'_>) -> Header {
        self.state.headers_carry_time = record.stamp.is_some();
        let hash = record
            .stamp
            .map_or(0, |stamp| FixedState::default().hash_one((stamp.micros, record.text)));
        Header::new(header, self.state.slab_cache(header, self.names), hash)
    }
}

impl LexState {
    fn slab_cache(&mut self, header: &TraceHeader<'_>, names: &Names) -> NameId {
        match &self.slab_cache {
            Some((last, cache)) if last == header.cache => *cache,
            _ => {
                let cache = names.intern(header.root_cache());
                self.slab_cache = Some((header.cache.to_vec(), cache));
                cache
            }
        }
    }

    /// Learns what lines begin with from one that was read at length, if it is one of the kernel's.
    fn learn_front(&mut self, lesson: &Lesson<'_>, text: &[u8]) {
        let is_stray = lesson.stamp.is_none() && self.headers_carry_time;
        if !self.unwrapper.is_usual() || is_stray || !self.cache.knows(text) {
            return;
        }
        if self.fronts.learn(lesson) == Learned::Kind {
            // What a text means that stands alone may be more than what it means behind a time.
            self.cache.forget();
        }
    }
}

/// A row of an object dump is no longer than this; the oldest kernels' are the longest.
const ROW_CHARS_MAX: usize = 100;

/// Whether a line's meaning leaves nothing to look for in it. Where the newline behind a record
/// was lost, a meaning that has no end of its own would swallow the next one.
fn is_whole(understood: &Understood<'_>, record: &Record<'_>, line: &[u8]) -> bool {
    match understood {
        Understood::Trace(header) => {
            is_whole_header(header, line.len()) && memchr::memchr(b'[', header.cache).is_none()
        }
        Understood::Object(_) if record.text.len() <= ROW_CHARS_MAX => true,
        Understood::Object(_) | Understood::Registers(_) | Understood::Entry(_) => {
            printk::embedded(record.text).is_none()
        }
        Understood::Word(word) => word.is_whole(record.text),
    }
}

/// Whether nothing of a header in a line of so many bytes may have been cut off.
pub(super) fn is_whole_header(header: &TraceHeader<'_>, line_bytes: usize) -> bool {
    header.fp.is_some() && line_bytes != wrap::COLUMNS
}
