//! What was lost while events were put together.

use crate::record::ftrace::Unpaired;

/// What was lost while events were put together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AssemblyLoss {
    /// Messages that the kernel says it dropped.
    pub printk_dropped: u64,
    /// Entries that a recording says were lost or written over.
    pub entries_lost: u64,
    /// Allocations that a recording says failed.
    pub failed_allocs: u64,
    /// Backtraces of events whose header is missing.
    pub headless_stacks: u64,
    /// Backtraces that more than one header could have printed.
    pub ambiguous_stacks: u64,
    /// Lines of a backtrace without a backtrace to belong to.
    pub stray_frames: u64,
    /// Lines of an event that could not be read.
    pub damaged_lines: u64,
    /// A rendering of trace events that nothing can be made of.
    pub unpaired: Option<Unpaired>,
    /// Records that were printed a second time.
    pub replayed_lines: u64,
}
