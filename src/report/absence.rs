//! What frames lack since nothing names them or tells their lines, said once for all of them.

use std::collections::BTreeSet;
use std::fmt;

use super::FrameReport;
use crate::print::Escaped;
use crate::print::number::counted;
use crate::symbol::{Reason, is_code};

/// What is lacking, and whose frames suffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Absence {
    /// There is no image of these modules, or of the kernel.
    Images(Vec<String>),
    /// Nothing names so many bare addresses.
    Names(u64),
}

/// Modules without an image that are shown by name.
const SHOWN_MAX: usize = 5;

impl Absence {
    /// What lines were wanted of and there is no image of.
    pub(crate) fn of_images<'a>(
        chains: impl Iterator<Item = &'a Vec<FrameReport>>,
    ) -> Option<Absence> {
        let is_absent = |frame: &&FrameReport| {
            frame.unresolved == Some(Reason::NoImage) && frame.function.is_some()
        };
        let owner = |frame: &FrameReport| frame.module.clone().unwrap_or("the kernel".to_owned());
        let owners: BTreeSet<String> = chains.flatten().filter(is_absent).map(owner).collect();
        (!owners.is_empty()).then(|| Absence::Images(owners.into_iter().collect()))
    }

    /// How many distinct addresses have neither a function nor another reason why not.
    pub(crate) fn of_names<'a>(
        chains: impl Iterator<Item = &'a Vec<FrameReport>>,
    ) -> Option<Absence> {
        let is_bare = |frame: &&FrameReport| {
            frame.function.is_none()
                && frame.module.is_none()
                && frame.unresolved.as_ref().is_none_or(|reason| *reason == Reason::NoImage)
        };
        let bare = chains.flatten().filter(is_bare).filter_map(|frame| frame.address);
        let addresses: BTreeSet<u64> = bare.filter(|&address| is_code(address)).collect();
        (!addresses.is_empty()).then_some(Absence::Names(addresses.len() as u64))
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absence::Images(absent) => {
                let (shown, rest) = absent.split_at(absent.len().min(SHOWN_MAX));
                let shown: Vec<String> =
                    shown.iter().map(|name| Escaped(name).to_string()).collect();
                let rest = match rest.len() {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                write!(
                    f,
                    "No image of {}{rest} was found: their frames have no source lines. Give --modules the folder of the modules, --vmlinux the kernel.",
                    shown.join(", ")
                )
            }
            Absence::Names(addresses) => write!(
                f,
                "{} in the chains {} no function's name. Give --vmlinux or --system-map the file of that very kernel build to name those of the kernel.",
                counted(*addresses, "address"),
                if *addresses == 1 { "has" } else { "have" }
            ),
        }
    }
}

/// Where no image was found at all, nobody asked for lines, and no frame need say that there is none.
/// What bare addresses lack is said still.
pub(crate) fn forget_absence<'a>(chains: impl Iterator<Item = &'a mut Vec<FrameReport>>) {
    let mut frames: Vec<&mut FrameReport> = chains.flatten().collect();
    let is_unasked = |frame: &FrameReport| {
        frame.source.is_none()
            && frame.unresolved.as_ref().is_none_or(|reason| !is_of_image(reason))
    };
    if frames.iter().all(|frame| is_unasked(frame)) {
        for frame in &mut frames {
            frame.unresolved = frame.unresolved.take().filter(|reason| *reason != Reason::NoImage);
        }
    }
}

/// Whether an image had to be there to give this reason.
fn is_of_image(reason: &Reason) -> bool {
    !matches!(
        reason,
        Reason::NoImage
            | Reason::OffsetUnknown
            | Reason::OutsideKernel
            | Reason::Hashed
            | Reason::ReleaseDiffers
    )
}
