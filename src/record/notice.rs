//! Lines around the events that change what the events mean: losses, boots, other reports.

use super::cursor::Cursor;

/// How many messages are missing here, as far as the kernel or a recorder says.
// ** 1355 printk messages dropped **
// ** 12 printk messages dropped ** [   14.883015]  leaky_start+0x40/0xa10       3.x: no newline
// Missed 123 kernel messages                                                   systemd-journald
// imuxsock lost 141 messages from pid 723 due to rate-limiting                 rsyslogd
// imjournal: 22 messages lost due to rate-limiting (20000 allowed within 600 seconds)
// <cut>                                                                        whoever quotes a log
pub(super) fn dropped(text: &[u8]) -> Option<u64> {
    match text.first()? {
        b'*' => counted(text, b"** ", b" printk messages dropped **"),
        b'M' => counted(text, b"Missed ", b" kernel message"),
        b'/' => text.starts_with(b"/dev/kmsg buffer overrun, some messages lost").then_some(1),
        b'i' => counted(text, b"imuxsock lost ", b" messages")
            .or_else(|| counted(text, b"imuxsock: ", b" messages lost"))
            .or_else(|| counted(text, b"imjournal: ", b" messages lost")),
        b'0'..=b'9' => counted(text, b"", b" messages lost"),
        b'<' | b'[' | b'.' | b'-' => is_cut_mark(text.trim_ascii()).then_some(0),
        _ => None,
    }
}

fn counted(text: &[u8], before: &[u8], behind: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(text);
    cursor.eat(before)?;
    let count = cursor.decimal()?;
    cursor.eat(behind)?;
    Some(count)
}

/// Whether the line says that lines were left out: how many is unknown.
fn is_cut_mark(text: &[u8]) -> bool {
    const MARKS: [&[u8]; 8] = [
        b"<cut>",
        b"<snip>",
        b"[cut]",
        b"[snip]",
        b"[...]",
        b"<...>",
        b"-- snip --",
        b"--- snip ---",
    ];
    MARKS.contains(&text) || (text.len() >= 6 && text.iter().all(|&byte| byte == b'.'))
}

/// The kernel release of a boot banner.
// Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) …) #1 SMP …
pub(super) fn banner(text: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor::new(text);
    cursor.eat(b"Linux version ")?;
    let release = cursor.eat_while(|byte| byte.is_ascii_graphic());
    cursor.eat(b" (")?;
    release.first().is_some_and(u8::is_ascii_digit).then_some(release)
}

/// Whether the line shows the command line that the kernel was booted with.
// Command line: console=ttyS0 panic=-1 quiet slub_debug=T,kmalloc-64        x86
// Kernel command line: console=ttyAMA0 slub_debug=T,kmalloc-64              all
pub(super) fn is_command_line(text: &[u8]) -> bool {
    text.starts_with(b"Command line: ") || text.starts_with(b"Kernel command line: ")
}

/// journalctl's line between two boots.
// -- Boot 7ff33e409bdc428bb782118653211a65 --
// -- Reboot --
pub(super) fn is_boot_separator(text: &[u8]) -> bool {
    text == b"-- Reboot --" || (text.starts_with(b"-- Boot ") && text.ends_with(b" --"))
}

/// Whether the line opens a report that brings a stack of its own: warning, oops, stall.
// ------------[ cut here ]------------
// BUG: unable to handle page fault for address: ffffffffc0039000
// INFO: task insmod:151 blocked for more than 120 seconds.
// BUG kmalloc-64 (Tainted: G    B      OE     ): Redzone overwritten
// Unable to handle kernel NULL pointer dereference at virtual address 00000008
pub(super) fn opens_splat(text: &[u8]) -> bool {
    const OPENINGS: [&[u8]; 16] = [
        b"------------[ cut here ]",
        b"BUG: ",
        b"BUG ",
        b"WARNING: ",
        b"INFO: task ",
        b"INFO: rcu",
        b"rcu: INFO: ",
        b"watchdog: ",
        b"Oops",
        b"Internal error: ",
        b"Unable to handle kernel ",
        b"Kernel panic - not syncing",
        b"general protection fault",
        b"sysrq: Show",
        b"kernel BUG at ",
        b"NMI backtrace for cpu",
    ];
    OPENINGS.iter().any(|opening| text.starts_with(opening))
}

/// Whether the line heads a list of frames inside a slab report. To 5.15 they are set in by a tab,
/// from 5.16 on they look like those of a backtrace.
// INFO: Allocated in leaky_alloc+0x1c/0x28 [leaky] age=20 cpu=0 pid=4561
// Allocated in leaky_alloc+0x1c/0x28 [leaky] age=20 cpu=0 pid=4561            5.13 on
// Freed in leaky_release+0x40/0x60 [leaky] age=3 cpu=1 pid=80
pub(super) fn is_track(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"INFO: ").unwrap_or(text);
    (text.starts_with(b"Allocated in ") || text.starts_with(b"Freed in "))
        && memchr::memmem::find(text, b" age=").is_some()
}

/// Whether the line closes such a report.
// ---[ end trace 0000000000000000 ]---
pub(super) fn closes_splat(text: &[u8]) -> bool {
    text.starts_with(b"---[ end ")
}

/// What a row of `/proc/slabinfo` says of its cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlabinfoRow {
    /// Objects in use.
    pub active: u32,
    /// Bytes of memory between one object and the next: the object itself, and what debugging
    /// options put around it.
    pub spacing: u32,
}

