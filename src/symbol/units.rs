//! Which unit of the debug information covers an address, and that unit alone, read once.
//!
//! A kernel has thousands of units, a log touches some hundred. Where `.debug_aranges` tells the
//! unit of an address, and the unit refers to no other, nothing else is read; otherwise every
//! unit's head is.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use addr2line::Context;
use foldhash::fast::FixedState;
use gimli::{DebugInfoOffset, Dwarf, UnitHeader, constants};

use super::sections::{Sections, Slice};

/// One reader of debug information.
pub(super) type Reader<'a> = Rc<Context<Slice<'a>>>;

/// The units of an image.
pub(super) struct Units<'a> {
    sections: Sections<'a>,
    dwarf: Dwarf<Slice<'a>>,
    /// First address, address behind the last, and the unit's place in `.debug_info`; sorted.
    ranges: Vec<(u64, u64, usize)>,
    single: RefCell<HashMap<usize, Option<Reader<'a>>, FixedState>>,
    all: OnceCell<Option<Reader<'a>>>,
}

impl<'a> Units<'a> {
    /// Reads which unit covers what.
    pub(super) fn new(sections: Sections<'a>) -> Units<'a> {
        let dwarf = sections.dwarf();
        let ranges = ranges(&dwarf).unwrap_or_default();
        let single = RefCell::new(HashMap::with_hasher(FixedState::default()));
        Units { sections, dwarf, ranges, single, all: OnceCell::new() }
    }

    /// What knows an address; nothing where the debug information is damaged.
    pub(super) fn reader(&self, address: u64) -> Option<Reader<'a>> {
        let single = self.unit_of(address).and_then(|unit| {
            let mut single = self.single.borrow_mut();
            single.entry(unit).or_insert_with(|| self.open(unit)).clone()
        });
        single.or_else(|| self.all.get_or_init(|| self.open_all()).clone())
    }

    fn unit_of(&self, address: u64) -> Option<usize> {
        let behind = self.ranges.partition_point(|&(first, _, _)| first <= address);
        let &(_, end, unit) = self.ranges.get(behind.checked_sub(1)?)?;
        (address < end).then_some(unit)
    }

    fn open(&self, unit: usize) -> Option<Reader<'a>> {
        let header = self.dwarf.debug_info.header_from_offset(DebugInfoOffset(unit)).ok()?;
        if self.sections.has_supplement() || !self.stands_alone(&header) {
            return None;
        }
        let end = unit.checked_add(header.length_including_self())?;
        Context::from_dwarf(self.sections.dwarf_of(unit..end)?).ok().map(Rc::new)
    }

    fn open_all(&self) -> Option<Reader<'a>> {
        Context::from_dwarf(self.sections.dwarf()).ok().map(Rc::new)
    }

    /// Whether no entry of a unit refers to one of another unit, as link-time optimisation makes
    /// them.
    fn stands_alone(&self, header: &UnitHeader<Slice<'a>>) -> bool {
        let Ok(abbreviations) = header.abbreviations(&self.dwarf.debug_abbrev) else {
            return false;
        };
        (1..).map_while(|code| abbreviations.get(code)).all(|abbreviation| {
            let mut attributes = abbreviation.attributes().iter();
            attributes.all(|attribute| attribute.form() != constants::DW_FORM_ref_addr)
        })
    }
}

fn ranges(dwarf: &Dwarf<Slice<'_>>) -> gimli::Result<Vec<(u64, u64, usize)>> {
    let mut ranges = Vec::new();
    let mut headers = dwarf.debug_aranges.headers();
    while let Some(header) = headers.next()? {
        let mut entries = header.entries();
        while let Some(entry) = entries.next()? {
            let range = entry.range();
            if range.begin < range.end {
                ranges.push((range.begin, range.end, header.debug_info_offset().0));
            }
        }
    }
    ranges.sort_unstable();
    Ok(ranges)
}
