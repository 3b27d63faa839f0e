//! Witnesses in the log itself: kmemleak's reports, meminfo and the kernel's own accounts, printed
//! to the same console or pasted into the same file.

use crate::address::LineNumber;
use crate::event::{Depth, Recognition};
use crate::kernel_counts::{Accounts, Found};
use crate::kmemleak::{Kmemleak, KmemleakOptions, KmemleakReport};
use crate::monitor::MemoryKind;
use crate::record::Record;
use crate::record::cursor::Cursor;
use crate::report::crosscheck::{MemoryGrowth, Period};

/// Listens to the lines of a log that are no event's.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    kmemleak: Kmemleak,
    accounts: Accounts,
    /// The first and the last value of meminfo for unreclaimable, and for all slab memory.
    memory: [Option<(Reading, Reading)>; 2],
}

/// What was heard.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Overheard {
    pub(crate) kmemleak: Option<KmemleakReport>,
    pub(crate) found: Found,
    pub(crate) memory: Vec<MemoryGrowth>,
}

impl Default for Inside {
    fn default() -> Inside {
        Inside {
            kmemleak: Kmemleak::new(KmemleakOptions::default()),
            accounts: Accounts::default(),
            memory: [None; 2],
        }
    }
}

impl Inside {
    /// Takes a line. Nearly all mean something else, and change nothing.
    #[inline]
    pub(crate) fn line(&mut self, record: &Record<'_>, meaning: Recognition) {
        if meaning == Recognition::Unknown || self.is_listening() {
            self.listen(record, meaning);
        }
    }

    /// Whether lines that mean something else change anything.
    #[inline]
    pub(crate) fn is_listening(&self) -> bool {
        !self.accounts.is_idle() || self.kmemleak.is_open()
    }

    fn listen(&mut self, record: &Record<'_>, meaning: Recognition) {
        self.accounts.line(record, meaning);
        if meaning == Recognition::Unknown || self.kmemleak.is_open() {
            self.kmemleak.record(record);
        }
        if meaning == Recognition::Unknown && record.text.starts_with(b"S") {
            self.meminfo(record);
        }
    }

    /// Takes note that an event was read.
    pub(crate) fn see_event(&mut self) {
        self.accounts.see_event();
    }

    /// Whether the last lines were those of a list of the kernel's.
    pub(crate) fn is_in_list(&self) -> bool {
        self.accounts.is_in_list()
    }

    /// Ends an input.
    pub(crate) fn end_input(&mut self, path: &str) {
        self.accounts.end_input(path);
        self.kmemleak.end_scan();
    }

    pub(crate) fn finish(mut self, depth: Depth) -> Overheard {
        self.kmemleak.end_scan();
        let kmemleak = self.kmemleak.finish();
        Overheard {
            kmemleak: Some(kmemleak).filter(|report| report.seen_objects > 0),
            found: self.accounts.finish(depth),
            memory: growth(self.memory),
        }
    }

    // SUnreclaim:        20000 kB                      2.6.16 on
    // Slab:              35412 kB
    /// Remembers the first and the last value of slab memory that stays.
    fn meminfo(&mut self, record: &Record<'_>) {
        let read = [(MemoryKind::Unreclaimable, &b"SUnreclaim:"[..]), (MemoryKind::Slab, b"Slab:")];
        for (at, (_, name)) in read.iter().enumerate() {
            if let Some(bytes) = value(record.text, name) {
                let reading = Reading { line: record.line, bytes };
                let (_, last) = self.memory[at].get_or_insert((reading, reading));
                *last = reading;
            }
        }
    }
}

/// A value of meminfo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reading {
    line: LineNumber,
    bytes: u64,
}

fn value(text: &[u8], name: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(text);
    cursor.eat(name)?;
    cursor.eat_blanks();
    let kilobytes = cursor.decimal()?;
    cursor.eat(b" kB")?;
    Some(kilobytes.saturating_mul(1024))
}

/// The growth of the part that stays, or of all slab memory where the kernel does not tell.
fn growth(memory: [Option<(Reading, Reading)>; 2]) -> Vec<MemoryGrowth> {
    let kinds = [MemoryKind::Unreclaimable, MemoryKind::Slab];
    let found = kinds.into_iter().zip(memory).find_map(|(kind, ends)| {
        let (first, last) = ends.filter(|(first, last)| first.line < last.line)?;
        Some(MemoryGrowth {
            name: kind.name(),
            period: Period::Lines { first: first.line, last: last.line },
            first: first.bytes,
            last: last.bytes,
        })
    });
    found.into_iter().collect()
}
