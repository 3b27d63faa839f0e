//! Where the bytes of images live: mapped files, unpacked modules, relocated sections.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
use typed_arena::Arena;

use crate::capture::Compression;

/// A packed module or section may unpack to this many bytes. The largest module of a
/// distribution's debug package has a third of it.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// All that is packed may unpack to this many bytes together.
const ALL_UNPACKED_BYTES_MAX: u64 = 4 << 30;

/// Keeps the bytes of every image that was opened, for as long as it lives.
pub struct ImageStore {
    arena: Arena<Bytes>,
    /// Bytes that may still be unpacked.
    left: Cell<u64>,
}

impl ImageStore {
    /// A store without images.
    pub fn new() -> ImageStore {
        ImageStore { arena: Arena::new(), left: Cell::new(ALL_UNPACKED_BYTES_MAX) }
    }

    /// Maps a file, or unpacks it where it is compressed.
    pub(super) fn open(&self, path: &Path) -> io::Result<&[u8]> {
        let file = File::open(path)?;
        let mut head = [0; Compression::MAGIC_BYTES];
        let length = read_head(&file, &mut head)?;
        let bytes = match Compression::detect(&head[..length]) {
            Compression::None => Bytes::Mapped(map(&file)?),
            packed => {
                let file = BufReader::new(File::open(path)?);
                Bytes::Owned(self.unpack(packed.decoder(file)?)?)
            }
        };
        Ok(self.arena.alloc(bytes))
    }

    /// Takes what a decoder gives, within the bounds that keep a small file from filling the
    /// memory.
    pub(super) fn unpack(&self, decoder: impl Read) -> io::Result<Vec<u8>> {
        let bytes_max = self.left.get().min(UNPACKED_BYTES_MAX);
        let mut bytes = Vec::new();
        decoder.take(bytes_max + 1).read_to_end(&mut bytes)?;
        let length = bytes.len() as u64;
        if length > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "unpacks to too many bytes"));
        }
        self.left.set(self.left.get() - length);
        Ok(bytes)
    }

    /// Keeps bytes that were worked out.
    pub(super) fn keep(&self, bytes: Vec<u8>) -> &[u8] {
        self.arena.alloc(Bytes::Owned(bytes))
    }
}

impl Default for ImageStore {
    fn default() -> ImageStore {
        ImageStore::new()
    }
}

impl fmt::Debug for ImageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageStore")
            .field("pieces", &self.arena.len())
            .field("left", &self.left)
            .finish()
    }
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

#[expect(
    unsafe_code,
    reason = "a vmlinux has 600 MB of which a few are needed; a map reads those alone"
)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is only read. A file that another process shortens meanwhile can end the
    // program by a signal; no map can prevent that, and kernel images are not edited in place.
    unsafe { Mmap::map(file) }
}

fn read_head(file: &File, head: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    let mut file = file.take(head.len() as u64);
    loop {
        match file.read(&mut head[length..])? {
            0 => return Ok(length),
            read => length += read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_unpacked_than_is_left() {
        let store = ImageStore { arena: Arena::new(), left: Cell::new(10) };
        assert_eq!(store.unpack(&[7; 6][..]).expect("it fits"), [7; 6]);
        let refused = store.unpack(&[7; 5][..]).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::FileTooLarge));
        assert_eq!(store.unpack(&[7; 4][..]).expect("it fits"), [7; 4]);
    }
}
