//! What syslog daemons and `journalctl` put in front: time, host, `kernel:`.

use super::{Prefix, calendar, repeat};
use crate::record::cursor::Cursor;
use crate::record::notice;
use crate::time::Stamp;

/// How far behind the time the word `kernel:` is looked for: host names have at most 253 bytes.
const HOST_BYTES_MAX: usize = 280;

/// Words in front of a daemon's note: host, program, and a part of the program.
const NOTE_WORDS_MAX: usize = 4;

// Feb 14 10:00:00 host kernel: [  634.493181] TRACE …               syslog
// Nov 21 19:42:02.060014 leakyvm kernel: TRACE …                    journalctl -o short-precise
// 2024-01-26T15:04:11.123456+08:00 host kernel: TRACE …             rsyslog, journalctl -o short-iso
// 2024-01-24 12:40:55 0000000g-A8cUta6pu5 kernel: TRACE …
// Fri Jan 26 15:04:11 2024 kern.info kernel: [  634.49] TRACE …     OpenWrt logread
// Sat 2026-11-21 19:42:02 UTC leakyvm kernel: TRACE …               journalctl -o short-full, -o with-unit
// 1706252651.493181 host kernel: TRACE …                            journalctl -o short-unix
// Feb 14 10:00:00 host systemd-journald[210]: Missed 3 kernel messages
/// Strips time, host and `kernel:`.
pub(super) fn syslog<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::syslog(&mut cursor)
        .or_else(|| calendar::iso(&mut cursor))
        .or_else(|| calendar::ctime(&mut cursor))
        .or_else(|| calendar::journal(&mut cursor))
        .or_else(|| calendar::unix(&mut cursor))?;
    cursor.eat(b" ")?;
    let text = behind_kernel(cursor.rest()).or_else(|| daemon_note(cursor.rest()))?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(text)
}

// host rsyslogd-2177: imuxsock lost 141 messages from pid 723 due to rate-limiting
// host rsyslogd: imjournal: 22 messages lost due to rate-limiting
// host last message repeated 3 times
/// What a daemon says of the log itself, behind the host's and its own name.
fn daemon_note(text: &[u8]) -> Option<&[u8]> {
    let window = &text[..text.len().min(HOST_BYTES_MAX)];
    memchr::memchr_iter(b' ', window)
        .map(|at| &text[at + 1..])
        .take(NOTE_WORDS_MAX)
        .find(|note| notice::dropped(note).is_some() || repeat::repeat(note).is_some())
}

// 1 2024-01-26T15:04:11.123456+08:00 host kernel - - - [  634.49] TRACE …
/// Strips version, time, host, program and three fields that the kernel leaves empty (RFC 5424).
pub(super) fn rfc5424<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"1 ")?;
    let micros = calendar::iso(&mut cursor)?;
    cursor.eat(b" ")?;
    cursor.until(b" ")?;
    cursor.eat(b"kernel ")?;
    for _ in 0..3 {
        cursor.until(b" ")?;
    }
    prefix.wall = Some(Stamp::wall(micros));
    Some(cursor.rest())
}

// user.info kernel: TRACE …                                         busybox syslogd without time
// kern.warn kernel: [  634.49] TRACE …
/// Strips `facility.level kernel:`.
pub(super) fn facility(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    let facility = cursor.eat_while(|byte| byte.is_ascii_lowercase());
    cursor.eat(b".")?;
    let level = cursor.eat_while(|byte| byte.is_ascii_lowercase());
    cursor.eat(b" kernel: ")?;
    (!facility.is_empty() && !level.is_empty()).then_some(cursor.rest())
}

// [   10.815025] leakyvm kernel: TRACE …
// host kernel[0]: TRACE …
// (none) kern.warn kernel: TRACE …
/// Strips at most two words and `kernel:`, which `journalctl -o short-monotonic` puts behind the
/// time, too.
pub(super) fn behind_kernel(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(&text[..text.len().min(HOST_BYTES_MAX)]);
    for _ in 0..3 {
        cursor.eat_blanks();
        let words = cursor.rest();
        if words.starts_with(b"kernel") {
            return behind_name(&text[cursor_at(text, words)..]);
        }
        let end = memchr::memchr(b' ', words)?;
        cursor.take(end)?;
    }
    None
}

/// Where `rest`, the end of a window on `text`, begins.
fn cursor_at(text: &[u8], rest: &[u8]) -> usize {
    text.len().min(HOST_BYTES_MAX) - rest.len()
}

fn behind_name(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"kernel")?;
    if cursor.eat(b"[").is_some() {
        cursor.decimal()?;
        cursor.eat(b"]")?;
    }
    cursor.eat(b":")?;
    Some(cursor.rest().strip_prefix(b" ").unwrap_or(cursor.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_daemon_prefix_is_stripped() {
        for line in [
            "Feb 14 10:00:00 host kernel: TRACE x",
            "Nov 21 19:42:02.060014 leakyvm kernel: TRACE x",
            "2024-01-26T15:04:11.123456+08:00 host kernel: TRACE x",
            "2024-01-24 12:40:55 0000000g-A8cUta6pu5 kernel: TRACE x",
            "Fri Jan 26 15:04:11 2024 kern.info kernel: TRACE x",
            "Feb 14 10:00:00 host kernel[0]: TRACE x",
            "Sat 2026-11-21 19:42:02 UTC leakyvm kernel: TRACE x",
            "1706252651.493181 host kernel: TRACE x",
        ] {
            let mut prefix = Prefix::default();
            assert_eq!(syslog(line.as_bytes(), &mut prefix), Some(&b"TRACE x"[..]), "{line}");
            assert!(prefix.wall.is_some(), "{line}");
        }
        assert_eq!(facility(b"kern.warn kernel: TRACE x"), Some(&b"TRACE x"[..]));
    }

    #[test]
    fn the_fields_of_rfc_5424_are_stripped() {
        let mut prefix = Prefix::default();
        let line = b"1 2024-01-26T15:04:11.123456+08:00 host kernel - - -  <TASK>";
        assert_eq!(rfc5424(line, &mut prefix), Some(&b" <TASK>"[..]));
        assert_eq!(rfc5424(b"1 2024-01-26T15:04:11Z host sshd 12 - - x", &mut prefix), None);
    }

    #[test]
    fn daemons_tell_of_losses_and_repetitions() {
        for note in [
            "systemd-journald[210]: Missed 3 kernel messages",
            "rsyslogd-2177: imuxsock lost 141 messages from pid 723 due to rate-limiting",
            "rsyslogd: imjournal: 22 messages lost due to rate-limiting",
            "last message repeated 3 times",
        ] {
            let line = format!("Feb 14 10:00:00 host {note}");
            let text = syslog(line.as_bytes(), &mut Prefix::default()).expect(note);
            assert!(note.as_bytes().ends_with(text), "{note}");
        }
    }

    #[test]
    fn other_programs_are_left_alone() {
        let line = b"Feb 14 10:00:00 host systemd[1]: Started Load kernel: modules";
        assert_eq!(syslog(line, &mut Prefix::default()), None);
    }
}
