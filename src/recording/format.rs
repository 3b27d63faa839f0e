//! The layout of an event, as a `format` file of tracefs tells it.

use std::collections::HashMap;

use super::bytes::ByteOrder;

/// No event of the kernel has more fields; what a file claims beyond is left out.
const MAX_FIELDS: usize = 32;

/// No name of the kernel's events and fields is longer.
const MAX_NAME_BYTES: usize = 64;

/// The layout of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct EventFormat {
    /// The system that it belongs to, such as `kmem`.
    pub(super) system: String,
    /// Its name.
    pub(super) name: String,
    /// The fields that it does not share with all others, in order.
    pub(super) fields: Vec<Field>,
}

/// A field of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: String,
    /// Where it begins in the record.
    offset: usize,
    /// Its bytes.
    size: usize,
    /// What it holds.
    pub(super) kind: FieldKind,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FieldKind {
    /// A number that is never negative.
    Unsigned,
    /// A number that may be negative.
    Signed,
    /// True or false.
    Bool,
    /// An address.
    Pointer,
    /// Characters.
    Text,
    /// Where in the record characters stand, and how many.
    TextElsewhere,
    /// Several of something.
    Array,
}

impl Field {
    // 	field:unsigned long call_site;	offset:8;	size:8;	signed:0;
    // 	field:const void * ptr;	offset:16;	size:8;	signed:0;
    // 	field:__data_loc char[] name;	offset:24;	size:4;	signed:1;
    // 	field:unsigned long caller[8];	offset:16;	size:64;	signed:0;
    // 	field: local_t commit;	offset:8;	size:8;	signed:1;
    /// Reads a line of a `format` file.
    pub(super) fn parse(line: &str) -> Option<Field> {
        let mut parts = line.trim().split(';').map(str::trim);
        let declaration = parts.next()?.strip_prefix("field:")?.trim();
        let offset = parts.next()?.strip_prefix("offset:")?.parse().ok()?;
        let size = parts.next()?.strip_prefix("size:")?.parse().ok()?;
        let is_signed = parts.next().is_some_and(|part| part == "signed:1");
        let (type_name, name) = declaration.rsplit_once(' ')?;
        let bare = name.split('[').next().unwrap_or(name);
        if bare.is_empty() || bare.len() > MAX_NAME_BYTES {
            return None;
        }
        let is_array = bare.len() < name.len();
        let kind = match type_name {
            _ if type_name.starts_with("__data_loc") && type_name.contains("char") => {
                FieldKind::TextElsewhere
            }
            _ if type_name.starts_with("__") && type_name.contains("_loc") => FieldKind::Array,
            "char" if is_array => FieldKind::Text,
            _ if is_array => FieldKind::Array,
            "bool" => FieldKind::Bool,
            _ if type_name.contains('*') => FieldKind::Pointer,
            _ if is_signed => FieldKind::Signed,
            _ => FieldKind::Unsigned,
        };
        Some(Field { name: bare.to_owned(), offset, size, kind })
    }

    /// Where it begins.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Its bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What of a record it is; nothing where the record ends before it does.
    pub(super) fn bytes<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        record.get(self.offset..self.offset.checked_add(self.size)?)
    }

    /// The number in a record.
    pub(super) fn number(&self, record: &[u8], order: ByteOrder) -> Option<u64> {
        let bytes = self.bytes(record).filter(|bytes| bytes.len() <= 8)?;
        Some(order.number(bytes))
    }

    /// The same where it may be negative.
    pub(super) fn signed(&self, record: &[u8], order: ByteOrder) -> Option<i64> {
        let value = self.number(record, order)?;
        let spare = 64u32.checked_sub(u32::try_from(self.size).ok()?.checked_mul(8)?)?;
        Some(value.checked_shl(spare)?.cast_signed() >> spare)
    }

    /// The characters in a record, or that it points at.
    pub(super) fn text<'a>(&self, record: &'a [u8], order: ByteOrder) -> Option<&'a [u8]> {
        let text = match self.kind {
            FieldKind::TextElsewhere => {
                let place = self.number(record, order)?;
                let [offset, length] = [place & 0xffff, place >> 16 & 0xffff];
                record.get(usize::try_from(offset).ok()?..)?.get(..usize::try_from(length).ok()?)?
            }
            _ => self.bytes(record)?,
        };
        text.split(|&byte| byte == 0).next()
    }
}

