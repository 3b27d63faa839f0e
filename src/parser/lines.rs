//! The loop that decides how fast a log is read: to compare a line with what was foreseen finds
//! its end, and what it means is known.

use super::stage::{Stage, fingerprint, is_whole_header};
use crate::address::LineNumber;
use crate::capture::{Line, LineTaker, Taken};
use crate::event::{Branch, EventSink, Expected, Understood, behind_line_end, volatile};
use crate::record::prefix::Unwrapper;
use crate::record::prefix::printk::{self, Stamped, Tick};
use crate::record::{Caller, Record, TraceHeader, usual};
use crate::time::Stamp;

/// Longer lines are looked into.
const UNFORESEEN_BYTES_MAX: usize = 512;

/// What takes the lines of a log.
pub(super) struct Lines<'a, S> {
    stage: &'a mut Stage,
    unwrapper: &'a mut Unwrapper,
    sink: &'a mut S,
    /// Whether a line that is a printk time and a text needs no unwrapping.
    is_idle: bool,
    /// The front of the next line, where it was read already: its time, who printed it, and the
    /// length of both.
    front: Option<(Stamp, Option<Caller>, usize)>,
}

impl<'a, S> Lines<'a, S> {
    pub(super) fn new(
        stage: &'a mut Stage,
        unwrapper: &'a mut Unwrapper,
        sink: &'a mut S,
    ) -> Lines<'a, S> {
        let is_idle = unwrapper.is_idle();
        Lines { stage, unwrapper, sink, is_idle, front: None }
    }
}

impl<S: EventSink> LineTaker for Lines<'_, S> {
    #[inline]
    fn foreseen(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        self.front = None;
        if !self.is_idle {
            return Taken::default();
        }
        let (mut line, mut rest) = (first, bytes);
        while let Some(stamped) = self.stage.fronts.read(rest) {
            let front = rest.len() - stamped.text.len();
            let Some(next) = self.stage.next(line, stamped, front, self.sink) else {
                self.front = Some((stamped.stamp, stamped.caller, front));
                break;
            };
            (line.0, rest) = (line.0 + 1, next);
            if self.stage.vocabulary.expects_backtrace() {
                let taken = self.stage.backtrace(line, rest);
                (line.0, rest) = (line.0 + taken.lines, &rest[taken.bytes..]);
            }
        }
        Taken { bytes: bytes.len() - rest.len(), lines: line.0 - first.0 }
    }

    fn line(&mut self, line: Line<'_>) {
        self.stage.line(line, self.front.take(), self.unwrapper, self.sink);
        self.is_idle = self.unwrapper.is_idle();
    }
}

impl Stage {
    /// Takes the next line, of which the front was read, and gives what is behind it. None where
    /// there is anything to be looked into.
    #[inline]
    fn next<'a>(
        &mut self,
        line: LineNumber,
        stamped: Stamped<'a>,
        front: usize,
        sink: &mut impl EventSink,
    ) -> Option<&'a [u8]> {
        if !self.timeline.is_forward(stamped.stamp) {
            return None;
        }
        let Stamped { stamp, caller, text } = stamped;
        let record = |text| Record { line, stamp: Some(stamp), caller, text };
        let whole = |len| {
            let (text, behind) = text.split_at(len);
            behind_line_end(behind).map(|next| (record(text), next))
        };
        match text {
            [b'T', b'R', ..] => {
                if let Some((header, len)) = usual::header(text) {
                    let (record, next) = whole(len)?;
                    return self.usual_header(&record, &header, front, sink).then_some(next);
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
            return self.unforeseen(line, stamped, sink);
        };
        if !foreseen.is_plain() {
            return None;
        }
        self.vocabulary.confirm(&foreseen);
        self.known(&record(&text[..foreseen.len()]), &foreseen, sink);
        Some(next)
    }

    /// Takes the lines of an open backtrace that follow one another within a tenth of a second, as
    /// most do. So short a time holds no surprise: only the last of them need be dated.
    #[inline(never)]
    fn backtrace(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        let Stage { fronts, vocabulary, timeline, assembler, .. } = self;
        let tenth = fronts.tenth();
        let Some(mut open) = assembler.open(None) else { return Taken::default() };
        if !timeline.is_forward_throughout(tenth) {
            return Taken::default();
        }
        let mut path = vocabulary.path();
        let (mut rest, mut lines) = (bytes, 0);
        let (mut last, mut last_frame) = (Tick::NEVER, Tick::NEVER);
        while let Some((tick, text)) = fronts.tick(rest)
            && last <= tick
            && let Some((foreseen, next)) = path.foresee(text)
        {
            match foreseen.line() {
                Expected::Frame(frame) if open.push_frame(frame) => last_frame = tick,
                Expected::Around(_) if open.push_around(path.meaning(foreseen)) => {}
                _ => break,
            }
            path.take(foreseen);
            last = tick;
            (rest, lines) = (next, lines + 1);
        }
        if last_frame != Tick::NEVER {
            open.date(tenth.at(last_frame));
        }
        let reached = path.reached();
        vocabulary.arrive(reached);
        if last != Tick::NEVER {
            let last = tenth.at(last);
            timeline.is_forward(last);
            self.present(LineNumber(first.0 + lines - 1), Some(last));
        }
        Taken { bytes: bytes.len() - rest.len(), lines }
    }

    /// Takes a line whose meaning is known, and which is whole.
    #[inline]
    fn known(&mut self, record: &Record<'_>, known: &Branch, sink: &mut impl EventSink) {
        let Stage { vocabulary, assembler, .. } = self;
        let is_taken = match (known.line(), assembler.open(record.caller)) {
            (Expected::Frame(frame), Some(mut open)) => {
                record.stamp.into_iter().for_each(|stamp| open.date(stamp));
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
        Stamped { stamp, caller, text }: Stamped<'a>,
        sink: &mut impl EventSink,
    ) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', &text[..text.len().min(UNFORESEEN_BYTES_MAX)])?;
        let next = &text[end + 1..];
        let text = text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]);
        let record = Record { line, stamp: Some(stamp), caller, text };
        match volatile(text) {
            Some(Understood::Registers(line)) if printk::embedded(text).is_none() => {
                self.registers(&record, line, sink);
            }
            Some(_) => return None,
            None => {
                let known = self.vocabulary.recall(text).filter(|known| known.is_plain())?;
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
