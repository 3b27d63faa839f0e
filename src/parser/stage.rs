//! Lines to events: each line is understood, put in its place in time, and handed to the assembler.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::ParserOptions;
use super::lines::KnownFront;
use crate::address::LineNumber;
use crate::capture::Line;
use crate::event::{
    Assembler, Beginning, Boot, EventSink, Fingerprint, Meaning, Names, Printing, Sign, Timeline,
    Turn, Understood, Vocabulary, Word,
};
use crate::record::prefix::fronts::{Fronts, Learned, Lesson, Recorder};
use crate::record::prefix::printk::{self, Stamped};
use crate::record::prefix::{self, Unwrapper, wrap};
use crate::record::{Caller, ObjectRow, Record, RegisterLine, TraceHeader};
use crate::time::{Clock, Stamp};

/// A boot prints its command line within this many lines of its banner.
const BANNER_LINES: u64 = 200;

/// Lines to events.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) fronts: Fronts,
    pub(super) names: Arc<Names>,
    pub(super) vocabulary: Vocabulary,
    pub(super) timeline: Timeline,
    /// Records held until it is clear to which boot they belong.
    held: Vec<Held>,
    pub(super) assembler: Assembler,
    /// Records that were printed a second time.
    pub(super) replayed_lines: u64,
    /// Every boot so far; the last one is the present one.
    pub(super) boots: Vec<Boot>,
    /// The line of a banner that may begin a boot.
    banner: Option<LineNumber>,
    /// Events when the present boot began.
    events_before: u64,
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
    fn see(&mut self, line: LineNumber, bytes: &[u8], record: &Record<'_>) {
        let Record { stamp, caller, text, .. } = *record;
        let is_end = record.line == line && !text.is_empty() && bytes.ends_with(text);
        *self = match self {
            Only::None if is_end => Only::Record { stamp, caller, text_len: text.len() },
            _ => Only::More,
        };
    }
}

/// A record that waits, with bytes of its own.
#[derive(Debug)]
struct Held {
    line: LineNumber,
    stamp: Option<Stamp>,
    caller: Option<Caller>,
    text: Vec<u8>,
}

impl Stage {
    pub(super) fn new(options: ParserOptions, names: Arc<Names>) -> Stage {
        Stage {
            fronts: Fronts::default(),
            names,
            vocabulary: Vocabulary::default(),
            timeline: Timeline::default(),
            held: Vec::new(),
            assembler: Assembler::new(options.detail, options.grouping),
            replayed_lines: 0,
            boots: vec![Boot::new(LineNumber(1))],
            banner: None,
            events_before: 0,
        }
    }

    /// A line that is a printk time and a text that is understood takes the short way.
    pub(super) fn line(
        &mut self,
        line: Line<'_>,
        front: Option<KnownFront>,
        unwrapper: &mut Unwrapper,
        sink: &mut impl EventSink,
    ) {
        let bytes = prefix::trim_returns(line.bytes);
        let known = front.and_then(|KnownFront { stamp, caller, len }| {
            Some(Stamped { stamp, caller, text: bytes.get(len..)? })
        });
        let is_recorded = known.is_some() && self.fronts.are_recorded();
        if unwrapper.is_idle()
            && let Some(stamped) = known.or_else(|| printk::stamped(bytes))
            && !prefix::is_dirty(bytes)
            && self.timeline.is_forward(Some(stamped.stamp))
        {
            let record = Record {
                line: line.number,
                stamp: Some(stamped.stamp),
                caller: stamped.caller,
                text: stamped.text,
            };
            let understood = self.vocabulary.read(record.text, &self.names);
            let sign = sign(&record, &understood);
            let is_in_order = match sign {
                Sign::None => true,
                Sign::Header(header) => !self.timeline.is_echo(header),
                Sign::Banner => false,
            };
            if is_whole(&understood, &record, bytes) && is_in_order {
                self.deliver(&record, understood, sign, sink);
                if is_recorded {
                    unwrapper.see_recorded(record.stamp, None);
                }
                return;
            }
        }
        if self.fronts.want_lesson() {
            self.line_to_learn_from(line, bytes, unwrapper, sink);
        } else {
            unwrapper.records(line, |record| self.record(&record, sink));
        }
    }

