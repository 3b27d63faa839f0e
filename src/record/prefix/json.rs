//! Records inside JSON: `journalctl -o json`, `dmesg --json`, container logs.

use serde::Deserialize;

use super::Offer;
use super::entry::Entry;
use crate::address::LineNumber;

/// One JSON object that holds a record.
#[derive(Deserialize)]
struct Object {
    #[serde(alias = "MESSAGE", alias = "log", alias = "message")]
    msg: Message,
    #[serde(rename = "_TRANSPORT")]
    transport: Option<String>,
    #[serde(rename = "_SOURCE_MONOTONIC_TIMESTAMP")]
    monotonic_micros: Option<String>,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    realtime_micros: Option<String>,
    #[serde(rename = "_BOOT_ID")]
    boot_id: Option<String>,
    #[serde(alias = "_KERNEL_CALLER")]
    caller: Option<String>,
    #[serde(alias = "dt")]
    time: Option<serde_json::Value>,
}

/// journald writes a message that is not UTF-8 as an array of bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

// {"_SOURCE_MONOTONIC_TIMESTAMP":"10815334","_TRANSPORT":"kernel","MESSAGE":"CPU: 0 PID: 115 …"}
// data: {"_TRANSPORT":"kernel","MESSAGE":"CPU: 0 PID: 115 …"}                       journalctl -o json-sse
// {"log":"[    1.0] TRACE …\n","stream":"stdout","time":"2024-01-26T15:04:11Z"}     docker
// - {"dt": "2020-05-14T10:00:00", "lvl": "target", "msg": "[    1.0] TRACE …"}       LAVA
// {"pri":6,"time":4.818698,"msg":"TRACE …"}                                         dmesg --json, reformatted
/// Reads an object on one line.
pub(super) fn object(number: LineNumber, line: &[u8]) -> Option<Entry> {
    let line = [&b"- "[..], b"data: "]
        .iter()
        .find_map(|front| line.strip_prefix(*front))
        .unwrap_or(line)
        .trim_ascii();
    if line.first() != Some(&b'{') || line.len() < 2 {
        return None;
    }
    let object: Object = serde_json::from_slice(line.strip_suffix(b",").unwrap_or(line)).ok()?;
    let mut entry = Entry::default();
    for (key, value) in [
        (&b"_TRANSPORT"[..], &object.transport),
        (b"_SOURCE_MONOTONIC_TIMESTAMP", &object.monotonic_micros),
        (b"__REALTIME_TIMESTAMP", &object.realtime_micros),
        (b"_BOOT_ID", &object.boot_id),
        (b"caller", &object.caller),
    ] {
        if let Some(value) = value {
            entry.set(number, key, value.as_bytes());
        }
    }
    match &object.time {
        Some(serde_json::Value::String(time)) => entry.set(number, b"time", time.as_bytes()),
        Some(time) => entry.set(number, b"time", time.to_string().as_bytes()),
        None => {}
    }
    match &object.msg {
        Message::Text(text) => entry.set(number, b"msg", text.as_bytes()),
        Message::Bytes(bytes) => entry.set(number, b"msg", bytes),
    }
    Some(entry)
}

/// A JSON document of many lines: `dmesg --json`, `journalctl -o json-pretty`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Document {
    entry: Entry,
    /// Whether an object has been opened.
    is_open: bool,
}

impl Document {
    /// Whether a record may wait for its end.
    pub(super) fn is_active(&self) -> bool {
        self.is_open
    }

    /// Whether it is between two records.
    pub(super) fn is_empty(&self) -> bool {
        self.entry == Entry::default()
    }

    // {
    //    "dmesg": [
    //       {
    //          "pri": 6,
    //          "time":     0.000000,
    //          "caller": "T83",
    //          "msg": "TRACE kmalloc-192 alloc …"
    //       },{
    /// Takes the line if it is a part of a document.
    pub(super) fn offer(&mut self, number: LineNumber, line: &[u8]) -> Offer {
        let line = line.trim_ascii();
        match line.first() {
            Some(b'{') if line.len() == 1 => {
                self.is_open = true;
                Offer::TAKEN
            }
            Some(b'}') if line == b"},{" => {
                self.is_open = true;
                Offer { entry: self.end(), taken: true }
            }
            Some(b'}' | b']') if self.is_open => Offer { entry: self.end(), taken: true },
            Some(b'"') if self.is_open => self.member(number, line),
            _ => Offer { entry: self.finish(), taken: false },
        }
    }

