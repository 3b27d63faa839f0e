//! What memory is used for, and what of it grows.

use super::growth::Growth;
use super::meminfo::{Key, Memory};
use super::report::{MemoryKind, MemoryReport, PartReport};
use super::series::Stretch;

/// Growth of less than one part in so many of all memory does not matter.
const MATTERS_ONE_IN: f64 = 200.0;

/// A value of a sample.
pub(super) type Value = fn(&Memory) -> Option<u64>;

/// The kinds, each with how it is worked out.
const PARTS: [(MemoryKind, Value); 12] = [
    (MemoryKind::Unreclaimable, |memory| memory.get(Key::SUnreclaim)),
    (MemoryKind::Reclaimable, |memory| memory.get(Key::SReclaimable)),
    (MemoryKind::Slab, |memory| {
        memory.get(Key::Slab).filter(|_| memory.get(Key::SUnreclaim).is_none())
    }),
    (MemoryKind::Anonymous, |memory| memory.get(Key::AnonPages)),
    (MemoryKind::PageCache, page_cache),
    (MemoryKind::Shared, |memory| memory.get(Key::Shmem)),
    (MemoryKind::PageTables, page_tables),
    (MemoryKind::KernelStacks, |memory| memory.get(Key::KernelStack)),
    (MemoryKind::Vmalloc, |memory| memory.get(Key::VmallocUsed)),
    (MemoryKind::PerCpu, |memory| memory.get(Key::Percpu)),
    (MemoryKind::HugePages, |memory| memory.get(Key::Hugetlb)),
    (MemoryKind::Unaccounted, unaccounted),
];

/// The uses of memory, each with how it is worked out.
pub(super) fn uses() -> impl Iterator<Item = (MemoryKind, Value)> {
    PARTS.into_iter()
}

/// The balance of a stretch of samples. How long what is available lasts is worked out later,
/// when it is known what leaks.
pub(super) fn balance(stretch: &Stretch<'_>) -> MemoryReport {
    let total = total(stretch);
    let mut parts: Vec<PartReport> =
        PARTS.iter().filter_map(|&(kind, value)| part(kind, value, stretch, total)).collect();
    parts.sort_by(|a, b| b.slope.total_cmp(&a.slope));
    let slope = |kind| parts.iter().find(|part| part.kind == kind).map(|part| part.slope);
    let slab = stretch.series(|sample| sample.memory.get(Key::Slab).map(|bytes| bytes as f64));
    let available = stretch.series(|sample| available(&sample.memory).map(|bytes| bytes as f64));
    let is_low = stretch.samples.iter().any(|(_, sample)| has_high(&sample.memory));
    MemoryReport {
        slab_slope: Growth::of(&slab).map(|growth| growth.slope.median),
        unreclaimable_slope: slope(MemoryKind::Unreclaimable),
        unaccounted_slope: slope(MemoryKind::Unaccounted),
        available_first: available.first().map(|point| whole(point.1)),
        available_last: available.last().map(|point| whole(point.1)),
        exhausted_in: None,
        is_low,
        free: stretch.series(|sample| sample.memory.get(Key::MemFree).map(|bytes| bytes as f64)),
        available,
        parts,
    }
}

/// All memory; 0 where the log does not tell.
pub(super) fn total(stretch: &Stretch<'_>) -> f64 {
    let series =
        stretch.series(|sample| sample.memory.get(Key::MemTotal).map(|bytes| bytes as f64));
    series.last().map_or(0.0, |point| point.1)
}

fn part(kind: MemoryKind, value: Value, stretch: &Stretch<'_>, total: f64) -> Option<PartReport> {
    let series = stretch.series(|sample| value(&sample.memory).map(|bytes| bytes as f64));
    let growth = Growth::of(&series)?;
    let matters = growth.amount() * MATTERS_ONE_IN >= total;
    Some(PartReport {
        kind,
        first: whole(growth.first),
        last: whole(growth.last),
        slope: growth.slope.median,
        steady_span: growth.is_steady().then_some(growth.span),
        grows: growth.is_steady() && matters,
        series,
    })
}

/// Bytes that were integers before.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a u64")]
pub(crate) fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

/// What an allocation can still take. On 32-bit machines with high memory the kernel's own
/// memory is in the low part alone.
fn available(memory: &Memory) -> Option<u64> {
    if has_high(memory) {
        return memory.get(Key::LowFree);
    }
    // Before 3.14: what is free and what the page cache would give back.
    memory.get(Key::MemAvailable).or_else(|| {
        let free = memory.get(Key::MemFree)?;
        Some(free.saturating_add(page_cache(memory).unwrap_or(0)))
    })
}

fn has_high(memory: &Memory) -> bool {
    memory.get(Key::HighFree).is_some_and(|high| high > 0) && memory.get(Key::LowFree).is_some()
}

/// Files' contents; shared memory counts as cached too, but cannot be dropped.
fn page_cache(memory: &Memory) -> Option<u64> {
    let cached = memory.get(Key::Cached)?;
    let sum = cached.saturating_add(memory.get(Key::Buffers).unwrap_or(0));
    Some(sum.saturating_sub(memory.get(Key::Shmem).unwrap_or(0)))
}

fn page_tables(memory: &Memory) -> Option<u64> {
    let own = memory.get(Key::PageTables)?;
    Some(own.saturating_add(memory.get(Key::SecPageTables).unwrap_or(0)))
}

/// All memory without everything that has a line.
fn unaccounted(memory: &Memory) -> Option<u64> {
    const ACCOUNTED: [Key; 9] = [
        Key::MemFree,
        Key::Buffers,
        Key::Cached,
        Key::SwapCached,
        Key::AnonPages,
        Key::PageTables,
        Key::SecPageTables,
        Key::Percpu,
        Key::Hugetlb,
    ];
    let total = memory.get(Key::MemTotal)?;
    let slab = memory.get(Key::Slab)?;
    // In a log that keeps some lines alone, what the others account for is not known.
    for key in [Key::MemFree, Key::Buffers, Key::Cached, Key::AnonPages] {
        memory.get(key)?;
    }
    // VmallocUsed is left out where it is a size of address space: it may exceed all memory.
    let vmalloc = memory.get(Key::VmallocUsed).filter(|&bytes| bytes < total / 4).unwrap_or(0);
    let stacks = memory.get(Key::KernelStack).unwrap_or(0);
    // Stacks of the kernel are vmalloc memory on most machines by now (CONFIG_VMAP_STACK), and
    // VmallocUsed tells it in pages from 5.3 on. Percpu came with 5.0.
    let is_within = memory.get(Key::Percpu).is_some() && vmalloc >= stacks;
    let mapped = if is_within { vmalloc } else { vmalloc.saturating_add(stacks) };
    let known = ACCOUNTED.iter().filter_map(|&key| memory.get(key)).fold(slab, u64::saturating_add);
    Some(total.saturating_sub(known).saturating_sub(mapped))
}
