//! Stretches to the report.

use super::MonitorOptions;
use super::balance::balance;
use super::conclusion::{Situation, conclude};
use super::judge::{judged, leaking};
use super::next_step::NextStep;
use super::report::{
    CacheReport, MemoryKind, MemoryReport, MonitorReport, RunReport, Samples, TimeUnit,
};
use super::sample::Collection;
use super::series::{Order, Stretch, Timeline, timeline};
use super::snapshot::Snapshot;
use crate::capture::Input;

/// Other runs of the machine are told of up to this many.
const RUNS_MAX: usize = 20;

pub(super) fn build(
    inputs: Vec<Input>,
    collection: &Collection,
    options: MonitorOptions,
) -> MonitorReport {
    let timeline = timeline(collection, options);
    let nothing = Stretch { unit: TimeUnit::Sample, samples: Vec::new(), ends: None };
    let stretch = timeline.longest().unwrap_or(&nothing);
    let mut memory = balance(stretch);
    let caches = judged(collection, stretch, &memory);
    memory.exhausted_in = exhaustion(&caches, &memory);
    let samples = samples(collection, &timeline, stretch);
    let runs = runs(collection, &timeline, stretch);
    let snapshot = (!stretch.is_long_enough()).then(|| Snapshot::of(collection, stretch));
    let snapshot = snapshot.filter(|snapshot| !snapshot.is_empty());
    let situation = Situation {
        caches: &caches,
        memory: &memory,
        samples: &samples,
        runs: &runs,
        snapshot: snapshot.as_ref(),
    };
    let conclusion = conclude(&situation);
    let next_step = leaking(&caches).next().map(|cache| NextStep::new(cache, collection, stretch));
    let kernel = collection.kernel.clone();
    MonitorReport { inputs, samples, runs, conclusion, snapshot, caches, memory, kernel, next_step }
}

/// Units of time until nothing is available, at the speed of what leaks, or of what else grows.
fn exhaustion(caches: &[CacheReport], memory: &MemoryReport) -> Option<f64> {
    let leak: f64 = leaking(caches).map(|cache| cache.slope_bytes).sum();
    let grown = memory.parts.iter().filter(|part| part.grows && part.kind != MemoryKind::PageCache);
    let speed = if leak > 0.0 { leak } else { grown.map(|part| part.slope).fold(0.0, f64::max) };
    memory.available_last.filter(|_| speed > 0.0).map(|left| left as f64 / speed)
}

fn samples(collection: &Collection, timeline: &Timeline<'_>, stretch: &Stretch<'_>) -> Samples {
    let all: usize = timeline.stretches.iter().map(|stretch| stretch.samples.len()).sum();
    let left_out = (all - stretch.samples.len()) as u64;
    Samples {
        count: stretch.samples.len() as u64,
        first_time: stretch.ends.map(|ends| ends.0),
        last_time: stretch.ends.map(|ends| ends.1),
        span: stretch.span(),
        unit: stretch.unit,
        skipped: collection.skipped + left_out,
        left_out,
        partial: collection.partial,
        undated: timeline.undated,
        damaged_lines: collection.damaged_lines,
        restarts: timeline.restarts,
        is_sorted: timeline.order == Order::Sorted,
    }
}

/// What each of the other stretches says by itself.
fn runs(
    collection: &Collection,
    timeline: &Timeline<'_>,
    judged_one: &Stretch<'_>,
) -> Vec<RunReport> {
    let others = timeline.stretches.iter().filter(|stretch| !std::ptr::eq(*stretch, judged_one));
    others
        .take(RUNS_MAX)
        .map(|stretch| {
            let memory = balance(stretch);
            let caches = judged(collection, stretch, &memory);
            let leak = leaking(&caches).next().filter(|_| stretch.is_long_enough());
            RunReport {
                count: stretch.samples.len() as u64,
                first_time: stretch.ends.map(|ends| ends.0),
                last_time: stretch.ends.map(|ends| ends.1),
                span: stretch.span(),
                leak: leak.map(|cache| (cache.name.clone(), cache.slope)),
            }
        })
        .collect()
}

impl Stretch<'_> {
    /// Fewer samples than this tell nothing.
    pub(super) const SAMPLES_MIN: usize = 5;

    fn is_long_enough(&self) -> bool {
        self.samples.len() >= Stretch::SAMPLES_MIN
    }
}
