//! The steps of a backtrace as its lines come in, and a number that tells them from others.

use super::chain::Step;

/// An odd number with bits all over: 2 to the 64 by the golden ratio (Knuth, "The Art of Computer
/// Programming", volume 3, section 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Steps, innermost first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Steps {
    steps: Vec<Step>,
    hash: u64,
}

impl Steps {
    /// The room without the steps.
    pub(crate) fn emptied(mut self) -> Steps {
        self.steps.clear();
        Steps { steps: self.steps, hash: 0 }
    }

    /// Adds a step.
    #[inline]
    pub(crate) fn push(&mut self, step: Step) {
        self.hash = (self.hash.rotate_left(5) ^ step.number()).wrapping_mul(SPREAD);
        self.steps.push(step);
    }

    /// Adds steps.
    pub(crate) fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        steps.into_iter().for_each(|step| self.push(step));
    }

    /// The steps.
    pub(crate) fn as_slice(&self) -> &[Step] {
        &self.steps
    }

    /// Their number.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
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
    use super::*;

    fn hash(steps: &[Step]) -> u64 {
        let mut all = Steps::default();
        all.extend(steps.iter().copied());
        all.hash()
    }

    #[test]
    fn steps_in_another_order_have_another_hash() {
        let (task, nmi) = (Step::EndOf(Context::Task), Step::EndOf(Context::Nmi));
        assert_eq!(hash(&[task, nmi]), hash(&[task, nmi]));
        assert_ne!(hash(&[task, nmi]), hash(&[nmi, task]));
        assert_ne!(hash(&[task]), hash(&[task, task]));
    }
}
