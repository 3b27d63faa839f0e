//! The steps of a backtrace as its lines come in, and a number that tells them from others.

use super::chain::Step;

/// An odd number with bits all over: 2 to the 64 by the golden ratio (Knuth, "The Art of Computer
/// Programming", volume 3, section 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Steps, innermost first: each as its number, so that they are quick to compare.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Steps {
    numbers: Vec<u64>,
    hash: u64,
}

impl Steps {
    /// The room without the steps.
    pub(crate) fn emptied(mut self) -> Steps {
        self.numbers.clear();
        Steps { numbers: self.numbers, hash: 0 }
    }

    /// Adds a step.
    #[inline]
    pub(crate) fn push(&mut self, step: Step) {
        let number = step.number();
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(SPREAD);
        self.numbers.push(number);
    }

    /// Adds steps.
    pub(crate) fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        steps.into_iter().for_each(|step| self.push(step));
    }

    /// The steps.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Step> {
        self.numbers.iter().map(|&number| Step::of_number(number))
    }

    /// Their numbers.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Their number.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Equal steps have equal hashes; others rarely do.
    pub(crate) fn hash(&self) -> u64 {
        // The upper bits depend on all steps, and the lower ones find the place in a table.
        self.hash ^ (self.hash >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::Context;
    use super::super::names::FrameId;
    use super::*;

    fn hash(steps: &[Step]) -> u64 {
        let mut all = Steps::default();
        all.extend(steps.iter().copied());
        all.hash()
    }

    #[test]
    fn steps_are_kept_as_they_came() {
        let contexts = [Context::Task, Context::Softirq, Context::Hardirq, Context::Nmi];
        let mut steps: Vec<Step> = contexts.map(Step::EndOf).to_vec();
        let frame = FrameId::of_number(u32::MAX);
        steps.extend([Step::Frame(frame), Step::Struck(frame)]);
        let mut all = Steps::default();
        all.extend(steps.iter().copied());
        assert_eq!(all.iter().collect::<Vec<_>>(), steps);
    }

    #[test]
    fn steps_in_another_order_have_another_hash() {
        let (task, nmi) = (Step::EndOf(Context::Task), Step::EndOf(Context::Nmi));
        assert_eq!(hash(&[task, nmi]), hash(&[task, nmi]));
        assert_ne!(hash(&[task, nmi]), hash(&[nmi, task]));
        assert_ne!(hash(&[task]), hash(&[task, task]));
    }
}
