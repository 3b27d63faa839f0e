//! Register dumps between the frames of a backtrace.

use super::cursor::{Cursor, hex_value};
use super::exception_stack::{ExceptionStack, lossy, words};
use super::frame::{self, Aim, FrameLine, FrameText};

/// A line of a register dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterLine<'a> {
    /// Names and values: x86's and powerpc's blocks, arm's `r7:… r6:…`, arm64's `x29: …`,
    /// ia64's `sp=… bsp=…`.
    Named(&'a [u8]),
    /// The heading of an exception stack, `Exception stack(0x… to 0x…)`.
    ExceptionStack(ExceptionStack),
    /// A row of an exception stack; sh's stack words have the same shape.
    ExceptionRow(&'a [u8]),
    /// A line of the block that names no register: `Code: …`, `NIP […] …`, the marker of a
    /// system call.
    Unnamed,
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
    // MSR:  800000000280f033 <SF,VEC,EE,PR,FP,ME,IR,DR,RI,LE>  CR: 48004288  XER: 00000000
    // GPR00: 0000000000000161 00007ffff8d42e80 0000000010277b00 0000000000000003
    // NIP [00000000101f6638] 0x101f6638
    //                                 sp=e0000001801cfc60 bsp=e0000001801c8d88
    /// Reads a line of a register dump.
    pub fn parse(text: &'a [u8]) -> Option<RegisterLine<'a>> {
        match *text.first()? {
            b' ' if is_arm_registers(text) || is_ia64_registers(text) => {
                Some(RegisterLine::Named(text))
            }
            b' ' if frame::is_link_register(text) => Some(RegisterLine::Unnamed),
            b'-' if frame::is_syscall(text) => Some(RegisterLine::Unnamed),
            b'C' if text.starts_with(b"Code: ") => Some(RegisterLine::Unnamed),
            b'N' | b'L' if is_powerpc_place(text) => Some(RegisterLine::Unnamed),
            b'E' if text.starts_with(b"Exception stack(") => {
                ExceptionStack::parse(text).map(RegisterLine::ExceptionStack)
            }
            b'0'..=b'9' | b'a'..=b'f' if is_exception_row(text) => {
                Some(RegisterLine::ExceptionRow(text))
            }
            b'A'..=b'Z' if is_named_block(text) => Some(RegisterLine::Named(text)),
            b'p' | b'l' | b's' | b'x' if is_arm64_registers(text) => {
                Some(RegisterLine::Named(text))
            }
            _ => None,
        }
    }

    /// The registers of the line with their values as printed. An exception stack names none:
    /// `stack` is the present one, and follows its rows.
    pub fn values(self, stack: &mut Option<ExceptionStack>) -> Vec<(String, String)> {
        match self {
            RegisterLine::Named(text) => named_values(text),
            RegisterLine::ExceptionStack(begun) => {
                *stack = Some(begun);
                Vec::new()
            }
            RegisterLine::ExceptionRow(text) => {
                stack.as_mut().map_or_else(Vec::new, |stack| stack.row(text))
            }
            RegisterLine::Unnamed => Vec::new(),
        }
    }
}

/// The interrupted place, where a register block shows one in the kernel.
// RIP: 0010:amd_e400_idle+0x1e/0x50
// RIP: 0010:[<ffffffff8101f1b8>]  [<ffffffff8101f1b8>] default_idle+0x28/0x40
// RIP: e030:xen_hypercall_sched_op+0xa/0x20               as a Xen guest
// EIP: default_idle+0x1e/0x50
// EIP: 0060:default_idle+0x1e/0x50
pub(super) fn interrupted(text: &[u8]) -> Option<FrameText<'_>> {
    let mut cursor = Cursor::new(text);
    if cursor.eat(b"RIP: ").is_some() {
        kernel_segment(&mut cursor)?;
    } else {
        cursor.eat(b"EIP: ")?;
        kernel_segment(&mut cursor);
    }
    let mut place = cursor.rest();
    if place.starts_with(b"[<") {
        place = Cursor::new(place)
            .until(b"]")
            .map(|first| place[first.len() + 1..].trim_ascii_start())?;
    }
    match FrameLine::parse(place)? {
        FrameLine::One(frame) if matches!(frame.place, super::frame::Place::Symbol(_)) => {
            Some(FrameText { aim: Aim::Instruction, ..frame })
        }
        _ => None,
    }
}

/// The bits of a code segment that are set in user mode.
const USER_PRIVILEGE: u64 = 3;

/// A code segment's lowest bits tell its privilege.
fn kernel_segment(cursor: &mut Cursor<'_>) -> Option<()> {
    let mut ahead = *cursor;
    let (segment, digits) = ahead.hex()?;
    ahead.eat(b":")?;
    (digits == 4 && segment & USER_PRIVILEGE == 0).then(|| *cursor = ahead)
}

fn is_arm_registers(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.eat(b" r").is_some() && cursor.decimal().is_some() && cursor.eat(b":").is_some()
}

fn is_ia64_registers(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    text.starts_with(b"sp=") && memchr::memmem::find(text, b" bsp=").is_some()
}

fn is_powerpc_place(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"NIP [").or_else(|| cursor.eat(b"LR [")).is_some() && cursor.hex().is_some()
}

