//! What syslog daemons and `journalctl` put in front: time, host, `kernel:`.

use super::{Prefix, calendar};
use crate::record::cursor::Cursor;
use crate::time::Stamp;

/// How far behind the time the word `kernel:` is looked for: host names have at most 253 bytes.
const HOST_BYTES_MAX: usize = 280;

// Feb 14 10:00:00 host kernel: [  634.493181] TRACE …               syslog
// Nov 21 19:42:02.060014 leakyvm kernel: TRACE …                    journalctl -o short-precise
// 2024-01-26T15:04:11.123456+08:00 host kernel: TRACE …             rsyslog, journalctl -o short-iso
// 2024-01-24 12:40:55 0000000g-A8cUta6pu5 kernel: TRACE …
// Fri Jan 26 15:04:11 2024 kern.info kernel: [  634.49] TRACE …     OpenWrt logread
// 1706252651.493181 host kernel: TRACE …                            journalctl -o short-unix
/// Strips time, host and `kernel:`.
pub(super) fn syslog<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::syslog(&mut cursor)
        .or_else(|| calendar::iso(&mut cursor))
        .or_else(|| calendar::ctime(&mut cursor))
        .or_else(|| unix_time(&mut cursor))?;
    cursor.eat(b" ")?;
    let text = behind_kernel(cursor.rest())?;
    prefix.wall = Some(Stamp::wall(micros));
    Some(text)
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

/// Strips `host kernel: `, which `journalctl -o short-monotonic` puts behind the time.
// [   10.815025] leakyvm kernel: TRACE …
pub(super) fn behind_kernel(text: &[u8]) -> Option<&[u8]> {
    let window = &text[..text.len().min(HOST_BYTES_MAX)];
    let at = memchr::memmem::find(window, b"kernel")?;
    let words = window[..at].split(|&byte| byte == b' ').filter(|word| !word.is_empty()).count();
    if words > 2 || (at > 0 && window[at - 1] != b' ') {
        return None;
    }
    let mut cursor = Cursor::new(&text[at + b"kernel".len()..]);
    if cursor.eat(b"[").is_some() {
        cursor.decimal()?;
        cursor.eat(b"]")?;
    }
    cursor.eat(b":")?;
    Some(cursor.rest().strip_prefix(b" ").unwrap_or(cursor.rest()))
}

fn unix_time(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    let seconds = i64::try_from(ahead.decimal()?).ok()?;
    ahead.eat(b".")?;
    let digits = ahead.eat_while(|byte| byte.is_ascii_digit());
    if digits.len() != 6 {
        return None;
    }
    *cursor = ahead;
    let fraction = digits.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    seconds.checked_mul(1_000_000)?.checked_add(fraction)
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
            "1706252651.493181 host kernel: TRACE x",
        ] {
            let mut prefix = Prefix::default();
            assert_eq!(syslog(line.as_bytes(), &mut prefix), Some(&b"TRACE x"[..]), "{line}");
            assert!(prefix.wall.is_some(), "{line}");
        }
        assert_eq!(facility(b"kern.warn kernel: TRACE x"), Some(&b"TRACE x"[..]));
    }

    #[test]
    fn other_programs_are_left_alone() {
        let line = b"Feb 14 10:00:00 host systemd[1]: Started Load kernel: modules";
        assert_eq!(syslog(line, &mut Prefix::default()), None);
    }
}
