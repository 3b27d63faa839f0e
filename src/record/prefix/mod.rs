//! Recorders' prefixes, found by looking at the line: one file per family of renderings.
//!
//! Four layers, from the outside in: the journal's records of several lines (`journal`,
//! `json`) and the rows of a table (`csv`), what mail and terminals do to lines (`quoted`, `wrap` with `extent`, `clean`), the prefixes
//! of one line (`strip`), and a prefix nobody knows (`learned`). A new prefix is a new
//! function with its example lines, and a line in `strip.rs`.
//!
//! Most lines begin like the one before: `fronts` learns how from lines that came through those
//! layers, and reads the others at a glance.

mod android;
pub(crate) mod calendar;
mod clean;
mod container;
mod csv;
mod dmesg;
mod entry;
mod extent;
pub(crate) mod fronts;
mod host;
mod journal;
mod json;
mod kmsg;
mod learned;
mod mail;
mod outer;
pub(crate) mod printk;
mod quoted;
mod repeat;
mod serial;
mod strip;
pub(crate) mod wrap;

use super::{Caller, Record, TraceHeader};
use crate::address::LineNumber;
use crate::capture::Line;
use crate::time::Stamp;

pub(crate) use clean::is_dirty;
use entry::Entry;
pub(crate) use extent::may_go_on;
use quoted::Decoded;

/// Takes the records of a line, in order.
type Each<'e> = dyn FnMut(Record<'_>) + 'e;

/// What a line's prefixes said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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

/// What an empty line is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Spacing {
    /// A record without text.
    #[default]
    Record,
    /// What parts two objects of JSON.
    Between,
}

/// Finds the records in lines that are more than a printk time and a text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unwrapper {
    journal: journal::Collector,
    document: json::Document,
    table: csv::Table,
    quoted: quoted::Printable,
    fragments: kmsg::Fragments,
    wrap: wrap::Joiner,
    stripper: strip::Stripper,
    spacing: Spacing,
    /// The journal's name of the present boot.
    boot_id: Vec<u8>,
    cleaned: Vec<u8>,
}

impl Unwrapper {
    /// An unwrapper at the start of a log.
    pub fn new() -> Unwrapper {
        Unwrapper::default()
    }

    /// An unwrapper of a text that people have pasted: its lines may be broken anywhere.
    pub fn of_pasted() -> Unwrapper {
        Unwrapper { wrap: wrap::Joiner::of_pasted(), ..Unwrapper::default() }
    }

