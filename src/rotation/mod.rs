//! Pieces of a log in the order in which they were written.
//!
//! Logs are rotated: `kern.log.1` is older than `kern.log`, and a shell's glob names the newest
//! first. Read in that order, the second half of a boot stands before the first, and one boot
//! makes two. What tells the order is first the calendar's clock, then the kernel's, which goes on
//! from one piece to the next, and last the names.

mod name;

use crate::capture::LineSplitter;
use crate::event::{Beginning, Boot, Event, EventSink};
use crate::names::Names;
use crate::record::prefix::Unwrapper;
use crate::time::{Clock, Stamp};
use crate::{Parser, ParserOptions};
use name::{Age, ages};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 3600 * SECOND;
const YEAR: i64 = 366 * DAY;

/// A kernel may well say nothing for so long.
const SILENCE: i64 = 60 * SECOND;

/// The times at one end of a piece, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Moment {
    wall: Option<i64>,
    boot: Option<i64>,
}

/// One of the files that a log is in, by its two ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    name: String,
    first: Moment,
    last: Moment,
    beginning: Beginning,
    /// Whether slab tracing is in what was seen of it.
    is_traced: bool,
}

/// In which order pieces are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PieceOrder {
    /// As they were named.
    AsNamed,
    /// Otherwise: their places among those that were named, oldest first.
    Changed(Vec<usize>),
    /// As they were named, but this seems wrong: why.
    Doubtful(String),
}

/// How well one piece follows another; the sum over all tells orders apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fit {
    /// The clock goes on where it was.
    Continues,
    /// It begins anew, or nothing tells.
    Unrelated,
    /// The clock goes on, but much later.
    Later,
    /// The clock goes back.
    Backwards,
}

impl Fit {
    /// How a piece that begins and ends fits behind another, by one clock.
    fn of([begin, end, next_begin, next_end]: [i64; 4]) -> Fit {
        match next_begin - end {
            gap if gap > SILENCE => Fit::Later,
            gap if gap >= 0 => Fit::Continues,
            // Both hold what lies between.
            _ if next_begin >= begin && next_end >= end => Fit::Unrelated,
            _ => Fit::Backwards,
        }
    }

    fn cost(self) -> usize {
        match self {
            Fit::Continues => 0,
            Fit::Unrelated => 1,
            Fit::Later => 2,
            // More than any number of others that people would name.
            Fit::Backwards => 1 << 20,
        }
    }
}

impl Piece {
    /// A piece with this name, of which the first and the last bytes are given.
    pub fn new(name: String, head: &[u8], tail: &[u8]) -> Piece {
        let Ends { first, beginning, .. } = Ends::of(head);
        Piece {
            name,
            first,
            last: Ends::of(tail).last,
            beginning,
            is_traced: memchr::memmem::find(head, b"TRACE ").is_some(),
        }
    }

    /// How well another piece follows this one.
    fn fit(&self, next: &Piece) -> Fit {
        let walls = [self.first.wall, self.last.wall, next.first.wall, next.last.wall];
        let boots = [self.first.boot, self.last.boot, next.first.boot, next.last.boot];
        match (walls, boots) {
            ([Some(begin), Some(end), Some(first), Some(last)], _) => {
                match Fit::of([begin, end, first, last]) {
                    // The calendar goes on while the machine is switched off.
                    Fit::Later => Fit::Continues,
                    fit => fit,
                }
            }
            (_, [Some(begin), Some(end), Some(first), Some(last)]) => {
                match Fit::of([begin, end, first, last]) {
                    Fit::Continues => Fit::Continues,
                    _ if next.beginning == Beginning::Boot => Fit::Unrelated,
                    fit => fit,
                }
            }
            _ => Fit::Unrelated,
        }
    }
}

