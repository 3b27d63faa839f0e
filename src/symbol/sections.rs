//! Debug sections as gimli reads them: unpacked, and relocated where the file is relocatable.

use std::convert::Infallible;
use std::io::Read;
use std::ops::Range;

use gimli::{Dwarf, EndianSlice, RunTimeEndian, SectionId};
use object::{CompressionFormat, Object, ObjectSection};

use super::bytes::ImageStore;
use super::image::Image;
use super::relocate::Relocator;

/// How this crate reads DWARF.
pub(super) type Slice<'a> = EndianSlice<'a, RunTimeEndian>;

/// A packed debug section may unpack to this many bytes.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// The debug sections of an image.
pub(super) struct Sections<'a> {
    endian: RunTimeEndian,
    loaded: Vec<(SectionId, &'a [u8])>,
    /// Those of the supplementary file.
    supplement: Option<Box<Sections<'a>>>,
}

impl<'a> Sections<'a> {
    /// Unpacks and relocates what needs it.
    pub(super) fn load(
        store: &'a ImageStore,
        image: &Image<'a>,
        supplement: Option<&Image<'a>>,
    ) -> Sections<'a> {
        let endian = match image.file.endianness() {
            object::Endianness::Little => RunTimeEndian::Little,
            object::Endianness::Big => RunTimeEndian::Big,
        };
        let relocator = image.is_relocatable().then(|| Relocator::new(image));
        let load = |id: SectionId| section(store, image, id.name(), relocator.as_ref());
        let loaded = USED.iter().filter_map(|&id| Some((id, load(id)?)));
        let supplement = supplement.map(|image| Box::new(Sections::load(store, image, None)));
        Sections { endian, loaded: loaded.collect(), supplement }
    }

    /// Whether some of the debug information is in another file.
    pub(super) fn has_supplement(&self) -> bool {
        self.supplement.is_some()
    }

    /// All of the debug information.
    pub(super) fn dwarf(&self) -> Dwarf<Slice<'a>> {
        self.with(|id| self.bytes(id))
    }

    /// One unit, by its place in `.debug_info`.
    pub(super) fn dwarf_of(&self, unit: Range<usize>) -> Option<Dwarf<Slice<'a>>> {
        let unit = self.bytes(SectionId::DebugInfo).get(unit)?;
        Some(self.with(|id| match id {
            SectionId::DebugInfo => unit,
            // Its offsets are those in the whole section.
            SectionId::DebugAranges => &[],
            id => self.bytes(id),
        }))
    }

    fn bytes(&self, id: SectionId) -> &'a [u8] {
        self.loaded.iter().find(|(loaded, _)| *loaded == id).map_or(&[], |&(_, bytes)| bytes)
    }

    fn with(&self, bytes: impl Fn(SectionId) -> &'a [u8]) -> Dwarf<Slice<'a>> {
        let load = |id| Ok::<_, Infallible>(EndianSlice::new(bytes(id), self.endian));
        let mut dwarf = match Dwarf::load(load) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        };
        if let Some(supplement) = &self.supplement {
            dwarf.set_sup(supplement.dwarf());
        }
        dwarf
    }
}

/// What lines, functions and inlined calls are read from.
const USED: [SectionId; 11] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugTypes,
];

/// A section's bytes. One that is damaged counts as absent: what needs it will say so.
fn section<'a>(
    store: &'a ImageStore,
    image: &Image<'a>,
    name: &str,
    relocator: Option<&Relocator>,
) -> Option<&'a [u8]> {
    let section = image.file.section_by_name(name)?;
    let packed = section.compressed_data().ok()?;
    let relocator = relocator.filter(|_| section.relocations().next().is_some());
    let mut bytes = match packed.format {
        CompressionFormat::None if relocator.is_none() => return Some(packed.data),
        CompressionFormat::None => packed.data.to_vec(),
        CompressionFormat::Zlib => unpack(flate2::read::ZlibDecoder::new(packed.data))?,
        CompressionFormat::Zstandard => unpack(zstd::Decoder::with_buffer(packed.data).ok()?)?,
        _ => return None,
    };
    if let Some(relocator) = relocator {
        relocator.apply(&section, &mut bytes);
    }
    Some(store.keep(bytes))
}

fn unpack(decoder: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(UNPACKED_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= UNPACKED_BYTES_MAX).then_some(bytes)
}
