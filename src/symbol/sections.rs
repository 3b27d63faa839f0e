//! Debug sections as gimli reads them: unpacked, and relocated where the file is relocatable.

use std::convert::Infallible;
use std::rc::Rc;

use gimli::{Dwarf, EndianSlice, RelocateReader, RunTimeEndian, SectionId};
use object::{CompressionFormat, Object, ObjectSection};

use super::bytes::ImageStore;
use super::image::Image;
use super::pending::Pending;
use super::relocate::Relocator;

/// How this crate reads DWARF.
pub(super) type Slice<'a> = RelocateReader<EndianSlice<'a, RunTimeEndian>, Pending<'a>>;

/// The debug sections of an image.
pub(super) struct Sections<'a> {
    endian: RunTimeEndian,
    loaded: Vec<(SectionId, Section<'a>)>,
    /// Those of the supplementary file.
    supplement: Option<Box<Sections<'a>>>,
}

/// Whether relocations are applied when a section is read. Without, it is read much faster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relocations {
    /// They are.
    Pending,
    /// There are none, or they have been.
    None,
}

/// The bytes of a section, and what is still to be applied to them.
type Section<'a> = (&'a [u8], Pending<'a>);

impl<'a> Sections<'a> {
    /// Unpacks what is packed, and finds the relocations that are needed.
    pub(super) fn load(
        store: &'a ImageStore,
        image: &Image<'a>,
        supplement: Option<&Image<'a>>,
    ) -> Sections<'a> {
        let relocator = image.is_relocatable().then(|| Rc::new(Relocator::new(image)));
        let load = |id: SectionId| section(store, image, id.name(), relocator.as_ref());
        let loaded = USED.iter().filter_map(|&id| Some((id, load(id)?)));
        let supplement = supplement.map(|image| Box::new(Sections::load(store, image, None)));
        Sections { endian: endian(image), loaded: loaded.collect(), supplement }
    }

    /// Those of a file that holds the functions of units, or of all of them.
    pub(super) fn load_split(store: &'a ImageStore, image: &Image<'a>) -> Sections<'a> {
        let load = |id: SectionId| section(store, image, id.dwo_name()?, None);
        let loaded = SPLIT.iter().filter_map(|&id| Some((id, load(id)?)));
        Sections { endian: endian(image), loaded: loaded.collect(), supplement: None }
    }

    /// A section, ready to be read; an empty one where there is none.
    pub(super) fn reader(&self, id: SectionId) -> Slice<'a> {
        let (bytes, pending) = self.section(id);
        RelocateReader::new(EndianSlice::new(bytes, self.endian), pending)
    }

    /// Those of the supplementary file, where there is one.
    pub(super) fn supplement(&self) -> Option<&Sections<'a>> {
        self.supplement.as_deref()
    }

    /// All of the debug information.
    pub(super) fn dwarf(&self) -> Dwarf<Slice<'a>> {
        let load = |id| Ok::<_, Infallible>(self.reader(id));
        let mut dwarf = match Dwarf::load(load) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        };
        if let Some(supplement) = &self.supplement {
            dwarf.set_sup(supplement.dwarf());
        }
        dwarf
    }

    /// Whether something is to be applied to a section when it is read.
    pub(super) fn relocations(&self, id: SectionId) -> Relocations {
        let (_, pending) = self.section(id);
        if pending.is_empty() { Relocations::None } else { Relocations::Pending }
    }

    fn section(&self, id: SectionId) -> Section<'a> {
        let loaded = self.loaded.iter().find(|(loaded, _)| *loaded == id);
        loaded.map_or_else(Section::default, |(_, section)| section.clone())
    }
}

fn endian(image: &Image<'_>) -> RunTimeEndian {
    match image.file.endianness() {
        object::Endianness::Little => RunTimeEndian::Little,
        object::Endianness::Big => RunTimeEndian::Big,
    }
}

/// What functions and inlined calls of split units are read from; the last two only a package has.
const SPLIT: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugCuIndex,
    SectionId::DebugTuIndex,
];

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

/// A section. One that is damaged counts as absent: what needs it will say so.
fn section<'a>(
    store: &'a ImageStore,
    image: &Image<'a>,
    name: &str,
    relocator: Option<&Rc<Relocator>>,
) -> Option<Section<'a>> {
    let section = image.file.section_by_name(name)?;
    let packed = section.compressed_data().ok()?;
    let relocator = relocator.filter(|_| section.relocations().next().is_some());
    let pending = relocator.and_then(|all| Pending::of(&image.file, section.index(), all));
    let at_once = relocator.filter(|_| pending.is_none());
    let mut bytes = match packed.format {
        CompressionFormat::None if at_once.is_none() => {
            return Some((packed.data, pending.unwrap_or_default()));
        }
        CompressionFormat::None => packed.data.to_vec(),
        CompressionFormat::Zlib => {
            store.unpack(flate2::read::ZlibDecoder::new(packed.data)).ok()?
        }
        CompressionFormat::Zstandard => {
            store.unpack(zstd::Decoder::with_buffer(packed.data).ok()?).ok()?
        }
        _ => return None,
    };
    if let Some(relocator) = at_once {
        relocator.apply(&section, &mut bytes);
    }
    Some((store.keep(bytes), pending.unwrap_or_default()))
}
