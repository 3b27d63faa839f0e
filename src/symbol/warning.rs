//! What makes source places doubtful, or prevents them.

use super::Reason;
use super::resolve::Resolver;
use super::symbols::OtherReleases;

/// What makes answers doubtful, or prevents them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Warning {
    /// The log names one kernel release, the image another.
    #[error(
        "{file} is of kernel {found}, but the log is of {wanted}: its frames are left without lines; give the image of the very build, or use this one nevertheless with --any-release"
    )]
    ReleaseDiffers {
        /// The image.
        file: String,
        /// The release that the log names.
        wanted: String,
        /// The image's.
        found: String,
    },
    /// The same, and the image is used nevertheless, as was asked for.
    #[error(
        "{file} is of kernel {found}, but the log is of {wanted}: lines are shown where function sizes agree, and may be wrong nevertheless"
    )]
    OtherReleaseUsed {
        /// The image.
        file: String,
        /// The release that the log names.
        wanted: String,
        /// The image's.
        found: String,
    },
    /// The log names one build id of a module, its file has another.
    #[error(
        "{file} has build id {found}, but the log says {wanted} for {module}: its frames are left without lines; give the file of the very build"
    )]
    BuildIdDiffers {
        /// The module.
        module: String,
        /// Its file.
        file: String,
        /// The build id that the log names.
        wanted: String,
        /// The file's.
        found: String,
    },
    /// What would name addresses is of another release than the log.
    #[error(
        "{file} is of kernel {found}, but the log is of {wanted}: bare addresses are left without names; give that of the very kernel"
    )]
    MapReleaseDiffers {
        /// The image or text.
        file: String,
        /// The release that the log names.
        wanted: String,
        /// The file's.
        found: String,
    },
    /// Nothing in the log tells where its kernel ran.
    #[error(
        "KASLR may have moved the kernel, and nothing in the log tells how far: bare addresses are left without names by {file}; give the text of /proc/kallsyms of that boot with --system-map, or a log with its `Kernel Offset:` line or with frames that show both address and function"
    )]
    OffsetUnknown {
        /// The image or text.
        file: String,
    },
    /// The addresses are those of one boot, and the log has more.
    #[error(
        "{file} holds the addresses of one boot: it names those of the log's first boot alone; give one boot's log at a time"
    )]
    AnotherBoot {
        /// The text.
        file: String,
    },
    /// Frames that show both address and function are not where a map has them, or the kernel was
    /// linked elsewhere.
    #[error(
        "{file} is of another build than the log: what the log says of addresses and functions, or of where its kernel was linked, does not fit it; bare addresses are left without names"
    )]
    FramesContradict {
        /// The image or text.
        file: String,
    },
    /// Addresses are no place in the kernel.
    #[error(
        "{addresses} bare address{} outside the kernel, probably in modules: give the text of /proc/kallsyms of that boot with --system-map, read by root while they were loaded",
        if *addresses == 1 { " lies" } else { "es lie" }
    )]
    OutsideKernel {
        /// How many, each counted once.
        addresses: u64,
    },
    /// The program that asks servers is not there.
    #[error(
        "--debuginfod needs the program debuginfod-find, which is not installed; it is in the package debuginfod, or elfutils-debuginfod-client"
    )]
    NoDebuginfod,
    /// No server has a debug file.
    #[error("debuginfod-find has no debug file for build id {build_id}: {message}")]
    NoDebugFile {
        /// The build id.
        build_id: String,
        /// What the program says.
        message: String,
    },
    /// An image that was found could not be used.
    #[error("{0}")]
    Unreadable(String),
}

/// Whether a printed build id is that of a file. The kernel prints twenty bytes, and zeros behind an
/// id that has fewer.
pub(super) fn is_same_id(found: &str, printed: &str) -> bool {
    let printed = printed.to_ascii_lowercase();
    printed.strip_prefix(found).is_some_and(|rest| rest.bytes().all(|digit| digit == b'0'))
        || found.len() > PRINTED_DIGITS && found.get(..PRINTED_DIGITS) == Some(&printed)
}

/// Digits of a build id that the kernel prints.
const PRINTED_DIGITS: usize = 40;

/// Whether an image may be of the kernel that a log names.
pub(super) fn is_of_release(found: Option<&str>, wanted: Option<&str>) -> bool {
    found.zip(wanted).is_none_or(|(found, wanted)| found == wanted)
}

/// The build that a frame is of, as far as the log names it.
pub(super) struct Wanted {
    /// The module, or the words for the kernel.
    pub(super) owner: String,
    /// Its build id.
    pub(super) build_id: Option<String>,
    /// The release of the kernel.
    pub(super) release: Option<String>,
    /// What is done with images of another release.
    pub(super) other_releases: OtherReleases,
}

impl Wanted {
    /// Why an image's answers are doubtful; with the reason for which they are refused, if they are.
    /// Where build ids tell, they alone do.
    pub(super) fn doubt(&self, resolver: &Resolver<'_>) -> Option<(Warning, Option<Reason>)> {
        let file = || resolver.image().path.display().to_string();
        if let Some((wanted, found)) = self.build_id.clone().zip(resolver.image().build_id()) {
            let differs = !is_same_id(&found, &wanted);
            let module = self.owner.clone();
            return differs.then(|| {
                let warning = Warning::BuildIdDiffers { module, file: file(), wanted, found };
                (warning, Some(Reason::BuildIdDiffers))
            });
        }
        if is_of_release(resolver.release(), self.release.as_deref()) {
            return None;
        }
        let (wanted, found) = (self.release.clone()?, resolver.release()?.to_owned());
        Some(match self.other_releases {
            OtherReleases::Refuse => (
                Warning::ReleaseDiffers { file: file(), wanted, found },
                Some(Reason::ReleaseDiffers),
            ),
            OtherReleases::Use => (Warning::OtherReleaseUsed { file: file(), wanted, found }, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_build_id_is_printed_with_zeros_behind_it() {
        let long = "6482126594aec27f75a677159bf96a6be38339b3";
        assert!(is_same_id(long, long));
        assert!(is_same_id(long, &long.to_ascii_uppercase()));
        assert!(is_same_id(&format!("{long}0102"), long), "the end is not printed");
        assert!(is_same_id("0a0b0c0d", "0a0b0c0d00000000000000000000000000000000"));
        assert!(!is_same_id("0a0b0c0d", "0a0b0c0d00000000000000000000000000000001"));
        assert!(!is_same_id(long, "6482126594aec27f75a677159bf96a6be38339b4"));
    }
}
