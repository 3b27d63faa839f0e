//! Repetitions that syslog daemons count instead of writing them.

use crate::record::cursor::Cursor;

/// No more repetitions than this are believed.
const TIMES_MAX: u64 = 64;

/// A line that stands for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Repeat<'a> {
    /// How often.
    pub(super) times: u64,
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
    let times = cursor.decimal()?.min(TIMES_MAX);
    cursor.eat(b" time")?;
    cursor.eat(b"s");
    if is_last {
        return Some(Repeat { times, text: None });
    }
    cursor.eat(b": [")?;
    cursor.eat(b" ");
    Some(Repeat { times, text: Some(cursor.rest().strip_suffix(b"]")?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_daemon_s_note_is_read() {
        let rsyslog = repeat(b"message repeated 3 times: [  a+0x1/0x2 [leaky]]");
        assert_eq!(rsyslog, Some(Repeat { times: 3, text: Some(b" a+0x1/0x2 [leaky]") }));
        let last = Some(Repeat { times: 2, text: None });
        assert_eq!(repeat(b"last message repeated 2 times"), last);
        assert_eq!(repeat(b"--- last message repeated 2 times ---"), last);
        assert_eq!(repeat(b"message repeated often"), None);
    }
}
