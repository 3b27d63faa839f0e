//! What a serial line does to a log.

use std::fmt;

/// A small generator of numbers that look random, the same on every machine (Steele, Lea,
/// Flood: `SplitMix64`, 2014).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }

    fn happens(&mut self, share: f64) -> bool {
        let thrown = f64::from(u32::try_from(self.next() >> 32).expect("32 bits"));
        thrown / f64::from(u32::MAX) < share
    }
}

/// A kind of damage, and the share of lines that it strikes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    /// Lines vanish.
    Lose(f64),
    /// One bit of a line is flipped.
    Flip(f64),
    /// Lines lose their ends.
    Cut(f64),
    /// Neighbouring lines change places.
    Swap(f64),
    /// Lines of another machine's log stand between.
    Weave(f64),
}

impl Damage {
    pub(crate) const LADDER: [Damage; 13] = [
        Damage::Lose(0.001),
        Damage::Lose(0.01),
        Damage::Lose(0.05),
        Damage::Flip(0.001),
        Damage::Flip(0.01),
        Damage::Flip(0.05),
        Damage::Cut(0.001),
        Damage::Cut(0.01),
        Damage::Cut(0.05),
        Damage::Swap(0.001),
        Damage::Swap(0.01),
        Damage::Swap(0.05),
        Damage::Weave(0.5),
    ];

    /// A damaged copy of `bytes`; `other` is the other machine's log.
    pub(crate) fn inflict(self, bytes: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> =
            bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        match self {
            Damage::Lose(share) => lines.retain(|_| !dice.happens(share)),
            Damage::Flip(share) => each(&mut lines, share, dice, |line, dice| flip(line, dice)),
            Damage::Cut(share) => each(&mut lines, share, dice, cut),
            Damage::Swap(share) => {
                for at in 1..lines.len() {
                    if dice.happens(share) {
                        lines.swap(at - 1, at);
                    }
                }
            }
            Damage::Weave(share) => lines = weave(lines, other, share, dice),
        }
        lines.join(&b'\n')
    }
}

fn each(
    lines: &mut [Vec<u8>],
    share: f64,
    dice: &mut Dice,
    strike: impl Fn(&mut Vec<u8>, &mut Dice),
) {
    for line in lines {
        if !line.is_empty() && dice.happens(share) {
            strike(line, dice);
        }
    }
}

fn cut(line: &mut Vec<u8>, dice: &mut Dice) {
    line.truncate(dice.below(line.len()));
}

fn flip(line: &mut [u8], dice: &mut Dice) {
    let at = dice.below(line.len());
    line[at] ^= 1 << dice.below(8);
}

fn weave(lines: Vec<Vec<u8>>, other: &[u8], share: f64, dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut others = other.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
    let mut woven = Vec::with_capacity(lines.len() * 2);
    for line in lines {
        if dice.happens(share) {
            woven.extend(others.next());
        }
        woven.push(line);
    }
    woven
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, share) = match *self {
            Damage::Lose(share) => ("lines lost", share),
            Damage::Flip(share) => ("lines with a bit flipped", share),
            Damage::Cut(share) => ("lines cut", share),
            Damage::Swap(share) => ("neighbouring lines swapped", share),
            Damage::Weave(share) => ("another log's lines woven in", share),
        };
        write!(f, "{} % {what}", share * 100.0)
    }
}
