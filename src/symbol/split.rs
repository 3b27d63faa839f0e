//! What the own reader leaves to the `addr2line` crate: units whose functions lie in a file of their
//! own (`.dwo`, or all of them in a `.dwp` beside the image; `CONFIG_DEBUG_INFO_SPLIT`), and units that
//! it cannot read.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::{Context, FrameIter, LookupContinuation, LookupResult, SplitDwarfLoad};
use gimli::{
    Abbreviations, Dwarf, DwarfPackage, DwoId, EndianSlice, Reader, RelocateReader, RunTimeEndian,
    UnitHeader,
};

use super::bytes::ImageStore;
use super::dwarf::{Damaged, INLINED_MAX};
use super::image::Image;
use super::paths::{SourceRoot, shorten};
use super::sections::{Sections, Slice};
use super::{InlinedCall, Reason, Source};

/// Reads an image with the help of files beside it.
pub(super) struct Split<'a> {
    store: &'a ImageStore,
    image: PathBuf,
    sections: Sections<'a>,
    context: OnceCell<Option<Context<Slice<'a>>>>,
    package: OnceCell<Option<DwarfPackage<Slice<'a>>>>,
}

/// What became of the files that were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Files {
    /// All were there.
    Complete,
    /// One was not.
    Missing,
}

impl<'a> Split<'a> {
    /// Reads nothing before it is asked.
    pub(super) fn new(
        store: &'a ImageStore,
        image: &Image<'a>,
        sections: Sections<'a>,
    ) -> Split<'a> {
        let image = image.path.clone();
        Split { store, image, sections, context: OnceCell::new(), package: OnceCell::new() }
    }

    /// The place of an address, and the calls inlined there. Lines without functions are no answer:
    /// they may be those of an inlined call.
    pub(super) fn find(
        &self,
        address: u64,
        folder: Option<&str>,
        roots: &[SourceRoot],
    ) -> Result<Source, Reason> {
        // addr2line asks for the address behind it.
        if address == u64::MAX {
            return Err(Reason::NoDebugInfo);
        }
        let context = self.context.get_or_init(|| self.open_context());
        let context = context.as_ref().ok_or(Reason::Damaged)?;
        let mut files = Files::Complete;
        let mut lookup = context.find_frames(address);
        let frames = loop {
            match lookup {
                LookupResult::Output(frames) => break frames.map_err(|_| Reason::Damaged)?,
                LookupResult::Load { load, continuation } => {
                    let loaded = self.load(&load);
                    if loaded.is_none() {
                        files = Files::Missing;
                    }
                    lookup = continuation.resume(loaded);
                }
            }
        };
        match files {
            Files::Complete => source(frames, folder, roots),
            Files::Missing => Err(Reason::NoSplitFile),
        }
    }

    /// The debug information of a unit, from the package beside the image, or from its own file.
    fn load(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Arc<Dwarf<Slice<'a>>>> {
        let package = self.package.get_or_init(|| self.open_package()).as_ref();
        let packed = package.and_then(|all| all.find_cu(load.dwo_id, &load.parent).ok().flatten());
        let packed = packed.filter(|dwarf| is_it(dwarf, load.dwo_id));
        packed.or_else(|| self.open_unit(load)).map(Arc::new)
    }

    fn open_context(&self) -> Option<Context<Slice<'a>>> {
        let dwarf = self.sections.dwarf();
        is_shallow(&dwarf).then(|| Context::from_dwarf(dwarf).ok()).flatten()
    }

    fn open_package(&self) -> Option<DwarfPackage<Slice<'a>>> {
        let mut path = self.image.clone().into_os_string();
        path.push(".dwp");
        let sections = self.open(Path::new(&path))?;
        let empty = RelocateReader::new(
            EndianSlice::new(&[], RunTimeEndian::default()),
            super::pending::Pending::default(),
        );
        DwarfPackage::load(|id| Ok::<_, gimli::Error>(sections.reader(id)), empty).ok()
    }

    fn open_unit(&self, load: &SplitDwarfLoad<Slice<'a>>) -> Option<Dwarf<Slice<'a>>> {
        let text = |reader: &Option<Slice<'a>>| {
            Some(PathBuf::from(reader.as_ref()?.to_string_lossy().ok()?.into_owned()))
        };
        let path = text(&load.path)?;
        let beside = self.image.parent()?;
        let places = [
            text(&load.comp_dir).map(|folder| folder.join(&path)),
            Some(beside.join(&path)),
            path.file_name().map(|name| beside.join(name)),
        ];
        let sections = places.into_iter().flatten().find_map(|path| self.open(&path))?;
        let read = |id| Ok::<_, Infallible>(sections.reader(id));
        let mut dwarf = match Dwarf::load(read) {
            Ok(dwarf) => dwarf,
            Err(never) => match never {},
        };
        dwarf.make_dwo(&load.parent);
        is_it(&dwarf, load.dwo_id).then_some(dwarf)
    }

    /// Only a plain file is opened: the image may name anything.
    fn open(&self, path: &Path) -> Option<Sections<'a>> {
        let image = path.is_file().then(|| Image::open(self.store, path).ok()).flatten()?;
        Some(Sections::load_split(self.store, &image))
    }
}

