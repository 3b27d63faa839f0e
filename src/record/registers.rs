//! Register dumps between the frames of a backtrace.

use super::cursor::{Cursor, hex_value};
use super::frame::{FrameLine, FrameText};

/// The words of arm's `struct pt_regs`, in order, as an exception stack shows them.
const ARM_PT_REGS: [&str; 18] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "fp", "ip", "sp", "lr",
    "pc", "cpsr", "orig_r0",
];

/// A line of a register dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterLine<'a> {
    /// Names and values: x86's blocks, arm's `r7:… r6:…`, arm64's `x29: …`.
    Named(&'a [u8]),
    /// The heading of an arm exception stack, `Exception stack(0x… to 0x…)`.
    ExceptionStack,
    /// A row of an arm exception stack.
    ExceptionRow(&'a [u8]),
    /// `Code: …`: instruction bytes, which belong to the block but hold no register.
    Code,
}

impl<'a> RegisterLine<'a> {
    // RSP: 0018:ffffb2a7400a7ec0 EFLAGS: 00000246
    // RAX: 0000000000000000 RBX: 0000000000000000 RCX: 4000000000000000
    // DS: 007b ES: 007b FS: 0000 GS: 0033 SS: 007b EFLAGS: 00000206
    //  r7:80080008 r6:00080007 r5:e6be6000 r4:c0d40c00
    // pc : leaky_init+0x90/0x1000     sp : ffff800008d03b60     x29: ffff800008d03b60 x28: 0000000000000000
    // Exception stack(0xc1a5ffa8 to 0xc1a5fff0)
    // ffa0:                   fea73e00 00000000 00000003 01faf190 00000000 01fade84
    // Code: 1f 84 00 00 00 00 00 64 48 8b 04 25 10 00 00 00
    /// Reads a line of a register dump.
    pub fn parse(text: &'a [u8]) -> Option<RegisterLine<'a>> {
        match *text.first()? {
            b' ' if is_arm_registers(text) => Some(RegisterLine::Named(text)),
            b'C' if text.starts_with(b"Code: ") => Some(RegisterLine::Code),
            b'E' if text.starts_with(b"Exception stack(") => Some(RegisterLine::ExceptionStack),
            b'0'..=b'9' | b'a'..=b'f' if is_exception_row(text) => {
                Some(RegisterLine::ExceptionRow(text))
            }
            b'A'..=b'Z' if is_x86_registers(text) => Some(RegisterLine::Named(text)),
            b'p' | b'l' | b's' | b'x' if is_arm64_registers(text) => {
                Some(RegisterLine::Named(text))
            }
            _ => None,
        }
    }

    /// The registers of the line with their values as printed. `row` counts the words of the
    /// present exception stack, which names none.
    pub fn values(self, row: &mut usize) -> Vec<(String, String)> {
        match self {
            RegisterLine::Named(text) => named_values(text),
            RegisterLine::ExceptionRow(text) => row_values(text, row),
            RegisterLine::ExceptionStack | RegisterLine::Code => Vec::new(),
        }
    }
}

/// The interrupted place, where a register block shows one in the kernel.
// RIP: 0010:amd_e400_idle+0x1e/0x50
// RIP: 0010:[<ffffffff8101f1b8>]  [<ffffffff8101f1b8>] default_idle+0x28/0x40
// EIP: default_idle+0x1e/0x50
pub(super) fn interrupted(text: &[u8]) -> Option<FrameText<'_>> {
    let mut cursor = Cursor::new(text);
    if cursor.eat(b"RIP: 0010:").is_none() {
        cursor.eat(b"EIP: ")?;
    }
    let mut place = cursor.rest();
    if place.starts_with(b"[<") {
        place = Cursor::new(place)
            .until(b"]")
            .map(|first| place[first.len() + 1..].trim_ascii_start())?;
    }
    match FrameLine::parse(place)? {
        FrameLine::One(frame) if matches!(frame.place, super::frame::Place::Symbol(_)) => {
            Some(frame)
        }
        _ => None,
    }
}

fn is_arm_registers(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.eat(b" r").is_some() && cursor.decimal().is_some() && cursor.eat(b":").is_some()
}

/// Two to eight capitals or digits, a colon, and a number.
fn is_x86_registers(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    let name =
        cursor.eat_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (2..=8).contains(&name.len())
        && name != b"CPU"
        && cursor.eat(b": ").is_some()
        && cursor.hex().is_some()
        && matches!(cursor.peek(), None | Some(b' ' | b':' | b'('))
}

fn is_arm64_registers(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    let name = cursor.eat_while(|byte| byte.is_ascii_alphanumeric());
    let known = matches!(name, b"pc" | b"lr" | b"sp" | b"pstate")
        || name.split_first().is_some_and(|(x, digits)| {
            *x == b'x'
                && digits.len() <= 2
                && !digits.is_empty()
                && digits.iter().all(u8::is_ascii_digit)
        });
    cursor.eat_blanks();
    known && cursor.eat(b": ").is_some()
}

/// Four digits of the stack address, then words of eight digits.
fn is_exception_row(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.hex().is_some_and(|(_, digits)| digits == 4)
        && cursor.eat(b": ").is_some()
        && cursor
            .rest()
            .split(|&byte| byte == b' ')
            .all(|word| word.is_empty() || (word.len() == 8 && hex_value(word).is_some()))
}

fn named_values(text: &[u8]) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut cursor = Cursor::new(text);
    while !cursor.is_empty() {
        cursor.eat_blanks();
        let name = cursor.eat_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        cursor.eat_blanks();
        if name.is_empty() || cursor.eat(b":").is_none() {
            break;
        }
        cursor.eat_blanks();
        let value = cursor.eat_while(|byte| byte.is_ascii_graphic());
        values.push((lossy(name), lossy(value)));
    }
    values
}

