//! Raw `/dev/kmsg` records, also as extended netconsole sends them.

use super::{Prefix, printk};
use crate::record::cursor::Cursor;
use crate::time::Stamp;

// 6,339,5140900,-;TRACE kmalloc-64 alloc …
// 4,340,5140911,c,caller=T723;CPU: 0 PID: 723 …
//  SUBSYSTEM=pci                                  a record's dictionary, set in by a blank
/// Strips level, sequence number, time, flags and whatever fields follow.
///
/// The field order is that of `devkmsg_read()` (Documentation/ABI/testing/dev-kmsg).
pub(super) fn strip<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    cursor.decimal()?;
    cursor.eat(b",")?;
    cursor.decimal()?;
    cursor.eat(b",")?;
    let micros = i64::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b",")?;
    let fields = cursor.until(b";")?;
    if fields.len() > 128 || fields.contains(&b' ') {
        return None;
    }
    prefix.boot = Some(Stamp::boot(micros));
    let caller =
        fields.split(|&byte| byte == b',').find_map(|field| field.strip_prefix(b"caller="));
    prefix.caller = prefix.caller.or(caller.and_then(printk::caller_word));
    Some(cursor.rest())
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
    }

    #[test]
    fn other_numbers_are_no_record() {
        assert_eq!(strip(b"1,2,3 and; more", &mut Prefix::default()), None);
    }
}
