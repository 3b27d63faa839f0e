//! Addresses to source places, by an image's DWARF.

use std::borrow::Cow;

use addr2line::{Frame, Location};

use super::bytes::ImageStore;
use super::image::Image;
use super::paths::{Shortener, SourceRoot};
use super::sections::{Sections, Slice};
use super::units::Units;
use super::{InlinedCall, Reason, Source};

/// Calls inlined into one another deeper than this are cut off.
const INLINED_MAX: usize = 64;

/// The debug information of an image.
pub(super) struct Lines<'a> {
    units: Units<'a>,
    shortener: Shortener,
}

impl<'a> Lines<'a> {
    /// Reads what is needed to find the unit of an address.
    pub(super) fn read(
        store: &'a ImageStore,
        image: &Image<'a>,
        roots: &[SourceRoot],
    ) -> Result<Lines<'a>, Reason> {
        if !image.has_lines() {
            return Err(Reason::NoDebugInfo);
        }
        let units = Units::new(Sections::load(store, image));
        let shortener = Shortener::learn(units.dwarf(), roots);
        Ok(Lines { units, shortener })
    }

    /// The place of an address, and the calls inlined there.
    pub(super) fn find(&self, address: u64) -> Result<Source, Reason> {
        let reader = self.units.reader(address).ok_or(Reason::Damaged)?;
        let found = reader.find_frames(address).skip_all_loads();
        let mut frames = found.map_err(|_| Reason::Damaged)?;
        let mut inlined = Vec::new();
        // Frames come innermost first; the last is the function that the log names.
        let mut inner: Option<Frame<'_, Slice<'a>>> = None;
        while let Some(outer) = frames.next().map_err(|_| Reason::Damaged)? {
            if let Some(call) = inner.replace(outer)
                && inlined.len() < INLINED_MAX
            {
                inlined.push(self.inlined(&call));
            }
        }
        let own = inner.and_then(|frame| frame.location).ok_or(Reason::NoDebugInfo)?;
        let file = self.file(&own).ok_or(Reason::NoDebugInfo)?;
        Ok(Source {
            file,
            line: own.line,
            column: own.column.filter(|&column| column > 0),
            inlined,
        })
    }

    fn inlined(&self, frame: &Frame<'_, Slice<'a>>) -> InlinedCall {
        let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
        let place = frame.location.as_ref();
        InlinedCall {
            function: name.map_or_else(|| "?".to_owned(), Cow::into_owned),
            file: place.and_then(|place| self.file(place)).unwrap_or_else(|| "?".to_owned()),
            line: place.and_then(|place| place.line),
        }
    }

    fn file(&self, location: &Location<'_>) -> Option<String> {
        location.file.map(|file| self.shortener.shorten(file))
    }
}
