//! Lines to tokens: what each line means, without a word about the lines around it.
//!
//! A [`Token`] is a line that was understood, or several that follow one another: the lines of a
//! backtrace, the rows of an object dump, a block of registers. Names in it are interned. What the
//! lexer remembers (lines, which line follows which, what lines begin with) makes it quick and
//! changes no token; so any number of lexers may read parts of a log at the same time. Where in
//! time a token belongs, and to which event, is for those to find out who take tokens in order.

mod backtrace;
mod chunk;
mod entry;
mod lexer;
mod line_cache;
mod lines;
mod path;
mod predictor;
mod recording;
mod token;
mod word;

pub(crate) use backtrace::{BacktraceLine, HeadingPlace, Part, Parts, Run, RunHash};
pub use chunk::{Chunk, ChunkReader, Footing};
pub use entry::RecordedCache;
pub(crate) use entry::{EntryBeginning, EntryWriter, RecordedEntry, RecordedEvent, RecordedKind};
pub(crate) use lexer::Lexer;
pub(crate) use token::{Batch, Header, ObjectRows, Registers, Texts, Token, TokenKind};
pub use word::Task;
pub(crate) use word::Word;
