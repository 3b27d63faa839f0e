//! The journal's renderings of several lines a record: `journalctl -o export` and `-o verbose`.
//!
//! Fields come in any order, so that a record is handed on only when it has ended.

use super::entry::Entry;
use super::{Offer, Prefix, calendar};
use crate::address::LineNumber;
use crate::record::cursor::Cursor;
use crate::time::Stamp;

/// A field longer than this is no message of the kernel, and its length is probably damaged.
const FIELD_BYTES_MAX: u64 = 1 << 20;

/// How the records come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Mode {
    /// There are none.
    #[default]
    Off,
    /// `KEY=value`, and an empty line behind each record.
    Export,
    /// As above, inside a field of bytes: its name, and what has come of it.
    Bytes(Vec<u8>, Vec<u8>),
    /// `    KEY=value`, and a line with the time in front of each record.
    Verbose,
}

/// Puts records together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Collector {
    mode: Mode,
    entry: Entry,
}

impl Collector {
    /// Whether a record may be incomplete.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.mode, Mode::Off)
    }

    /// Whether it is between two records.
    pub(super) fn is_empty(&self) -> bool {
        self.entry == Entry::default() && !matches!(self.mode, Mode::Bytes(..))
    }

    /// Takes the line if it is a part of a record.
    pub(super) fn offer(&mut self, number: LineNumber, line: &[u8]) -> Offer {
        match std::mem::take(&mut self.mode) {
            Mode::Off => self.begin(line),
            Mode::Export => self.export(number, line),
            Mode::Bytes(key, bytes) => self.bytes(number, key, bytes, line),
            Mode::Verbose => self.verbose(number, line),
        }
    }

    /// Ends the log.
    pub(super) fn finish(&mut self) -> Option<Entry> {
        self.mode = Mode::Off;
        self.end()
    }

    fn end(&mut self) -> Option<Entry> {
        let entry = std::mem::take(&mut self.entry);
        entry.is_complete().then_some(entry)
    }

    // __CURSOR=s=d432d7635b1f439394b0dbcf1cbc9e44;i=1;b=7ff33e409bdc428bb782118653211a65;m=…
    // Sat 2026-11-21 19:42:01.749511 UTC [s=d432d7635b1f439394b0dbcf1cbc9e44;i=1;b=7ff33e40…]
    fn begin(&mut self, line: &[u8]) -> Offer {
        if line.starts_with(b"__CURSOR=") {
            self.mode = Mode::Export;
            Offer::TAKEN
        } else if let Some(prefix) = verbose_header(line) {
            self.mode = Mode::Verbose;
            self.entry.prefix = prefix;
            Offer::TAKEN
        } else {
            Offer::FOREIGN
        }
    }

    fn export(&mut self, number: LineNumber, line: &[u8]) -> Offer {
        let line = super::trim_returns(line);
        let key = key(line);
        let value = line.get(key.len()..).and_then(|rest| rest.strip_prefix(b"="));
        if line.is_empty() {
            self.mode = Mode::Export;
            return Offer { entry: self.end(), taken: true };
        }
        match value {
            Some(value) if !key.is_empty() => {
                self.entry.set(number, key, value);
                self.mode = Mode::Export;
            }
            None if key.len() == line.len() => {
                self.mode = Mode::Bytes(key.to_vec(), Vec::new());
            }
            _ => return self.leave(line),
        }
        Offer::TAKEN
    }

    // MESSAGE
    // \x0b\0\0\0\0\0\0\0two\nlines\n
    /// A field that is no text comes as its name, its length in eight bytes (the lowest first),
    /// and its bytes, whatever they are.
    fn bytes(
        &mut self,
        number: LineNumber,
        key: Vec<u8>,
        mut bytes: Vec<u8>,
        line: &[u8],
    ) -> Offer {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
        let Some((size, value)) = bytes.split_first_chunk::<8>() else {
            self.mode = Mode::Bytes(key, bytes);
            return Offer::TAKEN;
        };
        let size = u64::from_le_bytes(*size);
        if size > FIELD_BYTES_MAX {
            return self.leave(line);
        }
        match usize::try_from(size).ok().filter(|&size| size < value.len()) {
            Some(size) => {
                self.entry.set(number, &key, &value[..size]);
                self.mode = Mode::Export;
            }
            None => self.mode = Mode::Bytes(key, bytes),
        }
        Offer::TAKEN
    }

    fn verbose(&mut self, number: LineNumber, line: &[u8]) -> Offer {
        let line = super::trim_returns(line);
        let Some(field) = line.strip_prefix(b"    ") else { return self.leave(line) };
        let key = key(field);
        if let Some(value) = field[key.len()..].strip_prefix(b"=") {
            self.entry.set(number, key, value);
        }
        self.mode = Mode::Verbose;
        Offer::TAKEN
    }

    /// The line is no field: the record has ended, and perhaps all of them.
    fn leave(&mut self, line: &[u8]) -> Offer {
        let entry = self.end();
        Offer { entry, taken: self.begin(line).taken }
    }
}

