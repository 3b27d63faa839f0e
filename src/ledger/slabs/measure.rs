//! How much of what is removed from recorded logs is found again.
//!
//! `SLABTRACE_CAPTURES=<folder> cargo test --release --lib slabs::measure -- --ignored --nocapture`
//! prints a table of the captures in the folder, packed or not.

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs::{self, File};
    use std::io::Read as _;
    use std::path::{Path, PathBuf};

    use super::super::{Links, Object, Slabs};
    use crate::address::ObjectAddr;
    use crate::event::{Depth, Detail, Event, EventSink, NameId, Names};
    use crate::record::Op;
    use crate::{Parser, ParserOptions};

    /// Keeps every event.
    #[derive(Default)]
    struct Events(Vec<Event>);

    impl EventSink for Events {
        fn event(&mut self, event: &Event, _names: &Names) {
            self.0.push(event.clone());
        }
    }

    /// What is found in a log.
    #[derive(Default)]
    struct Found {
        links: Links,
        unseen: Vec<(Op, NameId, ObjectAddr)>,
        mended: u64,
        belied: u64,
        proofs: Vec<String>,
    }

    impl Found {
        fn close(&mut self, slabs: Slabs) {
            for (_, links) in slabs.links(None) {
                self.links += links;
                self.proofs.push(format!("{:?}", links.proof()));
            }
        }
    }

    fn events(path: &Path) -> Vec<Event> {
        let mut bytes = Vec::new();
        let file = File::open(path).expect("the folder is readable");
        let is_zstd = path.extension().is_some_and(|extension| extension == "zst");
        let read = if is_zstd {
            zstd::Decoder::new(file).and_then(|mut packed| packed.read_to_end(&mut bytes))
        } else {
            flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes)
        };
        read.expect("a whole capture");
        let options = ParserOptions { detail: Detail::Report, depth: Depth::Complete };
        let mut parser = Parser::new(options);
        let mut events = Events::default();
        parser.feed(&bytes, &mut events);
        parser.finish(&mut events);
        events.0
    }

    fn found<'a>(events: impl IntoIterator<Item = &'a Event>) -> Found {
        let mut found = Found::default();
        let (mut slabs, mut boot) = (Slabs::default(), 0);
        let mut live = HashMap::new();
        for event in events {
            if event.boot != boot {
                found.close(std::mem::take(&mut slabs));
                live.clear();
                boot = event.boot;
            }
            let reading = slabs.see(event, &|object| live.contains_key(&object));
            for unseen in reading.unseen {
                found.unseen.push((unseen.op, unseen.cache, unseen.object));
                match unseen.op {
                    Op::Alloc => drop(live.entry(unseen.object).or_insert(unseen.line)),
                    Op::Free => {
                        if live.get(&unseen.object).is_some_and(|&line| line < unseen.line) {
                            live.remove(&unseen.object);
                        }
                    }
                }
            }
            let object = match reading.object {
                Object::AsPrinted => event.object.addr(),
                Object::Mended(object) => {
                    found.mended += 1;
                    Some(object)
                }
                Object::Belied => {
                    found.belied += 1;
                    None
                }
            };
            match (object, event.op) {
                (Some(object), Op::Alloc) => drop(live.insert(object, event.line)),
                (Some(object), Op::Free) => {
                    if live.remove(&object).is_none() {
                        slabs.orphan();
                    }
                }
                (None, _) => {}
            }
        }
        found.close(slabs);
        found
    }

    /// Numbers that look random.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }
    }

    /// What is found, and found rightly, of `count` removed events.
    fn without(events: &[Event], count: usize, seed: u64) -> (u64, u64, u64) {
        let mut dice = Dice(seed);
        let mut kept = vec![true; events.len()];
        let mut removed: HashMap<_, u64> = HashMap::new();
        while kept.iter().filter(|&&kept| !kept).count() < count {
            let at = dice.below(events.len());
            if std::mem::take(&mut kept[at])
                && let Some(object) = events[at].object.addr()
            {
                *removed.entry((events[at].op, events[at].cache, object)).or_default() += 1;
            }
        }
        let left = events.iter().zip(&kept).filter(|&(_, &kept)| kept).map(|(event, _)| event);
        let found = found(left);
        let mut right = 0;
        for unseen in &found.unseen {
            if let Some(count) = removed.get_mut(unseen).filter(|count| **count > 0) {
                *count -= 1;
                right += 1;
            }
        }
        (found.links.inferred_allocs + found.links.inferred_frees, found.unseen.len() as u64, right)
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "the table is what the test is for")]
    #[ignore = "prints a table of captures that are not in the repository"]
    fn removed_events_are_found() {
        let folder = std::env::var("SLABTRACE_CAPTURES").expect("a folder of captures");
        let entries = fs::read_dir(folder).expect("a readable folder");
        let is_packed =
            |path: &PathBuf| path.extension().is_some_and(|end| end == "gz" || end == "zst");
        let mut paths: Vec<_> =
            entries.flatten().map(|entry| entry.path()).filter(is_packed).collect();
        paths.sort();
        for path in paths {
            let events = events(&path);
            let found = found(&events);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            println!(
                "{name}: {} events, {} mended, {} belied",
                events.len(),
                found.mended,
                found.belied
            );
            println!("    {:?} {:?}", found.proofs, found.links);
            for unseen in found.unseen.iter().take(4) {
                println!("        {unseen:x?}");
            }
            if found.links.agreeing() < Links::CHECKS_MIN || events.len() > 10_000 {
                continue;
            }
            for count in [1, 10, 100].into_iter().filter(|&count| count * 2 < events.len()) {
                let trials: Vec<_> = (0..20).map(|seed| without(&events, count, seed)).collect();
                let sum = trials
                    .iter()
                    .fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
                println!(
                    "    without {count}: of {} {} found, {} named, {} rightly",
                    20 * count,
                    sum.0,
                    sum.1,
                    sum.2
                );
            }
        }
    }
}
