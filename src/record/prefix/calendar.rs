//! Calendar times as loggers write them.

use jiff::civil::DateTime;

use crate::record::cursor::Cursor;

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];

/// The year of a time that names none: an analysis must not depend on the day it is run. It is a
/// leap year, so that every date exists.
const UNNAMED_YEAR: i16 = 1972;

/// Less than this is no date, but a span.
const UNIX_MIN_MICROS: i64 = 1_000_000_000_000_000;

// Feb 14 10:00:00
// Nov 21 19:42:02.060014
/// Takes a time without a year; microseconds since the start of its year.
pub(crate) fn syslog(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let (month, day) = month_and_day(&mut ahead)?;
    ahead.eat(b" ")?;
    let clock = clock(&mut ahead)?;
    *cursor = ahead;
    Some(micros(UNNAMED_YEAR, month, day, clock)? - micros(UNNAMED_YEAR, 1, 1, Clock::default())?)
}

// Sat Nov 21 19:31:05 2026
// Fri Jan 26 15:04:11.123 2024
// Fri Jan 26 15:04:11 UTC 2024                            date(1), crash
/// Takes a time as `ctime(3)` prints it, in microseconds since 1970. A zone's name is no help, as
/// in [`journal`].
pub(super) fn ctime(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    WEEKDAYS.iter().find(|day| ahead.eat(day).is_some())?;
    ahead.eat(b" ")?;
    let (month, day) = month_and_day(&mut ahead)?;
    ahead.eat(b" ")?;
    let clock = clock(&mut ahead)?;
    ahead.eat(b" ")?;
    zone_name(&mut ahead);
    let year = i16::try_from(ahead.decimal()?).ok()?;
    *cursor = ahead;
    micros(year, month, day, clock)
}

// UTC
// +03
/// Takes a zone's name, and the blank behind it.
fn zone_name(cursor: &mut Cursor<'_>) {
    let mut ahead = *cursor;
    let name =
        ahead.eat_while(|byte| byte.is_ascii_alphabetic() || b"+-0123456789".contains(&byte));
    let is_name = !name.first().is_none_or(u8::is_ascii_digit) && name.len() <= 6;
    if is_name && ahead.eat(b" ").is_some() {
        *cursor = ahead;
    }
}

// Nov21 19:31
/// Takes dmesg's short form of a minute.
pub(super) fn short_minute(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let month = month(&mut ahead)?;
    let day = two_digits(&mut ahead)?;
    ahead.eat(b" ")?;
    let hour = two_digits(&mut ahead)?;
    ahead.eat(b":")?;
    let minute = two_digits(&mut ahead)?;
    *cursor = ahead;
    micros(UNNAMED_YEAR, month, day, Clock { hour, minute, ..Clock::default() })
}

// 2024-01-26T15:04:11.123456+08:00
// 2024-01-26 15:04:11
// 2026-11-21T19:31:05,000000+00:00
// 2026-11-21T19:42:02+0000
/// Takes an ISO 8601 time, in microseconds since 1970.
pub(crate) fn iso(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let year = i16::try_from(digits(&mut ahead, 4)?).ok()?;
    ahead.eat(b"-")?;
    let month = two_digits(&mut ahead)?;
    ahead.eat(b"-")?;
    let day = two_digits(&mut ahead)?;
    if ahead.eat(b"T").is_none() {
        ahead.eat(b" ")?;
    }
    let clock = clock(&mut ahead)?;
    let offset = zone(&mut ahead);
    *cursor = ahead;
    Some(micros(year, month, day, clock)? - offset)
}

// Sat 2026-11-21 19:42:01.749511 UTC
// Sat 2026-11-21 19:42:01 CEST
/// Takes a time as systemd prints it, in microseconds since 1970. Names of zones are taken for
/// UTC: there is no telling one `IST` from another.
pub(super) fn journal(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    WEEKDAYS.iter().find(|day| ahead.eat(day).is_some())?;
    ahead.eat(b" ")?;
    let micros = iso(&mut ahead)?;
    let mut zone_ahead = ahead;
    zone_ahead.eat(b" ")?;
    let zone = zone_ahead.eat_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if matches!(zone.len(), 2..=5) {
        ahead = zone_ahead;
    }
    *cursor = ahead;
    Some(micros)
}

// 15:04:11
// 15:04:11.123
/// Takes a time of day, in microseconds since midnight.
pub(super) fn time_of_day(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let clock = clock(&mut ahead)?;
    *cursor = ahead;
    Some(micros(UNNAMED_YEAR, 1, 1, clock)? - micros(UNNAMED_YEAR, 1, 1, Clock::default())?)
}

// 01-26 15:04:11.493
/// Takes a month, a day and a time; microseconds since the start of the year.
pub(super) fn month_day(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let month = two_digits(&mut ahead)?;
    ahead.eat(b"-")?;
    let day = two_digits(&mut ahead)?;
    ahead.eat(b" ")?;
    let clock = clock(&mut ahead)?;
    *cursor = ahead;
    Some(micros(UNNAMED_YEAR, month, day, clock)? - micros(UNNAMED_YEAR, 1, 1, Clock::default())?)
}

