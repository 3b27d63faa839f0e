//! Lines to samples.

use super::calendar::{self, Calendar};
use super::date::{self, Moment};
use super::logger;
use super::meminfo::{self, Key};
use super::sample::{CacheInfo, Collection, Counted, Sample};
use super::screen;
use super::slabinfo::{self, Allocator, Table};
use super::uptime::{self, Uptime};
use crate::capture::Line;
use crate::record::Record;
use crate::record::prefix::Unwrapper;
use crate::time::Clock;

/// Distinct caches are stored up to this many; a log that names more is garbage.
const CACHES_MAX: usize = 20_000;

/// Finds the samples of a log. A new one begins with a date, with a separator, and wherever a
/// value comes that the present one has already.
#[derive(Debug, Default)]
pub(super) struct Collector {
    collection: Collection,
    unwrapper: Unwrapper,
    calendar: Calendar,
    present: Sample,
    /// Inputs that have ended.
    inputs: usize,
    /// Whether a recorder puts its time in front of each line.
    is_stamped: bool,
    /// The table being read.
    table: Option<Table>,
    /// Torn rows of the present sample.
    torn: u64,
    /// Lines since the last one of a table that were not understood. They count as damage if
    /// the table goes on behind them.
    foreign: u64,
}

/// When a recorder says that it got a line.
#[derive(Clone, Copy, Default)]
struct Received {
    moment: Option<Moment>,
    uptime: Option<Uptime>,
}

impl Collector {
    /// Takes a line. Where it is none of ours, a recorder may have put a prefix in front.
    pub(super) fn line(&mut self, line: Line<'_>) {
        if line.bytes.contains(&screen::ESCAPE) {
            for bytes in screen::lines(line.bytes) {
                self.plain_line(Line { bytes: &bytes, ..line });
            }
        } else {
            self.plain_line(line);
        }
    }

    fn plain_line(&mut self, line: Line<'_>) {
        // A date alone is an empty line, where each has a date in front.
        if self.is_stamped && date::parse(line.bytes.trim_ascii_end()).is_some() {
            return;
        }
        if self.take(line.bytes) {
            self.is_stamped = false;
            return;
        }
        let mut unwrapper = std::mem::take(&mut self.unwrapper);
        let mut is_known = false;
        unwrapper.records(line, |record| is_known |= self.record(&record));
        self.unwrapper = unwrapper;
        if !is_known && !line.bytes.trim_ascii().is_empty() && !self.kernel(line.bytes) {
            self.foreign += 1;
            // The rows of these two need no first line in front, and what is torn of them looks
            // like many a line of `ps`.
            self.table =
                self.table.filter(|table| !matches!(table, Table::Second | Table::Slabtop));
        }
    }

    /// Takes note that an input has ended. The sample may go on in the next one, unless it is
    /// the only one of a file that is named after its date.
    pub(super) fn end_input(&mut self, path: &str) {
        let samples = self.collection.samples.iter().rev();
        let ended = samples.take_while(|sample| sample.input == self.inputs).count();
        if let Some(moment) = date::of_name(path).filter(|_| ended <= 1) {
            self.name_date(ended, moment);
        }
        self.inputs += 1;
    }

    /// Gives the date of a file's name to its only sample, if that has no time of its own.
    fn name_date(&mut self, ended: usize, moment: Moment) {
        let only = match self.collection.samples.last_mut() {
            _ if ended == 0 && !self.present.is_empty() => &mut self.present,
            Some(sample) if ended == 1 && self.present.is_empty() => sample,
            _ => return,
        };
        if only.date.is_some() || only.uptime.is_some() {
            return;
        }
        only.date = Some(self.calendar.seconds(moment));
        self.collection.is_dated = true;
        if ended == 0 {
            self.end_sample();
        }
    }

    pub(super) fn finish(mut self) -> Collection {
        // What a recorder's format held back.
        let mut unwrapper = std::mem::take(&mut self.unwrapper);
        unwrapper.finish(|record| {
            self.record(&record);
        });
        // A date at the very end is where the recording was stopped.
        if !self.present.is_empty() {
            self.end_sample();
        }
        self.collection.count_parts();
        self.collection
    }

    /// The recorder's time is the sample's, if no date of its own comes.
    fn record(&mut self, record: &Record<'_>) -> bool {
        let stamp = record.stamp;
        let mut received = Received {
            moment: stamp.and_then(calendar::moment),
            uptime: stamp
                .filter(|stamp| stamp.clock == Clock::Boot)
                .map(|stamp| Uptime::exact(stamp.seconds())),
        };
        let is_known = self.take(record.text) || self.logged(record.text, &mut received);
        self.is_stamped |= is_known && (received.moment.is_some() || received.uptime.is_some());
        if is_known && !self.present.is_empty() {
            self.receive(received);
        }
        is_known
    }

