//! What transports add to the bytes of a line: escape sequences, NULs, carriage returns.

/// Whether `line` holds a byte that [`clean`] would act on.
///
/// The loop has no way out, so that the compiler looks at many bytes at once.
pub(crate) fn is_dirty(line: &[u8]) -> bool {
    let acts = |byte: u8| matches!(byte, 0..=8 | 10..=31 | b'&' | 0x7f | 0xa0);
    line.iter().fold(false, |dirty, &byte| dirty | acts(byte))
        || BOMS.iter().any(|bom| line.starts_with(bom))
}

/// Byte-order marks: UTF-8, and UTF-16, whose NULs vanish like any others.
const BOMS: [&[u8]; 2] = [b"\xef\xbb\xbf", b"\xff\xfe"];

/// What a web page writes for the characters that it cannot hold as they are.
const ENTITIES: [(&[u8], u8); 7] = [
    (b"lt;", b'<'),
    (b"gt;", b'>'),
    (b"amp;", b'&'),
    (b"quot;", b'"'),
    (b"#39;", b'\''),
    (b"#x27;", b'\''),
    (b"nbsp;", b' '),
];

/// Copies `line` to `out` without terminal escape sequences, NULs, backspaces and a byte-order
/// mark; non-breaking blanks become blanks, and what a web page wrote for a character becomes that
/// character. Carriage returns stay: they part records.
// [   76.652754] [&lt;ffffffff8008e14c94&gt;] red_alloc+0x1c/0x68
// \x1b[32m[    0.000000] \x1b[0m\x1b[33mCPU: \x1b[0m\x1b[1m0 PID: 0      dmesg --color
// c\x1b[?7l\x1b[2J\x1b[0m[    0.000000] Linux version …                  firmware clears the screen
pub(super) fn clean(line: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let bom = BOMS.iter().find(|bom| line.starts_with(bom));
    let mut rest = &line[bom.map_or(0, |bom| bom.len())..];
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            0x1b => &tail[escape_len(tail)..],
            0xc2 if tail.first() == Some(&0xa0) => {
                out.push(b' ');
                &tail[1..]
            }
            // Latin-1's blank; in UTF-8 the byte follows another that is no ASCII.
            0xa0 if out.last().is_none_or(u8::is_ascii) => {
                out.push(b' ');
                tail
            }
            b'&' => {
                let entity = ENTITIES.iter().find(|(name, _)| tail.starts_with(name));
                out.push(entity.map_or(b'&', |&(_, character)| character));
                &tail[entity.map_or(0, |(name, _)| name.len())..]
            }
            0x7f => tail,
            b'\t' | b'\r' | b' '.. => {
                out.push(byte);
                tail
            }
            _ => tail,
        };
    }
}

/// The length of an escape sequence behind its ESC (ECMA-48: CSI, OSC, two-byte forms).
fn escape_len(tail: &[u8]) -> usize {
    match tail.first() {
        Some(b'[') => {
            let end = tail.iter().skip(1).position(|byte| (0x40..=0x7e).contains(byte));
            end.map_or(tail.len(), |at| at + 2)
        }
        Some(b']') => {
            let end = tail.iter().position(|&byte| byte == 0x07 || byte == 0x1b);
            end.map_or(tail.len(), |at| at + 1)
        }
        Some(b' '..=b'/') => tail.len().min(2),
        Some(0x30..=0x7e) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[u8], cleaned: &[u8]) {
        let mut out = Vec::new();
        clean(line, &mut out);
        assert_eq!(out, cleaned, "{}", line.escape_ascii());
    }

    #[test]
    fn colours_and_screen_control_vanish() {
        check(
            b"\x1b[32m[    0.000000] \x1b[0m\x1b[1mCall Trace:\x1b[0m",
            b"[    0.000000] Call Trace:",
        );
        check(b"\x1b[?7l\x1b[2Jx", b"x");
        check(b"\x1b]0;title\x07x", b"x");
        check(b"\x1b7x\x1b", b"x");
    }

    #[test]
    fn what_a_web_page_wrote_for_a_character_is_that_character() {
        check(
            b"[&lt;c0010f60&gt;] a &amp;lt; &quot;b&quot;&nbsp;&#39;",
            b"[<c0010f60>] a &lt; \"b\" '",
        );
        check(b"a && b &x; &l", b"a && b &x; &l");
    }

    #[test]
    fn transport_bytes_vanish_and_text_stays() {
        check(b"\xef\xbb\xbfa\0\0b\xc2\xa0c\xff", b"ab c\xff");
        check(b"a\rb\tc", b"a\rb\tc");
        check(b"\xff\xfea\0b\0", b"ab");
        check(b"a\xa0b\xc3\xa0c", b"a b\xc3\xa0c");
    }
}
