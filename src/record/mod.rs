//! Lines to records: the recorders' prefixes stripped, the kernel's text told apart.
//!
//! This stage sees a line at a time. What a line means never depends on the lines around it,
//! except where a rendering spreads one record over several lines (`dmesg --json`).

pub(crate) mod cursor;
mod exception_stack;
pub mod frame;
pub mod ftrace;
mod mark;
mod notice;
mod object;
pub mod prefix;
mod registers;
mod task;
mod text;
mod trace;
pub(crate) mod usual;

use crate::address::LineNumber;
use crate::time::Stamp;
pub use exception_stack::ExceptionStack;
pub use mark::Mark;
pub use notice::SlabinfoRow;
pub(crate) use notice::is_stack_words;
pub use object::{ObjectRow, ROW_BYTES};
pub use registers::RegisterLine;
pub use task::TaskHeader;
pub(crate) use task::build_id as task_build_id;
pub use text::Text;
pub use trace::{Op, TraceHeader};

/// The printing context that `CONFIG_PRINTK_CALLER` (5.1 on) puts behind the time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Caller {
    /// `[ T723]`: a task, by its thread id.
    Task(u32),
    /// `[ C3]`: a CPU in interrupt context.
    Cpu(u32),
}

/// One record: a line of kernel text with what its prefixes said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Where it stands in the input.
    pub line: LineNumber,
    /// Its time, if it carries one; the kernel's own clock wins over a recorder's.
    pub stamp: Option<Stamp>,
    /// Who printed it, if it says so.
    pub caller: Option<Caller>,
    /// The kernel's text.
    pub text: &'a [u8],
}
