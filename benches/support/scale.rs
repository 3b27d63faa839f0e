//! Scales a real capture to any size: its text again and again, with fresh times, addresses and
//! process ids, as a machine that runs on would print. What comes before the first event, such as
//! the first lines of a boot, is not repeated.

use std::io::{self, Read, Write};

use slabtrace::capture::Source;

/// A capture cut at the numbers that change from one repetition to the next.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// The first of them that is repeated.
    again: usize,
    /// Seconds that one repetition takes.
    seconds: u64,
}

/// A stretch of text, or a number in it.
#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    /// Seconds of a printk time, five columns wide.
    Seconds(u64),
    /// An address of the kernel's data, of 64 bits, behind its `ffff`.
    Address(u64),
    /// An object's address of 32 bits.
    ShortAddress(u32),
    /// A process id.
    Pid(u64),
}

/// Addresses of one repetition lie this far behind those of the one before.
const STRIDE_BYTES: u64 = 0x10_0000;

/// And those of 32 bits so far: a machine that has them has less memory.
const SHORT_STRIDE_BYTES: u32 = 0x1_0000;

impl Template {
    /// Reads a capture.
    pub(crate) fn read(path: &str) -> Template {
        let mut text = Vec::new();
        let mut capture = Source::from_arg(path.as_ref()).open().expect("a capture");
        capture.read_to_end(&mut text).expect("an unpacked capture");
        Template::of(&text)
    }

    fn of(text: &[u8]) -> Template {
        let (mut pieces, mut plain) = (Vec::new(), Vec::new());
        let (mut at, mut seconds, mut again) = (0, 0, 0);
        let first_event = first_event(text);
        while at < text.len() {
            if at == first_event {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                again = pieces.len();
            }
            let (piece, length) = number(text, at);
            match piece {
                Some(piece) => {
                    if let Piece::Seconds(value) = piece {
                        seconds = seconds.max(value);
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(piece);
                }
                None => plain.extend_from_slice(&text[at..at + length]),
            }
            at += length;
        }
        pieces.push(Piece::Text(plain));
        Template { pieces, again, seconds: seconds + 1 }
    }

    /// Writes repetitions of the capture until `bytes` are reached.
    pub(crate) fn write(&self, bytes: u64, out: &mut impl Write) -> io::Result<()> {
        let (mut written, mut round) = (0, 0);
        let mut buffer = Vec::new();
        while written < bytes {
            buffer.clear();
            self.repeat(round, &mut buffer)?;
            out.write_all(&buffer)?;
            written += buffer.len() as u64;
            round += 1;
        }
        Ok(())
    }

    fn repeat(&self, round: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let first = if round == 0 { 0 } else { self.again };
        for piece in &self.pieces[first..] {
            match *piece {
                Piece::Text(ref text) => out.write_all(text)?,
                Piece::Seconds(seconds) => write!(out, "{:>5}", seconds + round * self.seconds)?,
                Piece::Address(address) => {
                    write!(out, "{:012x}", (address + round * STRIDE_BYTES) & 0xffff_ffff_ffff)?;
                }
                Piece::ShortAddress(address) => {
                    let stride = SHORT_STRIDE_BYTES.wrapping_mul(u32::try_from(round).unwrap_or(0));
                    write!(out, "{:08x}", address.wrapping_add(stride))?;
                }
                Piece::Pid(pid) => write!(out, "{}", pid + round)?,
            }
        }
        Ok(())
    }
}

/// Where the line of the first header begins.
fn first_event(text: &[u8]) -> usize {
    let header = text.windows(7).position(|word| word == b" TRACE ").unwrap_or(0);
    text[..header].iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1)
}

/// A number that changes, or how much plain text to take.
fn number(text: &[u8], at: usize) -> (Option<Piece>, usize) {
    let behind = |word: &[u8]| text[..at].ends_with(word);
    let rest = &text[at..];
    let begins_line = behind(b"\n[") || text[..at] == *b"[";
    if begins_line && rest.len() > 5 && rest[5] == b'.' {
        let digits = std::str::from_utf8(&rest[..5]).unwrap_or("");
        if let Ok(seconds) = digits.trim_start().parse() {
            return (Some(Piece::Seconds(seconds)), 5);
        }
    }
    // The kernel's text and its modules lie in the uppermost 2 GiB, and stay where they are.
    let is_data = behind(b"ffff") && !rest.starts_with(b"ffff");
    if is_data && rest.len() >= 12 && rest[..12].iter().all(u8::is_ascii_hexdigit) {
        let digits = std::str::from_utf8(&rest[..12]).unwrap_or("0");
        return (u64::from_str_radix(digits, 16).ok().map(Piece::Address), 12);
    }
    let is_object = behind(b" alloc 0x") || behind(b" free 0x");
    if is_object && rest.len() > 8 && rest[..8].iter().all(u8::is_ascii_hexdigit) && rest[8] == b' '
    {
        let digits = std::str::from_utf8(&rest[..8]).unwrap_or("0");
        return (u32::from_str_radix(digits, 16).ok().map(Piece::ShortAddress), 8);
    }
    if behind(b" PID: ") {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = std::str::from_utf8(&rest[..digits]).unwrap_or("").parse();
        return (value.ok().map(Piece::Pid), digits.max(1));
    }
    (None, 1)
}
