//! Lines to samples: what one turn of the loop printed.

use indexmap::IndexMap;

use super::date;
use super::meminfo::{self, Key, Memory};
use super::slabinfo::{self, Allocator};
use crate::capture::Line;
use crate::record::Record;
use crate::record::cursor::Cursor;
use crate::record::prefix::{Unwrapper, calendar};
use crate::time::Stamp;

/// Distinct caches are stored up to this many; a log that names more is garbage.
const CACHES_MAX: usize = 20_000;

/// A sample with fewer than half as many caches as most have is a part of one.
const WHOLE_SHARE: usize = 2;

/// One turn of the loop.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Sample {
    /// Seconds, if a date stood in front.
    pub(super) time: Option<f64>,
    pub(super) memory: Memory,
    /// Index of the cache, and its objects in use.
    pub(super) caches: Vec<(usize, u64)>,
}

impl Sample {
    fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.caches.is_empty()
    }
}

/// What does not change from sample to sample.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct CacheInfo {
    pub(super) object_size: u64,
    /// Bytes of memory that one takes up.
    pub(super) footprint: f64,
    /// The sample that named it last, from 1.
    last_sample: usize,
}

/// All that a log holds.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub(super) samples: Vec<Sample>,
    pub(super) caches: IndexMap<String, CacheInfo>,
    /// Dates behind which nothing came.
    pub(super) skipped: u64,
    /// Samples that break off.
    pub(super) partial: u64,
    /// Whether the SLAB allocator was at work: it cannot trace.
    pub(super) is_slab: bool,
    /// The kernel release, where the log tells it.
    pub(super) kernel: Option<String>,
}

/// Finds the samples of a log. A new one begins with a date, with a separator, and wherever a
/// value comes that the present one has already.
#[derive(Debug, Default)]
pub(super) struct Collector {
    collection: Collection,
    unwrapper: Unwrapper,
    present: Sample,
    /// Version of the slabinfo being read.
    version: Option<u64>,
    /// Whether rows were torn in the present sample.
    torn: u64,
}

impl Collector {
    /// Takes a line. Where it is none of ours, a recorder may have put a prefix in front.
    pub(super) fn line(&mut self, line: Line<'_>) {
        if self.take(line.bytes) {
            return;
        }
        let mut unwrapper = std::mem::take(&mut self.unwrapper);
        let mut is_known = false;
        unwrapper.records(line, |record| is_known |= self.record(&record));
        self.unwrapper = unwrapper;
        if !is_known && !line.bytes.trim_ascii().is_empty() {
            self.version = None;
            self.kernel(line.bytes);
        }
    }

    /// The recorder's time is the sample's, if no date of its own comes.
    fn record(&mut self, record: &Record<'_>) -> bool {
        let stamp = record.stamp.map(Stamp::seconds);
        let (stamp, is_known) = match by_ts(record.text) {
            _ if self.take(record.text) => (stamp, true),
            Some((seconds, text)) => (stamp.or(Some(seconds)), self.take(text)),
            None => (stamp, false),
        };
        if is_known && self.present.time.is_none() && !self.present.is_empty() {
            self.present.time = stamp;
        }
        is_known
    }

    /// Whether a line was understood.
    fn take(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        if let Some((key, bytes)) = meminfo::parse(line) {
            self.version = None;
            self.memory(key, bytes);
        } else if let Some(slab) = slabinfo::parse(line, self.version) {
            self.slab(slab);
        } else if line.starts_with(b"++++++") {
            self.end_sample();
        } else if let Some(time) = date::parse(line) {
            self.date(time);
        } else {
            return line.starts_with(b"# name ");
        }
        true
    }

    pub(super) fn finish(mut self) -> Collection {
        // A date at the very end is where the recording was stopped.
        if !self.present.is_empty() {
            self.end_sample();
        }
        let mut collection = self.collection;
        let mut counts: Vec<usize> =
            collection.samples.iter().map(|sample| sample.caches.len()).collect();
        counts.sort_unstable();
        let usual = counts.get(counts.len() / 2).copied().unwrap_or(0);
        let is_part = |sample: &&Sample| sample.caches.len() * WHOLE_SHARE < usual;
        collection.partial += collection.samples.iter().filter(is_part).count() as u64;
        collection
    }

    fn date(&mut self, time: f64) {
        if !self.present.is_empty() || self.present.time.is_some() {
            self.end_sample();
        }
        self.present.time = Some(time);
    }

    fn memory(&mut self, key: Key, bytes: u64) {
        if self.present.memory.get(key).is_some() {
            self.end_sample();
        }
        self.present.memory.set(key, bytes);
    }

    fn slab(&mut self, line: slabinfo::Line<'_>) {
        match line {
            slabinfo::Line::Version(version) => {
                if !self.present.caches.is_empty() {
                    self.end_sample();
                }
                self.version = Some(version);
            }
            slabinfo::Line::Torn => self.torn += 1,
            slabinfo::Line::Row(row) => self.row(row),
        }
    }

