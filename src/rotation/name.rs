//! What the name of a rotated log says of its age.

/// How old a piece of a rotated log is: the newest is 0.
pub(super) type Age = u64;

/// Older than any number that a rotation counts to: dates count the other way.
const DATED: Age = 1 << 40;

/// The ages of files whose names are those of one rotated log.
///
/// The newest must be among them: names that merely count may count upwards.
pub(super) fn ages<'a>(names: impl Iterator<Item = &'a str>) -> Option<Vec<Age>> {
    let parts: Vec<(&str, Age)> = names.map(parts).collect();
    let (stem, _) = parts.first()?;
    let ages: Vec<Age> = parts.iter().map(|(_, age)| *age).collect();
    let is_one = parts.iter().all(|(other, _)| other == stem);
    let is_one_each = (1..ages.len()).all(|at| !ages[..at].contains(&ages[at]));
    (is_one && is_one_each && ages.contains(&0)).then_some(ages)
}

// kern.log
// kern.log.2.gz
// dmesg.0
// messages-20261127.xz
// console.log.old
/// A name without what rotation has put behind it, and the age that this says.
fn parts(name: &str) -> (&str, Age) {
    let plain = [".gz", ".xz", ".zst", ".bz2", ".lz4"]
        .iter()
        .find_map(|packed| name.strip_suffix(packed))
        .unwrap_or(name);
    let age = |(stem, end): (_, &str)| Some((stem, end.parse::<Age>().ok()?));
    if let Some(stem) = plain.strip_suffix(".old") {
        return (stem, 1);
    }
    if let Some((stem, number)) = plain.rsplit_once('.').and_then(age)
        && number < 1000
    {
        return (stem, number + 1);
    }
    match plain.rsplit_once('-').and_then(age) {
        Some((stem, date)) if (19_700_101..=99_991_231).contains(&date) => (stem, DATED - date),
        _ => (plain, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str]) -> Option<Vec<usize>> {
        let ages = ages(names.iter().copied())?;
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(ages[at]));
        Some(order)
    }

    #[test]
    fn rotations_number_and_date_their_pieces() {
        assert_eq!(
            order(&["k.log", "k.log.1", "k.log.10.gz", "k.log.2.gz"]),
            Some(vec![2, 3, 1, 0])
        );
        assert_eq!(order(&["m", "m-20261120.gz", "m-20261127"]), Some(vec![1, 2, 0]));
        assert_eq!(order(&["dmesg", "dmesg.0", "dmesg.1.gz"]), Some(vec![2, 1, 0]));
        assert_eq!(order(&["x.log", "x.log.old"]), Some(vec![1, 0]));
    }

    #[test]
    fn other_names_are_no_rotation() {
        assert_eq!(order(&["a.log", "b.log.1"]), None);
        assert_eq!(order(&["traces.1", "traces.2"]), None);
        assert_eq!(order(&["a/k.log", "b/k.log.1"]), None);
        assert_eq!(order(&["k.log", "k.log"]), None);
    }
}
