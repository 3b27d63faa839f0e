//! Caches that grow because others do.
//!
//! Where objects are accounted to cgroups (from 5.9 on) or to their call sites (6.10), the kernel
//! keeps an array with a word or two for each object of a slab, and takes it from a kmalloc cache:
//! `alloc_slab_obj_exts()` in mm/slub.c. For every slab of 21 dentries one object of kmalloc-192
//! comes, and goes with it.

use super::report::{CacheReport, Verdict};
use super::sample::Collection;
use super::slabinfo::named_size;

/// A cache is a companion if others explain this part of its growth.
const EXPLAINED_SHARE: f64 = 0.8;

/// Bytes in the array for each object: a pointer, and a pointer and a tag.
const ENTRIES: [u64; 2] = [8, 16];

/// A cache that grows, and its new slabs per unit of time.
struct Slabs<'a> {
    name: &'a str,
    per_slab: u64,
    slope: f64,
    verdict: Verdict,
}

/// The caches that come with the slabs of others: their indices, and what they come with.
pub(super) fn companions(
    caches: &[CacheReport],
    collection: &Collection,
) -> Vec<(usize, String, Verdict)> {
    let all: Vec<Slabs<'_>> = caches.iter().filter_map(|cache| slabs(cache, collection)).collect();
    let growing = caches.iter().enumerate();
    let growing = growing.filter(|(_, cache)| cache.verdict == Verdict::Growing);
    growing
        .filter_map(|(at, cache)| {
            let (name, verdict) = leader(cache, &all)?;
            Some((at, name.to_owned(), verdict))
        })
        .collect()
}

fn slabs<'a>(cache: &'a CacheReport, collection: &Collection) -> Option<Slabs<'a>> {
    let grows = matches!(cache.verdict, Verdict::Growing | Verdict::Reclaimable);
    let per_slab = collection.caches.get(&cache.name)?.per_slab;
    (grows && per_slab > 0).then(|| Slabs {
        name: &cache.name,
        per_slab,
        slope: cache.slope / per_slab as f64,
        verdict: cache.verdict,
    })
}

/// What most of a cache's growth comes with, and whether it goes again with it.
fn leader<'a>(cache: &CacheReport, all: &[Slabs<'a>]) -> Option<(&'a str, Verdict)> {
    let size = named_size(cache.name.as_bytes())?;
    let comes_with = |other: &&Slabs<'_>| {
        other.name != cache.name
            && ENTRIES.iter().any(|entry| kmalloc_size(entry * other.per_slab) == size)
    };
    let others: Vec<&Slabs<'a>> = all.iter().filter(comes_with).collect();
    let is_enough = |explained: f64| explained >= EXPLAINED_SHARE * cache.slope;
    let sum = |others: &mut dyn Iterator<Item = &&Slabs<'a>>| -> f64 {
        others.map(|other| other.slope).sum()
    };
    let main = others.iter().max_by(|a, b| a.slope.total_cmp(&b.slope))?;
    let given_back = sum(&mut others.iter().filter(|other| other.verdict == Verdict::Reclaimable));
    if !is_enough(sum(&mut others.iter())) {
        return None;
    }
    let verdict = if is_enough(given_back) { Verdict::Reclaimable } else { Verdict::Growing };
    Some((main.name, verdict))
}

/// The size of the kmalloc cache for so many bytes.
fn kmalloc_size(bytes: u64) -> u64 {
    match bytes {
        0..=8 => 8,
        65..=96 => 96,
        129..=192 => 192,
        _ => bytes.next_power_of_two(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_go_to_the_cache_that_fits() {
        assert_eq!(
            [8, 60, 70, 97, 168, 193, 400].map(kmalloc_size),
            [8, 64, 96, 128, 192, 256, 512]
        );
    }
}
