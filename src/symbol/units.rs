//! The units of an image: which one covers an address, and those that were asked for.
//!
//! A kernel has thousands of units, a log touches some hundred. Where `.debug_aranges` tells the
//! unit of an address nothing else is read. Units that it does not mention are asked themselves.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::FixedState;
use gimli::{
    DebugAbbrevOffset, DebugInfoOffset, Dwarf, Encoding, Reader, SectionId, UnitHeader, UnitOffset,
};

use super::code::Code;
use super::dwarf::Damaged;
use super::functions::functions;
use super::layouts::Layouts;
use super::program::Program;
use super::ranges::Ranges;
use super::rows::{Row, Rows};
use super::sections::{Relocations, Sections, Slice};
use super::unit::Unit;

/// Units kept open. One that is open holds its abbreviations and files, of which one that was
/// asked for a single address needs few.
const OPEN_MAX: usize = 64;

/// Rows of all units. An image that has more is made up: the largest kernels have some million.
const ROWS_MAX: usize = 1 << 24;

/// Pieces of code of all units. An image that has more is made up.
const PIECES_MAX: usize = 1 << 22;

/// The units of an image.
pub(super) struct Units<'a> {
    dwarf: Dwarf<Slice<'a>>,
    lines: Relocations,
    /// Units by what `.debug_aranges` says of them.
    told: Ranges<DebugInfoOffset>,
    /// The other units by what they say of themselves.
    scanned: OnceCell<Ranges<DebugInfoOffset>>,
    /// Where every unit begins.
    starts: OnceCell<Vec<DebugInfoOffset>>,
    open: RefCell<HashMap<usize, Rc<Unit<'a>>, FixedState>>,
    contents: RefCell<HashMap<usize, Option<Rc<Contents>>, FixedState>>,
    /// The abbreviations read last: units may share them.
    shared: RefCell<Option<Shared<'a>>>,
    rows_left: Cell<usize>,
    /// Room for the rows of a unit while they are read.
    room: RefCell<Vec<Row>>,
    /// Those that entries refer to in the supplementary file.
    supplement: Option<Box<Units<'a>>>,
}

/// A unit that knows an address, and what is in it.
type Found<'a> = (Rc<Unit<'a>>, Rc<Contents>);

/// What is at the addresses of a unit.
pub(super) struct Contents {
    functions: Ranges<UnitOffset>,
    rows: Option<Rows>,
}

/// Abbreviations, which several units may have in common.
#[derive(Clone)]
struct Shared<'a> {
    place: (DebugAbbrevOffset, Encoding),
    layouts: Rc<Layouts<'a>>,
}

impl<'a> Units<'a> {
    /// Reads what `.debug_aranges` says.
    pub(super) fn new(sections: &Sections<'a>) -> Units<'a> {
        let dwarf = sections.dwarf();
        let told = Ranges::new(told(&dwarf));
        Units {
            dwarf,
            lines: sections.relocations(SectionId::DebugLine),
            told,
            scanned: OnceCell::new(),
            starts: OnceCell::new(),
            open: RefCell::default(),
            contents: RefCell::default(),
            shared: RefCell::default(),
            rows_left: Cell::new(ROWS_MAX),
            room: RefCell::default(),
            supplement: sections.supplement().map(|sections| Box::new(Units::new(sections))),
        }
    }

    /// The debug information that the units are of.
    pub(super) fn dwarf(&self) -> &Dwarf<Slice<'a>> {
        &self.dwarf
    }

