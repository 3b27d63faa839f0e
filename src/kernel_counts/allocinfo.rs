//! Lines of `/proc/allocinfo` (`CONFIG_MEM_ALLOC_PROFILING`, 6.10 on; `lib/alloc_tag.c` and
//! `lib/codetag.c`): what lives, by the line of source that allocated it.

use crate::record::cursor::Cursor;

/// What one line of source holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row<'a> {
    /// Bytes that live.
    pub(super) bytes: u64,
    /// Allocations that live.
    pub(super) calls: u64,
    pub(super) file: &'a [u8],
    pub(super) line: u32,
    pub(super) module: Option<&'a [u8]>,
    pub(super) function: &'a [u8],
    pub(super) accuracy: Accuracy,
}

/// Whether the kernel vouches for a count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Accuracy {
    /// It does.
    Exact,
    /// It had no memory to note some allocations in.
    Short,
}

// allocinfo - version: 1.0
pub(super) fn is_header(text: &[u8]) -> bool {
    text.starts_with(b"allocinfo - version: ")
}

// #     <size>  <calls> <tag info>
pub(super) fn is_legend(text: &[u8]) -> bool {
    text.starts_with(b"#") && text.ends_with(b"<tag info>")
}

//         4096        4 kernel/exit.c:123 func:do_exit                                    1.0
//        65536       16 drivers/net/leaky/main.c:88 [leaky] func:leaky_fill
//        49152       48 arch/x86/kernel/cpu/mce/core.c:2709 func:mce_device_create accurate:no   2.0
pub(super) fn row(text: &[u8]) -> Option<Row<'_>> {
    let mut cursor = Cursor::new(text.trim_ascii());
    // A count may be below zero for a moment, while CPUs add up theirs.
    let below = cursor.eat(b"-").is_some();
    let bytes = cursor.decimal()?;
    if cursor.eat_blanks() == 0 {
        return None;
    }
    let calls = cursor.decimal()?;
    cursor.eat(b" ")?;
    let file = cursor.until(b":").filter(|file| is_path(file))?;
    let line = u32::try_from(cursor.decimal()?).ok()?;
    cursor.eat(b" ")?;
    let module = match cursor.eat(b"[") {
        Some(()) => Some(cursor.until(b"] ")?),
        None => None,
    };
    cursor.eat(b"func:")?;
    let function = cursor.eat_while(|byte| byte.is_ascii_graphic());
    let accuracy = if cursor.rest().trim_ascii() == b"accurate:no" {
        Accuracy::Short
    } else {
        Accuracy::Exact
    };
    let bytes = if below { 0 } else { bytes };
    (!function.is_empty()).then_some(Row { bytes, calls, file, line, module, function, accuracy })
}

fn is_path(file: &[u8]) -> bool {
    !file.is_empty() && file.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_both_versions_is_read() {
        let old = row(b"        4096        4 kernel/exit.c:123 func:do_exit ").expect("a row");
        assert_eq!(
            (old.bytes, old.calls, old.file, old.line),
            (4096, 4, &b"kernel/exit.c"[..], 123)
        );
        assert_eq!(
            (old.function, old.module, old.accuracy),
            (&b"do_exit"[..], None, Accuracy::Exact)
        );
        let new =
            row(b"  65536 16 drivers/leaky.c:8 [leaky] func:fill accurate:no ").expect("a row");
        assert_eq!((new.module, new.accuracy), (Some(&b"leaky"[..]), Accuracy::Short));
        assert_eq!(row(b"-4096 0 mm/a.c:1 func:f").map(|row| row.bytes), Some(0));
    }

    #[test]
    fn a_row_that_breaks_off_is_none() {
        for text in [
            "   4096   4 kernel/exit.c:123",
            "   4096   4 kernel/ex",
            "   4096",
            "4096 4 a b:1 func:c",
        ] {
            assert_eq!(row(text.as_bytes()), None, "{text}");
        }
    }
}
