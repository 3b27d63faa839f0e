//! How much of its form a text has: a mail program or a terminal may have broken it off anywhere.
//!
//! One list of forms for all who read records: it says of each how it goes on, so that a line
//! whose end is missing can wait for it, and only for what fits.

use Part::{Is, Maybe, Run};

/// How much of a form a text has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Extent {
    /// It has none of the forms.
    Foreign,
    /// It lacks an end that could be nearly anything.
    Loose,
    /// It lacks its end, which is known in form.
    Torn,
    /// It may be whole, and may go on.
    Open,
    /// Nothing is missing.
    Closed,
}

/// A part of a form.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// This very text.
    Is(&'static [u8]),
    /// One byte or more of a class.
    Run(Class),
    /// Anything, up to this text, which is taken too.
    Until(&'static [u8]),
    /// These parts, or none of them.
    Maybe(&'static [Part]),
}

/// A class of bytes.
#[derive(Clone, Copy, Debug)]
enum Class {
    Decimal,
    Hex,
    /// Numbers of times and processes, and ranges and lists of them.
    Numbers,
    /// What stands for an address: a number, or a word where it is hidden.
    Address,
    Symbol,
    /// A file and a line.
    Path,
    Blank,
    /// Anything.
    Any,
}

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Class::Decimal => byte.is_ascii_digit(),
            Class::Hex => byte.is_ascii_hexdigit(),
            Class::Numbers => byte.is_ascii_digit() || b"/-,.".contains(&byte),
            Class::Address => byte.is_ascii_alphanumeric() || b"_()".contains(&byte),
            Class::Symbol => byte.is_ascii_alphanumeric() || b"_.$-".contains(&byte),
            Class::Path => byte.is_ascii_alphanumeric() || b"_./+-".contains(&byte),
            Class::Blank => byte == b' ',
            Class::Any => true,
        }
    }
}

const OFFSET: Part = Maybe(&[Is(b"+0x"), Run(Class::Hex), Is(b"/0x"), Run(Class::Hex)]);

const MODULE: Part =
    Maybe(&[Is(b" ["), Run(Class::Symbol), Maybe(&[Is(b" "), Run(Class::Hex)]), Is(b"]")]);

/// The forms that begin with a word of their own.
const FORMS: &[&[Part]] = &[
    // unreferenced object 0xffff8000b0d4c800 (size 128):
    // unreferenced object (percpu) 0x607ee4e5f948 (size 8):
    &[
        Is(b"unreferenced object "),
        Maybe(&[Is(b"(percpu) ")]),
        Maybe(&[Is(b"(phys) ")]),
        Is(b"0x"),
        Run(Class::Hex),
        Is(b" (size "),
        Run(Class::Decimal),
        Is(b"):"),
    ],
    // comm "Xorg", pid 723, jiffies 4294896491 (age 361.400s)
    // comm "swapper", pid 1, jiffies 4294892296                    2.6.31; again from 6.9 on
    &[
        Is(b"comm \""),
        Part::Until(b"\", pid "),
        Run(Class::Decimal),
        Is(b", jiffies "),
        Run(Class::Decimal),
        Maybe(&[Is(b" (age "), Run(Class::Numbers), Is(b"s)")]),
    ],
    // hex dump (first 32 bytes):
    // hex dump (first 8 bytes on cpu 1):
    &[
        Is(b"hex dump (first "),
        Run(Class::Decimal),
        Is(b" bytes"),
        Maybe(&[Is(b" on cpu "), Run(Class::Decimal)]),
        Is(b"):"),
    ],
    // backtrace:
    // backtrace (crc 84021ac):
    &[Is(b"backtrace"), Maybe(&[Is(b" (crc "), Run(Class::Hex), Is(b")")]), Is(b":")],
    // ... and 12 more object(s) with the same backtrace
    &[Is(b"... and "), Run(Class::Decimal), Is(b" more object(s) with the same backtrace")],
    // CPU: 1 PID: 493 Comm: insmod Not tainted 4.9.0 #1
    // CPU: 1 UID: 0 PID: 493 Comm: insmod Tainted: G     OE      6.12.0 #1 Debian 6.12.6-1
    &[
        Is(b"CPU: "),
        Run(Class::Decimal),
        Maybe(&[Is(b" UID: "), Run(Class::Decimal)]),
        Is(b" PID: "),
        Run(Class::Decimal),
        Is(b" Comm: "),
        Part::Until(b" #"),
        Run(Class::Any),
    ],
    // Page allocated via order 0, mask 0x12cc0(GFP_KERNEL|__GFP_NOWARN), pid 1, tgid 1 (insmod), ts 12 ns
    &[
        Is(b"Page allocated via order "),
        Run(Class::Decimal),
        Is(b", mask 0x"),
        Run(Class::Hex),
        Maybe(&[Is(b"("), Part::Until(b")")]),
        Maybe(&[Is(b", pid "), Run(Class::Decimal)]),
        Maybe(&[Is(b", tgid "), Run(Class::Decimal), Is(b" ("), Part::Until(b"), ts ")]),
        Maybe(&[Is(b", ts ")]),
        Maybe(&[Run(Class::Decimal), Is(b" ns")]),
        Maybe(&[Is(b", free_ts "), Run(Class::Decimal), Is(b" ns")]),
    ],
];

