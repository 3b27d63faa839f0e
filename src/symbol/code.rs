//! Where the code of an entry is: in one piece, or in several.

use gimli::constants as dw;
use gimli::{AttributeValue, Dwarf, RngListIter, UnitOffset};

use super::dwarf::Damaged;
use super::sections::Slice;
use super::unit::Unit;

/// The pieces of an entry's code, each with its first address and the one behind its last.
#[derive(Debug)]
pub(super) enum Code<'a> {
    /// One or none.
    Piece(Option<(u64, u64)>),
    /// A list of them.
    List(RngListIter<Slice<'a>>),
}

impl<'a> Code<'a> {
    /// Reads where the code of the entry at a place is.
    pub(super) fn of(
        dwarf: &Dwarf<Slice<'a>>,
        unit: &Unit<'a>,
        entry: UnitOffset,
    ) -> Result<Code<'a>, Damaged> {
        let (mut first, mut behind, mut length) = (None, None, None);
        let mut attributes = unit.attributes(entry)?;
        while let Some(attribute) = attributes.next()? {
            match (attribute.name(), attribute.value()) {
                (dw::DW_AT_low_pc, value) => first = dwarf.attr_address(&unit.dwarf, value)?,
                (dw::DW_AT_high_pc, AttributeValue::Udata(bytes)) => length = Some(bytes),
                (dw::DW_AT_high_pc, value) => behind = dwarf.attr_address(&unit.dwarf, value)?,
                (dw::DW_AT_ranges, value) => {
                    if let Some(list) = dwarf.attr_ranges(&unit.dwarf, value)? {
                        return Ok(Code::List(list));
                    }
                }
                _ => {}
            }
        }
        let behind = behind.or_else(|| first?.checked_add(length?));
        Ok(Code::Piece(first.zip(behind)))
    }
}

impl Iterator for Code<'_> {
    type Item = Result<(u64, u64), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Code::Piece(piece) => piece.take().map(Ok),
            Code::List(list) => match list.next() {
                Ok(range) => range.map(|range| Ok((range.begin, range.end))),
                Err(error) => Some(Err(error.into())),
            },
        }
    }
}
