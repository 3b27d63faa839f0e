//! Debug sections as gimli reads them: unpacked, and relocated where the file is relocatable.

use std::io::Read;

use gimli::{Dwarf, EndianSlice, RunTimeEndian, SectionId};
use object::{CompressionFormat, Object, ObjectSection};

use super::bytes::ImageStore;
use super::image::Image;
use super::relocate::relocate;

/// How this crate reads DWARF.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// A packed debug section may unpack to this many bytes.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// The debug sections of an image.
pub(super) fn load<'a>(store: &'a ImageStore, image: &Image<'a>) -> Dwarf<Slice<'a>> {
    let endian = match image.file.endianness() {
        object::Endianness::Little => RunTimeEndian::Little,
        object::Endianness::Big => RunTimeEndian::Big,
    };
    let load = |id: SectionId| {
        let bytes = is_used(id).then(|| section(store, image, id.name())).flatten();
        Ok::<_, std::convert::Infallible>(EndianSlice::new(bytes.unwrap_or_default(), endian))
    };
    match Dwarf::load(load) {
        Ok(dwarf) => dwarf,
        Err(never) => match never {},
    }
}

/// Location lists are large and say nothing about lines.
fn is_used(id: SectionId) -> bool {
    !matches!(
        id,
        SectionId::DebugLoc
            | SectionId::DebugLocLists
            | SectionId::DebugMacro
            | SectionId::DebugMacinfo
    )
}

/// A section's bytes. One that is damaged counts as absent: what needs it will say so.
fn section<'a>(store: &'a ImageStore, image: &Image<'a>, name: &str) -> Option<&'a [u8]> {
    let section = image.file.section_by_name(name)?;
    let packed = section.compressed_data().ok()?;
    let must_relocate = image.is_relocatable() && section.relocations().next().is_some();
    let mut bytes = match packed.format {
        CompressionFormat::None if !must_relocate => return Some(packed.data),
        CompressionFormat::None => packed.data.to_vec(),
        CompressionFormat::Zlib => unpack(flate2::read::ZlibDecoder::new(packed.data))?,
        CompressionFormat::Zstandard => unpack(zstd::Decoder::with_buffer(packed.data).ok()?)?,
        _ => return None,
    };
    if must_relocate {
        relocate(image, &section, &mut bytes);
    }
    Some(store.keep(bytes))
}

fn unpack(decoder: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= UNPACKED_BYTES_MAX).then_some(bytes)
}
