//! The verdict in words, and what else to know.

use super::few;
use super::judge::leaking;
use super::quantity::{date, rate, span, speed};
use super::report::{
    CacheReport, Conclusion, ConclusionKind, MemoryKind, MemoryReport, PartReport, RunReport,
    Samples, TimeUnit, Verdict,
};
use super::series::Stretch;
use super::snapshot::Snapshot;
use crate::print::Escaped;
use crate::print::number::{bytes, count, counted, duration};

/// Growth of reclaimable slab memory is put down to a cache that has this part of it.
const MAIN_SHARE: f64 = 0.5;

/// Two caches get as many objects if their speeds differ by no more than this part.
const EQUAL_SHARE: f64 = 0.03;

/// A cache that no longer grows is told of if it has grown by so much.
const STEP_BYTES: u64 = 1 << 20;

/// Caches are listed up to this many.
const LISTED_MAX: usize = 4;

/// What there is to conclude from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) caches: &'a [CacheReport],
    pub(super) memory: &'a MemoryReport,
    pub(super) samples: &'a Samples,
    pub(super) runs: &'a [RunReport],
    /// What holds memory, where the samples are too few for more.
    pub(super) snapshot: Option<&'a Snapshot>,
}

pub(super) fn conclude(situation: &Situation<'_>) -> Conclusion {
    let (kind, cache, sentence) = if situation.samples.count < Stretch::SAMPLES_MIN as u64 {
        (ConclusionKind::Unclear, None, few::sentence(situation.samples, situation.snapshot))
    } else if let Some(cache) = leaking(situation.caches).next() {
        (ConclusionKind::SlabLeak, Some(cache.name.clone()), situation.leak(cache))
    } else {
        let (kind, sentence) = situation.other_growth();
        (kind, None, sentence)
    };
    Conclusion { kind, cache, sentence, notes: situation.notes(kind) }
}

