//! Robust trends of a series.
//!
//! - Slope and its confidence interval: P. K. Sen, "Estimates of the regression coefficient
//!   based on Kendall's tau", J. Amer. Statist. Assoc. 63 (1968) 1379-1389, after H. Theil (1950):
//!   the median of the slopes between all pairs of samples. Up to 29 % of the samples may be
//!   arbitrarily wrong.
//! - Significance: H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945)
//!   245-259; M. G. Kendall, Rank Correlation Methods, 4th ed. (1975), for the variance with ties.
//! - Both take samples for independent. Where successive ones resemble each other, the interval is
//!   widened by what `autocorrelation.rs` finds, and a second test asks how many of its standard
//!   errors the slope is away from zero.

mod autocorrelation;
mod binomial;

pub(crate) use binomial::binomial;

/// The 97.5 % point of the normal distribution: intervals are of 95 %.
const Z_95: f64 = 1.959_964;

/// Series longer than this are thinned out evenly before their slope is taken, since the number
/// of pairs grows with the square.
const POINTS_MAX: usize = 400;

/// The slope of a series, and its 95 % confidence interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slope {
    /// The median of all slopes.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The standard error, by the residuals and how much each resembles the one before.
    pub error: f64,
}

impl Slope {
    /// A value that does not change.
    pub const FLAT: Slope = Slope { median: 0.0, low: 0.0, high: 0.0, error: 0.0 };
}

/// From this inflation on samples wander so much that the slopes between them no longer span the
/// interval, and its width is taken from the residuals too.
const WANDERING: f64 = 4.0;

/// The slope of a series of times and values; none where there are not two times.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<Slope> {
    let thinned: Vec<(f64, f64)> = thin(points);
    let mut slopes = Vec::with_capacity(thinned.len() * thinned.len() / 2);
    for (at, &(t0, v0)) in thinned.iter().enumerate() {
        for &(t1, v1) in &thinned[at + 1..] {
            if t1 > t0 {
                slopes.push((v1 - v0) / (t1 - t0));
            }
        }
    }
    if slopes.is_empty() {
        return None;
    }
    let median = median_of(&mut slopes);
    let residuals: Vec<f64> = thinned.iter().map(|&(time, value)| value - median * time).collect();
    let inflation = autocorrelation::inflation(&residuals);
    let values: Vec<f64> = thinned.iter().map(|&(_, value)| value).collect();
    let spread = Z_95 * (kendall_variance(&values) * inflation).sqrt();
    let count = slopes.len() as f64;
    let low = nth(&mut slopes, (count - spread) / 2.0);
    let high = nth(&mut slopes, f64::midpoint(count, spread));
    let error = standard_error(&thinned, &residuals, inflation);
    let reach = if inflation > WANDERING { Z_95 * error } else { 0.0 };
    Some(Slope { median, low: low.min(median - reach), high: high.max(median + reach), error })
}

/// The standard error of a line through points with these residuals.
fn standard_error(points: &[(f64, f64)], residuals: &[f64], inflation: f64) -> f64 {
    let times: Vec<f64> = points.iter().map(|point| point.0).collect();
    let spread = autocorrelation::variance(&times) * (times.len() as f64 - 2.0).max(1.0);
    if spread <= 0.0 {
        return 0.0;
    }
    (autocorrelation::variance(residuals) * inflation / spread).sqrt()
}

/// A series with as many points as a slope is taken of, the first and the last among them.
pub fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    (0..POINTS_MAX).map(|at| points[at * (points.len() - 1) / (POINTS_MAX - 1)]).collect()
}

/// The value at a place in the order, without putting all in order. There is at least one.
fn nth(values: &mut [f64], place: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the slice"
    )]
    let at = place.round().clamp(0.0, values.len() as f64 - 1.0) as usize;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

/// The median; 0 for nothing.
pub fn median(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { median_of(&mut values.to_vec()) }
}

fn median_of(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let upper = nth(values, middle as f64);
    if values.len().is_multiple_of(2) {
        f64::midpoint(nth(values, middle as f64 - 1.0), upper)
    } else {
        upper
    }
}

/// The probability that a series without a trend looks as much like one as this, by Mann and
/// Kendall; two-sided. The samples are taken for independent.
pub fn mann_kendall(values: &[f64]) -> f64 {
    let kendall = Kendall::of(values);
    if kendall.variance <= 0.0 {
        return 1.0;
    }
    // One is taken off for continuity: the sum moves in steps of two.
    let distance = kendall.sum.abs() - 1.0;
    if distance <= 0.0 {
        return 1.0;
    }
    two_sided(distance / kendall.variance.sqrt())
}

/// Kendall's sum of signs, and its variance without a trend.
struct Kendall {
    sum: f64,
    variance: f64,
}

impl Kendall {
    fn of(values: &[f64]) -> Kendall {
        let mut sum = 0i64;
        for (at, earlier) in values.iter().enumerate() {
            for later in &values[at + 1..] {
                sum += later.total_cmp(earlier) as i64;
            }
        }
        Kendall { sum: sum as f64, variance: kendall_variance(values) }
    }
}