/// Whether pieces are in order by their beginnings alone: by the dates of all, or by their names.
pub fn is_in_order(pieces: &[Piece]) -> bool {
    let dates: Option<Vec<i64>> = pieces.iter().map(|piece| piece.first.wall).collect();
    let ages = ages(pieces.iter().map(|piece| piece.name.as_str()));
    dates.is_some_and(|dates| dates.is_sorted_by(|a, b| a < b))
        || ages.is_some_and(|ages| ages.is_sorted_by(|a, b| a > b))
}

/// The order in which pieces were written. A change needs a reason: what was named in an order that
/// may be right stays in it.
pub fn order(mut pieces: Vec<Piece>) -> PieceOrder {
    make_comparable(&mut pieces);
    let named: Vec<usize> = (0..pieces.len()).collect();
    let rotated = ages(pieces.iter().map(|piece| piece.name.as_str())).map(|ages| by_age(&ages));
    let by_clock = by_clock(&pieces);
    let own = cost(&pieces, &named);
    let rotated = rotated.filter(|order| *order != named);
    if let Some(order) = &rotated {
        let is_told = pieces.iter().all(|piece| piece.first != Moment::default());
        let others = cost(&pieces, order);
        if is_told
            && others <= own
            && by_clock.as_ref().is_none_or(|by| cost(&pieces, by) >= others)
        {
            return PieceOrder::Changed(order.clone());
        }
    }
    match by_clock {
        // Times far apart may be those of several boots.
        Some(order) if cost(&pieces, &order) < own && is_close(&pieces, &order) => {
            PieceOrder::Changed(order)
        }
        Some(order) if order != named => doubt(&pieces, rotated.as_deref()),
        _ => doubt_of_names(&pieces, rotated.as_deref()),
    }
}

/// Why the order in which pieces were named seems wrong, where clocks tell another.
fn doubt(pieces: &[Piece], rotated: Option<&[usize]>) -> PieceOrder {
    let is_backwards = |pair: &&[Piece]| pair[0].fit(&pair[1]) == Fit::Backwards;
    if let Some([before, next]) = pieces.windows(2).find(is_backwards) {
        return PieceOrder::Doubtful(format!(
            "{} begins at an earlier time than {} ends; if both are of one boot, name the older first",
            next.name, before.name
        ));
    }
    doubt_of_names(pieces, rotated)
}

/// The same where nothing but names tells.
fn doubt_of_names(pieces: &[Piece], rotated: Option<&[usize]>) -> PieceOrder {
    let is_told = pieces.iter().all(|piece| piece.first != Moment::default());
    match rotated {
        Some(&[oldest, ..]) if !is_told && pieces.iter().any(|piece| piece.is_traced) => {
            PieceOrder::Doubtful(format!(
                "by its name {} is the oldest, and no times tell; if it is, name it first",
                pieces[oldest].name
            ))
        }
        _ => PieceOrder::AsNamed,
    }
}

fn cost(pieces: &[Piece], order: &[usize]) -> usize {
    order.windows(2).map(|pair| pieces[pair[0]].fit(&pieces[pair[1]]).cost()).sum()
}

fn is_close(pieces: &[Piece], order: &[usize]) -> bool {
    order.windows(2).all(|pair| pieces[pair[0]].fit(&pieces[pair[1]]) <= Fit::Unrelated)
}

fn by_age(ages: &[Age]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ages.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(ages[at]));
    order
}

/// The order of the clocks, where all pieces have one.
fn by_clock(pieces: &[Piece]) -> Option<Vec<usize>> {
    let has = |clock: fn(&Moment) -> Option<i64>| {
        pieces.iter().all(|piece| clock(&piece.first).is_some())
    };
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    if has(|moment| moment.wall) {
        // Dates are often of whole seconds.
        order.sort_by_key(|&at| {
            let Piece { first, last, .. } = &pieces[at];
            (first.wall, last.wall, first.boot)
        });
    } else if has(|moment| moment.boot) {
        order.sort_by_key(|&at| pieces[at].first.boot);
    } else {
        return None;
    }
    Some(order)
}

