//! Which groups of a report are shown, and in which order.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use glob::Pattern;
use hashbrown::HashSet;
use regex::Regex;

use super::neighbours::is_named;
use super::{COLUMNS, GroupReport, Report, Timeline};
use crate::chain::base_name;

/// What groups are ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SortKey {
    /// Verdict, then likely leaked bytes.
    #[default]
    Verdict,
    /// Live bytes.
    Bytes,
    /// Live objects.
    Objects,
    /// How many more objects live at the end than in the middle of the time.
    Growth,
    /// Age of the oldest live object.
    Age,
}

/// Which groups are wanted. The default wants all of them.
#[derive(Clone, Default, Debug)]
pub struct Selection {
    /// Only caches with such a name.
    pub cache: Option<Glob>,
    /// Only chains through this module.
    pub module: Option<String>,
    /// Only chains through this function.
    pub function: Option<String>,
    /// Only chains of which a function or a module fits.
    pub focus: Option<Regex>,
    /// No chain of which a function or a module fits.
    pub ignore: Option<Regex>,
    /// Only groups whose oldest live object is at least so many seconds old.
    pub min_age: Option<f64>,
    /// Only groups with at least so many live objects.
    pub min_objects: Option<u64>,
    /// Only the first so many.
    pub top: Option<usize>,
    /// Only this boot.
    pub boot: BootChoice,
    /// The order.
    pub sort: SortKey,
}

/// Which boots are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum BootChoice {
    /// All of them.
    #[default]
    All,
    /// The last one.
    Last,
    /// The one with this number.
    Number(usize),
}

/// A pattern for names as a shell has them: `*` is any text, `?` any character, `[0-9]` one of
/// these and `[!0-9]` one of the others.
#[derive(Clone, Debug)]
pub struct Glob(Pattern);

impl Glob {
    /// Reads a pattern. As in a shell, a bracket that is not closed stands for itself.
    pub fn new(pattern: &str) -> Glob {
        let mut plain = pattern.replace("[^", "[!");
        while plain.contains("**") {
            plain = plain.replace("**", "*");
        }
        let literal = || Pattern::new(&plain.replace('[', "[[]"));
        Glob(Pattern::new(&plain).or_else(|_| literal()).unwrap_or_default())
    }

    /// Whether a name fits.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

impl Selection {
    /// Leaves in the report what is wanted, in the order that is wanted. Sums stay those of the
    /// whole log.
    pub fn apply(&self, report: &mut Report) {
        let last = report.boots.len().saturating_sub(1);
        report.groups.retain(|group| self.wants(group, last));
        match self.sort {
            SortKey::Verdict => {}
            SortKey::Bytes => report.groups.sort_by_key(|group| Reverse(group.live_bytes)),
            SortKey::Objects => report.groups.sort_by_key(|group| Reverse(group.live_objects)),
            SortKey::Growth => report.groups.sort_by_key(|group| Reverse(grown(group))),
            SortKey::Age => report
                .groups
                .sort_by(|a, b| oldest(b).unwrap_or(-1.0).total_cmp(&oldest(a).unwrap_or(-1.0))),
        }
        report.groups.truncate(self.top.unwrap_or(usize::MAX));
        for (at, group) in report.groups.iter_mut().enumerate() {
            group.rank = at + 1;
        }
        let shown: HashSet<(usize, &str), FixedState> =
            report.groups.iter().map(|group| (group.boot, group.family.as_str())).collect();
        report.families.retain(|family| shown.contains(&(family.boot, family.name.as_str())));
    }

    /// Whether functions are looked for that chains may hold only once their source places are known.
    pub fn has_pattern(&self) -> bool {
        self.focus.is_some() || self.ignore.is_some()
    }

