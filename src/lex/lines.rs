//! The loop that decides how fast a log is read: to compare a line with what was predicted finds
//! its end, and what it means is known.

use super::backtrace::{BacktraceLine, Part, Run};
use super::lexer::{Work, is_whole_header};
use super::line_cache::{Understood, volatile};
use super::path::behind_line_end;
use super::predictor::{Branch, Expected};
use super::token::{Registers, Span, Token, TokenKind, TokenText};
use crate::address::LineNumber;
use crate::capture::{Line, LineTaker, Taken};
use crate::record::prefix;
use crate::record::prefix::fronts::{Dates, Front, Fronts, Tick};
use crate::record::prefix::printk;
use crate::record::{Caller, Record, TraceHeader, usual};
use crate::time::{Clock, Stamp};

/// Longer lines are looked into.
const UNPREDICTED_BYTES_MAX: usize = 512;

/// The front of a line, where it was read already and tells the kernel's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownFront {
    pub(super) stamp: Stamp,
    pub(super) caller: Option<Caller>,
    /// Its bytes.
    pub(super) len: usize,
}

/// What takes the lines of a log.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    work: Work<'a>,
    /// Whether lines that begin as expected need no unwrapping.
    may_predict: bool,
    /// The front of the next line, where it was read already.
    front: Option<KnownFront>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(work: Work<'a>) -> Lines<'a> {
        let may_predict = work.may_predict();
        Lines { work, may_predict, front: None }
    }
}

impl LineTaker for Lines<'_> {
    #[inline]
    fn foreseen(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        self.front = None;
        if self.work.state.is_recording {
            let taken = self.work.recording(first, bytes);
            if taken.lines > 0 {
                return taken;
            }
        }
        if !self.may_predict {
            return Taken::default();
        }
        let work = &mut self.work;
        let (mut line, mut rest) = (first, bytes);
        while let Some(front) = work.state.fronts.read(rest) {
            let len = rest.len() - front.text.len();
            let Some(next) = work.next(line, front, rest) else {
                let Front { stamp, caller, .. } = front;
                let time = stamp.filter(|stamp| stamp.clock == Clock::Boot);
                self.front = time.map(|stamp| KnownFront { stamp, caller, len });
                break;
            };
            (line.0, rest) = (line.0 + 1, next);
            if work.state.cache.expects_backtrace() {
                let taken = work.backtrace(line, front.caller, rest);
                (line.0, rest) = (line.0 + taken.lines, &rest[taken.bytes..]);
            }
        }
        let taken = bytes.len() - rest.len();
        if taken > 0 {
            work.state.fronts.prove();
            if work.state.fronts.are_recorded() {
                work.see_recorded(&bytes[..taken]);
            }
        }
        Taken { bytes: taken, lines: line.0 - first.0 }
    }

    fn line(&mut self, line: Line<'_>) {
        self.work.line(line, self.front.take());
        self.may_predict = self.work.may_predict();
    }
}

