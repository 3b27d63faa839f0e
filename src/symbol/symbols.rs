//! A kernel with its modules: finds and opens images as frames ask for them.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use foldhash::fast::FixedState;

use super::bytes::ImageStore;
use super::debuginfod::{self, Debuginfod};
use super::debuglink;
use super::image::{Image, ImageError};
use super::modules::Modules;
use super::paths::SourceRoot;
use super::places;
use super::quote::{Quotes, SourceFiles};
use super::resolve::Resolver;
use super::warning::{Wanted, Warning, is_of_release, is_same_id};
use super::{Addresses, Frame, Named, Position, Reason, Resolution, Symbolizer};

/// Files of one module that are compared before one is taken.
const COMPARED_MAX: usize = 8;

/// Where images are looked for.
#[derive(Clone, Debug, Default)]
pub struct SymbolOptions {
    /// The kernel image.
    pub vmlinux: Option<PathBuf>,
    /// Texts that name addresses: `System.map`, `/proc/kallsyms`, `/proc/modules`.
    pub system_maps: Vec<PathBuf>,
    /// Folders with modules, searched with all below them.
    pub modules: Vec<PathBuf>,
    /// Folders laid out like `/usr/lib/debug`.
    pub debug_dirs: Vec<PathBuf>,
    /// Whether a server is asked for debug files.
    pub debuginfod: Debuginfod,
    /// Whether the lines themselves are added to places.
    pub quotes: Quotes,
    /// How source paths are rewritten.
    pub source_roots: Vec<SourceRoot>,
    /// Whether well-known places are searched for the release that a log names.
    pub search: Search,
    /// Whether images of another release than the log's are used.
    pub other_releases: OtherReleases,
}

/// Whether images and maps of another release than the log's are used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OtherReleases {
    /// They are not: their lines are those of another source.
    #[default]
    Refuse,
    /// They are, with a warning: a build may have been renamed.
    Use,
}

/// Whether well-known places are searched for the release that a log names.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Search {
    /// They are.
    #[default]
    WellKnownPlaces,
    /// Only what was named is used.
    NamedOnly,
}

/// Answers from kernel images.
pub struct Symbols<'a> {
    store: &'a ImageStore,
    options: SymbolOptions,
    release: Option<String>,
    /// The kernel's build id by the log.
    build_id: Option<String>,
    kernel: Kernel<'a>,
    module_files: Option<Modules>,
    modules: HashMap<String, Option<Resolver<'a>>, FixedState>,
    answers: HashMap<Key, Resolution, FixedState>,
    warnings: Vec<Warning>,
    addresses: Addresses,
    sources: SourceFiles,
}

/// The kernel's image.
enum Kernel<'a> {
    /// No frame has asked for it.
    NotYet,
    /// There is none.
    Absent,
    /// It is in use.
    Open(Box<Resolver<'a>>),
}

/// A frame, owned.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    function: String,
    place: (u64, Option<u64>, Position, Option<u64>),
    module: Option<String>,
    build_id: Option<String>,
}

impl Key {
    fn of(frame: &Frame<'_>) -> Key {
        Key {
            function: frame.function.to_owned(),
            place: (frame.offset, frame.size, frame.position, frame.linked),
            module: frame.module.map(str::to_owned),
            build_id: frame.build_id.map(str::to_owned),
        }
    }
}

/// Distinct frames remembered; a log that has more is hostile or garbage.
const ANSWERS_MAX: usize = 1 << 20;

impl<'a> Symbols<'a> {
    /// Opens what the options name.
    ///
    /// # Errors
    ///
    /// When the kernel image that was named cannot be used.
    pub fn new(store: &'a ImageStore, options: SymbolOptions) -> Result<Symbols<'a>, ImageError> {
        let mut symbols = Symbols {
            store,
            options,
            release: None,
            build_id: None,
            kernel: Kernel::NotYet,
            module_files: None,
            modules: HashMap::with_hasher(FixedState::default()),
            answers: HashMap::with_hasher(FixedState::default()),
            warnings: Vec::new(),
            addresses: Addresses::default(),
            sources: SourceFiles::default(),
        };
        if let Some(vmlinux) = symbols.options.vmlinux.clone() {
            let image = Image::open_kernel(store, &vmlinux)?;
            let image = symbols.with_lines(image);
            symbols.kernel = Kernel::Open(Box::new(symbols.resolver(image)));
        }
        if symbols.options.debuginfod == Debuginfod::Ask && !debuginfod::is_installed() {
            symbols.warn(Some(Warning::NoDebuginfod));
        }
        let options = &symbols.options;
        symbols.addresses = Addresses::new(&options.system_maps, options.vmlinux.as_deref())?
            .with_other_releases(options.other_releases);
        Ok(symbols)
    }

    /// What makes answers doubtful, in the order it was found.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.addresses.warnings());
        warnings
    }

