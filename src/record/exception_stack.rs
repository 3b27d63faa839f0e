//! The registers saved on entry to an exception, as arm and arm64 to 4.12 print them: raw words
//! of the stack.

use super::cursor::Cursor;
use crate::address::PointerWidth;

/// The words of arm's `struct pt_regs`, in order.
const ARM: [&str; 18] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "fp", "ip", "sp", "lr",
    "pc", "cpsr", "orig_r0",
];

/// The words of arm64's, in order.
const ARM64: [&str; 36] = [
    "x0",
    "x1",
    "x2",
    "x3",
    "x4",
    "x5",
    "x6",
    "x7",
    "x8",
    "x9",
    "x10",
    "x11",
    "x12",
    "x13",
    "x14",
    "x15",
    "x16",
    "x17",
    "x18",
    "x19",
    "x20",
    "x21",
    "x22",
    "x23",
    "x24",
    "x25",
    "x26",
    "x27",
    "x28",
    "x29",
    "lr",
    "sp",
    "pc",
    "pstate",
    "orig_x0",
    "syscallno",
];

/// An exception stack, and how many of its registers were seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExceptionStack {
    width: PointerWidth,
    seen: usize,
}

impl ExceptionStack {
    // Exception stack(0xc1a5ffa8 to 0xc1a5fff0)
    // Exception stack(0xffffffc07b3dbe20 to 0xffffffc07b3dbf40)
    /// Reads the heading; its addresses tell the architecture.
    pub(super) fn parse(text: &[u8]) -> Option<ExceptionStack> {
        let mut cursor = Cursor::new(text);
        cursor.eat(b"Exception stack(0x")?;
        let (_, digits) = cursor.hex()?;
        cursor.eat(b" to 0x")?;
        let width = if digits > 8 { PointerWidth::Bits64 } else { PointerWidth::Bits32 };
        Some(ExceptionStack { width, seen: 0 })
    }

    // ffa0:                   fea73e00 00000000 00000003 01faf190 00000000 01fade84
    // be20: 00000001 00000000 7b3dbf40 ffffffc0                arm64 to 4.4: halves, lower one first
    // be20: 0000000000000001 ffffffc07b3dbf40                  arm64 from 4.5 on
    /// Names the words of a row.
    pub(super) fn row(&mut self, text: &[u8]) -> Vec<(String, String)> {
        let words: Vec<&[u8]> = words(text).skip(1).collect();
        let values: Vec<String> = match self.width {
            PointerWidth::Bits64 if words.iter().all(|word| word.len() == 8) => words
                .chunks(2)
                .map(|pair| lossy(&pair.iter().rev().copied().collect::<Vec<_>>().concat()))
                .collect(),
            _ => words.into_iter().map(lossy).collect(),
        };
        let names: &[&str] = match self.width {
            PointerWidth::Bits32 => &ARM,
            PointerWidth::Bits64 => &ARM64,
        };
        let named = names.iter().skip(self.seen).zip(values);
        let row: Vec<_> = named.map(|(name, value)| ((*name).to_owned(), value)).collect();
        self.seen += row.len();
        row
    }
}

/// The words of a row, blanks between them left out.
pub(super) fn words(row: &[u8]) -> impl Iterator<Item = &[u8]> {
    row.split(|&byte| byte == b' ').filter(|word| !word.is_empty())
}

/// The bytes as text, whatever they are.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(heading: &str, rows: &[&str], expected: &[(&str, &str)]) {
        let mut stack = ExceptionStack::parse(heading.as_bytes()).expect(heading);
        let values: Vec<_> = rows.iter().flat_map(|row| stack.row(row.as_bytes())).collect();
        let expected: Vec<_> =
            expected.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(values, expected, "{heading}");
    }

    #[test]
    fn arm_prints_its_register_file_in_order() {
        check(
            "Exception stack(0xc1a5ffa8 to 0xc1a5fff0)",
            &["ffa0:                   fea73e00 00000000", "ffc0: 01faf190"],
            &[("r0", "fea73e00"), ("r1", "00000000"), ("r2", "01faf190")],
        );
    }

    #[test]
    fn arm64_prints_whole_registers_or_halves() {
        let heading = "Exception stack(0xffffffc07b3dbe20 to 0xffffffc07b3dbf40)";
        let expected = [("x0", "0000000000000001"), ("x1", "ffffffc07b3dbf40")];
        check(heading, &["be20: 0000000000000001 ffffffc07b3dbf40"], &expected);
        check(heading, &["be20: 00000001 00000000 7b3dbf40 ffffffc0"], &expected);
    }
}
