//! One unit of the debug information: mostly one source file with all that it includes.

use std::rc::Rc;
use std::slice;

use gimli::constants as dw;
use gimli::{
    Attribute, AttributeSpecification, AttributeValue, Dwarf, EntriesRaw, Reader, UnitOffset,
};

use super::dwarf::Damaged;
use super::entries::Walk;
use super::layouts::Layouts;
use super::sections::Slice;

/// A unit, with what is needed to read any of its entries.
pub(super) struct Unit<'a> {
    pub(super) dwarf: gimli::Unit<Slice<'a>>,
    layouts: Rc<Layouts<'a>>,
}

impl<'a> Unit<'a> {
    /// A unit whose abbreviations have `layouts`.
    pub(super) fn new(dwarf: gimli::Unit<Slice<'a>>, layouts: Rc<Layouts<'a>>) -> Unit<'a> {
        Unit { dwarf, layouts }
    }

    /// A walk over its entries, from one of them on.
    pub(super) fn walk(&self, from: UnitOffset) -> Result<Walk<'_, 'a>, Damaged> {
        Walk::new(&self.dwarf, &self.layouts, from)
    }

    /// The attributes of an entry.
    pub(super) fn attributes(&self, entry: UnitOffset) -> Result<Attributes<'_, 'a>, Damaged> {
        let mut input = self.dwarf.header.range_from(entry..)?;
        let layout = self.layouts.get(input.read_uleb128()?).ok_or(Damaged)?;
        let encoding = self.dwarf.encoding();
        // What it counts from does not matter, for it is never asked where it is.
        let entries = EntriesRaw::new(input, encoding, &self.dwarf.abbreviations, UnitOffset(0));
        Ok(Attributes { entries, left: self.layouts.attributes(layout).iter() })
    }

    /// Whether functions may be anywhere below other entries. In C they are at the top.
    pub(super) fn nests_functions(&self) -> Result<bool, Damaged> {
        let mut attributes = self.attributes(self.dwarf.header.root_offset())?;
        while let Some(attribute) = attributes.next()? {
            if let (dw::DW_AT_language, AttributeValue::Language(language)) =
                (attribute.name(), attribute.value())
            {
                let is_flat = matches!(
                    language,
                    dw::DW_LANG_C
                        | dw::DW_LANG_C89
                        | dw::DW_LANG_C99
                        | dw::DW_LANG_C11
                        | dw::DW_LANG_C17
                );
                return Ok(!is_flat && language != dw::DW_LANG_Mips_Assembler);
            }
        }
        Ok(true)
    }

    /// The folder that it was compiled in.
    pub(super) fn folder(&self) -> Option<&'a str> {
        text(self.dwarf.comp_dir.as_ref()?)
    }

    /// Whether its functions lie in another file.
    pub(super) fn is_split(&self) -> bool {
        self.dwarf.dwo_id.is_some() && matches!(self.dwarf.dwo_name(), Ok(Some(_)))
    }

    /// The path of a file, by its number in the line table.
    pub(super) fn path(&self, dwarf: &Dwarf<Slice<'a>>, file: u64) -> Option<String> {
        let header = self.dwarf.line_program.as_ref()?.header();
        let file = header.file(file)?;
        let string = |value| dwarf.attr_string(&self.dwarf, value).ok();
        let mut path = self.folder().unwrap_or_default().to_owned();
        // The first folder is the unit's own.
        if file.directory_index() != 0
            && let Some(folder) = file.directory(header).and_then(string)
        {
            push(&mut path, &folder.to_string_lossy().ok()?);
        }
        push(&mut path, &string(file.path_name())?.to_string_lossy().ok()?);
        Some(path)
    }
}

/// The attributes of an entry, one after another.
pub(super) struct Attributes<'u, 'a> {
    entries: EntriesRaw<'u, Slice<'a>>,
    left: slice::Iter<'u, AttributeSpecification>,
}

impl<'a> Attributes<'_, 'a> {
    /// The next one.
    pub(super) fn next(&mut self) -> Result<Option<Attribute<Slice<'a>>>, Damaged> {
        let next = self.left.next().map(|&next| self.entries.read_attribute(next));
        Ok(next.transpose()?)
    }
}

fn text<'a>(bytes: &Slice<'a>) -> Option<&'a str> {
    std::str::from_utf8(bytes.inner().slice()).ok()
}

/// Adds what is under a path; another absolute path takes its place.
fn push(path: &mut String, below: &str) {
    if below.starts_with('/') {
        path.clear();
    } else if !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(below);
}
