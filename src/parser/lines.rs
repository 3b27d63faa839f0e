//! The loop that decides how fast a log is read: to compare a line with what was foreseen finds
//! its end, and what it means is known.

use super::stage::{Stage, fingerprint, is_whole_header};
use crate::address::LineNumber;
use crate::capture::{Line, LineTaker, Taken};
use crate::event::{Branch, EventSink, Expected, Understood, behind_line_end, volatile};
use crate::record::prefix::fronts::{Dates, Front, Fronts, Tick};
use crate::record::prefix::printk;
use crate::record::prefix::{self, Unwrapper};
use crate::record::{Caller, Record, TraceHeader, usual};
use crate::time::{Clock, Stamp};

/// Longer lines are looked into.
const UNFORESEEN_BYTES_MAX: usize = 512;

/// The front of a line, where it was read already and tells the kernel's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownFront {
    pub(super) stamp: Stamp,
    pub(super) caller: Option<Caller>,
    /// Its bytes.
    pub(super) len: usize,
}

/// What takes the lines of a log.
pub(super) struct Lines<'a, S> {
    stage: &'a mut Stage,
    unwrapper: &'a mut Unwrapper,
    sink: &'a mut S,
    /// Whether lines that begin as expected need no unwrapping.
    may_foresee: bool,
    /// The front of the next line, where it was read already.
    front: Option<KnownFront>,
}

impl<'a, S> Lines<'a, S> {
    pub(super) fn new(
        stage: &'a mut Stage,
        unwrapper: &'a mut Unwrapper,
        sink: &'a mut S,
    ) -> Lines<'a, S> {
        let may_foresee = stage.may_foresee(unwrapper);
        Lines { stage, unwrapper, sink, may_foresee, front: None }
    }
}

impl<S: EventSink> LineTaker for Lines<'_, S> {
    #[inline]
    fn foreseen(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        self.front = None;
        if !self.may_foresee {
            return Taken::default();
        }
        let (mut line, mut rest) = (first, bytes);
        while let Some(front) = self.stage.fronts.read(rest) {
            let len = rest.len() - front.text.len();
            let Some(next) = self.stage.next(line, front, len, self.sink) else {
                let Front { stamp, caller, .. } = front;
                let time = stamp.filter(|stamp| stamp.clock == Clock::Boot);
                self.front = time.map(|stamp| KnownFront { stamp, caller, len });
                break;
            };
            (line.0, rest) = (line.0 + 1, next);
            if self.stage.vocabulary.expects_backtrace() {
                let taken = self.stage.backtrace(line, rest);
                (line.0, rest) = (line.0 + taken.lines, &rest[taken.bytes..]);
            }
        }
        let taken = bytes.len() - rest.len();
        if taken > 0 {
            self.stage.fronts.prove();
            if self.stage.fronts.are_recorded() {
                self.see_recorded(&bytes[..taken]);
            }
        }
        Taken { bytes: taken, lines: line.0 - first.0 }
    }

    fn line(&mut self, line: Line<'_>) {
        self.stage.line(line, self.front.take(), self.unwrapper, self.sink);
        self.may_foresee = self.stage.may_foresee(self.unwrapper);
    }
}

impl<S> Lines<'_, S> {
    /// The unwrapper must know the last of the lines that went past it, if a recorder dated it.
    fn see_recorded(&mut self, lines: &[u8]) {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let start = memchr::memrchr(b'\n', lines).map_or(0, |at| at + 1);
        let line = prefix::trim_returns(&lines[start..]);
        let Stage { fronts, .. } = &self.stage;
        let stamp = fronts.dates().begin().filter(|stamp| stamp.clock == Clock::Wall);
        self.unwrapper.see_recorded(stamp.or(self.stage.last_time()), fronts.recorded_text(line));
    }
}

impl Stage {
    /// Whether lines that begin as expected need no unwrapping. Those that carry no time are no
    /// records of a boot in which headers carry one.
    fn may_foresee(&self, unwrapper: &Unwrapper) -> bool {
        match self.fronts.dates() {
            Dates::Tenth(_) => unwrapper.is_idle(),
            Dates::Same(_) => unwrapper.is_usual(),
            Dates::None => unwrapper.is_usual() && !self.assembler.is_stamped(),
        }
    }

