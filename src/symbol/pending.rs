//! Relocations of a section that are applied to each field when it is read.
//!
//! A large module has millions of relocations in its debug sections, and a log needs a few
//! thousand fields of them. Linkers leave the relocations sorted by place, so that one is found
//! by binary search; where they are not, [`Relocator::apply`] works through them all.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use gimli::Relocate;
use object::elf::Rela64;
use object::read::elf::Rela;
use object::{Endianness, File, Object, SectionIndex};

use super::relocate::Relocator;

/// What is still to be applied to a section; nothing for one that is as it should be.
#[derive(Clone, Default)]
pub(super) struct Pending<'a>(Option<Rc<Table<'a>>>);

struct Table<'a> {
    entries: &'a [Rela64<Endianness>],
    relocator: Rc<Relocator>,
    /// The entry behind the one found last: fields are mostly read one after another.
    next: Cell<usize>,
}

impl<'a> Pending<'a> {
    /// The relocations of a section, if each can be applied without the others.
    pub(super) fn of(
        file: &File<'a>,
        section: SectionIndex,
        relocator: &Rc<Relocator>,
    ) -> Option<Pending<'a>> {
        let File::Elf64(file) = file else { return None };
        let section = file.section_by_index(section).ok()?;
        let entries = section.elf_linked_rela().ok()?;
        let endian = relocator.endian();
        let is_sorted = || {
            let places = entries.iter().map(|entry| entry.r_offset(endian));
            places.is_sorted_by(|one, next| one < next)
        };
        let is_usable = !entries.is_empty() && relocator.takes_single_fields() && is_sorted();
        let table = || Table { entries, relocator: Rc::clone(relocator), next: Cell::new(0) };
        is_usable.then(|| Pending(Some(Rc::new(table()))))
    }

    /// Whether the section is as it should be.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What the field at a place stands for, `value` being in the file.
    fn relocated(&self, place: usize, value: u64) -> u64 {
        let Some(table) = self.0.as_deref() else { return value };
        let entry = table.entry(place as u64);
        entry.map_or(value, |entry| table.relocator.relocated(entry, value))
    }
}

impl<'a> Table<'a> {
    fn entry(&self, place: u64) -> Option<&'a Rela64<Endianness>> {
        let endian = self.relocator.endian();
        let is_here = |&index: &usize| {
            self.entries.get(index).is_some_and(|entry| entry.r_offset(endian) == place)
        };
        let index = Some(self.next.get()).filter(is_here).or_else(|| {
            self.entries.binary_search_by_key(&place, |entry| entry.r_offset(endian)).ok()
        })?;
        self.next.set(index + 1);
        self.entries.get(index)
    }
}

impl Relocate for Pending<'_> {
    fn relocate_address(&self, place: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.relocated(place, value))
    }

    fn relocate_offset(&self, place: usize, value: usize) -> gimli::Result<usize> {
        let value = self.relocated(place, value as u64);
        usize::try_from(value).map_err(|_| gimli::Error::UnsupportedOffset)
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.0.as_ref().map_or(0, |table| table.entries.len());
        f.debug_struct("Pending").field("entries", &entries).finish()
    }
}
