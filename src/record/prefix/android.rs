//! What Android's log reader and the kernels of phone makers put in front.

use super::{Prefix, calendar, printk};
use crate::record::Caller;
use crate::record::cursor::Cursor;
use crate::time::Stamp;

// 01-26 15:04:11.493     0     0 I         : [  634.493181] TRACE …       logcat -b kernel
// 2024-01-26 15:04:11.493 +0800  root     0     0 I         : TRACE …     -v year -v zone -v uid
// 01-26 15:04:11.493 I/        (    0): TRACE …                           -v time
/// Strips time, ids, priority and the kernel's empty tag.
pub(super) fn logcat<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let mut cursor = Cursor::new(text);
    let micros = calendar::iso(&mut cursor).or_else(|| calendar::month_day(&mut cursor))?;
    cursor.eat(b" ")?;
    calendar::zone(&mut cursor);
    let rest = match logcat_tag(cursor.rest()) {
        Some(rest) => rest,
        None => behind_ids(cursor)?,
    };
    prefix.wall = Some(Stamp::wall(micros));
    Some(rest)
}

/// A user, a process and a thread; the user only on demand, by name or by number.
fn behind_ids(mut cursor: Cursor<'_>) -> Option<&[u8]> {
    cursor.eat_blanks();
    cursor.eat_while(|byte| byte.is_ascii_lowercase());
    let mut ids = 0;
    loop {
        cursor.eat_blanks();
        if cursor.decimal().is_none() {
            break;
        }
        ids += 1;
    }
    priority(&mut cursor)?;
    cursor.eat_blanks();
    cursor.eat(b": ")?;
    matches!(ids, 2 | 3).then_some(cursor.rest())
}

// I/        (    0): TRACE …                                              -v brief
// I/        : TRACE …                                                     -v tag
// I(    0) TRACE …                                                        -v process
/// Strips priority, the kernel's empty tag and its id.
pub(super) fn logcat_tag(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    priority(&mut cursor)?;
    let has_tag = cursor.eat(b"/").is_some();
    cursor.eat_blanks();
    let has_id = cursor.eat(b"(").is_some();
    if has_id {
        cursor.eat_blanks();
        cursor.decimal()?;
        cursor.eat(b")")?;
    }
    if has_tag {
        cursor.eat(b":")?;
    }
    cursor.eat(b" ")?;
    (has_tag || has_id).then_some(cursor.rest())
}

fn priority(cursor: &mut Cursor<'_>) -> Option<u8> {
    let letter = cursor.peek().filter(|byte| b"VDIWEFS".contains(byte))?;
    cursor.take(1)?;
    Some(letter)
}

/// Strips what a phone maker's kernel says of the printing CPU and task.
pub(super) fn printer<'a>(text: &'a [u8], prefix: &mut Prefix) -> Option<&'a [u8]> {
    let (caller, rest) = mediatek(text).or_else(|| qualcomm(text)).or_else(|| samsung(text))?;
    prefix.caller = prefix.caller.or(Some(caller));
    Some(rest)
}

// [  634.493181]  (7)[723:Xorg]TRACE …
// [  634.493181] -(7)[723:Xorg] dump_stack+0x10/0x12             interrupts are off
// [  634.493181] <0>-(7)[723:Xorg]TRACE …
fn mediatek(text: &[u8]) -> Option<(Caller, &[u8])> {
    let text = printk::level(text).unwrap_or(text);
    let mut cursor = Cursor::new(text);
    cursor.eat(b" ").or_else(|| cursor.eat(b"-")).or_else(|| cursor.eat(b"."));
    cursor.eat(b"(")?;
    let (cpu, _) = cursor.hex()?;
    cursor.eat(b")[")?;
    let pid = cursor.decimal()?;
    cursor.eat(b":")?;
    cursor.until(b"]")?;
    Some((caller(cpu, pid)?, cursor.rest()))
}