// 1706252651.493181
/// Takes seconds since 1970, as many as there have been since 2001.
pub(super) fn unix(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let micros = span(&mut ahead).filter(|&micros| micros >= UNIX_MIN_MICROS)?;
    *cursor = ahead;
    Some(micros)
}

// 12.345678
/// Takes seconds with six decimals, in microseconds.
pub(super) fn span(cursor: &mut Cursor<'_>) -> Option<i64> {
    let seconds = i64::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b".")?;
    let digits = cursor.eat_while(|byte| byte.is_ascii_digit());
    let fraction = (digits.len() == 6).then(|| Cursor::new(digits).decimal()).flatten()?;
    seconds.checked_mul(1_000_000)?.checked_add(i64::try_from(fraction).ok()?)
}

/// A time of day.
#[derive(Clone, Copy, Default)]
struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    micros: i32,
}

fn clock(cursor: &mut Cursor<'_>) -> Option<Clock> {
    let hour = two_digits(cursor)?;
    cursor.eat(b":")?;
    let minute = two_digits(cursor)?;
    cursor.eat(b":")?;
    let second = two_digits(cursor)?;
    let mut micros = 0;
    if matches!(cursor.peek(), Some(b'.' | b',')) {
        cursor.take(1)?;
        let fraction = cursor.eat_while(|byte| byte.is_ascii_digit());
        micros = (0..6).fold(0, |value, at| {
            value * 10 + i32::from(fraction.get(at).map_or(0, |digit| digit - b'0'))
        });
    }
    Some(Clock { hour, minute, second, micros })
}

/// Takes `Z`, `+08:00` or `+0000`; microseconds ahead of UTC.
pub(super) fn zone(cursor: &mut Cursor<'_>) -> i64 {
    if cursor.eat(b"Z").is_some() {
        return 0;
    }
    let mut ahead = *cursor;
    let sign = match ahead.take(1) {
        Some(b"+") => 1,
        Some(b"-") => -1,
        _ => return 0,
    };
    let Some(hours) = two_digits(&mut ahead) else { return 0 };
    ahead.eat(b":");
    let Some(minutes) = two_digits(&mut ahead) else { return 0 };
    *cursor = ahead;
    sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60_000_000
}

fn month_and_day(cursor: &mut Cursor<'_>) -> Option<(i8, i8)> {
    let month = month(cursor)?;
    cursor.eat(b" ")?;
    cursor.eat_blanks();
    Some((month, i8::try_from(cursor.decimal()?).ok()?))
}

fn month(cursor: &mut Cursor<'_>) -> Option<i8> {
    let name = cursor.take(3)?;
    let at = MONTHS.iter().position(|month| *month == name)?;
    i8::try_from(at + 1).ok()
}

fn two_digits(cursor: &mut Cursor<'_>) -> Option<i8> {
    i8::try_from(digits(cursor, 2)?).ok()
}

fn digits(cursor: &mut Cursor<'_>, count: usize) -> Option<u32> {
    let digits = cursor.take(count)?;
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
    })
}

fn micros(year: i16, month: i8, day: i8, clock: Clock) -> Option<i64> {
    let second = clock.second.min(59);
    let time =
        DateTime::new(year, month, day, clock.hour, clock.minute, second, clock.micros * 1000)
            .ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros_of(parse: impl Fn(&mut Cursor<'_>) -> Option<i64>, text: &str) -> i64 {
        let mut cursor = Cursor::new(text.as_bytes());
        let micros = parse(&mut cursor).expect(text);
        assert!(cursor.is_empty(), "{text}");
        micros
    }

    #[test]
    fn every_spelling_of_one_moment_is_that_moment() {
        let moment = 1_706_281_451_000_000;
        assert_eq!(micros_of(iso, "2024-01-26T15:04:11Z"), moment);
        assert_eq!(micros_of(iso, "2024-01-26T23:04:11+08:00"), moment);
        assert_eq!(micros_of(iso, "2024-01-26T15:04:11+0000"), moment);
        assert_eq!(micros_of(iso, "2024-01-26 15:04:11,500000"), moment + 500_000);
        assert_eq!(micros_of(ctime, "Fri Jan 26 15:04:11 2024"), moment);
        assert_eq!(micros_of(ctime, "Fri Jan 26 15:04:11.123 2024"), moment + 123_000);
        assert_eq!(micros_of(ctime, "Fri Jan 26 15:04:11 UTC 2024"), moment);
        assert_eq!(micros_of(ctime, "Fri Jan 26 15:04:11 +03 2024"), moment);
    }

    #[test]
    fn a_time_without_a_year_counts_from_its_start() {
        assert_eq!(micros_of(syslog, "Jan  2 00:00:01"), 86_401_000_000);
        assert_eq!(micros_of(syslog, "Jan 02 00:00:01.25"), 86_401_250_000);
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in ["2024-13-26T15:04:11", "2024-01-26T25:04:11", "Foo 26 15:04:11"] {
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(iso(&mut cursor).or_else(|| syslog(&mut cursor)), None, "{text}");
        }
    }
}
