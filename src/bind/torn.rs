//! How a damaged line of an event is told from prose.

/// Messages that may be missing where nobody counted them.
pub(super) const MISSING_UNKNOWN: u64 = 1 << 20;

/// Whether a text was a line of a backtrace before it was damaged.
pub(super) fn is_torn_frame(text: &[u8]) -> bool {
    matches!(text.first(), Some(b' ' | b'[')) && memchr::memmem::find(text, b"+0x").is_some()
}

/// Whether a text was an event's header before its object was lost.
// TRACE kmalloc-64 al
// TRACE kmalloc-64 free 0x
pub(super) fn is_torn_header(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b"TRACE ") else { return false };
    let mut words = rest.split(|&byte| byte == b' ');
    let operation = words.nth(1).unwrap_or_default();
    let is_operation = |name: &[u8]| name.starts_with(operation) || operation == name;
    words.next().is_none_or(|object| b"0x".starts_with(object))
        && (is_operation(b"alloc") || is_operation(b"free"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_lost_their_object_are_told_from_prose() {
        for text in ["TRACE kmalloc-64 al", "TRACE kmalloc-64 free 0", "TRACE kmalloc-64 alloc 0x"]
        {
            assert!(is_torn_header(text.as_bytes()), "{text}");
        }
        for text in ["TRACE of my own", "TRACE kmalloc-64 alloc 0x12", "a TRACE"] {
            assert!(!is_torn_header(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn frames_that_lost_an_end_are_told_from_prose() {
        assert!(is_torn_frame(b" dump_stack+0x4"));
        assert!(!is_torn_frame(b"calling  foo+0x0/0x10 @ 1"));
    }
}
