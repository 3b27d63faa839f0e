//! Drift told from wandering.
//!
//! Counts of objects in use wander: each sample is the one before and a little more or less. Such
//! a walk often looks like a trend, and the test by Mann and Kendall, which takes the samples for
//! independent, then calls it one. What it lacks is that all its parts move alike.

use crate::statistics::median;

/// A series is cut into so many parts.
const PARTS: usize = 12;

/// The mean step between parts is at least so many standard errors: by Student's distribution
/// with ten degrees of freedom, one walk in several thousand does that.
const ERRORS_MIN: f64 = 5.0;

/// So many parts that all rise are no chance either: one walk in 500.
const RISING_MIN: usize = 9;

/// A series that never falls and rises so often drifts, however unevenly: leaks may come in
/// bursts. One walk in 32 of so few steps does that, but hardly with a good part of all growth.
const STEPS_MIN: usize = 5;

/// A move of less than this part of all growth is none.
const SLACK: f64 = 0.02;

/// The medians of the parts of a series, in order.
pub(super) fn parts(values: &[f64]) -> Vec<f64> {
    let count = if values.len() < 2 * PARTS { values.len() } else { PARTS };
    (0..count)
        .map(|at| median(&values[at * values.len() / count..(at + 1) * values.len() / count]))
        .collect()
}

/// Whether a series rises in a way that wandering hardly does.
pub(super) fn is_rising(values: &[f64]) -> bool {
    let parts = parts(values);
    let moves = moves(&parts);
    let is_uniform = mean_in_errors(&moves).is_some_and(|errors| errors >= ERRORS_MIN);
    let all_rise = moves.len() >= RISING_MIN && moves.iter().all(|&step| step > 0.0);
    is_uniform || all_rise || never_falls(&parts)
}

fn moves(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The mean of the steps in standard errors of the mean.
fn mean_in_errors(steps: &[f64]) -> Option<f64> {
    if steps.len() < 3 {
        return None;
    }
    let count = steps.len() as f64;
    let mean = steps.iter().sum::<f64>() / count;
    let variance = steps.iter().map(|step| (step - mean).powi(2)).sum::<f64>() / (count - 1.0);
    if variance <= 0.0 {
        return Some(if mean > 0.0 { f64::INFINITY } else { 0.0 });
    }
    Some(mean / (variance / count).sqrt())
}

/// Small falls between bursts are not counted.
fn never_falls(values: &[f64]) -> bool {
    let net = values.last().zip(values.first()).map_or(0.0, |(last, first)| last - first);
    let slack = net * SLACK;
    let moves = moves(values);
    let rises = moves.iter().filter(|&&step| step > slack).count();
    net > 0.0 && rises >= STEPS_MIN && moves.iter().all(|&step| step >= -slack)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks of 300 steps of -3 to 3, by a multiplicative generator of Lehmer's.
    fn walk(seed: u64) -> Vec<f64> {
        let mut state = seed * 7919 + 1;
        let mut at = 1000.0;
        let step = |_| {
            state = state * 48271 % 2_147_483_647;
            at += (state / 65536 % 7) as f64 - 3.0;
            at
        };
        (0..300).map(step).collect()
    }

    #[test]
    fn walks_hardly_ever_drift() {
        let drifting = (0..2000).filter(|&seed| is_rising(&walk(seed))).count();
        assert!(drifting <= 10, "{drifting} of 2000");
    }

    #[test]
    fn a_leak_drifts_even_through_noise() {
        let noisy = (0..2000).filter(|&seed| {
            let walk = walk(seed);
            let noise = |at: usize| walk[at] - walk[at.saturating_sub(1)];
            let leak: Vec<f64> = (0..300).map(|at| at as f64 * 0.5 + 5.0 * noise(at)).collect();
            is_rising(&leak)
        });
        assert!(noisy.count() >= 1900);
        assert!(is_rising(&[
            0.0, 0.0, 9.0, 9.0, 9.0, 10.0, 11.0, 12.0, 40.0, 41.0, 42.0, 43.0, 44.0, 45.0
        ]));
        assert!(is_rising(&[100.0, 110.0, 121.0, 130.0, 141.0, 150.0]));
    }
}
