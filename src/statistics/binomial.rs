//! Whether numbers could have been parted so by chance.

use super::two_sided;

/// More than this are so many that the normal distribution is as good.
const EXACT_MAX: u64 = 100_000;

/// The probability that chance parts `total` at least as unevenly as into `hits` and the rest, where
/// each is a hit with the probability `share`: twice the smaller tail of the binomial distribution.
pub(crate) fn binomial(total: u64, hits: u64, share: f64) -> f64 {
    let (count, expected) = (total as f64, total as f64 * share);
    if total > EXACT_MAX {
        let spread = (expected * (1.0 - share)).sqrt();
        return two_sided((hits as f64 - expected).abs() / spread.max(f64::MIN_POSITIVE));
    }
    let one_sided = if hits as f64 >= expected {
        tail(count, hits, share)
    } else {
        tail(count, total - hits, 1.0 - share)
    };
    (2.0 * one_sided).min(1.0)
}

/// The probability of `least` or more hits.
fn tail(total: f64, least: u64, share: f64) -> f64 {
    let odds = (share / (1.0 - share)).ln();
    // The first term, in logarithms, from the bottom up; the others follow from it.
    let mut term = total * (1.0 - share).ln();
    let mut at = 0.0;
    while at < least as f64 {
        term += ((total - at) / (at + 1.0)).ln() + odds;
        at += 1.0;
    }
    let mut sum = 0.0;
    while at <= total {
        let part = term.exp();
        sum += part;
        if part < sum * 1e-12 {
            break;
        }
        term += ((total - at) / (at + 1.0)).ln() + odds;
        at += 1.0;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_sum_of_its_terms() {
        assert!((tail(4.0, 3, 0.5) - 5.0 / 16.0).abs() < 1e-12);
        assert!((tail(4.0, 0, 0.5) - 1.0).abs() < 1e-12);
        assert!((tail(3.0, 3, 0.1) - 0.001).abs() < 1e-12);
        assert!(tail(100_000.0, 60_000, 0.5) < 1e-100);
    }

    #[test]
    fn large_numbers_are_judged_as_small_ones_are() {
        let (exact, near) =
            (binomial(EXACT_MAX, 50_400, 0.5), binomial(EXACT_MAX + 1, 50_400, 0.5));
        assert!((exact - near).abs() < 0.001, "{exact} {near}");
        assert!(binomial(u64::MAX, u64::MAX, 1e-9) < 1e-9, "and at once");
    }
}
