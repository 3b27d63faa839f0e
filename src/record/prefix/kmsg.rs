//! Raw `/dev/kmsg` records, also as extended netconsole sends them.

use super::{Prefix, printk};
use crate::address::LineNumber;
use crate::record::cursor::Cursor;
use crate::time::Stamp;

/// A record is at most this long (`PRINTK_MESSAGE_MAX`, 6.6 on; less before).
const RECORD_BYTES_MAX: usize = 4096;

/// The fields in front of a record's text.
struct Head<'a> {
    micros: i64,
    fields: &'a [u8],
    text: &'a [u8],
}

// 6,339,5140900,-;TRACE kmalloc-64 alloc …
// 4,340,5140911,c,caller=T723;CPU: 0 PID: 723 …
// 6.4.0,6,444,501151268,-;TRACE …                netconsole with release_append
/// Reads level, sequence number, time, flags and whatever fields follow.
///
/// The order is that of `devkmsg_read()` (Documentation/ABI/testing/dev-kmsg).
fn head(text: &[u8]) -> Option<Head<'_>> {
    let mut cursor = Cursor::new(text);
    let first = cursor.eat_while(|byte| byte != b',' && byte.is_ascii_graphic());
    cursor.eat(b",")?;
    if first.contains(&b'.') {
        cursor.decimal()?;
        cursor.eat(b",")?;
    } else if !first.iter().all(u8::is_ascii_digit) {
        return None;
    }
    cursor.decimal()?;
    cursor.eat(b",")?;
    let micros = i64::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b",")?;
    let fields = cursor.until(b";")?;
    let known = fields.len() <= 128 && !fields.contains(&b' ');
    known.then_some(Head { micros, fields, text: cursor.rest() })
}

/// Strips the fields.
pub(super) fn strip<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let head = head(text)?;
    prefix.boot = Some(Stamp::boot(head.micros));
    let caller =
        head.fields.split(|&byte| byte == b',').find_map(|field| field.strip_prefix(b"caller="));
    prefix.caller = prefix.caller.or(caller.and_then(printk::caller_word));
    Some(head.text)
}

//  SUBSYSTEM=pci
//  DEVICE=+acpi:PNP0A03:00
/// Whether the line belongs to the dictionary of the record before it.
pub(super) fn is_dictionary(line: &[u8]) -> bool {
    line.starts_with(b" SUBSYSTEM=") || line.starts_with(b" DEVICE=")
}

/// Resolves `\x0a` and its like, which `/dev/kmsg` writes for bytes that do not print.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail.strip_prefix(b"x").and_then(|tail| tail.get(..2));
        match code.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()) {
            Some(value) if byte == b'\\' => {
                out.push(value);
                rest = &tail[3..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// Whether the line is a part of a record that did not fit into a packet.
pub(super) fn is_fragment(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_digit)
        && memchr::memmem::find(line, b",ncfrag=").is_some()
        && fragment(line).is_some()
}

/// A part of a record.
struct Fragment<'a> {
    /// The fields before `ncfrag`, the same for all parts of a record.
    head: &'a [u8],
    offset: usize,
    total: usize,
    text: &'a [u8],
}

// 6,416,1758426,-,ncfrag=0/33;the first chunk,
// 6,416,1758426,-,ncfrag=16/33; the 2nd chunk.
fn fragment(line: &[u8]) -> Option<Fragment<'_>> {
    let Head { fields, text, .. } = head(line)?;
    let at = memchr::memmem::find(fields, b",ncfrag=")?;
    let mut cursor = Cursor::new(&fields[at + b",ncfrag=".len()..]);
    let offset = usize::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b"/")?;
    let total = usize::try_from(cursor.decimal()?).ok()?;
    let head_len = line.len() - text.len() - 1 - (fields.len() - at);
    (total <= RECORD_BYTES_MAX).then_some(Fragment { head: &line[..head_len], offset, total, text })
}

/// What a line did to the record that is put together.
pub(super) struct FragmentOffer {
    /// A record that is complete, or will never be.
    pub(super) record: Option<(LineNumber, Vec<u8>)>,
    /// Whether the line was a part of a record.
    pub(super) taken: bool,
}

