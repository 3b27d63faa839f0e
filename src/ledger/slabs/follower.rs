//! Follows the slabs of one boot, once it is known what its headers show.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::header::{Header, Seen, Spot};
use super::links::Links;
use super::places::{Places, Pointers, SlabSize};
use super::rule::Rule;
use super::slab::{Bulk, Fit, HeadOrigin, Slab, State};
use super::{IsLive, Reading};
use crate::address::{LineNumber, ObjectAddr};
use crate::event::NameId;
use crate::record::Op;

/// How the headers of a boot are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reader {
    pub(super) rule: Rule,
    pub(super) pointers: Pointers,
    /// What the kernel prints for the end of a freelist, where it hashes null pointers too.
    pub(super) null: Option<ObjectAddr>,
}

/// A header that may link two pages of one slab: the next one of the slab will tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    /// What the next header of the slab must show.
    pub(super) left: Seen,
    /// In two pages.
    pub(super) between: (ObjectAddr, ObjectAddr),
}

/// What is known of a cache.
#[derive(Clone, Default, Debug)]
pub(super) struct Cache {
    pub(super) links: Links,
    pub(super) size: SlabSize,
    pub(super) crossing: Option<Crossing>,
    /// The bits that any object's address has, from which the distance of objects can be told.
    pub(super) bits: u64,
}

/// Where a header belongs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// To this slab.
    Slab(u32),
    /// To a slab that was not seen before.
    New,
    /// To none that could be told: its numbers contradict what is known.
    Nowhere,
    /// To none that could be told: it shows nothing.
    Aside,
}

/// Follows slabs.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub(super) reader: Reader,
    pub(super) places: Places,
    pub(super) slabs: Vec<Slab>,
    /// Slabs that are gone.
    vacant: Vec<u32>,
    pub(super) caches: IndexMap<NameId, Cache, FixedState>,
    /// The slab of the last header.
    pub(super) latest: Option<u32>,
    /// Allocations that may be from any slab of which the head is not known.
    allocs_anywhere: u64,
}

impl Follower {
    /// A follower that has seen no header.
    pub(super) fn new(reader: Reader) -> Follower {
        Follower {
            reader,
            places: Places::default(),
            slabs: Vec::new(),
            vacant: Vec::new(),
            caches: IndexMap::default(),
            latest: None,
            allocs_anywhere: 0,
        }
    }

    /// Takes the next header.
    pub(super) fn see(&mut self, header: &Header, is_live: &IsLive<'_>, reading: &mut Reading) {
        let mut header = header.with_null(self.reader.null);
        let entry = self.caches.entry(header.cache);
        let cache = entry.index();
        let known = entry.or_default();
        known.bits |= header.object.map_or(0, |object| object.0);
        self.latest = None;
        if self.caches[cache].crossing.is_some() {
            self.cross(cache, &header);
        }
        match self.place(&mut header, cache, reading) {
            Place::Slab(slab) => self.follow(slab, header, cache, is_live, reading),
            Place::New => self.start(&header, cache),
            Place::Nowhere => self.count_break(cache, header.op),
            Place::Aside => {}
        }
        self.allocs_anywhere += self.allocs_of(header.op);
    }

    /// How many allocations a header is that may be from any slab: one that shows nothing but the
    /// hash of its object.
    fn allocs_of(&self, op: Op) -> u64 {
        let is_anywhere =
            self.reader.pointers == Pointers::Hashed && self.reader.rule.takes_whole();
        u64::from(is_anywhere && op == Op::Alloc)
    }

    /// The ledger knows no allocation of the object that was freed last.
    pub(super) fn orphan(&mut self) {
        if let Some(slab) = self.latest {
            self.slabs[slab as usize].origin = HeadOrigin::Orphan;
        }
    }

    /// What each cache's headers prove, where messages were dropped up to a line.
    pub(super) fn links(
        &self,
        last_gap: Option<LineNumber>,
    ) -> IndexMap<NameId, Links, FixedState> {
        let mut links: IndexMap<_, _, FixedState> =
            self.caches.iter().map(|(&name, cache)| (name, cache.links)).collect();
        for slab in self.slabs.iter().filter(|slab| !slab.keys.is_empty()) {
            if let Some(links) = links.get_mut(&slab.cache) {
                let inuse = u64::from(slab.state.inuse.unwrap_or_default());
                links.live_by_inuse += inuse;
                if last_gap.is_some_and(|gap| slab.line <= gap) {
                    links.unheard += inuse;
                }
            }
        }
        links
    }

    pub(super) fn links_of(&mut self, cache: usize) -> &mut Links {
        &mut self.caches[cache].links
    }

    pub(super) fn count_link(&mut self, cache: usize, op: Op) {
        match op {
            Op::Alloc => self.links_of(cache).alloc_links += 1,
            Op::Free => self.links_of(cache).free_links += 1,
        }
    }

    pub(super) fn count_break(&mut self, cache: usize, op: Op) {
        match op {
            Op::Alloc => self.links_of(cache).alloc_breaks += 1,
            Op::Free => self.links_of(cache).free_breaks += 1,
        }
    }

    /// Takes slabs to be larger where the header shows what one left that linked two pages.
    fn cross(&mut self, cache: usize, header: &Header) {
        let Some(crossing) = self.caches[cache].crossing.take() else { return };
        let seen = self.reader.rule.seen(header);
        let is_proved = seen.head == crossing.left.head
            && seen.head != Spot::Unknown
            && seen.inuse == crossing.left.inuse;
        let (one, other) = crossing.between;
        if is_proved && self.caches[cache].size.include(one, other) {
            self.forget_cache(cache);
        } else if !is_proved {
            self.caches[cache].crossing = Some(crossing);
        }
    }

