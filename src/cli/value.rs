//! Values of options: numbers, spans of time and boots.

use std::str::FromStr;

use jiff::SpanRelativeTo;
use regex::Regex;
use slabtrace::report::BootChoice;

/// A span of time in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age(pub(crate) f64);

impl FromStr for Age {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Age, Self::Err> {
        let seconds = text.trim().parse().ok().or_else(|| spelled(text));
        let seconds = seconds.filter(|&seconds: &f64| seconds >= 0.0 && seconds.is_finite());
        seconds.map(Age).ok_or("write a duration such as 90s, 5m, 1m30s or 2d")
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Bytes, Self::Err> {
        bytes(text).map(Bytes).ok_or("write a number of bytes such as 4096, 64K or 1.5M")
    }
}

/// Bytes in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(pub(crate) f64);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Rate, Self::Err> {
        const HELP: &str = "write bytes in a time such as 10K/h, 1M/d or 512/10m";
        let (size, time) = text.split_once('/').ok_or(HELP)?;
        let time = time.trim();
        // `/h` is an hour.
        let time = match time.chars().next() {
            None => return Err(HELP),
            Some(first) if first.is_ascii_digit() => time.to_owned(),
            Some(_) => format!("1{time}"),
        };
        let seconds = time.parse::<Age>().map_err(|_| HELP)?.0;
        let size = bytes(size).ok_or(HELP)?;
        if seconds > 0.0 { Ok(Rate(size as f64 / seconds)) } else { Err(HELP) }
    }
}

/// `64`, `64K`, `1.5MiB`: units are powers of 1024.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a size; casts saturate"
)]
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.to_ascii_lowercase();
    let power = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    let size = number * 1024_f64.powi(power);
    (size >= 0.0 && size.is_finite()).then_some(size.round() as u64)
}

/// A span with units, with days of 24 hours.
fn spelled(text: &str) -> Option<f64> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(duration.as_secs_f64())
}

/// A number that counts something.
pub(super) fn count<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "write a whole number such as 10")
}

/// A number that counts something that there must be.
pub(super) fn positive<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| "write a whole number, 1 or more")
}

/// A regular expression; what is wrong with one is told in a line.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        let message = error.to_string();
        let why = message.lines().last().unwrap_or_default().trim();
        why.trim_start_matches("error: ").to_owned()
    })
}

/// A boot's number, or the word for it.
pub(super) fn boot_choice(text: &str) -> Result<BootChoice, &'static str> {
    match text {
        "all" => Ok(BootChoice::All),
        "last" => Ok(BootChoice::Last),
        number => number
            .parse()
            .map(BootChoice::Number)
            .map_err(|_| "write the number of a boot, from 0 on, `last` or `all`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_are_read_as_people_write_them() {
        let size = |text: &str| text.parse::<Bytes>().ok().map(|bytes| bytes.0);
        assert_eq!(size("4096"), Some(4096));
        for text in ["64K", "64k", "64KB", "64 KiB", "65536 B"] {
            assert_eq!(size(text), Some(65_536), "{text}");
        }
        assert_eq!(size("1.5M"), Some(1_572_864));
        for text in ["", "K", "-1", "1X", "inf", "1e999"] {
            assert_eq!(size(text), None, "{text}");
        }
        let rate = |text: &str| text.parse::<Rate>().ok().map(|rate| rate.0);
        assert_eq!(rate("3600/h"), Some(1.0));
        assert_eq!(rate("1K/s"), Some(1024.0));
        assert_eq!(rate("600/10m"), Some(1.0));
        for text in ["1K", "1K/", "/h", "1K/0s", "1K/x"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        let seconds = |text: &str| text.parse::<Age>().ok().map(|age| age.0);
        for (text, expected) in [
            ("90", 90.0),
            ("0.5", 0.5),
            ("90s", 90.0),
            ("250ms", 0.25),
            ("5m", 300.0),
            ("5min", 300.0),
            ("1m30s", 90.0),
            ("1m 30s", 90.0),
            ("1.5h", 5400.0),
            ("2h30m", 9000.0),
            ("1 hour 5 minutes", 3900.0),
            ("2d", 172_800.0),
            ("1d12h", 129_600.0),
            ("1w", 604_800.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "s", "5y", "-5m", "5m ago", "inf", "nan", "five minutes", "1m30"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