/// A row of `/proc/slabinfo` in the same log: the cache's name and its numbers.
// kmalloc-64          1302   1302     64   64    1 : tunables    0    0    0 : slabdata     31     31      0
pub(super) fn slabinfo_row(text: &[u8]) -> Option<(&[u8], SlabinfoRow)> {
    let mut fields = text.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
    let name = fields.next().filter(|name| !name.starts_with(b"#"))?;
    let mut number = || Cursor::new(fields.next()?).decimal();
    let (active, _total, spacing) = (number()?, number()?, number()?);
    let spacing = u32::try_from(spacing).ok()?;
    memchr::memmem::find(text, b" : tunables ")?;
    Some((name, SlabinfoRow { active: u32::try_from(active).unwrap_or(u32::MAX), spacing }))
}

/// Raw words of a stack: arch code prints them between task and frames.
// Stack : 00000000 821eb3b4 00000001 00000000 00000000 00000000 00000000 00000000
//         00000000 00000000 00000000 00000000 00000000 82b46994 834f1b10 a80ffd8a
//         ...
//  ffff88041eff7b84 ffff88041eff7ac8 ffffffff81514e44 ffff880427e1e3c8
// Stack from 0183bf7c:                                                       m68k, nios2
// Stack: (0x8c3e5e6c to 0x8c3e6000)                                          sh
// Stack:                                                                     xtensa
pub(crate) fn is_stack_words(text: &[u8]) -> bool {
    let words = [&b"Stack : "[..], b"Stack:", b"Stack from "]
        .iter()
        .find_map(|head| text.strip_prefix(*head));
    let rest = words.unwrap_or(text).trim_ascii();
    match words {
        None if !text.starts_with(b" ") => return false,
        Some(_) if rest.is_empty() || rest.starts_with(b"(0x") => return true,
        Some(_) if rest.strip_suffix(b":").is_some_and(is_word) => return true,
        _ => {}
    }
    rest == b"..." || (!rest.is_empty() && rest.split(|&byte| byte == b' ').all(is_word))
}

fn is_word(word: &[u8]) -> bool {
    matches!(word.len(), 8 | 16) && word.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_what_it_dropped() {
        assert_eq!(dropped(b"** 1355 printk messages dropped **"), Some(1355));
        assert_eq!(dropped(b"** 12 printk messages dropped ** "), Some(12));
        assert_eq!(dropped(b"** replaying previous printk message **"), None);
    }

    #[test]
    fn recorders_count_what_they_lost() {
        for (text, count) in [
            ("Missed 123 kernel messages", 123),
            ("imuxsock lost 141 messages from pid 723 due to rate-limiting", 141),
            (
                "imjournal: 22 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
                22,
            ),
            ("7 messages lost", 7),
            ("/dev/kmsg buffer overrun, some messages lost.", 1),
        ] {
            assert_eq!(dropped(text.as_bytes()), Some(count), "{text}");
        }
        assert_eq!(dropped(b"Missed 3 beats"), None);
    }

    #[test]
    fn whoever_quotes_a_log_marks_what_was_left_out() {
        for text in ["<cut>", "[...]", "........."] {
            assert_eq!(dropped(text.as_bytes()), Some(0), "{text}");
        }
        for text in ["...", "<TASK>", "[<8213be6c>] show_stack+0x70/0x164"] {
            assert_eq!(dropped(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_banner_names_the_release() {
        assert_eq!(
            banner(b"Linux version 6.1.0-50-amd64 (x@y) (gcc) #1 SMP"),
            Some(&b"6.1.0-50-amd64"[..])
        );
        assert_eq!(banner(b"Linux version of the tool (see below)"), None);
    }

    #[test]
    fn slabinfo_rows_count_objects_and_give_their_size() {
        let row = b"kmalloc-64          1302   1302     64   64    1 : tunables    0    0    0 : slabdata     31     31      0";
        let numbers = SlabinfoRow { active: 1302, spacing: 64 };
        assert_eq!(slabinfo_row(row), Some((&b"kmalloc-64"[..], numbers)));
        assert_eq!(slabinfo_row(b"# name <active_objs> : tunables <limit>"), None);
    }

    #[test]
    fn a_slab_report_heads_its_lists_of_frames() {
        for text in [
            "INFO: Allocated in leaky_alloc+0x1c/0x28 [leaky] age=20 cpu=0 pid=4561",
            "Freed in leaky_release+0x40/0x60 [leaky] age=3 cpu=1 pid=80",
        ] {
            assert!(is_track(text.as_bytes()), "{text}");
        }
        assert!(!is_track(b"Allocated in haste"));
    }

    #[test]
    fn stack_words_are_told_from_frames() {
        assert!(is_stack_words(b"Stack : 00000000 821eb3b4"));
        assert!(is_stack_words(b"        834f1ba8 00000000"));
        assert!(is_stack_words(b"        ..."));
        for text in ["Stack from 0183bf7c:", "Stack: (0x8c3e5e6c to 0x8c3e6000)", "Stack:"] {
            assert!(is_stack_words(text.as_bytes()), "{text}");
        }
        assert!(!is_stack_words(b" dump_stack+0x1/0x2"));
        assert!(!is_stack_words(b"deadbeef"));
    }
}