    /// Ends the log.
    pub(super) fn finish(&mut self) -> Option<Entry> {
        if !self.is_open {
            return None;
        }
        self.is_open = false;
        self.end()
    }

    fn end(&mut self) -> Option<Entry> {
        let entry = std::mem::take(&mut self.entry);
        entry.is_complete().then_some(entry)
    }

    fn member(&mut self, number: LineNumber, line: &[u8]) -> Offer {
        let Some((key, value)) = member(line) else {
            return Offer { entry: self.finish(), taken: false };
        };
        if let Ok(text) = serde_json::from_slice::<String>(value) {
            self.entry.set(number, key, text.as_bytes());
        } else {
            self.entry.set(number, key, value);
        }
        Offer::TAKEN
    }
}

fn member(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', line)?;
    let value = line[end + 1..].trim_ascii_start().strip_prefix(b":")?.trim_ascii();
    Some((&line[..end], value.strip_suffix(b",").unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Caller;
    use crate::time::Stamp;

    fn entry(line: &[u8]) -> Entry {
        object(LineNumber(1), line).expect("entry")
    }

    #[test]
    fn a_journal_entry_gives_message_and_kernel_time() {
        let entry = entry(
            br#"{"_SOURCE_MONOTONIC_TIMESTAMP":"10815334","_TRANSPORT":"kernel","MESSAGE":" <TASK>","X":null}"#,
        );
        assert_eq!(entry.prefix.boot, Some(Stamp::boot(10_815_334)));
        assert_eq!(entry.message, b" <TASK>");
        assert!(entry.is_of_the_kernel());
    }

    #[test]
    fn a_message_that_is_no_text_comes_as_bytes() {
        assert_eq!(entry(br#"{"MESSAGE":[84,82,255]}"#).message, [84, 82, 255]);
    }

    #[test]
    fn a_program_counts_only_when_it_tells_of_a_loss() {
        let program = |message: &str| {
            format!(r#"{{"_TRANSPORT":"driver","MESSAGE":"{message}"}}"#).into_bytes()
        };
        assert!(!entry(&program("TRACE x")).is_of_the_kernel());
        assert!(entry(&program("Missed 3 kernel messages")).is_of_the_kernel());
    }

    #[test]
    fn container_engines_and_lava_write_a_date() {
        for line in [
            &br#"{"log":"x\n","stream":"stdout","time":"2024-01-26T15:04:11Z"}"#[..],
            br#"- {"dt": "2024-01-26T15:04:11", "lvl": "target", "msg": "x"}"#,
        ] {
            assert_eq!(entry(line).prefix.wall, Some(Stamp::wall(1_706_281_451_000_000)));
        }
    }

    #[test]
    fn a_document_spreads_a_record_over_lines() {
        let mut document = Document::default();
        let mut found = Vec::new();
        for (line, number) in [
            &br"{"[..],
            br#"   "dmesg": ["#,
            br"      {",
            br#"         "pri": 4,"#,
            br#"         "time":     1.500000,"#,
            br#"         "caller": "T83","#,
            br#"         "msg": "a \"b\"""#,
            br"      },{",
            br#"         "msg": "c""#,
            br"      }",
            br"   ]",
            br"}",
        ]
        .into_iter()
        .zip(1..)
        {
            let offer = document.offer(LineNumber(number), line);
            assert!(offer.taken, "line {number}");
            found.extend(offer.entry);
        }
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].message.as_slice()), (LineNumber(7), &br#"a "b""#[..]));
        assert_eq!(found[0].prefix.boot, Some(Stamp::boot(1_500_000)));
        assert_eq!(found[0].prefix.caller, Some(Caller::Task(83)));
        assert_eq!((found[1].message.as_slice(), found[1].prefix.boot), (&b"c"[..], None));
    }

    #[test]
    fn a_line_in_quotes_is_no_document() {
        assert!(!Document::default().offer(LineNumber(1), br#""msg": "x""#).taken);
    }
}
