//! What the other witnesses say: the model that every format is written from.

use crate::address::LineNumber;
use crate::report::Origin;

/// What the other witnesses say of the whole log.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct WitnessReport {
    /// How traced caches grew, and how much of that survivors explain.
    pub growth: Vec<GrowthReport>,
    /// How much unreclaimable slab memory grew.
    pub memory: Vec<MemoryGrowth>,
    /// What kmemleak found.
    pub kmemleak: Option<KmemleakWitness>,
}

impl WitnessReport {
    /// Whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        *self == WitnessReport::default()
    }
}

/// What was counted in between.
#[derive(Clone, PartialEq, Debug)]
pub enum Period {
    /// Two places in the log itself.
    Lines {
        /// The first count's line.
        first: LineNumber,
        /// The last count's line.
        last: LineNumber,
    },
    /// Two samples of a monitor's log.
    Monitor {
        /// Seconds between them, where that log has dates.
        seconds: Option<f64>,
    },
}

/// The group that explains most.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopGroup {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The function that called the allocator, where it is known.
    pub function: Option<String>,
    /// Its survivors.
    pub survivors: u64,
}

/// A cache of a boot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cache {
    /// Its name.
    pub name: String,
    /// The boot whose trace is compared.
    pub boot: usize,
}

/// How a traced cache grew, and how much of it survivors explain.
#[derive(Clone, PartialEq, Debug)]
pub struct GrowthReport {
    /// The cache.
    pub cache: Cache,
    /// When the counts were taken.
    pub period: Period,
    /// Objects in use by the first count.
    pub objects_first: u64,
    /// Objects in use by the last count.
    pub objects_last: u64,
    /// Bytes of memory from one object to the next, by slabinfo: what debugging options put
    /// around an object is part of it.
    pub spacing: u64,
    /// Survivors of the trace that were allocated in between, as far as that is known.
    pub survivors: u64,
    /// The group with most of them.
    pub top: Option<TopGroup>,
    /// Objects that grew for each second, and survivors for each second of the trace, where the
    /// two do not cover the same time.
    pub rates: Option<(f64, f64)>,
    /// What could not be known.
    pub reservations: Vec<Reservation>,
}

impl GrowthReport {
    /// Objects more by the last count than by the first.
    pub fn grown(&self) -> i64 {
        crate::report::difference(self.objects_last, self.objects_first)
    }

    /// The part of the growth that survivors explain: 1 is all of it. Nothing where nothing grew, and
    /// where the two are known to be of different times or boots.
    pub fn explained(&self) -> Option<f64> {
        let is_elsewhere = |reservation: &Reservation| {
            matches!(reservation, Reservation::Disjoint | Reservation::OtherKernel(..))
        };
        if self.reservations.iter().any(is_elsewhere) {
            return None;
        }
        let grown = u64::try_from(self.grown()).ok().filter(|&grown| grown > 0)?;
        Some(self.survivors as f64 / grown as f64)
    }
}

/// What stands between two numbers and their comparison.
#[derive(Clone, PartialEq, Debug)]
pub enum Reservation {
    /// The two logs have no clock in common: nobody knows whether they cover the same time.
    NoCommonClock,
    /// They cover the same time for so many seconds of the trace's so many.
    Overlap(f64, f64),
    /// They do not cover the same time at all.
    Disjoint,
    /// The two logs name different kernels: that of the trace, and the other.
    OtherKernel(String, String),
    /// The other log does not name its kernel: it may be another boot.
    BootUnknown,
    /// Tracing began later than the boot: objects from before count, and are no survivors.
    LateTrace,
    /// So many objects from before the trace were freed meanwhile, in all caches together, which hides
    /// as much growth.
    OldFrees(u64),
    /// Part of the trace is lost.
    Lost,
    /// The log holds several boots, and this is the last one's.
    LastBoot,
}

/// How much unreclaimable slab memory grew between two readings of meminfo.
#[derive(Clone, PartialEq, Debug)]
pub struct MemoryGrowth {
    /// Whether it is all slab memory, where the kernel does not tell the unreclaimable part.
    pub name: &'static str,
    /// When they were taken.
    pub period: Period,
    /// Bytes in the first.
    pub first: u64,
    /// Bytes in the last.
    pub last: u64,
}

/// What kmemleak found, as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KmemleakWitness {
    /// Its reports.
    pub scans: usize,
    /// Groups of objects in all of them.
    pub groups: u64,
    /// Those of them that are a group of the trace too.
    pub matched_groups: u64,
    /// Objects of the others, in the reports that have most of each.
    pub other_objects: u64,
    /// The first few of the others, in kmemleak's order.
    pub others: Vec<OtherLeak>,
    /// Where its reports stand.
    pub place: Seen,
}

/// Objects that kmemleak lists, and that no traced group is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherLeak {
    /// The fingerprint that a trace of them would give.
    pub fingerprint: String,
    /// The function that called the allocator, where it is known.
    pub function: Option<String>,
    /// Bytes of one object.
    pub size: u64,
    /// Objects in the report that has most of them.
    pub objects: u64,
}

/// Where a witness's words stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// In the log itself.
    Inside,
    /// In a file of their own.
    Beside,
}

/// What the other witnesses say of a group.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct GroupWitness {
    /// Survivors that were allocated between the first and the last count of the cache by slabinfo
    /// in the log.
    pub between_counts: Option<u64>,
    /// What kmemleak lists of it; absent where it lists nothing.
    pub kmemleak: Option<Unreferenced>,
    /// What the kernel counts of it.
    pub kernel: Option<KernelCount>,
}

impl GroupWitness {
    /// Whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        *self == GroupWitness::default()
    }
}

/// What kmemleak lists of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreferenced {
    /// Objects in its last report.
    pub objects_last: u64,
    /// Objects in the report that has most of them.
    pub objects_most: u64,
    /// How sure it is that it is this group.
    pub likeness: Likeness,
    /// Other groups of the trace that it may as well be.
    pub rivals: u64,
}

/// How alike two call chains are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Likeness {
    /// Their first frame is the same place; one has no other.
    Site,
    /// One begins like the other, and ends.
    Beginning,
    /// They differ in frames that one shows as bare addresses, or beyond the kernel's entry.
    Alike,
    /// Their fingerprints are the same.
    Same,
}

impl Likeness {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Likeness::Site => "site",
            Likeness::Beginning => "beginning",
            Likeness::Alike => "alike",
            Likeness::Same => "same",
        }
    }
}

/// What the kernel counts of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelCount {
    /// The file that counts.
    pub origin: Origin,
    /// Objects that live.
    pub objects: u64,
    /// Survivors in the trace of all groups that the count is of.
    pub survivors: u64,
    /// Groups of the trace that it is of.
    pub groups: u64,
    /// What of the chain it knows.
    pub likeness: Likeness,
}
