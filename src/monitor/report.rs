//! What is shown of a monitor log: the model that every format is written from.

use super::next_step::NextStep;
use super::snapshot::Snapshot;
use crate::capture::Input;

/// Which slab grows, how fast, and whether it is the slab.
#[derive(Clone, PartialEq, Debug)]
pub struct MonitorReport {
    /// What was read.
    pub inputs: Vec<Input>,
    /// What was found in it.
    pub samples: Samples,
    /// Other runs of the machine that the log holds, which are judged by themselves.
    pub runs: Vec<RunReport>,
    /// The verdict.
    pub conclusion: Conclusion,
    /// What holds memory, where the samples are too few for a verdict.
    pub snapshot: Option<Snapshot>,
    /// Every cache: leaking ones first, then by speed of growth.
    pub caches: Vec<CacheReport>,
    /// The balance of memory.
    pub memory: MemoryReport,
    /// The kernel release, where the log tells it.
    pub kernel: Option<String>,
    /// What to do next.
    pub next_step: Option<NextStep>,
}

/// What slopes are per.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// The log has dates.
    Second,
    /// It has none, and the interval is not known.
    Sample,
}

/// The samples of a log.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Samples {
    /// Samples that were used.
    pub count: u64,
    /// Seconds since 1970 of the first.
    pub first_time: Option<f64>,
    /// Seconds since 1970 of the last.
    pub last_time: Option<f64>,
    /// From the first to the last, in `unit`.
    pub span: f64,
    /// What time is counted in.
    pub unit: TimeUnit,
    /// Samples that were not used: nothing was behind their date, or they are of another run.
    pub skipped: u64,
    /// Of these: samples before the machine was restarted, or its clock set, or after it.
    pub left_out: u64,
    /// Samples that were used though parts of them are missing.
    pub partial: u64,
    /// Samples that were used though their date is missing: it was put in between its neighbours.
    pub undated: u64,
    /// Lines of the tables that could not be read, and foreign lines in the midst of them.
    pub damaged_lines: u64,
    /// How often the machine was restarted while the log was recorded.
    pub restarts: u64,
    /// Whether the inputs were not given oldest first, and were put into the order of their dates.
    pub is_sorted: bool,
}

/// A run of the machine from one restart to the next, or until its clock was set.
#[derive(Clone, PartialEq, Debug)]
pub struct RunReport {
    /// Samples in it.
    pub count: u64,
    /// Seconds since 1970 of the first.
    pub first_time: Option<f64>,
    /// Seconds since 1970 of the last.
    pub last_time: Option<f64>,
    /// From the first to the last, in units of time.
    pub span: f64,
    /// The cache that leaks most in it, and its objects per unit of time.
    pub leak: Option<(String, f64)>,
}

/// What kind of growth there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConclusionKind {
    /// A slab cache leaks.
    SlabLeak,
    /// Something else grows.
    NotSlab,
    /// Nothing does.
    NoGrowth,
    /// It cannot be told.
    Unclear,
}

impl ConclusionKind {
    /// The name that JSON uses.
    pub fn name(self) -> &'static str {
        match self {
            ConclusionKind::SlabLeak => "slab_leak",
            ConclusionKind::NotSlab => "not_slab",
            ConclusionKind::NoGrowth => "no_growth",
            ConclusionKind::Unclear => "unclear",
        }
    }
}

/// The verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conclusion {
    /// What kind of growth there is.
    pub kind: ConclusionKind,
    /// The cache that leaks most.
    pub cache: Option<String>,
    /// The verdict in a sentence.
    pub sentence: String,
    /// What else to know.
    pub notes: Vec<String>,
}

/// What a cache's growth suggests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// It grows steadily, and makes up a good part of all growth.
    Leaking,
    /// It grows steadily, but little next to the others or in few steps.
    Growing,
    /// It grows steadily, and the kernel gives it back when memory is short.
    Reclaimable,
    /// It rises and falls, or does not rise surely enough to tell it from chance.
    Varying,
    /// It grew in the beginning, and has stood still since.
    WarmUp,
    /// It has grown, and stands still now.
    Plateau,
    /// It does not grow.
    Flat,
}

impl Verdict {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Leaking => "leaking",
            Verdict::Growing => "growing",
            Verdict::Reclaimable => "reclaimable",
            Verdict::Varying => "varying",
            Verdict::WarmUp => "warm-up",
            Verdict::Plateau => "plateau",
            Verdict::Flat => "flat",
        }
    }
}

/// One cache.
#[derive(Clone, PartialEq, Debug)]
pub struct CacheReport {
    /// Its name.
    pub name: String,
    /// Objects in use in the first sample.
    pub objects_first: u64,
    /// Objects in use in the last sample.
    pub objects_last: u64,
    /// Bytes of one object.
    pub object_size: u64,
    /// Objects per unit of time, by the median of all pairs of samples.
    pub slope: f64,
    /// The lower end of its 95 % confidence interval.
    pub slope_low: f64,
    /// The upper end of its 95 % confidence interval.
    pub slope_high: f64,
    /// Bytes per unit of time.
    pub slope_bytes: f64,
    /// Probability that this much of a trend is chance.
    pub significance: f64,
    /// How long its growth has been steady, in units of time.
    pub steady_span: f64,
    /// Bytes of memory that an object takes up, with what its slab wastes.
    pub footprint: f64,
    /// Its part of the growth of unreclaimable slab memory, 0 to 1.
    pub share: Option<f64>,
    /// The cache whose slabs it grows with, where it holds what the kernel keeps for each of them.
    pub comes_with: Option<String>,
    /// What it suggests.
    pub verdict: Verdict,
    /// Times and objects.
    pub series: Vec<(f64, f64)>,
}