/// Leaves the calendar's times only where they can be compared, and mends the turn of a year that
/// is not named.
fn make_comparable(pieces: &mut [Piece]) {
    let times = || pieces.iter().flat_map(|piece| [piece.first.wall, piece.last.wall]);
    let are_all_known = times().all(|time| time.is_some());
    let (least, most) = (times().flatten().min(), times().flatten().max());
    let (Some(least), Some(most)) = (least, most) else { return };
    // Of the time of day alone, or of different kinds.
    let are_comparable = are_all_known && most >= DAY && (most < YEAR) == (least < YEAR);
    let turns = most < YEAR && most - least > YEAR / 2;
    for time in pieces.iter_mut().flat_map(|piece| [&mut piece.first, &mut piece.last]) {
        time.wall = time.wall.filter(|_| are_comparable);
        time.wall = time.wall.map(|wall| if turns && wall < YEAR / 2 { wall + YEAR } else { wall });
    }
}

/// What a stretch of a log says of its two ends.
#[derive(Default)]
struct Ends {
    first: Moment,
    last: Moment,
    beginning: Beginning,
}

impl Ends {
    fn of(text: &[u8]) -> Ends {
        let mut ends = Ends::default();
        let mut unwrapper = Unwrapper::new();
        LineSplitter::new().feed(text, |line| {
            let date = unwrapper.date(line).map(|stamp| stamp.micros);
            // Differences between records are counted from the one before.
            unwrapper.records(line, |_| ());
            ends.first.wall = ends.first.wall.or(date);
            ends.last.wall = date.or(ends.last.wall);
        });
        let mut parser = Parser::new(ParserOptions::default());
        parser.feed(text, &mut Nobody);
        parser.finish(&mut Nobody);
        let boot = |stamp: Option<Stamp>| {
            stamp.filter(|stamp| stamp.clock == Clock::Boot).map(|stamp| stamp.micros)
        };
        if let [first, ..] = parser.boots() {
            ends.first.boot = boot(first.first_time);
            ends.beginning = first.beginning();
        }
        ends.last.boot = parser.boots().last().and_then(|last: &Boot| boot(last.last_time));
        ends
    }
}

/// Nobody listens: times alone are wanted.
struct Nobody;

impl EventSink for Nobody {
    fn event(&mut self, _event: &Event, _names: &Names) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece of an undated log of the kernel, from one second to another.
    fn piece(name: &str, from: i64, to: i64) -> Piece {
        let line = |at: i64| format!("[{at:5}.000000] usb 1-1: new device\n");
        let text: String = [from, to].map(line).concat();
        Piece::new(name.to_owned(), text.as_bytes(), text.as_bytes())
    }

    /// The same, as syslog dates it.
    fn dated(name: &str, from: &str, to: &str) -> Piece {
        let line = |at: &str| format!("{at} host kernel: [    5.000000] usb 1-1: new device\n");
        let text: String = [from, to].map(line).concat();
        Piece::new(name.to_owned(), text.as_bytes(), text.as_bytes())
    }

    #[test]
    fn a_glob_of_rotated_pieces_of_one_boot_is_put_in_order() {
        let pieces = [("k", 900, 950), ("k.1", 300, 890), ("k.10.gz", 1, 99), ("k.2.gz", 100, 280)];
        let pieces = pieces.map(|(name, from, to)| piece(name, from, to)).to_vec();
        assert_eq!(order(pieces), PieceOrder::Changed(vec![2, 3, 1, 0]));
    }

    #[test]
    fn pieces_of_the_first_seconds_of_a_boot_are_put_in_order() {
        let pieces = vec![piece("b", 1, 7), piece("c", 7, 13), piece("a", 0, 1)];
        assert_eq!(order(pieces), PieceOrder::Changed(vec![2, 0, 1]));
    }

    #[test]
    fn pieces_of_any_name_are_put_in_order_where_one_goes_on_in_the_next() {
        let pieces = vec![piece("b", 300, 400), piece("a", 100, 299)];
        assert_eq!(order(pieces), PieceOrder::Changed(vec![1, 0]));
    }