    /// Whether a line is understood without what a logger put in front.
    fn logged(&mut self, text: &[u8], received: &mut Received) -> bool {
        let bare = [logger::unquoted(text), logger::tagged(text)];
        if bare.into_iter().flatten().any(|text| self.take(text)) {
            return true;
        }
        logger::dated(text).any(|(moment, text)| {
            let is_known =
                self.take(text) || logger::tagged(text).is_some_and(|text| self.take(text));
            if is_known {
                received.moment = received.moment.or(Some(moment));
            }
            is_known
        })
    }

    fn receive(&mut self, received: Received) {
        if self.present.uptime.is_none() {
            self.present.uptime = received.uptime;
        }
        if let (None, Some(moment)) = (self.present.date, received.moment) {
            self.set_date(moment);
        }
    }

    fn set_date(&mut self, moment: Moment) {
        self.collection.is_dated |= matches!(moment, Moment::Date(_));
        self.present.date = Some(self.calendar.seconds(moment));
    }

    /// Whether a line was understood.
    fn take(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        if let Some(line) = meminfo::parse(line) {
            self.memory(line);
        } else if let Some(slab) = slabinfo::parse(line, self.table) {
            self.slab(slab);
        } else if line.starts_with(b"++++++") {
            self.end_sample();
        } else if is_separator(line) {
            self.end_table();
        } else if let Some((uptime, moment)) = uptime::parse(line) {
            self.uptime(uptime, moment);
        } else if let Some(moment) = date::parse(line).or_else(|| logger::watched(line)) {
            self.date(moment);
        } else {
            return false;
        }
        true
    }

    fn date(&mut self, moment: Moment) {
        if !self.present.is_empty() || self.present.date.is_some() {
            self.end_sample();
        }
        self.end_table();
        self.set_date(moment);
    }

    fn uptime(&mut self, uptime: Uptime, of_day: Option<f64>) {
        if self.present.uptime.is_some() {
            self.end_sample();
        }
        self.end_table();
        self.present.uptime = Some(uptime);
        self.receive(Received { moment: of_day.map(Moment::OfDay), uptime: None });
    }

    fn memory(&mut self, line: meminfo::Line) {
        self.table = None;
        match line {
            meminfo::Line::Value(key, bytes) => {
                if self.present.memory.get(key).is_some() {
                    self.end_sample();
                }
                // The first line of meminfo: what stood before it is no part of it.
                if key == Key::MemTotal {
                    self.foreign = 0;
                }
                self.present.memory.set(key, bytes);
            }
            meminfo::Line::Other => {}
            meminfo::Line::Torn => self.torn += 1,
        }
        self.goes_on();
    }

    fn slab(&mut self, line: slabinfo::Line<'_>) {
        match line {
            slabinfo::Line::Start(table) => self.start(table),
            slabinfo::Line::Heading => {}
            slabinfo::Line::Sum(bytes) => self.present.slab_bytes = Some(bytes),
            slabinfo::Line::Torn => self.torn += 1,
            slabinfo::Line::Row(row) => self.row(row),
        }
        self.goes_on();
    }

    /// A new table is a new sample, but for `vmstat`, which names its columns again and again.
    fn start(&mut self, table: Table) {
        if !self.present.caches.is_empty() && self.table != Some(Table::Vmstat) {
            self.end_sample();
        }
        self.end_table();
        self.table = Some(table);
    }

    fn row(&mut self, row: slabinfo::Row<'_>) {
        let name = String::from_utf8_lossy(row.name);
        let caches = &mut self.collection.caches;
        let at = match caches.get_index_of(name.as_ref()) {
            Some(at) => at,
            None if caches.len() < CACHES_MAX => {
                caches.insert_full(name.into_owned(), CacheInfo::default()).0
            }
            None => {
                self.torn += 1;
                return;
            }
        };
        // One table may name two caches alike; without its first line, it is the next table.
        let is_repeated = caches[at].last_sample == self.collection.samples.len() + 1;
        if is_repeated && matches!(self.table, Some(Table::First | Table::Second)) {
            let known = self.present.caches.iter_mut().find(|counted| counted.cache == at);
            if let Some(counted) = known {
                counted.active = counted.active.saturating_add(row.active);
                counted.bytes = counted.bytes.saturating_add(row.bytes);
            }
            return;
        }
        if is_repeated {
            let table = self.table;
            self.end_sample();
            self.table = table;
        }
        let info = &mut self.collection.caches[at];
        info.object_size = row.size;
        info.footprint = row.footprint;
        info.per_slab = row.per_slab;
        info.last_sample = self.collection.samples.len() + 1;
        self.collection.is_slab |= row.allocator == Allocator::Slab;
        self.present.caches.push(Counted { cache: at, active: row.active, bytes: row.bytes });
    }

