//! Terminals that wrap or cut lines at their right edge, and mail programs that do.
//!
//! The edge is found where a TRACE line lacks its end and the next line has it. From then on, a
//! line that reaches the edge waits for the next one. A line that lacks the end of its form waits
//! wherever it was broken.

use super::Prefix;
use super::extent::{self, Extent};
use super::strip::Stripper;
use crate::address::LineNumber;
use crate::record::{Text, TraceHeader};

/// The width of most terminals: a header that ends there may be cut.
pub(crate) const COLUMNS: usize = 80;

/// No line is joined beyond this.
const JOINED_BYTES_MAX: usize = 2048;

/// A line that waits for its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) number: LineNumber,
    pub(super) bytes: Vec<u8>,
    /// Its width, or that of its last piece.
    width: usize,
}

/// What a line looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Judgement {
    /// Nothing is missing.
    Whole,
    /// Its end may be on the next line.
    Cut,
    /// It is a record in quoted-printable.
    Quoted,
}

/// Joins what was wrapped.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Joiner {
    held: Option<Row>,
    /// The column at which lines of this log are wrapped.
    edge: Option<usize>,
    breaks: Breaks,
}

/// Whether lines are broken at blanks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Breaks {
    /// None was so far: a line that may be whole is taken for whole.
    #[default]
    Unseen,
    /// Some are.
    Seen,
}

impl Joiner {
    /// Whether any line must be looked at.
    pub(super) fn is_active(&self) -> bool {
        self.held.is_some() || self.edge.is_some() || self.breaks == Breaks::Seen
    }

    /// A joiner of a text that people have pasted: its lines may be broken anywhere.
    pub(super) fn of_pasted() -> Joiner {
        Joiner { breaks: Breaks::Seen, ..Joiner::default() }
    }

    /// Whether no line waits for its end.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    /// The line that waits.
    pub(super) fn take(&mut self) -> Option<Row> {
        self.held.take()
    }

    /// The line that waits, if it may be whole as it is.
    pub(super) fn take_whole(&mut self, stripper: &Stripper) -> Option<Row> {
        self.held.take_if(|held| {
            extent::extent(extent::bare(behind(stripper, &held.bytes))) == Extent::Open
        })
    }

    /// Keeps a line until the next one.
    pub(super) fn hold(&mut self, number: LineNumber, bytes: &[u8]) {
        let width = bytes.len();
        self.held = Some(Row { number, bytes: bytes.to_vec(), width });
    }

    /// Judges a line, the last row of which has `width` bytes, and the text behind its prefixes.
    pub(super) fn judge(&mut self, line: &[u8], width: usize, text: &[u8]) -> Judgement {
        if line.len() > JOINED_BYTES_MAX {
            return Judgement::Whole;
        }
        match self.edge {
            Some(edge) if width > edge => self.edge = None,
            Some(edge) if width == edge => return Judgement::Cut,
            _ => {}
        }
        // An equals sign that was not encoded shows that the line is no mail.
        let is_quoted = || {
            memchr::memmem::find(line, b" inuse=3D").is_some()
                && memchr::memmem::find(line, b" fp=0x").is_none()
        };
        if memchr::memchr(b'=', line).is_some() && (is_quoted() || extent::is_encoded(text)) {
            return Judgement::Quoted;
        }
        let is_cut =
            if text.starts_with(b"TRACE ") { is_torn(text, width) } else { self.may_go_on(text) };
        if is_cut { Judgement::Cut } else { Judgement::Whole }
    }

    fn may_go_on(&self, text: &[u8]) -> bool {
        match extent::extent(extent::bare(text)) {
            Extent::Loose | Extent::Torn => true,
            Extent::Open => self.breaks == Breaks::Seen,
            Extent::Foreign | Extent::Closed => false,
        }
    }

    /// The line that `held` and `next` make together, if they do.
    pub(super) fn join(&mut self, held: &Row, next: &[u8], stripper: &Stripper) -> Option<Vec<u8>> {
        let marks = next.len() - unquoted(next).len();
        let (quotes, next) = next.split_at(marks);
        if !held.bytes.starts_with(quotes) || behind(stripper, next).len() != next.len() {
            return None;
        }
        if let Some(joined) = self.completed(held, next, stripper) {
            self.breaks = Breaks::Seen;
            return Some(joined);
        }
        if self.edge != Some(held.width) && !behind(stripper, &held.bytes).starts_with(b"TRACE ") {
            return None;
        }
        let joined = [&held.bytes, next].concat();
        let text = behind(stripper, &joined);
        let fits = if text.starts_with(b"TRACE ") {
            is_whole_trace(text)
        } else {
            Text::parse(next) == Text::Other
                && (Text::parse(text) != Text::Other
                    || Text::parse(behind(stripper, &held.bytes)) == Text::Other)
        };
        if fits {
            self.edge = self.edge.or((held.width >= COLUMNS).then_some(held.width));
            return Some(joined);
        }
        // A mail program breaks at a blank, and drops it.
        let joined = [&held.bytes, &b" "[..], next].concat();
        let is_whole = is_whole_trace(behind(stripper, &joined));
        if is_whole {
            self.breaks = Breaks::Seen;
        }
        is_whole.then_some(joined)
    }