    fn row(&mut self, row: slabinfo::Row<'_>) {
        let name = String::from_utf8_lossy(row.name);
        let caches = &mut self.collection.caches;
        let at = match caches.get_index_of(name.as_ref()) {
            Some(at) => at,
            None if caches.len() < CACHES_MAX => {
                caches.insert_full(name.into_owned(), CacheInfo::default()).0
            }
            None => return,
        };
        // One table may name two caches alike; without its first line, it is the next table.
        let is_repeated = caches[at].last_sample == self.collection.samples.len() + 1;
        if is_repeated && self.version.is_some() {
            let known = self.present.caches.iter_mut().find(|(cache, _)| *cache == at);
            if let Some((_, active)) = known {
                *active = active.saturating_add(row.active);
            }
            return;
        }
        if is_repeated {
            self.end_sample();
        }
        let info = &mut self.collection.caches[at];
        info.object_size = row.size;
        info.footprint = row.footprint;
        info.last_sample = self.collection.samples.len() + 1;
        self.collection.is_slab |= row.allocator == Allocator::Slab;
        self.present.caches.push((at, row.active));
    }

    fn end_sample(&mut self) {
        let sample = std::mem::take(&mut self.present);
        self.version = None;
        let torn = std::mem::take(&mut self.torn);
        if !sample.is_empty() {
            self.collection.partial += u64::from(torn > 0);
            self.collection.samples.push(sample);
        } else if sample.time.is_some() {
            self.collection.skipped += 1;
        }
    }

    // Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 …
    // Linux board 6.1.0-50-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 x86_64 GNU/Linux
    /// Takes note of what `/proc/version` or `uname -a` says.
    fn kernel(&mut self, line: &[u8]) {
        let Some(rest) = line.strip_prefix(b"Linux ") else { return };
        let release = String::from_utf8_lossy(rest);
        let release = release.split(' ').nth(1).unwrap_or_default();
        if release.starts_with(|c: char| c.is_ascii_digit()) {
            self.collection.kernel.get_or_insert_with(|| release.to_owned());
        }
    }
}

// Nov 21 19:32:37 kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0
/// The seconds and the text of a line that went through `ts` of moreutils.
fn by_ts(text: &[u8]) -> Option<(f64, &[u8])> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::syslog(&mut cursor)?;
    cursor.eat(b" ")?;
    Some((micros as f64 / 1e6, cursor.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::LineNumber;

    fn collect(text: &str) -> Collection {
        let mut collector = Collector::default();
        for (line, number) in text.lines().zip(1..) {
            collector.line(Line { number: LineNumber(number), bytes: line.as_bytes() });
        }
        collector.finish()
    }

    const ROW: &str = "kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0\n";

    #[test]
    fn the_loop_of_the_guide_is_read_by_its_content() {
        let turn = |second: u32| {
            format!(
                "Sat Nov 21 19:32:{second} UTC 2026\nMemTotal: 9 kB\nSlab: 3 kB\n-----\nslabinfo - version: 2.1\n# name\n{ROW}-----\nPID USER\n 1 0 2 3 S init\n+++++++++++++\n"
            )
        };
        let found = collect(&format!("{}{}Sat Nov 21 19:33:00 UTC 2026\n", turn(10), turn(11)));
        assert_eq!((found.samples.len(), found.skipped, found.partial), (2, 0, 0));
        assert_eq!(found.samples[1].caches, [(0, 5)]);
        assert_eq!(found.samples[0].memory.get(Key::Slab), Some(3072));
    }

    #[test]
    fn neither_dates_nor_separators_are_needed() {
        assert_eq!(collect(&ROW.repeat(3)).samples.len(), 3);
        let header = format!("slabinfo - version: 2.1\n{ROW}");
        assert_eq!(collect(&header.repeat(3)).samples.len(), 3);
        assert_eq!(collect("MemFree: 3 kB\nMemFree: 4 kB\n").samples.len(), 2);
    }

    #[test]
    fn a_recorder_may_have_stamped_the_lines() {
        for (before, after) in
            [("[2026-11-21 19:32:", "] "), ("Nov 21 19:32:", " "), ("[   ", ".500000] ")]
        {
            let stamped = |second: u32| {
                let lines = format!("----------\nslabinfo - version: 2.1\n# name\n{ROW}");
                let line = |line: &str| format!("{before}{second}{after}{line}\n");
                lines.lines().map(line).collect::<String>()
            };
            let found = collect(&format!("{}{}", stamped(10), stamped(17)));
            let times: Vec<_> = found.samples.iter().filter_map(|sample| sample.time).collect();
            assert_eq!((times.len(), found.skipped, found.partial), (2, 0, 0), "{before}");
            assert!((times[1] - times[0] - 7.0).abs() < 1e-9, "{before}");
            assert!(found.caches.contains_key("kmalloc-64"), "{before}");
        }
    }

    #[test]
    fn two_caches_of_one_name_in_one_table_are_added_up() {
        let found = collect(&format!("slabinfo - version: 2.1\n{ROW}{ROW}"));
        assert_eq!(found.samples.len(), 1);
        assert_eq!(found.samples[0].caches, [(0, 10)]);
    }

    #[test]
    fn damage_costs_no_good_sample() {
        let found = collect(&format!(
            "Sat Nov 21 19:32:10 UTC 2026\nslabinfo - version: 2.1\n{ROW}Sat Nov 21 19:32:11 UTC 2026\ngarbage\nSat Nov 21 19:32:12 UTC 2026\nslabinfo - version: 2.1\n{ROW}kmalloc-128 3 4 12"
        ));
        assert_eq!((found.samples.len(), found.skipped, found.partial), (2, 1, 1));
    }
}
