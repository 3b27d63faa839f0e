//! What is said where samples are too few for a verdict: who holds memory, and what has changed.

use std::fmt::Write as _;

use super::quantity::span;
use super::report::{Samples, TimeUnit};
use super::series::Stretch;
use super::snapshot::{CacheHolding, MemoryHolding, SlabSource, Snapshot};
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted};

// 1 sample cannot tell what grows; red_cache holds most: 1.2 GiB in 9,864,654 objects, 89.9 % of slab memory
/// The samples in a sentence.
pub(super) fn sentence(samples: &Samples, snapshot: Option<&Snapshot>) -> String {
    let number = counted(samples.count, "sample");
    let beginning = match samples.count {
        1 => format!("{number} cannot tell what grows"),
        _ => format!("{number} cannot tell growth from chance"),
    };
    let told = snapshot.into_iter().flat_map(|snapshot| {
        let change = (samples.count > 1).then(|| change(samples, snapshot)).flatten();
        [change, holder(snapshot)]
    });
    std::iter::once(beginning).chain(told.flatten()).collect::<Vec<_>>().join("; ")
}

/// How a log becomes one that tells.
pub(super) fn record_more() -> String {
    format!(
        "Which of these leaks is told by growth: record at least {} samples, over an hour or more. \
         `slabtrace monitor --print-script > slabmon.sh` makes the script that does.",
        Stretch::SAMPLES_MIN
    )
}

fn change(samples: &Samples, snapshot: &Snapshot) -> Option<String> {
    let over = match samples.unit {
        TimeUnit::Second => format!(" in {}", span(samples.span, samples.unit)),
        TimeUnit::Sample => String::new(),
    };
    if let Some(cache) = snapshot.most_grown() {
        let (objects, size) = cache.more()?;
        let objects = format!("{} objects more", count(size_of(objects)));
        let size = if size > 0.0 {
            format!("{} ({objects})", bytes(size_of(size)))
        } else {
            format!("{objects}, in slabs that it had")
        };
        return Some(format!("{} grew most, by {size}{over}", Escaped(&cache.name)));
    }
    let is_compared = snapshot.caches.iter().any(|cache| cache.before.is_some());
    is_compared.then(|| format!("no cache grew{over}"))
}

fn size_of(difference: f64) -> u64 {
    super::balance::whole(difference)
}

fn holder(snapshot: &Snapshot) -> Option<String> {
    let Some(first) = snapshot.caches.first() else { return user(snapshot) };
    let mut text = format!("{} holds most: {}", Escaped(&first.name), held(first));
    if snapshot.caches.len() > 1 || snapshot.slab_source != SlabSource::Listed {
        let _ = write!(text, ", {} of {}", percent(first.share), whole(snapshot));
    }
    let kept = snapshot.caches.iter().find(|cache| !cache.is_reclaimable);
    if let (true, Some(kept)) = (first.is_reclaimable, kept) {
        let (name, held) = (Escaped(&kept.name), held(kept));
        let share = percent(kept.share);
        let _ = write!(text, "{GIVEN_BACK}; of the others {name} holds most: {held}, {share}");
    }
    Some(text)
}

/// What is said of memory that is no leak.
const GIVEN_BACK: &str = ", which the kernel gives back when memory is short";

fn held(cache: &CacheHolding) -> String {
    format!("{} in {}", bytes(cache.bytes), counted(cache.objects, "object"))
}

/// What the shares of caches are of.
fn whole(snapshot: &Snapshot) -> String {
    let total = snapshot.memory_bytes.filter(|bytes| *bytes > 0);
    let of_all = total.map(|total| snapshot.slab_bytes as f64 / total as f64);
    match (snapshot.slab_source, of_all) {
        (SlabSource::Listed, _) => "what the listed caches hold".to_owned(),
        (_, Some(share)) => format!("slab memory ({} of all memory)", percent(share)),
        (_, None) => "slab memory".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What most memory is used for, where there are no caches.
fn user(snapshot: &Snapshot) -> Option<String> {
    let first = snapshot.memory.first()?;
    let held = |holding: &MemoryHolding| {
        let share = holding
            .share
            .map_or_else(String::new, |share| format!(", {} of all memory", percent(share)));
        format!("{}: {}{share}", holding.kind.name(), bytes(holding.bytes))
    };
    let mut text = format!("most is used for {}", held(first));
    let kept = snapshot.memory.iter().find(|holding| !holding.kind.is_given_back());
    if let (true, Some(kept)) = (first.kind.is_given_back(), kept) {
        let _ = write!(text, "{GIVEN_BACK}; of the rest most for {}", held(kept));
    }
    Some(text)
}
