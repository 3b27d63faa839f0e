//! The prefixes of one line, stripped from the outside in until the kernel's text is left.

use super::learned::{self, Behind, Shape};
use super::repeat::{Repeat, repeat};
use super::{Each, Prefix, android, container, dmesg, host, kmsg, mail, printk, serial};
use crate::address::LineNumber;
use crate::record::{Record, Text, TraceHeader, notice};
use crate::time::Stamp;

/// More prefixes than this are not stripped from one line.
const PREFIXES_MAX: usize = 8;

/// A line with more blanks than this at its end was padded by a terminal.
const TRAILING_BLANKS_MAX: usize = 1;

/// Strips prefixes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Stripper {
    /// The last record's time, for `dmesg -e`, which shows differences.
    last: Option<Stamp>,
    /// What stands in front of this log's lines and belongs to no known recorder.
    shape: Option<Shape>,
    /// The last text of a log that counts repetitions.
    repeatable: Vec<u8>,
}

/// A line whose first prefixes are stripped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stripped<'a> {
    /// What the prefixes said.
    pub(super) prefix: Prefix,
    /// What is behind them.
    pub(super) text: &'a [u8],
}

impl Stripper {
    /// Whether a prefix was learned that nobody knows.
    pub(super) fn has_shape(&self) -> bool {
        self.shape.is_some()
    }

    /// The time of the last record that a recorder dated.
    pub(super) fn last(&self) -> Option<Stamp> {
        self.last
    }

    /// A record came that a recorder dated; and its text, if the kernel did not date it too.
    pub(super) fn see_recorded(&mut self, stamp: Option<Stamp>, text: Option<&[u8]>) {
        self.last = stamp;
        if let Some(text) = text {
            self.repeatable.clear();
            self.repeatable.extend_from_slice(text);
        }
    }

