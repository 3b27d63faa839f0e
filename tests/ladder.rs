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
use slabtrace::report::Report;
use slabtrace::{Analysis, AnalysisOptions};

/// Captures of one CPU or with caller ids, in which nothing is lost.
const CLEAN: [&str; 8] = [
    "corpora/console/x86-61.log.gz",
    "corpora/console/x86-612.log.gz",
    "corpora/console/x86-510-hashed.log.gz",
    "corpora/console/arm-510-caller.log.gz",
    "corpora/console/recorded-amd64-6-12.log.gz",
    "corpora/console/recorded-arm64-6-1.log.gz",
    "corpora/console/recorded-arm64-6-12.log.gz",
    "corpora/console/recorded-armhf-6-1.log.gz",
];

/// A leak that is worth a bound has so many objects.
const LEAK_MIN: u64 = 3;

/// What a trial showed.
#[derive(Clone, Copy, Default, Debug)]
struct Outcome {
    /// Leaks, and how many of them lie within their bounds.
    leaks: u32,
    within: u32,
    /// How many of them lie within their likely range.
    likely: u32,
    /// Trials, and in how many of them every leak lay within its bounds.
    trials: u32,
    all_within: u32,
    /// In how many one leak leads by far, and in how many of them it is ranked first.
    led: u32,
    first: u32,
}

impl Outcome {
    fn add(&mut self, other: Outcome) {
        self.leaks += other.leaks;
        self.within += other.within;
        self.likely += other.likely;
        self.trials += other.trials;
        self.all_within += other.all_within;
        self.led += other.led;
        self.first += other.first;
    }
}

fn report(bytes: &[u8]) -> Report {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(bytes);
    analysis.finish()
}

/// How many objects of each leak live: of a boot's only, a cache's and a chain's functions'.
fn truth(report: &Report) -> BTreeMap<&str, u64> {
    let mut live: BTreeMap<&str, u64> = BTreeMap::new();
    for group in &report.groups {
        *live.entry(&group.fingerprint).or_default() += group.live_objects;
    }
    live.retain(|_, count| *count >= LEAK_MIN);
    live
}

/// Least and greatest number of a leak's objects in a damaged report.
fn bounds(report: &Report, fingerprint: &str) -> (u64, u64) {
    let groups = report.groups.iter().filter(|group| group.fingerprint == fingerprint);
    groups.fold((0, 0), |(low, high), group| {
        (low + group.live_objects_min, high + group.live_objects_max)
    })
}

/// The likely range of a leak's objects in a damaged report.
fn likely(report: &Report, fingerprint: &str) -> (u64, u64) {
    let groups = report.groups.iter().filter(|group| group.fingerprint == fingerprint);
    groups.fold((0, 0), |(low, high), group| (low + group.likely.0, high + group.likely.1))
}

/// The first family, if it leaks, and is a third larger than the next that does.
fn leader(report: &Report) -> Option<&str> {
    let leaks = report.families.iter().filter(|family| family.judgement.verdict.is_leak());
    let mut bytes = leaks.map(|family| family.live_bytes.unwrap_or(0));
    let leads = bytes.next()? * 3 >= bytes.next().unwrap_or(0) * 4;
    first(report).filter(|_| leads)
}

/// The family that is ranked first.
fn first(report: &Report) -> Option<&str> {
    report.families.first().map(|family| family.name.as_str())
}

fn trial(clean: &Report, damaged: &Report) -> Outcome {
    let truth = truth(clean);
    let is_within = |(name, &live): (&&str, &u64)| {
        let (low, high) = bounds(damaged, name);
        (low..=high).contains(&live)
    };
    let is_likely = |(name, &live): (&&str, &u64)| {
        let (low, high) = likely(damaged, name);
        (low..=high).contains(&live)
    };
    let within = truth.iter().filter(|&entry| is_within(entry)).count();
    let likely = truth.iter().filter(|&entry| is_likely(entry)).count();
    Outcome {
        leaks: u32::try_from(truth.len()).expect("few leaks"),
        within: u32::try_from(within).expect("few leaks"),
        likely: u32::try_from(likely).expect("few leaks"),
        trials: 1,
        all_within: u32::from(within == truth.len()),
        led: u32::from(leader(clean).is_some()),
        first: u32::from(leader(clean).is_some() && leader(clean) == first(damaged)),
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
    assert_eq!(outcome.first, outcome.led, "{outcome:?}");
    assert!(outcome.within * 100 >= outcome.leaks * 99, "{outcome:?}");
}

#[test]
#[ignore = "prints a table; run with --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn ladder() {
    println!(
        "| damage | trials | leaks within bounds | within the likely range | trials with all within | largest leak first |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for damage in Damage::LADDER {
        let outcome = climb(damage, 20);
        let percent = |part: u32, whole: u32| 100.0 * f64::from(part) / f64::from(whole.max(1));
        println!(
            "| {damage} | {} | {:.2} % | {:.2} % | {:.1} % | {:.1} % |",
            outcome.trials,
            percent(outcome.within, outcome.leaks),
            percent(outcome.likely, outcome.leaks),
            percent(outcome.all_within, outcome.trials),
            percent(outcome.first, outcome.led),
        );
    }
}