impl Situation<'_> {
    // kmalloc-192 grows 4.6 KiB/s, 24.4 objects/s, steadily over 60 s, 97 % of SUnreclaim growth
    fn leak(&self, cache: &CacheReport) -> String {
        let share = self.memory.unreclaimable_slope.and(cache.share);
        let share = share.map_or_else(String::new, |share| {
            format!(", {:.0} % of SUnreclaim growth", share * 100.0)
        });
        let others = match leaking(self.caches).count() - 1 {
            0 => String::new(),
            count => format!("; so do {}", counted(count as u64, "other cache")),
        };
        let others = if others.ends_with(" 1 other cache") {
            "; so does 1 other cache".to_owned()
        } else {
            others
        };
        format!(
            "{} grows {}, {}, steadily over {}{share}{others}",
            Escaped(&cache.name),
            speed(cache.slope_bytes, self.samples.unit),
            rate(cache.slope, self.samples.unit),
            span(cache.steady_span, self.samples.unit),
        )
    }

    fn other_growth(&self) -> (ConclusionKind, String) {
        let over = span(self.samples.span, self.samples.unit);
        let Some(part) = self.main_part() else {
            return (ConclusionKind::NoGrowth, self.little_growth(&over));
        };
        let speed = speed(part.slope, self.samples.unit);
        let growth = format!("{} {} {speed}", part.kind.name(), verb(part.kind));
        match part.kind {
            MemoryKind::Reclaimable => (
                ConclusionKind::NoGrowth,
                format!(
                    "no leak: {growth}{}, which the kernel gives back when memory is short",
                    self.main_reclaimable(part)
                ),
            ),
            kind if kind.is_slab() => (
                ConclusionKind::Unclear,
                format!("{growth} over {over}, but no cache alone explains it"),
            ),
            kind => (
                ConclusionKind::NotSlab,
                format!("this is not a slab leak: {growth} over {over}; {}", remedy(kind)),
            ),
        }
    }

    fn little_growth(&self, over: &str) -> String {
        let grows =
            |cache: &&CacheReport| matches!(cache.verdict, Verdict::Growing | Verdict::Reclaimable);
        let what = if self.memory.parts.is_empty() { "no slab cache" } else { "nothing" };
        let is_kept = |cache: &&CacheReport| cache.verdict == Verdict::Growing;
        let cache = self.caches.iter().find(is_kept).or_else(|| self.caches.iter().find(grows));
        let Some(cache) = cache else {
            return format!("{what} grows steadily over {over}{}", self.step());
        };
        let rest = match cache.verdict {
            Verdict::Reclaimable => ", which the kernel gives back when memory is short",
            _ => "",
        };
        format!(
            "{what} grows by an amount that matters over {over}; {} grows most, {}{rest}",
            Escaped(&cache.name),
            speed(cache.slope_bytes, self.samples.unit)
        )
    }

    /// The cache that has grown most and stands still now, if that is worth a word.
    fn step(&self) -> String {
        let more = |cache: &CacheReport| {
            cache.objects_last.saturating_sub(cache.objects_first).saturating_mul(cache.object_size)
        };
        let steps = self.caches.iter().filter(|cache| cache.verdict == Verdict::Plateau);
        let largest = steps.max_by_key(|cache| more(cache));
        let told = largest.filter(|cache| more(cache) >= STEP_BYTES).map(|cache| {
            let (name, more) = (Escaped(&cache.name), bytes(more(cache)));
            format!("; {name} has {more} more than at first, and stands still now")
        });
        told.unwrap_or_default()
    }

    /// What grows fastest of that which the kernel does not give back; else what does.
    fn main_part(&self) -> Option<&PartReport> {
        let mut grown = self.memory.parts.iter().filter(|part| part.grows);
        grown.clone().find(|part| !part.kind.is_given_back()).or_else(|| grown.next())
    }

    fn main_reclaimable(&self, part: &PartReport) -> String {
        let main = self.caches.iter().find(|cache| {
            cache.verdict == Verdict::Reclaimable
                && cache.slope * cache.footprint >= MAIN_SHARE * part.slope
        });
        main.map_or_else(String::new, |cache| format!(" (mostly {})", Escaped(&cache.name)))
    }

    fn notes(&self, kind: ConclusionKind) -> Vec<String> {
        let mut notes = Vec::new();
        notes.extend(self.snapshot.map(|_| few::record_more()));
        notes.extend(self.exhaustion());
        notes.extend(self.other_parts(kind));
        notes.extend(self.unexplained_slab(kind));
        notes.extend(self.going_along());
        notes.extend(self.companions());
        notes.extend(self.other_runs());
        notes.extend(self.about_time());
        notes
    }

    fn exhaustion(&self) -> Option<String> {
        let left = self.memory.exhausted_in.filter(|_| self.samples.unit == TimeUnit::Second)?;
        let available = bytes(self.memory.available_last?);
        let pool = if self.memory.is_low { " of low memory" } else { "" };
        Some(format!("{available}{pool} is available; at this speed it lasts {}.", duration(left)))
    }

    /// What else grows: beside a leak, only what is more than it.
    fn other_parts(&self, kind: ConclusionKind) -> Vec<String> {
        let leak: f64 = leaking(self.caches).map(|cache| cache.slope_bytes).sum();
        let main = self.main_part().map(|part| part.kind);
        let is_told = |part: &&PartReport| match kind {
            ConclusionKind::SlabLeak => !part.kind.is_slab() && part.slope > leak,
            _ => Some(part.kind) != main,
        };
        let unit = self.samples.unit;
        let grown = self.memory.parts.iter().filter(|part| part.grows).filter(is_told);
        grown
            .map(|part| {
                let (name, speed) = (part.kind.name(), speed(part.slope, unit));
                let rest = match part.kind {
                    kind if kind.is_given_back() => {
                        "which the kernel gives back when memory is short"
                    }
                    kind => remedy(kind),
                };
                match kind {
                    ConclusionKind::SlabLeak => {
                        format!("{name} {} even more: {speed}; {rest}.", verb(part.kind))
                    }
                    _ => format!("Also, {name} {} {speed}; {rest}.", verb(part.kind)),
                }
            })
            .collect()
    }

    /// Slab memory that no cache of slabinfo holds was allocated in large pieces.
    fn unexplained_slab(&self, kind: ConclusionKind) -> Option<String> {
        let is_slab = self.main_part().is_some_and(|part| part.kind.is_slab());
        (kind == ConclusionKind::Unclear && is_slab).then(|| {
            "Slab memory outside all caches is of allocations above two pages, which slabinfo does not list: boot with page_owner=on, or ask kmemleak.".to_owned()
        })
    }

    /// Caches of which as many objects come as of the one that leaks: these belong together.
    fn going_along(&self) -> Option<String> {
        let leak = leaking(self.caches).next()?;
        let is_equal = |cache: &&CacheReport| {
            cache.name != leak.name
                && matches!(
                    cache.verdict,
                    Verdict::Leaking | Verdict::Growing | Verdict::Reclaimable
                )
                && (cache.slope / leak.slope - 1.0).abs() < EQUAL_SHARE
        };
        let names: Vec<String> = self
            .caches
            .iter()
            .filter(is_equal)
            .map(|cache| Escaped(&cache.name).to_string())
            .collect();
        let (shown, hidden) = names.split_at(names.len().min(LISTED_MAX));
        let more = if hidden.is_empty() { "" } else { " and others" };
        let list = shown.join(", ");
        (!names.is_empty()).then(|| {
            format!("As many objects come of {list}{more}: what leaks may hold one of each.")
        })
    }

    fn companions(&self) -> Vec<String> {
        let told = self.caches.iter().filter_map(|cache| {
            let leader = cache.comes_with.as_ref()?;
            Some(format!(
                "{} grows with {}: the kernel keeps an array in it for each slab.",
                Escaped(&cache.name),
                Escaped(leader)
            ))
        });
        told.take(LISTED_MAX).collect()
    }

    fn other_runs(&self) -> Vec<String> {
        let when = |run: &RunReport| match (run.first_time, run.last_time) {
            (Some(first), Some(last)) => format!("from {} to {}", date(first), date(last)),
            _ => format!("of {}", span(run.span, self.samples.unit)),
        };
        let mut notes = Vec::new();
        if !self.runs.is_empty() {
            let why = match self.samples.restarts {
                0 => "The clock was set, or the recording interrupted".to_owned(),
                1 => "The machine was restarted".to_owned(),
                restarts => format!("The machine was restarted {} times", count(restarts)),
            };
            notes.push(format!("{why} within the log; judged is the longest run."));
        }
        let leaks = self.runs.iter().filter_map(|run| Some((run, run.leak.as_ref()?)));
        notes.extend(leaks.map(|(run, (name, slope))| {
            let rate = rate(*slope, self.samples.unit);
            format!("In the run {}, {} grows {rate}.", when(run), Escaped(name))
        }));
        notes
    }

    fn about_time(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.samples.is_sorted {
            notes.push(
                "The files were not given oldest first; they were put into the order of their dates."
                    .to_owned(),
            );
        }
        if self.samples.undated > 0 {
            let samples = counted(self.samples.undated, "sample");
            notes.push(format!("{samples} without a date got one from the neighbours."));
        }
        if self.samples.unit == TimeUnit::Sample && self.snapshot.is_none() {
            notes.push(
                "The log has no dates: speeds are per sample. Give --interval, such as --interval 60s."
                    .to_owned(),
            );
        }
        notes
    }
}

fn verb(kind: MemoryKind) -> &'static str {
    match kind {
        MemoryKind::PageTables
        | MemoryKind::KernelStacks
        | MemoryKind::HugePages
        | MemoryKind::Unaccounted => "grow",
        _ => "grows",
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
        MemoryKind::Unreclaimable | MemoryKind::Reclaimable | MemoryKind::Slab => {
            "see the caches above"
        }
    }
}
