//! How much less a sample says that resembles the one before it.
//!
//! Counts of objects go on from where they were, and tests that take each sample for a new
//! observation find trends in what merely wanders. The variance of a trend is larger than they
//! think by (1 + φ) / (1 - φ), where φ is the correlation of successive residuals: G. V. Bayley and
//! J. M. Hammersley, "The effective number of independent observations in an autocorrelated time
//! series", J. R. Statist. Soc. Suppl. 8 (1946) 184-197. Estimated from a detrended series, φ comes
//! out too small by about (2 + 4 φ) / n: F. H. C. Marriott and J. A. Pope, "Bias in the estimation of
//! autocorrelations", Biometrika 41 (1954) 390-402, with one more for the trend.

/// A slow wandering hides behind fast noise. It shows between the means of so many parts.
const PARTS: usize = 15;

/// The estimate of φ is kept so many n-ths away from 1, where the formula has no value.
const UNIT_DISTANCE: f64 = 0.9;

/// How many times the variance of a trend through these residuals is that of independent ones; at
/// least 1.
pub(super) fn inflation(residuals: &[f64]) -> f64 {
    let own = factor(residuals);
    if residuals.len() < 2 * PARTS {
        return own.max(1.0);
    }
    let count = residuals.len();
    let means: Vec<f64> = (0..PARTS)
        .map(|at| mean(&residuals[at * count / PARTS..(at + 1) * count / PARTS]))
        .collect();
    let variance = variance(residuals);
    if variance <= 0.0 {
        return 1.0;
    }
    let length = count as f64 / PARTS as f64;
    let slow = factor(&means) * length * self::variance(&means) / variance;
    own.max(slow).max(1.0)
}

fn factor(residuals: &[f64]) -> f64 {
    let correlation = correlation(residuals);
    (1.0 + correlation) / (1.0 - correlation)
}

/// The correlation of successive values, corrected for its bias, from 0 to less than 1.
fn correlation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if values.len() < 3 || squares <= 0.0 {
        return 0.0;
    }
    let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let count = values.len() as f64;
    let raw = products / squares;
    (raw + (2.0 + 4.0 * raw) / count).clamp(0.0, 1.0 - UNIT_DISTANCE / count)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean square of the distances from the mean.
pub(super) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wanders_counts_for_less() {
        let alternating: Vec<f64> = (0..60u32).map(|at| f64::from(at % 2)).collect();
        assert!((inflation(&alternating) - 1.0).abs() < 1e-9);
        let waves: Vec<f64> = (0..60u32).map(|at| (f64::from(at) / 5.0).sin()).collect();
        assert!(inflation(&waves) > 10.0);
        assert!((inflation(&[3.0; 60]) - 1.0).abs() < 1e-9);
        assert!((inflation(&[]) - 1.0).abs() < 1e-9);
    }
}
