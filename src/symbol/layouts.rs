//! How the entries of a unit are laid out: what each abbreviation says.

use gimli::constants as dw;
use gimli::{
    Abbreviations, AttributeSpecification, DebugAbbrev, DebugAbbrevOffset, DwAt, DwForm, DwTag,
    EndianSlice, Reader, RunTimeEndian, Section, UnitHeader,
};

use super::dwarf::Damaged;
use super::sections::Slice;

/// About so many abbreviations has a unit of a kernel.
const USUAL: usize = 256;

/// The abbreviations that a unit's entries have.
#[derive(Debug)]
pub(super) struct Layouts<'a> {
    /// By their numbers.
    numbered: Vec<Layout>,
    /// The attributes of all of them, one behind another.
    specifications: Vec<AttributeSpecification>,
    /// Where they are declared.
    declarations: EndianSlice<'a, RunTimeEndian>,
}

/// An abbreviation: what entries have in common that have its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    code: u64,
    /// What the entries describe.
    pub(super) kind: Kind,
    /// Whether other entries are below them.
    pub(super) has_children: bool,
    /// Bytes of their attributes; nothing where they vary.
    pub(super) length: Option<usize>,
    /// Where among the attributes the place of the next entry of the same level is.
    pub(super) sibling: Option<Sibling>,
    /// Its attributes among those of all.
    attributes: (usize, usize),
    /// Its own declaration among all.
    declaration: (usize, usize),
}

/// Where among an entry's attributes the place of its sibling is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sibling {
    /// That many bytes from where they begin.
    At(usize),
    /// Behind that many attributes whose length varies: of functions, which have an expression
    /// before it.
    Behind(usize),
}

/// What an entry describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A function that has code.
    Function,
    /// A call that was inlined.
    Inlined,
    /// Something else.
    Other,
}

impl<'a> Layouts<'a> {
    /// Reads the abbreviations that a unit's header names.
    pub(super) fn read(
        section: &DebugAbbrev<Slice<'a>>,
        header: &UnitHeader<Slice<'a>>,
    ) -> Result<Layouts<'a>, Damaged> {
        let mut declarations = *section.reader().inner();
        declarations.skip(header.debug_abbrev_offset().0)?;
        let mut layouts = Layouts {
            numbered: Vec::with_capacity(USUAL),
            specifications: Vec::with_capacity(USUAL * 8),
            declarations,
        };
        let mut left = declarations;
        while let Some(layout) = layouts.next(&mut left, header)? {
            layouts.numbered.push(layout);
        }
        layouts.numbered.sort_by_key(|layout| layout.code);
        Ok(layouts)
    }

    fn next(
        &mut self,
        left: &mut EndianSlice<'a, RunTimeEndian>,
        header: &UnitHeader<Slice<'a>>,
    ) -> Result<Option<Layout>, Damaged> {
        let begin = self.declarations.len() - left.len();
        let code = if left.is_empty() { 0 } else { left.read_uleb128()? };
        if code == 0 {
            return Ok(None);
        }
        let tag = DwTag(left.read_uleb128_u16()?);
        let has_children = left.read_u8()? == dw::DW_CHILDREN_yes.0;
        let first = self.specifications.len();
        while let Some(specification) = specification(left)? {
            self.specifications.push(specification);
        }
        let end = self.declarations.len() - left.len();
        let specifications = &self.specifications[first..];
        let (length, sibling) = measure(specifications, header);
        Ok(Some(Layout {
            code,
            kind: Kind::of(tag, specifications),
            has_children,
            length,
            sibling,
            attributes: (first, self.specifications.len()),
            declaration: (begin, end),
        }))
    }

    /// The layout of entries with a number.
    pub(super) fn get(&self, code: u64) -> Option<&Layout> {
        // Compilers number abbreviations from 1 on.
        let index = usize::try_from(code).ok()?.checked_sub(1)?;
        let usual = self.numbered.get(index).filter(|layout| layout.code == code);
        usual.or_else(|| {
            let index = self.numbered.binary_search_by_key(&code, |layout| layout.code).ok()?;
            self.numbered.get(index)
        })
    }

    /// The attributes of entries with a layout.
    pub(super) fn attributes(&self, layout: &Layout) -> &[AttributeSpecification] {
        let (first, behind) = layout.attributes;
        self.specifications.get(first..behind).unwrap_or_default()
    }

    /// The one abbreviation of a number, as gimli reads it. It takes its time to read all.
    pub(super) fn only(&self, code: u64) -> Result<Abbreviations, Damaged> {
        let (begin, end) = self.get(code).ok_or(Damaged)?.declaration;
        let mut declaration = self.declarations.slice().get(begin..end).ok_or(Damaged)?.to_vec();
        declaration.push(0);
        let section = DebugAbbrev::new(&declaration, self.declarations.endian());
        Ok(section.abbreviations(DebugAbbrevOffset(0))?)
    }
}

impl Kind {
    fn of(tag: DwTag, attributes: &[AttributeSpecification]) -> Kind {
        let has = |name| attributes.iter().any(|attribute| attribute.name() == name);
        match tag {
            dw::DW_TAG_subprogram if has(dw::DW_AT_low_pc) || has(dw::DW_AT_ranges) => {
                Kind::Function
            }
            dw::DW_TAG_inlined_subroutine => Kind::Inlined,
            _ => Kind::Other,
        }
    }
}

/// Reads an attribute of a declaration; nothing at its end.
fn specification(
    left: &mut EndianSlice<'_, RunTimeEndian>,
) -> Result<Option<AttributeSpecification>, Damaged> {
    let (name, form) = (DwAt(left.read_uleb128_u16()?), DwForm(left.read_uleb128_u16()?));
    let constant = match form {
        dw::DW_FORM_implicit_const => Some(left.read_sleb128()?),
        _ => None,
    };
    let is_end = (name, form) == (DwAt(0), DwForm(0));
    Ok((!is_end).then(|| AttributeSpecification::new(name, form, constant)))
}

/// How long attributes are, and where among them the place of the sibling is.
fn measure(
    attributes: &[AttributeSpecification],
    header: &UnitHeader<Slice<'_>>,
) -> (Option<usize>, Option<Sibling>) {
    let (mut length, mut sibling) = (Some(0), None);
    for (index, attribute) in attributes.iter().enumerate() {
        if attribute.name() == dw::DW_AT_sibling && attribute.form() == dw::DW_FORM_ref4 {
            sibling = Some(length.map_or(Sibling::Behind(index), Sibling::At));
        }
        length = length.and_then(|length: usize| length.checked_add(attribute.size(header)?));
    }
    (length, sibling)
}
