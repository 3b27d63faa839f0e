//! Mail in quoted-printable (RFC 2045): `=3D` for an equals sign, a soft break at a line's end.

use crate::address::LineNumber;

/// Joined lines get no longer than this.
const JOINED_BYTES_MAX: usize = 16 * 1024;

/// What became of a line.
pub(super) enum Decoded {
    /// The log is not in this encoding.
    Plain,
    /// The line goes on in the next one.
    Held,
    /// A line as it was before it was mailed, and where it began.
    Line(LineNumber, Vec<u8>),
}

/// Decodes a mailed log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Printable {
    is_on: bool,
    held: Option<(LineNumber, Vec<u8>)>,
}

impl Printable {
    /// Whether the log is in this encoding.
    pub(super) fn is_active(&self) -> bool {
        self.is_on
    }

    /// Whether no line waits for its end.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    /// A TRACE line gave the encoding away.
    pub(super) fn begin(&mut self) {
        self.is_on = true;
    }

    // Content-Transfer-Encoding: quoted-printable
    // [90560.232045] TRACE kmalloc-64 alloc 0xc294ff00 inuse=3D30 fp=3D0xc294f=
    // f00
    /// Decodes the line.
    pub(super) fn line(&mut self, number: LineNumber, line: &[u8]) -> Decoded {
        if let Some(encoding) = transfer_encoding(line) {
            self.is_on = encoding.eq_ignore_ascii_case(b"quoted-printable");
        }
        // An equals sign that was not encoded shows that the mail has ended.
        if !self.is_on || memchr::memmem::find(line, b" fp=0x").is_some() {
            self.is_on = false;
            return self.held.take().map_or(Decoded::Plain, |(number, mut text)| {
                text.push(b'\r');
                text.extend_from_slice(line);
                Decoded::Line(number, text)
            });
        }
        let (number, mut text) = self.held.take().unwrap_or((number, Vec::new()));
        let line = line.trim_ascii_end();
        let body = line.strip_suffix(b"=");
        decode(body.unwrap_or(line), &mut text);
        if body.is_some() && text.len() < JOINED_BYTES_MAX {
            self.held = Some((number, text));
            return Decoded::Held;
        }
        Decoded::Line(number, text)
    }

    /// Ends the log.
    pub(super) fn finish(&mut self) -> Option<(LineNumber, Vec<u8>)> {
        self.held.take()
    }
}

fn transfer_encoding(line: &[u8]) -> Option<&[u8]> {
    const FIELD: &[u8] = b"content-transfer-encoding:";
    if !matches!(line.first(), Some(b'C' | b'c')) {
        return None;
    }
    let (field, value) = line.split_at_checked(FIELD.len())?;
    field.eq_ignore_ascii_case(FIELD).then(|| value.trim_ascii())
}

fn decode(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|digits| str::from_utf8(digits).ok());
        let value = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(value.unwrap_or(b'='));
        rest = &rest[at + if value.is_some() { 3 } else { 1 }..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(printable: &mut Printable, lines: &[&str]) -> Vec<(u64, String)> {
        let mut found = Vec::new();
        for (line, number) in lines.iter().zip(1..) {
            match printable.line(LineNumber(number), line.as_bytes()) {
                Decoded::Plain => found.push((number, (*line).to_owned())),
                Decoded::Held => {}
                Decoded::Line(number, text) => {
                    found.push((number.0, String::from_utf8_lossy(&text).into_owned()));
                }
            }
        }
        found
    }

    #[test]
    fn soft_breaks_join_lines() {
        let found = lines(
            &mut Printable::default(),
            &[
                "Content-Transfer-Encoding: quoted-printable",
                "TRACE a alloc 0xc294ff00 inuse=3D30 fp=3D0xc294f=",
                "f00",
                "Call Trace:=20",
            ],
        );
        assert_eq!(found[1], (2, "TRACE a alloc 0xc294ff00 inuse=30 fp=0xc294ff00".to_owned()));
        assert_eq!(found[2], (4, "Call Trace: ".to_owned()));
    }

    #[test]
    fn an_equals_sign_that_is_itself_ends_the_mail() {
        let mut printable = Printable::default();
        printable.begin();
        let line = "TRACE a alloc 0xc294ff00 inuse=12 fp=0xc294ff00";
        assert_eq!(lines(&mut printable, &[line]), [(1, line.to_owned())]);
        assert!(!printable.is_active());
    }

    #[test]
    fn a_log_that_was_not_mailed_stays_as_it_is() {
        let found = lines(&mut Printable::default(), &["a=3Db=", "c"]);
        assert_eq!(found, [(1, "a=3Db=".to_owned()), (2, "c".to_owned())]);
    }
}
