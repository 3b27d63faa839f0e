//! Series to growth: whether a value grows, how fast, and how surely.

use super::drift;
use crate::statistics::{Slope, mann_kendall, steps, student, theil_sen, thin};

/// A trend less sure than this is none.
const SIGNIFICANT: f64 = 0.01;

/// Fewer points than this have no trend: four that rise are no rare thing.
const POINTS_MIN: usize = 5;

/// Growth that slows down to this share of its usual speed has ended.
const PLATEAU_SHARE: f64 = 0.25;

/// A warm-up has this share of the growth in the first quarter.
const EARLY_SHARE: f64 = 0.9;

/// Growth that once gave back this share of itself comes and goes.
const SETBACK_SHARE: f64 = 0.5;

/// How a series behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// It grows from beginning to end.
    Steady,
    /// It grew in the beginning, and has stood still since.
    WarmUp,
    /// It has grown, and stands still now.
    Plateau,
    /// It rises and falls.
    Varying,
    /// It does not grow.
    Flat,
}

/// The growth of a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Growth {
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) slope: Slope,
    /// Probability that this much of a trend is chance, counting each standstill once.
    pub(super) significance: f64,
    pub(super) shape: Shape,
    /// How long the part of the series is that the slope is of.
    pub(super) span: f64,
}

impl Growth {
    /// The growth of a series of times and values; none where it has not two times.
    /// Where the whole is no steady growth, its later half may be: leaks begin some time.
    pub(super) fn of(points: &[(f64, f64)]) -> Option<Growth> {
        let points = &thin(points);
        let whole = Growth::of_all(points)?;
        let (earlier, later) = points.split_at(points.len() / 2);
        let is_even = whole.is_steady() && speed(earlier) >= PLATEAU_SHARE * speed(later);
        let may_begin = matches!(whole.shape, Shape::Varying | Shape::Steady) && !is_even;
        if !may_begin || later.len() < 2 * POINTS_MIN {
            return Some(whole);
        }
        let begun = Growth::of_all(later)?;
        // What rises and falls again and again stays below what it once was.
        let most = earlier.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
        let is_new = begun.last - most > SETBACK_SHARE * (begun.last - begun.first);
        let is_leak = begun.is_steady() && is_new;
        Some(if is_leak { Growth { first: whole.first, ..begun } } else { whole })
    }

    fn of_all(points: &[(f64, f64)]) -> Option<Growth> {
        let values: Vec<f64> = points.iter().map(|&(_, value)| value).collect();
        let (&first, &last) = (values.first()?, values.last()?);
        let span = points.last()?.0 - points.first()?.0;
        let steps = steps(&values);
        // Most caches of a log stand still.
        if steps.len() == 1 && span > 0.0 {
            return Some(Growth {
                first,
                last,
                slope: Slope::FLAT,
                significance: 1.0,
                shape: Shape::Flat,
                span,
            });
        }
        let slope = theil_sen(points)?;
        let significance =
            mann_kendall(&steps).max(mann_kendall(&values)).max(student(slope, values.len()));
        let shape = shape(points, &values, slope, significance);
        Some(Growth { first, last, slope, significance, shape, span })
    }

    pub(super) fn is_steady(&self) -> bool {
        self.shape == Shape::Steady
    }

    /// What its slope has made of its span.
    pub(super) fn amount(&self) -> f64 {
        self.slope.median * self.span
    }
}

fn shape(points: &[(f64, f64)], values: &[f64], slope: Slope, significance: f64) -> Shape {
    let (first, last) = (values[0], values[values.len() - 1]);
    let later = &points[points.len() / 2..];
    let later_slope = speed(later);
    let overall = (last - first) / (points[points.len() - 1].0 - points[0].0).max(f64::EPSILON);
    if last < first {
        return Shape::Flat;
    }
    if setback(&drift::parts(values)) > SETBACK_SHARE * (last - first) {
        return Shape::Varying;
    }
    if later_slope < PLATEAU_SHARE * overall {
        let early = values[values.len() / 4] - first;
        let is_early = early >= EARLY_SHARE * (last - first);
        return if is_early { Shape::WarmUp } else { Shape::Plateau };
    }
    if points.len() < POINTS_MIN || significance >= SIGNIFICANT || slope.low <= 0.0 {
        return Shape::Varying;
    }
    if drift::is_rising(values) { Shape::Steady } else { Shape::Varying }
}

fn speed(points: &[(f64, f64)]) -> f64 {
    theil_sen(points).map_or(0.0, |slope| slope.median)
}

/// The deepest fall below an earlier value.
fn setback(values: &[f64]) -> f64 {
    let mut most = f64::NEG_INFINITY;
    let falls = values.iter().map(|&value| {
        most = most.max(value);
        most - value
    });
    falls.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(values: impl Iterator<Item = f64>) -> Growth {
        let points: Vec<(f64, f64)> = (0u32..).map(f64::from).zip(values).collect();
        Growth::of(&points).expect("there are pairs")
    }

    fn steps_of(width: u32, count: u32) -> impl Iterator<Item = f64> {
        (0..count).map(move |at| f64::from(at / width) * 64.0)
    }

    #[test]
    fn growth_to_the_end_is_steady() {
        assert!(growth((0..60).map(|at| 300.0 + 24.0 * f64::from(at))).is_steady());
        assert!(growth(steps_of(6, 60)).is_steady());
        let noisy = (0..60u32).map(|at| f64::from(at) * 3.0 + f64::from(at * 7919 % 11));
        assert!(growth(noisy).is_steady());
    }

    #[test]
    fn a_warm_up_ends_in_a_plateau() {
        assert_eq!(growth((0..60).map(|at| f64::from(at.min(10)))).shape, Shape::WarmUp);
        assert_eq!(growth((0..60).map(|at| f64::from(at.min(25)))).shape, Shape::Plateau);
        assert_eq!(
            growth((0..60).map(|at| if at < 30 { 406.0 } else { 420.0 })).shape,
            Shape::Plateau
        );
    }

    #[test]
    fn a_leak_may_begin_late() {
        let late = growth((0..60).map(|at| 100.0 + 5.0 * (f64::from(at) - 27.0).max(0.0)));
        assert!(late.is_steady() && (late.slope.median - 5.0).abs() < 0.1, "{late:?}");
        assert!(!growth((0..60).map(|at| f64::from(at % 30))).is_steady());
    }

    #[test]
    fn two_steps_are_no_trend() {
        assert!(!growth(steps_of(25, 60)).is_steady());
        assert!(!growth((0..4).map(f64::from)).is_steady());
    }

    #[test]
    fn what_comes_and_goes_is_no_growth() {
        assert_eq!(growth((0..60).map(|at| f64::from(at % 20))).shape, Shape::Varying);
        assert_eq!(growth(std::iter::repeat_n(5.0, 60)).shape, Shape::Flat);
        assert_eq!(growth((0..60).map(|at| 100.0 - f64::from(at))).shape, Shape::Flat);
    }
}
