//! Where source lines come from.

use std::path::{Path, PathBuf};

use clap::Args;
use slabtrace::symbol::{Debuginfod, OtherReleases, Quotes, Search, SourceRoot, SymbolOptions};

use super::SYMBOLS_HEADING;

/// Where source lines come from.
#[derive(Args, Debug)]
#[command(next_help_heading = SYMBOLS_HEADING)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct SymbolArgs {
    /// The kernel image with debug information
    #[arg(long, value_name = "FILE")]
    vmlinux: Option<PathBuf>,
    /// Names for bare addresses, and for those of perf.data: System.map, or the text of /proc/kallsyms
    /// or /proc/modules of the boot that the log is of; may be packed
    #[arg(long, value_name = "FILE")]
    system_map: Vec<PathBuf>,
    /// Search this folder and all below it for modules (.ko, .ko.debug, also .gz, .xz, .zst)
    #[arg(long, value_name = "DIR")]
    modules: Vec<PathBuf>,
    /// Look for debug files here too, as in /usr/lib/debug
    #[arg(long, value_name = "DIR")]
    debug_dir: Vec<PathBuf>,
    /// Ask debuginfod servers for debug files that are not here, by build id; runs debuginfod-find
    #[arg(long)]
    debuginfod: bool,
    /// Show source paths that begin with FROM as beginning with TO; an empty FROM stands for the
    /// kernel tree
    #[arg(long, value_name = "FROM=TO")]
    source_root: Vec<SourceRoot>,
    /// Show the source lines themselves too, where the files are at hand: in the present folder or
    /// where --source-root says
    #[arg(long)]
    source: bool,
    /// Do not search well-known places for the kernel release that the log names
    #[arg(long)]
    no_auto_symbols: bool,
    /// Use images and maps of another kernel release than the log's too: lines may be wrong
    #[arg(long)]
    any_release: bool,
}

impl SymbolArgs {
    /// The first of the folders that were named and are none, and the option that named it.
    pub(crate) fn missing_folder(&self) -> Option<(&'static str, &Path)> {
        let modules = self.modules.iter().map(|folder| ("--modules", folder));
        let debug = self.debug_dir.iter().map(|folder| ("--debug-dir", folder));
        let missing = modules.chain(debug).find(|(_, folder)| !folder.is_dir());
        missing.map(|(option, folder)| (option, folder.as_path()))
    }

    /// Texts that name functions by their addresses.
    pub(crate) fn system_maps(&self) -> &[PathBuf] {
        &self.system_map
    }

    /// What was asked for.
    pub(crate) fn options(&self) -> SymbolOptions {
        SymbolOptions {
            vmlinux: self.vmlinux.clone(),
            system_maps: self.system_map.clone(),
            modules: self.modules.clone(),
            debug_dirs: self.debug_dir.clone(),
            debuginfod: if self.debuginfod { Debuginfod::Ask } else { Debuginfod::Never },
            quotes: if self.source { Quotes::Lines } else { Quotes::None },
            source_roots: self.source_root.clone(),
            other_releases: if self.any_release {
                OtherReleases::Use
            } else {
                OtherReleases::Refuse
            },
            search: if self.no_auto_symbols { Search::NamedOnly } else { Search::WellKnownPlaces },
        }
    }
}
