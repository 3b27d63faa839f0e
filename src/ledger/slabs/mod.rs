//! Follows the freelist and the count of every slab, and tells which events a log lacks.
//!
//! Each header shows the head of its slab's freelist and how many objects of the slab are in use.
//! The kernel prints it under a lock of the slab, so that one header of a slab must show what the
//! one before it left. Where it does not, events are missing or a number is damaged, and mostly
//! one explanation is the simplest by far.

mod breaks;
mod explanation;
mod follower;
mod freelist;
mod header;
mod links;
mod measure;
mod place;
mod places;
mod rule;
mod sample;
mod slab;
mod trials;

pub use links::{Links, Proof};

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use crate::address::{LineNumber, ObjectAddr};
use crate::event::{Event, NameId};
use crate::record::Op;
use follower::Follower;
use header::Header;
use sample::Sample;

/// Whether the ledger takes an object for live.
pub(super) type IsLive<'a> = dyn Fn(ObjectAddr) -> bool + 'a;

/// Inferred events from before the rule was known that are handed over.
const PENDING_MAX: usize = 64;

/// What a header's object truly is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Object {
    /// As the header says.
    #[default]
    AsPrinted,
    /// This one: the header's address is damaged, and its slab says what it was.
    Mended(ObjectAddr),
    /// Nobody knows: the header's address is damaged.
    Belied,
}

/// An event that must have happened, but is not in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unseen {
    /// Allocation or free.
    pub(super) op: Op,
    /// The object.
    pub(super) object: ObjectAddr,
    /// The cache.
    pub(super) cache: NameId,
    /// The line of a header that it came before.
    pub(super) line: LineNumber,
}

/// What a header says beside its event.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Reading {
    /// The event's object.
    pub(super) object: Object,
    /// What happened unseen before the event, in order.
    pub(super) unseen: Vec<Unseen>,
}

/// What is known of a boot's slabs.
#[derive(Clone, Debug)]
enum Phase {
    /// Too little to tell what headers show.
    Sampling(Sample),
    /// What headers show.
    Following(Follower),
}

/// The slabs of a boot.
#[derive(Clone, Debug)]
pub(super) struct Slabs(Phase);

impl Default for Slabs {
    fn default() -> Slabs {
        Slabs(Phase::Sampling(Sample::default()))
    }
}

impl Slabs {
    /// Takes the next event of the boot.
    pub(super) fn see(&mut self, event: &Event, is_live: &IsLive<'_>) -> Reading {
        let mut reading = Reading::default();
        let Some(header) = Header::of(event) else { return reading };
        match &mut self.0 {
            Phase::Following(follower) => follower.see(&header, is_live, &mut reading),
            Phase::Sampling(sample) => {
                sample.add(header);
                if let Some((follower, unseen)) = sample.learn() {
                    reading.unseen = unseen;
                    reading.unseen.truncate(PENDING_MAX);
                    self.0 = Phase::Following(follower);
                }
            }
        }
        reading
    }

    /// The ledger knows no allocation of the object that was freed last.
    pub(super) fn orphan(&mut self) {
        if let Phase::Following(follower) = &mut self.0 {
            follower.orphan();
        }
    }

    /// The boot is over: what each cache's headers prove, where messages were dropped up to a line.
    pub(super) fn links(self, last_gap: Option<LineNumber>) -> IndexMap<NameId, Links, FixedState> {
        match self.0 {
            Phase::Following(follower) => follower.links(last_gap),
            Phase::Sampling(sample) => sample.links(last_gap),
        }
    }
}
