//! What headers mean that do not show what the ones before them left.

use super::explanation::{Break, Certainty, Explanation, UNSEEN_MAX};
use super::follower::Follower;
use super::header::{Header, Seen, Spot};
use super::places::Pointers;
use super::slab::{Alternative, Counted, Doubt, Events, Fit, HeadOrigin, State, is_near};
use super::{IsLive, Object, Reading, Unseen};
use crate::address::{LineNumber, ObjectAddr};
use crate::record::Op;

/// Places of a slab at which an object is looked for: as many objects of 8 bytes as 16 pages hold.
const PLACES_MAX: usize = 8192;

impl Follower {
    /// Objects that were freed unseen and now show up in the freelist.
    pub(super) fn hand_over_found(
        &mut self,
        found: [Option<ObjectAddr>; 2],
        header: &Header,
        cache: usize,
        reading: &mut Reading,
    ) {
        for object in found.into_iter().flatten() {
            // When it was freed, it counted as one whose address is not known.
            let links = self.links_of(cache);
            links.without_address = links.without_address.saturating_sub(1);
            if links.may_be_trusted() {
                let (cache, line) = (header.cache, header.line);
                reading.unseen.push(Unseen { op: Op::Free, object, cache, line });
            }
        }
    }

    /// Counts events that must have happened, and hands over those with an address.
    fn hand_over(
        &mut self,
        events: impl IntoIterator<Item = (Op, Option<ObjectAddr>)>,
        line: LineNumber,
        cache: usize,
        reading: &mut Reading,
    ) {
        let Some((&name, known)) = self.caches.get_index_mut(cache) else { return };
        if !known.links.may_be_trusted() {
            return;
        }
        for (op, object) in events {
            match op {
                Op::Alloc => known.links.inferred_allocs += 1,
                Op::Free => known.links.inferred_frees += 1,
            }
            known.links.without_address += u64::from(object.is_none());
            let unseen = object.map(|object| Unseen { op, object, cache: name, line });
            reading.unseen.extend(unseen);
        }
    }

    /// What the header before this one meant.
    pub(super) fn decide(&mut self, slab: u32, seen: &Seen, cache: usize, reading: &mut Reading) {
        let followed = &mut self.slabs[slab as usize];
        let Some(doubt) = followed.doubt.take() else { return };
        let Doubt { events, line, alternatives, counted } = *doubt;
        let is_right = followed.state.is(seen);
        match alternatives.into_iter().find(|other| !is_right && other.state.is(seen)) {
            Some(Alternative { state, events }) => {
                followed.state = state;
                self.hand_over(events, line, cache, reading);
                if counted == Counted::Link {
                    let links = self.links_of(cache);
                    links.free_links = links.free_links.saturating_sub(1);
                    links.free_breaks += 1;
                }
            }
            // Where a slab is taken whole, frees are printed before they are done, and those of
            // another processor may come in between.
            None if self.reader.rule.takes_whole() && !is_right => {}
            None => self.hand_over(events, line, cache, reading),
        }
    }

    /// Whether an object was freed in one go with the ones before it.
    fn is_in_bulk(&self, slab: u32, header: &Header, seen: &Seen) -> bool {
        let bulk = self.slabs[slab as usize].bulk;
        header.op == Op::Free && seen.inuse.is_some() && bulk.is_some_and(|bulk| bulk.seen == *seen)
    }

    /// An object was freed in one go with the ones before it; or the first of them was allocated
    /// unseen in between.
    fn bulk(&mut self, slab: u32, header: &Header, cache: usize, seen: &Seen) {
        let rule = self.reader.rule;
        let followed = &mut self.slabs[slab as usize];
        let Some(bulk) = &mut followed.bulk else { return };
        let mut doubt = None;
        if bulk.objects == 1 {
            let mut state = State { inuse: seen.inuse, ..followed.state.clone() };
            let allocated = state.list.pop(rule).and_then(Spot::object);
            state.advance(header.op, header.object, seen, rule);
            let alternatives = vec![Alternative { state, events: vec![(Op::Alloc, allocated)] }];
            let (events, line, counted) = (Events::new(), header.line, Counted::Link);
            doubt = Some(Box::new(Doubt { events, line, alternatives, counted }));
        }
        let spot = header.object.map_or(Spot::Unknown, Spot::Object);
        followed.state.list.push_below(bulk.objects, spot);
        followed.state.inuse = followed.state.inuse.map(|inuse| inuse.saturating_sub(1));
        bulk.objects += 1;
        followed.doubt = doubt;
        let is_empty = followed.state.inuse == Some(0);
        self.count_link(cache, header.op);
        self.find_under(slab, header, cache);
        if is_empty {
            self.forget(slab);
        }
    }

