//! Bare addresses to functions: what kernels without kallsyms print, and what modules leave that
//! are gone.
//!
//! An address is named only where the log tells that it means what the map says: the release must
//! be the map's, and the distance that KASLR moved the kernel by must be known.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use foldhash::fast::FixedState;

use super::bytes::ImageStore;
use super::image::{Image, ImageError};
use super::kaslr::{KaslrEvidence, KaslrOffset};
use super::map::{Hit, Kind, Map};
use super::symbols::OtherReleases;
use super::warning::is_same_id;
use super::{Reason, Warning};

/// Distinct addresses remembered.
const NAMED_MAX: usize = 1 << 20;

/// Warnings kept: a log may have very many boots.
const WARNINGS_MAX: usize = 256;

/// Lower numbers are no code.
const LOWEST: u64 = 1 << 16;

/// What stands at an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The function; absent where only its module is known.
    pub function: Option<String>,
    /// Bytes from the function's start, or from that of the module.
    pub offset: u64,
    /// The function's size as kallsyms reckons it, where that is known.
    pub size: Option<u64>,
    /// The module, absent for the kernel itself.
    pub module: Option<String>,
    /// The address that the function's place was linked at, where that is known.
    pub linked: Option<u64>,
}

/// Names addresses by maps, and learns from the log what that takes.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    maps: Vec<Map>,
    /// The kernel's image, which is a map too.
    vmlinux: Option<PathBuf>,
    image: OnceLock<Option<Map>>,
    other_releases: OtherReleases,
    boots: Vec<KaslrEvidence>,
    named: HashMap<(usize, u64), Result<Named, Reason>, FixedState>,
    /// Whether an answer may depend on what the log has not said yet.
    was_asked: bool,
    outside: u64,
    /// What prevented names, with the number of the boot.
    warnings: Vec<(usize, Warning)>,
}

impl Addresses {
    /// Reads texts of `System.map`, `/proc/kallsyms` or `/proc/modules`. `vmlinux` is opened once
    /// an address asks for it.
    ///
    /// # Errors
    ///
    /// When a text cannot be read, or has no address in it.
    pub fn new(texts: &[PathBuf], vmlinux: Option<&Path>) -> Result<Addresses, ImageError> {
        let mut addresses = Addresses {
            vmlinux: vmlinux.map(Path::to_owned),
            boots: vec![KaslrEvidence::default()],
            ..Addresses::default()
        };
        for path in texts {
            let name = || path.display().to_string();
            let map = Map::read(path).map_err(|cause| ImageError::Read { path: name(), cause })?;
            if map.is_empty() {
                return Err(ImageError::NoAddresses { path: name() });
            }
            addresses.maps.push(map);
        }
        Ok(addresses)
    }

    /// The same, with maps of another release used or not.
    pub(super) fn with_other_releases(self, other_releases: OtherReleases) -> Addresses {
        Addresses { other_releases, ..self }
    }

    /// Whether there is anything to name addresses by.
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty() && self.vmlinux.is_none()
    }

    /// Takes note of a line of the log. Tells whether names that were given may be others now.
    pub fn see(&mut self, line: &[u8]) -> bool {
        let Some(boot) = self.boots.last_mut() else { return false };
        let is_new = boot.see(line);
        if is_new && self.was_asked {
            self.named.clear();
            // Who asks again will see whether it still holds.
            let present = self.boots.len() - 1;
            self.warnings.retain(|(boot, warning)| {
                *boot != present || !matches!(warning, Warning::OffsetUnknown { .. })
            });
        }
        is_new && self.was_asked
    }

    /// Another boot begins: what was known of where the kernel ran no longer holds.
    pub fn next_boot(&mut self) {
        self.boots.push(KaslrEvidence::default());
        self.was_asked = false;
    }

    /// Names an address of the present boot.
    ///
    /// # Errors
    ///
    /// The reason why it has no name.
    pub fn name(&mut self, address: u64) -> Result<Named, Reason> {
        self.was_asked = true;
        self.name_in(self.boots.len().saturating_sub(1), address)
    }

    /// Names an address of a boot by its number.
    ///
    /// # Errors
    ///
    /// The reason why it has no name.
    pub fn name_in(&mut self, boot: usize, address: u64) -> Result<Named, Reason> {
        if let Some(known) = self.named.get(&(boot, address)) {
            return known.clone();
        }
        let named = self.look_up(boot, address);
        if self.named.len() < NAMED_MAX {
            self.named.insert((boot, address), named.clone());
        }
        named
    }

    /// What prevented names, in the order it was found.
    pub fn warnings(&self) -> Vec<Warning> {
        let outside = Warning::OutsideKernel { addresses: self.outside };
        let outside = (self.outside > 0).then_some(outside);
        let mut warnings: Vec<Warning> = Vec::new();
        for warning in self.warnings.iter().map(|(_, warning)| warning.clone()).chain(outside) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        warnings
    }

    fn warn(&mut self, boot: usize, warning: Warning) {
        let known = (boot, warning);
        if !self.warnings.contains(&known) && self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(known);
        }
    }

    fn look_up(&mut self, boot: usize, address: u64) -> Result<Named, Reason> {
        let vmlinux = self.vmlinux.as_deref();
        let image = self.image.get_or_init(|| vmlinux.and_then(open_image)).as_ref();
        let Some(evidence) = self.boots.get(boot) else { return Err(Reason::NoImage) };
        let finder = Finder { other_releases: self.other_releases, evidence, boot, image };
        let mut warnings = Vec::new();
        let found = finder.find(&self.maps, address, &mut warnings);
        // What a kernel with kallsyms prints bare belonged to a module that is gone: only who gave
        // a map expects more.
        let is_expected = !evidence.has_names || !self.maps.is_empty();
        if found == Err(Reason::OutsideKernel) && is_expected && is_code(address) {
            self.outside += 1;
        }
        for warning in warnings {
            self.warn(boot, warning);
        }
        found
    }
}