// [  634.493181]<3> (CPU:3-PID:723:Xorg) TRACE …
// [  634.493181] (CPU:3-pid:723:Xorg) TRACE …
fn qualcomm(text: &[u8]) -> Option<(Caller, &[u8])> {
    let text = printk::level(text).unwrap_or(text);
    let mut cursor = Cursor::new(text);
    cursor.eat(b" ");
    cursor.eat(b"(CPU:")?;
    let cpu = cursor.decimal()?;
    cursor.eat(b"-PID:").or_else(|| cursor.eat(b"-pid:"))?;
    let pid = cursor.decimal()?;
    cursor.eat(b":")?;
    cursor.until(b")")?;
    cursor.eat(b" ");
    Some((caller(cpu, pid)?, cursor.rest()))
}

// [  634.493185] [3:           Xorg:  723] TRACE …
// [  634.493185] I[3:           Xorg:  723] TRACE …              in an interrupt
fn samsung(text: &[u8]) -> Option<(Caller, &[u8])> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b" ");
    let in_interrupt = cursor.eat(b"I").is_some();
    cursor.eat(b"[")?;
    let cpu = cursor.decimal()?;
    cursor.eat(b":")?;
    let inner = cursor.until(b"]")?;
    let at = memchr::memrchr(b':', inner)?;
    let mut id = Cursor::new(inner[at + 1..].trim_ascii());
    let pid = id.decimal().filter(|_| id.is_empty())?;
    cursor.eat(b" ");
    let caller = caller(cpu, if in_interrupt { 0 } else { pid })?;
    Some((caller, cursor.rest()))
}

/// A task prints one text at a time, wherever it runs. The idle tasks of all CPUs share an id.
fn caller(cpu: u64, pid: u64) -> Option<Caller> {
    match pid {
        0 => u32::try_from(cpu).ok().map(Caller::Cpu),
        pid => u32::try_from(pid).ok().map(Caller::Task),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logcat_s_forms_are_stripped() {
        for line in [
            "01-26 15:04:11.493     0     0 I         :  x",
            "01-26 15:04:11.493  root     0     0 I         :  x",
            "2024-01-26 15:04:11.493 +0800     0     0 I         :  x",
            "01-26 15:04:11.493 I/        (    0):  x",
        ] {
            let mut prefix = Prefix::default();
            assert_eq!(logcat(line.as_bytes(), &mut prefix), Some(&b" x"[..]), "{line}");
            assert!(prefix.wall.is_some(), "{line}");
        }
        for line in ["I/        (    0):  x", "I/        :  x", "I(    0)  x"] {
            assert_eq!(logcat_tag(line.as_bytes()), Some(&b" x"[..]), "{line}");
        }
    }

    #[test]
    fn programs_have_tags() {
        let mut prefix = Prefix::default();
        let line = b"01-26 15:04:11.493   812   845 I ActivityManager: TRACE x";
        assert_eq!(logcat(line, &mut prefix), None);
        assert_eq!(logcat_tag(b"I/init    (    1): x"), None);
    }

    #[test]
    fn makers_name_the_task_and_the_idle_task_s_cpu() {
        for (line, caller, text) in [
            (" (7)[723:Xorg]TRACE x", Caller::Task(723), "TRACE x"),
            ("-(a)[0:swapper/10] x", Caller::Cpu(10), " x"),
            ("<0>-(7)[723:kworker/7:1]TRACE x", Caller::Task(723), "TRACE x"),
            ("<3> (CPU:3-PID:723:Xorg) TRACE x", Caller::Task(723), "TRACE x"),
            ("(CPU:6-pid:5491:cat)  x", Caller::Task(5491), " x"),
            ("[3:           Xorg:  723] TRACE x", Caller::Task(723), "TRACE x"),
            ("[3:   kworker/3:1H:   41]  x", Caller::Task(41), " x"),
            ("I[3:           Xorg:  723] TRACE x", Caller::Cpu(3), "TRACE x"),
        ] {
            let mut prefix = Prefix::default();
            assert_eq!(printer(line.as_bytes(), &mut prefix), Some(text.as_bytes()), "{line}");
            assert_eq!(prefix.caller, Some(caller), "{line}");
        }
    }

    #[test]
    fn frames_name_no_printer() {
        for line in ["([<0000000000a2236a>] arch_cpu_idle+0x3a/0xc8)", "[c0000] [c001] x", " (x)"] {
            assert_eq!(printer(line.as_bytes(), &mut Prefix::default()), None, "{line}");
        }
    }
}
