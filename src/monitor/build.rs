//! Series to the report: verdicts, the balance, the conclusion.

use super::MonitorOptions;
use super::balance::{self, balance, whole};
use super::growth::{Growth, Shape};
use super::next_step::NextStep;
use super::report::{
    CacheReport, Conclusion, ConclusionKind, MemoryKind, MemoryReport, MonitorReport, PartReport,
    Samples, TimeUnit, Verdict,
};
use super::sample::Collection;
use super::series::{Stretch, stretch};
use crate::report::number::{bytes, count, duration};
use crate::report::{Escaped, Input};

/// A cache that leaks makes up at least this part of all growth.
const LEAK_SHARE: f64 = 0.1;

/// One whose growth is beyond doubt may make up as little as this.
const SURE_SHARE: f64 = 0.02;

/// A trend is beyond doubt at this significance.
const SURE: f64 = 1e-4;

/// A leak that has taken less than this part of all memory is no matter yet.
const MATTERS: f64 = 1e-4;

/// Fewer samples than this tell nothing.
const SAMPLES_MIN: usize = 5;

pub(super) fn build(
    inputs: Vec<Input>,
    collection: &Collection,
    options: MonitorOptions,
) -> MonitorReport {
    let stretch = stretch(collection, options);
    let mut memory = balance(&stretch);
    let mut caches = caches(collection, &stretch);
    judge(&mut caches, &memory, MATTERS * balance::total(&stretch));
    caches.sort_by(|a, b| {
        let is_leaking = |cache: &CacheReport| cache.verdict != Verdict::Leaking;
        (is_leaking(a).cmp(&is_leaking(b)))
            .then(b.slope_bytes.total_cmp(&a.slope_bytes))
            .then_with(|| a.name.cmp(&b.name))
    });
    let leak: f64 = leaking(&caches).map(|cache| cache.slope_bytes).sum();
    let grown = memory.parts.iter().filter(|part| part.grows && part.kind != MemoryKind::PageCache);
    let speed = if leak > 0.0 { leak } else { grown.map(|part| part.slope).fold(0.0, f64::max) };
    memory.exhausted_in =
        memory.available_last.filter(|_| speed > 0.0).map(|left| left as f64 / speed);
    let conclusion = conclude(&caches, &memory, &stretch);
    let next_step = leaking(&caches)
        .next()
        .map(|cache| NextStep::new(&cache.name, collection.kernel.as_deref(), collection.is_slab));
    MonitorReport {
        inputs,
        samples: Samples {
            count: stretch.samples.len() as u64,
            first_time: stretch.ends.map(|ends| ends.0),
            last_time: stretch.ends.map(|ends| ends.1),
            span: stretch.span(),
            unit: stretch.unit,
            skipped: collection.skipped + stretch.left_out,
            partial: collection.partial,
        },
        conclusion,
        caches,
        memory,
        kernel: collection.kernel.clone(),
        next_step,
    }
}

fn leaking(caches: &[CacheReport]) -> impl Iterator<Item = &CacheReport> {
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

/// Caches with shrinkers: they fill memory that nobody else wants.
fn is_reclaimable(name: &str) -> bool {
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
        if cache.slope_bytes * cache.steady_span < matters {
            continue;
        }
        if share >= LEAK_SHARE || share >= SURE_SHARE && cache.significance < SURE {
            cache.verdict = Verdict::Leaking;
        }
    }
}

fn conclude(caches: &[CacheReport], memory: &MemoryReport, stretch: &Stretch<'_>) -> Conclusion {
    let (kind, cache, sentence) = if stretch.samples.len() < SAMPLES_MIN {
        let sentence = format!(
            "{} cannot tell growth from chance; record at least {SAMPLES_MIN}, over an hour or more",
            crate::report::number::counted(stretch.samples.len() as u64, "sample")
        );
        (ConclusionKind::Unclear, None, sentence)
    } else if let Some(cache) = leaking(caches).next() {
        (ConclusionKind::SlabLeak, Some(cache.name.clone()), leak_sentence(cache, memory, stretch))
    } else {
        let (kind, sentence) = other_growth(memory, stretch);
        (kind, None, sentence)
    };
    Conclusion { kind, cache, sentence, notes: notes(kind, caches, memory, stretch) }
}

