//! Where numbers come from.

/// Where the numbers of a report come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub enum Origin {
    /// The trace of a slab cache: every allocation and free.
    #[default]
    Trace,
    /// `alloc_traces` in debugfs: who allocated the objects of a cache that are in use.
    AllocTraces,
    /// `free_traces` in debugfs: who freed last what those objects lie in.
    FreeTraces,
    /// `alloc_calls` in sysfs: as `alloc_traces`, but the call site alone.
    AllocCalls,
    /// `free_calls` in sysfs: as `free_traces`, but the call site alone.
    FreeCalls,
    /// `/proc/allocinfo`: what lives, by line of source.
    Allocinfo,
    /// `page_owner` in debugfs: who allocated the pages that are in use.
    PageOwner,
    /// More than one of these.
    Several,
}

impl Origin {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Trace => "trace",
            Origin::AllocTraces => "alloc_traces",
            Origin::FreeTraces => "free_traces",
            Origin::AllocCalls => "alloc_calls",
            Origin::FreeCalls => "free_calls",
            Origin::Allocinfo => "allocinfo",
            Origin::PageOwner => "page_owner",
            Origin::Several => "several",
        }
    }

    /// Whether it tells who allocated what lives.
    pub(crate) fn is_of_allocations(self) -> bool {
        !matches!(self, Origin::FreeTraces | Origin::FreeCalls)
    }

    /// The file with the whole backtrace instead of the call site.
    pub(crate) fn with_backtraces(self) -> Origin {
        match self {
            Origin::AllocCalls => Origin::AllocTraces,
            Origin::FreeCalls => Origin::FreeTraces,
            other => other,
        }
    }
}
