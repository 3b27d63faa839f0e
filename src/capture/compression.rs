//! Which compressed format a stream has, told by its first bytes, and its decoder.

use std::io::{self, BufRead, Read};

/// The decoders refuse input that wants a larger window or dictionary than this.
const MAX_WINDOW_LOG: u32 = 27;
const MAX_XZ_MEMORY_BYTES: u64 = 256 << 20;

/// The compressed formats that captures come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Plain text.
    None,
    /// gzip, also several members behind one another.
    Gzip,
    /// xz, also several streams behind one another.
    Xz,
    /// Zstandard, also several frames behind one another.
    Zstd,
    /// bzip2, also several streams behind one another.
    Bzip2,
}

impl Compression {
    /// How many bytes [`Compression::detect`] wants to see.
    pub const MAGIC_BYTES: usize = 6;

    /// Tells the format from a stream's first bytes.
    pub fn detect(head: &[u8]) -> Compression {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Compression::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
            _ => Compression::None,
        }
    }

    /// The format's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
        }
    }

    /// A reader of the unpacked bytes.
    ///
    /// # Errors
    ///
    /// When the decoder cannot be set up.
    pub fn decoder<'a>(
        self,
        packed: impl BufRead + Send + 'a,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Compression::None => Box::new(packed),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Compression::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(
                    MAX_XZ_MEMORY_BYTES,
                    liblzma::stream::CONCATENATED,
                )?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        })
    }
}
