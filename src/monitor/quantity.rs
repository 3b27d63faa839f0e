//! Speeds, spans and dates for people.

use super::balance::whole;
use super::report::TimeUnit;
use crate::print::number::{bytes, count, duration};

/// `s` or `sample`.
pub(super) fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Sample => "sample",
    }
}

/// Bytes for each unit of time. What is slow is told by the hour: `4.6 KiB/s`, `1.2 KiB/h`.
pub(super) fn speed(value: f64, unit: TimeUnit) -> String {
    let (value, per) = scaled(value, 1.0, unit);
    let sign = if value < 0.0 { "-" } else { "" };
    let amount = match value.abs() {
        0.0 => "0 B".to_owned(),
        size if size < 10.0 => format!("{sign}{size:.2} B"),
        size => format!("{sign}{}", bytes(whole(size.round()))),
    };
    format!("{amount}/{per}")
}

/// Objects for each unit of time: `24.4 objects/s`, `3.60 objects/h`.
pub(super) fn rate(value: f64, unit: TimeUnit) -> String {
    let (value, per) = scaled(value, 0.1, unit);
    format!("{} objects/{per}", decimals(value))
}

/// The ends of an interval around a rate, in the rate's unit of time.
pub(super) fn interval(value: f64, (low, high): (f64, f64), unit: TimeUnit) -> (String, String) {
    let factor = if value == 0.0 { 1.0 } else { scaled(value, 0.1, unit).0 / value };
    (decimals(low * factor), decimals(high * factor))
}

/// The unit of time in which a number is no tiny fraction.
fn scaled(value: f64, least: f64, unit: TimeUnit) -> (f64, &'static str) {
    match (unit, value.abs()) {
        (TimeUnit::Second, size) if 0.0 < size && size < least => (value * 3600.0, "h"),
        _ => (value, unit_name(unit)),
    }
}

/// A number with as many decimals as it needs.
fn decimals(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.1 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.2}"),
        _ => format!("{value:.1}"),
    }
}

/// A span of time, or a number of samples.
pub(super) fn span(value: f64, unit: TimeUnit) -> String {
    match unit {
        TimeUnit::Second => duration(value),
        TimeUnit::Sample => format!("{} samples", count(whole(value) + 1)),
    }
}

/// A date to the minute, in UTC: `2026-11-21 19:32`.
pub(super) fn date(seconds: f64) -> String {
    format_date(seconds, "%Y-%m-%d %H:%M")
}

/// A date by a pattern of strftime; nothing where it is beyond all calendars.
pub(super) fn format_date(seconds: f64, pattern: &str) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the next line checks the range")]
    let timestamp = jiff::Timestamp::from_second(seconds.round() as i64);
    timestamp.map_or_else(
        |_| String::new(),
        |timestamp| timestamp.to_zoned(jiff::tz::TimeZone::UTC).strftime(pattern).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_growth_is_told_by_the_hour() {
        assert_eq!(speed(4700.0, TimeUnit::Second), "4.6 KiB/s");
        assert_eq!(speed(0.05, TimeUnit::Second), "180 B/h");
        assert_eq!(rate(24.42, TimeUnit::Second), "24.4 objects/s");
        assert_eq!(rate(0.001, TimeUnit::Second), "3.60 objects/h");
        assert_eq!(rate(0.001, TimeUnit::Sample), "0.0010 objects/sample");
    }

    #[test]
    fn dates_are_in_utc() {
        assert_eq!(date(1_795_289_557.0), "2026-11-21 19:32");
        assert_eq!(date(f64::INFINITY), "");
    }
}
