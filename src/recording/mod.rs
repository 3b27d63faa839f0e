//! Binary recordings of trace events to the text that their own programs print of them: `perf.data` to
//! that of `perf script`, and `trace.dat` to that of `trace-cmd report`. What reads the text knows
//! nothing of the files.

mod bytes;
mod comms;
mod format;
mod metadata;
mod names;
mod perf;
mod print;
mod symbols;
mod text;
mod trace_dat;

use std::fmt;

pub use text::RecordingText;

/// A binary recording of trace events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recording {
    /// `perf.data`.
    PerfData,
    /// `trace.dat` of trace-cmd.
    TraceDat,
}

impl Recording {
    /// Bytes of a stream that tell each of the two.
    pub const MAGIC_BYTES: usize = metadata::MAGIC.len();

    /// Tells a recording from a stream's first bytes, once unpacked.
    pub fn detect(head: &[u8]) -> Option<Recording> {
        if head.starts_with(b"PERFILE2") || head.starts_with(b"2ELIFREP") {
            Some(Recording::PerfData)
        } else {
            head.starts_with(metadata::MAGIC).then_some(Recording::TraceDat)
        }
    }

    /// The command that writes the text to standard output.
    pub fn text_writer(self) -> &'static str {
        match self {
            Recording::PerfData => "perf script -i",
            Recording::TraceDat => "trace-cmd report -i",
        }
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Recording::PerfData => "a recording of perf",
            Recording::TraceDat => "a recording of trace-cmd",
        })
    }
}

/// Why nothing can be read of a recording.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordingError {
    /// It ends before it says what its events mean.
    #[error("it breaks off before it says what its events mean")]
    CutShort,
    /// What should say how the file is laid out is something else.
    #[error("its header is damaged")]
    Damaged,
    /// It does not tell the layouts of its events.
    #[error("it does not say how its events are laid out")]
    NoFormats,
    /// It is of a version that came later.
    #[error("its format is of version {0}, which is not read")]
    Version(String),
    /// It is packed by a method that is not known.
    #[error("it is packed with {0}, which is not read")]
    Packing(String),
    /// It holds text that was recorded for latencies.
    #[error("it holds no events")]
    NoEvents,
    /// It does not fit into memory.
    #[error("it is larger than {} GiB, unpacked", .0 >> 30)]
    TooLarge(usize),
}

/// What printing the next entry came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// There may be more.
    More,
    /// There is no more, and nothing is missing.
    End,
    /// There is no more, though the file says so.
    BrokenOff,
}

/// Prints a recording, entry by entry.
trait Decoder: Send {
    /// Adds the text of the next entry, or of nothing.
    fn step(&mut self, out: &mut Vec<u8>) -> Step;
}
