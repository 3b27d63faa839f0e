//! The ways that util-linux' `dmesg` shows a record's level and time.

use super::{Prefix, calendar, printk};
use crate::record::cursor::Cursor;
use crate::time::Stamp;

// kern  :info  : [    0.000000] TRACE …       dmesg -x
/// Strips decoded facility and level.
pub(super) fn facility_and_level(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    let facility = cursor.eat_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    cursor.eat_blanks();
    cursor.eat(b":")?;
    let level = cursor.eat_while(|byte| byte.is_ascii_lowercase());
    cursor.eat_blanks();
    cursor.eat(b": ")?;
    let known = !facility.is_empty()
        && matches!(
            level,
            b"emerg" | b"alert" | b"crit" | b"err" | b"warn" | b"notice" | b"info" | b"debug"
        );
    known.then_some(cursor.rest())
}

// [Sat Nov 21 19:31:05 2026] TRACE …                      dmesg -T, conserver
// [Sat Nov 21 19:31:05.123 2026] TRACE …                  Tera Term
// [Sat Nov 21 19:31:05 2026 <    0.000012>] TRACE …       dmesg -T -d
// [Sat Nov 21 19:31:05 UTC 2026] TRACE …                  crash, log -T
// [Nov21 19:31] TRACE …                                   dmesg -e, dmesg -H: a new minute
/// Strips a bracketed calendar time.
pub(super) fn bracketed_date<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    let micros = calendar::ctime(&mut cursor).or_else(|| calendar::short_minute(&mut cursor))?;
    let rest = close(&mut cursor, prefix)?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(rest)
}

// [  +0.000012] TRACE …                                   dmesg -e, dmesg -H
// [  -0.037952] TRACE …                                   CPUs' clocks differ
// [+12345.678901] TRACE …
// [<    0.000012>] TRACE …                                dmesg --time-format delta
/// Strips a time relative to the record before, which was at `last`.
pub(super) fn relative<'a>(
    text: &'a [u8],
    last: Option<Stamp>,
    prefix: &mut Prefix,
) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"[")?;
    let in_angles = cursor.eat(b"<").is_some();
    let passed = signed_span(&mut cursor)?;
    if in_angles {
        cursor.eat(b">")?;
    } else if !text.iter().take(16).any(|byte| matches!(byte, b'+' | b'-')) {
        return None;
    }
    let rest = close(&mut cursor, prefix)?;
    // Where a date stands in front, too, it says more.
    let last = last.unwrap_or(Stamp::wall(0));
    prefix.wall = prefix.wall.or(Some(Stamp::wall(last.micros.saturating_add(passed))));
    Some(rest)
}

/// Takes a span, perhaps with a sign, in microseconds.
fn signed_span(cursor: &mut Cursor<'_>) -> Option<i64> {
    cursor.eat_blanks();
    let sign = if cursor.eat(b"-").is_some() { -1 } else { 1 };
    cursor.eat(b"+");
    Some(sign * calendar::span(cursor)?)
}

/// Takes the end of a bracketed time: a difference, the bracket, a caller, and one blank.
pub(super) fn close<'a>(cursor: &mut Cursor<'a>, prefix: &mut Prefix) -> Option<&'a [u8]> {
    if let Some(taken) = printk::delta(cursor.rest()) {
        cursor.take(taken)?;
    }
    cursor.eat(b"]")?;
    let (caller, rest) = printk::behind_time(cursor.rest());
    prefix.caller = caller.or(prefix.caller);
    Some(rest)
}

// [   10.815025] [Fri Feb 13 23:31:40 2009] [T115] TRACE …          --time-format TIME twice
// [   10.815025] 2009-02-13T23:31:40,815025+00:00 [T115] TRACE …
// [   10.815025] [<    0.000309>] TRACE …
/// Strips another of dmesg's times, behind the kernel's own.
pub(super) fn second_time<'a>(
    text: &'a [u8],
    last: Option<Stamp>,
    prefix: &mut Prefix,
) -> Option<&'a [u8]> {
    match *text.first()? {
        b'[' => bracketed_date(text, prefix).or_else(|| relative(text, last, prefix)),
        b'0'..=b'9' => iso(text, prefix),
        _ => None,
    }
}

// 2026-11-21T19:31:05,000000+00:00 TRACE …    dmesg --time-format iso
/// Strips dmesg's ISO time. A comma tells it from syslog's, which is followed by a host.
pub(super) fn iso<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::iso(&mut cursor)?;
    let taken = &text[..text.len() - cursor.rest().len()];
    if !taken.contains(&b',') {
        return None;
    }
    cursor.eat(b" ")?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(cursor.rest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Caller;

    #[test]
    fn a_difference_may_be_wide_or_negative() {
        for (line, micros) in [
            ("[  +0.000012]  x", 1_000_012),
            ("[  -0.037952]  x", 962_048),
            ("[+12345.678901]  x", 12_346_678_901),
            ("[<    0.000012>]  x", 1_000_012),
            ("[<  -12.000000>]  x", -11_000_000),
        ] {
            let mut prefix = Prefix::default();
            let text = relative(line.as_bytes(), Some(Stamp::boot(1_000_000)), &mut prefix);
            assert_eq!(text, Some(&b" x"[..]), "{line}");
            assert_eq!(prefix.wall, Some(Stamp::wall(micros)), "{line}");
        }
        assert_eq!(relative(b"[0.000012] x", None, &mut Prefix::default()), None);
    }

    #[test]
    fn a_date_may_have_a_difference_and_a_caller_behind_it() {
        for line in [
            "[Sat Nov 21 19:31:05 2026]  x",
            "[Sat Nov 21 19:31:05.123 2026]  x",
            "[Sat Nov 21 19:31:05 2026 <    0.000012>]  x",
            "[Sat Nov 21 19:31:05 2026][  T154]  x",
            "[Sat Nov 21 19:31:05 2026] [T154]  x",
            "[Sat Nov 21 19:31:05 UTC 2026]  x",
            "[Sat Nov 21 19:31:05 +03 2026] [  T154]  x",
            "[Nov21 19:31]  x",
        ] {
            let mut prefix = Prefix::default();
            let text = bracketed_date(line.as_bytes(), &mut prefix);
            assert_eq!(text, Some(&b" x"[..]), "{line}");
            assert!(matches!(prefix.caller, None | Some(Caller::Task(154))), "{line}");
        }
    }

    #[test]
    fn level_and_facility_are_words_of_the_syslog_protocol() {
        assert_eq!(facility_and_level(b"kern  :info  :  x"), Some(&b" x"[..]));
        assert_eq!(facility_and_level(b"local0:debug :  x"), Some(&b" x"[..]));
        assert_eq!(facility_and_level(b"usb  :hub : x"), None);
    }
}
