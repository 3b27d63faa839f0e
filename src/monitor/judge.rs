//! Series to verdicts: which caches grow, and which of these leak.

use super::balance::{total, whole};
use super::companion::companions;
use super::growth::{Growth, Shape};
use super::report::{CacheReport, MemoryReport, Verdict};
use super::sample::Collection;
use super::series::Stretch;

/// A cache that leaks makes up at least this part of all growth.
const LEAK_SHARE: f64 = 0.1;

/// One whose growth is beyond doubt may make up as little as this.
const SURE_SHARE: f64 = 0.02;

/// A trend is beyond doubt at this significance.
const SURE: f64 = 1e-4;

/// A leak that has taken less than this part of all memory is no matter yet.
const MATTERS: f64 = 1e-4;

/// Every cache with its verdict: leaking ones first, then by speed of growth.
pub(super) fn judged(
    collection: &Collection,
    stretch: &Stretch<'_>,
    memory: &MemoryReport,
) -> Vec<CacheReport> {
    let mut caches = caches(collection, stretch);
    for (at, leader, verdict) in companions(&caches, collection) {
        caches[at].comes_with = Some(leader);
        caches[at].verdict = verdict;
    }
    judge(&mut caches, memory, MATTERS * total(stretch));
    caches.sort_by(|a, b| {
        let is_no_leak = |cache: &CacheReport| cache.verdict != Verdict::Leaking;
        (is_no_leak(a).cmp(&is_no_leak(b)))
            .then(b.slope_bytes.total_cmp(&a.slope_bytes))
            .then_with(|| a.name.cmp(&b.name))
    });
    caches
}

/// The caches that leak, fastest first.
pub(super) fn leaking(caches: &[CacheReport]) -> impl Iterator<Item = &CacheReport> {
    caches.iter().filter(|cache| cache.verdict == Verdict::Leaking)
}

/// Every cache, its verdict by its own series alone.
fn caches(collection: &Collection, stretch: &Stretch<'_>) -> Vec<CacheReport> {
    let series = stretch.caches(collection.caches.len());
    let all = collection.caches.iter().zip(series);
    all.filter_map(|((name, info), series)| {
        let growth = Growth::of(&series)?;
        Some(CacheReport {
            name: name.clone(),
            objects_first: whole(growth.first),
            objects_last: whole(growth.last),
            object_size: info.object_size,
            slope: growth.slope.median,
            slope_low: growth.slope.low,
            slope_high: growth.slope.high,
            slope_bytes: growth.slope.median * info.object_size as f64,
            significance: growth.significance,
            steady_span: growth.span,
            footprint: info.footprint,
            share: None,
            comes_with: None,
            verdict: match growth.shape {
                Shape::Steady if is_reclaimable(name) => Verdict::Reclaimable,
                Shape::Steady => Verdict::Growing,
                Shape::WarmUp => Verdict::WarmUp,
                Shape::Plateau => Verdict::Plateau,
                Shape::Varying => Verdict::Varying,
                Shape::Flat => Verdict::Flat,
            },
            series,
        })
    })
    .collect()
}

/// Caches with shrinkers: they fill memory that nobody else wants. Inodes of sockets stay as long
/// as these are open.
pub(super) fn is_reclaimable(name: &str) -> bool {
    if matches!(name, "sock_inode_cache" | "mqueue_inode_cache") {
        return false;
    }
    name == "dentry"
        || name == "dentry_cache"
        || name == "buffer_head"
        || name == "radix_tree_node"
        || name == "lsm_inode_cache"
        || name.ends_with("inode_cache")
        || name.ends_with("_inode")
        || name.contains("kmalloc-rcl-")
}

/// Tells leaks from small growth by their part of the whole.
fn judge(caches: &mut [CacheReport], memory: &MemoryReport, matters: f64) {
    let is_candidate = |cache: &CacheReport| cache.verdict == Verdict::Growing;
    let weight = |cache: &CacheReport| cache.slope * cache.footprint;
    let named: f64 = caches.iter().filter(|cache| is_candidate(cache)).map(weight).sum();
    // Where the parts exceed the whole, meminfo was sampled at other times than slabinfo.
    let whole = memory.unreclaimable_slope.unwrap_or(0.0).max(named);
    for cache in caches.iter_mut().filter(|cache| is_candidate(cache) && whole > 0.0) {
        let share = weight(cache) / whole;
        cache.share = Some(share);
        if cache.slope_bytes * cache.steady_span < matters || cache.comes_with.is_some() {
            continue;
        }
        if share >= LEAK_SHARE || share >= SURE_SHARE && cache.significance < SURE {
            cache.verdict = Verdict::Leaking;
        }
    }
}
