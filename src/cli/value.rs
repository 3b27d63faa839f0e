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
