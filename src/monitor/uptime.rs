//! Lines that tell how long the machine has been up.

use super::date::{self, Moment};
use crate::record::cursor::Cursor;

/// How long a machine has been up.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Uptime {
    pub(super) seconds: f64,
    pub(super) precision: Precision,
}

/// How exactly it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Precision {
    /// To a part of a second: a clock.
    Exact,
    /// To the minute: enough to see that the machine was restarted.
    Minute,
}

impl Uptime {
    pub(super) fn exact(seconds: f64) -> Uptime {
        Uptime { seconds, precision: Precision::Exact }
    }

    /// The time, where it is a clock.
    pub(super) fn clock(self) -> Option<f64> {
        (self.precision == Precision::Exact).then_some(self.seconds)
    }

    /// Whether a machine that was up so long has been restarted since `earlier`.
    pub(super) fn is_restarted(self, earlier: Uptime) -> bool {
        let slack = match (self.precision, earlier.precision) {
            (Precision::Exact, Precision::Exact) => 0.0,
            _ => 60.0,
        };
        self.seconds + slack < earlier.seconds
    }
}

/// The uptime of a line of `/proc/uptime`, or of what `uptime` prints; of the latter the time of
/// day too.
pub(super) fn parse(line: &[u8]) -> Option<(Uptime, Option<f64>)> {
    proc_uptime(line).map(|uptime| (uptime, None)).or_else(|| command(line))
}

// 350735.47 234388.90
// uptime: 350735.47
fn proc_uptime(line: &[u8]) -> Option<Uptime> {
    let mut cursor = Cursor::new(line.trim_ascii());
    let has_label = cursor.eat(b"uptime:").or_else(|| cursor.eat(b"Uptime:")).is_some();
    cursor.eat_blanks();
    let seconds = hundredths(&mut cursor)?;
    if cursor.eat_blanks() > 0 {
        // All CPUs' idle time.
        hundredths(&mut cursor)?;
    } else if !has_label {
        return None;
    }
    cursor.is_empty().then(|| Uptime::exact(seconds))
}

fn hundredths(cursor: &mut Cursor<'_>) -> Option<f64> {
    let whole = cursor.decimal()?;
    cursor.eat(b".")?;
    let fraction = cursor.take(2)?;
    let fraction = Cursor::new(fraction).decimal().filter(|_| fraction[1].is_ascii_digit())?;
    Some(whole as f64 + fraction as f64 / 100.0)
}

//  19:32:37 up 1 day,  3:04,  2 users,  load average: 0.10, 0.05, 0.01
//  19:32:37 up 9 days, 23 min,  1 user,  load average: 0.00, 0.00, 0.00
//  19:32:37 up 12 min,  load average: 0.00, 0.00, 0.00                     busybox
fn command(line: &[u8]) -> Option<(Uptime, Option<f64>)> {
    let text = std::str::from_utf8(line).ok()?.trim();
    let (clock, rest) = text.split_once(" up ")?;
    let Some(Moment::OfDay(clock)) = date::parse(clock.trim().as_bytes()) else { return None };
    let span = rest.split("load average").next()?;
    let mut seconds = 0.0;
    let mut words = span.split([' ', ',']).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        if let Some((hours, minutes)) = word.split_once(':') {
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            seconds += f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0;
            continue;
        }
        let number: f64 = word.parse::<u32>().ok()?.into();
        match words.next()? {
            "day" | "days" => seconds += number * 86_400.0,
            "min" => seconds += number * 60.0,
            "sec" | "secs" => seconds += number,
            _ => break,
        }
    }
    Some((Uptime { seconds, precision: Precision::Minute }, Some(clock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let exact = Some((Uptime::exact(350_735.47), None));
        assert_eq!(parse(b"350735.47 234388.90"), exact);
        assert_eq!(parse(b"uptime: 350735.47"), exact);
        for (line, seconds) in [
            (" 19:32:37 up 1 day,  3:04,  2 users,  load average: 0.10, 0.05, 0.01", 97_440.0),
            (" 19:32:37 up 9 days, 23 min,  1 user,  load average: 0.00, 0.00", 778_980.0),
            (" 19:32:37 up 12 min,  load average: 0.00, 0.00, 0.00", 720.0),
            (" 19:32:37 up  3:04,  load average: 0.00, 0.00, 0.00", 11_040.0),
        ] {
            let uptime = Uptime { seconds, precision: Precision::Minute };
            assert_eq!(parse(line.as_bytes()), Some((uptime, Some(70_357.0))), "{line}");
        }
    }

    #[test]
    fn a_restart_is_seen_through_the_minutes() {
        let minutes = |count: f64| Uptime { seconds: count * 60.0, precision: Precision::Minute };
        assert!(minutes(3.0).is_restarted(minutes(90.0)));
        assert!(!minutes(90.0).is_restarted(minutes(90.0)));
        assert!(Uptime::exact(5.0).is_restarted(Uptime::exact(5.5)));
    }

    #[test]
    fn other_numbers_are_no_uptime() {
        for line in ["0.00 0.01 0.05 1/123 456", "350735.47", "1.5 2.5", "backing up 3 files", ""] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
