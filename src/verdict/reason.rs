//! What a verdict rests on, in a sentence.

use std::fmt;

use crate::print::number::{count, duration};

/// Which frees the witness of a family tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FreesTold {
    /// All of them.
    All,
    /// All but those of `kfree_rcu()` and those in bulk, which make no trace event from 5.10 to 7.2.
    ButBulk,
}

/// Why a verdict was given. Times are in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reason {
    /// What was lost could explain all survivors.
    ExplainedByLoss,
    /// Survivors without a backtrace may belong to any group.
    CallersUnknown,
    /// Too few survivors to see a rule in them.
    TooFew,
    /// Allocated while the kernel started.
    KernelStart,
    /// The module loader's records.
    ModuleLoad,
    /// Some survivors are older than freed objects got, but too few of them.
    FewOutlive {
        /// Survivors that are older.
        outliving: u64,
        /// The longest life of a freed object.
        longest: Option<f64>,
    },
    /// No survivor is older than freed objects got.
    Young {
        /// The longest life of a freed object.
        longest: Option<f64>,
    },
    /// What outlives its siblings is from early on; all that came later was freed.
    AllFreedSince {
        /// How many came later and were freed.
        freed: u64,
    },
    /// What outlives its siblings is from early on, and the log goes on for long.
    LevelSince {
        /// Since when nothing was added.
        since: Option<f64>,
    },
    /// Survivors outlive freed objects, to the end of the trace.
    Outlive {
        /// Survivors that are older than any freed object got.
        outliving: u64,
        /// Survivors.
        live: u64,
        /// How long before the end of the trace the last of them was allocated, where that is long.
        quiet: Option<f64>,
    },
    /// Nothing is freed, and nothing was allocated for long.
    NoneSince {
        /// How long all allocations took.
        within: Option<f64>,
        /// Since when there was none.
        since: Option<f64>,
    },
    /// Addresses of objects that nothing freed were allocated again.
    FreedUnseen {
        /// How many.
        objects: u64,
    },
    /// Nothing is freed, and allocation goes on.
    GoesOn {
        /// Which frees would have been seen.
        frees: FreesTold,
        /// How long before the end of the trace the last was allocated, where that is long.
        quiet: Option<f64>,
    },
    /// Nothing is freed; allocation was a burst, too near the end to know that it is over.
    LateBurst {
        /// Which frees would have been seen.
        frees: FreesTold,
        /// How long all allocations took.
        within: Option<f64>,
    },
    /// A few were allocated in a short time; whether it goes on is not to be seen.
    ShortBurst,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::ExplainedByLoss => f.write_str("what was lost could explain all of it"),
            Reason::CallersUnknown => {
                f.write_str("backtraces are lost, so that nobody knows whose objects these are")
            }
            Reason::TooFew => f.write_str("too few objects to tell"),
            Reason::KernelStart => {
                f.write_str("allocated while the kernel started, which happens once")
            }
            Reason::ModuleLoad => {
                f.write_str("the module loader's own records, kept while a module is loaded")
            }
            Reason::FewOutlive { outliving, longest } => {
                write!(f, "only {} than any that was freed{}", older(outliving), got(longest))
            }
            Reason::Young { longest } => {
                write!(f, "none is older than a freed one got{}", got(longest))
            }
            Reason::AllFreedSince { freed } => {
                write!(f, "all of the {} that came later were freed", count(freed))
            }
            Reason::LevelSince { since } => {
                write!(f, "no longer growing{}", since_when(since))
            }
            Reason::Outlive { outliving, live, quiet } => {
                let who = if outliving == live {
                    "all that live".to_owned()
                } else {
                    format!("{} of them", count(outliving))
                };
                write!(f, "{who} are older than any that was freed; {}", growing(quiet))
            }
            Reason::NoneSince { within, since } => {
                write!(f, "all allocated{}, none{}", within_time(within), since_when(since))
            }
            Reason::FreedUnseen { objects } => write!(
                f,
                "{} without a free in between: freed by kfree_rcu() or in bulk, which no trace event tells",
                allocated_again(objects)
            ),
            Reason::GoesOn { frees, quiet } => {
                write!(f, "{}; {}", nothing_frees(frees), growing(quiet))
            }
            Reason::LateBurst { frees, within } => write!(
                f,
                "{}; all allocated{}, too late in the log to call it over",
                nothing_frees(frees),
                within_time(within)
            ),
            Reason::ShortBurst => {
                f.write_str("a few in a short time; whether more would come is not to be seen")
            }
        }
    }
}

fn nothing_frees(frees: FreesTold) -> &'static str {
    match frees {
        FreesTold::All => "nothing frees them",
        FreesTold::ButBulk => {
            "nothing is seen to free them, which kfree_rcu() and bulk frees never are"
        }
    }
}

fn allocated_again(objects: u64) -> String {
    let verb = if objects == 1 { "was" } else { "were" };
    format!("{} {verb} allocated again", crate::print::number::counted(objects, "address"))
}

fn growing(quiet: Option<f64>) -> String {
    quiet.map_or_else(
        || "growing to the end".to_owned(),
        |quiet| format!("the last came {} before the trace ended", duration(quiet)),
    )
}

fn older(objects: u64) -> String {
    if objects == 1 { "1 is older".to_owned() } else { format!("{} are older", count(objects)) }
}

fn got(longest: Option<f64>) -> String {
    longest.map_or_else(String::new, |longest| format!(" ({} at most)", duration(longest)))
}

fn within_time(within: Option<f64>) -> String {
    within.map_or_else(String::new, |within| format!(" within {}", duration(within)))
}

fn since_when(since: Option<f64>) -> String {
    since.map_or_else(|| " since".to_owned(), |since| format!(" for the last {}", duration(since)))
}
