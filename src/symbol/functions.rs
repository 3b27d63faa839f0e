//! The functions of a unit, and the calls that the compiler inlined into them.

use gimli::constants as dw;
use gimli::{AttributeValue, Dwarf, UnitOffset};

use super::code::Code;
use super::dwarf::Damaged;
use super::layouts::Kind;
use super::ranges::Ranges;
use super::sections::Slice;
use super::unit::Unit;
use super::units::Units;

/// Pieces of code of one unit's functions, or of the calls inlined into one function. What has
/// more is made up.
const PIECES_MAX: usize = 1 << 20;

/// Calls inlined into one another. What has more is made up.
const CALLS_MAX: usize = 1 << 10;

/// Steps from an entry to the one that has its name.
const ORIGINS_MAX: usize = 16;

/// A call that was inlined, and where it was called from.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The function that was called.
    pub(super) name: Option<Slice<'a>>,
    /// The file of the call, by its number in the unit.
    pub(super) file: Option<u64>,
    /// The line of the call; 0 where it is not known.
    pub(super) line: u64,
    /// The column of the call; 0 where it is not known.
    pub(super) column: u64,
}

/// The functions of a unit, by where their code is.
pub(super) fn functions<'a>(
    dwarf: &Dwarf<Slice<'a>>,
    unit: &Unit<'a>,
) -> Result<Ranges<UnitOffset>, Damaged> {
    let mut pieces = Vec::new();
    let is_nested = unit.nests_functions()?;
    let mut walk = unit.walk(unit.dwarf.header.root_offset())?;
    while let Some(entry) = walk.next()? {
        if entry.kind == Kind::Function {
            for piece in Code::of(dwarf, unit, entry.at)? {
                let (begin, end) = piece?;
                pieces.push((begin, end, entry.at));
                if pieces.len() > PIECES_MAX {
                    return Err(Damaged);
                }
            }
        }
        if !is_nested {
            if entry.depth > 0 {
                walk.skip_children(&entry)?;
            }
            walk.skip_plain_entries()?;
        }
    }
    Ok(Ranges::new(pieces))
}

/// The calls inlined at an address of a function, outermost first.
pub(super) fn inlined_calls<'a>(
    units: &Units<'a>,
    unit: &Unit<'a>,
    function: UnitOffset,
    address: u64,
) -> Result<Vec<Call<'a>>, Damaged> {
    let mut calls = Vec::new();
    let mut pieces = 0;
    let mut walk = unit.walk(function)?;
    // What is inlined into a call is below its entry.
    let mut level = walk.next()?.map_or(0, |function| function.depth);
    while let Some(entry) = walk.next()?.filter(|entry| entry.depth > level) {
        let mut is_here = false;
        if entry.kind == Kind::Inlined {
            for piece in Code::of(units.dwarf(), unit, entry.at)? {
                let (begin, end) = piece?;
                is_here |= (begin..end).contains(&address);
                pieces += 1;
                if pieces > PIECES_MAX {
                    return Err(Damaged);
                }
            }
        }
        if is_here {
            calls.push(call(units, unit, entry.at)?);
            level = entry.depth;
        } else if entry.kind != Kind::Other {
            walk.skip_children(&entry)?;
        }
        if calls.len() > CALLS_MAX {
            return Err(Damaged);
        }
    }
    Ok(calls)
}

fn call<'a>(units: &Units<'a>, unit: &Unit<'a>, at: UnitOffset) -> Result<Call<'a>, Damaged> {
    let mut call =
        Call { name: name(units, unit, at, ORIGINS_MAX), file: None, line: 0, column: 0 };
    let mut attributes = unit.attributes(at)?;
    while let Some(attribute) = attributes.next()? {
        let number = || attribute.udata_value().unwrap_or(0);
        match (attribute.name(), attribute.value()) {
            // The first file has the number 1 before DWARF 5, and 0 from then on.
            (dw::DW_AT_call_file, AttributeValue::FileIndex(0))
                if unit.dwarf.header.version() < 5 => {}
            (dw::DW_AT_call_file, AttributeValue::FileIndex(file)) => call.file = Some(file),
            (dw::DW_AT_call_line, _) => call.line = number(),
            (dw::DW_AT_call_column, _) => call.column = number(),
            _ => {}
        }
    }
    Ok(call)
}

/// The name of the function that an entry is, or is a copy of. Linkers' names tell more than
/// those of sources where a language has both.
fn name<'a>(
    units: &Units<'a>,
    unit: &Unit<'a>,
    entry: UnitOffset,
    origins: usize,
) -> Option<Slice<'a>> {
    let (mut name_in_source, mut origin) = (None, None);
    let mut attributes = unit.attributes(entry).ok()?;
    while let Some(attribute) = attributes.next().ok()? {
        let value = attribute.value();
        match attribute.name() {
            dw::DW_AT_linkage_name | dw::DW_AT_MIPS_linkage_name => {
                if let Ok(name) = units.dwarf().attr_string(&unit.dwarf, value) {
                    return Some(name);
                }
            }
            dw::DW_AT_name => name_in_source = units.dwarf().attr_string(&unit.dwarf, value).ok(),
            dw::DW_AT_abstract_origin | dw::DW_AT_specification => origin = Some(value),
            _ => {}
        }
    }
    name_in_source.or_else(|| {
        let origins = origins.checked_sub(1)?;
        match origin? {
            AttributeValue::UnitRef(entry) => name(units, unit, entry, origins),
            AttributeValue::DebugInfoRef(place) => {
                let (unit, entry) = units.entry_at(place)?;
                name(units, &unit, entry, origins)
            }
            AttributeValue::DebugInfoRefSup(place) => {
                let units = units.supplement()?;
                let (unit, entry) = units.entry_at(place)?;
                name(units, &unit, entry, origins)
            }
            _ => None,
        }
    })
}
