//! What was read.

/// One input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Its name; `-` is standard input.
    pub path: String,
    /// Bytes in it, unpacked.
    pub bytes: u64,
    /// Lines in it.
    pub lines: u64,
}