    /// The held line with more of its form, if `next` is that.
    fn completed(&self, held: &Row, next: &[u8], stripper: &Stripper) -> Option<Vec<u8>> {
        let text = behind(stripper, &held.bytes);
        let before = extent::extent(extent::bare(text));
        if before == Extent::Foreign || next.trim_ascii().is_empty() {
            return None;
        }
        let front = &held.bytes[..held.bytes.len() - text.len()];
        if let Some(row) = extent::joined_row(text, next) {
            return Some([front, &row].concat());
        }
        let is_more = |text: &[u8]| match extent::extent(extent::bare(text)) {
            Extent::Foreign | Extent::Loose => false,
            // What may be whole does not lose its end by getting more, but where a bracket opens.
            Extent::Torn => {
                before == Extent::Torn
                    || before == Extent::Open && matches!(next.first(), Some(b'(' | b'['))
            }
            Extent::Open | Extent::Closed => true,
        };
        let joined = |between: &[u8]| {
            let text = [text.trim_ascii_end(), between, next.trim_ascii_start()].concat();
            is_more(&text).then(|| [front, &text].concat())
        };
        // A mail program breaks at a blank, and drops it; a terminal breaks anywhere.
        if self.edge == Some(held.width) {
            joined(b"").or_else(|| joined(b" "))
        } else {
            joined(b" ").or_else(|| joined(b""))
        }
    }
}

/// The text behind the prefixes of `line`.
fn behind<'a>(stripper: &Stripper, line: &'a [u8]) -> &'a [u8] {
    stripper.strip(line, Prefix::default()).text
}

/// The line without the marks of a quoted mail.
fn unquoted(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = super::mail::quote(line) {
        line = rest;
    }
    line
}

/// Whether a text that begins like a TRACE line lacks its end.
fn is_torn(text: &[u8], width: usize) -> bool {
    match TraceHeader::parse(text) {
        None => width == COLUMNS && !text.ends_with(b" "),
        Some(header) if header.fp.is_none() => true,
        Some(header) => width == COLUMNS && !fp_is_whole(text, header.digits),
    }
}

fn is_whole_trace(text: &[u8]) -> bool {
    TraceHeader::parse(text)
        .is_some_and(|header| header.fp.is_some() && fp_is_whole(text, header.digits))
}

/// Both pointers of a header have the same number of digits, except where one is a word.
fn fp_is_whole(text: &[u8], digits: usize) -> bool {
    let text = text.trim_ascii_end();
    let last = text.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    last == 0 || digits == 0 || last >= digits
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "TRACE kmalloc-64 alloc 0xffff8da32ff3b980 inuse=28 fp=0xffff8da32ff3b7c0";

    /// The lines that rows make.
    fn join(rows: &[&str]) -> Vec<String> {
        let (mut joiner, stripper, mut lines) =
            (Joiner::default(), Stripper::default(), Vec::new());
        for row in rows {
            let mut line = row.as_bytes().to_vec();
            if let Some(held) = joiner.take() {
                match joiner.join(&held, row.as_bytes(), &stripper) {
                    Some(joined) => line = joined,
                    None => lines.push(held.bytes),
                }
            }
            match joiner.judge(&line, row.len(), behind(&stripper, &line)) {
                Judgement::Cut => joiner.hold(LineNumber(1), &line),
                _ => lines.push(line),
            }
        }
        lines.extend(joiner.take().map(|held| held.bytes));
        lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    /// `text` as a terminal of `columns` shows it.
    fn rows(text: &str, columns: usize) -> Vec<&str> {
        (0..text.len()).step_by(columns).map(|at| &text[at..text.len().min(at + columns)]).collect()
    }

    #[test]
    fn wrapped_lines_are_joined() {
        let trace = format!("[    4.818698] {TRACE}");
        let task = "[    4.818710] CPU: 0 PID: 1 Comm: init Tainted: G           OE      6.1.0-50-amd64 #1  Debian 6.1.176-1";
        let frame = "[    4.818720]  leaky_ring_refill_with_a_very_long_name.constprop.0.isra.0+0x4e/0xb0 [leaky]";
        let mut wrapped = rows(&trace, 80);
        wrapped.extend(rows(task, 80));
        wrapped.extend(rows(frame, 80));
        wrapped.push("[    4.818730]  kthread+0x1/0x2");
        assert_eq!(join(&wrapped), [&trace, task, frame, "[    4.818730]  kthread+0x1/0x2"]);
    }

    /// A TRACE line in rows of so many columns, other lines, and what comes of the others.
    fn behind_wrapped(columns: usize, others: &[&str]) -> Vec<String> {
        let trace = format!("[    4.818698] {TRACE}");
        let mut wrapped = rows(&trace, columns);
        wrapped.extend(others);
        let mut joined = join(&wrapped);
        assert_eq!(joined.remove(0), trace, "{columns}");
        joined
    }

    #[test]
    fn the_edge_holds_until_a_line_goes_beyond_it() {
        let (full, more) = ("x".repeat(80), "and more");
        assert_eq!(behind_wrapped(80, &[&full, more]), [format!("{full}{more}")]);
        let beyond = "y".repeat(81);
        assert_eq!(behind_wrapped(80, &[&beyond, &full, more]), [&beyond, &full, more]);
    }

    #[test]
    fn no_terminal_is_narrower_than_eighty_columns() {
        let (full, more) = ("x".repeat(66), "and more");
        assert_eq!(behind_wrapped(66, &[&full, more]), [&full, more]);
    }

    #[test]
    fn a_line_that_mail_broke_at_a_blank_is_joined() {
        let (first, second) = TRACE.split_at(TRACE.len() - 22);
        assert_eq!(join(&[first, second.trim_start()]), [TRACE]);
        let quoted = [format!("> {first}"), format!("> {}", second.trim_start())];
        assert_eq!(join(&[&quoted[0], &quoted[1]]), [format!("> {TRACE}")]);
    }

    #[test]
    fn a_line_whose_end_is_gone_stays_alone() {
        let cut = &TRACE[..60];
        assert_eq!(join(&[cut, "Call Trace:", " a+0x1/0x2"]), [cut, "Call Trace:", " a+0x1/0x2"]);
    }
}
