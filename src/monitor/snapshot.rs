//! What a log of few samples tells: what holds most, and what has become more.

use super::balance::uses;
use super::judge::is_reclaimable;
use super::meminfo::Key;
use super::report::MemoryKind;
use super::sample::{Collection, Sample};
use super::series::Stretch;

/// What memory is held by where growth cannot be told from chance.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// Caches, those with most bytes first.
    pub caches: Vec<CacheHolding>,
    /// Uses of memory, those with most bytes first.
    pub memory: Vec<MemoryHolding>,
    /// All bytes of slabs, which the shares of caches are of.
    pub slab_bytes: u64,
    /// Who says so.
    pub slab_source: SlabSource,
    /// All memory, where the log tells how much there is.
    pub memory_bytes: Option<u64>,
}

/// Where the sum of all slabs comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlabSource {
    /// `Slab:` of meminfo.
    Meminfo,
    /// The head of slabtop.
    Slabtop,
    /// The caches of the log, which need not be all.
    Listed,
}

impl SlabSource {
    /// The name that JSON uses.
    pub fn name(self) -> &'static str {
        match self {
            SlabSource::Meminfo => "meminfo",
            SlabSource::Slabtop => "slabtop",
            SlabSource::Listed => "listed",
        }
    }
}

/// What a cache holds.
#[derive(Clone, PartialEq, Debug)]
pub struct CacheHolding {
    /// Its name.
    pub name: String,
    /// Objects in use in the last sample that names it.
    pub objects: u64,
    /// Bytes of all its slabs, the empty places too.
    pub bytes: u64,
    /// Its part of all slab memory, 0 to 1.
    pub share: f64,
    /// Objects and bytes in the first sample, where another names it.
    pub before: Option<(u64, u64)>,
    /// Whether the kernel takes its objects back when memory is short.
    pub is_reclaimable: bool,
}

impl CacheHolding {
    /// Objects and bytes that it has more than in the first sample; fewer are negative.
    pub fn more(&self) -> Option<(f64, f64)> {
        let (objects, bytes) = self.before?;
        Some((difference(self.objects, objects), difference(self.bytes, bytes)))
    }
}

/// What a use of memory holds.
#[derive(Clone, PartialEq, Debug)]
pub struct MemoryHolding {
    /// What for.
    pub kind: MemoryKind,
    /// Bytes in the last sample that tells.
    pub bytes: u64,
    /// Its part of all memory, 0 to 1, where the log tells how much there is.
    pub share: Option<f64>,
    /// Bytes in the first sample, where another tells.
    pub before: Option<u64>,
}

impl MemoryHolding {
    /// Bytes that it has more than in the first sample; fewer are negative.
    pub fn more(&self) -> Option<f64> {
        Some(difference(self.bytes, self.before?))
    }
}

fn difference(after: u64, before: u64) -> f64 {
    after as f64 - before as f64
}

impl Snapshot {
    /// What a stretch of samples holds at its end.
    pub(super) fn of(collection: &Collection, stretch: &Stretch<'_>) -> Snapshot {
        let mut caches = caches(collection, stretch);
        let listed = caches.iter().fold(0_u64, |sum, cache| sum.saturating_add(cache.bytes));
        // Caches that exceed what slabs have in all were sampled at another time.
        let told = told(stretch).filter(|(_, bytes)| *bytes >= listed);
        let (slab_source, slab_bytes) = told.unwrap_or((SlabSource::Listed, listed));
        for cache in &mut caches {
            cache.share = part(cache.bytes, slab_bytes);
        }
        caches.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        let mut samples = stretch.samples.iter().rev();
        let memory_bytes = samples.find_map(|(_, sample)| sample.memory.get(Key::MemTotal));
        let memory = memory(stretch, memory_bytes);
        Snapshot { caches, memory, slab_bytes, slab_source, memory_bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.caches.is_empty() && self.memory.is_empty()
    }

    /// The cache that has become more by most bytes, or by most objects where slabs had room.
    pub(super) fn most_grown(&self) -> Option<&CacheHolding> {
        let grown = self.caches.iter().filter_map(|cache| Some((cache, cache.more()?)));
        let grown = grown.filter(|(_, (objects, _))| *objects > 0.0);
        let by_size =
            |a: &(f64, f64), b: &(f64, f64)| a.1.total_cmp(&b.1).then_with(|| a.0.total_cmp(&b.0));
        grown.max_by(|a, b| by_size(&a.1, &b.1)).map(|(cache, _)| cache)
    }
}

fn part(bytes: u64, of: u64) -> f64 {
    bytes as f64 / of.max(1) as f64
}

/// The first and the last of the values that samples have, if they are two.
fn ends<T: Copy>(values: impl Iterator<Item = T>) -> Option<(Option<T>, T)> {
    let mut values = values.peekable();
    let first = *values.peek()?;
    let (last, count) = values.fold((first, 0), |(_, count), value| (value, count + 1));
    Some(((count > 1).then_some(first), last))
}

fn caches(collection: &Collection, stretch: &Stretch<'_>) -> Vec<CacheHolding> {
    let mut counts = vec![Vec::new(); collection.caches.len()];
    for counted in stretch.samples.iter().flat_map(|(_, sample)| &sample.caches) {
        counts[counted.cache].push((counted.active, counted.bytes));
    }
    let named = collection.caches.keys().zip(counts);
    named
        .filter_map(|(name, counts)| {
            let (before, (objects, bytes)) = ends(counts.into_iter())?;
            Some(CacheHolding {
                name: name.clone(),
                objects,
                bytes,
                share: 0.0,
                before,
                is_reclaimable: is_reclaimable(name),
            })
        })
        .collect()
}

fn memory(stretch: &Stretch<'_>, total: Option<u64>) -> Vec<MemoryHolding> {
    let samples = || stretch.samples.iter().map(|(_, sample)| &sample.memory);
    let holdings = uses().filter_map(|(kind, value)| {
        let (before, bytes) = ends(samples().filter_map(value))?;
        let share = total.map(|total| part(bytes, total));
        Some(MemoryHolding { kind, bytes, share, before })
    });
    let mut holdings: Vec<MemoryHolding> = holdings.collect();
    holdings.sort_by_key(|holding| std::cmp::Reverse(holding.bytes));
    holdings
}

/// What meminfo or a table itself says of all slabs.
fn told(stretch: &Stretch<'_>) -> Option<(SlabSource, u64)> {
    let last = |value: fn(&Sample) -> Option<u64>| {
        stretch.samples.iter().rev().find_map(|(_, sample)| value(sample))
    };
    let meminfo = last(|sample| sample.memory.get(Key::Slab));
    let meminfo = meminfo.map(|bytes| (SlabSource::Meminfo, bytes));
    meminfo.or_else(|| Some((SlabSource::Slabtop, last(|sample| sample.slab_bytes)?)))
}