/// The name of a field at the front of `line`.
fn key(line: &[u8]) -> &[u8] {
    Cursor::new(line)
        .eat_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn verbose_header(line: &[u8]) -> Option<Prefix> {
    if line.last() != Some(&b']') {
        return None;
    }
    let mut cursor = Cursor::new(line);
    let wall = calendar::journal(&mut cursor)?;
    cursor.eat(b" [s=")?;
    Some(Prefix { wall: Some(Stamp::wall(wall)), ..Prefix::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of `text`: line, kernel time, message.
    fn collect(text: &[u8]) -> Vec<(u64, Option<i64>, Vec<u8>)> {
        let mut collector = Collector::default();
        let mut entries = Vec::new();
        for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
            entries.extend(collector.offer(LineNumber(number), line).entry);
        }
        entries.extend(collector.finish());
        let boot = |entry: &Entry| entry.prefix.boot.map(|stamp| stamp.micros);
        entries.iter().map(|entry| (entry.line.0, boot(entry), entry.message.clone())).collect()
    }

    #[test]
    fn an_exported_record_ends_at_an_empty_line_or_the_end() {
        let found = collect(
            b"__CURSOR=s=1\n_TRANSPORT=kernel\nMESSAGE=TRACE x\n_SOURCE_MONOTONIC_TIMESTAMP=1500000\n\n\
              __CURSOR=s=2\n_SOURCE_MONOTONIC_TIMESTAMP=1600000\nMESSAGE= <TASK>",
        );
        assert_eq!(
            found,
            [(3, Some(1_500_000), b"TRACE x".to_vec()), (8, Some(1_600_000), b" <TASK>".to_vec())]
        );
    }

    #[test]
    fn an_exported_field_of_bytes_may_hold_newlines_and_so_may_its_length() {
        let found = collect(
            b"__CURSOR=s=1\nMESSAGE\n\x0a\0\0\0\0\0\0\0two\nlines.\n\n__CURSOR=s=2\nMESSAGE=x\n\n",
        );
        assert_eq!(found[0].2, b"two\nlines.");
        assert_eq!(found[1].2, b"x");
    }

    #[test]
    fn a_verbose_record_ends_where_the_next_begins() {
        let found = collect(
            b"Sat 2026-11-21 19:42:01.749511 UTC [s=d432;i=1;b=7ff3;m=ba60b3;t=660c;x=ff59]\n    \
              MESSAGE=TRACE x\n    _SOURCE_MONOTONIC_TIMESTAMP=1500000\n\
              Sat 2026-11-21 19:42:01.766822 UTC [s=d432;i=2;b=7ff3;m=baa442;t=660c;x=8715]\n    \
              MESSAGE= <TASK>",
        );
        assert_eq!(
            found,
            [(2, Some(1_500_000), b"TRACE x".to_vec()), (5, None, b" <TASK>".to_vec())]
        );
    }

    #[test]
    fn other_lines_are_left_alone() {
        let mut collector = Collector::default();
        for line in [&b"TRACE x"[..], b"MESSAGE=TRACE x", b"    KEY=value", b""] {
            assert!(!collector.offer(LineNumber(1), line).taken);
        }
    }
}
