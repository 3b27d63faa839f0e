//! Which slab an address belongs to.
//!
//! A slab is a block of pages, aligned to its own size: where addresses are printed as they are,
//! those of one slab share their upper bits. How many is learned for each cache, from objects
//! that stand in one freelist. A hash says nothing of its kind: then each address is found by
//! itself, and belongs to the slab of those that it was linked with.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::address::ObjectAddr;

/// The bits of an address within a page, the smallest slab.
const PAGE_BITS: u32 = 12;

/// The bits of an address within the largest slab: 16 pages of 64 KiB.
const SLAB_BITS_MAX: u32 = 20;

/// Links between pages that are needed before slabs are taken to be larger.
const WIDER_MIN: u32 = 3;

/// In so many links, one may be damaged.
const LINKS_PER_DAMAGE: u32 = 16;

/// Whether a boot's addresses are what they seem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pointers {
    /// They are.
    Raw,
    /// They are hashes.
    Hashed,
}

/// How large the slabs of a cache are.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlabSize {
    bits: u32,
    /// Links within a slab of this size.
    within: u32,
    /// Links that need one more bit, two more, and so on.
    wider: [u32; (SLAB_BITS_MAX - PAGE_BITS) as usize],
}

impl Default for SlabSize {
    fn default() -> SlabSize {
        SlabSize { bits: PAGE_BITS, within: 0, wider: [0; (SLAB_BITS_MAX - PAGE_BITS) as usize] }
    }
}

impl SlabSize {
    /// What the slab of an address is found under.
    pub(super) fn key(self, object: ObjectAddr) -> u64 {
        object.0 >> self.bits << self.bits | u64::from(self.bits)
    }

    /// The first address of the slab, and how many bytes it has.
    pub(super) fn extent(self, key: u64) -> (u64, u64) {
        (key >> self.bits << self.bits, 1 << self.bits)
    }

    /// Whether two objects may be in one slab.
    pub(super) fn holds_both(self, one: ObjectAddr, other: ObjectAddr) -> bool {
        (one.0 ^ other.0) >> self.bits == 0
    }

    /// Counts a link within a slab.
    pub(super) fn see_within(&mut self) {
        self.within = self.within.saturating_add(1);
    }

    /// Counts a link between two pages, and says whether slabs are larger than was known.
    pub(super) fn see_wider(&mut self, one: ObjectAddr, other: ObjectAddr) -> bool {
        let bits = bits_between(one, other);
        if bits > SLAB_BITS_MAX || bits <= self.bits {
            return false;
        }
        let count = &mut self.wider[(bits - PAGE_BITS - 1) as usize];
        *count = count.saturating_add(1);
        let wider: u32 = self.wider.iter().fold(0, |sum, &count| sum.saturating_add(count));
        if wider < WIDER_MIN || wider < self.within / LINKS_PER_DAMAGE {
            return false;
        }
        let above = |bits: u32| -> u32 { self.wider[(bits - PAGE_BITS) as usize..].iter().sum() };
        let enough = (self.bits + 1..SLAB_BITS_MAX).find(|&bits| above(bits) * 8 < wider);
        self.widen(enough.unwrap_or(SLAB_BITS_MAX));
        true
    }

    /// Makes slabs so large that both objects may be in one, if any slab is.
    pub(super) fn include(&mut self, one: ObjectAddr, other: ObjectAddr) -> bool {
        let bits = bits_between(one, other);
        let is_wider = bits > self.bits && bits <= SLAB_BITS_MAX;
        if is_wider {
            self.widen(bits);
        }
        is_wider
    }

    /// Whether some slab may hold both.
    pub(super) fn may_hold_both(one: ObjectAddr, other: ObjectAddr) -> bool {
        bits_between(one, other) <= SLAB_BITS_MAX
    }

    fn widen(&mut self, bits: u32) {
        let passed = &mut self.wider[..(bits - PAGE_BITS) as usize];
        for count in passed {
            self.within = self.within.saturating_add(std::mem::take(count));
        }
        self.bits = bits;
    }
}

/// The bits in which two addresses may differ, where slabs are aligned.
fn bits_between(one: ObjectAddr, other: ObjectAddr) -> u32 {
    u64::BITS - (one.0 ^ other.0).leading_zeros()
}

/// Slabs by what they are found under.
#[derive(Clone, Default, Debug)]
pub(super) struct Places(HashMap<u64, u32, FixedState>);

impl Places {
    /// The slab that is found there.
    pub(super) fn at(&self, key: u64) -> Option<u32> {
        self.0.get(&key).copied()
    }

    /// Has a slab found there.
    pub(super) fn set(&mut self, key: u64, slab: u32) {
        self.0.insert(key, slab);
    }

    /// Nothing is found there any more.
    pub(super) fn clear(&mut self, key: u64, slab: u32) {
        if self.at(key) == Some(slab) {
            self.0.remove(&key);
        }
    }
}