    fn wants(&self, group: &GroupReport, last_boot: usize) -> bool {
        let boot = match self.boot {
            BootChoice::All => true,
            BootChoice::Last => group.boot == last_boot,
            BootChoice::Number(number) => group.boot == number,
        };
        let in_module =
            |module: &String| group.chain.iter().any(|frame| frame.module.as_ref() == Some(module));
        boot && self.cache.as_ref().is_none_or(|glob| glob.matches(&group.cache))
            && self.module.as_ref().is_none_or(in_module)
            && self.function.as_deref().is_none_or(|name| passes(group, name))
            && self.focus.as_ref().is_none_or(|pattern| fits(group, pattern))
            && !self.ignore.as_ref().is_some_and(|pattern| fits(group, pattern))
            && self.min_age.is_none_or(|age| oldest(group).is_some_and(|oldest| oldest >= age))
            && self.min_objects.is_none_or(|least| group.live_objects >= least)
    }
}

/// Whether a group's chain passes through a function.
fn passes(group: &GroupReport, name: &str) -> bool {
    group.chain.iter().any(|frame| is_named(frame, base_name(name)))
}

/// Whether a function of a group's chain, a call inlined there or a module fits a pattern.
fn fits(group: &GroupReport, pattern: &Regex) -> bool {
    group.chain.iter().any(|frame| {
        let inlined = frame.source.iter().flat_map(|source| &source.inlined);
        let names = frame.function.iter().chain(&frame.module);
        names.chain(inlined.map(|call| &call.function)).any(|name| pattern.is_match(name))
    })
}

/// How old the oldest survivor is, in seconds.
fn oldest(group: &GroupReport) -> Option<f64> {
    group.ages.map(|ages| ages.oldest)
}

fn grown(group: &GroupReport) -> u64 {
    let live = group.timeline.as_deref().map_or([0; COLUMNS], Timeline::live);
    live[COLUMNS - 1].saturating_sub(live[COLUMNS / 2 - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Analysis, AnalysisOptions};

    /// A report of one group whose oldest object is a second old when the log ends.
    fn a_second_old() -> Report {
        let mut analysis = Analysis::new(AnalysisOptions::default());
        for (time, op, object) in [(1, "alloc", 64), (2, "alloc", 128), (2, "free", 128)] {
            let header = format!("TRACE kmalloc-64 {op} 0xffff8880000{object:05x} inuse=1 fp=0x0");
            let stack = "Call Trace:\n dump_stack_lvl+0x1/0x2\n __kmalloc+0x1/0x2\n f+0x1/0x2";
            for line in format!("{header}\n{stack}").lines() {
                analysis.feed(format!("[    {time}.000000] {line}\n").as_bytes());
            }
        }
        analysis.finish()
    }

    #[test]
    fn a_group_is_as_old_as_it_is() {
        for (min_age, groups) in [(0.5, 1), (1.0, 1), (1.000_001, 0)] {
            let mut report = a_second_old();
            assert_eq!(report.groups.len(), 1);
            Selection { min_age: Some(min_age), ..Selection::default() }.apply(&mut report);
            assert_eq!(report.groups.len(), groups, "{min_age}");
        }
    }

    #[test]
    fn a_pattern_fits_a_function_of_the_chain() {
        let groups = |focus: Option<&str>, ignore: Option<&str>| {
            let pattern = |text: &str| Regex::new(text).expect("an expression");
            let (focus, ignore) = (focus.map(pattern), ignore.map(pattern));
            let mut report = a_second_old();
            Selection { focus, ignore, ..Selection::default() }.apply(&mut report);
            report.groups.len()
        };
        assert_eq!([groups(Some("^f$"), None), groups(Some("g"), None)], [1, 0]);
        assert_eq!([groups(None, Some("^f$")), groups(None, Some("g"))], [0, 1]);
        assert_eq!(groups(Some("f"), Some("f")), 0);
    }

    #[test]
    fn a_glob_matches_whole_names() {
        let glob = Glob::new("kmalloc-*");
        assert!(glob.matches("kmalloc-64"));
        assert!(!glob.matches("dma-kmalloc-64"));
        assert!(Glob::new("a.?").matches("a.b"));
        assert!(!Glob::new("a.b").matches("axb"));
        let fits = |pattern: &str, name: &str| Glob::new(pattern).matches(name);
        assert!(fits("kmalloc-[0-9]*", "kmalloc-64") && !fits("kmalloc-[0-9]*", "kmalloc-cg-64"));
        assert!(fits("kmalloc-[!0-9]*", "kmalloc-cg-64") && !fits("kmalloc-[^0-9]*", "kmalloc-64"));
        assert!(fits("x[1", "x[1") && fits("x[1*", "x[12") && !fits("x[1", "x1"));
        assert!(fits("**-64", "kmalloc-64"));
    }
}