    /// Takes the next line, of which the front was read, and gives what is behind it. None where
    /// there is anything to be looked into.
    #[inline]
    fn next<'a>(
        &mut self,
        line: LineNumber,
        front: Front<'a>,
        front_len: usize,
        sink: &mut impl EventSink,
    ) -> Option<&'a [u8]> {
        if !self.timeline.is_forward(front.stamp) {
            return None;
        }
        let Front { stamp, caller, text } = front;
        let record = |text| Record { line, stamp, caller, text };
        let whole = |len| {
            let (text, behind) = text.split_at(len);
            behind_line_end(behind).map(|next| (record(text), next))
        };
        match text {
            [b'T', b'R', ..] => {
                if let Some((header, len)) = usual::header(text) {
                    let (record, next) = whole(len)?;
                    return self.usual_header(&record, &header, front_len, sink).then_some(next);
                }
            }
            [b'O', b'b', ..] => {
                if let Some((row, len)) = usual::row(text) {
                    let (record, next) = whole(len)?;
                    self.object_row(&record, row);
                    return Some(next);
                }
            }
            [b'R' | b'E', _, _, b':', ..] => {
                if let Some((line, len)) = usual::registers(text) {
                    let (record, next) = whole(len)?;
                    self.registers(&record, line, sink);
                    return Some(next);
                }
            }
            _ => {}
        }
        let Some((foreseen, next)) = self.vocabulary.foresee(text) else {
            return self.unforeseen(line, front, sink);
        };
        if !foreseen.is_plain() {
            return None;
        }
        self.vocabulary.arrive(foreseen.to());
        self.known(&record(&text[..foreseen.len()]), &foreseen, sink);
        Some(next)
    }

    /// Takes the lines of an open backtrace that follow one another within a tenth of a second, as
    /// most do. So short a time holds no surprise: only the last of them need be dated.
    fn backtrace(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        if self.fronts.are_bare() {
            self.backtrace_by(Fronts::bare_tick, first, bytes)
        } else {
            self.backtrace_by(Fronts::tick_behind, first, bytes)
        }
    }

    /// The same, with what reads the fronts. As nearly all the time goes here, each way to read
    /// them has a loop of its own.
    #[inline(never)]
    fn backtrace_by(
        &mut self,
        tick: impl for<'a> Fn(&Fronts, &'a [u8]) -> Option<(Tick, &'a [u8])>,
        first: LineNumber,
        bytes: &[u8],
    ) -> Taken {
        let Stage { fronts, vocabulary, timeline, assembler, .. } = self;
        let dates = fronts.dates();
        let Some(mut open) = assembler.open(None) else { return Taken::default() };
        if !timeline.is_forward_throughout(dates) {
            return Taken::default();
        }
        let mut path = vocabulary.path();
        let (mut rest, mut lines) = (bytes, 0);
        let (mut last, mut last_frame) = (Tick::NEVER, Tick::NEVER);
        while let Some((tick, text)) = tick(fronts, rest)
            && last <= tick
            && let Some((foreseen, next)) = path.foresee(text)
        {
            match foreseen.line() {
                Expected::Frame(frame) if open.push_frame(frame) => last_frame = tick,
                Expected::Around(_) if open.push_around(vocabulary.meaning(foreseen)) => {}
                _ => break,
            }
            path.take(foreseen);
            last = tick;
            (rest, lines) = (next, lines + 1);
        }
        if last_frame != Tick::NEVER {
            open.date(dates.at(last_frame));
        }
        let reached = path.reached();
        vocabulary.arrive(reached);
        if last != Tick::NEVER {
            let last = dates.at(last);
            timeline.is_forward(last);
            self.present(LineNumber(first.0 + lines - 1), last);
        }
        Taken { bytes: bytes.len() - rest.len(), lines }
    }

    /// Takes a line whose meaning is known, and which is whole.
    #[inline]
    fn known(&mut self, record: &Record<'_>, known: &Branch, sink: &mut impl EventSink) {
        let Stage { vocabulary, assembler, .. } = self;
        let is_taken = match (known.line(), assembler.open(record.caller)) {
            (Expected::Frame(frame), Some(mut open)) => {
                open.date(record.stamp);
                open.push_frame(frame)
            }
            (Expected::Around(_), Some(mut open)) => open.push_around(vocabulary.meaning(known)),
            _ => false,
        };
        if is_taken {
            self.present(record.line, record.stamp);
        } else {
            let word = vocabulary.meaning(known);
            self.word(record, word, sink);
        }
    }

    /// Takes a line that was not foreseen, but is known, or is of a kind that is different every
    /// time.
    fn unforeseen<'a>(
        &mut self,
        line: LineNumber,
        Front { stamp, caller, text }: Front<'a>,
        sink: &mut impl EventSink,
    ) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', &text[..text.len().min(UNFORESEEN_BYTES_MAX)])?;
        let next = &text[end + 1..];
        let text = prefix::trim_returns(&text[..end]);
        let record = Record { line, stamp, caller, text };
        match volatile(text) {
            // What the kernel's time does not stand before may begin with another prefix.
            Some(Understood::Registers(line))
                if stamp.is_some_and(|stamp| stamp.clock == Clock::Boot)
                    && !prefix::is_dirty(text)
                    && printk::embedded(text).is_none() =>
            {
                self.registers(&record, line, sink);
            }
            Some(_) => return None,
            None => {
                let known = self.vocabulary.recall(text).filter(Branch::is_plain)?;
                self.known(&record, &known, sink);
            }
        }
        Some(next)
    }

    /// Takes a header, if it is whole and in order.
    fn usual_header(
        &mut self,
        record: &Record<'_>,
        header: &TraceHeader<'_>,
        front: usize,
        sink: &mut impl EventSink,
    ) -> bool {
        let fingerprint = record.stamp.map(|stamp| fingerprint(record.text, stamp));
        let is_echo = fingerprint.is_some_and(|header| self.timeline.is_echo(header));
        if is_echo || !is_whole_header(header, front + record.text.len()) {
            return false;
        }
        self.vocabulary.begin_event();
        self.header(record, header, fingerprint, sink);
        true
    }
}
