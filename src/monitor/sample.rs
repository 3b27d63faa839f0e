//! What one turn of the loop printed, and all turns.

use indexmap::IndexMap;

use super::meminfo::Memory;
use super::uptime::Uptime;

/// A sample with fewer than half as many caches as most have is a part of one.
const WHOLE_SHARE: usize = 2;

/// One turn of the loop.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Sample {
    /// Seconds since 1970, or since some other moment that is the same for the log.
    pub(super) date: Option<f64>,
    pub(super) uptime: Option<Uptime>,
    pub(super) memory: Memory,
    pub(super) caches: Vec<Counted>,
    /// Bytes of all caches as the table itself sums them up.
    pub(super) slab_bytes: Option<u64>,
    /// Which input it ended in, from 0.
    pub(super) input: usize,
}

impl Sample {
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.caches.is_empty()
    }
}

/// A cache in one sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Counted {
    /// Its index.
    pub(super) cache: usize,
    /// Objects in use.
    pub(super) active: u64,
    /// Bytes of all its slabs.
    pub(super) bytes: u64,
}

/// What does not change from sample to sample.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct CacheInfo {
    pub(super) object_size: u64,
    /// Bytes of memory that one takes up.
    pub(super) footprint: f64,
    /// Objects in a slab; 0 where that is not known.
    pub(super) per_slab: u64,
    /// The sample that named it last, from 1.
    pub(super) last_sample: usize,
}

/// All that a log holds.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub(super) samples: Vec<Sample>,
    pub(super) caches: IndexMap<String, CacheInfo>,
    /// Dates behind which nothing came.
    pub(super) skipped: u64,
    /// Samples that break off or lack a part.
    pub(super) partial: u64,
    /// Lines of the tables that could not be read, and foreign ones between them.
    pub(super) damaged_lines: u64,
    /// Whether any date named its year: others tell differences alone.
    pub(super) is_dated: bool,
    /// Whether the SLAB allocator was at work: it cannot trace.
    pub(super) is_slab: bool,
    /// The kernel release, where the log tells it.
    pub(super) kernel: Option<String>,
}

impl Collection {
    /// Counts the samples that are parts of one.
    pub(super) fn count_parts(&mut self) {
        let mut counts: Vec<usize> =
            self.samples.iter().map(|sample| sample.caches.len()).collect();
        counts.sort_unstable();
        let usual = counts.get(counts.len() / 2).copied().unwrap_or(0);
        let with_memory = self.samples.iter().filter(|sample| !sample.memory.is_empty()).count();
        let has_memory = with_memory * WHOLE_SHARE > self.samples.len();
        let is_part = |sample: &&Sample| {
            sample.caches.len() * WHOLE_SHARE < usual || has_memory && sample.memory.is_empty()
        };
        self.partial += self.samples.iter().filter(is_part).count() as u64;
    }
}