    /// Takes a header that shows what its predecessor did not leave.
    pub(super) fn broken(
        &mut self,
        slab: u32,
        mut header: Header,
        cache: usize,
        is_live: &IsLive<'_>,
        reading: &mut Reading,
    ) {
        let mut seen = self.reader.rule.seen(&header);
        if self.is_in_bulk(slab, &header, &seen) {
            return self.bulk(slab, &header, cache, &seen);
        }
        if self.reader.rule.takes_whole() && header.op == Op::Free && seen.head == Spot::End {
            return self.restart(slab, &header, cache, &seen);
        }
        if self.reader.rule.takes_whole() && self.reader.pointers == Pointers::Hashed {
            return self.broken_among_hashes(slab, &header, cache, is_live, reading);
        }
        self.count_break(cache, header.op);
        if self.is_emptied(slab, &header, &seen) {
            return self.emptied(slab, &header, cache, is_live, reading);
        }
        self.mend(slab, &mut header, &mut seen, is_live, reading);
        if self.slabs[slab as usize].state.fit(&seen) == Fit::Breaks {
            self.explain(slab, &header, cache, &seen, is_live, reading);
        } else {
            let found = self.advance(slab, &header, cache, &seen);
            self.hand_over_found(found, &header, cache, reading);
        }
    }

    /// Where an allocation shows nothing but a hash, it may be from any slab. What can be said for
    /// sure is that an object in the freelist does not live.
    fn broken_among_hashes(
        &mut self,
        slab: u32,
        header: &Header,
        cache: usize,
        is_live: &IsLive<'_>,
        reading: &mut Reading,
    ) {
        let seen = self.reader.rule.seen(header);
        match seen.head.object().filter(|&object| is_live(object)) {
            Some(freed) => {
                self.count_break(cache, header.op);
                self.hand_over([(Op::Free, Some(freed))], header.line, cache, reading);
            }
            None => self.links_of(cache).unlinked += 1,
        }
        self.restart(slab, header, cache, &seen);
    }

    /// Begins anew with a slab of which nothing is known that holds.
    fn restart(&mut self, slab: u32, header: &Header, cache: usize, seen: &Seen) {
        let state = &mut self.slabs[slab as usize].state;
        state.list.clear();
        state.inuse = None;
        self.slabs[slab as usize].doubt = None;
        self.advance(slab, header, cache, seen);
    }

    /// Whether nothing lived in a slab in which objects lived that were not seen to be freed.
    fn is_emptied(&self, slab: u32, header: &Header, seen: &Seen) -> bool {
        let state = &self.slabs[slab as usize].state;
        let is_same_head = state.list.head() == seen.head;
        let had_objects = state.inuse.is_some_and(|inuse| inuse > 0);
        // A slab of one object has no room for another one.
        let is_single = state.inuse == Some(1) && state.list.head() == Spot::End;
        let is_empty = header.op == Op::Alloc && seen.inuse == Some(0);
        is_empty && had_objects && !is_same_head && !is_single
    }

    /// Everything in the slab was freed unseen.
    fn emptied(
        &mut self,
        slab: u32,
        header: &Header,
        cache: usize,
        is_live: &IsLive<'_>,
        reading: &mut Reading,
    ) {
        let inuse = self.slabs[slab as usize].state.inuse.unwrap_or_default() as usize;
        let mut freed: Vec<_> = self.live_in(slab, cache, is_live).into_iter().map(Some).collect();
        freed.resize(inuse.min(UNSEEN_MAX).max(freed.len()), None);
        let frees = freed.into_iter().map(|object| (Op::Free, object));
        self.hand_over(frees, header.line, cache, reading);
        self.forget(slab);
        self.start(header, cache);
    }

