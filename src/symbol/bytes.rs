//! Where the bytes of images live: mapped files, unpacked modules, relocated sections.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
use typed_arena::Arena;

use crate::capture::Compression;

/// A packed module may unpack to this many bytes. The largest module of a distribution's debug
/// package has a third of it.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// Keeps the bytes of every image that was opened, for as long as it lives.
#[derive(Default)]
pub struct ImageStore {
    arena: Arena<Bytes>,
}

impl ImageStore {
    /// A store without images.
    pub fn new() -> ImageStore {
        ImageStore::default()
    }

    /// Maps a file, or unpacks it where it is compressed.
    pub(super) fn open(&self, path: &Path) -> io::Result<&[u8]> {
        let file = File::open(path)?;
        let mut head = [0; Compression::MAGIC_BYTES];
        let length = read_head(&file, &mut head)?;
        let bytes = match Compression::detect(&head[..length]) {
            Compression::None => Bytes::Mapped(map(&file)?),
            packed => Bytes::Owned(unpack(packed, File::open(path)?)?),
        };
        Ok(self.arena.alloc(bytes))
    }

    /// Keeps bytes that were worked out.
    pub(super) fn keep(&self, bytes: Vec<u8>) -> &[u8] {
        self.arena.alloc(Bytes::Owned(bytes))
    }
}

impl fmt::Debug for ImageStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageStore").field("pieces", &self.arena.len()).finish()
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

fn unpack(compression: Compression, file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let decoder = compression.decoder(BufReader::new(file))?;
    decoder.take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "unpacks to more than 1 GiB"));
    }
    Ok(bytes)
}
