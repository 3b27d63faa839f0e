//! What the headers of a cache prove.

use std::ops::AddAssign;

/// How the headers of a cache follow from each other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Links {
    /// Headers of allocations that show what the header before them left.
    pub alloc_links: u64,
    /// Headers of frees that do.
    pub free_links: u64,
    /// Headers of allocations that show something else.
    pub alloc_breaks: u64,
    /// Headers of frees that do.
    pub free_breaks: u64,
    /// Headers that are the first of a slab: nothing says what came before them.
    pub unlinked: u64,
    /// Allocations that are missing from the log.
    pub inferred_allocs: u64,
    /// Frees that are missing from the log.
    pub inferred_frees: u64,
    /// Those of both whose object is not known.
    pub without_address: u64,
    /// Slabs that were followed. One that was empty in between counts anew.
    pub slabs: u64,
    /// Objects in use at the end in the slabs whose count is known.
    pub live_by_inuse: u64,
    /// Those of them in slabs of which there is no header behind the last dropped messages: nothing
    /// proves that they still live.
    pub unheard: u64,
}

/// What a cache's links say of its part of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Proof {
    /// Every header that has a predecessor follows from it.
    Complete,
    /// Events are missing, or numbers are damaged.
    Broken,
    /// The headers follow no rule, or are too few to tell one.
    Unknown,
}

impl Proof {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Proof::Complete => "complete",
            Proof::Broken => "broken",
            Proof::Unknown => "unknown",
        }
    }
}

impl Links {
    /// Fewer headers than this prove nothing.
    pub const CHECKS_MIN: u64 = 8;

    /// Headers that show what the header before them left.
    pub fn agreeing(&self) -> u64 {
        self.alloc_links + self.free_links
    }

    /// Headers that show something else.
    pub fn breaks(&self) -> u64 {
        self.alloc_breaks + self.free_breaks
    }

    /// Whether the rule holds, or too few were seen to say that it does not.
    pub(super) fn may_be_trusted(&self) -> bool {
        let checked = self.agreeing() + self.breaks();
        checked < Links::CHECKS_MIN || self.agreeing() * 2 >= checked
    }

    /// What they prove.
    pub fn proof(&self) -> Proof {
        let checked = self.agreeing() + self.breaks();
        if checked < Links::CHECKS_MIN || !self.may_be_trusted() {
            Proof::Unknown
        } else if self.breaks() == 0 {
            Proof::Complete
        } else {
            Proof::Broken
        }
    }
}

impl AddAssign for Links {
    fn add_assign(&mut self, other: Links) {
        self.alloc_links += other.alloc_links;
        self.free_links += other.free_links;
        self.alloc_breaks += other.alloc_breaks;
        self.free_breaks += other.free_breaks;
        self.unlinked += other.unlinked;
        self.inferred_allocs += other.inferred_allocs;
        self.inferred_frees += other.inferred_frees;
        self.without_address += other.without_address;
        self.slabs += other.slabs;
        self.live_by_inuse += other.live_by_inuse;
        self.unheard += other.unheard;
    }
}