fn kendall_variance(values: &[f64]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let tied: f64 = ties(values).into_iter().map(|group| term(group as f64)).sum();
    (term(values.len() as f64) - tied) / 18.0
}

/// How many values each group of equal values has.
fn ties(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(<[f64]>::len).collect()
}

/// The probability that a series without a trend has a slope of so many standard errors;
/// two-sided, by Student's distribution: Abramowitz and Stegun, 26.7.4. As the error is estimated
/// from samples that resemble each other, there are few degrees of freedom.
pub fn student(slope: Slope, samples: usize) -> f64 {
    const DEGREES_MAX: usize = 10;
    const SAMPLES_PER_DEGREE: usize = 3;
    if slope.error <= 0.0 {
        return if slope.median == 0.0 { 1.0 } else { 0.0 };
    }
    // The sum is for even numbers.
    let degrees = (samples / SAMPLES_PER_DEGREE / 2 * 2).clamp(2, DEGREES_MAX);
    let angle = (slope.median.abs() / slope.error / (degrees as f64).sqrt()).atan();
    let (mut term, mut sum) = (1.0, 1.0);
    for at in 1..degrees / 2 {
        term *= (2 * at - 1) as f64 / (2 * at) as f64 * angle.cos().powi(2);
        sum += term;
    }
    let probability = (1.0 - angle.sin() * sum).clamp(0.0, 1.0);
    // The difference of two numbers near 1 has no more digits than this.
    if probability < 1e-12 { 0.0 } else { probability }
}

/// The probability of a normal deviate at least so far from zero: Abramowitz and Stegun,
/// Handbook of Mathematical Functions (1964), 7.1.26.
fn two_sided(deviate: f64) -> f64 {
    const A: [f64; 5] =
        [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let x = deviate / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = A.iter().rev().fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    (polynomial * (-x * x).exp()).clamp(0.0, 1.0)
}

/// The values of a series without its standing still: runs of equal values are one observation,
/// since a cache that grows by whole slabs says nothing new in between.
pub fn steps(values: &[f64]) -> Vec<f64> {
    let mut steps = values.to_vec();
    steps.dedup_by(|a, b| a.total_cmp(b).is_eq());
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(count: u32, slope: f64) -> Vec<(f64, f64)> {
        (0..count).map(|at| (f64::from(at), f64::from(at) * slope)).collect()
    }

    #[test]
    fn a_quarter_of_wild_values_does_not_move_the_slope() {
        let mut points = line(40, 2.5);
        for at in (0..40).step_by(4) {
            points[at].1 = 1e9;
        }
        let slope = theil_sen(&points).expect("there are pairs");
        assert!((slope.median - 2.5).abs() < 0.5, "{slope:?}");
    }

    #[test]
    fn the_interval_holds_the_slope_of_a_noisy_line() {
        // A fixed sequence that looks random: multiples of the golden ratio, modulo one.
        let noise = |at: u32| (f64::from(at) * 0.618_034).fract() - 0.5;
        let points: Vec<_> =
            (0..60).map(|at| (f64::from(at), f64::from(at) * 3.0 + 20.0 * noise(at))).collect();
        let slope = theil_sen(&points).expect("there are pairs");
        assert!(
            slope.low < 3.0 && 3.0 < slope.high && slope.low > 2.5 && slope.high < 3.5,
            "{slope:?}"
        );
    }

    #[test]
    fn significance_agrees_with_the_tables() {
        // Gilbert, Statistical Methods for Environmental Pollution Monitoring (1987), p. 208:
        // n = 10 without ties has the variance 125.
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        let expected = two_sided(44.0 / 125f64.sqrt());
        assert!((mann_kendall(&rising) - expected).abs() < 1e-12);
        assert!((two_sided(1.959_964) - 0.05).abs() < 1e-6);
        assert!((two_sided(2.575_829) - 0.01).abs() < 1e-6);
    }

    #[test]
    fn student_s_distribution_agrees_with_the_tables() {
        let slope = |errors: f64| Slope { median: errors, error: 1.0, ..Slope::FLAT };
        for (errors, samples, expected) in
            [(2.228, 40, 0.05), (3.169, 40, 0.01), (4.587, 40, 0.001), (2.447, 20, 0.05)]
        {
            let found = student(slope(errors), samples);
            assert!((found / expected - 1.0).abs() < 0.002, "{errors}: {found}");
        }
        assert!((student(Slope::FLAT, 40) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_series_that_stands_still_has_no_trend() {
        assert!((mann_kendall(&[7.0; 30]) - 1.0).abs() < f64::EPSILON);
        assert_eq!(theil_sen(&[(0.0, 1.0)]), None);
        assert_eq!(theil_sen(&[(3.0, 1.0), (3.0, 2.0)]), None);
        assert_eq!(steps(&[1.0, 1.0, 2.0, 2.0, 1.0]), [1.0, 2.0, 1.0]);
    }
}
