//! How much of a report is shown.

use clap::{Args, ValueEnum};
use slabtrace::event::Depth;
use slabtrace::report::{ChainsShown, GroupsShown, LossesShown, RollupKey, Style, TextOptions};

/// How much of a report is shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "Report")]
pub(crate) struct ShowArgs {
    /// Show every group in full, with every frame
    #[arg(long)]
    all: bool,
    /// Show every kind of loss and damage
    #[arg(long)]
    losses: bool,
    /// Show the allocator's frames, the interrupted ones and those that the unwinder does not vouch
    /// for; groups stay what they are
    #[arg(long)]
    full_chain: bool,
    /// What makes a group: the call chain, the function that allocates, or its module
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    group_by: GroupBy,
}

/// What makes a group.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
enum GroupBy {
    /// The call chain
    #[default]
    Chain,
    /// The function that called the allocator
    Function,
    /// The module of the first function that is in one
    Module,
}

impl ShowArgs {
    /// What groups are added up by, if they are.
    pub(crate) fn rollup(&self) -> Option<RollupKey> {
        match self.group_by {
            GroupBy::Chain => None,
            GroupBy::Function => Some(RollupKey::Function),
            GroupBy::Module => Some(RollupKey::Module),
        }
    }

    /// How much is written as text.
    pub(crate) fn text(&self, style: Style) -> TextOptions {
        let is_whole = self.all || self.full_chain;
        TextOptions {
            style,
            chains: if is_whole { ChainsShown::Whole } else { ChainsShown::Brief },
            groups: if self.all { GroupsShown::All } else { GroupsShown::Brief },
            losses: if self.losses { LossesShown::Details } else { LossesShown::Summary },
        }
    }

    /// How much of backtraces.
    pub(crate) fn depth(&self) -> Depth {
        if self.full_chain { Depth::Complete } else { Depth::Callers }
    }
}