    /// What was counted with the wrong size of slabs says nothing.
    pub(super) fn forget_cache(&mut self, cache: usize) {
        let Some((&name, known)) = self.caches.get_index_mut(cache) else { return };
        known.crossing = None;
        known.links = Links { slabs: known.links.slabs, ..Links::default() };
        let slabs = 0..u32::try_from(self.slabs.len()).unwrap_or(u32::MAX);
        for slab in slabs {
            let gone = &self.slabs[slab as usize];
            if gone.cache == name && !gone.keys.is_empty() {
                self.forget(slab);
            }
        }
    }

    /// Forgets a slab: it is empty, and the kernel may give its pages back.
    pub(super) fn forget(&mut self, slab: u32) {
        let gone = &mut self.slabs[slab as usize];
        for key in gone.keys.drain(..) {
            self.places.clear(key, slab);
        }
        gone.state.list.clear();
        gone.state.inuse = None;
        gone.doubt = None;
        self.vacant.push(slab);
    }

    /// A place for a slab that was not seen before.
    fn vacancy(&mut self, name: NameId) -> u32 {
        if let Some(slab) = self.vacant.pop() {
            self.slabs[slab as usize].cache = name;
            return slab;
        }
        let state = State::default();
        let origin = HeadOrigin::default();
        let (bulk, doubt, keys, allocs_anywhere) = (None, None, Vec::new(), 0);
        self.slabs.push(Slab {
            cache: name,
            state,
            origin,
            bulk,
            allocs_anywhere,
            doubt,
            keys,
            line: LineNumber(0),
        });
        u32::try_from(self.slabs.len() - 1).unwrap_or(u32::MAX)
    }

    /// Begins to follow a slab.
    pub(super) fn start(&mut self, header: &Header, cache: usize) {
        let seen = self.reader.rule.seen(header);
        let is_fresh = header.op == Op::Alloc && seen.inuse == Some(0);
        let links = self.links_of(cache);
        links.slabs += 1;
        links.unlinked += u64::from(!is_fresh);
        if header.op == Op::Free && seen.inuse == Some(1) {
            return;
        }
        let slab = self.vacancy(header.cache);
        self.advance(slab, header, cache, &seen);
    }

    /// Goes on to what the event leaves.
    pub(super) fn advance(
        &mut self,
        slab: u32,
        header: &Header,
        cache: usize,
        seen: &Seen,
    ) -> [Option<ObjectAddr>; 2] {
        self.find_under(slab, header, cache);
        let rule = self.reader.rule;
        let allocs_anywhere = self.allocs_anywhere + self.allocs_of(header.op);
        let followed = &mut self.slabs[slab as usize];
        let found = followed.state.advance(header.op, header.object, seen, rule);
        followed.allocs_anywhere = allocs_anywhere;
        followed.line = header.line;
        (followed.origin, followed.bulk) = match header.op {
            Op::Alloc => (HeadOrigin::Printed, None),
            Op::Free => (HeadOrigin::Freed, Some(Bulk { seen: *seen, objects: 1 })),
        };
        self.latest = Some(slab);
        if header.op == Op::Free && followed.state.inuse == Some(0) {
            self.forget(slab);
            self.latest = None;
        }
        found
    }

    /// Has the slab found where the header's addresses are.
    pub(super) fn find_under(&mut self, slab: u32, header: &Header, cache: usize) {
        let (object, fp) = (header.object, header.fp.object());
        match self.reader.pointers {
            Pointers::Raw if self.slabs[slab as usize].keys.is_empty() => {
                let key = object.or(fp).map(|object| self.caches[cache].size.key(object));
                self.add_keys(slab, [key, None]);
            }
            Pointers::Raw => {}
            Pointers::Hashed => {
                self.add_keys(slab, [object.map(|object| object.0), fp.map(|fp| fp.0)]);
            }
        }
    }

    fn add_keys(&mut self, slab: u32, keys: [Option<u64>; 2]) {
        for key in keys.into_iter().flatten() {
            if self.places.at(key) != Some(slab) {
                self.places.set(key, slab);
                self.slabs[slab as usize].keys.push(key);
            }
        }
    }

    /// Takes a header of a slab that is followed.
    fn follow(
        &mut self,
        slab: u32,
        header: Header,
        cache: usize,
        is_live: &IsLive<'_>,
        reading: &mut Reading,
    ) {
        let seen = self.reader.rule.seen(&header);
        let followed = &mut self.slabs[slab as usize];
        if followed.cache != header.cache && !followed.state.is(&seen) {
            self.forget(slab);
            return self.start(&header, cache);
        }
        let had_others = followed.allocs_anywhere != self.allocs_anywhere;
        if had_others && followed.state.list.head() == Spot::Unknown {
            // Some of those allocations may have been from here.
            followed.state = State::default();
            followed.doubt = None;
        }
        if followed.doubt.is_some() {
            self.decide(slab, &seen, cache, reading);
        }
        match self.slabs[slab as usize].state.fit(&seen) {
            Fit::Agrees => self.count_link(cache, header.op),
            Fit::Open => {}
            Fit::Breaks => return self.broken(slab, header, cache, is_live, reading),
        }
        let found = self.advance(slab, &header, cache, &seen);
        self.hand_over_found(found, &header, cache, reading);
    }
}
