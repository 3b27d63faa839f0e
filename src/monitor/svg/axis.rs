//! Where the marks of an axis stand, and what they read.

use crate::monitor::quantity::format_date;
use crate::print::number::{bytes, count, duration};

/// What a vertical axis counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    /// Bytes, in binary units.
    Bytes,
    /// Objects.
    Objects,
}

/// What the horizontal axis shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Time {
    /// Dates: the time of the first sample in seconds since 1970.
    Date(f64),
    /// Seconds since the first sample.
    Elapsed,
    /// Samples since the first.
    Samples,
}

/// The mark and its words.
pub(super) type Tick = (f64, String);

/// A mark of the horizontal axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct TimeTick {
    pub(super) at: f64,
    pub(super) label: String,
    /// The date, where it is another than that of the mark before.
    pub(super) date: Option<String>,
}

/// A vertical axis from a round value to a round value, with marks at round ones.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Values {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
}

/// An axis begins at zero, where a height means what it seems to, unless the series stays above
/// this part of its greatest value: its growth would be a flat line there.
const FROM_ZERO_SHARE: f64 = 0.8;

/// More marks than this are never needed.
const TICKS_MAX: u32 = 20;

impl Values {
    /// An axis for values between two, with about so many marks.
    pub(super) fn new(least: f64, most: f64, unit: Unit, marks: f64) -> Values {
        let least = if least < FROM_ZERO_SHARE * most { 0.0 } else { least };
        let range = if most > least { most - least } else { most.abs().max(1.0) * 0.1 };
        let step = step(range / marks, most, unit);
        let low = (least / step).floor() * step;
        let high = ((most / step).ceil() * step).max(low + step);
        let count = ((high - low) / step).round().clamp(1.0, f64::from(TICKS_MAX));
        let ticks = (0..=TICKS_MAX)
            .map(f64::from)
            .take_while(|&at| at <= count)
            .map(|at| (low + at * step, label(low + at * step, step, unit)))
            .collect();
        Values { low, high, ticks }
    }
}

/// The least round step that is no smaller.
fn step(least: f64, most: f64, unit: Unit) -> f64 {
    let base = match unit {
        // Steps of what the labels are told in.
        Unit::Bytes => binary_unit(most.max(least)),
        Unit::Objects => 1.0,
    };
    let least = (least / base).max(if unit == Unit::Objects { 1.0 } else { 1e-3 });
    let decade = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= least * 0.999);
    factor.unwrap_or(10.0) * decade * base
}

fn binary_unit(value: f64) -> f64 {
    let mut unit = 1.0;
    while value >= unit * 1024.0 && unit < 1e18 {
        unit *= 1024.0;
    }
    unit
}

fn label(value: f64, step: f64, unit: Unit) -> String {
    let whole = crate::monitor::balance::whole(value.round());
    if unit == Unit::Objects {
        return count(whole);
    }
    let base = binary_unit(value);
    let name = bytes(whole).split(' ').next_back().unwrap_or_default().to_owned();
    // As many decimals as tell two marks apart.
    let decimals = [0, 1, 2].into_iter().find(|&at| step / base * 10f64.powi(at) >= 0.999);
    let decimals = decimals.and_then(|at| usize::try_from(at).ok()).unwrap_or(3);
    format!("{:.decimals$} {name}", value / base)
}

/// Spans between marks that people count in, in seconds.
const SPANS: [f64; 28] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    345_600.0,
    604_800.0,
    1_209_600.0,
    2_592_000.0,
    5_184_000.0,
    15_552_000.0,
    31_104_000.0,
    62_208_000.0,
    311_040_000.0,
];

const DAY: f64 = 86_400.0;

/// The marks of the horizontal axis over a span, about so many.
pub(super) fn time_ticks(time: Time, span: f64, marks: f64) -> Vec<TimeTick> {
    if span <= 0.0 {
        return Vec::new();
    }
    let least = span / marks;
    let step = if time == Time::Samples {
        step(least, least, Unit::Objects)
    } else {
        let longest = SPANS[SPANS.len() - 1];
        let step = SPANS.into_iter().find(|&step| step >= least);
        step.unwrap_or(longest * (least / longest).ceil())
    };
    let start = if let Time::Date(start) = time { start } else { 0.0 };
    let first = (start / step).ceil() * step - start;
    let mut before = None;
    (0u32..)
        .map(|at| first + f64::from(at) * step)
        .take_while(|&at| at <= span * 1.0001)
        .take(40)
        .map(|at| {
            let date = date_label(time, at, step);
            let is_new = date != before;
            before.clone_from(&date);
            TimeTick { at, label: time_label(time, at, step), date: date.filter(|_| is_new) }
        })
        .collect()
}