/// The layouts of all events of a recording, and of what their records begin with.
#[derive(Clone, Debug, Default)]
pub(super) struct Formats {
    events: HashMap<u64, EventFormat>,
    kind: Option<Field>,
    pid: Option<Field>,
}

impl Formats {
    /// Takes the text of a `format` file; what is none is left out.
    pub(super) fn take(&mut self, system: &[u8], text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let system = String::from_utf8_lossy(system);
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let Some(name) = line("name: ").map(str::trim) else { return };
        let Some(id) = line("ID: ").and_then(|id| id.trim().parse().ok()) else { return };
        if [name, &system].iter().any(|name| name.len() > MAX_NAME_BYTES) {
            return;
        }
        let (common, fields): (Vec<Field>, Vec<Field>) = text
            .lines()
            .filter_map(Field::parse)
            .take(MAX_FIELDS)
            .partition(|field| field.name.starts_with("common_"));
        for field in common {
            match field.name.as_str() {
                "common_type" => self.kind = Some(field),
                "common_pid" => self.pid = Some(field),
                _ => {}
            }
        }
        let format = EventFormat { system: system.into_owned(), name: name.to_owned(), fields };
        self.events.insert(id, format);
    }

    /// Whether it knows none.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() || self.kind.is_none()
    }

    /// The layout of a record, which tells itself of which event it is.
    pub(super) fn of(&self, record: &[u8], order: ByteOrder) -> Option<&EventFormat> {
        self.events.get(&self.kind.as_ref()?.number(record, order)?)
    }

    /// The thread that a record is of.
    pub(super) fn pid(&self, record: &[u8], order: ByteOrder) -> Option<i64> {
        self.pid.as_ref()?.signed(record, order)
    }

    /// The length of the longest name, its system in front.
    pub(super) fn longest_name(&self, is_meant: impl Fn(u64) -> bool) -> usize {
        let named = self.events.iter().filter(|(id, _)| is_meant(**id));
        named.map(|(_, event)| event.system.len() + event.name.len() + 1).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KMEM_CACHE_FREE: &str = "name: kmem_cache_free\nID: 550\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:unsigned long call_site;\toffset:8;\tsize:8;\tsigned:0;\n\
        \tfield:const void * ptr;\toffset:16;\tsize:8;\tsigned:0;\n\
        \tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:1;\n\n\
        print fmt: \"call_site=%pS\"\n";

    #[test]
    fn a_record_is_read_by_its_format() {
        let mut formats = Formats::default();
        formats.take(b"kmem", KMEM_CACHE_FREE.as_bytes());
        let mut record = vec![0x26, 2, 0, 0, 0xff, 0xff, 0xff, 0xff];
        record.extend_from_slice(&0xffff_ffff_c05e_711f_u64.to_le_bytes());
        record.extend_from_slice(&0xffff_8e3f_4376_2080_u64.to_le_bytes());
        record.extend_from_slice(&[28, 0, 5, 0, b'l', b'e', b'a', b'k', 0, 0, 0, 0]);
        let order = ByteOrder::Little;
        let format = formats.of(&record, order).expect("it is known");
        assert_eq!((format.system.as_str(), format.name.as_str()), ("kmem", "kmem_cache_free"));
        assert_eq!(formats.pid(&record, order), Some(-1));
        let [site, pointer, name] = format.fields.as_slice() else { panic!("{format:?}") };
        assert_eq!(site.number(&record, order), Some(0xffff_ffff_c05e_711f));
        assert_eq!(pointer.kind, FieldKind::Pointer);
        assert_eq!(name.text(&record, order), Some(&b"leak"[..]));
        assert_eq!(name.text(&record[..30], order), None, "it is cut off");
    }

    #[test]
    fn lines_that_are_no_fields_are_none() {
        for line in ["", "format:", "\tfield:int;", "\tfield:int a;\toffset:x;\tsize:4;"] {
            assert_eq!(Field::parse(line), None, "{line}");
        }
        let huge = format!("\tfield:int a;\toffset:{};\tsize:4;\tsigned:1;", usize::MAX);
        assert_eq!(Field::parse(&huge).expect("a field").number(&[0; 8], ByteOrder::Big), None);
    }
}
