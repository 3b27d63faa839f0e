//! Addresses to source places, by an image's DWARF.
//!
//! Why not addr2line's `Context` alone: it reads the ranges of every unit and the names of every
//! function before the first answer, and a log asks for few. With the vmlinux of Debian's 6.1.0-50-amd64
//! (`benches/dwarf.rs`, medians of five, November 2026) one function takes 0.05 s here and 7.0 s there,
//! 300 take 0.18 s and 8.8 s, 2,000 take 0.38 s and 10.1 s. What this reader declines, and split debug
//! info, is left to it ([`super::split`]).

use std::borrow::Cow;

use gimli::Reader;

use super::bytes::ImageStore;
use super::functions::{Call, inlined_calls};
use super::image::Image;
use super::paths::{SourceRoot, shorten};
use super::sections::Sections;
use super::split::Split;
use super::unit::Unit;
use super::units::Units;
use super::{InlinedCall, Reason, Source};

/// Calls inlined into one another deeper than this are cut off.
pub(super) const INLINED_MAX: usize = 64;

/// The debug information of an image.
pub(super) struct Lines<'a> {
    units: Units<'a>,
    split: Split<'a>,
    roots: Vec<SourceRoot>,
}

/// Debug information that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Damaged;

impl From<gimli::Error> for Damaged {
    fn from(_: gimli::Error) -> Damaged {
        Damaged
    }
}

impl From<Damaged> for Reason {
    fn from(_: Damaged) -> Reason {
        Reason::Damaged
    }
}

/// A line of a file.
#[derive(Default)]
struct Place {
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

impl<'a> Lines<'a> {
    /// Reads what is needed to find the unit of an address.
    pub(super) fn read(
        store: &'a ImageStore,
        image: &Image<'a>,
        supplement: Option<&Image<'a>>,
        roots: &[SourceRoot],
    ) -> Result<Lines<'a>, Reason> {
        if !image.has_lines() {
            return Err(Reason::NoDebugInfo);
        }
        let sections = Sections::load(store, image, supplement);
        let units = Units::new(&sections);
        let split = Split::new(store, image, sections);
        Ok(Lines { units, split, roots: roots.to_vec() })
    }

    /// The place of an address, and the calls inlined there.
    pub(super) fn find(&self, address: u64) -> Result<Source, Reason> {
        let (unit, contents) = match self.units.find(address) {
            Ok(Some((unit, _))) if unit.is_split() => {
                return self.split.find(address, unit.folder(), &self.roots);
            }
            Ok(found) => found.ok_or(Reason::NoDebugInfo)?,
            Err(Damaged) => return self.split.find(address, None, &self.roots),
        };
        let mut place = contents.row(address).map_or_else(Place::default, |row| {
            self.place(&unit, Some(row.file.into()), row.line.into(), row.column.into())
        });
        let function = contents.function(address);
        let calls =
            function.map(|at| inlined_calls(&self.units, &unit, at, address)).transpose()?;
        let mut inlined = Vec::new();
        // The innermost call is at the address itself, every other one where the next was made.
        for call in calls.unwrap_or_default().into_iter().rev() {
            let outer = self.place(&unit, call.file, call.line, call.column);
            let inner = std::mem::replace(&mut place, outer);
            // The line table may begin behind the code that it is of. What was called last is not
            // known there, but from where is.
            if inner.file.is_some() && inlined.len() < INLINED_MAX {
                inlined.push(inlined_call(&call, inner));
            }
        }
        let Place { file, line, column } = place;
        Ok(Source { file: file.ok_or(Reason::NoDebugInfo)?, line, column, text: None, inlined })
    }

    fn place(&self, unit: &Unit<'a>, file: Option<u64>, line: u64, column: u64) -> Place {
        let path = file.and_then(|file| unit.path(self.units.dwarf(), file));
        let known = |number: u64| u32::try_from(number).ok().filter(|&number| number > 0);
        let line = known(line);
        Place {
            file: path.map(|path| shorten(&path, unit.folder(), &self.roots)),
            line,
            column: known(column).filter(|_| line.is_some()),
        }
    }
}

fn inlined_call(call: &Call<'_>, place: Place) -> InlinedCall {
    let unknown = || "?".to_owned();
    let name = call.name.as_ref().and_then(|name| name.to_string_lossy().ok());
    InlinedCall {
        function: name.map_or_else(unknown, Cow::into_owned),
        file: place.file.unwrap_or_else(unknown),
        line: place.line,
        text: None,
    }
}