/// What the words of a mark leave out: the day, or the year.
fn date_label(time: Time, at: f64, step: f64) -> Option<String> {
    let Time::Date(start) = time else { return None };
    Some(format_date(start + at, if step >= DAY { "%Y" } else { "%Y-%m-%d" }))
}

fn time_label(time: Time, at: f64, step: f64) -> String {
    match time {
        Time::Date(start) => {
            let moment = start + at;
            let pattern = match step {
                step if step >= DAY => "%d %b",
                step if step >= 60.0 => "%H:%M",
                _ => "%H:%M:%S",
            };
            format_date(moment, pattern)
        }
        Time::Elapsed if at == 0.0 => "0".to_owned(),
        Time::Elapsed => short_duration(at, step),
        Time::Samples => count(crate::monitor::balance::whole(at.round())),
    }
}

fn short_duration(at: f64, step: f64) -> String {
    match step {
        step if step >= DAY => format!("{:.0} d", at / DAY),
        step if step >= 3600.0 => format!("{:.0} h", at / 3600.0),
        step if step >= 60.0 => format!("{:.0} min", at / 60.0),
        _ if at < 100.0 => format!("{at:.0} s"),
        _ => duration(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    fn times(ticks: &[TimeTick]) -> Vec<String> {
        let dated = |tick: &TimeTick| match &tick.date {
            Some(date) => format!("{} {date}", tick.label),
            None => tick.label.clone(),
        };
        ticks.iter().map(dated).collect()
    }

    #[test]
    fn values_are_marked_at_round_ones() {
        let objects = Values::new(357.0, 2058.0, Unit::Objects, 3.0);
        assert_eq!(words(&objects.ticks), ["0", "1,000", "2,000", "3,000"]);
        let bytes = Values::new(7.13 * 1_048_576.0, 7.71 * 1_048_576.0, Unit::Bytes, 3.0);
        assert_eq!(words(&bytes.ticks), ["7.0 MiB", "7.2 MiB", "7.4 MiB", "7.6 MiB", "7.8 MiB"]);
        let doubled = Values::new(1000.0, 2000.0, Unit::Objects, 3.0);
        assert_eq!(words(&doubled.ticks), ["0", "1,000", "2,000"]);
        let flat = Values::new(5.0, 5.0, Unit::Objects, 3.0);
        assert!(flat.low <= 5.0 && flat.high > 5.0);
        let close = Values::new(1_073_741_824.0, 1_078_741_824.0, Unit::Bytes, 3.0);
        let mut labels = words(&close.ticks);
        labels.dedup();
        assert_eq!(labels.len(), close.ticks.len(), "{labels:?}");
    }

    #[test]
    fn times_are_marked_where_clocks_are_round() {
        let ticks = time_ticks(Time::Date(1_795_289_557.0), 70.0, 6.0);
        assert_eq!(
            times(&ticks),
            ["19:32:45 2026-11-21", "19:33:00", "19:33:15", "19:33:30", "19:33:45"]
        );
        let days = time_ticks(Time::Date(1_795_289_557.0), 100_000.0, 6.0);
        assert_eq!(times(&days), ["00:00 2026-11-22", "06:00", "12:00", "18:00"]);
        let years = time_ticks(Time::Date(1_795_289_557.0), 5_184_000.0, 4.0);
        assert_eq!(times(&years), ["03 Dec 2026", "02 Jan 2027"]);
        assert_eq!(times(&time_ticks(Time::Elapsed, 600.0, 4.0)), ["0", "5 min", "10 min"]);
        assert_eq!(times(&time_ticks(Time::Samples, 11.0, 4.0)), ["0", "5", "10"]);
        assert!(time_ticks(Time::Elapsed, 0.0, 4.0).is_empty());
    }
}
