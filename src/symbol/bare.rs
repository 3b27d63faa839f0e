//! Bare addresses in the lines of a log: frames of kernels that print no names.

use super::marks::BRACKET;

/// What may follow an address that stands for itself.
const FOLLOW: [&[u8]; 6] = [b"[<", b"from [<", b"lr : ", b"sp : ", b"psr: ", b"pstate: "];

/// What may precede one.
const LEADS: [&[u8]; 5] = [b"]", b"kernel:", b" is at", b"IP: 0010:", b"pc :"];

/// A bare address that a line shows as a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bare {
    /// Where it begins in the line.
    pub(super) start: usize,
    /// The first byte behind it.
    pub(super) end: usize,
    /// The address.
    pub(super) address: u64,
}

// [<8006ab2c>] 0x8006ab2c                                           mips, no kallsyms
// Function entered at [<c0523adc>] from [<c0732428>]                arm, no kallsyms
//         [<c0012a34>] [<c00145e0>] [<c0015b24>]                    nios2
// [    5.000000]  ? 0xffffffffc00b9000                              x86, a module that is gone
// pc : [<c0012a34>]    lr : [<c00145e0>]    psr: 60000013           arm, no kallsyms
/// All of a line, in order.
pub(super) fn find(line: &[u8]) -> Vec<Bare> {
    let mut found = in_brackets(line);
    if found.is_empty() {
        found.extend(alone(line));
    }
    found
}

/// Those in brackets, the only ones that may stand beside names.
pub(super) fn in_brackets(line: &[u8]) -> Vec<Bare> {
    BRACKET.find_iter(line).filter_map(|start| bracketed(line, start)).collect()
}

/// An address in brackets that no name follows. Where the number follows instead of a name it is
/// taken, for it is never a hash.
fn bracketed(line: &[u8], start: usize) -> Option<Bare> {
    let (address, rest) = digits(&line[start + 2..])?;
    let rest = rest.strip_prefix(b">]")?;
    let behind = rest.trim_ascii_start();
    let behind = behind.strip_prefix(b"? ").unwrap_or(behind);
    let end = |rest: &[u8]| line.len() - rest.len();
    if let Some(number) = behind.strip_prefix(b"0x") {
        let (address, rest) = digits(number)?;
        return Some(Bare { start: end(behind), end: end(rest), address });
    }
    let is_bare = behind.is_empty() || FOLLOW.iter().any(|follow| behind.starts_with(follow));
    is_bare.then(|| Bare { start, end: end(rest), address })
}

/// A number that is all there is on a line behind its prefix, or that a register's name precedes.
fn alone(line: &[u8]) -> Option<Bare> {
    let text = line.trim_ascii_end();
    let length = text.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let start = text[..text.len() - length].strip_suffix(b"0x")?.len();
    let (address, _) = digits(&text[start + 2..])?;
    let head = text[..start].trim_ascii_end();
    let is_set_off = start == 0 || matches!(text[start - 1], b' ' | b'\t' | b':');
    let head = head.strip_suffix(b"?").map_or(head, <[u8]>::trim_ascii_end);
    let is_frame = head.is_empty() || LEADS.iter().any(|lead| head.ends_with(lead));
    (is_set_off && is_frame).then_some(Bare { start, end: text.len(), address })
}

/// Takes as many digits as an address has.
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = text.split_at(length);
    let digits = std::str::from_utf8(digits).ok().filter(|_| matches!(length, 8 | 16))?;
    Some((u64::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_without_names_are_found_and_nothing_else() {
        for (line, wanted) in [
            ("[    8.177521] [<80642428>] 0x80642428\r\n", &["0x80642428"][..]),
            (
                "Function entered at [<c0523adc>] from [<c0732428>]",
                &["[<c0523adc>]", "[<c0732428>]"],
            ),
            ("        [<c0012a34>] [<c00145e0>]", &["[<c0012a34>]", "[<c00145e0>]"]),
            ("[    5.000000]  ? 0xffffffffc00b9000", &["0xffffffffc00b9000"]),
            (" 0xffffffffc00b9000", &["0xffffffffc00b9000"]),
            ("[    5.0] RIP: 0010:0xffffffffc00b9000", &["0xffffffffc00b9000"]),
            (
                "pc : [<c0012a34>]    lr : [<c00145e0>]    psr: 60000013",
                &["[<c0012a34>]", "[<c00145e0>]"],
            ),
            ("PC is at 0xc0012a34", &["0xc0012a34"]),
            (" [<ffffffff8110a3b1>] kfree+0x60/0x90", &[]),
            (" [<c10aef47>] ? kfree+0x57/0xa0 [ext3]", &[]),
            ("[<c04574c0>] (show_stack) from [<c0459fe8>] (dump_stack+0x9c/0xb0)", &[]),
            ("[    1.0] TRACE kmalloc-64 alloc 0x83595c80 inuse=7 fp=0x00000000", &[]),
            ("[    1.0] e820: base 0x0000000080000000", &[]),
            ("[    1.0] 0x10", &[]),
            ("[<(ptrval)>] 0x80642428", &["0x80642428"]),
            ("[<80642428>] 0x8064", &[]),
        ] {
            let found: Vec<&str> =
                find(line.as_bytes()).iter().map(|bare| &line[bare.start..bare.end]).collect();
            assert_eq!(found, wanted, "{line}");
        }
    }
}
