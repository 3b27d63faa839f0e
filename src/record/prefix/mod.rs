//! Recorders' prefixes, found by looking at the line: one file per family of renderings.
//!
//! Prefixes are stripped from the outside in, any number of them, until the kernel's text is
//! left. A new rendering is a new function with its example lines, and a line in `strip_one`.

mod calendar;
mod clean;
mod dmesg;
mod host;
mod json;
mod kmsg;
pub(crate) mod printk;

use super::{Caller, Record};
use crate::address::LineNumber;
use crate::capture::Line;
use crate::time::Stamp;

/// More prefixes than this are not stripped from one line.
const PREFIXES_MAX: usize = 8;

/// What a line's prefixes said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefix {
    boot: Option<Stamp>,
    wall: Option<Stamp>,
    caller: Option<Caller>,
}

impl Prefix {
    /// The record's time: the kernel's own where there is one.
    fn stamp(&self) -> Option<Stamp> {
        self.boot.or(self.wall)
    }
}

/// Finds the records in lines that are more than a printk time and a text.
#[derive(Debug, Default)]
pub struct Unwrapper {
    dmesg: json::Dmesg,
    /// The last record's time, for `dmesg -e`, which shows differences.
    last: Option<Stamp>,
    cleaned: Vec<u8>,
    message: Vec<u8>,
}

impl Unwrapper {
    /// An unwrapper at the start of a log.
    pub fn new() -> Unwrapper {
        Unwrapper::default()
    }

    /// Hands every record of the line to `each`, in order. A line of a JSON document that holds
    /// no message yields none; any other line yields at least one.
    pub fn records(&mut self, line: Line<'_>, mut each: impl FnMut(Record<'_>)) {
        let mut cleaned = std::mem::take(&mut self.cleaned);
        let bytes = if clean::is_dirty(line.bytes) {
            clean::clean(line.bytes, &mut cleaned);
            cleaned.as_slice()
        } else {
            line.bytes
        };
        for piece in bytes.trim_ascii_end_of_returns().split(|&byte| byte == b'\r') {
            self.piece(line.number, piece, &mut each);
        }
        self.cleaned = cleaned;
    }

    fn piece(&mut self, number: LineNumber, text: &[u8], each: &mut impl FnMut(Record<'_>)) {
        let mut message = std::mem::take(&mut self.message);
        let mut prefix = Prefix::default();
        let in_json = json::object(text, &mut prefix, &mut message)
            .or_else(|| self.dmesg.line(text, &mut prefix, &mut message));
        if in_json.is_some() {
            let lines = message.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
            for line in lines {
                self.segments(number, line, prefix, each);
            }
        } else {
            self.segments(number, text, prefix, each);
        }
        self.message = message;
    }

    /// Strips the prefixes, and parts what is left at the printk times inside it.
    fn segments(
        &mut self,
        number: LineNumber,
        text: &[u8],
        outer: Prefix,
        each: &mut impl FnMut(Record<'_>),
    ) {
        let mut rest = text;
        loop {
            let mut prefix = outer;
            let text = self.strip(rest, &mut prefix);
            let (text, behind) = match printk::embedded(text) {
                Some(at) => (&text[..at], Some(&text[at..])),
                None => (text, None),
            };
            let stamp = prefix.stamp();
            self.last = stamp.or(self.last);
            each(Record { line: number, stamp, caller: prefix.caller, text });
            let Some(behind) = behind else { break };
            rest = behind;
        }
    }

    fn strip<'a>(&self, mut text: &'a [u8], prefix: &mut Prefix) -> &'a [u8] {
        for _ in 0..PREFIXES_MAX {
            if let Some(stamped) = printk::stamped(text) {
                prefix.boot = Some(stamped.stamp);
                prefix.caller = stamped.caller.or(prefix.caller);
                text = host::behind_kernel(stamped.text).unwrap_or(stamped.text);
            } else if prefix.boot.is_some() {
                break;
            } else if let Some(stripped) = self.strip_one(text, prefix) {
                text = stripped;
            } else {
                break;
            }
        }
        text
    }

    /// Strips one prefix other than a printk time.
    fn strip_one<'a>(&self, text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
        match *text.first()? {
            b'<' => printk::level(text),
            b'[' => dmesg::bracketed_date(text, prefix)
                .or_else(|| dmesg::relative(text, self.last, prefix)),
            b'0'..=b'9' => kmsg::strip(text, prefix)
                .or_else(|| dmesg::iso(text, prefix))
                .or_else(|| host::syslog(text, prefix)),
            b'A'..=b'Z' => host::syslog(text, prefix),
            b'a'..=b'z' => dmesg::facility_and_level(text).or_else(|| host::facility(text)),
            _ => None,
        }
    }
}

/// Trims the carriage returns that serial lines end in: CRLF, CRCRLF.
trait TrimReturns {
    fn trim_ascii_end_of_returns(&self) -> &[u8];
}

impl TrimReturns for [u8] {
    fn trim_ascii_end_of_returns(&self) -> &[u8] {
        let end = self.iter().rposition(|&byte| byte != b'\r').map_or(0, |at| at + 1);
        &self[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(line: &[u8]) -> Vec<(Option<i64>, String)> {
        let mut found = Vec::new();
        Unwrapper::new().records(Line { number: LineNumber(1), bytes: line }, |record| {
            let text = String::from_utf8_lossy(record.text).into_owned();
            found.push((record.stamp.map(|stamp| stamp.micros), text));
        });
        found
    }

    #[test]
    fn prefixes_stack() {
        for line in [
            &b"[    1.500000] TRACE x\r"[..],
            b"<6>[    1.500000] TRACE x",
            b"kern  :info  : [    1.500000] TRACE x",
            b"Feb 14 10:00:00 host kernel: [    1.500000] TRACE x",
            b"[    1.500000] leakyvm kernel: TRACE x",
            b"6,339,1500000,-;TRACE x",
            b"\x1b[32m[    1.500000] \x1b[0mTRACE x\r\r",
            br#"{"MESSAGE":"TRACE x","_SOURCE_MONOTONIC_TIMESTAMP":"1500000"}"#,
        ] {
            assert_eq!(
                records(line),
                [(Some(1_500_000), "TRACE x".to_owned())],
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn a_users_unfinished_line_is_parted_from_the_record() {
        let found = records(b"app[9[    8.159550] TRACE kmalloc-64 alloc");
        assert_eq!(
            found,
            [(None, "app[9".to_owned()), (Some(8_159_550), "TRACE kmalloc-64 alloc".to_owned())]
        );
    }

    #[test]
    fn lost_newlines_do_not_lose_records() {
        let found = records(b"[    1.000000] a[    2.000000] b[    3.000000]  c");
        let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["a", "b", " c"]);
    }
}