impl Work<'_> {
    /// The unwrapper must know the last of the lines that went past it, if a recorder dated it.
    fn see_recorded(&mut self, lines: &[u8]) {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let start = memchr::memrchr(b'\n', lines).map_or(0, |at| at + 1);
        let line = prefix::trim_returns(&lines[start..]);
        let fronts = &self.state.fronts;
        let stamp = fronts.dates().begin().filter(|stamp| stamp.clock == Clock::Wall);
        let text = fronts.recorded_text(line);
        self.state.unwrapper.see_recorded(stamp.or(self.state.last_time), text);
    }

    /// Whether lines that begin as expected need no unwrapping. Those that carry no time are no
    /// records of a boot in which headers carry one.
    fn may_predict(&self) -> bool {
        let unwrapper = &self.state.unwrapper;
        match self.state.fronts.dates() {
            Dates::Tenth(_) => unwrapper.is_idle(),
            Dates::Same(_) => unwrapper.is_usual(),
            Dates::None => unwrapper.is_usual() && !self.state.headers_carry_time,
        }
    }

    /// Takes the next line, of which the front was read, and gives what is behind it. None where
    /// there is anything to be looked into.
    #[inline]
    fn next<'a>(&mut self, line: LineNumber, front: Front<'a>, rest: &'a [u8]) -> Option<&'a [u8]> {
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
                    let front = rest.len() - text.len();
                    return self.usual_header(&record, &header, front).then_some(next);
                }
            }
            [b'O', b'b', ..] => {
                if let Some((row, len)) = usual::row(text) {
                    let (record, next) = whole(len)?;
                    let lines = self.lines_text(rest, next, text);
                    self.push_lines(&record, lines, TokenKind::ObjectRows(row.into()));
                    return Some(next);
                }
            }
            [b'R' | b'E', _, _, b':', ..] => {
                if let Some((registers, len)) = usual::registers(text) {
                    let (record, next) = whole(len)?;
                    let lines = self.lines_text(rest, next, text);
                    self.state.cache.see_registers();
                    let registers = Registers::of(registers);
                    self.push_lines(&record, lines, TokenKind::Registers(registers));
                    return Some(next);
                }
            }
            _ => {}
        }
        let Some((predicted, next)) = self.state.cache.predict(text) else {
            return self.unpredicted(line, front);
        };
        if !predicted.is_plain() {
            return None;
        }
        self.state.cache.arrive(predicted.to());
        let word = self.state.cache.meaning(&predicted);
        self.push(&record(&text[..predicted.len()]), TokenKind::Word(word));
        Some(next)
    }

    /// The text of a line that others may follow: all between `line` and `next`.
    fn lines_text(&self, line: &[u8], next: &[u8], text: &[u8]) -> TokenText {
        let front = u16::try_from(line.len() - text.len()).unwrap_or(u16::MAX);
        TokenText::Lines { span: self.span(line, next), front }
    }

    /// Where all between two ends of the piece lies.
    pub(super) fn span(&self, line: &[u8], next: &[u8]) -> Span {
        Span::of(self.piece.len() - line.len()..self.piece.len() - next.len())
    }

    /// Takes the lines of a backtrace that follow one another within a tenth of a second, as most
    /// do. So short a time holds no surprise: only the first and the last of them need be dated.
    fn backtrace(&mut self, first: LineNumber, caller: Option<Caller>, bytes: &[u8]) -> Taken {
        match caller {
            Some(_) => Taken::default(),
            None if self.state.fronts.are_bare() => {
                self.backtrace_by(Fronts::bare_tick, first, bytes)
            }
            None => self.backtrace_by(Fronts::tick_behind, first, bytes),
        }
    }

    /// The same, with what reads the fronts. As nearly all the time goes here, each way to read
    /// them has a loop of its own.
    #[inline(never)]
    fn backtrace_by(
        &mut self,
        tick: impl for<'b> Fn(&Fronts, &'b [u8]) -> Option<(Tick, &'b [u8])>,
        first: LineNumber,
        bytes: &[u8],
    ) -> Taken {
        let fronts = &self.state.fronts;
        let mut path = self.state.cache.path();
        let numbers = &mut self.batch.backtrace_lines;
        let start = numbers.len();
        let mut run = Run { start: u32::try_from(start).unwrap_or(u32::MAX), ..Run::default() };
        let (mut rest, mut front) = (bytes, None);
        let (mut earliest, mut last) = (Tick::NEVER, Tick::NEVER);
        while let Some((tick, text)) = tick(fronts, rest)
            && last <= tick
            && let Some((predicted, next)) = path.predict(text)
            && *front.get_or_insert(rest.len() - text.len()) == rest.len() - text.len()
        {
            let line = match predicted.line() {
                Expected::Frame(frame) => {
                    run.push_frame(u64::from(frame.number()));
                    u64::from(frame.number())
                }
                Expected::Around(_) => {
                    let word = self.state.cache.meaning(predicted);
                    let Some(line) = BacktraceLine::of(word) else { break };
                    run.push_around(line);
                    line.number()
                }
                Expected::EntryFrame(_) | Expected::Plain(_) | Expected::Other(_) => break,
            };
            numbers.push(line);
            path.take(predicted);
            if earliest == Tick::NEVER {
                earliest = tick;
            }
            (last, rest) = (tick, next);
            if run.parts.contains(Part::End) {
                break;
            }
        }
        let lines = u64::from(run.lines);
        let reached = path.reached();
        if lines > 0 {
            let dates = fronts.dates();
            let (first_time, last_time) = (dates.at(earliest), dates.at(last));
            let text = TokenText::Lines {
                span: self.span(bytes, rest),
                front: front.and_then(|front| u16::try_from(front).ok()).unwrap_or(u16::MAX),
            };
            self.state.last_time = last_time.or(self.state.last_time);
            self.batch.tokens.push(Token {
                line: first,
                lines: run.lines,
                caller: None,
                first: first_time,
                last: last_time,
                text,
                kind: TokenKind::Run(run),
            });
        }
        self.state.cache.arrive(reached);
        Taken { bytes: bytes.len() - rest.len(), lines }
    }

    /// Takes a line that was not predicted, but is known, or is of a kind that is different every
    /// time.
    fn unpredicted<'a>(
        &mut self,
        line: LineNumber,
        Front { stamp, caller, text }: Front<'a>,
    ) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', &text[..text.len().min(UNPREDICTED_BYTES_MAX)])?;
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
                self.state.cache.see_registers();
                self.push(&record, TokenKind::Registers(Registers::of(line)));
            }
            Some(_) => return None,
            None => {
                let known = self.state.cache.recall(text).filter(Branch::is_plain)?;
                let word = self.state.cache.meaning(&known);
                self.push(&record, TokenKind::Word(word));
            }
        }
        Some(next)
    }

    /// Takes a header, if it is whole.
    fn usual_header(
        &mut self,
        record: &Record<'_>,
        header: &TraceHeader<'_>,
        front: usize,
    ) -> bool {
        let is_whole = is_whole_header(header, front + record.text.len());
        if is_whole {
            self.state.cache.begin_event();
            let header = self.header(record, header);
            self.push(record, TokenKind::Header(header));
        }
        is_whole
    }
}
