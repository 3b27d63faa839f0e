//! Which compressed format a stream has, told by its first bytes, and its decoder.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

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
            Compression::Gzip => Box::new(GzipMembers::new(packed)),
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

/// Unpacks gzip members behind one another. Tapes and block devices fill what is left of a block
/// with zeros, which are no member.
struct GzipMembers<R> {
    /// The present member; absent at the end.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(packed: R) -> GzipMembers<R> {
        GzipMembers { member: Some(GzDecoder::new(packed)) }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let taken = member.read(buffer)?;
            if taken > 0 || buffer.is_empty() {
                return Ok(taken);
            }
            let more = skip_zeros(member.get_mut())?;
            self.member =
                self.member.take().map(GzDecoder::into_inner).filter(|_| more).map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// Skips zeros, and tells whether anything follows.
fn skip_zeros(packed: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = packed.fill_buf()?;
        let length = bytes.len();
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        packed.consume(zeros);
        if zeros < length || length == 0 {
            return Ok(length > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).expect("memory takes any bytes");
        gzip.finish().expect("memory takes any bytes")
    }

    fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Compression::Gzip.decoder(packed)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn zeros_behind_gzip_are_padding() {
        let packed = [gzip(b"one "), gzip(b""), gzip(b"two"), vec![0; 10_000]].concat();
        assert_eq!(unpack(&packed).expect("whole"), b"one two");
    }

    #[test]
    fn other_bytes_behind_gzip_are_damage() {
        let packed = [gzip(b"one"), b"two".to_vec()].concat();
        assert!(unpack(&packed).is_err());
        let whole = gzip(b"one");
        assert!(unpack(&whole[..whole.len() - 1]).is_err());
    }
}