/// The forms that begin with an address in brackets.
const ADDRESSED: &[&[Part]] = &[
    // [<00000000dce2d1d0>] kmem_cache_alloc_trace+0x140/0x270
    // [<ffffffff8008e14c94>] ? red_alloc+0x1c/0x68 [red]
    &[
        Is(b"[<"),
        Run(Class::Address),
        Is(b">] "),
        Maybe(&[Is(b"? ")]),
        Run(Class::Symbol),
        Is(b"+0x"),
        Run(Class::Hex),
        Is(b"/0x"),
        Run(Class::Hex),
        MODULE,
    ],
    // [<0000000087a1c0f1>] kmem_cache_alloc+0x12c/0x2a0 mm/slub.c:3401
    &[
        Is(b"[<"),
        Run(Class::Address),
        Is(b">] "),
        Run(Class::Symbol),
        Is(b"+0x"),
        Run(Class::Hex),
        Is(b"/0x"),
        Run(Class::Hex),
        MODULE,
        Is(b" "),
        Run(Class::Path),
        Is(b":"),
        Run(Class::Decimal),
    ],
    // [<000000003bb3a5d1>] slab_alloc mm/slub.c:3251 [inline]
    &[
        Is(b"[<"),
        Run(Class::Address),
        Is(b">] "),
        Run(Class::Symbol),
        Is(b" "),
        Run(Class::Path),
        Is(b":"),
        Run(Class::Decimal),
        Is(b" [inline]"),
    ],
    // [<ffffffff>] 0xffffffff
    &[Is(b"[<"), Run(Class::Address), Is(b">] "), Is(b"0x"), Run(Class::Hex)],
    // [<c0010f60>] (unwind_backtrace) from [<c000e5c8>] (show_stack+0x10/0x14)
    &[
        Is(b"[<"),
        Run(Class::Address),
        Is(b">] ("),
        Run(Class::Symbol),
        OFFSET,
        MODULE,
        Is(b") from [<"),
        Run(Class::Address),
        Is(b">] ("),
        Run(Class::Symbol),
        OFFSET,
        MODULE,
        Is(b")"),
    ],
];

/// The forms that begin with a name of their own.
const NAMED: &[&[Part]] = &[
    // kmalloc_trace+0x2a/0xe0
    // red_alloc+0x1c/0x68 [red 5f3ee0c1]
    &[
        Maybe(&[Is(b"? ")]),
        Run(Class::Symbol),
        Is(b"+0x"),
        Run(Class::Hex),
        Is(b"/0x"),
        Run(Class::Hex),
        MODULE,
    ],
];

/// The forms that begin with a number.
const COUNTED: &[&[Part]] = &[
    // 49152       48 arch/x86/kernel/cpu/mce/core.c:2709 func:mce_device_create accurate:no
    // 65536       16 drivers/net/leaky/main.c:88 [leaky] func:leaky_fill
    &[
        Run(Class::Decimal),
        Run(Class::Blank),
        Run(Class::Decimal),
        Is(b" "),
        Run(Class::Path),
        Is(b":"),
        Run(Class::Decimal),
        MODULE,
        Is(b" func:"),
        Run(Class::Symbol),
        Maybe(&[Is(b" accurate:no")]),
    ],
    // 12 red_alloc+0x1c/0x68 [red] age=1/2/3 pid=1-2 cpus=0-3
    &[
        Run(Class::Decimal),
        Is(b" "),
        Run(Class::Symbol),
        Is(b"+0x"),
        Run(Class::Hex),
        Is(b"/0x"),
        Run(Class::Hex),
        MODULE,
        Maybe(&[Is(b" waste="), Run(Class::Numbers)]),
        Maybe(&[Is(b" age="), Run(Class::Numbers)]),
        Maybe(&[Is(b" pid="), Run(Class::Numbers)]),
        Maybe(&[Is(b" cpus="), Run(Class::Numbers)]),
        Maybe(&[Is(b" nodes="), Run(Class::Numbers)]),
    ],
];

/// Bytes of a dump's row.
const ROW_BYTES: usize = 16;

/// The text of a record without the name of a speaker that stands on every line, and without what
/// sets it in.
pub(super) fn bare(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    match text {
        [b'k', ..] => text.strip_prefix(b"kmemleak:").map_or(text, <[u8]>::trim_ascii_start),
        _ => text,
    }
}

