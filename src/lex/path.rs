//! Following lines that are predicted, one after another: to compare a line with what is expected
//! finds its end, and what it means is known.

use super::predictor::{Branch, NodeId, Predictor};

/// Expected lines that follow one another.
#[derive(Debug)]
pub(crate) struct Path<'v> {
    predictor: &'v Predictor,
    texts: &'v [u8],
    at: NodeId,
}

impl<'v> Path<'v> {
    /// A path from where the log is.
    #[inline]
    pub(super) fn new(predictor: &'v Predictor, texts: &'v [u8]) -> Path<'v> {
        Path { predictor, texts, at: predictor.at() }
    }

    /// The line that `bytes` begin with, if it is an expected one, and what is behind it.
    #[expect(clippy::inline_always, reason = "a third fewer instructions for each frame")]
    #[inline(always)]
    pub(crate) fn predict<'a>(&self, bytes: &'a [u8]) -> Option<(&'v Branch, &'a [u8])> {
        let [first, others @ ..] = self.predictor.branches_at(self.at);
        match self.behind(first, bytes) {
            Some(next) => Some((first, next)),
            None => self.predict_other(others, bytes),
        }
    }

    /// The same for the lines that are not the most likely.
    #[inline(never)]
    fn predict_other<'a>(
        &self,
        branches: &'v [Branch],
        bytes: &'a [u8],
    ) -> Option<(&'v Branch, &'a [u8])> {
        branches.iter().find_map(|branch| Some((branch, self.behind(branch, bytes)?)))
    }

    /// What is behind a line that `bytes` begin with.
    #[expect(clippy::inline_always, reason = "a third fewer instructions for each frame")]
    #[inline(always)]
    fn behind<'a>(&self, branch: &Branch, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let text = branch.text(self.texts)?;
        let (line, behind) = bytes.split_at_checked(text.len())?;
        if is_alike(line, text) { behind_line_end(behind) } else { None }
    }

    /// Where it has come to.
    #[inline]
    pub(crate) fn reached(&self) -> NodeId {
        self.at
    }

    /// A predicted line came.
    #[inline]
    pub(crate) fn take(&mut self, predicted: &Branch) {
        self.at = predicted.to();
    }
}

/// What is behind the line's end at the front of `bytes`. The very last end is not told.
#[inline]
pub(crate) fn behind_line_end(bytes: &[u8]) -> Option<&[u8]> {
    match bytes.first_chunk()? {
        b"\r\n" => Some(&bytes[2..]),
        [b'\n', _] => Some(&bytes[1..]),
        _ => bytes.strip_prefix(b"\r\r\n"),
    }
}

/// Whether two texts of the same length are the same. Most lines are so short that to call for the
/// comparison costs as much as to compare.
#[expect(clippy::inline_always, reason = "a third fewer instructions for each frame")]
#[inline(always)]
fn is_alike(line: &[u8], text: &[u8]) -> bool {
    match line.len() {
        17..=32 => are_ends_alike::<16>(line, text),
        33..=64 => are_ends_alike::<32>(line, text),
        _ => is_long_or_short_alike(line, text),
    }
}

#[inline(never)]
fn is_long_or_short_alike(line: &[u8], text: &[u8]) -> bool {
    match line.len() {
        4..=7 => are_ends_alike::<4>(line, text),
        8..=16 => are_ends_alike::<8>(line, text),
        _ => line == text,
    }
}

/// Whether the first and the last `N` bytes of two texts are the same. In texts of up to twice as
/// many that is all of them.
#[inline]
fn are_ends_alike<const N: usize>(one: &[u8], other: &[u8]) -> bool {
    let is_same =
        |pair: Option<(&[u8; N], &[u8; N])>| pair.is_some_and(|(one, other)| one == other);
    is_same(one.last_chunk().zip(other.last_chunk()))
        && is_same(one.first_chunk().zip(other.first_chunk()))
}
