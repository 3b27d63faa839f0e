//! A record that comes as named fields, from the journal or inside JSON.

use super::{Prefix, calendar, printk};
use crate::address::LineNumber;
use crate::record::cursor::Cursor;
use crate::record::notice;
use crate::time::Stamp;

/// Who wrote a record.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Author {
    /// The rendering does not say.
    #[default]
    Unknown,
    /// A program, not the kernel.
    Program,
}

/// The fields of one record, in whatever order they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Entry {
    /// The line of the message.
    pub(super) line: LineNumber,
    /// What the other fields say.
    pub(super) prefix: Prefix,
    /// The text, which may have several lines.
    pub(super) message: Vec<u8>,
    /// The journal's name of the boot; empty if there is none.
    pub(super) boot_id: Vec<u8>,
    author: Author,
    /// Whether there was a message, were it an empty one.
    has_message: bool,
}

impl Entry {
    /// Takes note of a field on line `number`.
    pub(super) fn set(&mut self, number: LineNumber, key: &[u8], value: &[u8]) {
        match key {
            b"MESSAGE" | b"msg" | b"log" | b"message" => {
                self.line = number;
                self.message = value.to_vec();
                self.has_message = true;
            }
            b"_TRANSPORT" if value != b"kernel" => self.author = Author::Program,
            b"_SOURCE_MONOTONIC_TIMESTAMP" => self.prefix.boot = micros(value).map(Stamp::boot),
            b"__REALTIME_TIMESTAMP" => self.prefix.wall = micros(value).map(Stamp::wall),
            b"time" | b"dt" => self.time(value),
            b"caller" | b"_KERNEL_CALLER" => self.prefix.caller = printk::caller_word(value),
            b"_BOOT_ID" => self.boot_id = value.to_vec(),
            _ => {}
        }
    }

    /// `dmesg --json` counts seconds of the kernel's clock; container engines and LAVA write a
    /// date.
    fn time(&mut self, value: &[u8]) {
        if let Some(micros) = printk::seconds(value) {
            self.prefix.boot = Some(Stamp::boot(micros));
        } else if let Some(micros) = calendar::iso(&mut Cursor::new(value)) {
            self.prefix.wall = Some(Stamp::wall(micros));
        }
    }

    /// Whether there is a record in these fields.
    pub(super) fn is_complete(&self) -> bool {
        self.has_message
    }

    /// Whether the record counts: the kernel wrote it, or the journal tells of a loss.
    pub(super) fn is_of_the_kernel(&self) -> bool {
        self.has_message
            && (self.author == Author::Unknown || notice::dropped(&self.message).is_some())
    }
}

fn micros(value: &[u8]) -> Option<i64> {
    i64::try_from(Cursor::new(value).decimal()?).ok()
}
