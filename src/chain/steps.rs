//! The lines of a backtrace as they come in, and a number that tells them from others.

use super::Step;
use crate::lex::{BacktraceLine, Run, RunHash};
use crate::names::FrameId;

/// The lines of a backtrace, innermost frame first: each as its number, so that they are quick to
/// copy and to compare.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Steps {
    numbers: Vec<u64>,
    hash: RunHash,
    /// Lines that are steps of the call chain.
    count: usize,
    /// Lines with a frame and its return address.
    frames: usize,
}

impl Steps {
    /// The room without the lines.
    pub(crate) fn emptied(mut self) -> Steps {
        self.numbers.clear();
        Steps { numbers: self.numbers, ..Steps::default() }
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, line: BacktraceLine) {
        let number = line.number();
        self.hash.push(number);
        self.numbers.push(number);
        self.count += usize::from(Step::of(line).is_some());
        self.frames += usize::from(matches!(line, BacktraceLine::Frame(_)));
    }

    /// Adds lines.
    pub(crate) fn extend(&mut self, lines: impl IntoIterator<Item = BacktraceLine>) {
        lines.into_iter().for_each(|line| self.push(line));
    }

    /// Adds the lines of a run.
    #[inline]
    pub(crate) fn append(&mut self, run: &Run, numbers: &[u64]) {
        self.hash.append(run.hash);
        self.numbers.extend_from_slice(numbers);
        self.frames += run.frames as usize;
        self.count += (run.frames + run.entry_frames + run.context_ends) as usize;
    }

    fn lines(&self) -> impl DoubleEndedIterator<Item = BacktraceLine> {
        self.numbers.iter().map(|&number| BacktraceLine::of_number(number))
    }

    /// The steps of the call chain.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Step> {
        self.lines().filter_map(Step::of)
    }

    /// The numbers of all lines.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// The number of steps.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no step.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether any line is a frame with its return address.
    pub(crate) fn has_frames(&self) -> bool {
        self.frames > 0
    }

    /// The outermost frame.
    pub(crate) fn outermost(&self) -> Option<FrameId> {
        self.lines().rev().find_map(|line| Step::of(line)?.frame())
    }

    /// Equal lines have equal hashes; others rarely do.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Context;
    use crate::record::Mark;

    #[test]
    fn lines_that_are_no_steps_count_for_none() {
        let frame = FrameId::of_number(7);
        let mut steps = Steps::default();
        for line in [
            BacktraceLine::Heading,
            BacktraceLine::Mark(Mark::Irq),
            BacktraceLine::Struck(frame),
            BacktraceLine::Mark(Mark::IrqEnd),
        ] {
            steps.push(line);
        }
        let expected = [Step::Struck(frame), Step::EndOf(Context::Hardirq)];
        assert_eq!(steps.iter().collect::<Vec<_>>(), expected);
        assert_eq!((steps.len(), steps.has_frames()), (2, false));
        assert_eq!(steps.outermost(), Some(frame));
    }
}