/// How much of its form a text has, [`bare`].
pub(crate) fn extent(text: &[u8]) -> Extent {
    let forms = match text {
        [b'[', ..] => ADDRESSED,
        [b'u' | b'c' | b'h' | b'b' | b'.' | b'C' | b'P', ..] => FORMS,
        _ => &[],
    };
    best(forms, text)
        .max(row(text).map_or(Extent::Foreign, Row::extent))
        .max(numbered(text))
        .max(named(text))
}

/// A number alone says too little.
fn numbered(text: &[u8]) -> Extent {
    const TORN_BYTES_MIN: usize = 12;
    match text {
        [b'0'..=b'9', ..] if text.len() >= TORN_BYTES_MIN => best(COUNTED, text),
        _ => Extent::Foreign,
    }
}

/// A name alone says nothing.
fn named(text: &[u8]) -> Extent {
    if matches!(text.first(), Some(b'[')) || memchr::memmem::find(text, b"+0x").is_none() {
        return Extent::Foreign;
    }
    best(NAMED, text)
}

fn best(forms: &[&[Part]], text: &[u8]) -> Extent {
    forms.iter().map(|form| of_form(form, text)).max().unwrap_or(Extent::Foreign)
}

/// How much of one form a text has.
fn of_form(form: &[Part], text: &[u8]) -> Extent {
    match eat(form, text) {
        Eaten::Whole(b"", may_go_on) => {
            if may_go_on {
                Extent::Open
            } else {
                Extent::Closed
            }
        }
        Eaten::Whole(..) | Eaten::Nothing => Extent::Foreign,
        Eaten::Torn(extent) => extent,
    }
}

/// What parts take from the front of a text.
enum Eaten<'a> {
    /// The text does not begin so.
    Nothing,
    /// The text ends before the parts do.
    Torn(Extent),
    /// All; what is left, and whether the last part could have taken more.
    Whole(&'a [u8], bool),
}

fn eat<'a>(parts: &[Part], mut text: &'a [u8]) -> Eaten<'a> {
    let mut may_go_on = false;
    for part in parts {
        match *part {
            Is(word) => {
                let Some(rest) = text.strip_prefix(word) else {
                    // Who breaks a line at a blank drops it.
                    let is_begun = word.starts_with(text);
                    return if is_begun { Eaten::Torn(Extent::Torn) } else { Eaten::Nothing };
                };
                (text, may_go_on) = (rest, false);
            }
            Run(class) => {
                let end = text.iter().position(|&byte| !class.has(byte)).unwrap_or(text.len());
                match (end, text.is_empty()) {
                    (0, true) => return Eaten::Torn(Extent::Torn),
                    (0, false) => return Eaten::Nothing,
                    _ => {}
                }
                text = &text[end..];
                may_go_on = text.is_empty() && !matches!(class, Class::Any);
            }
            Part::Until(end) => {
                let Some(at) = memchr::memmem::find(text, end) else {
                    return Eaten::Torn(Extent::Loose);
                };
                (text, may_go_on) = (&text[at + end.len()..], false);
            }
            Maybe(_) if text.is_empty() => may_go_on = true,
            Maybe(parts) => match eat(parts, text) {
                Eaten::Nothing => {}
                torn @ Eaten::Torn(_) => return torn,
                Eaten::Whole(rest, more) => (text, may_go_on) = (rest, more),
            },
        }
    }
    Eaten::Whole(text, may_go_on)
}

/// A row of a dump: its bytes, and the letters behind them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row {
    bytes: usize,
    letters: usize,
}

impl Row {
    fn extent(self) -> Extent {
        if self.letters < self.bytes { Extent::Torn } else { Extent::Closed }
    }
}