    /// The units of the supplementary file.
    pub(super) fn supplement(&self) -> Option<&Units<'a>> {
        self.supplement.as_deref()
    }

    /// The unit that knows an address, with what is in it; nothing where none does.
    pub(super) fn find(&self, address: u64) -> Result<Option<Found<'a>>, Damaged> {
        let told = self.find_in(&self.told, address)?;
        if told.is_some() {
            return Ok(told);
        }
        self.find_in(self.scanned.get_or_init(|| self.scan()), address)
    }

    fn find_in(
        &self,
        ranges: &Ranges<DebugInfoOffset>,
        address: u64,
    ) -> Result<Option<Found<'a>>, Damaged> {
        for (_, &place) in ranges.find(address) {
            let contents = self.contents(place)?;
            if contents.knows(address) {
                return Ok(Some((self.unit(place)?, contents)));
            }
        }
        Ok(None)
    }

    /// The entry at a place, and its unit.
    pub(super) fn entry_at(&self, place: DebugInfoOffset) -> Option<(Rc<Unit<'a>>, UnitOffset)> {
        let starts = self.starts.get_or_init(|| self.starts());
        let behind = starts.partition_point(|&start| start <= place);
        let start = *starts.get(behind.checked_sub(1)?)?;
        Some((self.unit(start).ok()?, UnitOffset(place.0 - start.0)))
    }

    /// The unit at a place.
    fn unit(&self, place: DebugInfoOffset) -> Result<Rc<Unit<'a>>, Damaged> {
        if let Some(unit) = self.open.borrow().get(&place.0) {
            return Ok(Rc::clone(unit));
        }
        let unit = Rc::new(self.read(self.dwarf.unit_header(place)?)?);
        let mut open = self.open.borrow_mut();
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(place.0, Rc::clone(&unit));
        Ok(unit)
    }

    fn read(&self, header: UnitHeader<Slice<'a>>) -> Result<Unit<'a>, Damaged> {
        let layouts = self.layouts(&header)?;
        let mut entries = header.range_from(header.root_offset()..)?;
        let abbreviations = Arc::new(layouts.only(entries.read_uleb128()?)?);
        let unit = gimli::Unit::new_with_abbreviations(&self.dwarf, header, abbreviations)?;
        Ok(Unit::new(unit, layouts))
    }

    fn layouts(&self, header: &UnitHeader<Slice<'a>>) -> Result<Rc<Layouts<'a>>, Damaged> {
        let place = (header.debug_abbrev_offset(), header.encoding());
        let mut shared = self.shared.borrow_mut();
        if let Some(shared) = shared.as_ref().filter(|shared| shared.place == place) {
            return Ok(Rc::clone(&shared.layouts));
        }
        let layouts = Rc::new(Layouts::read(&self.dwarf.debug_abbrev, header)?);
        *shared = Some(Shared { place, layouts: Rc::clone(&layouts) });
        Ok(layouts)
    }

    fn contents(&self, place: DebugInfoOffset) -> Result<Rc<Contents>, Damaged> {
        let known = self.contents.borrow().get(&place.0).cloned();
        let contents = known.unwrap_or_else(|| {
            let contents = self.unit(place).and_then(|unit| self.read_contents(&unit));
            let contents = contents.ok().map(Rc::new);
            self.contents.borrow_mut().insert(place.0, contents.clone());
            contents
        });
        contents.ok_or(Damaged)
    }

    fn read_contents(&self, unit: &Unit<'a>) -> Result<Contents, Damaged> {
        let functions = functions(&self.dwarf, unit)?;
        let rows = self.rows(unit)?;
        if let Some(rows) = &rows {
            self.rows_left.set(self.rows_left.get().saturating_sub(rows.len()));
        }
        Ok(Contents { functions, rows })
    }

    fn starts(&self) -> Vec<DebugInfoOffset> {
        let mut headers = self.dwarf.units();
        let headers = std::iter::from_fn(|| headers.next().ok().flatten());
        headers.filter_map(|header| header.debug_info_offset()).collect()
    }

    /// Asks every unit of which nothing is told where its code is. One that is damaged does not
    /// know.
    fn scan(&self) -> Ranges<DebugInfoOffset> {
        let told: HashSet<usize, FixedState> =
            self.told.iter().map(|(_, _, place)| place.0).collect();
        let starts = self.starts.get_or_init(|| self.starts());
        let mut pieces = Vec::new();
        for &place in starts.iter().filter(|place| !told.contains(&place.0)) {
            let of_unit = self.pieces(place).unwrap_or_default();
            pieces.extend(of_unit.into_iter().map(|(begin, end)| (begin, end, place)));
            if pieces.len() > PIECES_MAX {
                break;
            }
        }
        Ranges::new(pieces)
    }

    /// Where the code of a unit is: by its first entry, or else by its line table.
    fn pieces(&self, place: DebugInfoOffset) -> Result<Vec<(u64, u64)>, Damaged> {
        let unit = self.read(self.dwarf.unit_header(place)?)?;
        let code = Code::of(&self.dwarf, &unit, unit.dwarf.header.root_offset())?;
        let pieces: Vec<(u64, u64)> = code.take(PIECES_MAX).collect::<Result<_, Damaged>>()?;
        if !pieces.is_empty() {
            return Ok(pieces);
        }
        let rows = self.rows(&unit)?;
        Ok(rows.map_or_else(Vec::new, |rows| rows.sequences().collect()))
    }

    fn rows(&self, unit: &Unit<'a>) -> Result<Option<Rows>, Damaged> {
        let Some(program) = &unit.dwarf.line_program else { return Ok(None) };
        let rows_max = self.rows_left.get();
        let header = program.header();
        let mut room = self.room.borrow_mut();
        let instructions = header.raw_program_buf();
        match self.lines {
            Relocations::Pending => {
                Rows::read(Program::new(header, instructions)?, &mut room, rows_max)
            }
            Relocations::None => {
                let instructions = *instructions.inner();
                Rows::read(Program::new(header, instructions)?, &mut room, rows_max)
            }
        }
        .map(Some)
    }
}

impl Contents {
    fn knows(&self, address: u64) -> bool {
        self.function(address).is_some() || self.row(address).is_some()
    }

    /// The function that an address is in.
    pub(super) fn function(&self, address: u64) -> Option<UnitOffset> {
        self.functions.find(address).next().map(|(_, &function)| function)
    }

    /// The line that an address comes from.
    pub(super) fn row(&self, address: u64) -> Option<Row> {
        self.rows.as_ref()?.find(address)
    }
}

/// What `.debug_aranges` says, as far as it can be read.
fn told(dwarf: &Dwarf<Slice<'_>>) -> Vec<(u64, u64, DebugInfoOffset)> {
    let mut told = Vec::new();
    let mut headers = dwarf.debug_aranges.headers();
    while let Ok(Some(header)) = headers.next() {
        let place = header.debug_info_offset();
        let ranges = header.entries().map_while(Result::ok).map(|entry| entry.range());
        told.extend(ranges.map(|range| (range.begin, range.end, place)));
    }
    told
}