// kmalloc-192 grows 4.6 KiB/s, 24.4 objects/s, steadily over 60 s, 97 % of SUnreclaim growth
fn leak_sentence(cache: &CacheReport, memory: &MemoryReport, stretch: &Stretch<'_>) -> String {
    let unit = unit(stretch);
    let share = memory.unreclaimable_slope.and(cache.share);
    let share = share
        .map_or_else(String::new, |share| format!(", {:.0} % of SUnreclaim growth", share * 100.0));
    format!(
        "{} grows {}/{unit}, {} objects/{unit}, steadily over {}{share}",
        Escaped(&cache.name),
        speed(cache.slope_bytes),
        decimals(cache.slope),
        span_of(cache.steady_span, stretch),
    )
}

fn other_growth(memory: &MemoryReport, stretch: &Stretch<'_>) -> (ConclusionKind, String) {
    let unit = unit(stretch);
    let Some(part) = memory.parts.iter().find(|part| part.grows) else {
        let what = if memory.parts.is_empty() { "no slab cache" } else { "nothing" };
        return (ConclusionKind::NoGrowth, format!("{what} grows over {}", span(stretch)));
    };
    let growth = format!("{} grows {}/{unit}", part.kind.name(), speed(part.slope));
    match part.kind {
        MemoryKind::Reclaimable => (
            ConclusionKind::NoGrowth,
            format!("no leak: {growth}, which the kernel gives back when memory is short"),
        ),
        kind if kind.is_slab() => (
            ConclusionKind::Unclear,
            format!("{growth} over {}, but no cache alone explains it", span(stretch)),
        ),
        kind => (
            ConclusionKind::NotSlab,
            format!("this is not a slab leak: {growth} over {}; {}", span(stretch), remedy(kind)),
        ),
    }
}

/// Where to look for what is not slab.
fn remedy(kind: MemoryKind) -> &'static str {
    match kind {
        MemoryKind::Anonymous => "processes hold it, see which one's RSS grows",
        MemoryKind::PageCache => "files' contents, which the kernel drops when memory is short",
        MemoryKind::Shared => "files in tmpfs or shared memory, see df and ipcs -m",
        MemoryKind::PageTables => "many or large mappings, see VmPTE in /proc/*/status",
        MemoryKind::KernelStacks => "threads pile up, count them in /proc/*/task",
        MemoryKind::Vmalloc => "see who in /proc/vmallocinfo",
        MemoryKind::PerCpu => "cgroups or network devices pile up, or see kmemleak from 6.15 on",
        MemoryKind::HugePages => "huge pages were set aside, see nr_hugepages",
        MemoryKind::Unaccounted => {
            "pages taken from the page allocator directly, by a driver or the network; boot with page_owner=on"
        }
        MemoryKind::Unreclaimable | MemoryKind::Reclaimable | MemoryKind::Slab => "slab",
    }
}

fn notes(
    kind: ConclusionKind,
    caches: &[CacheReport],
    memory: &MemoryReport,
    stretch: &Stretch<'_>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let unit = unit(stretch);
    if let (Some(left), TimeUnit::Second) = (memory.exhausted_in, stretch.unit) {
        let available = memory.available_last.map_or_else(String::new, bytes);
        notes.push(format!("{available} is available; at this speed it lasts {}.", duration(left)));
    }
    if kind == ConclusionKind::SlabLeak {
        let leak: f64 = leaking(caches).map(|cache| cache.slope_bytes).sum();
        let is_larger = |part: &&PartReport| {
            part.grows
                && !part.kind.is_slab()
                && part.slope > leak
                && part.kind != MemoryKind::PageCache
        };
        notes.extend(memory.parts.iter().filter(is_larger).map(|part| {
            let name = part.kind.name();
            format!(
                "More than the slab, {name} grows: {}/{unit}; {}.",
                speed(part.slope),
                remedy(part.kind)
            )
        }));
    }
    if stretch.unit == TimeUnit::Sample {
        notes.push(
            "The log has no dates: speeds are per sample. Give --interval SECONDS.".to_owned(),
        );
    }
    notes
}

fn unit(stretch: &Stretch<'_>) -> &'static str {
    match stretch.unit {
        TimeUnit::Second => "s",
        TimeUnit::Sample => "sample",
    }
}

fn span(stretch: &Stretch<'_>) -> String {
    span_of(stretch.span(), stretch)
}

fn span_of(span: f64, stretch: &Stretch<'_>) -> String {
    match stretch.unit {
        TimeUnit::Second => duration(span),
        TimeUnit::Sample => format!("{} samples", count(whole(span) + 1)),
    }
}

/// Bytes for each unit of time.
pub(super) fn speed(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    match value.abs() {
        0.0 => "0 B".to_owned(),
        size if size < 10.0 => format!("{sign}{size:.2} B"),
        size => format!("{sign}{}", bytes(whole(size.round()))),
    }
}

/// A number with as many decimals as it needs.
pub(super) fn decimals(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.1 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}
