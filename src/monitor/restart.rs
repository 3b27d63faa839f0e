//! Whether a machine was restarted between two samples.
//!
//! Uptime says so for certain. Without it, a restart shows in that nearly everything is another
//! number than before, and most of it less: no load that ends, and no dropped cache, does that.

use super::meminfo::Key;
use super::sample::{Collection, Sample};

/// So many values must be there to judge by.
const VALUES_MIN: usize = 10;

/// Caches with fewer objects tell nothing.
const OBJECTS_MIN: u64 = 10;

/// So many of a hundred values are others after a restart.
const CHANGED_PERCENT: usize = 60;

/// Values that fall, for each one that rises.
const FALLS_FOR_A_RISE: usize = 3;

/// So many of a hundred bytes are gone after a restart.
const GONE_PERCENT: f64 = 20.0;

/// Uses of memory that begin anew with the machine.
const USES: [Key; 5] =
    [Key::AnonPages, Key::SUnreclaim, Key::PageTables, Key::KernelStack, Key::Cached];

pub(super) fn is_restarted(before: &Sample, after: &Sample, collection: &Collection) -> bool {
    match (before.uptime, after.uptime) {
        (Some(before), Some(after)) => after.is_restarted(before),
        _ if before.caches.is_empty() || after.caches.is_empty() => is_memory_anew(before, after),
        _ => are_caches_anew(before, after, collection),
    }
}

/// Every use of memory fell by a good part.
fn is_memory_anew(before: &Sample, after: &Sample) -> bool {
    let is_anew = |key: &Key| {
        let (before, after) = (before.memory.get(*key)?, after.memory.get(*key)?);
        Some((after as f64) < before as f64 * (1.0 - GONE_PERCENT / 100.0))
    };
    USES.iter().all(|key| is_anew(key) == Some(true))
}

fn are_caches_anew(before: &Sample, after: &Sample, collection: &Collection) -> bool {
    let mut counts = vec![None; collection.caches.len()];
    for counted in &after.caches {
        counts[counted.cache] = Some(counted.active);
    }
    let (mut values, mut falls, mut rises) = (0, 0, 0);
    let (mut bytes_before, mut bytes_after) = (0.0, 0.0);
    for counted in before.caches.iter().filter(|counted| counted.active >= OBJECTS_MIN) {
        let (cache, old) = (counted.cache, counted.active);
        let Some(new) = counts[cache] else { continue };
        values += 1;
        falls += usize::from(new < old);
        rises += usize::from(new > old);
        let size = collection.caches[cache].object_size as f64;
        bytes_before += old as f64 * size;
        bytes_after += new as f64 * size;
    }
    values >= VALUES_MIN
        && (falls + rises) * 100 >= values * CHANGED_PERCENT
        && falls >= rises * FALLS_FOR_A_RISE
        && bytes_after < bytes_before * (1.0 - GONE_PERCENT / 100.0)
}