impl CacheReport {
    /// Whether its growth is steady, so that it has a speed.
    pub fn is_steady(&self) -> bool {
        matches!(self.verdict, Verdict::Leaking | Verdict::Growing | Verdict::Reclaimable)
    }
}

/// What memory is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryKind {
    /// Slab memory that stays.
    Unreclaimable,
    /// Slab memory that the kernel can take back.
    Reclaimable,
    /// Slab memory, where the kernel does not tell the two apart.
    Slab,
    /// Memory of processes.
    Anonymous,
    /// Contents of files.
    PageCache,
    /// Shared memory and tmpfs.
    Shared,
    /// Page tables.
    PageTables,
    /// Stacks of the kernel.
    KernelStacks,
    /// vmalloc.
    Vmalloc,
    /// Per-cpu allocations.
    PerCpu,
    /// Huge pages set aside.
    HugePages,
    /// Pages that no line of meminfo accounts for: drivers' own, sockets', leaked ones.
    Unaccounted,
}

impl MemoryKind {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            MemoryKind::Unreclaimable => "unreclaimable slab",
            MemoryKind::Reclaimable => "reclaimable slab",
            MemoryKind::Slab => "slab",
            MemoryKind::Anonymous => "anonymous memory",
            MemoryKind::PageCache => "page cache",
            MemoryKind::Shared => "shared memory",
            MemoryKind::PageTables => "page tables",
            MemoryKind::KernelStacks => "kernel stacks",
            MemoryKind::Vmalloc => "vmalloc",
            MemoryKind::PerCpu => "per-cpu memory",
            MemoryKind::HugePages => "huge pages",
            MemoryKind::Unaccounted => "unaccounted pages",
        }
    }

    /// Whether the kernel drops it when memory is short.
    pub fn is_given_back(self) -> bool {
        matches!(self, MemoryKind::PageCache | MemoryKind::Reclaimable)
    }

    /// Whether it is slab memory.
    pub fn is_slab(self) -> bool {
        matches!(self, MemoryKind::Unreclaimable | MemoryKind::Reclaimable | MemoryKind::Slab)
    }
}

/// One use of memory.
#[derive(Clone, PartialEq, Debug)]
pub struct PartReport {
    /// What for.
    pub kind: MemoryKind,
    /// Bytes in the first sample.
    pub first: u64,
    /// Bytes in the last sample.
    pub last: u64,
    /// Bytes per unit of time.
    pub slope: f64,
    /// How long its growth has been steady, in units of time, if it is.
    pub steady_span: Option<f64>,
    /// Whether it grows from beginning to end, by an amount that matters.
    pub grows: bool,
    /// Times and bytes.
    pub series: Vec<(f64, f64)>,
}

/// The balance of memory.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct MemoryReport {
    /// Its parts, fastest growth first.
    pub parts: Vec<PartReport>,
    /// Bytes of slab memory per unit of time.
    pub slab_slope: Option<f64>,
    /// Bytes of unreclaimable slab memory per unit of time.
    pub unreclaimable_slope: Option<f64>,
    /// Bytes per unit of time that nothing accounts for.
    pub unaccounted_slope: Option<f64>,
    /// Bytes available in the first sample.
    pub available_first: Option<u64>,
    /// Bytes available in the last sample.
    pub available_last: Option<u64>,
    /// Units of time until nothing is available, at the speed of what grows.
    pub exhausted_in: Option<f64>,
    /// Whether what is available is that of the low memory alone, as on 32-bit machines.
    pub is_low: bool,
    /// Times and free bytes.
    pub free: Vec<(f64, f64)>,
    /// Times and available bytes.
    pub available: Vec<(f64, f64)>,
}

/// Why there is nothing to report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// The input has no bytes.
    #[error(
        "the input is empty; give the log of a loop over date, /proc/meminfo and /proc/slabinfo"
    )]
    Empty,
    /// Nothing of the input looks like a monitor log.
    #[error(
        "found no /proc/slabinfo or /proc/meminfo text in the input; record some with: while sleep 60; do date; cat /proc/meminfo /proc/slabinfo; done >> slabmon.log"
    )]
    NoSamples,
}

impl Unusable {
    /// Why a report says nothing, if it does.
    pub fn of(report: &MonitorReport) -> Option<Unusable> {
        if report.samples.count > 0 {
            None
        } else if report.inputs.iter().all(|input| input.bytes == 0) {
            Some(Unusable::Empty)
        } else {
            Some(Unusable::NoSamples)
        }
    }
}
