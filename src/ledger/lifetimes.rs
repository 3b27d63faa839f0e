//! How long freed objects lived.

use std::fmt;

use sketches_ddsketch::{Config, DDSketch};

/// So many lifetimes are kept as they are; more go into a sketch.
const EXACT_MAX: usize = 32;

/// A quantile of the sketch is off by this share of its value at most.
const ACCURACY: f64 = 0.02;

/// Bins of the sketch: from a microsecond to a year.
const BINS_MAX: u32 = 800;

/// The lifetimes of objects that were freed, in microseconds.
///
/// A few are exact. More are kept as a sketch whose quantiles are off by 2 % at most, and whose
/// size depends on their range alone: C. Masson, J. E. Rim, H. K. Lee, "`DDSketch`: a fast and
/// fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12 (2019) 2195-2205.
#[derive(Clone, Default, Debug)]
pub struct Lifetimes {
    count: u64,
    bounds: Option<(u64, u64)>,
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    Exact(Vec<u64>),
    Sketch(Box<DDSketch>),
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::Exact(exact) => f.debug_tuple("Exact").field(exact).finish(),
            Kept::Sketch(_) => f.write_str("Sketch"),
        }
    }
}

impl Default for Kept {
    fn default() -> Kept {
        Kept::Exact(Vec::new())
    }
}

impl Lifetimes {
    /// Takes note of an object that lived so many microseconds. A clock that went backwards makes
    /// it none.
    pub(super) fn see(&mut self, micros: i64) {
        let micros = u64::try_from(micros).unwrap_or(0);
        self.count += 1;
        self.widen(micros, micros);
        self.keep(micros);
    }

    fn widen(&mut self, low: u64, high: u64) {
        let (least, most) = self.bounds.unwrap_or((low, high));
        self.bounds = Some((least.min(low), most.max(high)));
    }

    fn keep(&mut self, micros: u64) {
        match &mut self.kept {
            Kept::Exact(exact) if exact.len() < EXACT_MAX => exact.push(micros),
            Kept::Exact(_) => {
                self.sketch().add(micros as f64);
            }
            Kept::Sketch(sketch) => sketch.add(micros as f64),
        }
    }

    /// The sketch, which is made of the exact lifetimes where there was none.
    fn sketch(&mut self) -> &mut DDSketch {
        if let Kept::Exact(exact) = &self.kept {
            let mut sketch = DDSketch::new(Config::new(ACCURACY, BINS_MAX, 1.0));
            for &micros in exact {
                sketch.add(micros as f64);
            }
            self.kept = Kept::Sketch(Box::new(sketch));
        }
        match &mut self.kept {
            Kept::Sketch(sketch) => sketch,
            Kept::Exact(_) => unreachable!("it was made above"),
        }
    }

    /// Takes those of another group too.
    pub(super) fn merge(&mut self, other: &Lifetimes) {
        let Some((low, high)) = other.bounds else { return };
        self.count += other.count;
        self.widen(low, high);
        match &other.kept {
            Kept::Exact(exact) => exact.iter().for_each(|&micros| self.keep(micros)),
            // Two sketches of one configuration always merge.
            Kept::Sketch(sketch) => self.sketch().merge(sketch).unwrap_or_default(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The shortest, in microseconds.
    pub fn min(&self) -> Option<u64> {
        self.bounds.map(|(least, _)| least)
    }

    /// The longest, in microseconds.
    pub fn max(&self) -> Option<u64> {
        self.bounds.map(|(_, most)| most)
    }

    /// The lifetime in microseconds that this share of the objects did not outlive, of which 0.5 is
    /// the median.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let (least, most) = self.bounds?;
        let found = match &self.kept {
            Kept::Exact(exact) => {
                let mut sorted = exact.clone();
                sorted.sort_unstable();
                sorted[place(share, sorted.len())]
            }
            Kept::Sketch(sketch) => whole(sketch.quantile(share).ok().flatten()?),
        };
        Some(found.clamp(least, most))
    }
}

/// The index of a quantile among so many.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length is between 0 and the length"
)]
fn place(share: f64, length: usize) -> usize {
    ((share * (length - 1) as f64).floor() as usize).min(length - 1)
}

/// A number of microseconds that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and lifetimes are not negative"
)]
fn whole(micros: f64) -> u64 {
    micros.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lifetimes: impl IntoIterator<Item = i64>) -> Lifetimes {
        let mut all = Lifetimes::default();
        lifetimes.into_iter().for_each(|micros| all.see(micros));
        all
    }

    #[test]
    fn a_few_lifetimes_are_exact() {
        let lifetimes = of([30, 10, 20, -5]);
        assert_eq!((lifetimes.min(), lifetimes.max()), (Some(0), Some(30)));
        assert_eq!(lifetimes.quantile(0.5), Some(10));
        assert_eq!(Lifetimes::default().quantile(0.5), None);
    }

    #[test]
    fn many_lifetimes_are_off_by_two_percent_at_most() {
        let lifetimes = of((1..=100_000).rev());
        for (share, truth) in [(0.5, 50_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            let found = lifetimes.quantile(share).expect("there are some") as f64;
            assert!((found / truth - 1.0).abs() <= ACCURACY, "{share}: {found}");
        }
        assert_eq!(lifetimes.count(), 100_000);
    }

    #[test]
    fn two_parts_merged_are_the_whole() {
        for cut in [0, 3, 20, 500, 999, 1000] {
            let mut merged = of((0..cut).map(|at| at * at));
            merged.merge(&of((cut..1000).map(|at| at * at)));
            let whole = of((0..1000).map(|at| at * at));
            assert_eq!((merged.count, merged.bounds), (whole.count, whole.bounds), "{cut}");
            assert_eq!(merged.quantile(0.5), whole.quantile(0.5), "{cut}");
        }
    }
}
