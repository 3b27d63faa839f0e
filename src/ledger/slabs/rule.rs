//! Which state of the slab a kernel prints, and what it does to the freelist.

use super::header::{Header, Seen, Spot};
use crate::record::Op;

/// What the headers of a kernel show. A free shows the state before it under every rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// From 6.1 on an allocation prints the state that it leaves.
    After,
    /// Up to 3.1 an allocation prints the state that it finds: `fp` is its object.
    Before,
    /// From 5.12 to 6.0 an allocation takes the slab whole, prints it as full, and gives the rest
    /// of the freelist back as it was.
    Kept,
    /// From 3.2 to 5.11 it gives the rest back one by one, which turns it round.
    Turned,
}

impl Rule {
    /// Every rule; the first of those that fit equally well is taken.
    pub(super) const ALL: [Rule; 4] = [Rule::After, Rule::Before, Rule::Turned, Rule::Kept];

    /// What a header shows.
    pub(super) fn seen(self, header: &Header) -> Seen {
        let taken = header.object.map_or(Spot::Unknown, Spot::Object);
        match (header.op, self) {
            // An object that is freed is in no freelist: its own address there is damage.
            (Op::Free, _) if taken == header.fp && header.object.is_some() => {
                Seen { inuse: header.inuse, ..Seen::NOTHING }
            }
            (Op::Free, _) => Seen { head: header.fp, next: Spot::Unknown, inuse: header.inuse },
            (Op::Alloc, Rule::After) => {
                let inuse = header.inuse.and_then(|inuse| inuse.checked_sub(1));
                Seen { head: taken, next: header.fp, inuse }
            }
            (Op::Alloc, Rule::Before) => {
                Seen { head: taken, next: Spot::Unknown, inuse: header.inuse }
            }
            (Op::Alloc, Rule::Kept | Rule::Turned) => Seen { head: taken, ..Seen::NOTHING },
        }
    }

    /// Whether a slab that somebody allocates from is out of reach for a moment. Frees of other
    /// processors then print it as full.
    pub(super) fn takes_whole(self) -> bool {
        matches!(self, Rule::Kept | Rule::Turned)
    }
}