/// The map of the kernel's image; nothing where it has no symbols.
fn open_image(path: &Path) -> Option<Map> {
    let store = ImageStore::new();
    let image = Image::open(&store, path).ok().filter(|image| !image.is_relocatable())?;
    Some(Map::of_image(&image)).filter(Map::has_kernel)
}

/// Whether a number may be an address of code. Chains end with 0 or all ones.
pub(crate) fn is_code(address: u64) -> bool {
    address >= LOWEST && address != u64::MAX && address != u64::from(u32::MAX)
}

/// What an address is looked up with.
struct Finder<'a> {
    other_releases: OtherReleases,
    evidence: &'a KaslrEvidence,
    boot: usize,
    image: Option<&'a Map>,
}

impl Finder<'_> {
    /// The first answer of any map, or the best reason why there is none.
    fn find(
        &self,
        maps: &[Map],
        address: u64,
        warnings: &mut Vec<Warning>,
    ) -> Result<Named, Reason> {
        let mut missing = Reason::NoImage;
        for map in maps.iter().chain(self.image) {
            let reason = match self.find_in(map, address) {
                Ok(named) => return Ok(named),
                Err(Refusal { reason, warning }) => {
                    warnings.extend(warning);
                    reason
                }
            };
            // That it lies outside is known; the others may find it still.
            if missing != Reason::OutsideKernel {
                missing = reason;
            }
        }
        // Where one map tells where the kernel ran, nobody need say that another does not.
        if missing != Reason::OffsetUnknown {
            warnings.retain(|warning| !matches!(warning, Warning::OffsetUnknown { .. }));
        }
        Err(missing)
    }

    fn find_in(&self, map: &Map, address: u64) -> Result<Named, Refusal> {
        if let Some(warning) = release_warning(map, self.evidence.release.as_deref())
            && self.other_releases == OtherReleases::Refuse
        {
            return Err(Refusal { reason: Reason::ReleaseDiffers, warning: Some(warning) });
        }
        let ids = map.build_id.as_ref().zip(self.evidence.build_id.as_ref());
        if ids.is_some_and(|(found, printed)| !is_same_id(found, printed)) {
            return Err(Refusal { reason: Reason::BuildIdDiffers, warning: None });
        }
        if map.is_high() && u32::try_from(address).is_ok() {
            return Err(Refusal { reason: Reason::Hashed, warning: None });
        }
        let file = || map.path.clone();
        let unknown = |warning| Refusal { reason: Reason::OffsetUnknown, warning: Some(warning) };
        let kaslr = match self.evidence.kaslr(map, self.boot) {
            KaslrOffset::By(kaslr) => kaslr,
            KaslrOffset::Unknown if self.evidence.has_names => {
                return Err(Refusal { reason: Reason::OutsideKernel, warning: None });
            }
            KaslrOffset::Unknown if map.kind == Kind::Live => {
                return Err(unknown(Warning::AnotherBoot { file: file() }));
            }
            KaslrOffset::Unknown => return Err(unknown(Warning::OffsetUnknown { file: file() })),
            KaslrOffset::Contradicted => {
                return Err(unknown(Warning::FramesContradict { file: file() }));
            }
        };
        if let Some(hit) = map.kernel(address.wrapping_sub(kaslr)) {
            return Ok(named(&hit, self.linked(map, kaslr, address)));
        }
        // Modules are loaded elsewhere in every boot.
        let is_of_this_boot = map.kind == Kind::Live && kaslr == 0 && self.boot == 0;
        let hit = map.module_place(address).filter(|_| is_of_this_boot);
        hit.map(|hit| named(&hit, None))
            .ok_or(Refusal { reason: Reason::OutsideKernel, warning: None })
    }

    /// The address in the image of what lies at `address` by a map.
    fn linked(&self, map: &Map, kaslr: u64, address: u64) -> Option<u64> {
        let image = self.image?;
        if std::ptr::eq(map, image) {
            return Some(address.wrapping_sub(kaslr));
        }
        // Both name the same functions, of which some are the only ones of their name.
        let moved = LANDMARKS
            .iter()
            .find_map(|function| Some(map.find(function)?.0.wrapping_sub(image.find(function)?.0)));
        let linked = address.wrapping_sub(kaslr).wrapping_sub(moved?);
        let own = map.kernel(address.wrapping_sub(kaslr))?;
        image.kernel(linked).filter(|hit| hit.function == own.function).map(|_| linked)
    }
}

/// Functions that every kernel has.
const LANDMARKS: [&str; 4] = ["schedule", "kthread", "vprintk", "start_kernel"];

/// Why a map does not name an address, and what to tell the user.
struct Refusal {
    reason: Reason,
    warning: Option<Warning>,
}

fn named(hit: &Hit<'_>, linked: Option<u64>) -> Named {
    Named {
        function: hit.function.map(str::to_owned),
        offset: hit.offset,
        size: hit.size,
        module: hit.module.map(str::to_owned),
        linked,
    }
}

fn release_warning(map: &Map, wanted: Option<&str>) -> Option<Warning> {
    let wanted = wanted?;
    let found = map.release.as_deref().filter(|&found| found != wanted)?;
    Some(Warning::MapReleaseDiffers {
        file: map.path.clone(),
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    })
}
