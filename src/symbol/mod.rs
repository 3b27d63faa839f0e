//! Frames to source lines: `name+0xoffset/0xsize [module]` becomes file, line and inlined calls.
//!
//! A [`Symbolizer`] answers for one frame at a time. [`Symbols`] answers from kernel images with
//! debug information, which an [`ImageStore`] holds open; reports are tested with a table.
//!
//! Nothing here guesses: a frame that more than one function could have printed is
//! [`Reason::Ambiguous`], with every candidate, and an image of another build is refused.

mod addresses;
mod bare;
mod bytes;
mod calls;
mod code;
mod debuginfod;
mod debuglink;
mod dwarf;
mod entries;
mod filter;
mod functions;
mod image;
mod kaslr;
mod layouts;
mod map;
mod marks;
mod modules;
mod opd;
mod paths;
mod pending;
mod places;
mod printed;
mod program;
mod quote;
mod ranges;
mod release;
mod relocate;
mod resolve;
mod rows;
mod sections;
mod split;
mod symbols;
mod table;
mod unit;
mod units;
mod warning;

pub(crate) use addresses::is_code;
pub use addresses::{Addresses, Named};
pub use bytes::ImageStore;
pub use debuginfod::Debuginfod;
pub use filter::{LogFilter, Tally};
pub use image::ImageError;
pub use paths::{SourceRoot, SourceRootError};
pub use quote::Quotes;
pub use release::{build_id_in, release_in};
pub use symbols::{OtherReleases, Search, SymbolOptions, Symbols};
pub use warning::Warning;

/// Tells where in the source a frame lies.
pub trait Symbolizer {
    /// Looks a frame up.
    fn resolve(&mut self, frame: &Frame<'_>) -> Resolution;

    /// The function that a frame of the kernel itself calls, by where it was linked at; nothing
    /// where the call does not tell.
    fn called(&mut self, _caller: &Frame<'_>) -> Option<u64> {
        None
    }

    /// Looks up frames that will be asked for, in the order that is quickest.
    fn prepare(&mut self, _frames: &[Frame<'_>]) {}

    /// Takes note of the kernel release that the log names for the frames that follow, and tells
    /// whether answers may change by that.
    fn set_release(&mut self, _release: &str) -> bool {
        false
    }

    /// Takes note of the build id of its kernel that the log names, and tells whether answers may
    /// change by that.
    fn set_build_id(&mut self, _build_id: &str) -> bool {
        false
    }

    /// Whether bare addresses can be named.
    fn has_addresses(&self) -> bool {
        false
    }

    /// Takes note of a line of the log that follows, for what it says of where the kernel ran.
    /// Tells whether names that were given may be others now.
    fn see(&mut self, _line: &[u8]) -> bool {
        false
    }

    /// Another boot's log begins.
    fn next_boot(&mut self) {}

    /// Names a bare address of the boot with that number, or of the present one.
    ///
    /// # Errors
    ///
    /// The reason why it has no name.
    fn name(&mut self, _boot: Option<usize>, _address: u64) -> Result<Named, Reason> {
        Err(Reason::NoImage)
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
    /// The address that the place was linked at, where that is known: it tells functions of one
    /// name apart.
    pub linked: Option<u64>,
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
    /// The line itself, where that was asked for and the file is at hand.
    pub text: Option<String>,
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
    /// The line itself, as in [`Source::text`].
    pub text: Option<String>,
}

/// Why the place of a frame is not known.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
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
    /// The image's debug information for the place is in a file of its own, which was not found.
    #[error("no usable .dwo file")]
    NoSplitFile,
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
    /// How far KASLR moved the kernel is not known, or the log's frames do not fit the map.
    #[error("kernel offset unknown")]
    OffsetUnknown,
    /// The address is no place in the kernel, and no map has its module.
    #[error("outside the kernel")]
    OutsideKernel,
    /// The number is no address, but the hash of one.
    #[error("hashed address")]
    Hashed,
    /// What would name an address is of another kernel release than the log.
    #[error("release differs")]
    ReleaseDiffers,
    /// Several functions have this name and size, at different places in the source.
    #[error("ambiguous")]
    Ambiguous(Vec<Source>),
}
