//! Bytes to lines: opening captures, unpacking them, and cutting the stream at newlines.

mod compression;
mod foreign;
mod input;
mod kind;
mod lines;
mod source;

pub use compression::Compression;
pub use foreign::ForeignFormat;
pub use input::Input;
pub use kind::{TextKind, TextReader};
pub use lines::{Line, LineSplitter, LineTaker, MAX_LINE_BYTES, Taken};
pub use source::{CaptureForm, Opened, Source, SourceError, reason};