    /// Whether a line that is a printk time and a text needs no unwrapping. It does while a
    /// line before it waits for its end.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        !self.wrap.is_active()
            && !self.quoted.is_active()
            && !self.journal.is_active()
            && !self.fragments.is_active()
            && !self.document.is_active()
            && !self.table.is_active()
    }

    /// Whether the lines of this log begin with nothing but known prefixes, and nothing came before
    /// that changes what the next line is.
    pub(crate) fn is_usual(&self) -> bool {
        self.is_idle() && self.spacing == Spacing::Record && !self.stripper.has_shape()
    }

    /// The time of the last record that a recorder dated.
    pub(crate) fn last_recorded(&self) -> Option<Stamp> {
        self.stripper.last()
    }

    // Nov 21 19:42:02 host kernel: [    5.1] TRACE …
    // __REALTIME_TIMESTAMP=1795289557000000
    /// When a recorder says that a line was written, also where the kernel says it too.
    pub(crate) fn date(&self, line: Line<'_>) -> Option<Stamp> {
        let text = trim_returns(line.bytes);
        if let Some(entry) = json::object(line.number, text) {
            return entry.prefix.wall;
        }
        if text.starts_with(b"__REALTIME_TIMESTAMP=") {
            let (key, value) = text.split_at(text.iter().position(|&byte| byte == b'=')?);
            let mut entry = Entry::default();
            entry.set(line.number, key, &value[1..]);
            return entry.prefix.wall;
        }
        self.stripper.strip(text, Prefix::default()).prefix.wall
    }

    /// A record was read elsewhere that a recorder dated; and its text, if the kernel did not date
    /// it too.
    pub(crate) fn see_recorded(&mut self, stamp: Option<Stamp>, text: Option<&[u8]>) {
        self.stripper.see_recorded(stamp, text);
    }

    /// Whether no record waits for its end: what is left is what was learned of the log.
    pub(crate) fn is_empty(&self) -> bool {
        self.journal.is_empty()
            && self.document.is_empty()
            && self.quoted.is_empty()
            && !self.fragments.is_active()
            && self.wrap.is_empty()
    }

    /// Hands every record of the line to `each`, in order. A line that is a part of a record may
    /// yield none, or the records before it.
    pub fn records(&mut self, line: Line<'_>, mut each: impl FnMut(Record<'_>)) {
        self.raw(line.number, line.bytes, &mut each);
    }

    /// Ends an input: hands over a line that may be whole. A log goes on in the next one, be it in
    /// the midst of a record, but lists do not.
    pub(crate) fn end_input(&mut self, mut each: impl FnMut(Record<'_>)) {
        if let Some(row) = self.wrap.take_whole(&self.stripper) {
            self.plain(row.number, &row.bytes, Prefix::default(), &mut each);
        }
    }

    /// Ends the log: hands over what was waiting for more lines.
    pub fn finish(&mut self, mut each: impl FnMut(Record<'_>)) {
        if let Some(entry) = self.journal.finish() {
            self.entry(&entry, &mut each);
        }
        if let Some(entry) = self.document.finish() {
            self.entry(&entry, &mut each);
        }
        if let Some((number, text)) = self.quoted.finish() {
            self.dirty(number, &text, &mut each);
        }
        if let Some((number, text)) = self.fragments.finish() {
            self.plain(number, &text, Prefix::default(), &mut each);
        }
        if let Some(row) = self.wrap.take() {
            self.plain(row.number, &row.bytes, Prefix::default(), &mut each);
        }
    }

    /// Records of the journal hold bytes as they are, and are looked for first.
    fn raw(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        let offer = self.journal.offer(number, bytes);
        if let Some(entry) = offer.entry {
            self.entry(&entry, each);
        }
        if !offer.taken {
            self.quoted(number, trim_returns(bytes), each);
        }
    }

    fn quoted(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        match self.quoted.line(number, bytes) {
            Decoded::Plain => self.dirty(number, bytes, each),
            Decoded::Held => {}
            Decoded::Line(number, text) => self.dirty(number, &text, each),
        }
    }

    fn dirty(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        if !clean::is_dirty(bytes) {
            return self.line(number, bytes, each);
        }
        let mut cleaned = std::mem::take(&mut self.cleaned);
        clean::clean(bytes, &mut cleaned);
        for piece in trim_returns(&cleaned).split(|&byte| byte == b'\r') {
            self.line(number, piece, each);
        }
        cleaned.clear();
        self.cleaned = cleaned;
    }

    fn line(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        if let Some(entry) = json::object(number, bytes) {
            self.spacing = Spacing::Between;
            return self.entry(&entry, each);
        }
        let spacing = std::mem::take(&mut self.spacing);
        if bytes.is_empty() && spacing == Spacing::Between {
            return;
        }
        let offer = self.document.offer(number, bytes);
        if let Some(entry) = offer.entry {
            self.entry(&entry, each);
        }
        if !offer.taken {
            self.table_row(number, bytes, each);
        }
    }

    fn table_row(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        let Unwrapper { table, stripper, .. } = self;
        let is_of_the_kernel = |field: &[u8]| {
            let stripped = stripper.strip(field, Prefix::default());
            stripped.prefix.boot.is_some() || TraceHeader::parse(stripped.text).is_some()
        };
        match table.text(bytes, is_of_the_kernel) {
            Some(text) => self.plain(number, &text, Prefix::default(), each),
            None => self.fragment(number, bytes, each),
        }
    }

    fn fragment(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        if !self.fragments.is_active() && !kmsg::is_fragment(bytes) {
            return self.row(number, bytes, each);
        }
        let offer = self.fragments.offer(number, bytes);
        if let Some((number, text)) = offer.record {
            self.row(number, &text, each);
        }
        if !offer.taken {
            self.row(number, bytes, each);
        }
    }

    /// A row of a terminal, or the line that it is where nothing wrapped it.
    fn row(&mut self, number: LineNumber, bytes: &[u8], each: &mut Each<'_>) {
        let held = self.wrap.take();
        let joined = held.as_ref().and_then(|held| self.wrap.join(held, bytes, &self.stripper));
        let mut row = number;
        if let Some(held) = held {
            if joined.is_some() {
                row = held.number;
            } else {
                self.plain(held.number, &held.bytes, Prefix::default(), each);
            }
        }
        let line = joined.as_deref().unwrap_or(bytes);
        let stripped = self.stripper.strip(line, Prefix::default());
        match self.wrap.judge(line, bytes.len(), stripped.text) {
            // A line is decoded once: what looks encoded then was so before it was mailed.
            wrap::Judgement::Quoted if !self.quoted.is_active() => {
                self.quoted.begin();
                self.quoted(row, line, each);
            }
            wrap::Judgement::Whole | wrap::Judgement::Quoted => {
                self.stripper.segments(row, stripped, Prefix::default(), each);
            }
            wrap::Judgement::Cut => self.wrap.hold(row, line),
        }
    }

    /// A line without anything around it.
    fn plain(&mut self, number: LineNumber, line: &[u8], outer: Prefix, each: &mut Each<'_>) {
        let stripped = self.stripper.strip(line, outer);
        self.stripper.segments(number, stripped, outer, each);
    }

    /// A record that came as named fields.
    fn entry(&mut self, entry: &Entry, each: &mut Each<'_>) {
        if !entry.is_of_the_kernel() {
            return;
        }
        self.boot_of(entry, each);
        let message = entry.message.strip_suffix(b"\n").unwrap_or(&entry.message);
        for text in message.split(|&byte| byte == b'\n') {
            let mut cleaned = Vec::new();
            let text = if clean::is_dirty(text) {
                clean::clean(text, &mut cleaned);
                trim_returns(&cleaned)
            } else {
                text
            };
            self.plain(entry.line, text, entry.prefix, each);
        }
    }

    /// The journal has no separator between boots where each record names its boot.
    fn boot_of(&mut self, entry: &Entry, each: &mut Each<'_>) {
        if entry.boot_id.is_empty() || entry.boot_id == self.boot_id {
            return;
        }
        if !self.boot_id.is_empty() {
            let mut text = b"-- Boot ".to_vec();
            text.extend_from_slice(&entry.boot_id);
            text.extend_from_slice(b" --");
            each(Record { line: entry.line, stamp: None, caller: None, text: &text });
        }
        self.boot_id.clone_from(&entry.boot_id);
    }
}

/// A line as a collector of records sees it.
struct Offer {
    /// The record that the line ended.
    entry: Option<Entry>,
    /// Whether the line was a part of a record.
    taken: bool,
}

impl Offer {
    /// The line is no part of a record.
    const FOREIGN: Offer = Offer { entry: None, taken: false };
    /// The line is a part of a record that goes on.
    const TAKEN: Offer = Offer { entry: None, taken: true };
}

/// Trims the carriage returns that serial lines end in: CRLF, CRCRLF.
#[inline]
pub(crate) fn trim_returns(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line, time and text of every record.
    fn all(lines: &[&[u8]]) -> Vec<(u64, Option<i64>, String)> {
        let mut found = Vec::new();
        let mut each = |record: Record<'_>| {
            let text = String::from_utf8_lossy(record.text).into_owned();
            found.push((record.line.0, record.stamp.map(|stamp| stamp.micros), text));
        };
        let mut unwrapper = Unwrapper::new();
        for (bytes, number) in lines.iter().zip(1..) {
            unwrapper.records(Line { number: LineNumber(number), bytes }, &mut each);
        }
        unwrapper.finish(&mut each);
        found
    }

    fn texts(lines: &[&[u8]]) -> Vec<String> {
        all(lines).into_iter().map(|(_, _, text)| text).collect()
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
            br#"{"log":"[    1.500000] TRACE x\r\n","stream":"stdout"}"#,
            b"15:04:11  [    1.500000] TRACE x",
            b"[2024-01-26 15:04:11] <6>[    1.500000] TRACE x",
            b"[12.345678 0.000123] [    1.500000] TRACE x",
            b"Jan 26 15:04:11 [    1.500000] TRACE x",
            b"2024-01-26T15:04:11.493181123Z stderr F [    1.500000] TRACE x",
            b"01-26 15:04:11.493     0     0 I         : [    1.500000] TRACE x",
            b"[    1.500000] [3:           Xorg:  723] TRACE x",
            b"[    1.500000]<3> (CPU:3-PID:723:Xorg) TRACE x",
            b"<30>1 2024-01-26T15:04:11Z host kernel - - - [    1.500000] TRACE x",
            b"    [    1.500000] TRACE x",
            b"\t<6>[    1.500000] TRACE x",
            b"> > [    1.500000] TRACE x",
            b">> > [    1.500000] TRACE x",
            b"1673 [    1.500000] TRACE x",
            b"  3106\t[    1.500000] TRACE x",
            b"kern.log:12:[    1.500000] TRACE x",
            b"/ # [    1.500000] TRACE x",
            b"1.500000] TRACE x              ",
        ] {
            assert_eq!(
                all(&[line]),
                [(1, Some(1_500_000), "TRACE x".to_owned())],
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn a_users_unfinished_line_is_parted_from_the_record() {
        let found = all(&[b"app[9[    8.159550] TRACE kmalloc-64 alloc"]);
        assert_eq!(
            found,
            [
                (1, None, "app[9".to_owned()),
                (1, Some(8_159_550), "TRACE kmalloc-64 alloc".to_owned())
            ]
        );
    }

    #[test]
    fn lost_newlines_do_not_lose_records() {
        assert_eq!(
            texts(&[b"[    1.000000] a[    2.000000] b[    3.000000]  c"]),
            ["a", "b", " c"]
        );
    }

    #[test]
    fn the_kernel_s_note_of_a_loss_is_a_record_of_its_own() {
        for line in [
            &b"** 12 printk messages dropped ** [   14.883015]  a+0x1/0x2"[..],
            b"** 12 printk messages dropped **  a+0x1/0x2",
        ] {
            assert_eq!(texts(&[line]), ["** 12 printk messages dropped ** ", " a+0x1/0x2"]);
        }
    }

    #[test]
    fn repeated_messages_are_written_out() {
        let found = texts(&[
            b"Feb 14 10:00:00 host kernel:  a+0x1/0x2",
            b"Feb 14 10:00:00 host last message repeated 2 times",
            b"Feb 14 10:00:00 host kernel: message repeated 2 times: [  b+0x1/0x2 [leaky]]",
        ]);
        assert_eq!(found[..3], [" a+0x1/0x2"; 3]);
        assert_eq!(found[3..], [" b+0x1/0x2 [leaky]"; 2]);
    }

    #[test]
    fn repetitions_beyond_belief_are_counted_as_a_loss_where_they_matter() {
        let found =
            texts(&[b"Feb 14 10:00:00 host kernel: message repeated 5000 times: [ a+0x1/0x2]"]);
        assert_eq!(found.len(), 1025);
        assert_eq!(found[1024], "** 3976 printk messages dropped **");
        let found =
            texts(&[b"Feb 14 10:00:00 host kernel: message repeated 100 times: [ a+0x1/0x2]"]);
        assert_eq!(found, ["a+0x1/0x2"; 100]);
        let found =
            texts(&[b"Feb 14 10:00:00 host kernel: message repeated 5000 times: [ link is up]"]);
        assert_eq!(found, ["link is up"; 1024]);
    }

    #[test]
    fn a_header_teaches_the_prefix_of_the_lines_behind_it() {
        let found = texts(&[
            b"    TRACE a alloc 0xc294ff00 inuse=30 fp=0xc294ff00",
            b"    Call Trace:",
            b"     a+0x1/0x2",
            b"",
            b"TRACE a alloc 0xc294ff00 inuse=30 fp=0xc294ff00",
            b"     a+0x1/0x2",
        ]);
        assert_eq!(found[1..4], ["Call Trace:", " a+0x1/0x2", ""]);
        assert_eq!(found[5], "     a+0x1/0x2", "a header without a prefix ends it");
    }

    #[test]
    fn a_mailed_log_is_told_by_its_header() {
        let found = all(&[
            b"> TRACE a alloc 0xc294ff00 inuse=3D30 fp=3D0xc294f=",
            b"f00",
            b">=A0Call Trace:=20",
        ]);
        assert_eq!(found[0].2, "TRACE a alloc 0xc294ff00 inuse=30 fp=0xc294ff00");
        assert_eq!((found[1].0, found[1].2.as_str()), (3, "Call Trace: "));
    }

    #[test]
    fn a_new_boot_of_the_journal_is_separated() {
        let entry = |boot: &str| format!(r#"{{"_BOOT_ID":"{boot}","MESSAGE":"x"}}"#).into_bytes();
        let (first, second) = (entry("7ff3"), entry("8aa0"));
        assert_eq!(texts(&[&first, &first, &second]), ["x", "x", "-- Boot 8aa0 --", "x"]);
    }

    #[test]
    fn an_unfinished_document_keeps_lines_off_the_short_way() {
        let mut unwrapper = Unwrapper::new();
        let mut found = Vec::new();
        for (bytes, number) in [&b"{"[..], br#""msg": "first""#].into_iter().zip(1..) {
            unwrapper.records(Line { number: LineNumber(number), bytes }, |_| {});
        }
        assert!(!unwrapper.is_idle());
        let next = Line { number: LineNumber(3), bytes: b"[    1.000000] second" };
        unwrapper.records(next, |record| found.push(record.text.to_vec()));
        assert_eq!(found, [b"first".to_vec(), b"second".to_vec()]);
        assert!(unwrapper.is_idle());
    }

    #[test]
    fn fragments_of_a_packet_are_one_record() {
        let found = all(&[
            b"6,416,1500000,-,ncfrag=0/9;TRACE",
            b"6,416,1500000,-,ncfrag=5/9; x y",
            b"6,417,1600000,-;z",
        ]);
        assert_eq!(found[0], (1, Some(1_500_000), "TRACE x y".to_owned()));
        assert_eq!(found[1], (3, Some(1_600_000), "z".to_owned()));
    }

    #[test]
    fn a_dictionary_is_no_record() {
        assert_eq!(texts(&[b"6,1,0,-;x", b" SUBSYSTEM=acpi", b" DEVICE=+acpi:PNP0A03:00"]), ["x"]);
    }
}