    /// Lends out what names bare addresses, to be given back by [`Symbols::return_addresses`].
    pub fn lend_addresses(&mut self) -> Addresses {
        std::mem::take(&mut self.addresses)
    }

    /// Takes back what names bare addresses, with what it learned from a log.
    pub fn return_addresses(&mut self, addresses: Addresses) {
        self.addresses = addresses;
    }

    fn warn(&mut self, warning: Option<Warning>) {
        if let Some(warning) = warning.filter(|warning| !self.warnings.contains(warning)) {
            self.warnings.push(warning);
        }
    }

    /// Adds the lines that an answer's places point at.
    fn quote(&mut self, answer: &mut Resolution) {
        let places = match answer {
            Resolution::Found(source) => std::slice::from_mut(source),
            Resolution::Missing(Reason::Ambiguous(places)) => places.as_mut_slice(),
            Resolution::Missing(_) => return,
        };
        for place in places {
            self.sources.quote(place);
        }
    }

    fn look_up(&mut self, frame: &Frame<'_>) -> Resolution {
        let build_id = match frame.module {
            Some(_) => frame.build_id.map(str::to_owned),
            None => self.build_id.clone(),
        };
        let wanted = Wanted {
            owner: frame.module.unwrap_or("the kernel").to_owned(),
            build_id,
            release: self.release.clone(),
            other_releases: self.options.other_releases,
        };
        let found = match frame.module {
            Some(module) => self.module(module, frame.build_id),
            None => self.kernel(),
        };
        let Some(found) = found else { return Resolution::Missing(Reason::NoImage) };
        let doubt = wanted.doubt(found);
        let answer = match doubt {
            Some((_, Some(ref reason))) => Resolution::Missing(reason.clone()),
            _ => found.resolve(frame),
        };
        self.warn(doubt.map(|(warning, _)| warning));
        answer
    }

    /// An address where a frame may lie; nothing where a build id is to be compared first.
    fn address_of(&mut self, frame: &Frame<'_>) -> Option<u64> {
        let found = match frame.module {
            None => self.kernel(),
            Some(module) if frame.build_id.is_none() => self.module(module, None),
            Some(_) => None,
        };
        found?.address_of(frame)
    }

    fn kernel(&mut self) -> Option<&Resolver<'a>> {
        if matches!(self.kernel, Kernel::NotYet) {
            self.kernel = match self.open_kernel() {
                Some(opened) => Kernel::Open(Box::new(opened)),
                None => Kernel::Absent,
            };
        }
        match &self.kernel {
            Kernel::Open(kernel) => Some(kernel),
            Kernel::NotYet | Kernel::Absent => None,
        }
    }

    fn open_kernel(&mut self) -> Option<Resolver<'a>> {
        let mut files = Vec::new();
        let build_id = self.build_id.clone();
        files
            .extend(build_id.as_deref().and_then(|id| places::by_build_id(id, &self.debug_dirs())));
        if let Some(release) = self.release.as_ref().filter(|_| self.searches()) {
            files.extend(places::kernels(release, &self.debug_dirs()));
        }
        let image = self.best(&files, build_id.as_deref());
        let image = image.or_else(|| self.downloaded(build_id.as_deref()?))?;
        let image = self.with_lines(image);
        Some(self.resolver(image))
    }

    fn module(&mut self, module: &str, build_id: Option<&str>) -> Option<&Resolver<'a>> {
        if !self.modules.contains_key(module) {
            let image = self.open_module(module, build_id);
            let image = image.map(|image| self.with_lines(image));
            let resolver = image.map(|image| self.resolver(image));
            self.modules.insert(module.to_owned(), resolver);
        }
        self.modules.get(module).and_then(Option::as_ref)
    }

    fn open_module(&mut self, module: &str, build_id: Option<&str>) -> Option<Image<'a>> {
        let mut files = self.module_files().files(module).to_vec();
        files.truncate(COMPARED_MAX);
        files.extend(build_id.and_then(|id| places::by_build_id(id, &self.debug_dirs())));
        self.best(&files, build_id).or_else(|| self.downloaded(build_id?))
    }

    fn module_files(&mut self) -> &Modules {
        let mut folders = self.options.modules.clone();
        if let Some(release) = &self.release {
            let debug_dirs = self.debug_dirs();
            if self.searches() || !debug_dirs.is_empty() {
                let mut known = places::module_dirs(release, &debug_dirs);
                known.retain(|folder| {
                    self.searches() || debug_dirs.iter().any(|dir| folder.starts_with(dir))
                });
                folders.append(&mut known);
            }
        }
        self.module_files.get_or_insert_with(|| Modules::scan(&folders))
    }

    /// The image that agrees best with the log: by build id, by release, by having lines at all.
    fn best(&mut self, files: &[PathBuf], build_id: Option<&str>) -> Option<Image<'a>> {
        let mut best: Option<((bool, bool, bool), Image<'a>)> = None;
        for file in files {
            match Image::open(self.store, file) {
                Ok(image) => {
                    let rank = (
                        image
                            .build_id()
                            .zip(build_id)
                            .is_some_and(|(found, id)| is_same_id(&found, id)),
                        is_of_release(image.release().as_deref(), self.release.as_deref()),
                        image.has_lines(),
                    );
                    if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                        best = Some((rank, image));
                    }
                }
                Err(error) => self.warn(Some(Warning::Unreadable(error.to_string()))),
            }
        }
        best.map(|(_, image)| image)
    }

    /// The debug file of an image without line information, or the image itself.
    fn with_lines(&mut self, image: Image<'a>) -> Image<'a> {
        if image.has_lines() {
            return image;
        }
        let id = image.build_id();
        let by_id = id.as_deref().and_then(|id| places::by_build_id(id, &self.debug_dirs()));
        let by_id = by_id.and_then(|file| Image::open(self.store, &file).ok());
        let by_id = by_id.filter(|debug| debug.has_lines() && debug.build_id() == id);
        by_id
            .or_else(|| debuglink::follow(self.store, &image, &self.debug_dirs()))
            .or_else(|| self.downloaded(id.as_deref()?).filter(Image::has_lines))
            .unwrap_or(image)
    }

    /// The debug file of a build id from a server, if servers may be asked.
    fn downloaded(&mut self, build_id: &str) -> Option<Image<'a>> {
        let has_program = !self.warnings.contains(&Warning::NoDebuginfod);
        if self.options.debuginfod == Debuginfod::Never || !has_program {
            return None;
        }
        let found = debuginfod::find(build_id).map_err(|warning| self.warn(Some(warning))).ok()?;
        let image = Image::open(self.store, &found)
            .map_err(|error| self.warn(Some(Warning::Unreadable(error.to_string()))))
            .ok()?;
        image.build_id().filter(|found| is_same_id(found, build_id))?;
        Some(image)
    }

    fn resolver(&self, image: Image<'a>) -> Resolver<'a> {
        let supplement = debuglink::supplement(self.store, &image, &self.debug_dirs());
        Resolver::new(self.store, image, supplement, &self.options.source_roots)
    }

    fn searches(&self) -> bool {
        self.options.search == Search::WellKnownPlaces
    }

    fn debug_dirs(&self) -> Vec<PathBuf> {
        let mut dirs = self.options.debug_dirs.clone();
        dirs.extend(self.searches().then(|| PathBuf::from(places::DEBUG_DIR)));
        dirs
    }
}

