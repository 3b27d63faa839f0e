//! How one call chain may have come from another one by damage.

use crate::event::{ChainId, Context, Names, Placed};

/// A chain that lost lines lacks at most this many frames and is still told as what it was.
const FRAMES_LOST_MAX: usize = 3;

/// How one chain may have come from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Likeness {
    /// Not at all.
    None,
    /// By recursion to another depth, or by damage.
    Possible,
    /// By damage, or by an indirect call or a tail call.
    Impossible,
}

/// How a chain may have come from another one by damage. A return address has one callee,
/// but for indirect calls: the same frame below two different ones means that one is missing
/// or out of place. Recursion alone makes chains that are longer and shorter.
pub(super) fn likeness(names: &Names, part: ChainId, whole: ChainId) -> Likeness {
    let (part, whole) = (names.chain(part), names.chain(whole));
    match whole.len().checked_sub(part.len()) {
        Some(0)
            if is_swapped(part, whole)
                || is_blurred(names, part, whole)
                || has_misspelt(names, part, whole) =>
        {
            Likeness::Impossible
        }
        Some(1..=FRAMES_LOST_MAX) if !part.is_empty() => as_part(names, part, whole),
        _ if is_uncut(part, whole) || is_cut_short(part, whole) => Likeness::Impossible,
        _ => Likeness::None,
    }
}

/// Whether frames lost nothing but their offset: arm shows a frame as callee and as caller,
/// and the line with the offset is missing.
fn is_blurred(names: &Names, part: &[Placed], whole: &[Placed]) -> bool {
    let is_same = |one: &Placed, other: &Placed| {
        let (one, other) = (names.frame(one.frame), names.frame(other.frame));
        one == other || (one.offset.is_none() && one.function == other.function)
    };
    part.iter().zip(whole).all(|(one, other)| is_same(one, other))
}

/// Whether one frame is another: a letter of its function's name is damaged.
fn has_misspelt(names: &Names, part: &[Placed], whole: &[Placed]) -> bool {
    let mut differing = (0..part.len()).filter(|&at| part[at].frame != whole[at].frame);
    let (Some(at), None) = (differing.next(), differing.next()) else { return false };
    let function = |placed: &Placed| names.frame(placed.frame).function;
    // A function may call another twice, and a return address of an indirect call has many callees.
    function(&part[at])
        .zip(function(&whole[at]))
        .is_some_and(|(one, other)| one != other && is_misspelt(names.text(one), names.text(other)))
}

/// Whether two names differ in one letter.
fn is_misspelt(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count() == 1
}

fn as_part(names: &Names, part: &[Placed], whole: &[Placed]) -> Likeness {
    let function = |placed: &Placed| names.frame(placed.frame).function;
    let mut rest = part.iter().map(|placed| placed.frame).peekable();
    let mut inner = None;
    let mut likeness = Likeness::Impossible;
    for placed in whole {
        let is_missing = rest.next_if_eq(&placed.frame).is_none();
        if is_missing && inner == Some(function(placed)) {
            likeness = Likeness::Possible;
        }
        inner = Some(function(placed));
    }
    if rest.next().is_none() { likeness } else { Likeness::None }
}

/// Whether the outer frames are missing: the log ended, or messages were dropped.
fn is_cut_short(part: &[Placed], whole: &[Placed]) -> bool {
    !part.is_empty()
        && part.len() < whole.len()
        && part.iter().zip(whole).all(|(one, other)| one.frame == other.frame)
}

/// Whether the frame is missing where an interrupt was entered, so that the interrupted frames
/// seem to belong to the chain.
fn is_uncut(part: &[Placed], whole: &[Placed]) -> bool {
    let Some((entry, handler)) = whole.split_last() else { return false };
    entry.context != Context::Task
        && !handler.is_empty()
        && part.len() >= handler.len()
        && part.iter().zip(handler).all(|(one, other)| one.frame == other.frame)
}

/// Whether two neighbouring frames have changed places.
fn is_swapped(one: &[Placed], other: &[Placed]) -> bool {
    let mut differing = (0..one.len()).filter(|&at| one[at].frame != other[at].frame);
    match (differing.next(), differing.next(), differing.next()) {
        (Some(first), Some(second), None) => {
            second == first + 1
                && one[first].frame == other[second].frame
                && one[second].frame == other[first].frame
        }
        _ => false,
    }
}
