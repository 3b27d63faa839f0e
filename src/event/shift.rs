//! How much further down in a log something lies than was thought when it was read.

/// What comes before a stretch of a log that was read on its own.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Shift {
    /// Lines before it.
    pub(crate) lines: u64,
    /// Events whose headers are before it.
    pub(crate) events: u64,
    /// Boots that ended before it.
    pub(crate) boots: u32,
}
