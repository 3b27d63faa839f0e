//! Scales a real capture to any size: its text again and again, with fresh times, addresses and
//! process ids, as a machine that runs on would print.

use std::io::{self, Read, Write};

use slabtrace::capture::Source;

/// A capture cut at the numbers that change from one repetition to the next.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
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
    /// A process id.
    Pid(u64),
}

/// Addresses of one repetition lie this far behind those of the one before.
const STRIDE_BYTES: u64 = 0x10_0000;

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
        let (mut at, mut seconds) = (0, 0);
        while at < text.len() {
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
        Template { pieces, seconds: seconds + 1 }
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
        for piece in &self.pieces {
            match *piece {
                Piece::Text(ref text) => out.write_all(text)?,
                Piece::Seconds(seconds) => write!(out, "{:>5}", seconds + round * self.seconds)?,
                Piece::Address(address) => {
                    write!(out, "{:012x}", (address + round * STRIDE_BYTES) & 0xffff_ffff_ffff)?;
                }
                Piece::Pid(pid) => write!(out, "{}", pid + round)?,
            }
        }
        Ok(())
    }
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
    if behind(b" PID: ") {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = std::str::from_utf8(&rest[..digits]).unwrap_or("").parse();
        return (value.ok().map(Piece::Pid), digits.max(1));
    }
    (None, 1)
}