    /// Strips the known prefixes at the front of the line.
    pub(super) fn strip<'a>(&self, line: &'a [u8], outer: Prefix) -> Stripped<'a> {
        let mut prefix = outer;
        let text = self.text_behind(line, &mut prefix);
        Stripped { prefix, text }
    }

    /// Hands over the records of a line: more than one where newlines were lost, or where a
    /// program's unfinished line stands in front.
    pub(super) fn segments(
        &mut self,
        number: LineNumber,
        line: Stripped<'_>,
        outer: Prefix,
        each: &mut Each<'_>,
    ) {
        let Stripped { mut prefix, mut text } = line;
        if kmsg::is_dictionary(text) {
            return;
        }
        while let Some(at) = inner_start(text) {
            let (front, behind) = text.split_at(at);
            if prefix.boot.is_some() || !is_meaningless(front) {
                self.segment(number, front, prefix, each);
            }
            Stripped { prefix, text } = self.strip(behind, outer);
        }
        self.segment(number, text, prefix, each);
    }

    /// A piece of a line that holds one record.
    fn segment(
        &mut self,
        number: LineNumber,
        text: &[u8],
        mut prefix: Prefix,
        each: &mut Each<'_>,
    ) {
        let text = self.learn(text, &mut prefix);
        if is_escaped(text, prefix) {
            for text in kmsg::unescape(text).split(|&byte| byte == b'\n') {
                self.record(number, text, prefix, each);
            }
            return;
        }
        match repeat(text) {
            Some(repeat) => self.repeated(number, repeat, prefix, each),
            None => self.record(number, text, prefix, each),
        }
    }

    /// Writes out what a daemon counted. What is beyond belief of an event's lines is a loss.
    fn repeated(
        &mut self,
        number: LineNumber,
        repeat: Repeat<'_>,
        prefix: Prefix,
        each: &mut Each<'_>,
    ) {
        let Repeat { times, surplus, text } = repeat;
        let text = text.map_or_else(|| self.repeatable.clone(), <[u8]>::to_vec);
        for _ in 0..times {
            self.record(number, &text, prefix, each);
        }
        if surplus > 0 && !matches!(Text::parse(&text), Text::Other | Text::Blank) {
            let note = format!("** {surplus} printk messages dropped **");
            each(Record {
                line: number,
                stamp: prefix.stamp(),
                caller: prefix.caller,
                text: note.as_bytes(),
            });
        }
    }

    fn record(&mut self, number: LineNumber, text: &[u8], prefix: Prefix, each: &mut Each<'_>) {
        let text = unpadded(text);
        let stamp = prefix.stamp();
        // Differences are counted from a date.
        if prefix.wall.is_some() {
            self.see_recorded(stamp, Some(text).filter(|_| prefix.boot.is_none()));
        }
        each(Record { line: number, stamp, caller: prefix.caller, text });
    }

    /// Strips a prefix that was learned. Every header teaches anew.
    fn learn<'a>(&mut self, text: &'a [u8], prefix: &mut Prefix) -> &'a [u8] {
        if text.starts_with(b"TRACE ") {
            if TraceHeader::parse(text).is_some() {
                self.shape = None;
            }
            return text;
        }
        let behind = match Shape::learn(text, *prefix) {
            Some((shape, behind)) => {
                self.shape = Some(shape);
                Some(behind)
            }
            None => self.shape.as_ref().and_then(|shape| shape.strip(text)),
        };
        let Some(Behind { caller, text }) = behind else { return text };
        prefix.caller = prefix.caller.or(caller);
        text
    }

    fn text_behind<'a>(&self, mut text: &'a [u8], prefix: &mut Prefix) -> &'a [u8] {
        for _ in 0..PREFIXES_MAX {
            if let Some(stamped) = printk::stamped(text) {
                prefix.boot = Some(stamped.stamp);
                prefix.caller = stamped.caller.or(prefix.caller);
                text = host::behind_kernel(stamped.text).unwrap_or(stamped.text);
            } else if let Some((caller, behind)) = printk::leading_caller(text) {
                prefix.caller = Some(caller);
                text = behind;
            } else if prefix.boot.is_some() {
                let Some(behind) = self.behind_boot_time(text, prefix) else { break };
                text = behind;
            } else if let Some(stripped) = self.strip_one(text, prefix) {
                text = stripped;
            } else {
                break;
            }
        }
        text
    }

    /// Strips what may stand behind the kernel's time: what was in front of it stands there no more.
    fn behind_boot_time<'a>(&self, text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
        android::printer(text, prefix)
            .or_else(|| printk::level(text))
            .or_else(|| dmesg::second_time(text, self.last, prefix))
    }

    /// Strips one prefix other than a printk time.
    fn strip_one<'a>(&self, text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
        match *text.first()? {
            b'<' => printk::level(text),
            b'>' | b'|' => mail::quote(text),
            b'[' => dmesg::bracketed_date(text, prefix)
                .or_else(|| dmesg::relative(text, self.last, prefix))
                .or_else(|| serial::bracketed(text, prefix))
                .or_else(|| android::printer(text, prefix)),
            b'0'..=b'9' => kmsg::strip(text, prefix)
                .or_else(|| dmesg::iso(text, prefix))
                .or_else(|| host::syslog(text, prefix))
                .or_else(|| host::rfc5424(text, prefix))
                .or_else(|| container::cri(text, prefix))
                .or_else(|| android::logcat(text, prefix))
                .or_else(|| printk::headless(text, prefix))
                .or_else(|| serial::bare(text, prefix)),
            b'A'..=b'Z' => host::syslog(text, prefix)
                .or_else(|| android::logcat_tag(text))
                .or_else(|| serial::bare(text, prefix)),
            b'a'..=b'z' => dmesg::facility_and_level(text).or_else(|| host::facility(text)),
            b'(' | b'-' => android::printer(text, prefix),
            b' ' | b'\t' => self.behind_blanks(text, prefix),
            _ => None,
        }
    }

    /// Blanks in front of a prefix are no part of the text; in front of a text they are.
    fn behind_blanks<'a>(&self, text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
        let trimmed = text.trim_ascii_start();
        if printk::stamped(trimmed).is_some() {
            return Some(trimmed);
        }
        if matches!(trimmed.first(), Some(b' ' | b'\t')) {
            return None;
        }
        self.strip_one(trimmed, prefix)
    }
}

/// Where in the text another record begins.
fn inner_start(text: &[u8]) -> Option<usize> {
    glued(text).or_else(|| printk::embedded(text))
}

// ** 12 printk messages dropped ** [   14.883015]  leaky_start+0x40/0xa10       3.x: no newline
// ** 12 printk messages dropped ** Call Trace:
/// Where the text behind the kernel's own note begins.
fn glued(text: &[u8]) -> Option<usize> {
    const END: &[u8] = b" printk messages dropped ** ";
    let behind = text.strip_prefix(b"** ")?;
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = behind[digits..].strip_prefix(END)?;
    (!rest.is_empty()).then(|| text.len() - rest.len())
}

/// Whether what stands in front of a record is a prefix that nobody knows.
fn is_meaningless(front: &[u8]) -> bool {
    (front.trim_ascii().is_empty() || learned::is_prefix(front))
        && matches!(Text::parse(front), Text::Other | Text::Blank)
}

/// `/dev/kmsg` writes bytes that do not print as `\x0a`.
fn is_escaped(text: &[u8], prefix: Prefix) -> bool {
    prefix.boot.is_some()
        && memchr::memchr(b'\\', text).is_some()
        && memchr::memmem::find(text, br"\x0a").is_some()
        && notice::dropped(text).is_none()
}

/// Trims the blanks with which a terminal fills its rows.
fn unpadded(text: &[u8]) -> &[u8] {
    let trimmed = text.trim_ascii_end();
    let is_row = text.starts_with(b"Object") || text.starts_with(b"  Object");
    if text.len() - trimmed.len() > TRAILING_BLANKS_MAX && !is_row && !trimmed.is_empty() {
        trimmed
    } else {
        text
    }
}
