//! What loggers put in front of a line that is not the kernel's.

use super::date::{self, Moment};
use super::date_words::is_date_word;

/// A date in front has no more words.
const WORDS_MAX: usize = 6;

/// A tag, with what stands before it, has no more words and bytes.
const TAG_WORDS_MAX: usize = 4;
const TAG_BYTES_MAX: usize = 80;

// Nov 21 19:32:37 kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0          ts
// 19:32:37 kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0                 ts %T
// 1795289557.123456 kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0        ts %.s
// Sat Nov 21 19:32:37 2026 user.notice slabmon: MemFree: 21383664 kB                logread
/// The ways to take a line for a date and what follows, the longest date first.
pub(super) fn dated(text: &[u8]) -> impl Iterator<Item = (Moment, &[u8])> {
    let ends = word_ends(text);
    ends.into_iter().rev().filter_map(|end| {
        let moment = date::parse(&text[..end])?;
        Some((moment, text[end..].trim_ascii_start()))
    })
}

// > kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0
/// What a mail or a terminal multiplexer quotes.
pub(super) fn unquoted(text: &[u8]) -> Option<&[u8]> {
    let is_mark = |byte: &u8| matches!(byte, b'>' | b'|' | b' ');
    let marks = text.iter().take_while(|byte| is_mark(byte)).count();
    (marks > 0).then(|| &text[marks..])
}

// Every 2.0s: cat /proc/slabinfo                       host: Sat Nov 21 19:32:37 2026
// Alle 2,0s: cat /proc/slabinfo                        host: Sa 21 Nov 2026 19:32:37 UTC
/// The date at the end of the line that `watch` puts above its command's output.
pub(super) fn watched(line: &[u8]) -> Option<Moment> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let interval = words.nth(1)?.strip_suffix(b"s:")?;
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',');
    if interval.is_empty() || !interval.iter().all(is_number) {
        return None;
    }
    let is_start = |at: &usize| line[*at - 1].is_ascii_whitespace() && line[*at] != b' ';
    let starts: Vec<usize> = (1..line.len()).rev().filter(is_start).take(WORDS_MAX).collect();
    starts.into_iter().rev().find_map(|at| date::parse(&line[at..]))
}

/// Where the first words end, as long as they could be those of a date.
fn word_ends(text: &[u8]) -> Vec<usize> {
    let mut ends = Vec::with_capacity(WORDS_MAX);
    let mut at = 0;
    while ends.len() < WORDS_MAX {
        let start = at + text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let length = text[start..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let word = std::str::from_utf8(&text[start..start + length]).unwrap_or_default();
        if !is_date_word(word) {
            break;
        }
        at = start + length;
        ends.push(at);
    }
    ends
}

// user.notice slabmon: MemFree: 21383664 kB
// host slabmon[812]: MemFree: 21383664 kB
/// What follows the tag of a program.
pub(super) fn tagged(text: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(&text[..text.len().min(TAG_BYTES_MAX)], b": ")?;
    let words = text[..at].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    (1..=TAG_WORDS_MAX).contains(&words).then(|| text[at + 2..].trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &[u8] = b"kmalloc-64 5 9 64 64 1 : tunables 0 0 0 : slabdata 1 1 0";

    #[test]
    fn dates_in_front_are_found_and_rows_stay_whole() {
        for date in
            ["Nov 21 19:32:37", "19:32:37", "1795289557.5", "[19:32:37]", "2026-11-21 19:32:37"]
        {
            let line = [date.as_bytes(), b" ", ROW].concat();
            let first = dated(&line).next();
            assert_eq!(first, date::parse(date.as_bytes()).map(|moment| (moment, ROW)), "{date}");
        }
        assert_eq!(dated(ROW).next(), None);
        assert_eq!(unquoted(&[b"> > ", ROW].concat()), Some(ROW));
    }

    #[test]
    fn the_head_of_watch_has_a_date_at_its_end() {
        let date = date::parse(b"Sat Nov 21 19:32:37 2026");
        let head = b"Every 2.0s: cat /proc/slabinfo     host: Sat Nov 21 19:32:37 2026";
        assert!(date.is_some());
        assert_eq!(watched(head), date);
        assert_eq!(watched(b"Alle 2,0s: x   Sat Nov 21 19:32:37 2026"), date);
        assert_eq!(watched(b"Every day: x   Sat Nov 21 19:32:37 2026"), None);
    }

    #[test]
    fn tags_of_programs_are_passed_by() {
        let line = b"Sat Nov 21 19:32:37 2026 user.notice slabmon: MemFree: 2 kB";
        let found: Vec<_> = dated(line).filter_map(|(_, rest)| tagged(rest)).collect();
        assert_eq!(found.first(), Some(&&b"MemFree: 2 kB"[..]));
        assert_eq!(tagged(b"host slabmon[812]: MemFree: 2 kB"), Some(&b"MemFree: 2 kB"[..]));
        assert_eq!(tagged(b"a b c d e: f"), None);
    }
}
