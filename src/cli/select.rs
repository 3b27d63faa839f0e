//! Which groups are wanted.

use clap::{Args, ValueEnum};
use regex::Regex;
use slabtrace::report::{BootChoice, Glob, Selection, SortKey};

use super::value::{Age, boot_choice, count, pattern};

/// Which groups are wanted, and in which order.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectArgs {
    /// Show only caches with such a name (`*`, `?` and `[0-9]` as in a shell)
    #[arg(long, value_name = "GLOB")]
    cache: Option<String>,
    /// Show only chains through this module
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// Show only chains through this function, and who calls it and what it calls
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Show only chains of which a function or a module fits a regular expression
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    focus: Option<Regex>,
    /// Leave out chains of which a function or a module fits a regular expression
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    ignore: Option<Regex>,
    /// Show only groups whose oldest live object is at least this old, such as 90s or 1m30s
    #[arg(long, value_name = "DURATION")]
    min_age: Option<Age>,
    /// Show only groups with at least so many live objects
    #[arg(long, value_name = "N", value_parser = count::<u64>)]
    min_objects: Option<u64>,
    /// Show only the first so many groups
    #[arg(long, value_name = "N", value_parser = count::<usize>)]
    top: Option<usize>,
    /// Show only this boot: its number, `last` or `all`
    #[arg(long, value_name = "BOOT", default_value = "all", value_parser = boot_choice)]
    boot: BootChoice,
    /// What to order groups by
    #[arg(long, value_enum, default_value_t, value_name = "KEY")]
    sort: Sort,
}

/// What groups are ordered by.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Sort {
    /// Verdict, and of equal ones the bytes that leaked
    #[default]
    Verdict,
    /// Live bytes
    Bytes,
    /// Live objects
    Objects,
    /// How many more objects live at the end than in the middle of the time
    Growth,
    /// Age of the oldest live object
    Age,
}

impl SelectArgs {
    /// The function to look at, if there is one.
    pub(crate) fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// Which groups are wanted.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            cache: self.cache.as_deref().map(Glob::new),
            module: self.module.as_ref().map(|name| name.replace('-', "_")),
            function: self.function.clone(),
            focus: self.focus.clone(),
            ignore: self.ignore.clone(),
            min_age: self.min_age.map(|age| age.0),
            min_objects: self.min_objects,
            top: self.top,
            boot: self.boot,
            sort: match self.sort {
                Sort::Verdict => SortKey::Verdict,
                Sort::Bytes => SortKey::Bytes,
                Sort::Objects => SortKey::Objects,
                Sort::Growth => SortKey::Growth,
                Sort::Age => SortKey::Age,
            },
        }
    }
}