/// Two to eight capitals or digits, a colon, and a number.
fn is_named_block(text: &[u8]) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let length = text.iter().take(9).take_while(|&&byte| is_of_name(byte)).count();
    let (name, rest) = text.split_at(length);
    let Some(rest) = rest.strip_prefix(b": ") else { return false };
    let mut number = Cursor::new(rest.strip_prefix(b" ").unwrap_or(rest));
    (2..=8).contains(&length)
        && name != b"CPU"
        && number.hex().is_some()
        && matches!(number.peek(), None | Some(b' ' | b':' | b'('))
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

/// Four digits of the stack address, then words of eight or sixteen digits.
fn is_exception_row(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.hex().is_some_and(|(_, digits)| digits == 4)
        && cursor.eat(b": ").is_some()
        && words(cursor.rest())
            .all(|word| matches!(word.len(), 8 | 16) && hex_value(word).is_some())
}

fn named_values(text: &[u8]) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut cursor = Cursor::new(text);
    while !cursor.is_empty() {
        cursor.eat_blanks();
        let name = cursor.eat_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        cursor.eat_blanks();
        let is_named = cursor.eat(b":").or_else(|| cursor.eat(b"=")).is_some();
        if name.is_empty() || !is_named || name == b"Tainted" {
            break;
        }
        if let Some(first) = name.strip_prefix(b"GPR") {
            return general_registers(first, cursor.rest());
        }
        cursor.eat_blanks();
        let value = cursor.eat_while(|byte| byte.is_ascii_graphic());
        values.push((lossy(name), lossy(value)));
        bit_names(&mut cursor);
    }
    values
}

/// powerpc spells out the bits of its machine state behind the number.
fn bit_names(cursor: &mut Cursor<'_>) {
    let mut ahead = *cursor;
    ahead.eat_blanks();
    if ahead.eat(b"<").is_some() && ahead.until(b">").is_some() {
        *cursor = ahead;
    }
}

/// powerpc names the first register of a row of four or eight.
fn general_registers(first: &[u8], row: &[u8]) -> Vec<(String, String)> {
    let Some(first) = Cursor::new(first).decimal() else { return Vec::new() };
    let named = |(at, word)| (format!("GPR{at:02}"), lossy(word));
    (first..32).zip(words(row)).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        RegisterLine::parse(text.as_bytes()).expect(text).values(&mut None)
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
    fn powerpc_names_the_first_of_a_row_and_spells_out_bits() {
        let pairs = values(
            "MSR:  800000000280f033 <SF,VEC,EE,PR,FP,ME,IR,DR,RI,LE>  CR: 48004288  XER: 00000000",
        );
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["MSR", "CR", "XER"]);
        let pairs =
            values("GPR28: 0000000015642ee8 0000000015642e90 0000000015644930 0000000000000003 ");
        assert_eq!(pairs[3], ("GPR31".to_owned(), "0000000000000003".to_owned()));
        let pairs = values(
            "REGS: c000000004997e80 TRAP: 3000   Tainted: G           OE       (6.1.0-50-powerpc64le)",
        );
        assert_eq!(pairs.len(), 2);
        let pairs = values("NIP:  00000000101f6638 LR: 00000000101f6638 CTR: 0000000000000000");
        assert_eq!(pairs[1].0, "LR");
        for text in
            ["NIP [00000000101f6638] 0x101f6638", "--- interrupt: 3000", "    LR = foo+0x1/0x2"]
        {
            assert_eq!(RegisterLine::parse(text.as_bytes()), Some(RegisterLine::Unnamed), "{text}");
        }
    }

    #[test]
    fn ia64_prints_its_stack_pointers_below_each_frame() {
        let pairs =
            values("                                sp=e0000001801cfc60 bsp=e0000001801c8d88");
        assert_eq!(pairs[1], ("bsp".to_owned(), "e0000001801c8d88".to_owned()));
    }

    #[test]
    fn rows_of_stack_words_without_a_heading_are_no_registers() {
        let row = RegisterLine::parse(b"5e60: 8c3e5e8c 8c00a1b4 00000000").expect("row");
        assert_eq!(row.values(&mut None), []);
    }

    #[test]
    fn a_kernel_address_in_rip_is_a_place_and_a_user_address_is_not() {
        let struck = interrupted(b"RIP: 0010:amd_e400_idle+0x1e/0x50");
        assert_eq!(struck.map(|frame| frame.aim), Some(Aim::Instruction));
        assert!(
            interrupted(
                b"RIP: 0010:[<ffffffff8101f1b8>]  [<ffffffff8101f1b8>] default_idle+0x28/0x40"
            )
            .is_some()
        );
        assert!(interrupted(b"RIP: e030:xen_hypercall_sched_op+0xa/0x20").is_some());
        assert!(interrupted(b"EIP: 0060:default_idle+0x1e/0x50").is_some());
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
