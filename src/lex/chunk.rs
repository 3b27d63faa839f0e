//! Parts of a log that are lexed apart, in any order and by any thread.

use super::lexer::Lexer;
use super::token::Batch;
use crate::record::prefix::Unwrapper;

/// Whole lines of a log, read apart from what stands above them.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    pub(crate) batch: Batch,
    /// Lines in it, and those that were read above it to find out what it stands on.
    pub(crate) lines: u64,
    pub(crate) lines_above: u64,
    /// What was known of the log where it begins and ends; none where a record goes on there.
    pub(crate) footing: Option<(Unwrapper, Unwrapper)>,
}

impl Chunk {
    /// Its bytes, to be filled with whole lines.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is known of a log above a chunk: it makes it likelier that the chunk is read as it would be
/// behind all that stands above it.
#[derive(Clone, Default, Debug)]
pub struct Footing(pub(crate) Unwrapper);

/// Reads chunks of a log, in any order, on a thread of its own.
#[derive(Debug)]
pub struct ChunkReader(pub(crate) Lexer);

impl ChunkReader {
    /// Reads the chunk's lines. `above` are lines that stand right above it.
    pub fn read(&mut self, footing: &Footing, above: &[u8], chunk: &mut Chunk) {
        let ChunkReader(lexer) = self;
        lexer.restart(&footing.0);
        lexer.read(above);
        let begin = lexer.footing().cloned();
        chunk.lines_above = lexer.lines();
        lexer.read(&chunk.bytes);
        chunk.lines = lexer.lines() - chunk.lines_above;
        chunk.footing = begin.zip(lexer.footing().cloned());
        lexer.swap_batch(&mut chunk.batch);
    }
}
