//! How much caches grew, beside how much of a trace survives.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::event::{Beginning, Boot, NameId, Role};
use crate::monitor::{CacheReport, MemoryKind, MonitorReport, TimeUnit};
use crate::report::Origin;
use crate::report::crosscheck::{
    Cache, GrowthReport, MemoryGrowth, Period, Reservation, TopGroup, WitnessReport,
};
use crate::report::{Findings, GroupReport, Loss, Report};
use crate::time::{Clock, Stamp};

/// A calendar's stamp that is smaller, in seconds, counts from the start of an unnamed year.
const NAMED_YEAR: f64 = 500.0 * 86400.0;

/// Groups by boot and cache.
type ByCache<'a> = HashMap<(usize, &'a str), Vec<&'a GroupReport>, FixedState>;

fn by_cache(groups: &[GroupReport]) -> ByCache<'_> {
    let mut found = ByCache::default();
    for group in groups {
        found.entry((group.boot, group.cache.as_str())).or_default().push(group);
    }
    found
}

impl Report {
    /// Says how the caches of a trace grew between counts by slabinfo in its log.
    pub(crate) fn join_slabinfo(&mut self, found: &Findings<'_>) {
        self.witness.growth = growth_in_log(found, &self.loss, &self.groups);
    }
}

fn growth_in_log(found: &Findings<'_>, loss: &Loss, groups: &[GroupReport]) -> Vec<GrowthReport> {
    let Findings { names, boots, settled, .. } = *found;
    let groups = by_cache(groups);
    let mut growth = Vec::new();
    for (boot, survivors) in settled.boots.iter().enumerate() {
        let traced: HashSet<NameId, FixedState> =
            survivors.groups.iter().map(|(key, ..)| key.cache).collect();
        let beginning = boots.get(boot).map_or(Beginning::Later, Boot::beginning);
        let old_frees = settled.loss.orphan_frees;
        let reservations = [
            (beginning == Beginning::Later).then_some(Reservation::LateTrace),
            (old_frees > 0).then_some(Reservation::OldFrees(old_frees)),
            loses_objects(loss).then_some(Reservation::Lost),
        ];
        let reservations: Vec<Reservation> = reservations.into_iter().flatten().collect();
        for (&cache, counts) in survivors.counts.iter().filter(|(cache, _)| traced.contains(*cache))
        {
            let Some((first, last)) = counts.both() else { continue };
            let cache = Cache { name: names.text(cache).to_owned(), boot };
            let of_it = groups.get(&(boot, cache.name.as_str())).map_or(&[][..], Vec::as_slice);
            growth.push(GrowthReport {
                period: Period::Lines { first: first.line, last: last.line },
                objects_first: first.row.active.into(),
                objects_last: last.row.active.into(),
                spacing: last.row.spacing.into(),
                survivors: between(of_it).map(|(_, count)| count).sum(),
                top: top(between(of_it)),
                rates: None,
                reservations: reservations.clone(),
                cache,
            });
        }
    }
    growth
}

/// Whether objects or frees are missing, and not just their chains.
fn loses_objects(loss: &Loss) -> bool {
    let telling =
        [loss.printk_dropped, loss.lost_frees, loss.unaddressed_events, loss.headless_stacks];
    telling.iter().any(|&count| count > 0)
}

/// The groups of a cache, and their survivors between the counts.
fn between<'a>(groups: &'a [&'a GroupReport]) -> impl Iterator<Item = (&'a GroupReport, u64)> {
    groups.iter().filter_map(|group| Some((*group, group.witness.between_counts?)))
}

/// The first of those that have most.
fn top<'a>(groups: impl Iterator<Item = (&'a GroupReport, u64)>) -> Option<TopGroup> {
    let most = groups.filter(|&(_, survivors)| survivors > 0);
    let (group, survivors) = most.min_by_key(|&(_, survivors)| Reverse(survivors))?;
    let caller = group.chain.iter().find(|frame| frame.role == Role::Caller);
    Some(TopGroup {
        fingerprint: group.fingerprint.clone(),
        function: caller.and_then(|frame| frame.function.clone()),
        survivors,
    })
}

/// How much unreclaimable slab memory grew.
fn memory(report: &MonitorReport, period: &Period) -> Option<MemoryGrowth> {
    let kinds = [MemoryKind::Unreclaimable, MemoryKind::Slab];
    let parts = || report.memory.parts.iter().filter(|_| report.samples.count > 1);
    let part = kinds.iter().find_map(|kind| parts().find(|part| part.kind == *kind))?;
    Some(MemoryGrowth {
        name: part.kind.name(),
        period: period.clone(),
        first: part.first,
        last: part.last,
    })
}