/// A record in parts.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pending {
    number: LineNumber,
    /// The record so far, its fields without `ncfrag` in front.
    record: Vec<u8>,
    /// Length of those fields and the semicolon behind them.
    head: usize,
    total: usize,
}

/// Puts fragmented records together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fragments {
    pending: Option<Pending>,
}

impl Fragments {
    /// Whether a record is incomplete.
    pub(super) fn is_active(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes the line if it is a part of a record. Packets may stand on one line, since only the
    /// last of them ends in a newline.
    pub(super) fn offer(&mut self, number: LineNumber, line: &[u8]) -> FragmentOffer {
        let mut offer = FragmentOffer { record: None, taken: false };
        let mut rest = Some(line);
        while let Some(part) = rest.and_then(fragment) {
            offer.taken = true;
            let end = memchr::memmem::find(part.text, part.head);
            rest = end.map(|end| &part.text[end..]);
            let text = &part.text[..end.unwrap_or(part.text.len())];
            offer.record = self.part(number, &part, text).or(offer.record);
        }
        if !offer.taken {
            offer.record = self.finish();
        }
        offer
    }

    fn part(
        &mut self,
        number: LineNumber,
        part: &Fragment<'_>,
        text: &[u8],
    ) -> Option<(LineNumber, Vec<u8>)> {
        let continues = self.pending.as_ref().is_some_and(|pending| {
            pending.record.starts_with(part.head)
                && pending.record.len() - pending.head == part.offset
        });
        let before = if continues { None } else { self.finish() };
        let pending = self.pending.get_or_insert_with(|| {
            let mut record = part.head.to_vec();
            record.push(b';');
            Pending { number, head: record.len(), record, total: part.total }
        });
        pending.record.extend_from_slice(text);
        if pending.record.len() - pending.head >= pending.total {
            return self.finish();
        }
        before
    }

    /// Hands over what there is.
    pub(super) fn finish(&mut self) -> Option<(LineNumber, Vec<u8>)> {
        self.pending.take().map(|pending| (pending.number, pending.record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Caller;

    #[test]
    fn time_and_caller_come_from_the_fields() {
        let mut prefix = Prefix::default();
        assert_eq!(strip(b"4,340,5140911,c,caller=T723;CPU: 0", &mut prefix), Some(&b"CPU: 0"[..]));
        assert_eq!(prefix.boot, Some(Stamp::boot(5_140_911)));
        assert_eq!(prefix.caller, Some(Caller::Task(723)));
        assert_eq!(strip(b"6.4.0,6,444,501151268,-;x", &mut prefix), Some(&b"x"[..]));
    }

    #[test]
    fn other_numbers_are_no_record() {
        for line in [&b"1,2,3 and; more"[..], b"a,2,3,-;x", b"1,2", b",,,;"] {
            assert_eq!(strip(line, &mut Prefix::default()), None);
        }
    }

    #[test]
    fn bytes_that_do_not_print_are_resolved() {
        assert_eq!(unescape(br"a\x09b\x5cx\x0"), b"a\tb\\x\\x0");
    }

    fn records(lines: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
        let mut fragments = Fragments::default();
        let mut found = Vec::new();
        for (line, number) in lines.iter().zip(1..) {
            found.extend(fragments.offer(LineNumber(number), line).record);
        }
        found.extend(fragments.finish());
        found.into_iter().map(|(number, record)| (number.0, record)).collect()
    }

    #[test]
    fn fragments_are_put_together_on_lines_of_their_own_or_on_one() {
        let whole = [(1, b"6,416,1758426,-;the first chunk, the 2nd chunk.".to_vec())];
        let first = &b"6,416,1758426,-,ncfrag=0/31;the first chunk,"[..];
        let second = &b"6,416,1758426,-,ncfrag=16/31; the 2nd chunk."[..];
        assert_eq!(records(&[first, second]), whole);
        assert_eq!(records(&[&[first, second].concat()]), whole);
    }

    #[test]
    fn a_lost_fragment_leaves_what_there_is() {
        let found =
            records(&[b"6,416,1758426,-,ncfrag=0/33;the first chunk,", b"6,417,1758430,-;x"]);
        assert_eq!(found, [(1, b"6,416,1758426,-;the first chunk,".to_vec())]);
    }
}
