//! What mail programs put in front of a quoted line.

// > [90560.232045] TRACE …
// > > [90560.232045] TRACE …
// >> > [90560.232045] TRACE …
// | [90560.232045] TRACE …
/// Strips one quotation mark, and the blank behind it.
pub(super) fn quote(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"| ") {
        return Some(rest);
    }
    let rest = text.strip_prefix(b">")?;
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_and_one_blank_go_at_a_time() {
        assert_eq!(quote(b"> > x"), Some(&b"> x"[..]));
        assert_eq!(quote(b">> > x"), Some(&b"> > x"[..]));
        assert_eq!(quote(b">  x"), Some(&b" x"[..]));
        assert_eq!(quote(b"| x"), Some(&b"x"[..]));
        assert_eq!(quote(b"x"), None);
        assert_eq!(quote(b"|x"), None);
    }
}
