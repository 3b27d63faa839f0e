//! Trials of the whole: what is said of headers that a made-up kernel prints.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet};

    use super::super::follower::{Follower, Reader};
    use super::super::header::{Header, Spot};
    use super::super::places::Pointers;
    use super::super::rule::Rule;
    use super::super::{Links, Object, Phase, Proof, Reading, Slabs};
    use crate::address::{LineNumber, ObjectAddr, Pointer};
    use crate::event::{DamageSet, Event, NameId};
    use crate::record::Op;

    const BASE: u64 = 0xffff_8b04_c1ef_c000;

    /// Headers of one slab of a kernel from 6.1 on, and what they were taken for.
    struct Log {
        follower: Follower,
        line: u64,
        live: HashSet<ObjectAddr>,
        unseen: Vec<(Op, u64)>,
        mended: Vec<u64>,
    }

    fn object(offset: u64) -> Option<ObjectAddr> {
        (offset != 0).then_some(ObjectAddr(BASE + offset))
    }

    impl Log {
        fn new() -> Log {
            let reader = Reader { rule: Rule::After, pointers: Pointers::Raw, null: None };
            let follower = Follower::new(reader);
            Log { follower, line: 0, live: HashSet::new(), unseen: vec![], mended: vec![] }
        }

        /// Takes a header whose addresses are so far behind the start of a page; 0 is none.
        fn header(&mut self, op: Op, offset: u64, inuse: u32, next: u64) -> &mut Log {
            self.line += 1;
            let header = Header {
                op,
                cache: NameId::of_number(0),
                line: LineNumber(self.line),
                object: object(offset),
                inuse: Some(inuse),
                fp: object(next).map_or(Spot::End, Spot::Object),
            };
            let mut reading = Reading::default();
            let live = &self.live;
            self.follower.see(&header, &|object| live.contains(&object), &mut reading);
            for unseen in &reading.unseen {
                self.unseen.push((unseen.op, unseen.object.0.wrapping_sub(BASE)));
            }
            let mut taken = header.object;
            if let Object::Mended(object) = reading.object {
                self.mended.push(object.0.wrapping_sub(BASE));
                taken = Some(object);
            }
            match (op, taken) {
                (Op::Alloc, Some(object)) => drop(self.live.insert(object)),
                (Op::Free, Some(object)) if !self.live.remove(&object) => self.follower.orphan(),
                _ => {}
            }
            self
        }

        fn alloc(&mut self, offset: u64, inuse: u32, next: u64) -> &mut Log {
            self.header(Op::Alloc, offset, inuse, next)
        }

        fn free(&mut self, offset: u64, inuse: u32, head: u64) -> &mut Log {
            self.header(Op::Free, offset, inuse, head)
        }

        fn links(&self) -> Links {
            self.follower.links(None).values().copied().next().unwrap_or_default()
        }
    }

    #[test]
    fn headers_that_follow_from_each_other_are_links() {
        let mut log = Log::new();
        log.alloc(0x40, 1, 0x80).alloc(0x80, 2, 0x200).free(0x40, 2, 0x200).alloc(0x40, 2, 0x200);
        let links = log.links();
        assert_eq!((links.alloc_links, links.free_links, links.breaks()), (2, 1, 0));
        assert_eq!((links.slabs, links.unlinked, links.live_by_inuse), (1, 0, 2));
        assert_eq!(log.unseen, []);
    }

    #[test]
    fn a_missing_allocation_is_told_with_its_object() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).free(0x40, 5, 0x80).alloc(0x80, 6, 0x200);
        assert_eq!(log.unseen, [(Op::Alloc, 0x40)]);
    }

    #[test]
    fn a_missing_free_is_told_with_its_object() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200).free(0x80, 5, 0x40);
        assert_eq!(log.unseen, [(Op::Free, 0x40)]);
    }

    #[test]
    fn one_of_each_that_are_missing_are_told_from_the_head() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200).alloc(0xa10, 7, 0x340);
        log.unseen.clear();
        log.free(0x80, 7, 0x40);
        assert_eq!(log.unseen, [(Op::Alloc, 0x340), (Op::Free, 0x40)]);
    }

    #[test]
    fn objects_that_were_freed_unseen_are_told_when_they_show_up() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200).alloc(0x200, 7, 0xc40);
        log.free(0x200, 5, 0x40);
        log.alloc(0x200, 5, 0x40).alloc(0x40, 6, 0x80);
        assert_eq!(log.unseen, [(Op::Free, 0x40), (Op::Free, 0x80)]);
    }

    #[test]
    fn a_damaged_count_makes_nothing_up() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 16, 0x200).alloc(0x200, 7, 0x340).free(0x40, 7, 0x340);
        assert_eq!(log.unseen, []);
    }

    #[test]
    fn a_damaged_next_free_object_makes_nothing_up() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x240).alloc(0x200, 7, 0x340).free(0x40, 7, 0x340);
        assert_eq!((&log.unseen[..], &log.mended[..]), (&[][..], &[0x240][..]));
    }

    #[test]
    fn a_damaged_object_is_mended() {
        for damaged in [0x180, 0x80_0000_0080, 0] {
            let mut log = Log::new();
            log.alloc(0x40, 5, 0x80).alloc(damaged, 6, 0x200).free(0x80, 6, 0x200);
            assert_eq!((&log.unseen[..], &log.mended[..]), (&[][..], &[0x80][..]), "{damaged:x}");
        }
    }

    #[test]
    fn a_damaged_object_of_a_free_is_told_by_the_next_header() {
        for damaged in [0x840, 0x80_0000_0040, 0] {
            let mut log = Log::new();
            log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200).free(damaged, 6, 0x200);
            log.free(0x80, 5, 0x40);
            assert_eq!(log.unseen, [(Op::Free, 0x40)], "{damaged:x}");
        }
    }

    #[test]
    fn objects_freed_in_one_go_show_the_same_state() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200).alloc(0x200, 7, 0xc40);
        log.free(0x40, 7, 0xc40).free(0x80, 7, 0xc40).free(0x200, 7, 0xc40);
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200);
        assert_eq!((&log.unseen[..], log.links().breaks()), (&[][..], 0));
    }

    #[test]
    fn an_allocation_between_two_frees_of_the_same_state_is_missing() {
        let mut log = Log::new();
        log.alloc(0x40, 5, 0x80).alloc(0x80, 6, 0x200);
        log.free(0x40, 6, 0x200).free(0x80, 6, 0x200).alloc(0x80, 6, 0x200);
        assert_eq!((&log.unseen[..], log.links().breaks()), (&[(Op::Alloc, 0x40)][..], 1));
    }

    #[test]
    fn a_slab_that_begins_anew_was_emptied() {
        let mut log = Log::new();
        log.alloc(0x40, 1, 0x80).alloc(0x80, 2, 0x200).alloc(0xc0, 1, 0x340);
        assert_eq!(log.unseen, [(Op::Free, 0x40), (Op::Free, 0x80)]);
    }

    #[test]
    fn an_empty_slab_is_forgotten() {
        let mut log = Log::new();
        for page in 0..1000 {
            let page = 0x1000 * page;
            log.alloc(page + 0x40, 1, page + 0x80).free(page + 0x40, 1, page + 0x80);
        }
        assert_eq!((log.follower.slabs.len(), log.links().live_by_inuse), (1, 0));
    }

    #[test]
    fn slabs_of_several_pages_are_recognised() {
        let mut log = Log::new();
        for block in 1..6 {
            let block = 0x4000 + 0x8000 * block;
            let page = |number: u64| block + 0x1000 * number;
            log.alloc(page(3), 1, page(6)).alloc(page(6), 2, page(1)).alloc(page(1), 3, page(0));
            log.free(page(6), 3, page(0)).alloc(page(6), 3, page(0));
        }
        let links = log.links();
        assert!(links.breaks() == 0 && links.agreeing() > 12, "{links:?}");
        assert_eq!(log.unseen, []);
    }

    /// Numbers that look random.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            let next =
                self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            self.0 = next;
            usize::try_from(next >> 33).unwrap_or(0) % bound
        }
    }

    /// A slab of the made-up kernel.
    struct ModelSlab {
        free: Vec<u64>,
        live: Vec<u64>,
    }

    /// A kernel with one cache.
    struct Kernel {
        rule: Rule,
        dice: Dice,
        slabs: BTreeMap<u64, ModelSlab>,
        events: Vec<Event>,
    }

    const OBJECTS: usize = 21;

    impl Kernel {
        fn run(rule: Rule, seed: u64, events: usize) -> Vec<Event> {
            let dice = Dice(seed.wrapping_mul(7919).wrapping_add(17));
            let mut kernel = Kernel { rule, dice, slabs: BTreeMap::new(), events: Vec::new() };
            while kernel.events.len() < events {
                // Now more objects are allocated than freed, now less.
                let share = if (kernel.events.len() / 400).is_multiple_of(2) { 6 } else { 4 };
                if kernel.dice.below(10) < share { kernel.alloc() } else { kernel.free() }
            }
            kernel.events
        }

        fn pick(&mut self, is_fit: impl Fn(&ModelSlab) -> bool) -> Option<u64> {
            let fit = self.slabs.iter().filter(|(_, slab)| is_fit(slab));
            let fit: Vec<u64> = fit.map(|(&page, _)| page).collect();
            (!fit.is_empty()).then(|| fit[self.dice.below(fit.len())])
        }

        fn alloc(&mut self) {
            let page = self.pick(|slab| !slab.free.is_empty()).unwrap_or_else(|| self.new_slab());
            let Some(slab) = self.slabs.get_mut(&page) else { return };
            let Some(object) = slab.free.pop() else { return };
            slab.live.push(object);
            let inuse = slab.live.len();
            let head = slab.free.last().copied();
            let (inuse, fp) = match self.rule {
                Rule::After => (inuse, head),
                Rule::Before => (inuse - 1, Some(object)),
                Rule::Kept => (OBJECTS, None),
                Rule::Turned => {
                    slab.free.reverse();
                    (OBJECTS, None)
                }
            };
            self.print(Op::Alloc, object, inuse, fp);
        }

        fn free(&mut self) {
            let Some(page) = self.pick(|slab| !slab.live.is_empty()) else { return };
            let Some(slab) = self.slabs.get_mut(&page) else { return };
            let object = slab.live.swap_remove(self.dice.below(slab.live.len()));
            let (inuse, fp) = (slab.live.len() + 1, slab.free.last().copied());
            slab.free.push(object);
            if slab.live.is_empty() {
                self.slabs.remove(&page);
            }
            self.print(Op::Free, object, inuse, fp);
        }

        fn new_slab(&mut self) -> u64 {
            let pages = (0..).map(|number| BASE + 0x1000 * number);
            let page = pages.into_iter().find(|page| !self.slabs.contains_key(page));
            let page = page.unwrap_or(BASE);
            let mut free: Vec<u64> = (0..OBJECTS as u64).map(|at| page + 192 * at).collect();
            for at in (1..free.len()).rev() {
                free.swap(at, self.dice.below(at + 1));
            }
            self.slabs.insert(page, ModelSlab { free, live: Vec::new() });
            page
        }

        fn print(&mut self, op: Op, object: u64, inuse: usize, fp: Option<u64>) {
            let seq = self.events.len() as u64;
            self.events.push(Event {
                seq,
                op,
                cache: NameId::of_number(0),
                object: Pointer::Addr(ObjectAddr(object)),
                digits: 16,
                inuse: u32::try_from(inuse).ok(),
                fp: Some(fp.map_or(Pointer::Null, |fp| Pointer::Addr(ObjectAddr(fp)))),
                stamp: None,
                boot: 0,
                line: LineNumber(seq + 1),
                caller: None,
                task: None,
                stack: None,
                backtrace: None,
                object_size: None,
                recorded: None,
                damage: DamageSet::default(),
            });
        }
    }

    /// What was made of events.
    #[derive(Default)]
    struct Outcome {
        unseen: Vec<(Op, ObjectAddr)>,
        /// The line of each event whose address was mended, and the address.
        mended: Vec<(u64, ObjectAddr)>,
        links: Links,
        most_slabs: usize,
    }

    fn read<'a>(events: impl IntoIterator<Item = &'a Event>) -> Outcome {
        let (mut slabs, mut outcome) = (Slabs::default(), Outcome::default());
        let mut live: HashSet<ObjectAddr> = HashSet::new();
        for event in events {
            let reading = slabs.see(event, &|object| live.contains(&object));
            for unseen in reading.unseen {
                outcome.unseen.push((unseen.op, unseen.object));
                match unseen.op {
                    Op::Alloc => drop(live.insert(unseen.object)),
                    Op::Free => drop(live.remove(&unseen.object)),
                }
            }
            let mut object = event.object.addr();
            if let Object::Mended(mended) = reading.object {
                outcome.mended.push((event.line.0, mended));
                object = Some(mended);
            }
            let Some(object) = object else { continue };
            match event.op {
                Op::Alloc => drop(live.insert(object)),
                Op::Free if !live.remove(&object) => slabs.orphan(),
                Op::Free => {}
            }
            if let Phase::Following(follower) = &slabs.0 {
                outcome.most_slabs = outcome.most_slabs.max(follower.slabs.len());
            }
        }
        slabs.links(None).values().for_each(|&links| outcome.links += links);
        outcome
    }

    #[test]
    fn a_whole_log_is_proved_whole_under_every_rule() {
        for rule in Rule::ALL {
            for seed in 0..20 {
                let outcome = read(&Kernel::run(rule, seed, 3000));
                assert_eq!(outcome.unseen, [], "{rule:?} {seed}");
                assert_eq!(outcome.mended, [], "{rule:?} {seed}");
                assert_eq!(outcome.links.proof(), Proof::Complete, "{rule:?} {:?}", outcome.links);
            }
        }
    }

    #[test]
    fn as_many_slabs_are_kept_as_live() {
        for seed in 0..5 {
            let outcome = read(&Kernel::run(Rule::After, seed, 20_000));
            assert!(outcome.most_slabs < 20, "{}", outcome.most_slabs);
        }
    }

    /// How many events were removed, were found, and were found rightly.
    fn without(rule: Rule, one_in: usize) -> (usize, usize, usize) {
        let (mut removed_in_all, mut found, mut right) = (0, 0, 0);
        for seed in 0..20 {
            let events = Kernel::run(rule, seed, 3000);
            let mut dice = Dice(seed);
            let mut removed: HashMap<(Op, ObjectAddr), usize> = HashMap::new();
            let mut kept = Vec::new();
            for event in &events {
                if dice.below(one_in) == 0 {
                    let object = event.object.addr().unwrap_or(ObjectAddr(0));
                    *removed.entry((event.op, object)).or_default() += 1;
                    removed_in_all += 1;
                } else {
                    kept.push(event);
                }
            }
            let unseen = read(kept).unseen;
            found += unseen.len();
            for event in unseen {
                if let Some(count) = removed.get_mut(&event).filter(|count| **count > 0) {
                    *count -= 1;
                    right += 1;
                }
            }
        }
        (removed_in_all, found, right)
    }

    #[test]
    fn most_missing_events_are_found_and_few_that_are_not_missing() {
        for (rule, share, precision) in [
            (Rule::After, 80, 95),
            (Rule::Before, 60, 90),
            (Rule::Kept, 50, 75),
            (Rule::Turned, 20, 75),
        ] {
            for one_in in [100, 30] {
                let (removed, found, right) = without(rule, one_in);
                let figures = format!("{rule:?}: of {removed} {found} found, {right} rightly");
                assert!(right * 100 >= removed * share, "{figures}");
                assert!(right * 100 >= found * precision, "{figures}");
            }
        }
    }

    #[test]
    fn damaged_digits_make_up_hardly_anything() {
        let (mut damaged, mut mended, mut made_up) = (0, 0, 0);
        for seed in 0..20 {
            let mut events = Kernel::run(Rule::After, seed, 3000);
            let mut dice = Dice(seed);
            let mut truth = HashMap::new();
            for event in &mut events {
                let Pointer::Addr(object) = event.object else { continue };
                if dice.below(100) == 0 {
                    let digit = 1 + dice.below(15) as u64;
                    let wrong = ObjectAddr(object.0 ^ digit << (4 * dice.below(16)));
                    event.object = Pointer::Addr(wrong);
                    truth.insert(event.line.0, object);
                    damaged += usize::from(event.op == Op::Alloc);
                }
            }
            let outcome = read(&events);
            let is_right =
                |&&(line, object): &&(u64, ObjectAddr)| truth.get(&line) == Some(&object);
            mended += outcome.mended.iter().filter(is_right).count();
            let freed: HashSet<_> = truth.values().collect();
            made_up += outcome.unseen.iter().filter(|(_, object)| !freed.contains(object)).count();
        }
        let figures = format!("of {damaged} {mended} mended, {made_up} made up");
        assert!(mended * 100 >= damaged * 80 && made_up * 100 <= damaged * 10, "{figures}");
    }
}
