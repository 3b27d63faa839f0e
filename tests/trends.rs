//! The statistics of `monitor`, tried on series whose truth is known.
//!
//! Every rate here is that of a few hundred series from a generator with fixed seeds, so that a
//! test gives the same result each time. The bounds are those of the claims in the documentation
//! of `monitor::statistics`, with room for the luck of the draw: of 300 series of which each is
//! good with a probability of 0.95, less than 0.91 are with one of 1 in 1000.

use slabtrace::monitor::{Monitor, MonitorOptions, MonitorReport, Verdict};
use slabtrace::statistics::{mann_kendall, student, theil_sen};
use std::fmt::Write as _;

const SERIES: u32 = 300;

/// Numbers that look random: Marsaglia's xorshift with a multiplication behind.
struct Dice(u64);

impl Dice {
    fn new(seed: u32) -> Dice {
        let seed = u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut dice = Dice(seed ^ 0x1234_5678_9ABC_DEF1);
        (0..8).for_each(|_| {
            dice.unit();
        });
        dice
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normal, with the mean 0 and the deviation 1, nearly: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// How a series strays from its line.
#[derive(Clone, Copy, Debug)]
enum Noise {
    /// Each sample by itself.
    White,
    /// Each sample takes this part of the one before over.
    Red(f64),
    /// Each sample takes all of it over.
    Walk,
}

fn series(seed: u32, count: u32, slope: f64, noise: Noise) -> Vec<(f64, f64)> {
    let mut dice = Dice::new(seed);
    let mut stray = 0.0;
    (0..count)
        .map(|at| {
            let keep = match noise {
                Noise::White => 0.0,
                Noise::Red(part) => part,
                Noise::Walk => 1.0,
            };
            stray = stray * keep + dice.normal();
            (f64::from(at), 1000.0 + slope * f64::from(at) + stray)
        })
        .collect()
}

/// The part of all series of which the interval holds the truth.
fn coverage(count: u32, noise: Noise) -> f64 {
    let holds = |seed: &u32| {
        let slope = theil_sen(&series(*seed, count, 0.5, noise)).expect("there are pairs");
        slope.low <= 0.5 && 0.5 <= slope.high
    };
    f64::from(u32::try_from((0..SERIES).filter(holds).count()).expect("few")) / f64::from(SERIES)
}

#[test]
fn the_interval_holds_the_truth_about_as_often_as_it_says() {
    for count in [12, 30, 60, 120] {
        let found = coverage(count, Noise::White);
        assert!((0.91..=0.99).contains(&found), "{count} samples: {found}");
    }
}

#[test]
fn the_interval_allows_for_samples_that_resemble_each_other() {
    for (count, part, least) in
        [(30, 0.5, 0.91), (60, 0.5, 0.92), (60, 0.8, 0.92), (120, 0.9, 0.92)]
    {
        let found = coverage(count, Noise::Red(part));
        assert!(found >= least, "{count} samples, {part}: {found}");
    }
    // A walk has no line to be found. The interval holds its drift four times of five, not 19 of
    // 20; without regard to the resemblance it would not once of five.
    for count in [60, 120] {
        let found = coverage(count, Noise::Walk);
        assert!(found >= 0.78, "{count} samples: {found}");
    }
}

/// The part of series without a trend that have one at this significance.
fn alarms(count: u32, noise: Noise, level: f64) -> f64 {
    let is_alarm = |seed: &u32| {
        let points = series(*seed, count, 0.0, noise);
        let values: Vec<f64> = points.iter().map(|point| point.1).collect();
        let slope = theil_sen(&points).expect("there are pairs");
        mann_kendall(&values).max(student(slope, values.len())) < level
    };
    f64::from(u32::try_from((0..SERIES).filter(is_alarm).count()).expect("few")) / f64::from(SERIES)
}

#[test]
fn noise_without_a_trend_is_no_trend_at_the_stated_significance() {
    let trials = [
        (Noise::White, 12),
        (Noise::White, 60),
        (Noise::Red(0.5), 12),
        (Noise::Red(0.5), 30),
        (Noise::Red(0.5), 60),
        // From 30 samples it can hardly be seen how much each takes over, and alarms are double.
        (Noise::Red(0.8), 60),
    ];
    for (noise, count) in trials {
        // Of 300, at a probability of 0.05 more than 29 are as rare as 1 in 1000.
        let found = alarms(count, noise, 0.05);
        assert!(found <= 0.1, "{noise:?}, {count} samples: {found}");
        let found = alarms(count, noise, 0.01);
        assert!(found <= 0.04, "{noise:?}, {count} samples: {found}");
    }
}

/// A log of a machine whose caches stray in every way; the first leaks by so much a sample.
fn log(seed: u32, samples: u32, leak: f64) -> String {
    const CACHES: u32 = 40;
    let caches: Vec<Vec<(f64, f64)>> = (0..CACHES)
        .map(|cache| {
            let noise = match cache % 4 {
                0 => Noise::White,
                1 => Noise::Red(0.8),
                2 => Noise::Walk,
                _ => Noise::Red(0.95),
            };
            let slope = if cache == 0 { leak } else { 0.0 };
            series(seed * CACHES + cache, samples, slope, noise)
        })
        .collect();
    let mut text = String::new();
    for at in 0..samples as usize {
        writeln!(text, "{}", 1_700_000_000 + 60 * at).expect("memory takes any text");
        text.push_str("slabinfo - version: 2.1\n");
        for (cache, series) in caches.iter().enumerate() {
            let active = series[at].1.max(0.0).round();
            writeln!(
                text,
                "cache-{cache} {active} {active} 256 16 1 : tunables 0 0 0 : slabdata 9 9 0"
            )
            .expect("memory takes any text");
        }
    }
    text
}

fn monitored(log: &str) -> MonitorReport {
    let mut monitor = Monitor::new(MonitorOptions::default());
    monitor.feed(log.as_bytes());
    monitor.finish()
}

#[test]
fn a_machine_without_a_leak_is_hardly_ever_said_to_have_one() {
    const LOGS: u32 = 100;
    for samples in [12, 40] {
        let is_false = |seed: &u32| {
            let report = monitored(&log(*seed, samples, 0.0));
            report.caches.iter().any(|cache| cache.verdict == Verdict::Leaking)
        };
        let alarms = (0..LOGS).filter(is_false).count();
        // Each log has 40 caches, 20 of which wander.
        assert!(alarms <= 5, "{samples} samples: {alarms} of {LOGS}");
    }
}

#[test]
fn a_leak_is_found_among_what_strays_and_nothing_else_is() {
    const LOGS: u32 = 60;
    let mut missed = 0;
    let mut accused = 0;
    for seed in 0..LOGS {
        let report = monitored(&log(seed, 40, 2.0));
        let leaking = |name: &str| {
            report
                .caches
                .iter()
                .any(|cache| cache.verdict == Verdict::Leaking && cache.name == name)
        };
        missed += u32::from(!leaking("cache-0"));
        accused += u32::from((1..40).any(|at| leaking(&format!("cache-{at}"))));
    }
    assert_eq!(missed, 0);
    assert!(accused <= 6, "{accused} of {LOGS}");
}

#[test]
fn a_leak_is_seen_through_slabs_that_fill() {
    // SLUB tells what is in use by whole slabs, here of 32 objects: the count climbs in steps.
    let mut found = 0;
    for seed in 0..20 {
        let leak = series(seed, 120, 3.0, Noise::White);
        let mut text = String::new();
        for (at, (_, value)) in leak.iter().enumerate() {
            let active = (value / 32.0).ceil() * 32.0;
            writeln!(text, "{}", 1_700_000_000 + 3600 * at).expect("memory takes any text");
            writeln!(text, "stepped {active} {active} 512 32 4 : tunables 0 0 0 : slabdata 9 9 0")
                .expect("memory takes any text");
        }
        let report = monitored(&text);
        let cache = &report.caches[0];
        found += u32::from(cache.verdict == Verdict::Leaking);
        assert!((cache.slope * 3600.0 / 3.0 - 1.0).abs() < 0.05, "{}", cache.slope * 3600.0);
        let truth = 3.0 / 3600.0;
        assert!(cache.slope_low <= truth && truth <= cache.slope_high, "{cache:?}");
    }
    assert_eq!(found, 20);
}
