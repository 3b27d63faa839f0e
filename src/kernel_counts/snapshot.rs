//! One reading of one of the kernel's files.

use indexmap::IndexMap;

use foldhash::fast::FixedState;

use crate::event::{FrameId, NameId};
use crate::report::Origin;

/// What entries of one group have in common.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Key {
    /// A backtrace, or the call site alone; empty where the kernel does not know it.
    Chain(Box<[FrameId]>),
    /// A backtrace of pages, and the order that they were allocated with, where it is told.
    Pages(Box<[FrameId]>, Option<u32>),
    /// A line of source.
    Line(LineKey),
}

impl Key {
    pub(super) fn frames(&self) -> &[FrameId] {
        match self {
            Key::Chain(frames) | Key::Pages(frames, _) => frames,
            Key::Line(_) => &[],
        }
    }
}

/// A line of source that allocates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct LineKey {
    pub(super) file: NameId,
    pub(super) line: u32,
    pub(super) module: Option<NameId>,
    pub(super) function: NameId,
}

/// What the entries of a group add up to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    pub(super) objects: u64,
    /// Bytes, where the file tells them.
    pub(super) bytes: Option<u64>,
    /// Bytes that nobody asked for, where the file tells them.
    pub(super) waste: Option<u64>,
    /// Least and greatest age, in ticks.
    pub(super) ages: Option<(i64, i64)>,
    /// Least and greatest process id.
    pub(super) pids: Option<(u32, u32)>,
    /// Tasks by name and process id, where each is told; the first [`TASKS_MAX`].
    pub(super) tasks: IndexMap<(Option<NameId>, u32), u64, FixedState>,
}

/// Tasks of a group that are counted by name.
const TASKS_MAX: usize = 256;

impl Tally {
    pub(super) fn add(&mut self, more: &Tally) {
        self.objects = self.objects.saturating_add(more.objects);
        self.bytes = sum(self.bytes, more.bytes);
        self.waste = sum(self.waste, more.waste);
        self.ages = spanning(self.ages, more.ages);
        self.pids = spanning(self.pids, more.pids);
        for (&task, &objects) in &more.tasks {
            self.see_task(task, objects);
        }
    }

    pub(super) fn see_task(&mut self, task: (Option<NameId>, u32), objects: u64) {
        if self.tasks.len() < TASKS_MAX || self.tasks.contains_key(&task) {
            let known = self.tasks.entry(task).or_default();
            *known = known.saturating_add(objects);
        }
    }
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map(|(a, b)| a.saturating_add(b)).or(a).or(b)
}

fn spanning<N: Ord + Copy>(a: Option<(N, N)>, b: Option<(N, N)>) -> Option<(N, N)> {
    a.zip(b).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))).or(a).or(b)
}

/// One reading of one file.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) origin: Origin,
    /// The cache that the file is of, where a path tells it.
    pub(super) cache: Option<String>,
    /// Whether a line in front of the text named the file.
    pub(super) is_named: bool,
    /// Whether its entries have backtraces.
    pub(super) has_backtraces: bool,
    pub(super) groups: IndexMap<Key, Tally, FixedState>,
    /// Bytes of its lines.
    pub(super) bytes: u64,
    /// Rows that the kernel does not vouch for.
    pub(super) inaccurate: u64,
}

impl Snapshot {
    pub(super) fn new(origin: Origin) -> Snapshot {
        Snapshot {
            origin,
            cache: None,
            is_named: false,
            has_backtraces: false,
            groups: IndexMap::default(),
            bytes: 0,
            inaccurate: 0,
        }
    }

    /// The kernel cuts the files in sysfs at a page of 4 KiB, with room left for one more line
    /// (`list_locations` in `mm/slub.c`, to 5.15).
    pub(super) fn is_cut_at_a_page(&self) -> bool {
        const NEARLY_A_PAGE: std::ops::Range<u64> = 3700..4097;
        let is_in_sysfs = matches!(self.origin, Origin::AllocCalls | Origin::FreeCalls);
        is_in_sysfs && NEARLY_A_PAGE.contains(&self.bytes)
    }
}