    /// Reads a line at length, and learns what lines begin with.
    fn line_to_learn_from(
        &mut self,
        line: Line<'_>,
        bytes: &[u8],
        unwrapper: &mut Unwrapper,
        sink: &mut impl EventSink,
    ) {
        let before = unwrapper.last_recorded();
        let mut only = Only::default();
        unwrapper.records(line, |record| {
            only.see(line.number, bytes, &record);
            self.record(&record, sink);
        });
        if let Only::Record { stamp, caller, text_len } = only {
            let (front, text) = bytes.split_at(bytes.len() - text_len);
            let recorder = match unwrapper.last_recorded() {
                after if after != before => Recorder::Dates,
                after if after == stamp => Recorder::Unclear,
                _ => Recorder::Silent,
            };
            self.learn_front(&Lesson { front, stamp, caller, recorder }, text, unwrapper);
        }
    }

    /// Learns what lines begin with from one that was read at length, if it is one of the kernel's.
    fn learn_front(&mut self, lesson: &Lesson<'_>, text: &[u8], unwrapper: &Unwrapper) {
        let is_stray = lesson.stamp.is_none() && self.assembler.is_stamped();
        if !unwrapper.is_usual() || is_stray || !self.vocabulary.knows(text) {
            return;
        }
        if self.fronts.learn(lesson) == Learned::Kind {
            // What a text means that stands alone may be more than what it means behind a time.
            self.vocabulary.forget();
        }
    }

    /// The last time in the present boot.
    pub(super) fn last_time(&self) -> Option<Stamp> {
        self.boots.last().and_then(|boot| boot.last_time)
    }

    /// Finds out where in time the record belongs.
    pub(super) fn record(&mut self, record: &Record<'_>, sink: &mut impl EventSink) {
        let understood = self.vocabulary.read(record.text, &self.names);
        let sign = sign(record, &understood);
        match self.timeline.turn(record, sign) {
            Turn::Forward => self.deliver(record, understood, sign, sink),
            Turn::Hold => self.hold(record),
            Turn::Reboot => {
                self.hold(record);
                self.reboot(sink);
                self.release_held(sink);
            }
            Turn::FalseAlarm => {
                self.hold(record);
                self.release_held(sink);
            }
            Turn::Replay => {
                self.hold(record);
                self.drop_held();
            }
            Turn::ReplayOver => {
                self.drop_held();
                self.deliver(record, understood, sign, sink);
            }
            Turn::Drop => self.replayed_lines += 1,
        }
    }

    fn hold(&mut self, record: &Record<'_>) {
        let Record { line, stamp, caller, text } = *record;
        self.held.push(Held { line, stamp, caller, text: text.to_vec() });
    }

    fn release_held(&mut self, sink: &mut impl EventSink) {
        for held in std::mem::take(&mut self.held) {
            let Held { line, stamp, caller, ref text } = held;
            let record = Record { line, stamp, caller, text };
            let understood = self.vocabulary.read(record.text, &self.names);
            let sign = sign(&record, &understood);
            self.deliver(&record, understood, sign, sink);
        }
    }

    fn drop_held(&mut self) {
        self.replayed_lines += self.held.len() as u64;
        self.held.clear();
    }

    fn deliver(
        &mut self,
        record: &Record<'_>,
        understood: Understood<'_>,
        sign: Sign,
        sink: &mut impl EventSink,
    ) {
        match understood {
            Understood::Trace(header) => self.header(record, &header, sign.header(), sink),
            Understood::Object(row) => self.object_row(record, row),
            Understood::Registers(line) => self.registers(record, line, sink),
            Understood::Word(word) => self.word(record, word, sink),
        }
    }

    pub(super) fn header(
        &mut self,
        record: &Record<'_>,
        header: &TraceHeader<'_>,
        fingerprint: Option<Fingerprint>,
        sink: &mut impl EventSink,
    ) {
        if let Some(fingerprint) = fingerprint {
            self.timeline.remember(fingerprint);
        }
        self.present(record.line, record.stamp).pointers.see(header);
        self.assembler.header(record, header, &self.names);
        let Stage { assembler, names, .. } = self;
        assembler.drain(|event| sink.event(event, names));
    }

    pub(super) fn object_row(&mut self, record: &Record<'_>, row: ObjectRow) {
        self.present(record.line, record.stamp);
        self.assembler.object_row(record, row);
    }

    pub(super) fn registers(
        &mut self,
        record: &Record<'_>,
        line: RegisterLine<'_>,
        sink: &mut impl EventSink,
    ) {
        sink.line(record, Meaning::Known);
        self.vocabulary.see_registers();
        self.present(record.line, record.stamp);
        self.assembler.registers(record, line);
    }

    pub(super) fn word(&mut self, record: &Record<'_>, word: Word, sink: &mut impl EventSink) {
        match word {
            Word::Banner(_) => self.see_banner(record),
            Word::CommandLine => self.see_command_line(record, sink),
            Word::BootSeparator => self.begin_boot(record.line, sink),
            Word::Slabinfo(cache, row) => sink.slabinfo(cache, row, record.line),
            Word::Other => sink.line(record, Meaning::Unknown),
            _ => sink.line(record, Meaning::Known),
        }
        self.present(record.line, record.stamp);
        self.assembler.word(record, word, &self.names);
        self.report_losses(sink);
    }

