//! What transports add to the bytes of a line: escape sequences, NULs, carriage returns.

/// Whether `line` holds a byte that [`clean`] would act on.
pub(super) fn is_dirty(line: &[u8]) -> bool {
    line.iter().any(|&byte| byte < b' ' && byte != b'\t')
        || line.starts_with(BOM)
        || line.contains(&0xa0)
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Copies `line` to `out` without terminal escape sequences, NULs, backspaces and a byte-order
/// mark; non-breaking blanks become blanks. Carriage returns stay: they part records.
// \x1b[32m[    0.000000] \x1b[0m\x1b[33mCPU: \x1b[0m\x1b[1m0 PID: 0      dmesg --color
// c\x1b[?7l\x1b[2J\x1b[0m[    0.000000] Linux version …                  firmware clears the screen
pub(super) fn clean(line: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut rest = line.strip_prefix(BOM).unwrap_or(line);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            0x1b => &tail[escape_len(tail)..],
            0xc2 if tail.first() == Some(&0xa0) => {
                out.push(b' ');
                &tail[1..]
            }
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
    fn transport_bytes_vanish_and_text_stays() {
        check(b"\xef\xbb\xbfa\0\0b\xc2\xa0c\xff", b"ab c\xff");
        check(b"a\rb\tc", b"a\rb\tc");
    }
}
