//! Repetitions that syslog daemons count instead of writing them.

use crate::record::cursor::Cursor;

/// No more repetitions than this are written out: a damaged or forged number must not make a
/// short log a long one. No backtrace has so many equal lines.
const TIMES_MAX: u64 = 1024;

/// A line that stands for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Repeat<'a> {
    /// How often it is written out.
    pub(super) times: u64,
    /// How often it is not, of those that the note counts.
    pub(super) surplus: u64,
    /// What; absent if it is the line before.
    pub(super) text: Option<&'a [u8]>,
}

// message repeated 3 times: [  leaky_recurse+0x2c/0x50 [leaky]]       rsyslog
// last message repeated 3 times                                      sysklogd, busybox
// --- last message repeated 3 times ---                              rsyslog
/// Reads the daemon's note.
pub(super) fn repeat(text: &[u8]) -> Option<Repeat<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"--- ");
    let is_last = cursor.eat(b"last ").is_some();
    cursor.eat(b"message repeated ")?;
    let counted = cursor.decimal()?;
    let times = counted.min(TIMES_MAX);
    let surplus = counted - times;
    cursor.eat(b" time")?;
    cursor.eat(b"s");
    if is_last {
        return Some(Repeat { times, surplus, text: None });
    }
    cursor.eat(b": [")?;
    cursor.eat(b" ");
    Some(Repeat { times, surplus, text: Some(cursor.rest().strip_suffix(b"]")?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_daemon_s_note_is_read() {
        let rsyslog = repeat(b"message repeated 3 times: [  a+0x1/0x2 [leaky]]");
        assert_eq!(
            rsyslog,
            Some(Repeat { times: 3, surplus: 0, text: Some(b" a+0x1/0x2 [leaky]") })
        );
        let last = Some(Repeat { times: 2, surplus: 0, text: None });
        assert_eq!(repeat(b"last message repeated 2 times"), last);
        assert_eq!(repeat(b"--- last message repeated 2 times ---"), last);
        assert_eq!(repeat(b"message repeated often"), None);
    }

    #[test]
    fn a_number_beyond_belief_is_kept_apart() {
        let many = repeat(b"last message repeated 1000000 times").expect("a note");
        assert_eq!((many.times, many.surplus), (1024, 998_976));
    }
}
