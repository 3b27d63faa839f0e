//! The line that `date` prints, in the forms that people's loops have.

use jiff::civil::DateTime;

use super::date_words::{month, zone_seconds};

/// A line with more words is no date.
const WORDS_MAX: usize = 9;

/// A longer line is none either.
const BYTES_MAX: usize = 90;

/// Weekdays, zones and the like: a date has no more of them.
const OTHERS_MAX: usize = 3;

/// The year of a date that names none: an analysis must not depend on the day it is run. It is
/// a leap year, so that every date exists.
const UNNAMED_YEAR: i16 = 1972;

/// What a line says of the time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Moment {
    /// Seconds since 1970.
    Date(f64),
    /// Seconds since the start of a year that is not named.
    InYear(f64),
    /// Seconds since midnight.
    OfDay(f64),
}

// Sat Nov 21 19:32:37 UTC 2026                     busybox, and coreutils in the C locale
// Sat 21 Nov 2026 07:32:37 PM UTC                  coreutils in en_US.UTF-8
// Sa 21. Nov 19:32:37 CET 2026                     in de_DE; newer: Sa 21. Nov 2026 19:32:37 CET
// samedi 21 novembre 2026, 19:32:37 (UTC+0100)     in fr_FR
// 2026年 11月 21日 土曜日 19:32:37 JST             in ja_JP
// Sat, 21 Nov 2026 19:32:37 +0000                  date -R
// 2026-11-21 19:32:37
// 2026-11-21T19:32:37+00:00                        date -Is
// 21.11.2026 19:32:37
// 11/21/2026 07:32:37 PM                           date '+%x %X'
// 20261121-193237                                  date +%Y%m%d-%H%M%S
// 1795289557                                       date +%s; also with a fraction, or in ms
// 19:32:37                                         date +%T
// ==== Sat Nov 21 19:32:37 UTC 2026 ====
// date: 2026-11-21 19:32:37
/// The moment of a line that is a date and nothing else.
pub(super) fn parse(line: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= BYTES_MAX)?;
    let text = bare(text);
    if let Some(seconds) = unix(text).or_else(|| compact(text)) {
        return Some(Moment::Date(seconds));
    }
    let mut words = Words::default();
    let joined = with_decimal_points(&with_dashes(text));
    if joined.split([' ', ',', '\t']).filter(|word| !word.is_empty()).count() > WORDS_MAX {
        return None;
    }
    for word in joined.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        words.take(word)?;
    }
    words.moment()
}

// slabinfo-20261121-193237.txt
// /var/tmp/slabinfo.2026-11-21T19:32:37.gz
// slabinfo.1795289557
/// The moment of a file's name.
pub(super) fn of_name(path: &str) -> Option<Moment> {
    let name = path.rsplit('/').next()?;
    let name = &name[name.find(|c: char| c.is_ascii_digit())?..];
    let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
    // With the longest extension, and without any.
    let mut moments = ends.filter_map(|end| parse(&name.as_bytes()[..end]));
    moments.rfind(|moment| matches!(moment, Moment::Date(_)))
}

/// The text with dashes for the counters of Chinese and Japanese dates: `2026年 11月 21日`. The
/// same characters are weekdays where no number stands in front.
fn with_dashes(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for character in text.chars() {
        let is_counter = joined.ends_with(|c: char| c.is_ascii_digit());
        match character {
            '年' | '月' if is_counter => joined.push('-'),
            '日' if is_counter => joined.push(' '),
            ' ' if joined.ends_with('-') => {}
            _ => joined.push(character),
        }
    }
    joined
}

/// The text with a point for each comma between digits: `19:32:37,250` of `date -Ins`.
fn with_decimal_points(text: &str) -> String {
    let mut pointed = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_between = pointed.ends_with(|before: char| before.is_ascii_digit())
            && characters.peek().is_some_and(char::is_ascii_digit);
        pointed.push(if character == ',' && is_between { '.' } else { character });
    }
    pointed
}

