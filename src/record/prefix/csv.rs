//! Rows of a table: a log that a spreadsheet or a log server saved as CSV (RFC 4180).

use std::borrow::Cow;

/// A table of more columns is none of a log.
const COLUMNS_MAX: usize = 32;

/// What parts the fields of a row.
const SEPARATORS: [u8; 3] = *b",;\t";

/// Finds the kernel's text in rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Table {
    /// Where the kernel's text stands, once a row has told.
    place: Option<Place>,
}

/// Which of a row's fields has the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    separator: u8,
    column: usize,
    columns: usize,
}

impl Table {
    /// Whether rows without quotes are rows too.
    pub(super) fn is_active(&self) -> bool {
        self.place.is_some()
    }

    // "[    4.819046] TRACE kmalloc-64 alloc 0x000000006ae18d4a inuse=10 fp=0x0000000000000000"
    // 2026-11-01 10:00:00,host1,"[    4.819046] TRACE kmalloc-64 alloc 0x6ae18d4a inuse=10 fp=0x0"
    // "2026-11-01";"[    4.819049]  comm ""a"", pid 1"
    /// The kernel's text of a row; nothing for a line that is no row of a log.
    pub(super) fn text<'a>(
        &mut self,
        line: &'a [u8],
        is_of_the_kernel: impl Fn(&[u8]) -> bool,
    ) -> Option<Cow<'a, [u8]>> {
        if self.place.is_none() && memchr::memchr(b'"', line).is_none() {
            return None;
        }
        if let Some(place) = self.place {
            let fields = fields(line, place.separator)?;
            let is_like = fields.len() == place.columns;
            return fields.into_iter().nth(place.column).filter(|_| is_like).map(Field::text);
        }
        SEPARATORS.into_iter().find_map(|separator| self.learn(line, separator, &is_of_the_kernel))
    }

    fn learn<'a>(
        &mut self,
        line: &'a [u8],
        separator: u8,
        is_of_the_kernel: &impl Fn(&[u8]) -> bool,
    ) -> Option<Cow<'a, [u8]>> {
        let mut fields = fields(line, separator)?;
        if !fields.iter().any(|field| field.quoting == Quoting::Quoted) {
            return None;
        }
        let columns = fields.len();
        let column = fields.iter().position(|field| is_of_the_kernel(field.bytes));
        if let Some(column) = column {
            self.place = Some(Place { separator, column, columns });
            return Some(fields.swap_remove(column).text());
        }
        // A line that is nothing but a quoted field is no text of the kernel's as it stands.
        let is_alone = fields.iter().skip(1).all(|field| field.bytes.is_empty());
        let first = fields.swap_remove(0);
        (is_alone && first.quoting == Quoting::Quoted).then(|| first.text())
    }
}

/// A field of a row.
struct Field<'a> {
    bytes: &'a [u8],
    quoting: Quoting,
}

/// How a field is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quoting {
    /// As it is.
    Bare,
    /// In quotation marks.
    Quoted,
    /// In quotation marks, and those in it are doubled.
    Doubled,
}

impl<'a> Field<'a> {
    fn text(self) -> Cow<'a, [u8]> {
        if self.quoting != Quoting::Doubled {
            return Cow::Borrowed(self.bytes);
        }
        let mut text = Vec::with_capacity(self.bytes.len());
        let mut is_second = false;
        for &byte in self.bytes {
            is_second = byte == b'"' && !is_second;
            if byte != b'"' || is_second {
                text.push(byte);
            }
        }
        Cow::Owned(text)
    }
}

/// The fields of a row; nothing where a quotation mark stands where none may.
fn fields(line: &[u8], separator: u8) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    let mut rest = line.trim_ascii_end();
    loop {
        let (field, behind) = match rest.strip_prefix(b"\"") {
            Some(quoted) => quoted_field(quoted, separator)?,
            None => bare_field(rest, separator)?,
        };
        fields.push(field);
        match behind {
            _ if fields.len() > COLUMNS_MAX => return None,
            [] => return Some(fields),
            [_, next @ ..] => rest = next,
        }
    }
}

/// A field without quotation marks, and what is behind it.
fn bare_field(rest: &[u8], separator: u8) -> Option<(Field<'_>, &[u8])> {
    let end = memchr::memchr(separator, rest).unwrap_or(rest.len());
    let (bytes, behind) = rest.split_at(end);
    (!bytes.contains(&b'"')).then_some((Field { bytes, quoting: Quoting::Bare }, behind))
}

/// A field behind its first quotation mark, and what is behind its last.
fn quoted_field(quoted: &[u8], separator: u8) -> Option<(Field<'_>, &[u8])> {
    let (mut at, mut quoting) = (0, Quoting::Quoted);
    loop {
        at += memchr::memchr(b'"', &quoted[at..])?;
        match quoted.get(at + 1) {
            Some(b'"') => (at, quoting) = (at + 2, Quoting::Doubled),
            Some(&next) if next != separator => return None,
            _ => return Some((Field { bytes: &quoted[..at], quoting }, &quoted[at + 1..])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[&str]) -> Vec<Option<String>> {
        let mut table = Table::default();
        let text = |line: &&str| {
            let is_of_the_kernel = |field: &[u8]| field.starts_with(b"[    1.");
            let text = table.text(line.as_bytes(), is_of_the_kernel)?;
            Some(String::from_utf8_lossy(&text).into_owned())
        };
        lines.iter().map(text).collect()
    }

    #[test]
    fn the_kernel_s_column_is_found_by_its_text() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts(&[
                "time;host;message",
                "\"2026-11-01\";h;\"[    1.000000] TRACE x\"",
                "\"2026-11-01\";h;\"[    1.000010]  comm \"\"a;b\"\", pid 1\"",
                "2026-11-01;h; f+0x1/0x2",
                "2026-11-01;h",
            ]),
            [
                None,
                text("[    1.000000] TRACE x"),
                text("[    1.000010]  comm \"a;b\", pid 1"),
                text(" f+0x1/0x2"),
                None
            ]
        );
    }

    #[test]
    fn a_line_in_quotes_is_its_text() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            texts(&["\" f+0x1/0x2\"", "\" f+0x1/0x2\",", "\"\""]),
            [text(" f+0x1/0x2"), text(" f+0x1/0x2"), text("")]
        );
    }

    #[test]
    fn quotation_marks_of_the_kernel_are_its_own() {
        for line in [
            "  comm \"insmod\", pid 90 (age 12.1s)",
            "audit: name=\"a\"",
            "\"a\" and b",
            "\"a",
            "x,\"b\" c",
            "[    1.000000] params \"a\",\"b\"",
        ] {
            assert_eq!(texts(&[line]), [None], "{line}");
        }
    }
}
