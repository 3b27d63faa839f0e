//! How the parts of a `trace.dat` of version 7 are packed.

use std::io::Read;

use crate::recording::RecordingError;

/// All parts of a recording together unpack to no more than this.
const MAX_UNPACKED_BYTES: usize = 2 << 30;

/// No part is larger, unpacked.
const MAX_PART_BYTES: usize = 256 << 20;

/// The decoder refuses input that wants a larger window than this.
const MAX_WINDOW_LOG: u32 = 27;

/// How parts are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    /// They are not.
    None,
    /// By zlib.
    Zlib,
    /// By Zstandard.
    Zstd,
}

/// How many bytes of a recording may still be unpacked.
pub(super) struct UnpackedRoom(usize);

impl UnpackedRoom {
    /// That of a recording of which nothing was unpacked.
    pub(super) fn new() -> UnpackedRoom {
        UnpackedRoom(MAX_UNPACKED_BYTES)
    }
}

impl Packing {
    /// The packing of this name.
    pub(super) fn named(name: &[u8]) -> Result<Packing, RecordingError> {
        match name {
            b"none" | b"" => Ok(Packing::None),
            b"zlib" => Ok(Packing::Zlib),
            b"zstd" => Ok(Packing::Zstd),
            other => {
                let name = String::from_utf8_lossy(&other[..other.len().min(16)]);
                Err(RecordingError::Packing(name.into_owned()))
            }
        }
    }

    /// Unpacks a part that says how large it is. Where it is cut off or damaged, what is before that
    /// is there.
    pub(super) fn unpack(self, packed: &[u8], size: u32, room: &mut UnpackedRoom) -> Unpacked {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let bound = size.min(MAX_PART_BYTES).min(room.0);
        let mut bytes = Vec::new();
        let read = match self {
            Packing::None => packed.take(bound as u64).read_to_end(&mut bytes),
            Packing::Zlib => {
                flate2::bufread::ZlibDecoder::new(packed).take(bound as u64).read_to_end(&mut bytes)
            }
            Packing::Zstd => zstd::stream::read::Decoder::with_buffer(packed).and_then(|mut it| {
                it.window_log_max(MAX_WINDOW_LOG)?;
                it.take(bound as u64).read_to_end(&mut bytes)
            }),
        };
        room.0 -= bytes.len().min(room.0);
        let is_whole = read.is_ok() && bytes.len() == size;
        Unpacked { bytes, is_whole }
    }
}

/// A part that was unpacked.
pub(super) struct Unpacked {
    /// What is in it.
    pub(super) bytes: Vec<u8>,
    /// Whether it is all of it.
    pub(super) is_whole: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_no_larger_than_it_says() {
        let packed =
            zstd::encode_all(vec![7; 100_000].as_slice(), 3).expect("memory takes any bytes");
        let mut room = UnpackedRoom(150_000);
        let whole = Packing::Zstd.unpack(&packed, 100_000, &mut room);
        assert_eq!((whole.bytes.len(), whole.is_whole), (100_000, true));
        let less = Packing::Zstd.unpack(&packed, 1000, &mut room);
        assert_eq!(less.bytes.len(), 1000);
        let more = Packing::Zstd.unpack(&packed, 1 << 30, &mut room);
        assert_eq!((more.bytes.len(), more.is_whole), (49_000, false), "the recording's bound");
        let none = Packing::Zstd.unpack(&packed, 1 << 30, &mut room);
        assert!(none.bytes.is_empty());
    }

    #[test]
    fn what_is_before_damage_is_there() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut zlib, &[7; 1000]).expect("memory takes any bytes");
        let packed = zlib.finish().expect("memory takes any bytes");
        let mut room = UnpackedRoom::new();
        assert!(Packing::Zlib.unpack(&packed, 1000, &mut room).is_whole);
        let cut = &packed[..packed.len() - 1];
        assert!(Packing::Zlib.unpack(cut, 1001, &mut room).bytes.len() <= 1000);
        assert!(!Packing::Zlib.unpack(b"no zlib", 7, &mut room).is_whole);
        assert!(Packing::named(b"lzo").is_err());
    }
}
