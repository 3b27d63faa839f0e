//! What a recording says about itself.

use crate::record::cursor::Cursor;

/// A rendering of the events that does not tell allocations from frees, or one object from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unpaired {
    /// The trace file under the option `raw`, `hex` or `bin`.
    Numbers,
    /// The sums of a `hist` trigger.
    Histogram,
    /// The sums of `perf kmem`.
    PerfKmem,
}

/// What a recording says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordingNotice {
    /// It is a rendering that nothing can be made of.
    Unpaired(Unpaired),
    /// Entries are missing before the next one of this CPU; how many may not be known.
    Lost {
        /// The CPU.
        cpu: Option<u32>,
        /// Entries.
        entries: Option<u64>,
    },
    /// Entries were written over before the recording was read.
    Overwritten(u64),
}

impl RecordingNotice {
    // # entries-in-buffer/entries-written: 849/2264   #P:1
    // CPU:1 [LOST 1184 EVENTS]
    // CPU:1 [LOST EVENTS]
    // CPU:1 [1234 EVENTS DROPPED]                                  trace-cmd
    // CPU:1 [EVENTS DROPPED]                                       trace-cmd
    // 114 0 2380506762 type: 551                                   options/raw
    // 00000072 00000000 000000008de3a68a type: 551                 options/hex
    // # event histogram
    //  Alloc Ptr                          | Total_alloc/Per | Total_req/Per   | Hit      | Ping-pong | Frag
    // leaky/0   127 [000]     4.250492: PERF_RECORD_LOST lost 12   perf script --show-lost-events
    /// Reads such a line.
    pub fn parse(text: &[u8]) -> Option<RecordingNotice> {
        let text = text.trim_ascii();
        match text {
            b"# event histogram" => Some(RecordingNotice::Unpaired(Unpaired::Histogram)),
            [b'#', ..] => overwritten(text),
            [b'C', b'P', b'U', b':', ..] => lost(text),
            [b'0'..=b'9', ..] if is_numbers(text) => {
                Some(RecordingNotice::Unpaired(Unpaired::Numbers))
            }
            [b'A' | b'C', ..] if is_head_of_sums(text) => {
                Some(RecordingNotice::Unpaired(Unpaired::PerfKmem))
            }
            _ => lost_by_perf(text),
        }
    }
}

fn is_numbers(text: &[u8]) -> bool {
    let mut words = text.split(|&byte| byte == b' ');
    let are_hex =
        |word: Option<&[u8]>| word.is_some_and(|word| word.iter().all(u8::is_ascii_hexdigit));
    are_hex(words.next())
        && are_hex(words.next())
        && are_hex(words.next())
        && words.next() == Some(b"type:")
        && words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit))
}

fn is_head_of_sums(text: &[u8]) -> bool {
    let is_first = text.starts_with(b"Alloc Ptr ") || text.starts_with(b"Callsite ");
    is_first && memchr::memmem::find(text, b"| Total_alloc/Per | Total_req/Per").is_some()
}

fn overwritten(text: &[u8]) -> Option<RecordingNotice> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"# entries-in-buffer/entries-written: ")?;
    let held = cursor.decimal()?;
    cursor.eat(b"/")?;
    let written = cursor.decimal()?;
    Some(RecordingNotice::Overwritten(written.saturating_sub(held)))
}

fn lost(text: &[u8]) -> Option<RecordingNotice> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"CPU:")?;
    let cpu = u32::try_from(cursor.decimal()?).ok();
    cursor.eat(b" [")?;
    let inside = cursor.rest().strip_suffix(b"]")?;
    let number = inside
        .strip_prefix(b"LOST ")
        .and_then(|rest| rest.strip_suffix(b"EVENTS"))
        .or_else(|| inside.strip_suffix(b"EVENTS DROPPED"))?;
    let entries = Cursor::new(number).decimal();
    Some(RecordingNotice::Lost { cpu, entries })
}

fn lost_by_perf(text: &[u8]) -> Option<RecordingNotice> {
    let mut cursor = Cursor::new(text);
    cursor.until(b": PERF_RECORD_LOST lost ")?;
    Some(RecordingNotice::Lost { cpu: None, entries: cursor.decimal() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_where_the_recording_counts_them() {
        let lost = |cpu, entries| Some(RecordingNotice::Lost { cpu, entries });
        for (text, expected) in [
            ("CPU:1 [LOST 1184 EVENTS]", lost(Some(1), Some(1184))),
            ("CPU:12 [LOST EVENTS]", lost(Some(12), None)),
            ("CPU:1 [1234 EVENTS DROPPED]", lost(Some(1), Some(1234))),
            ("CPU:1 [EVENTS DROPPED]", lost(Some(1), None)),
            ("leaky/0   127 [000]     4.250492: PERF_RECORD_LOST lost 12", lost(None, Some(12))),
            (
                "# entries-in-buffer/entries-written: 849/2264   #P:1",
                Some(RecordingNotice::Overwritten(1415)),
            ),
            ("# event histogram", Some(RecordingNotice::Unpaired(Unpaired::Histogram))),
            ("114 0 2380506762 type: 551", Some(RecordingNotice::Unpaired(Unpaired::Numbers))),
            (
                "00000072 00000000 000000008de3a68a type: 551",
                Some(RecordingNotice::Unpaired(Unpaired::Numbers)),
            ),
            (
                " Callsite       | Total_alloc/Per | Total_req/Per   | Hit      | Ping-pong | Frag",
                Some(RecordingNotice::Unpaired(Unpaired::PerfKmem)),
            ),
            ("CPU: 0 PID: 90 Comm: insmod", None),
            ("# tracer: nop", None),
        ] {
            assert_eq!(RecordingNotice::parse(text.as_bytes()), expected, "{text}");
        }
    }
}