    #[inline]
    fn report_losses(&mut self, sink: &mut impl EventSink) {
        if !self.assembler.has_losses() {
            return;
        }
        for (lost, line) in self.assembler.take_losses() {
            sink.lost(lost, line, &self.names);
        }
    }

    /// Takes note of the record in its boot.
    #[inline]
    pub(super) fn present(&mut self, line: LineNumber, stamp: Option<Stamp>) -> &mut Boot {
        let last = self.boots.len() - 1;
        let boot = &mut self.boots[last];
        boot.see(line, stamp);
        boot
    }

    /// The clock tells of a reboot, where there is one that restarts. Without, a banner does, if
    /// the kernel's command line follows: `/proc/version` prints the banner too.
    fn see_banner(&mut self, record: &Record<'_>) {
        let has_boot_clock = record.stamp.is_some_and(|stamp| stamp.clock == Clock::Boot);
        self.banner = (!has_boot_clock).then_some(record.line);
    }

    fn see_command_line(&mut self, record: &Record<'_>, sink: &mut impl EventSink) {
        let Some(banner) = self.banner.take() else { return };
        if record.line.0.saturating_sub(banner.0) <= BANNER_LINES {
            self.begin_boot(banner, sink);
        }
    }

    /// A boot begins at `line`, unless the present one has no event yet: then it is the same one,
    /// printed by another console.
    fn begin_boot(&mut self, line: LineNumber, sink: &mut impl EventSink) {
        if self.assembler.events() > self.events_before {
            self.next_boot(line, sink);
            self.timeline.restart();
        }
    }

    fn reboot(&mut self, sink: &mut impl EventSink) {
        let line = self.held.first().map_or(LineNumber(0), |held| held.line);
        self.next_boot(line, sink);
    }

    fn next_boot(&mut self, line: LineNumber, sink: &mut impl EventSink) {
        self.end_boot(sink);
        if let Some(boot) = self.boots.last_mut() {
            boot.last_line = boot.last_line.min(LineNumber(line.0.saturating_sub(1)));
        }
        self.assembler.next_boot();
        self.events_before = self.assembler.events();
        self.banner = None;
        self.vocabulary.next_boot();
        self.boots.push(Boot::new(line));
        sink.boot(line, &self.names);
    }

    /// Completes what the present boot's records left open.
    fn end_boot(&mut self, sink: &mut impl EventSink) {
        let Stage { assembler, names, boots, .. } = self;
        let mut done = Vec::new();
        assembler.flush(names, |event| done.push(event.clone()));
        for event in &done {
            sink.event(event, names);
        }
        let beginning = boots.last().map_or(Beginning::Later, Boot::beginning);
        sink.printed(Printing { beginning, ..assembler.printing() });
        self.report_losses(sink);
        if let Some(boot) = self.boots.last_mut() {
            boot.kernel = self.assembler.kernel();
            boot.build_id = self.assembler.build_id();
            boot.hardware = self.assembler.hardware();
        }
    }

    pub(super) fn finish(&mut self, sink: &mut impl EventSink) {
        match self.timeline.finish() {
            Turn::Reboot => self.reboot(sink),
            Turn::Replay => self.drop_held(),
            _ => {}
        }
        self.release_held(sink);
        self.end_boot(sink);
    }
}

/// What a record says about its place in time.
fn sign(record: &Record<'_>, understood: &Understood<'_>) -> Sign {
    let Some(stamp) = record.stamp else { return Sign::None };
    match understood {
        Understood::Trace(_) => Sign::Header(fingerprint(record.text, stamp)),
        Understood::Word(Word::Banner(_)) if stamp.clock == Clock::Boot => Sign::Banner,
        _ => Sign::None,
    }
}

/// A header and its time make a number: printed again, they make the same.
pub(super) fn fingerprint(text: &[u8], stamp: Stamp) -> Fingerprint {
    let Stamp { micros, .. } = stamp;
    Fingerprint { micros, hash: FixedState::default().hash_one((micros, text)) }
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
        Understood::Object(_) | Understood::Registers(_) => printk::embedded(record.text).is_none(),
        Understood::Word(word) => word.is_whole(record.text),
    }
}

/// Whether nothing of a header in a line of so many bytes may have been cut off.
pub(super) fn is_whole_header(header: &TraceHeader<'_>, line_bytes: usize) -> bool {
    header.fp.is_some() && line_bytes != wrap::COLUMNS
}
