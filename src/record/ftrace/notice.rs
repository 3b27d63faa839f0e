//! What a recording says about itself.

use crate::record::cursor::Cursor;

/// What a recording says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordingNotice {
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
    // leaky/0   127 [000]     4.250492: PERF_RECORD_LOST lost 12   perf script --show-lost-events
    /// Reads such a line.
    pub fn parse(text: &[u8]) -> Option<RecordingNotice> {
        let text = text.trim_ascii();
        match text {
            [b'#', ..] => overwritten(text),
            [b'C', b'P', b'U', b':', ..] => lost(text),
            _ => lost_by_perf(text),
        }
    }
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
        .or_else(|| inside.strip_suffix(b" EVENTS DROPPED"))?;
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
            ("leaky/0   127 [000]     4.250492: PERF_RECORD_LOST lost 12", lost(None, Some(12))),
            (
                "# entries-in-buffer/entries-written: 849/2264   #P:1",
                Some(RecordingNotice::Overwritten(1415)),
            ),
            ("CPU: 0 PID: 90 Comm: insmod", None),
            ("# tracer: nop", None),
        ] {
            assert_eq!(RecordingNotice::parse(text.as_bytes()), expected, "{text}");
        }
    }
}
