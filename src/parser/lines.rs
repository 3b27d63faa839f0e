//! The loop that decides how fast a log is read: to compare a line with what was foreseen finds
//! its end, and what it means is known.

use super::stage::Stage;
use crate::address::LineNumber;
use crate::capture::{Line, LineTaker, Taken};
use crate::event::{EventSink, Foreseen};
use crate::record::prefix::Unwrapper;
use crate::record::prefix::printk::Stamped;
use crate::record::{Caller, Record};
use crate::time::Stamp;

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
            let Stamped { stamp, caller, text } = stamped;
            let Some(foreseen) = self.stage.vocabulary.foresee(text) else {
                self.front = Some((stamp, caller, rest.len() - text.len()));
                break;
            };
            let (text, behind) = text.split_at(foreseen.len());
            let Some(next) = behind_line_end(behind) else { break };
            let record = Record { line, stamp: Some(stamp), caller, text };
            if !self.stage.foreseen(&record, foreseen, self.sink) {
                break;
            }
            (line.0, rest) = (line.0 + 1, next);
            if foreseen.frame().is_some() {
                let more = self.stage.frames(line, rest);
                (line.0, rest) = (line.0 + more.lines, &rest[more.bytes..]);
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
    /// Takes the frames that follow one another within a tenth of a second, as most do. So short a
    /// time holds no surprise, and frames between the first and the last need not be dated.
    #[inline(never)]
    fn frames(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        let Stage { fronts, vocabulary, timeline, assembler, .. } = self;
        let tenth = fronts.tenth();
        let Some(dump) = assembler.open_dump(None) else { return Taken::default() };
        if !timeline.is_forward_throughout(tenth) {
            return Taken::default();
        }
        let (mut rest, mut lines) = (bytes, 0);
        let mut ticks = None;
        while let Some((tick, text)) = fronts.tick(rest)
            && let Some(foreseen) = vocabulary.foresee(text)
            && let Some(frame) = foreseen.frame()
            && let Some(next) = behind_line_end(&text[foreseen.len()..])
        {
            vocabulary.confirm(foreseen);
            dump.push_frame(frame);
            let (_, latest) = ticks.unwrap_or((tick, tick));
            ticks = Some((tick, latest.max(tick)));
            (rest, lines) = (next, lines + 1);
        }
        if let Some((last, latest)) = ticks {
            let last = Some(tenth.at(last));
            dump.last_stamp = last;
            timeline.is_forward(tenth.at(latest));
            self.present(LineNumber(first.0 + lines - 1), last);
        }
        Taken { bytes: bytes.len() - rest.len(), lines }
    }

    /// Takes a line that was foreseen, unless there is a doubt about it.
    #[inline]
    fn foreseen(
        &mut self,
        record: &Record<'_>,
        foreseen: Foreseen,
        sink: &mut impl EventSink,
    ) -> bool {
        if !foreseen.is_plain()
            || !record.stamp.is_some_and(|stamp| self.timeline.is_forward(stamp))
        {
            return false;
        }
        self.vocabulary.confirm(foreseen);
        if let (Some(frame), Some(dump)) =
            (foreseen.frame(), self.assembler.open_dump(record.caller))
        {
            dump.push_frame(frame);
            dump.last_stamp = record.stamp;
            self.present(record.line, record.stamp);
        } else {
            self.word(record, self.vocabulary.meaning(foreseen), sink);
        }
        true
    }
}

/// What is behind the line's end at the front of `bytes`.
#[inline]
fn behind_line_end(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [b'\n', next @ ..] | [b'\r', b'\n', next @ ..] => Some(next),
        _ => None,
    }
}