    #[test]
    fn what_is_in_order_stays_in_it_whatever_the_names_say() {
        assert_eq!(order(vec![piece("x", 0, 100), piece("x.1", 101, 200)]), PieceOrder::AsNamed);
        assert_eq!(order(vec![piece("k.1", 0, 100), piece("k", 101, 200)]), PieceOrder::AsNamed);
        let traced = |name: &str, from, to| Piece { is_traced: true, ..piece(name, from, to) };
        assert_eq!(order(vec![traced("x", 0, 100), traced("x.1", 101, 200)]), PieceOrder::AsNamed);
        assert_eq!(order(vec![piece("a", 0, 500), piece("b", 0, 200)]), PieceOrder::AsNamed);
    }

    #[test]
    fn a_clock_that_is_set_back_far_may_be_that_of_another_boot() {
        let PieceOrder::Doubtful(why) = order(vec![piece("a", 500, 600), piece("b", 10, 100)])
        else {
            panic!("nothing tells which");
        };
        assert!(why.starts_with("b begins at an earlier time than a ends"), "{why}");
    }

    #[test]
    fn several_boots_in_rotated_pieces_are_put_in_order() {
        // The boot of the newest began within the one before it.
        let mut middle = piece("console-0.log", 9000, 9999);
        middle.last.boot = Some(4999 * SECOND);
        middle.name = "c.log.1".to_owned();
        let pieces = vec![piece("c.log", 5000, 6000), middle, piece("c.log.2", 100, 8990)];
        assert_eq!(order(pieces), PieceOrder::Changed(vec![2, 1, 0]));
        let whole = vec![piece("dmesg", 0, 10), piece("dmesg.0", 0, 20), piece("dmesg.1.gz", 0, 5)];
        assert_eq!(order(whole), PieceOrder::Changed(vec![2, 1, 0]));
    }

    #[test]
    fn dates_tell_before_all_else() {
        let newer = dated("a", "Nov 21 10:00:00", "Nov 21 12:00:00");
        let older = dated("b", "Nov 19 10:00:00", "Nov 20 12:00:00");
        assert_eq!(order(vec![newer.clone(), older.clone()]), PieceOrder::Changed(vec![1, 0]));
        assert_eq!(order(vec![older, newer]), PieceOrder::AsNamed);
    }

    #[test]
    fn beginnings_may_tell_that_all_is_in_order() {
        let date = |name, from| dated(name, from, "Nov 21 12:00:00");
        let (first, second) = ("Nov 21 10:00:00", "Nov 21 11:00:00");
        assert!(is_in_order(&[date("a", first), date("b", second)]));
        assert!(!is_in_order(&[date("a", second), date("b", first)]));
        assert!(!is_in_order(&[date("a", first), date("b", first)]));
        assert!(is_in_order(&[piece("k.1", 5, 9), piece("k", 1, 2)]));
        assert!(!is_in_order(&[piece("k", 1, 2), piece("k.1", 5, 9)]));
    }

    #[test]
    fn january_follows_december() {
        let newer = dated("k", "Jan  1 10:00:00", "Jan  3 12:00:00");
        let older = dated("k.1", "Dec 20 10:00:00", "Jan  1 09:59:00");
        assert_eq!(order(vec![newer.clone(), older.clone()]), PieceOrder::Changed(vec![1, 0]));
        assert_eq!(order(vec![older, newer]), PieceOrder::AsNamed);
    }

    #[test]
    fn without_times_the_names_give_a_warning() {
        let without =
            |name: &str, text: &str| Piece::new(name.to_owned(), text.as_bytes(), text.as_bytes());
        let header = "TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080\n";
        let order = |text| order(vec![without("k", text), without("k.1", text)]);
        assert!(matches!(order(header), PieceOrder::Doubtful(_)));
        // Readings of the kernel's counts are named upwards.
        assert_eq!(order("     12 red_alloc+0x1c/0x68 age=1\n"), PieceOrder::AsNamed);
    }
}
