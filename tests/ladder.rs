//! The damage ladder: how much damage a capture takes before its report misleads.
//!
//! Clean captures are damaged step by step, and the truth, which the undamaged report tells, is
//! held against the bounds of the damaged one. `cargo test --release --test ladder -- --ignored
//! --nocapture` prints the table of `docs/damage-ladder.md`; the default run climbs one rung.

#[path = "support/damage.rs"]
mod damage;
#[path = "support/unpack.rs"]
mod unpack;

use std::collections::BTreeMap;

use damage::{Damage, Dice};
use slabtrace::report::{GroupReport, Report};
use slabtrace::{Analysis, AnalysisOptions};

/// Captures of one CPU or with caller ids, in which nothing is lost.
const CLEAN: [&str; 5] = [
    "corpora/console/x86-61.log.gz",
    "corpora/console/x86-612.log.gz",
    "corpora/console/x86-510-hashed.log.gz",
    "corpora/console/arm-61-boot.log.gz",
    "corpora/console/arm64-61-kmalloc4k.log.gz",
];

/// A leak that is worth a bound has so many objects.
const LEAK_MIN: u64 = 3;

/// What a trial showed.
#[derive(Clone, Copy, Default, Debug)]
struct Outcome {
    /// Leaks, and how many of them lie within their bounds.
    leaks: u32,
    within: u32,
    /// Trials, and in how many of them every leak lay within its bounds.
    trials: u32,
    all_within: u32,
    /// In how many the largest leak was ranked first.
    first: u32,
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.leaks += other.leaks;
        self.within += other.within;
        self.trials += other.trials;
        self.all_within += other.all_within;
        self.first += other.first;
    }
}

fn report(bytes: &[u8]) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(bytes);
    analysis.finish()
}

/// What a leak is known by in a damaged log: cache and innermost caller.
fn name(group: &GroupReport) -> Option<(String, String)> {
    let function = group.chain.first()?.function.clone()?;
    Some((group.cache.clone(), function))
}

fn truth(report: &Report) -> BTreeMap<(String, String), u64> {
    let mut live = BTreeMap::new();
    for group in &report.groups {
        if let Some(name) = name(group) {
            *live.entry(name).or_insert(0) += group.live_objects;
        }
    }
    live.retain(|_, count| *count >= LEAK_MIN);
    live
}

/// Least and greatest number of a leak's objects in a damaged report: a chain that holds the
/// function is the leak's.
fn bounds(report: &Report, (cache, function): &(String, String)) -> (u64, u64) {
    let is_leak = |group: &&GroupReport| {
        group.cache == *cache
            && group.chain.iter().any(|frame| frame.function.as_ref() == Some(function))
    };
    let mut bounds = (0, 0);
    for group in report.groups.iter().filter(is_leak) {
        bounds.0 += group.live_objects_min;
        bounds.1 += group.live_objects_max;
    }
    bounds
}

fn trial(clean: &Report, damaged: &Report) -> Outcome {
    let truth = truth(clean);
    let is_within = |(name, &live): (&(String, String), &u64)| {
        let (low, high) = bounds(damaged, name);
        (low..=high).contains(&live)
    };
    let within = truth.iter().filter(|&entry| is_within(entry)).count();
    let is_first = clean.groups.first().map(name) == damaged.groups.first().map(name);
    Outcome {
        leaks: u32::try_from(truth.len()).expect("few leaks"),
        within: u32::try_from(within).expect("few leaks"),
        trials: 1,
        all_within: u32::from(within == truth.len()),
        first: u32::from(is_first),
    }
}

/// Damages every clean capture so many times, each time differently.
fn climb(damage: Damage, trials: u64) -> Outcome {
    let captures: Vec<Vec<u8>> =
        CLEAN.iter().map(|path| unpack::unpack(path).expect("a capture")).collect();
    let mut sum = Outcome::default();
    for (at, bytes) in captures.iter().enumerate() {
        let clean = report(bytes);
        let other = &captures[(at + 1) % captures.len()];
        for seed in 0..trials {
            let mut dice = Dice::new(seed * 1000 + at as u64);
            sum.add(trial(&clean, &report(&damage.inflict(bytes, other, &mut dice))));
        }
    }
    sum
}

#[test]
fn one_line_in_a_thousand_may_be_lost() {
    let outcome = climb(Damage::Lose(0.001), 4);
    assert_eq!(outcome.first, outcome.trials, "{outcome:?}");
    assert!(outcome.within * 100 >= outcome.leaks * 99, "{outcome:?}");
}

#[test]
#[ignore = "prints a table; run with --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn ladder() {
    println!(
        "| damage | trials | leaks within bounds | trials with all within | largest leak first |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for damage in Damage::LADDER {
        let outcome = climb(damage, 20);
        let percent = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole.max(1));
        println!(
            "| {damage} | {} | {:.2} % | {:.1} % | {:.1} % |",
            outcome.trials,
            percent(outcome.within, outcome.leaks),
            percent(outcome.all_within, outcome.trials),
            percent(outcome.first, outcome.trials),
        );
    }
}

#[test]
#[ignore = "debug"]
fn debug() {
    let captures: Vec<Vec<u8>> =
        CLEAN.iter().map(|path| unpack::unpack(path).expect("a capture")).collect();
    for damage in [Damage::Lose(0.001), Damage::Flip(0.001), Damage::Cut(0.001), Damage::Swap(0.01)]
    {
        for (at, bytes) in captures.iter().enumerate() {
            let clean = report(bytes);
            for seed in 0..8 {
                let mut dice = Dice::new(seed * 1000 + at as u64);
                let damaged = report(&damage.inflict(bytes, bytes, &mut dice));
                for (name, live) in truth(&clean) {
                    let (low, high) = bounds(&damaged, &name);
                    if !(low..=high).contains(&live) {
                        println!(
                            "{damage} {} seed {seed}: {name:?} {live} not in {low}..{high} loss {:?}",
                            CLEAN[at], damaged.loss
                        );
                        for g in damaged.groups.iter().filter(|g| {
                            g.cache == name.0
                                && g.chain.iter().any(|f| f.function.as_ref() == Some(&name.1))
                        }) {
                            println!(
                                "     {} {}..{} {:?}",
                                g.live_objects,
                                g.live_objects_min,
                                g.live_objects_max,
                                g.chain
                                    .iter()
                                    .map(|f| f.function.clone().unwrap_or_default())
                                    .collect::<Vec<_>>()
                            );
                        }
                    }
                }
            }
        }
    }
}