impl Report {
    /// Compares the trace with a monitor's log: how much of what grew survives?
    pub fn join_monitor(&mut self, monitor: &MonitorReport) {
        if self.origin != Origin::Trace {
            return;
        }
        let Some(boot) = self.groups.iter().map(|group| group.boot).max() else { return };
        let window = Window::of(self, boot, monitor);
        let span = (monitor.samples.unit == TimeUnit::Second).then_some(monitor.samples.span);
        let traced: HashSet<&str, FixedState> =
            self.caches.iter().map(|cache| cache.name.as_str()).collect();
        let groups = by_cache(&self.groups);
        let growth: Vec<GrowthReport> = monitor
            .caches
            .iter()
            .filter(|counted| traced.contains(counted.name.as_str()))
            .map(|counted| {
                let of_it = groups.get(&(boot, counted.name.as_str()));
                let of_it = of_it.map_or(&[][..], Vec::as_slice);
                let cache = Cache { name: counted.name.clone(), boot };
                self.growth_in(cache, of_it, counted, &window, span)
            })
            .collect();
        let memory = memory(monitor, &Period::Monitor { seconds: span });
        let WitnessReport { growth: known, memory: in_log, .. } = &mut self.witness;
        known.extend(growth);
        in_log.extend(memory);
    }

    fn growth_in(
        &self,
        cache: Cache,
        groups: &[&GroupReport],
        counted: &CacheReport,
        window: &Window,
        span: Option<f64>,
    ) -> GrowthReport {
        let live = || groups.iter().map(|group| (*group, group.live_objects));
        let survivors = live().map(|(_, objects)| objects).sum();
        let (objects_first, objects_last, seconds) =
            window.ends(counted).unwrap_or((counted.objects_first, counted.objects_last, span));
        let is_same_time = window.ends(counted).is_some();
        let traced = self.boots.get(cache.boot).and_then(|boot| boot.traced);
        let trace_seconds = traced.map(|(first, last)| last - first).filter(|&s| s > 0.0);
        let is_timed = span.is_some() && !is_same_time;
        let rates =
            trace_seconds.filter(|_| is_timed).map(|s| (counted.slope, survivors as f64 / s));
        GrowthReport {
            period: Period::Monitor { seconds },
            objects_first,
            objects_last,
            spacing: counted.object_size,
            survivors,
            top: top(live()),
            rates,
            reservations: self.reservations(window),
            cache,
        }
    }

    fn reservations(&self, window: &Window) -> Vec<Reservation> {
        let old_frees = self.loss.orphan_frees;
        let mut reservations = window.reservations.clone();
        reservations.extend((self.boots.len() > 1).then_some(Reservation::LastBoot));
        reservations.extend((old_frees > 0).then_some(Reservation::OldFrees(old_frees)));
        reservations.extend(loses_objects(&self.loss).then_some(Reservation::Lost));
        reservations
    }
}

/// The time that trace and monitor have in common.
#[derive(Clone, PartialEq, Debug)]
struct Window {
    /// Seconds of the trace by the monitor's clock, where they are told by one clock and touch.
    trace: Option<(f64, f64)>,
    reservations: Vec<Reservation>,
}

impl Window {
    fn of(report: &Report, boot: usize, monitor: &MonitorReport) -> Window {
        let mut reservations = Vec::new();
        let kernel = report.boots.get(boot).and_then(|boot| boot.kernel.as_deref());
        match (kernel, monitor.kernel.as_deref()) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                reservations.push(Reservation::OtherKernel(ours.to_owned(), theirs.to_owned()));
            }
            (Some(_), Some(_)) => {}
            _ => reservations.push(Reservation::BootUnknown),
        }
        let wall = report.boots.get(boot).and_then(|boot| {
            let second = |stamp: Option<Stamp>| {
                let stamp = stamp.filter(|stamp| stamp.clock == Clock::Wall)?;
                Some(stamp.seconds()).filter(|&seconds| seconds > NAMED_YEAR)
            };
            second(boot.first_time).zip(second(boot.last_time))
        });
        let theirs = monitor.samples.first_time.zip(monitor.samples.last_time);
        let Some(((first, last), (begin, end))) = wall.zip(theirs) else {
            reservations.push(Reservation::NoCommonClock);
            return Window { trace: None, reservations };
        };
        let common = last.min(end) - first.max(begin);
        if common <= 0.0 {
            reservations.push(Reservation::Disjoint);
            return Window { trace: None, reservations };
        }
        if common < last - first {
            reservations.push(Reservation::Overlap(common, last - first));
        }
        Window { trace: Some((first - begin, last - begin)), reservations }
    }

    /// The counts around the trace, and the seconds between them.
    fn ends(&self, cache: &CacheReport) -> Option<(u64, u64, Option<f64>)> {
        let (begin, end) = self.trace?;
        let before = cache.series.iter().rev().find(|(time, _)| *time <= begin);
        let after = cache.series.iter().find(|(time, _)| *time >= end);
        let first = before.or_else(|| cache.series.first())?;
        let last = after.or_else(|| cache.series.last())?;
        let objects = |value: f64| crate::monitor::whole(value);
        Some((objects(first.1), objects(last.1), Some(last.0 - first.0)))
    }
}
