//! Lines to samples: what one turn of the loop printed.

use indexmap::IndexMap;

use super::date;
use super::meminfo::{self, Key, Memory};
use super::slabinfo::{self, Allocator, Line};

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
    present: Sample,
    /// Version of the slabinfo being read.
    version: Option<u64>,
    /// Whether rows were torn in the present sample.
    torn: u64,
}

impl Collector {
    pub(super) fn line(&mut self, line: &[u8]) {
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
        } else if !line.is_empty() && !line.starts_with(b"#") {
            self.version = None;
            self.kernel(line);
        }
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

    fn slab(&mut self, line: Line<'_>) {
        match line {
            Line::Version(version) => {
                if !self.present.caches.is_empty() {
                    self.end_sample();
                }
                self.version = Some(version);
            }
            Line::Torn => self.torn += 1,
            Line::Row(row) => self.row(row),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(text: &str) -> Collection {
        let mut collector = Collector::default();
        text.lines().for_each(|line| collector.line(line.as_bytes()));
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
