//! Frames to source lines: `name+0xoffset/0xsize [module]` becomes file, line and inlined calls.
//!
//! A [`Symbolizer`] answers for one frame at a time. [`Symbols`] answers from kernel images with
//! debug information, which an [`ImageStore`] holds open; reports are tested with a table.
//!
//! Nothing here guesses: a frame that more than one function could have printed is
//! [`Reason::Ambiguous`], with every candidate, and an image of another build is refused.

mod bytes;
mod calls;
mod code;
mod debuglink;
mod dwarf;
mod entries;
mod filter;
mod functions;
mod image;
mod layouts;
mod modules;
mod paths;
mod pending;
mod places;
mod program;
mod ranges;
mod release;
mod relocate;
mod resolve;
mod rows;
mod sections;
mod symbols;
mod table;
mod unit;
mod units;

pub use bytes::ImageStore;
pub use filter::{LogFilter, Tally};
pub use image::ImageError;
pub use paths::{SourceRoot, SourceRootError};
pub use release::release_in;
pub use symbols::{Search, SymbolOptions, Symbols, Warning};

/// Tells where in the source a frame lies.
pub trait Symbolizer {
    /// Looks a frame up.
    fn resolve(&mut self, frame: &Frame<'_>) -> Resolution;

    /// Looks up frames that will be asked for, in the order that is quickest.
    fn prepare(&mut self, _frames: &[Frame<'_>]) {}

    /// Takes note of the kernel release that the log names for the frames that follow, and tells
    /// whether answers may change by that.
    fn set_release(&mut self, _release: &str) -> bool {
        false
    }
}

/// A frame as a log shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Frame<'a> {
    /// The function's name as printed, compiler suffixes included.
    pub function: &'a str,
    /// Bytes from the function's start, as printed.
    pub offset: u64,
    /// The function's size as kallsyms reckons it: the distance to the next symbol.
    pub size: Option<u64>,
    /// The module, absent for the kernel itself.
    pub module: Option<&'a str>,
    /// The build id that was printed behind the module, in hexadecimal digits.
    pub build_id: Option<&'a str>,
    /// What the printed offset points at.
    pub position: Position,
}

/// What a printed offset points at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Position {
    /// Behind a call: the address that the callee returns to.
    Return,
    /// At the very instruction: `RIP:`, `pc :`, the place that an exception struck.
    Exact,
    /// Nobody knows: a value found on the stack (`? name+0x…`), perhaps a return address.
    Stale,
}

/// The answer for a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// Where the frame lies.
    Found(Source),
    /// Why that is not known.
    Missing(Reason),
}

/// A place in the source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// The file, as a path in the kernel tree where that is known.
    pub file: String,
    /// The line in the frame's own function; absent where the compiler names none.
    pub line: Option<u32>,
    /// The column.
    pub column: Option<u32>,
    /// The calls inlined at that place, innermost first.
    pub inlined: Vec<InlinedCall>,
}

/// A function whose body the compiler put into its caller.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InlinedCall {
    /// The function.
    pub function: String,
    /// The file.
    pub file: String,
    /// The line in that function.
    pub line: Option<u32>,
}

/// Why the place of a frame is not known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// Neither the kernel nor a file of the module was found.
    #[error("no image")]
    NoImage,
    /// The image has no function of that name.
    #[error("no such symbol")]
    NoSuchSymbol,
    /// The image has functions of that name, but none of the printed size: another build.
    #[error("size differs")]
    SizeDiffers,
    /// The image has no debug information for the place.
    #[error("no debug info")]
    NoDebugInfo,
    /// The image's debug information cannot be read.
    #[error("damaged debug info")]
    Damaged,
    /// The image is of another build than the log names.
    #[error("build id differs")]
    BuildIdDiffers,
    /// The offset is the function's size, and nothing says that it follows a call: the value
    /// points at the start of the symbol behind.
    #[error("points at the symbol behind")]
    NextSymbol,
    /// Several functions have this name and size, at different places in the source.
    #[error("ambiguous")]
    Ambiguous(Vec<Source>),
}