/// Whether a file is that of a unit, and nothing in it is harmful. The unit comes first in it.
fn is_it(dwarf: &Dwarf<Slice<'_>>, id: DwoId) -> bool {
    let first = || dwarf.unit(dwarf.units().next().ok().flatten()?).ok();
    first().is_some_and(|unit| unit.dwo_id == Some(id)) && is_shallow(dwarf)
}

/// Entries nested deeper than this are made up. addr2line follows them by calling itself.
const DEPTH_MAX: usize = 256;

/// Whether no entry is nested so deep that to follow it would exhaust the stack.
fn is_shallow(dwarf: &Dwarf<Slice<'_>>) -> bool {
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        if let Ok(abbreviations) = dwarf.abbreviations(&header)
            && depth(&header, &abbreviations).is_ok_and(|depth| depth > DEPTH_MAX)
        {
            return false;
        }
    }
    true
}

/// How deep the entries of a unit are nested, as far as they can be read.
fn depth(
    header: &UnitHeader<Slice<'_>>,
    abbreviations: &Abbreviations,
) -> Result<usize, gimli::Error> {
    let mut entries = header.entries_raw(abbreviations, None)?;
    let (mut depth, mut deepest) = (0_usize, 0);
    while !entries.is_empty() {
        match entries.read_abbreviation()? {
            Some(abbreviation) => {
                entries.skip_attributes(abbreviation.attributes())?;
                depth += usize::from(abbreviation.has_children());
                deepest = deepest.max(depth);
                if deepest > DEPTH_MAX {
                    break;
                }
            }
            None => depth = depth.saturating_sub(1),
        }
    }
    Ok(deepest)
}

/// The frames at an address, innermost first: the last is the function itself, the others are
/// calls inlined into it.
fn source(
    mut frames: FrameIter<'_, Slice<'_>>,
    folder: Option<&str>,
    roots: &[SourceRoot],
) -> Result<Source, Reason> {
    let unknown = || "?".to_owned();
    let (mut calls, mut own): (Vec<InlinedCall>, Option<Source>) = (Vec::new(), None);
    while let Some(frame) = frames.next().map_err(|_| Damaged)? {
        let place = frame.location.as_ref();
        let file = place.and_then(|place| place.file).map(|path| shorten(path, folder, roots));
        let line = place.and_then(|place| place.line).filter(|&line| line > 0);
        let column = place.and_then(|place| place.column).filter(|&column| column > 0);
        let name =
            frame.function.as_ref().and_then(|name| Some(name.raw_name().ok()?.into_owned()));
        own =
            file.clone().map(|file| Source { file, line, column, text: None, inlined: Vec::new() });
        calls.push(InlinedCall {
            function: name.unwrap_or_else(unknown),
            file: file.unwrap_or_else(unknown),
            line,
            text: None,
        });
    }
    calls.pop();
    calls.truncate(INLINED_MAX);
    own.map(|own| Source { inlined: calls, ..own }).ok_or(Reason::NoDebugInfo)
}
