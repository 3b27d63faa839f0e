//! Samples to series: a value over time.

use super::MonitorOptions;
use super::report::TimeUnit;
use super::sample::{Collection, Sample};

/// A pause so many times longer than usual is a gap: the machine slept, or its clock was set.
const GAP_FACTOR: f64 = 1000.0;

/// The samples of one stretch of time, in order.
#[derive(Debug)]
pub(super) struct Stretch<'a> {
    pub(super) unit: TimeUnit,
    /// Time and sample; the time of the first is 0.
    pub(super) samples: Vec<(f64, &'a Sample)>,
    /// Seconds since 1970 of the first and the last sample.
    pub(super) ends: Option<(f64, f64)>,
    /// Samples of other stretches.
    pub(super) left_out: u64,
}

/// The longest stretch in which time runs forward. A clock that is set, or files in the wrong
/// order, make it run back.
pub(super) fn stretch(collection: &Collection, options: MonitorOptions) -> Stretch<'_> {
    let all = &collection.samples;
    let dated: Vec<(f64, &Sample)> =
        all.iter().filter_map(|sample| Some((sample.time?, sample))).collect();
    // A log whose dates are mostly missing is read as one without.
    if dated.len() * 2 <= all.len() {
        return undated(all, options);
    }
    let mut stretches = split(&dated);
    let count = dated.len();
    let at = (0..stretches.len()).rev().max_by_key(|&at| stretches[at].len()).unwrap_or(0);
    let samples = if stretches.is_empty() { Vec::new() } else { stretches.swap_remove(at) };
    let first = samples.first().map_or(0.0, |sample| sample.0);
    Stretch {
        unit: TimeUnit::Second,
        left_out: (count - samples.len()) as u64 + (all.len() - count) as u64,
        ends: samples.first().zip(samples.last()).map(|(first, last)| (first.0, last.0)),
        samples: samples.into_iter().map(|(time, sample)| (time - first, sample)).collect(),
    }
}

fn undated(samples: &[Sample], options: MonitorOptions) -> Stretch<'_> {
    let interval = options.interval.unwrap_or(1.0);
    let times = (0u32..).map(|at| f64::from(at) * interval);
    Stretch {
        unit: if options.interval.is_some() { TimeUnit::Second } else { TimeUnit::Sample },
        samples: times.zip(samples).collect(),
        ends: None,
        left_out: 0,
    }
}

fn split<'a>(dated: &[(f64, &'a Sample)]) -> Vec<Vec<(f64, &'a Sample)>> {
    let steps: Vec<f64> = dated.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    let forward: Vec<f64> = steps.iter().copied().filter(|&step| step > 0.0).collect();
    let longest = super::statistics::median(&forward).max(1.0) * GAP_FACTOR;
    let mut stretches: Vec<Vec<(f64, &Sample)>> = Vec::new();
    for (at, &sample) in dated.iter().enumerate() {
        let goes_on = at > 0 && (0.0..=longest).contains(&steps[at - 1]);
        match stretches.last_mut() {
            Some(last) if goes_on => last.push(sample),
            _ => stretches.push(vec![sample]),
        }
    }
    stretches
}

impl Stretch<'_> {
    /// How long it is.
    pub(super) fn span(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| sample.0)
    }

    /// The series of every cache, by the caches' indices.
    pub(super) fn caches(&self, count: usize) -> Vec<Vec<(f64, f64)>> {
        let mut series = vec![Vec::new(); count];
        for (time, sample) in &self.samples {
            for &(cache, active) in &sample.caches {
                series[cache].push((*time, active as f64));
            }
        }
        series
    }

    /// The series of a value that some samples have.
    pub(super) fn series(&self, value: impl Fn(&Sample) -> Option<f64>) -> Vec<(f64, f64)> {
        let points = self.samples.iter().filter_map(|(time, sample)| Some((*time, value(sample)?)));
        points.collect()
    }
}
