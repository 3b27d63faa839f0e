//! The time before each line.

/// Puts the time before lines.
#[derive(Debug, Default)]
pub(crate) struct Stamper {
    /// Whether the line that comes has its time already.
    place: Place,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Place {
    #[default]
    Beginning,
    Within,
}

impl Stamper {
    // 2026-11-27T19:04:05.123456Z [    4.819046] TRACE kmalloc-64 alloc …
    /// Bytes that came now, with the time before each line that begins in them.
    pub(crate) fn stamp(&mut self, bytes: &[u8], now: jiff::Timestamp) -> Vec<u8> {
        let time = format!("{} ", now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"));
        let mut stamped = Vec::with_capacity(bytes.len() + time.len() * 8);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.place == Place::Beginning {
                stamped.extend_from_slice(time.as_bytes());
            }
            stamped.extend_from_slice(line);
            self.place = if line.ends_with(b"\n") { Place::Beginning } else { Place::Within };
        }
        stamped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_time_at_which_it_began() {
        let mut stamper = Stamper::default();
        let at = |second: i64| jiff::Timestamp::from_second(second).expect("a time");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        assert_eq!(
            text(stamper.stamp(b"a\nb", at(0))),
            "1970-01-01T00:00:00.000000Z a\n1970-01-01T00:00:00.000000Z b"
        );
        assert_eq!(text(stamper.stamp(b"c\nd\n", at(1))), "c\n1970-01-01T00:00:01.000000Z d\n");
    }
}
