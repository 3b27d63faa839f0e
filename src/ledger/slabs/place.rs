//! Which slab a header belongs to, where its addresses may be damaged.

use super::follower::{Crossing, Follower, Place};
use super::header::{Header, Seen, Spot};
use super::places::{Pointers, SlabSize};
use super::rule::Rule;
use super::slab::{State, is_near};
use super::{Object, Reading};
use crate::address::ObjectAddr;
use crate::record::Op;

impl Follower {
    /// Where a header belongs. What the slab says of its damaged numbers is put right.
    pub(super) fn place(
        &mut self,
        header: &mut Header,
        cache: usize,
        reading: &mut Reading,
    ) -> Place {
        if (self.reader.rule, header.op) == (Rule::Before, Op::Alloc) {
            self.choose_copy(header, cache, reading);
        }
        match self.reader.pointers {
            Pointers::Raw => self.place_raw(header, cache, reading),
            Pointers::Hashed => self.place_hashed(header, reading),
        }
    }

    /// Up to 3.1 an allocation prints its object twice.
    fn choose_copy(&self, header: &mut Header, cache: usize, reading: &mut Reading) {
        let Some(copy) = header.fp.object() else { return };
        if header.object == Some(copy) {
            return;
        }
        let slab = self.found_at(copy, cache);
        let is_head = slab.is_some_and(|slab| self.state(slab).list.head() == Spot::Object(copy));
        if header.object.is_none() || is_head {
            header.object = Some(copy);
            reading.object = Object::Mended(copy);
        }
        header.fp = Spot::Unknown;
    }

    fn state(&self, slab: u32) -> &State {
        &self.slabs[slab as usize].state
    }

    fn key(&self, object: ObjectAddr, cache: usize) -> u64 {
        match self.reader.pointers {
            Pointers::Raw => self.caches[cache].size.key(object),
            Pointers::Hashed => object.0,
        }
    }

    fn found_at(&self, object: ObjectAddr, cache: usize) -> Option<u32> {
        self.places.at(self.key(object, cache))
    }

    fn place_raw(&mut self, header: &mut Header, cache: usize, reading: &mut Reading) -> Place {
        let size = &mut self.caches[cache].size;
        match (header.object, header.fp) {
            (Some(object), Spot::Object(fp)) if !size.holds_both(object, fp) => {
                self.between_slabs((object, fp), header, cache, reading)
            }
            (Some(object), fp) => {
                if fp.object().is_some() {
                    size.see_within();
                }
                self.found_at(object, cache).map_or(Place::New, Place::Slab)
            }
            (None, Spot::Object(fp)) => match self.found_at(fp, cache) {
                Some(slab) => self.without_object(slab, header, reading),
                None => Place::Nowhere,
            },
            (None, Spot::End | Spot::Unknown) => Place::Nowhere,
        }
    }

    /// A header whose object and next free object are in different slabs: one of them is damaged,
    /// or slabs are larger than was known.
    fn between_slabs(
        &mut self,
        (object, fp): (ObjectAddr, ObjectAddr),
        header: &mut Header,
        cache: usize,
        reading: &mut Reading,
    ) -> Place {
        if self.caches[cache].size.see_wider(object, fp) {
            self.forget_cache(cache);
            return Place::New;
        }
        let seen = self.reader.rule.seen(header);
        let (of_object, of_fp) = (self.found_at(object, cache), self.found_at(fp, cache));
        match header.op {
            Op::Alloc => {
                let without_next = Seen { next: Spot::Unknown, ..seen };
                if let Some(slab) = of_object.filter(|&slab| self.state(slab).is(&without_next)) {
                    self.note_crossing((object, fp), header, cache);
                    header.fp = Spot::Unknown;
                    return Place::Slab(slab);
                }
                let near = of_fp.filter(|&slab| self.has_head_near(slab, object));
                near.map_or(Place::Nowhere, |slab| self.without_object(slab, header, reading))
            }
            Op::Free => {
                if let Some(slab) = of_fp.filter(|&slab| self.state(slab).is(&seen)) {
                    self.note_crossing((object, fp), header, cache);
                    header.object = None;
                    if !SlabSize::may_hold_both(object, fp) {
                        reading.object = Object::Belied;
                    }
                    return Place::Slab(slab);
                }
                let near = of_object.filter(|&slab| {
                    self.state(slab).has_count(&seen) && self.has_head_near(slab, fp)
                });
                header.fp = Spot::Unknown;
                near.map_or(Place::Nowhere, Place::Slab)
            }
        }
    }

    fn has_head_near(&self, slab: u32, object: ObjectAddr) -> bool {
        self.state(slab).list.head().object().is_some_and(|head| is_near(head, object))
    }

    /// Remembers what the next header of the slab shows, if object and next free object are in
    /// the same one.
    fn note_crossing(&mut self, between: (ObjectAddr, ObjectAddr), header: &Header, cache: usize) {
        let left = match header.op {
            Op::Alloc => (header.fp, header.inuse),
            Op::Free => {
                (Spot::Object(between.0), header.inuse.and_then(|inuse| inuse.checked_sub(1)))
            }
        };
        let left = Seen { head: left.0, next: Spot::Unknown, inuse: left.1 };
        self.caches[cache].crossing = Some(Crossing { left, between });
    }

    /// A header whose object's digits are damaged, where its other numbers fit a slab: an
    /// allocation took the head.
    fn without_object(&self, slab: u32, header: &mut Header, reading: &mut Reading) -> Place {
        let mut seen = self.reader.rule.seen(header);
        let state = self.state(slab);
        match (header.op, state.list.head()) {
            (Op::Alloc, head @ Spot::Object(object)) if header.fp != Spot::Unknown => {
                seen.head = head;
                if seen.inuse.is_none() || !state.is(&seen) {
                    return Place::Nowhere;
                }
                header.object = Some(object);
                reading.object = Object::Mended(object);
                Place::Slab(slab)
            }
            (Op::Free, _) if state.is(&seen) => Place::Slab(slab),
            _ => Place::Nowhere,
        }
    }

    /// A hash has no neighbours: a slab is found by the addresses that it was linked with.
    fn place_hashed(&mut self, header: &mut Header, reading: &mut Reading) -> Place {
        let at = |object: ObjectAddr| self.places.at(object.0);
        let of_fp = header.fp.object().and_then(at);
        let Some(object) = header.object else {
            return of_fp.map_or(Place::Nowhere, |slab| self.without_object(slab, header, reading));
        };
        match (at(object), of_fp) {
            (Some(slab), Some(other)) if slab != other => self.merge(slab, other, header),
            (Some(slab), _) | (None, Some(slab)) => Place::Slab(slab),
            // An allocation that shows nothing but its object cannot be followed.
            (None, None) if self.reader.rule.takes_whole() && header.op == Op::Alloc => {
                Place::Aside
            }
            (None, None) => Place::New,
        }
    }

    /// Two parts of a slab that no header had linked before.
    fn merge(&mut self, of_object: u32, of_fp: u32, header: &Header) -> Place {
        let seen = self.reader.rule.seen(header);
        let keeps_object = self.state(of_object).is(&seen) && !self.state(of_fp).is(&seen);
        let (kept, gone) = if keeps_object { (of_object, of_fp) } else { (of_fp, of_object) };
        let keys = std::mem::take(&mut self.slabs[gone as usize].keys);
        for &key in &keys {
            self.places.set(key, kept);
        }
        self.slabs[kept as usize].keys.extend(keys);
        self.forget(gone);
        Place::Slab(kept)
    }
}
