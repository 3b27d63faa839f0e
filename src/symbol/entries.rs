//! A walk over the entries of a unit that steps over nearly all of them.
//!
//! Most of a kernel's debug information describes types. What is wanted are functions and the
//! calls inlined into them, so that an entry's attributes are not read but passed over, mostly
//! by one addition: their length is known for each abbreviation.

use gimli::{AttributeSpecification, Endianity, EntriesRaw, Reader, RunTimeEndian, UnitOffset};

use super::dwarf::Damaged;
use super::layouts::{Kind, Layout, Layouts, Sibling};
use super::sections::Slice;

/// An entry that a walk came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where it is in its unit.
    pub(super) at: UnitOffset,
    /// How many levels below the entry where the walk began.
    pub(super) depth: usize,
    /// What it describes.
    pub(super) kind: Kind,
    /// Where the entry behind its children is, if it says so.
    sibling: Option<usize>,
}

/// A walk over entries in their order.
#[derive(Debug)]
pub(super) struct Walk<'u, 'a> {
    unit: &'u gimli::Unit<Slice<'a>>,
    layouts: &'u Layouts<'a>,
    /// The unit from its first entry on.
    bytes: &'a [u8],
    endian: RunTimeEndian,
    /// How many bytes come before them in the unit.
    head: usize,
    /// The next byte of them.
    at: usize,
    depth: usize,
}

impl<'u, 'a> Walk<'u, 'a> {
    /// A walk that begins with the entry at `from`.
    pub(super) fn new(
        unit: &'u gimli::Unit<Slice<'a>>,
        layouts: &'u Layouts<'a>,
        from: UnitOffset,
    ) -> Result<Walk<'u, 'a>, Damaged> {
        let head = unit.header.root_offset();
        let reader = unit.header.range_from(head..)?;
        let (bytes, endian) = (reader.inner().slice(), reader.endian());
        let at = from.0.checked_sub(head.0).ok_or(Damaged)?;
        Ok(Walk { unit, layouts, bytes, endian, head: head.0, at, depth: 0 })
    }

    /// The next entry; nothing behind the last of the level where the walk began.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Damaged> {
        while self.at < self.bytes.len() {
            match self.step()? {
                None if self.depth == 0 => break,
                None => self.depth -= 1,
                entry => return Ok(entry),
            }
        }
        Ok(None)
    }

    /// Passes over entries of this level, and what is below them, up to one that may be of
    /// interest. [`Walk::next`] and [`Walk::skip_children`] would do the same, but most of the
    /// time that a kernel's units take is spent here.
    pub(super) fn skip_plain_entries(&mut self) -> Result<(), Damaged> {
        loop {
            let (code, attributes) = match self.bytes.get(self.at..) {
                Some(&[code @ 1..0x80, ..]) => (u64::from(code), self.at + 1),
                Some(&[low @ 0x80..=0xff, high @ 1..0x80, ..]) => {
                    (u64::from(low & 0x7f) | u64::from(high) << 7, self.at + 2)
                }
                _ => return Ok(()),
            };
            let layout = self.layouts.get(code).filter(|layout| layout.kind == Kind::Other);
            let Some((layout, length)) = layout.and_then(|layout| Some((layout, layout.length?)))
            else {
                return Ok(());
            };
            let behind = attributes.checked_add(length).ok_or(Damaged)?;
            self.at = match (layout.has_children, layout.sibling) {
                (false, _) => behind,
                (true, Some(Sibling::At(sibling))) => {
                    let place = self.reference(attributes.saturating_add(sibling))?;
                    self.behind_children(place, behind)?
                }
                (true, Some(Sibling::Behind(_)) | None) => return Ok(()),
            };
        }
    }

    /// Passes over what is below the entry that came last.
    pub(super) fn skip_children(&mut self, entry: &Entry) -> Result<(), Damaged> {
        if self.depth == entry.depth {
            return Ok(());
        }
        if let Some(sibling) = entry.sibling {
            (self.at, self.depth) = (self.behind_children(sibling, self.at)?, entry.depth);
        }
        while self.depth > entry.depth {
            if self.step()?.is_none() {
                self.depth -= 1;
            }
        }
        Ok(())
    }

    /// Where an entry's sibling is. It comes after the entry, or the walk would never end.
    fn behind_children(&self, sibling: usize, behind: usize) -> Result<usize, Damaged> {
        sibling.checked_sub(self.head).filter(|&to| to >= behind).ok_or(Damaged)
    }

    /// Passes over one entry, or the end of a level, which is nothing.
    fn step(&mut self) -> Result<Option<Entry>, Damaged> {
        let start = self.at;
        let code = self.code()?;
        if code == 0 {
            return Ok(None);
        }
        let layout = self.layouts.get(code).ok_or(Damaged)?;
        let attributes = self.at;
        self.at = match layout.length {
            Some(length) => attributes.checked_add(length).ok_or(Damaged)?,
            None => self.end_of(self.layouts.attributes(layout), attributes)?,
        };
        let sibling = layout.sibling.filter(|_| layout.has_children);
        let sibling =
            sibling.map(|sibling| self.sibling(sibling, layout, attributes)).transpose()?;
        let at = UnitOffset(start + self.head);
        let entry = Entry { at, depth: self.depth, kind: layout.kind, sibling };
        self.depth += usize::from(layout.has_children);
        Ok(Some(entry))
    }

    /// The abbreviation of the next entry.
    fn code(&mut self) -> Result<u64, Damaged> {
        let mut code = 0;
        for shift in (0..63).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(Damaged)?;
            self.at += 1;
            code |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(code);
            }
        }
        Err(Damaged)
    }

    /// The sibling of an entry whose attributes begin at `start`.
    fn sibling(&self, sibling: Sibling, layout: &Layout, start: usize) -> Result<usize, Damaged> {
        match sibling {
            Sibling::At(bytes) => self.reference(start.saturating_add(bytes)),
            Sibling::Behind(count) => {
                let attributes = self.layouts.attributes(layout).get(..count).ok_or(Damaged)?;
                self.reference(self.end_of(attributes, start)?)
            }
        }
    }

    /// Where attributes end that begin at `start`, when their layout does not tell.
    fn end_of(
        &self,
        attributes: &[AttributeSpecification],
        start: usize,
    ) -> Result<usize, Damaged> {
        let at = UnitOffset(start + self.head);
        let input = self.unit.header.range_from(at..)?;
        let mut entries =
            EntriesRaw::new(input, self.unit.encoding(), &self.unit.abbreviations, at);
        entries.skip_attributes(attributes)?;
        entries.next_offset().0.checked_sub(self.head).ok_or(Damaged)
    }

    /// Reads a place in the unit.
    fn reference(&self, at: usize) -> Result<usize, Damaged> {
        let bytes = self.bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or(Damaged)?;
        Ok(self.endian.read_u32(bytes) as usize)
    }
}