impl Symbolizer for Symbols<'_> {
    fn resolve(&mut self, frame: &Frame<'_>) -> Resolution {
        let key = Key::of(frame);
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let mut answer = self.look_up(frame);
        if self.options.quotes == Quotes::Lines {
            self.quote(&mut answer);
        }
        if self.answers.len() < ANSWERS_MAX {
            self.answers.insert(key, answer.clone());
        }
        answer
    }

    fn called(&mut self, caller: &Frame<'_>) -> Option<u64> {
        caller.module.is_none().then(|| self.kernel()?.called(caller)).flatten()
    }

    fn set_build_id(&mut self, build_id: &str) -> bool {
        if self.build_id.as_deref() == Some(build_id) {
            return false;
        }
        self.build_id = Some(build_id.to_owned());
        if self.options.vmlinux.is_none() {
            self.kernel = Kernel::NotYet;
        }
        self.answers.clear();
        true
    }

    fn has_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    fn see(&mut self, line: &[u8]) -> bool {
        self.addresses.see(line)
    }

    fn next_boot(&mut self) {
        self.addresses.next_boot();
    }

    fn name(&mut self, boot: Option<usize>, address: u64) -> Result<Named, Reason> {
        match boot {
            Some(boot) => self.addresses.name_in(boot, address),
            None => self.addresses.name(address),
        }
    }

    fn prepare(&mut self, frames: &[Frame<'_>]) {
        let mut places: Vec<(Option<&str>, u64, usize)> = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            // Images are opened in the order of the log, so that warnings come in it.
            places.extend(self.address_of(frame).map(|address| (frame.module, address, index)));
        }
        places.sort_unstable();
        for (_, _, index) in places {
            self.resolve(&frames[index]);
        }
    }

    fn set_release(&mut self, release: &str) -> bool {
        if self.release.as_deref() == Some(release) {
            return false;
        }
        self.release = Some(release.to_owned());
        self.build_id = None;
        if self.options.vmlinux.is_none() {
            self.kernel = Kernel::NotYet;
        }
        self.module_files = None;
        self.modules.clear();
        self.answers.clear();
        true
    }
}

impl fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols")
            .field("options", &self.options)
            .field("release", &self.release)
            .field("modules", &self.modules.len())
            .field("answers", &self.answers.len())
            .finish_non_exhaustive()
    }
}
