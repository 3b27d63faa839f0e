//! Function descriptors of 64-bit powerpc's first ABI: there a function's symbol names an entry of
//! `.opd`, which says where the code is.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use object::{
    Architecture, Endianness, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex,
};

use super::image::Image;

/// The descriptors of an image.
pub(super) struct Descriptors {
    section: SectionIndex,
    /// Where code is, as laid out, by the address of its descriptor within the section.
    code: HashMap<u64, (SectionIndex, u64), FixedState>,
}

/// Bytes from one descriptor to the next: code, table of contents, environment.
const DESCRIPTOR_BYTES: u64 = 24;

impl Descriptors {
    /// Reads the descriptors of an image that has some.
    pub(super) fn of(image: &Image<'_>) -> Option<Descriptors> {
        if image.file.architecture() != Architecture::PowerPc64 {
            return None;
        }
        let section = image.file.section_by_name(".opd")?;
        let code = if image.is_relocatable() {
            section
                .relocations()
                .filter_map(|(at, relocation)| {
                    let RelocationTarget::Symbol(symbol) = relocation.target() else { return None };
                    let symbol = image.file.symbol_by_index(symbol).ok()?;
                    let index = symbol.section_index()?;
                    let place = symbol.address().wrapping_add_signed(relocation.addend());
                    Some((at, (index, image.base(index)?.wrapping_add(place))))
                })
                .collect()
        } else {
            linked(image, &section)?
        };
        Some(Descriptors { section: section.index(), code })
    }

    /// The code that a symbol stands for; nothing for one that is no descriptor.
    pub(super) fn code(&self, section: SectionIndex, value: u64) -> Option<(SectionIndex, u64)> {
        (section == self.section).then(|| self.code.get(&value).copied()).flatten()
    }
}

/// The descriptors of a linked image, whose bytes are the addresses.
fn linked<'a>(
    image: &Image<'_>,
    section: &impl ObjectSection<'a>,
) -> Option<HashMap<u64, (SectionIndex, u64), FixedState>> {
    let is_little = image.file.endianness() == Endianness::Little;
    let read = |bytes: &[u8; 8]| {
        if is_little { u64::from_le_bytes(*bytes) } else { u64::from_be_bytes(*bytes) }
    };
    let ranges: Vec<(SectionIndex, u64, u64)> = image
        .file
        .sections()
        .filter(|section| image.base(section.index()).is_some() && section.address() != 0)
        .map(|code| (code.index(), code.address(), code.address().saturating_add(code.size())))
        .collect();
    let place = |at: u64| {
        let (index, _, _) = ranges.iter().find(|&&(_, first, end)| (first..end).contains(&at))?;
        Some((*index, at))
    };
    let step = usize::try_from(DESCRIPTOR_BYTES).ok()?;
    let data = section.data().ok()?;
    let starts = (section.address()..).step_by(step);
    let entries = starts
        .zip(data.chunks(step))
        .filter_map(|(address, entry)| Some((address, place(read(entry.first_chunk()?))?)));
    Some(entries.collect())
}
