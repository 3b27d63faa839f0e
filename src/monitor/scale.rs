//! One unit for a column of numbers, so that its rows can be compared at a glance.

use super::balance::whole;
use super::report::TimeUnit;
use crate::print::number::count;

/// A column's greatest number is below this, if a unit can make it so.
const GREATEST: f64 = 1e5;

/// Speeds are told by the hour where none has a byte a second.
const SLOW: f64 = 1.0;

/// A unit of bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct ByteUnit {
    size: f64,
    pub(super) name: &'static str,
}

/// The units, smallest first.
const UNITS: [ByteUnit; 5] = [
    ByteUnit { size: 1.0, name: "B" },
    ByteUnit { size: 1024.0, name: "KiB" },
    ByteUnit { size: 1_048_576.0, name: "MiB" },
    ByteUnit { size: 1_073_741_824.0, name: "GiB" },
    ByteUnit { size: 1_099_511_627_776.0, name: "TiB" },
];

impl ByteUnit {
    /// The unit for a column of these.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> ByteUnit {
        let greatest = values.map(f64::abs).fold(0.0, f64::max);
        let unit = UNITS[1..].iter().find(|unit| greatest / unit.size < GREATEST);
        if greatest < 1024.0 { UNITS[0] } else { *unit.unwrap_or(&UNITS[UNITS.len() - 1]) }
    }

    /// `1,243.1`.
    pub(super) fn number(self, bytes: f64) -> String {
        decimal(bytes / self.size, self.size > 1.0)
    }

    /// `+1.2`, `-0.5` and `0`.
    pub(super) fn change(self, bytes: f64) -> String {
        signed(bytes, &self.number(bytes.abs()))
    }
}

/// A difference of objects: `+1,701`.
pub(super) fn change(objects: f64) -> String {
    signed(objects, &count(whole(objects.abs())))
}

fn signed(value: f64, number: &str) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 0.0 => format!("-{number}"),
        _ => format!("+{number}"),
    }
}

/// With one decimal, or with as many as show that it is not nothing.
fn decimal(value: f64, has_parts: bool) -> String {
    if !has_parts {
        return count(whole(value.round()));
    }
    match value {
        0.0 => "0".to_owned(),
        value if value < 0.001 => "0.001".to_owned(),
        value if value < 0.095 => format!("{value:.3}"),
        value => {
            let tenths = whole((value * 10.0).round());
            format!("{}.{}", count(tenths / 10), tenths % 10)
        }
    }
}

/// A unit of bytes per time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct SpeedUnit {
    bytes: ByteUnit,
    /// Units of time in the time that it is told by.
    times: f64,
    per: &'static str,
}

impl SpeedUnit {
    /// The unit for a column of these, in bytes per unit of time, if there are any.
    pub(super) fn of(values: impl Iterator<Item = f64>, unit: TimeUnit) -> Option<SpeedUnit> {
        let greatest = values.map(f64::abs).fold(0.0, f64::max);
        if greatest == 0.0 {
            return None;
        }
        let (times, per) = match unit {
            TimeUnit::Second if greatest < SLOW => (3600.0, "h"),
            TimeUnit::Second => (1.0, "s"),
            TimeUnit::Sample => (1.0, "sample"),
        };
        Some(SpeedUnit { bytes: ByteUnit::of(std::iter::once(greatest * times)), times, per })
    }

    /// `KiB/s`.
    pub(super) fn name(self) -> String {
        format!("{}/{}", self.bytes.name, self.per)
    }

    pub(super) fn number(self, speed: f64) -> String {
        let value = speed * self.times;
        signed(value, &decimal(value.abs() / self.bytes.size, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: f64 = 1024.0;

    #[test]
    fn a_column_has_the_unit_of_its_greatest_number() {
        let unit = ByteUnit::of([1_272_936.0 * KIB, 2556.0 * KIB, 12.0 * KIB].into_iter());
        assert_eq!(unit.name, "MiB");
        let numbers = [1_272_936.0 * KIB, 2556.0 * KIB, 12.0 * KIB, 8.0, 0.0];
        let shown = numbers.map(|bytes| unit.number(bytes));
        assert_eq!(shown, ["1,243.1", "2.5", "0.012", "0.001", "0"]);
        assert_eq!(unit.change(-512.0 * KIB), "-0.5");
        let small = ByteUnit::of([900.0, 12.0].into_iter());
        assert_eq!((small.name, small.number(900.0)), ("B", "900".to_owned()));
    }

    #[test]
    fn speeds_of_a_column_are_all_by_the_hour_or_all_by_the_second() {
        let speed =
            |values: &[f64], unit| SpeedUnit::of(values.iter().copied(), unit).expect("one");
        let slow = speed(&[0.05, 0.5], TimeUnit::Second);
        assert_eq!((slow.name(), slow.number(0.5)), ("KiB/h".to_owned(), "+1.8".to_owned()));
        let fast = speed(&[4700.0, 0.5], TimeUnit::Second);
        assert_eq!((fast.name(), fast.number(4700.0)), ("KiB/s".to_owned(), "+4.6".to_owned()));
        let undated = speed(&[31.0], TimeUnit::Sample);
        assert_eq!(
            (undated.name(), undated.number(31.0)),
            ("B/sample".to_owned(), "+31.0".to_owned())
        );
    }
}
