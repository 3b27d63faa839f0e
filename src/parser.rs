//! Bytes to events: the first four stages of the pipeline, in the order they are passed.

use std::sync::Arc;

use crate::chain::Depth;
use crate::event::AssemblyLoss;
use crate::event::{Boot, Detail, EventSink};
use crate::lex::{Chunk, ChunkReader, Footing, Lexer};
use crate::names::Names;
use crate::order::Sequencer;
use crate::symbol::Addresses;

/// Bytes that are read at once: their tokens stay in the processor's cache.
const PIECE_BYTES: usize = 256 << 10;

/// What to parse for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParserOptions {
    /// How much of an event is put together.
    pub detail: Detail,
    /// Which frames make a group.
    pub depth: Depth,
}

impl Default for ParserOptions {
    fn default() -> ParserOptions {
        ParserOptions { detail: Detail::Report, depth: Depth::Callers }
    }
}

/// Turns a stream of bytes into events. It does no input or output and never fails; however the
/// stream is cut into pieces, the events are the same.
#[derive(Clone, Debug)]
pub struct Parser {
    lexer: Lexer,
    sequencer: Sequencer,
    names: Arc<Names>,
}

/// Whether a chunk could be used as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// It could.
    Used,
    /// It stands on other ground than was thought, as where a record goes on in it, and was read
    /// again.
    Repeated,
}

impl Parser {
    /// A parser at the start of a log.
    pub fn new(options: ParserOptions) -> Parser {
        Parser::with_addresses(options, Addresses::default())
    }

    /// A parser that names bare addresses.
    pub fn with_addresses(options: ParserOptions, addresses: Addresses) -> Parser {
        let ParserOptions { detail, depth } = options;
        let names = Arc::<Names>::default();
        Parser {
            lexer: Lexer::new(Arc::clone(&names)),
            sequencer: Sequencer::new(detail, depth, Arc::clone(&names), addresses),
            names,
        }
    }

    /// Gives back what names bare addresses, with what it learned from the log.
    pub fn take_addresses(&mut self) -> Addresses {
        self.sequencer.take_addresses()
    }

    /// Takes the next piece of the log.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl EventSink) {
        for piece in bytes.chunks(PIECE_BYTES) {
            let batch = self.lexer.read(piece);
            self.sequencer.take(batch, piece, sink);
        }
    }

    /// A reader of chunks of this log.
    pub fn chunk_reader(&self) -> ChunkReader {
        ChunkReader(Lexer::new(Arc::clone(&self.names)))
    }

    /// What is known of the log so far.
    pub fn footing(&self) -> Option<Footing> {
        self.lexer.footing().cloned().map(Footing)
    }

    /// Takes the next chunk of the log, which was read before.
    pub fn take(&mut self, chunk: &mut Chunk, sink: &mut impl EventSink) -> Reading {
        let further = self.lexer.lines().checked_sub(chunk.lines_above);
        match (&chunk.footing, self.lexer.footing(), further) {
            (Some((begin, end)), Some(own), Some(further)) if begin == own => {
                self.lexer.skip(chunk.lines, end);
                chunk.batch.move_down(further);
                self.sequencer.take(&chunk.batch, chunk.bytes(), sink);
                Reading::Used
            }
            _ => {
                self.feed(chunk.bytes(), sink);
                Reading::Repeated
            }
        }
    }

    /// Ends an input: nothing goes on that may be whole.
    pub(crate) fn end_input(&mut self, sink: &mut impl EventSink) {
        let batch = self.lexer.end_input();
        self.sequencer.take(batch, &[], sink);
    }

    /// Ends the log.
    pub fn finish(&mut self, sink: &mut impl EventSink) {
        let batch = self.lexer.finish();
        self.sequencer.take(batch, &[], sink);
        self.sequencer.finish(sink);
    }

    /// Lines begun so far.
    pub fn lines(&self) -> u64 {
        self.lexer.lines()
    }

    /// The names that events refer to.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The boots of the log; complete after [`Parser::finish`].
    pub fn boots(&self) -> &[Boot] {
        self.sequencer.boots()
    }

    /// What was lost so far.
    pub fn loss(&self) -> AssemblyLoss {
        self.sequencer.loss()
    }
}
