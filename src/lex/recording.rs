//! Lines of a recording that follow one another: entries, and the frames of their backtraces.

use super::backtrace::Run;
use super::lexer::Work;
use super::predictor::{Branch, Expected};
use super::token::{Token, TokenKind, TokenText};
use super::word::Word;
use crate::address::LineNumber;
use crate::capture::{Line, Taken};
use crate::record::Record;
use crate::record::ftrace::{self, is_clean};
use crate::record::prefix::{self, printk};

/// Longer lines are looked into.
const ENTRY_BYTES_MAX: usize = 1024;

impl Work<'_> {
    /// Takes entries of the writer of the last one, and the frames behind each, as long as nothing
    /// else stands between them.
    pub(super) fn recording(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        let (mut line, mut rest) = (first, bytes);
        if !self.state.unwrapper.is_idle() {
            return Taken::default();
        }
        loop {
            let frames = self.entry_frames(line, rest);
            (line.0, rest) = (line.0 + frames.lines, &rest[frames.bytes..]);
            let next = self.known_frame(line, rest).or_else(|| self.next_entry(line, rest));
            let Some(next) = next else { break };
            (line.0, rest) = (line.0 + 1, next);
        }
        Taken { bytes: bytes.len() - rest.len(), lines: line.0 - first.0 }
    }

    /// Takes a line that a message of the kernel's has cut, or the rest of one:
    ///
    /// ```text
    ///  => do_kmem_cach[    3.521653] leaky: start n=6 threads=4
    /// e_create
    /// ```
    ///
    /// The message is taken, and the line waits for its end.
    pub(super) fn severed_line(&mut self, line: &Line<'_>, bytes: &[u8]) -> bool {
        if let Some((number, head)) = self.state.severed.take() {
            let whole = [&head, bytes].concat();
            if !ftrace::is_line(bytes) && ftrace::is_line(&whole) {
                self.state.is_recording = true;
                self.record(&Record { line: number, stamp: None, caller: None, text: &whole });
                return true;
            }
            self.state.severed = Some((number, head));
            self.release_severed();
        }
        let cut = printk::embedded(bytes).filter(|&at| ftrace::is_beginning(&bytes[..at]));
        let Some(at) = cut.filter(|_| self.state.unwrapper.is_idle()) else { return false };
        self.state.severed = Some((line.number, bytes[..at].to_vec()));
        self.unwrap(Line { number: line.number, bytes: &bytes[at..] }, |_| {});
        true
    }

    /// Nothing more comes of a line that was cut.
    pub(super) fn release_severed(&mut self) {
        if let Some((number, head)) = self.state.severed.take() {
            self.unwrap(Line { number, bytes: &head }, |_| {});
        }
    }

    /// Takes a frame that is known and was not expected, and gives what is behind it.
    fn known_frame<'a>(&mut self, line: LineNumber, rest: &'a [u8]) -> Option<&'a [u8]> {
        if !matches!(rest, [b' ', b'=', ..] | [b'=' | b'\t', ..]) {
            return None;
        }
        let (text, next) = line_and_next(rest)?;
        let known = self.state.cache.recall(text).filter(Branch::is_plain)?;
        let word = self.state.cache.meaning(&known);
        if !matches!(word, Word::EntryFrame(_) | Word::ProgramFrame) {
            return None;
        }
        let record = Record { line, stamp: None, caller: None, text };
        self.push(&record, TokenKind::Word(word));
        Some(next)
    }

    /// Takes an entry, if it is plain, and gives what is behind it.
    fn next_entry<'a>(&mut self, line: LineNumber, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (text, next) = line_and_next(rest)?;
        if !is_clean(text) || printk::embedded(text).is_some() {
            return None;
        }
        let entry = self.state.entry_names.read_next(text, self.names)?;
        self.expect_backtrace(&entry);
        let record = Record { line, stamp: None, caller: None, text };
        let entry = self.batch.add_entry(entry);
        self.push(&record, TokenKind::Entry(entry));
        Some(next)
    }

    /// Takes the frames of a backtrace that are expected.
    fn entry_frames(&mut self, first: LineNumber, bytes: &[u8]) -> Taken {
        let mut path = self.state.cache.path();
        let numbers = &mut self.batch.backtrace_lines;
        let start = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let mut run = Run { start, ..Run::default() };
        let mut rest = bytes;
        while let Some((predicted, next)) = path.predict(rest)
            && let Expected::EntryFrame(frame) = predicted.line()
        {
            numbers.push(run.push_entry_frame(frame));
            path.take(predicted);
            rest = next;
        }
        let reached = path.reached();
        if run.lines > 0 {
            let text = TokenText::Lines { span: self.span(bytes, rest), front: 0 };
            self.batch.tokens.push(Token {
                line: first,
                lines: run.lines,
                caller: None,
                first: None,
                last: None,
                text,
                kind: TokenKind::Run(run),
            });
            self.state.cache.arrive(reached);
        }
        Taken { bytes: bytes.len() - rest.len(), lines: u64::from(run.lines) }
    }
}

/// The line that `bytes` begin with, and what is behind it. The very last end is not told.
fn line_and_next(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(ENTRY_BYTES_MAX)])?;
    let next = bytes.get(end + 1..).filter(|next| !next.is_empty())?;
    Some((prefix::trim_returns(&bytes[..end]), next))
}