    /// The objects of a slab that the ledger takes for live.
    fn live_in(&self, slab: u32, cache: usize, is_live: &IsLive<'_>) -> Vec<ObjectAddr> {
        let (followed, known) = (&self.slabs[slab as usize], &self.caches[cache]);
        let keys = followed.keys.iter().copied();
        match self.reader.pointers {
            Pointers::Hashed => keys.map(ObjectAddr).filter(|&object| is_live(object)).collect(),
            Pointers::Raw => {
                let distance = 1usize << known.bits.trailing_zeros().clamp(2, 20);
                let extents = keys.map(|key| known.size.extent(key));
                extents
                    .flat_map(|(first, bytes)| (first..=first | (bytes - 1)).step_by(distance))
                    .take(PLACES_MAX)
                    .map(ObjectAddr)
                    .filter(|&object| is_live(object))
                    .collect()
            }
        }
    }

    /// Mends what a damaged digit explains better than lost events.
    fn mend(
        &mut self,
        slab: u32,
        header: &mut Header,
        seen: &mut Seen,
        is_live: &IsLive<'_>,
        reading: &mut Reading,
    ) {
        let followed = &mut self.slabs[slab as usize];
        if !followed.state.has_count(seen) {
            return;
        }
        if let (Spot::Object(known), Spot::Object(shown)) = (followed.state.list.head(), seen.head)
            && known != shown
            && is_near(known, shown)
        {
            match (is_live(shown), followed.origin, header.op) {
                (true, HeadOrigin::Orphan, _) => {
                    // The free before this one printed a wrong address; this is the right one.
                    followed.state.list.replace_head(Spot::Unknown);
                    let cache = header.cache;
                    let line = header.line;
                    reading.unseen.push(Unseen { op: Op::Free, object: shown, cache, line });
                    followed.state.list.replace_head(seen.head);
                }
                (true, _, _) => return,
                (false, _, _) if is_live(known) => followed.state.list.replace_head(seen.head),
                (false, _, Op::Free) => seen.head = Spot::Unknown,
                (false, _, Op::Alloc) => {
                    header.object = Some(known);
                    seen.head = Spot::Object(known);
                    reading.object = Object::Mended(known);
                }
            }
        }
        if let (Spot::Object(known), Spot::Object(shown)) = (followed.state.list.at(1), seen.next)
            && followed.state.list.head() == seen.head
            && is_near(known, shown)
            && !is_live(shown)
        {
            seen.next = Spot::Unknown;
        }
    }

    /// Finds out what happened before the header.
    fn explain(
        &mut self,
        slab: u32,
        header: &Header,
        cache: usize,
        seen: &Seen,
        is_live: &IsLive<'_>,
        reading: &mut Reading,
    ) {
        let rule = self.reader.rule;
        let before = self.slabs[slab as usize].state.clone();
        let more = before.inuse.zip(seen.inuse).map(|(was, is)| i64::from(is) - i64::from(was));
        let is_sane = more.is_none_or(|more| more.unsigned_abs() <= UNSEEN_MAX as u64);
        let seen_break = Break { list: &before.list, seen: *seen, more, rule, is_live };
        let Some(found) = is_sane.then(|| seen_break.explain()).flatten() else {
            return self.restart(slab, header, cache, seen);
        };
        let Explanation { list, events, certainty } = found;
        let inuse = before.inuse.map(|was| after(was, &events));
        self.slabs[slab as usize].state = State { list, inuse: seen.inuse.or(inuse) };
        let found = self.advance(slab, header, cache, seen);
        self.hand_over_found(found, header, cache, reading);
        let is_plain = |&event: &(Op, Option<ObjectAddr>)| {
            certainty == Certainty::Certain
                || (header.op == Op::Free && event == (Op::Alloc, header.object))
        };
        let (plain, doubtful): (Events, Events) = events.into_iter().partition(is_plain);
        self.hand_over(plain, header.line, cache, reading);
        let followed = &mut self.slabs[slab as usize];
        if !doubtful.is_empty() && !followed.keys.is_empty() {
            followed.doubt = Some(Box::new(Doubt::of(header, before, rule, doubtful)));
        }
    }
}

/// Objects in use after events.
fn after(inuse: u32, events: &Events) -> u32 {
    events.iter().fold(inuse, |inuse, (op, _)| match op {
        Op::Alloc => inuse + 1,
        Op::Free => inuse.saturating_sub(1),
    })
}
