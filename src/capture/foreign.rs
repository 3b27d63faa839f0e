//! Packed formats that are told apart from text, and not read.

use std::fmt;

/// A format that somebody else has to turn into text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForeignFormat {
    /// zip.
    Zip,
    /// lz4, also in the form that kernels are packed in.
    Lz4,
    /// 7-Zip.
    SevenZip,
    /// Unix compress.
    Compress,
    /// lzip.
    Lzip,
    /// RAR.
    Rar,
}

impl ForeignFormat {
    /// Bytes of a stream that tell each of the formats.
    pub const MAGIC_BYTES: usize = 6;

    /// Tells the format from a stream's first bytes.
    pub fn detect(head: &[u8]) -> Option<ForeignFormat> {
        match head {
            [b'P', b'K', 3, 4, ..] => Some(ForeignFormat::Zip),
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(ForeignFormat::Lz4),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some(ForeignFormat::SevenZip),
            [0x1f, 0x9d, ..] => Some(ForeignFormat::Compress),
            [b'L', b'Z', b'I', b'P', 1, ..] => Some(ForeignFormat::Lzip),
            [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Some(ForeignFormat::Rar),
            _ => None,
        }
    }

    /// The command that writes the text to standard output.
    pub fn text_writer(self) -> &'static str {
        match self {
            ForeignFormat::Zip => "unzip -p",
            ForeignFormat::Lz4 => "lz4 -dc",
            ForeignFormat::SevenZip => "7z x -so",
            ForeignFormat::Compress => "gzip -dc",
            ForeignFormat::Lzip => "lzip -dc",
            ForeignFormat::Rar => "unrar p -inul",
        }
    }
}

impl fmt::Display for ForeignFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ForeignFormat::Zip => "packed with zip",
            ForeignFormat::Lz4 => "packed with lz4",
            ForeignFormat::SevenZip => "packed with 7-Zip",
            ForeignFormat::Compress => "packed with compress",
            ForeignFormat::Lzip => "packed with lzip",
            ForeignFormat::Rar => "packed with RAR",
        })
    }
}