    /// A table's line has come: foreign lines before it stood in the middle of the table.
    fn goes_on(&mut self) {
        self.torn += std::mem::take(&mut self.foreign);
    }

    fn end_table(&mut self) {
        self.table = None;
        self.foreign = 0;
    }

    fn end_sample(&mut self) {
        let mut sample = std::mem::take(&mut self.present);
        self.end_table();
        let torn = std::mem::take(&mut self.torn);
        self.collection.damaged_lines += torn;
        if !sample.is_empty() {
            sample.input = self.inputs;
            self.collection.partial += u64::from(torn > 0);
            self.collection.samples.push(sample);
        } else if sample.date.is_some() {
            self.collection.skipped += 1;
        }
    }

    // Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 …
    // Linux board 6.1.0-50-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 x86_64 GNU/Linux
    /// Takes note of what `/proc/version` or `uname -a` says.
    fn kernel(&mut self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"Linux ") else { return false };
        let release = String::from_utf8_lossy(rest);
        let release = release.split(' ').nth(1).unwrap_or_default();
        let is_release = release.starts_with(|c: char| c.is_ascii_digit());
        if is_release {
            self.collection.kernel.get_or_insert_with(|| release.to_owned());
        }
        is_release
    }
}

// ----------------------
// ======================
/// Whether a line is there to be seen, and says nothing.
fn is_separator(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let is_mark = matches!(line.first(), Some(b'-' | b'=' | b'*' | b'#' | b'_' | b'~'));
    is_mark && line.len() >= 3 && line.iter().all(|byte| *byte == line[0])
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
        assert_eq!(found.samples[1].caches, [Counted { cache: 0, active: 5, bytes: 4096 }]);
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
            let time = |sample: &Sample| sample.date.or(sample.uptime.and_then(Uptime::clock));
            let times: Vec<_> = found.samples.iter().filter_map(time).collect();
            assert_eq!((times.len(), found.skipped, found.partial), (2, 0, 0), "{before}");
            assert!((times[1] - times[0] - 7.0).abs() < 1e-9, "{before}");
            assert!(found.caches.contains_key("kmalloc-64"), "{before}");
        }
    }

    #[test]
    fn two_caches_of_one_name_in_one_table_are_added_up() {
        let found = collect(&format!("slabinfo - version: 2.1\n{ROW}{ROW}"));
        assert_eq!(found.samples.len(), 1);
        assert_eq!(found.samples[0].caches[0].active, 10);
    }

    #[test]
    fn damage_costs_no_good_sample() {
        let found = collect(&format!(
            "Sat Nov 21 19:32:10 UTC 2026\nslabinfo - version: 2.1\n{ROW}Sat Nov 21 19:32:11 UTC 2026\ngarbage\nSat Nov 21 19:32:12 UTC 2026\nslabinfo - version: 2.1\n{ROW}kmalloc-128 3 4 12"
        ));
        assert_eq!((found.samples.len(), found.skipped, found.partial), (2, 1, 1));
        assert_eq!(found.damaged_lines, 1);
    }

    #[test]
    fn foreign_lines_inside_a_table_are_counted_and_others_are_not() {
        let ps = "PID USER COMMAND\n1 root init\nroot 7 0.0 0.1 sh\n";
        let turn = format!("MemTotal: 9 kB\nSlab: 3 kB\nslabinfo - version: 2.1\n{ROW}{ps}");
        assert_eq!(collect(&turn.repeat(3)).damaged_lines, 0);
        let noisy = "slabinfo - version: 1.1\nkmem_cache 78 78 100 2 2 1\nusb 1-1: new\nsize-32 5 9 32 1 1 1\n";
        let found = collect(&noisy.repeat(3));
        assert_eq!((found.samples.len(), found.damaged_lines, found.caches.len()), (3, 3, 2));
    }

    #[test]
    fn a_machine_s_uptime_is_read_before_and_behind_the_tables() {
        for turn in [format!("{}.50 9.00\n{ROW}", 7), format!("{ROW}{}.50 9.00\n", 7)] {
            let text = format!("{turn}{}", turn.replace("7.50", "17.50"));
            let found = collect(&text);
            let clocks: Vec<_> =
                found.samples.iter().map(|sample| sample.uptime.and_then(Uptime::clock)).collect();
            assert_eq!(clocks, [Some(7.5), Some(17.5)], "{turn}");
        }
    }
}