// 21 00 00 00 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  !...kkkkkkkkkkk.
// 6b 6b 6b a5                                      kkk.
/// Reads a row of a dump. Letters may be fewer than bytes, since they may be blanks; more may not.
fn row(text: &[u8]) -> Option<Row> {
    let is_byte = |at: usize| {
        let pair = text.get(at..at + 2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        pair && matches!(text.get(at + 2), None | Some(b' '))
    };
    let bytes = (0..ROW_BYTES).take_while(|row| is_byte(3 * row)).count();
    let letters = text.get(3 * bytes..).unwrap_or_default().trim_ascii_start().len();
    (bytes >= 4 && letters <= bytes).then_some(Row { bytes, letters })
}

/// A row of a dump with what stood behind it on the next line: more letters, more bytes and the
/// letters, or the letters.
pub(super) fn joined_row(held: &[u8], next: &[u8]) -> Option<Vec<u8>> {
    let first = row(bare(held)).filter(|row| row.letters < row.bytes)?;
    let (held, next) = (held.trim_ascii_end(), next.trim_ascii_start());
    let is_bytes = matches!(next, [high, low] | [high, low, b' ', ..]
        if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    let is_whole = row(next).is_some_and(|next| next.extent() == Extent::Closed);
    let between: &[u8] = match (first.letters, is_bytes) {
        (1.., _) => b"",
        (0, true) if first.bytes < ROW_BYTES => b" ",
        _ if is_whole || extent(bare(next)) > Extent::Torn => return None,
        _ => b"  ",
    };
    let joined = [held, between, next].concat();
    row(bare(&joined)).map(|_| joined)
}

/// Whether a text may go on in the next line, or was mailed in quoted-printable.
pub(crate) fn may_go_on(text: &[u8]) -> bool {
    if is_encoded(text) {
        return true;
    }
    let text = bare(text);
    matches!(extent(text), Extent::Loose | Extent::Torn | Extent::Open)
}

// [<ffffffa542c4cbe8>] red_alloc_with_quite_a_long_name+0x1c8/0x=
// 49152       48 drivers/red/core/main.c:2709 func:red_devi=
// unreferenced object 0xffff888136a8c000 (size 128):=20
/// Whether a record has the marks of quoted-printable: a line's end with a blank written out, or
/// one in the midst of a form. An equals sign that was not encoded shows that it is none.
pub(crate) fn is_encoded(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let Some(at) = memchr::memrchr(b'=', text) else { return false };
    let head = bare(&text[..at]);
    match &text[at + 1..] {
        b"" if row(head).is_some() => is_torn_in_letters(head),
        // Some forms have equals signs of their own.
        b"" => {
            matches!(extent(head), Extent::Torn | Extent::Open)
                && extent(bare(text)) == Extent::Foreign
                && is_pure(head)
        }
        b"20" => (extent(head) >= Extent::Open || head.ends_with(b" Trace:")) && is_pure(head),
        _ => false,
    }
}

/// Whether the byte of a row that stands for its next letter is no equals sign.
fn is_torn_in_letters(head: &[u8]) -> bool {
    row(head).is_some_and(|row| {
        let byte = head.get(3 * row.letters..3 * row.letters + 2);
        row.letters > 0 && row.letters < row.bytes && byte != Some(b"3d")
    })
}

/// Whether all equals signs of a text are encoded.
fn is_pure(text: &[u8]) -> bool {
    memchr::memchr_iter(b'=', text).all(|at| {
        text.get(at + 1..at + 3).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forms as kernels print them.
    const WHOLE: &[&str] = &[
        "unreferenced object 0xffff8000b0d4c800 (size 128):",
        "unreferenced object (percpu) 0x607ee4e5f948 (size 8):",
        "comm \"kworker/0:1\", pid 723, jiffies 4294896491 (age 361.400s)",
        "hex dump (first 8 bytes on cpu 1):",
        "backtrace (crc 84021ac):",
        "... and 12 more object(s) with the same backtrace",
        "[<00000000dce2d1d0>] red_alloc+0x140/0x270 [red]",
        "[<(____ptrval____)>] ? red_alloc+0x140/0x270 [red 5f3ee0c1]",
        "[<000000003bb3a5d1>] slab_alloc mm/slub.c:3251 [inline]",
        "[<c0010f60>] (unwind_backtrace) from [<c000e5c8>] (show_stack+0x10/0x14 [red])",
        "49152       48 drivers/red/core.c:2709 [red] func:red_device_create accurate:no",
        "21 00 00 00 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  !...kkkkkkkkkkk.",
    ];

    #[test]
    fn what_kernels_print_is_whole() {
        for text in WHOLE {
            assert_eq!(extent(text.as_bytes()), Extent::Closed, "{text}");
        }
    }

    #[test]
    fn what_was_broken_at_a_blank_lacks_its_end() {
        for text in WHOLE {
            for (at, _) in text.match_indices(' ').filter(|(at, _)| *at > 12) {
                let head = text[..at].trim_end().as_bytes();
                assert!(may_go_on(head), "{}", head.escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_no_record_waits_for_nothing() {
        for text in ["", "Call Trace:", "random: crng init done", "</TASK>", "a", "4096", "x=y"] {
            assert!(!may_go_on(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_encoded_line_is_told_from_one_with_equals_signs() {
        for text in [
            "backtrace:=20",
            "red_alloc+0x1c8/0x=",
            "21 00 00 00  !.=",
            "kmemleak: backtrace:=20",
            "Call Trace:=20",
        ] {
            assert!(is_encoded(text.as_bytes()), "{text}");
        }
        for text in [
            "a=",
            "inuse=20",
            "21 00 3d 00  !.=",
            "12 a+0x1/0x2 age=",
            "12 a+0x1/0x2 age=1 pid=20",
            "=",
        ] {
            assert!(!is_encoded(text.as_bytes()), "{text}");
        }
    }
}
