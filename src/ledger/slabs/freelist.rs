//! A slab's freelist, as far as it is known from its head down.

use super::header::Spot;
use super::rule::Rule;
use crate::address::ObjectAddr;

/// What lies below the known part of a freelist.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Floor {
    /// Objects that nobody knows, or none.
    #[default]
    Unknown,
    /// Nothing.
    End,
}

/// A stack of free objects.
#[derive(Clone, Default, Debug)]
pub(super) struct Freelist {
    /// From the deepest to the head. An unknown one is known to be there: it was freed unseen.
    known: Vec<Spot>,
    floor: Floor,
    /// From what lies above it down to the end, where the list is turned round at times.
    tail: Vec<Spot>,
}

impl Freelist {
    /// Makes it a list of which nothing is known.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.tail.clear();
        self.floor = Floor::Unknown;
    }

    /// What stands so far below the head.
    pub(super) fn at(&self, depth: usize) -> Spot {
        match self.known.len().checked_sub(depth + 1) {
            Some(index) => self.known[index],
            None => self.floor_spot(),
        }
    }

    fn floor_spot(&self) -> Spot {
        match self.floor {
            Floor::Unknown => Spot::Unknown,
            Floor::End => Spot::End,
        }
    }

    /// The head.
    pub(super) fn head(&self) -> Spot {
        self.known.last().copied().unwrap_or(self.floor_spot())
    }

    /// Where an object stands in the known part.
    pub(super) fn depth_of(&self, object: ObjectAddr) -> Option<usize> {
        self.known.iter().rev().position(|&spot| spot == Spot::Object(object))
    }

    /// Whether an object was freed unseen, and is the head.
    fn has_unseen_head(&self) -> bool {
        self.known.last() == Some(&Spot::Unknown)
    }

    /// Puts a free object above the head.
    pub(super) fn push(&mut self, spot: Spot) {
        self.known.push(spot);
    }

    /// Puts a free object below so many that are at the top.
    pub(super) fn push_below(&mut self, depth: usize, spot: Spot) {
        let index = self.known.len().saturating_sub(depth);
        self.known.insert(index, spot);
    }

    /// Takes the head away, and says what it was; absent where there is none.
    pub(super) fn pop(&mut self, rule: Rule) -> Option<Spot> {
        let head = self.known.pop().or((self.floor == Floor::Unknown).then_some(Spot::Unknown));
        if rule == Rule::Turned {
            self.turn();
        }
        head
    }

    fn turn(&mut self) {
        match self.floor {
            Floor::Unknown => std::mem::swap(&mut self.known, &mut self.tail),
            Floor::End => self.known.reverse(),
        }
    }

    /// Learns what the head is, and says which object that was freed unseen it is.
    pub(super) fn learn_head(&mut self, seen: Spot) -> Option<ObjectAddr> {
        let was_unseen = self.has_unseen_head();
        match (self.head(), seen) {
            (Spot::Unknown, Spot::Object(_)) => {
                if was_unseen {
                    self.known.pop();
                }
                if !self.join_tail(seen) {
                    self.known.push(seen);
                }
            }
            (Spot::Unknown, Spot::End) if !was_unseen => {
                self.floor = Floor::End;
                self.tail.clear();
            }
            _ => {}
        }
        seen.object().filter(|_| was_unseen)
    }

    /// Where the head is known to stand in the tail, nothing unknown is above it.
    fn join_tail(&mut self, head: Spot) -> bool {
        let place = self.tail.iter().position(|&spot| spot == head);
        if let Some(place) = place.filter(|_| self.known.is_empty()) {
            self.known.extend(self.tail.drain(place..).rev());
            self.tail.clear();
            self.floor = Floor::End;
        }
        place.is_some() && self.floor == Floor::End
    }

    /// Puts another one in the head's place.
    pub(super) fn replace_head(&mut self, spot: Spot) {
        self.known.pop();
        self.known.push(spot);
    }

    /// Whether a header that shows `seen` there can be true.
    pub(super) fn admits(&self, depth: usize, seen: Spot) -> bool {
        match (self.at(depth), seen) {
            (Spot::Unknown, Spot::End) => depth >= self.known.len(),
            (_, Spot::Unknown) | (Spot::Unknown, Spot::Object(_)) => true,
            (known, seen) => known == seen,
        }
    }
}