/// The text without what people put around it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    // Behind a date alone, a line of marks is a separator that a recorder has stamped.
    let text = match text.chars().next() {
        Some('[') => text.trim_start_matches('[').trim_end_matches(']'),
        Some(mark @ ('=' | '#' | '*' | '-' | '"')) => {
            text.trim_matches(|c: char| c.is_ascii_whitespace() || c == mark)
        }
        _ => text,
    };
    ["date:", "Date:", "DATE:", "time:", "Time:", "timestamp:", "Timestamp:", "@"]
        .iter()
        .find_map(|label| text.strip_prefix(label))
        .unwrap_or(text)
        .trim()
}

/// Seconds since 1970, of this century; a longer number counts milliseconds and so on.
fn unix(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !is_digits(whole) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    match whole.len() {
        10 => Some(number),
        13 if fraction.is_empty() => Some(number / 1e3),
        16 if fraction.is_empty() => Some(number / 1e6),
        19 if fraction.is_empty() => Some(number / 1e9),
        _ => None,
    }
}

/// A date and a time of nothing but digits, and at most one mark in between.
fn compact(text: &str) -> Option<f64> {
    let (day, clock) = text.split_at_checked(8)?;
    let clock = clock.trim_start_matches(['-', '_', 'T', ' ']).trim_end_matches('Z');
    if !is_digits(day) || !is_digits(clock) || !matches!(clock.len(), 4 | 6) {
        return None;
    }
    let part = |text: &str, from: usize| text.get(from..from + 2)?.parse().ok();
    let clock = Clock {
        hour: part(clock, 0)?,
        minute: part(clock, 2)?,
        second: part(clock, 4).unwrap_or(0),
        nanos: 0,
    };
    seconds(day[..4].parse().ok()?, part(day, 4)?, part(day, 6)?, clock)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A time of day.
#[derive(Clone, Copy, Default)]
struct Clock {
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
}

/// Half of the day, on a clock of twelve hours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

/// What the words of a date say.
#[derive(Default)]
struct Words {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    clock: Option<Clock>,
    half: Option<Half>,
    /// Seconds ahead of UTC.
    zone: Option<f64>,
    others: usize,
}

impl Words {
    fn take(&mut self, word: &str) -> Option<()> {
        let word = word.trim_end_matches('.');
        if self.number(word).is_some() || self.joined(word).is_some() {
            return Some(());
        }
        match word {
            "AM" | "am" | "a.m" => self.half = Some(Half::Morning),
            "PM" | "pm" | "p.m" => self.half = Some(Half::Afternoon),
            "" => {}
            // A weekday may be spelled like a month, and stands in front of it.
            _ if month(word).is_some() => self.month = month(word),
            _ => return self.other(word),
        }
        Some(())
    }

    fn number(&mut self, word: &str) -> Option<()> {
        match word.len() {
            4 if is_digits(word) => self.year = Some(word.parse().ok()?),
            1 | 2 if is_digits(word) && self.day.is_none() => self.day = Some(word.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    /// A date, a clock, or both with a mark in between.
    fn joined(&mut self, word: &str) -> Option<()> {
        let Some((hour, _)) = word.split_once(':') else { return self.calendar(word) };
        let date = hour.trim_end_matches(|c: char| c.is_ascii_digit());
        if !date.is_empty() {
            self.calendar(date.strip_suffix(['T', '_', '-', ':'])?)?;
        }
        self.clock(word.strip_prefix(date)?)
    }

    // 2026-11-21   2026/11/21   21.11.2026   21-11-2026   11/21/2026   11/21/26   21-Nov-2026
    fn calendar(&mut self, word: &str) -> Option<()> {
        let mark = word.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
        let parts: Vec<&str> = word.split(mark).collect();
        let &[a, b, c] = parts.as_slice() else { return None };
        let (year, month_word, day) = if a.len() == 4 {
            (a, b, c)
        } else if mark == '/' && is_american(a, b) {
            (c, a, b)
        } else {
            (c, b, a)
        };
        let century = if year.len() == 2 && mark == '/' { 2000 } else { 0 };
        if !is_digits(year) || !is_digits(day) || year.len() != 4 && century == 0 {
            return None;
        }
        self.month = Some(month_word.parse().ok().or_else(|| month(month_word))?);
        self.year = Some(year.parse::<i16>().ok()? + century);
        self.day = Some(day.parse().ok()?);
        Some(())
    }

    // 19:32:37   19:32   7:32:37   19:32:37.250   19:32:37+01:00   19:32:37Z
    fn clock(&mut self, word: &str) -> Option<()> {
        let end = word.find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.'));
        let (clock, zone) = word.split_at(end.unwrap_or(word.len()));
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let parts: Vec<&str> = clock.split(':').collect();
        let (hour, minute, second) = match parts.as_slice() {
            [hour, minute] => (*hour, *minute, "0"),
            [hour, minute, second] => (*hour, *minute, *second),
            _ => return None,
        };
        if self.clock.is_some() || minute.len() != 2 {
            return None;
        }
        let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
        self.clock = Some(Clock {
            hour: hour.parse().ok()?,
            minute: minute.parse().ok()?,
            second: second.parse().ok()?,
            nanos: nanos.parse().ok()?,
        });
        let zone = zone.trim_start_matches(',');
        if zone.is_empty() || is_digits(zone) {
            return Some(());
        }
        self.zone = Some(zone_seconds(zone)?);
        Some(())
    }

    /// A zone or a weekday.
    fn other(&mut self, word: &str) -> Option<()> {
        let word = word.trim_matches(['(', ')']);
        if let Some(zone) = zone_seconds(word) {
            self.zone = Some(zone);
            return Some(());
        }
        self.others += 1;
        let is_word = word.chars().count() <= 12 && word.chars().all(char::is_alphabetic);
        (is_word && self.others <= OTHERS_MAX).then_some(())
    }

    fn moment(&self) -> Option<Moment> {
        let zone = self.zone.unwrap_or(0.0);
        let clock = self.clock.map(|clock| self.of_full_day(clock));
        match (self.year, self.month, self.day, clock) {
            (Some(year), Some(month), Some(day), clock) => {
                Some(Moment::Date(seconds(year, month, day, clock.unwrap_or_default())? - zone))
            }
            (None, Some(month), Some(day), Some(clock)) if self.others <= 1 => {
                let start = seconds(UNNAMED_YEAR, 1, 1, Clock::default())?;
                let moment = seconds(UNNAMED_YEAR, month, day, clock)?;
                Some(Moment::InYear(moment - start))
            }
            (None, None, None, Some(clock)) if self.others == 0 => {
                let start = seconds(UNNAMED_YEAR, 1, 1, Clock::default())?;
                Some(Moment::OfDay(seconds(UNNAMED_YEAR, 1, 1, clock)? - start))
            }
            _ => None,
        }
    }

    fn of_full_day(&self, clock: Clock) -> Clock {
        let hour = match (self.half, clock.hour) {
            (Some(Half::Morning), 12) => 0,
            (Some(Half::Afternoon), hour @ 1..12) => hour + 12,
            (_, hour) => hour,
        };
        Clock { hour, ..clock }
    }
}

/// Whether the month comes first where slashes are. Where the numbers leave it open, it does: so
/// does the C locale.
fn is_american(first: &str, second: &str) -> bool {
    let above = |text: &str| text.parse::<u32>().is_ok_and(|number| number > 12);
    above(second) || !above(first)
}

fn seconds(year: i16, month: i8, day: i8, clock: Clock) -> Option<f64> {
    // Leap seconds are the last of their minute twice.
    let second = clock.second.min(59);
    let time =
        DateTime::new(year, month, day, clock.hour, clock.minute, second, clock.nanos).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().as_microsecond() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: f64 = 1_795_289_557.0;

    #[test]
    fn every_form_of_one_moment_is_that_moment() {
        for line in [
            "Sat Nov 21 19:32:37 UTC 2026",
            "Sat 21 Nov 2026 07:32:37 PM UTC",
            "Sat Nov 21 08:32:37 PM CET 2026",
            "Sa 21. Nov 20:32:37 CET 2026",
            "Sa 21. Nov 2026 20:32:37 CET",
            "samedi 21 novembre 2026, 20:32:37 (UTC+0100)",
            "sam. 21 nov. 2026 20:32:37 CET",
            "sáb 21 nov 2026 16:32:37 -03",
            "lör 21 nov 2026 20:32:37 CET",
            "za 21 nov 2026 20:32:37 CET",
            "sob, 21 lis 2026, 20:32:37 CET",
            "Сб 21 ноя 2026 22:32:37 MSK",
            "2026年 11月 22日 日曜日 04:32:37 JST",
            "2026年 11月 21日 星期六 19:32:37 UTC",
            "2026年11月21日 月曜日 19:32:37 UTC",
            "Sat, 21 Nov 2026 20:32:37 +0100",
            "Sat Nov 21 11:32:37 PST 2026",
            "2026-11-21 19:32:37",
            "2026-11-21T19:32:37+00:00",
            "2026-11-21T20:32:37+0100",
            "2026-11-21T19:32:37Z",
            "2026-11-21 19:32:37 UTC",
            "2026-11-21 20:32:37.000000000 +0100",
            "2026-11-21_19:32:37",
            "2026-11-21-19:32:37",
            "2026/11/21 19:32:37",
            "21.11.2026 19:32:37",
            "21-Nov-2026 19:32:37",
            "21/11/2026 19:32:37",
            "11/21/2026 07:32:37 PM",
            "11/21/26 19:32:37",
            "20261121-193237",
            "20261121193237",
            "20261121T193237Z",
            "1795289557",
            "1795289557.0",
            "@1795289557",
            "1795289557000",
            "==== Sat Nov 21 19:32:37 UTC 2026 ====",
            "--- Sat Nov 21 19:32:37 UTC 2026 ---",
            "[2026-11-21 19:32:37]",
            "date: 2026-11-21 19:32:37",
        ] {
            assert_eq!(parse(line.as_bytes()), Some(Moment::Date(MOMENT)), "{line}");
        }
        let midnight = parse(b"Sat 21 Nov 2026 12:00:01 AM UTC");
        assert_eq!(midnight, parse(b"2026-11-21 00:00:01"));
        assert_eq!(parse(b"2026-11-21 19:32"), Some(Moment::Date(MOMENT - 37.0)));
        assert_eq!(parse(b"2026-11-21"), parse(b"2026-11-21 00:00:00"));
        assert_eq!(parse(b"2026-11-21T19:32:37,250+00:00"), Some(Moment::Date(MOMENT + 0.25)));
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_run_back() {
        let before = parse(b"Sun Oct 25 02:59:59 CEST 2026");
        let after = parse(b"Sun Oct 25 02:00:00 CET 2026");
        assert_eq!(
            before.zip(after),
            Some((Moment::Date(1_792_889_999.0), Moment::Date(1_792_890_000.0)))
        );
    }

    #[test]
    fn files_may_be_named_after_their_date() {
        for name in
            ["slabinfo-20261121-193237.txt", "x/slabinfo.2026-11-21T19:32:37.gz", "s.1795289557"]
        {
            assert_eq!(of_name(name), Some(Moment::Date(MOMENT)), "{name}");
        }
        for name in ["slabinfo", "slabinfo.1", "slabmon.log.2.gz", "-", "guide-61.log.gz"] {
            assert_eq!(of_name(name), None, "{name}");
        }
    }

    #[test]
    fn parts_of_a_date_are_told_from_whole_ones() {
        assert_eq!(parse(b"19:32:37"), Some(Moment::OfDay(70_357.0)));
        assert_eq!(parse(b"07:32:37 PM"), Some(Moment::OfDay(70_357.0)));
        assert_eq!(parse(b"Jan  2 00:00:01"), Some(Moment::InYear(86_401.0)));
    }

    #[test]
    fn other_lines_are_no_date() {
        for line in [
            "----------------------",
            "++++++++++++++++++++++",
            "MemTotal:         725460 kB",
            "    1 0        2260 1672 S    init             {init} /bin/busybox sh /init",
            "slabinfo - version: 2.1",
            "[2026-11-21 19:32:37] ----------------------",
            "Nov 21 19:32:37 host kernel: something happened at last",
            "   12 root      0:00 [kworker/0:1]",
            "Linux version 6.1.0 #1 SMP Sat Nov 21 2026",
            "350735.47 234388.90",
            "2026",
            "21 Nov 2026 is the day that it happened on",
            "12345",
            "a:b:c",
            "99:99:99",
            "日",
            "",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
