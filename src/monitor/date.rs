//! The line that `date` prints, in the forms that people's loops have.

use crate::record::cursor::Cursor;
use crate::record::prefix::calendar;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A line with more words is no date.
const WORDS_MAX: usize = 8;

// Sat Nov 21 19:32:37 UTC 2026                     busybox, and coreutils in the C locale
// Sat 21 Nov 2026 07:32:37 PM UTC                  coreutils in en_US.UTF-8
// Sa 21. Nov 19:32:37 CET 2026                     in de_DE
// 2026-11-21 19:32:37
// 2026-11-21T19:32:37+00:00                        date -Is
// 1795289557                                       date +%s
// ==== Sat Nov 21 19:32:37 UTC 2026 ====
// date: 2026-11-21 19:32:37
/// Seconds of a line that is a date and nothing else. Named zones are taken for UTC: only
/// differences matter.
pub(super) fn parse(line: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() < 80)?;
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '#' | '*'));
    let text = ["date:", "Date:", "time:", "Time:", "timestamp:"]
        .iter()
        .find_map(|label| text.strip_prefix(label))
        .unwrap_or(text)
        .trim();
    iso(text).or_else(|| unix(text)).or_else(|| words(text))
}

fn iso(text: &str) -> Option<f64> {
    let mut cursor = Cursor::new(text.as_bytes());
    let micros = calendar::iso(&mut cursor)?;
    let rest = cursor.rest().trim_ascii();
    let is_zone = rest.len() <= 6 && rest.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'+');
    is_zone.then_some(micros as f64 / 1e6)
}

/// Seconds since 1970, of this century.
fn unix(text: &str) -> Option<f64> {
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_number && whole.len() == 10).then(|| text.parse().ok()).flatten()
}

/// What the words of a date say.
#[derive(Default)]
struct Words<'a> {
    month: Option<usize>,
    day: Option<u32>,
    year: Option<u32>,
    clock: Option<&'a str>,
    is_afternoon: Option<Half>,
}

/// Half of the day, on a clock of twelve hours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
}

fn words(text: &str) -> Option<f64> {
    let mut words = Words::default();
    if text.split_ascii_whitespace().count() > WORDS_MAX {
        return None;
    }
    for word in text.split_ascii_whitespace() {
        words.take(word.trim_end_matches([',', '.']))?;
    }
    words.seconds()
}

impl<'a> Words<'a> {
    fn take(&mut self, word: &'a str) -> Option<()> {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty();
        if word.contains(':') {
            self.clock = self.clock.is_none().then_some(word);
            self.clock?;
        } else if is_number && word.len() == 4 {
            self.year = Some(word.parse().ok()?);
        } else if is_number && word.len() <= 2 {
            self.day = Some(word.parse().ok()?);
        } else if let Some(month) = MONTHS.iter().position(|month| *month == word) {
            self.month = Some(month + 1);
        } else if matches!(word, "AM" | "PM") {
            self.is_afternoon = Some(if word == "PM" { Half::Afternoon } else { Half::Morning });
        } else if word.len() > 6
            || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-')
        {
            // Weekdays and zones are short words; anything else makes it a sentence.
            return None;
        }
        Some(())
    }

    fn seconds(&self) -> Option<f64> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        let text = format!("{year:04}-{month:02}-{day:02} {:0>8}", self.clock?);
        let mut cursor = Cursor::new(text.as_bytes());
        let seconds = calendar::iso(&mut cursor)? as f64 / 1e6;
        let is_noon = self.clock?.starts_with("12");
        Some(match self.is_afternoon {
            Some(Half::Afternoon) if !is_noon => seconds + 43_200.0,
            Some(Half::Morning) if is_noon => seconds - 43_200.0,
            _ => seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_one_moment_is_that_moment() {
        for line in [
            "Sat Nov 21 19:32:37 UTC 2026",
            "Sat 21 Nov 2026 07:32:37 PM UTC",
            "Sat Nov 21 07:32:37 PM CET 2026",
            "Sa 21. Nov 19:32:37 CET 2026",
            "2026-11-21 19:32:37",
            "2026-11-21T19:32:37+00:00",
            "2026-11-21 19:32:37 UTC",
            "1795289557",
            "==== Sat Nov 21 19:32:37 UTC 2026 ====",
            "date: 2026-11-21 19:32:37",
        ] {
            assert_eq!(parse(line.as_bytes()), Some(1_795_289_557.0), "{line}");
        }
        let midnight = parse(b"Sat 21 Nov 2026 12:00:01 AM UTC");
        assert_eq!(midnight, parse(b"2026-11-21 00:00:01"));
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
            "12345",
            "",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
