//! Which numbers are likely, beside those that are possible.
//!
//! Bounds ask what losses can have been at their worst. Here they are taken for what they are on
//! average: events that went unseen are of each kind as often as those that were seen. Of a group's
//! `f` freed objects, a share was freed unseen and seems to live; of its live ones, as large a share was
//! allocated unseen. Both are rare events, so that their numbers are Poisson distributed, and the range
//! is from the one's 97.5 % point below to the other's above.

use std::ops::Add;

/// Half of what 95 % leaves.
const TAIL: f64 = 0.025;

/// A guess between several headers is wrong this often: `tests/weave.rs` measures it.
const GUESS_ERROR: f64 = 0.1;

/// Beyond this the Poisson distribution is taken for a normal one.
const NORMAL: f64 = 400.0;

/// What a group's numbers may be off by, in expected objects.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Expected {
    /// Objects that seem to live, and were freed unseen or are another group's.
    pub(super) fewer: f64,
    /// Objects that live unseen, or seem to be another group's.
    pub(super) more: f64,
}

impl Expected {
    /// Adds what a share of unseen events does to a group with so many freed and live objects.
    pub(super) fn unseen(&mut self, share: f64, frees: u64, live: u64) {
        self.fewer += share * frees as f64;
        self.more += share * live as f64;
    }

    /// Adds objects that were bound by a guess: the group's own, and others of its cache of which it
    /// has a share.
    pub(super) fn guessed(&mut self, own: u64, others: f64) {
        self.fewer += GUESS_ERROR * own as f64;
        self.more += GUESS_ERROR * others;
    }

    /// The range where so many seem to live, within the least and the most that is possible.
    pub(super) fn range(self, live: u64, least: u64, most: u64) -> (u64, u64) {
        let low = live.saturating_sub(upper(self.fewer));
        let high = live.saturating_add(upper(self.more));
        (low.clamp(least, most), high.clamp(least, most))
    }
}

impl Add for Expected {
    type Output = Expected;

    fn add(self, other: Expected) -> Expected {
        Expected { fewer: self.fewer + other.fewer, more: self.more + other.more }
    }
}

/// The number that a Poisson variable of this mean exceeds with a chance of 2.5 % at most.
fn upper(mean: f64) -> u64 {
    if !mean.is_finite() || mean <= 0.0 {
        return 0;
    }
    if mean > NORMAL {
        return whole(mean + 1.96 * mean.sqrt());
    }
    let mut chance = (-mean).exp();
    let (mut number, mut sum) = (0_u64, chance);
    while 1.0 - sum > TAIL {
        number += 1;
        chance *= mean / number as f64;
        sum += chance;
    }
    number
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and means are not negative"
)]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_of_the_tables() {
        // Upper 97.5 % points of the Poisson distribution.
        for (mean, point) in [(0.0, 0), (0.02, 0), (0.03, 1), (1.0, 3), (5.0, 10), (10.0, 17)] {
            assert_eq!(upper(mean), point, "{mean}");
        }
        assert!((990..1010).contains(&(upper(1000.0) - 62)), "{}", upper(1000.0));
    }

    #[test]
    fn a_range_stays_within_what_is_possible() {
        let expected = Expected { fewer: 50.0, more: 50.0 };
        assert_eq!(expected.range(10, 8, 11), (8, 11));
        assert_eq!(Expected::default().range(10, 8, 11), (10, 10));
    }
}