fn row_values(text: &[u8], row: &mut usize) -> Vec<(String, String)> {
    let words = text.split(|&byte| byte == b' ').skip(1).filter(|word| !word.is_empty());
    words
        .filter_map(|word| {
            let name = ARM_PT_REGS.get(*row)?;
            *row += 1;
            Some(((*name).to_owned(), lossy(word)))
        })
        .collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        RegisterLine::parse(text.as_bytes()).expect(text).values(&mut 0)
    }

    #[test]
    fn names_and_values_are_kept_as_printed() {
        let pairs = values(" r7:80080008 r6:00080007 r10:c0d40c00");
        assert_eq!(pairs.last(), Some(&("r10".to_owned(), "c0d40c00".to_owned())));
        let pairs =
            values("RSP: 002b:00007fffa9c834d8 EFLAGS: 00000246 ORIG_RAX: 0000000000000038");
        assert_eq!(pairs[0].1, "002b:00007fffa9c834d8");
        assert_eq!(pairs[2].0, "ORIG_RAX");
    }

    #[test]
    fn an_exception_stack_is_the_register_file_in_order() {
        let mut row = 0;
        let first = RegisterLine::parse(b"ffa0:                   fea73e00 00000000").expect("row");
        assert_eq!(first.values(&mut row).len(), 2);
        let second = RegisterLine::parse(b"ffc0: 01faf190").expect("row");
        assert_eq!(second.values(&mut row), [("r2".to_owned(), "01faf190".to_owned())]);
    }

    #[test]
    fn a_kernel_address_in_rip_is_a_place_and_a_user_address_is_not() {
        assert!(interrupted(b"RIP: 0010:amd_e400_idle+0x1e/0x50").is_some());
        assert!(
            interrupted(
                b"RIP: 0010:[<ffffffff8101f1b8>]  [<ffffffff8101f1b8>] default_idle+0x28/0x40"
            )
            .is_some()
        );
        assert!(interrupted(b"RIP: 0033:0x4610d3").is_none());
        assert!(interrupted(b"EIP: 0xb7f3e559").is_none());
        assert!(RegisterLine::parse(b"RIP: 0033:0x4610d3").is_some());
    }

    #[test]
    fn other_lines_with_colons_are_no_registers() {
        for text in [
            "CPU: 0 PID: 1 Comm: init",
            "Stack : 00000000 821eb3b4",
            "abcd: text",
            "AGP: No bridge",
        ] {
            assert_eq!(RegisterLine::parse(text.as_bytes()), None, "{text}");
        }
    }
}
