//! Addresses to source places, by an image's DWARF.

use std::borrow::Cow;

use addr2line::{Frame, Location};

use super::bytes::ImageStore;
use super::image::Image;
use super::paths::{SourceRoot, shorten};
use super::sections::{Sections, Slice};
use super::units::Units;
use super::{InlinedCall, Reason, Source};

/// Calls inlined into one another deeper than this are cut off.
const INLINED_MAX: usize = 64;

/// The debug information of an image.
pub(super) struct Lines<'a> {
    units: Units<'a>,
    roots: Vec<SourceRoot>,
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
        let units = Units::new(Sections::load(store, image, supplement));
        Ok(Lines { units, roots: roots.to_vec() })
    }

    /// The place of an address, and the calls inlined there.
    pub(super) fn find(&self, address: u64) -> Result<Source, Reason> {
        let reader = self.units.reader(address).ok_or(Reason::Damaged)?;
        let found = reader.find_frames(address).skip_all_loads();
        let mut frames = found.map_err(|_| Reason::Damaged)?;
        let build = reader.find_dwarf_and_unit(address).skip_all_loads();
        let build = build.and_then(|unit| unit.comp_dir);
        let build = build.and_then(|build| std::str::from_utf8(build.slice()).ok());
        let file = |place: &Location<'_>| Some(shorten(place.file?, build, &self.roots));
        let mut inlined = Vec::new();
        // Frames come innermost first; the last is the function that the log names.
        let mut inner: Option<Frame<'_, Slice<'a>>> = None;
        while let Some(outer) = frames.next().map_err(|_| Reason::Damaged)? {
            if let Some(call) = inner.replace(outer)
                && inlined.len() < INLINED_MAX
            {
                inlined.push(inlined_call(&call, file));
            }
        }
        let own = inner.and_then(|frame| frame.location).ok_or(Reason::NoDebugInfo)?;
        let file = file(&own).ok_or(Reason::NoDebugInfo)?;
        Ok(Source {
            file,
            line: own.line,
            column: own.column.filter(|&column| column > 0),
            text: None,
            inlined,
        })
    }
}

fn inlined_call(
    frame: &Frame<'_, Slice<'_>>,
    file: impl Fn(&Location<'_>) -> Option<String>,
) -> InlinedCall {
    let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
    let place = frame.location.as_ref();
    InlinedCall {
        function: name.map_or_else(|| "?".to_owned(), Cow::into_owned),
        file: place.and_then(file).unwrap_or_else(|| "?".to_owned()),
        line: place.and_then(|place| place.line),
        text: None,
    }
}
