//! Records inside JSON: `journalctl -o json`, `dmesg --json`, container logs.

use serde::Deserialize;

use super::{Prefix, printk};
use crate::time::Stamp;

/// One JSON object that holds a record.
#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "MESSAGE", alias = "log", alias = "message")]
    msg: Message,
    #[serde(rename = "_TRANSPORT")]
    transport: Option<String>,
    #[serde(rename = "_SOURCE_MONOTONIC_TIMESTAMP")]
    monotonic_micros: Option<String>,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    realtime_micros: Option<String>,
    #[serde(alias = "_KERNEL_CALLER")]
    caller: Option<String>,
}

/// journald writes a message that is not UTF-8 as an array of bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

// {"_SOURCE_MONOTONIC_TIMESTAMP":"10815334","_TRANSPORT":"kernel","MESSAGE":"CPU: 0 PID: 115 …"}
// {"log":"[    1.0] TRACE …\n","stream":"stdout","time":"2024-01-26T15:04:11Z"}
// - {"dt": "2020-05-14T10:00:00", "lvl": "target", "msg": "[    1.0] TRACE …"}        LAVA
/// Reads an object on one line; its message goes to `message`.
pub(super) fn object(line: &[u8], prefix: &mut Prefix, message: &mut Vec<u8>) -> Option<()> {
    let line = line.strip_prefix(b"- ").unwrap_or(line);
    if line.first() != Some(&b'{') {
        return None;
    }
    let entry: Entry = serde_json::from_slice(line.trim_ascii_end()).ok()?;
    message.clear();
    if entry.transport.is_some_and(|transport| transport != "kernel") {
        return Some(());
    }
    let number = |text: Option<String>| text.and_then(|digits| digits.parse().ok());
    prefix.boot = number(entry.monotonic_micros).map(Stamp::boot);
    prefix.wall = number(entry.realtime_micros).map(Stamp::wall);
    prefix.caller = entry.caller.and_then(|word| printk::caller_word(word.as_bytes()));
    match entry.msg {
        Message::Text(text) => message.extend_from_slice(text.as_bytes()),
        Message::Bytes(bytes) => message.extend_from_slice(&bytes),
    }
    Some(())
}

/// What `dmesg --json` said in the lines before a message.
#[derive(Debug, Default)]
pub(super) struct Dmesg {
    time: Option<Stamp>,
    caller: Option<crate::record::Caller>,
}

impl Dmesg {
    //    "dmesg": [
    //       {
    //          "pri": 6,
    //          "time":     0.000000,
    //          "caller": "T83",
    //          "msg": "TRACE kmalloc-192 alloc …"
    //       },{
    /// Reads a line of the document. A message goes to `message`.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        prefix: &mut Prefix,
        message: &mut Vec<u8>,
    ) -> Option<()> {
        let (key, value) = member(line)?;
        message.clear();
        match key {
            b"time" => self.time = seconds(value).map(Stamp::boot),
            b"caller" => {
                let word: String = serde_json::from_slice(value).ok()?;
                self.caller = printk::caller_word(word.as_bytes());
            }
            b"msg" => {
                let text: String = serde_json::from_slice(value).ok()?;
                message.extend_from_slice(text.as_bytes());
                prefix.boot = self.time.take();
                prefix.caller = self.caller.take();
            }
            b"pri" | b"fac" | b"dmesg" => {}
            _ => return None,
        }
        Some(())
    }
}

fn member(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.trim_ascii().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', line)?;
    let value = line[end + 1..].strip_prefix(b":")?.trim_ascii();
    Some((&line[..end], value.strip_suffix(b",").unwrap_or(value)))
}

fn seconds(value: &[u8]) -> Option<i64> {
    let mut bracketed = Vec::with_capacity(value.len() + 2);
    bracketed.push(b'[');
    bracketed.extend_from_slice(value);
    bracketed.push(b']');
    printk::stamped(&bracketed).map(|stamped| stamped.stamp.micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_entry_gives_message_and_kernel_time() {
        let line = br#"{"_SOURCE_MONOTONIC_TIMESTAMP":"10815334","_TRANSPORT":"kernel","MESSAGE":" <TASK>","X":null}"#;
        let (mut prefix, mut message) = (Prefix::default(), Vec::new());
        object(line, &mut prefix, &mut message).expect("entry");
        assert_eq!(
            (prefix.boot, message.as_slice()),
            (Some(Stamp::boot(10_815_334)), &b" <TASK>"[..])
        );
    }

    #[test]
    fn a_message_that_is_no_text_comes_as_bytes() {
        let (mut prefix, mut message) = (Prefix::default(), Vec::new());
        object(br#"{"MESSAGE":[84,82,255]}"#, &mut prefix, &mut message).expect("entry");
        assert_eq!(message, [84, 82, 255]);
    }

    #[test]
    fn dmesg_spreads_a_record_over_lines() {
        let (mut dmesg, mut prefix, mut message) =
            (Dmesg::default(), Prefix::default(), Vec::new());
        for line in [
            &br#"         "pri": 4,"#[..],
            br#"         "time":     1.500000,"#,
            br#"         "msg": "a \"b\"""#,
        ] {
            dmesg.line(line, &mut prefix, &mut message).expect("member");
        }
        assert_eq!(
            (prefix.boot, message.as_slice()),
            (Some(Stamp::boot(1_500_000)), &br#"a "b""#[..])
        );
    }
}
