//! One place in two builds: what another compiler inlined makes another fingerprint.

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::side::{Finding, Standing, Step};
use crate::chain::base_name;

/// Chains of one place share at least this part of their functions, in order.
const LIKENESS_MIN: f64 = 0.75;

/// One of so many functions next to the allocator must be common.
const SITE_STEPS: usize = 2;

/// Functions of a chain that are compared.
const STEPS_MAX: usize = 64;

/// Two findings that may be one place, by where they stand in their lists.
pub(super) struct Alike {
    /// How alike their chains are, from 0 to 1.
    pub(super) likeness: f64,
    /// Which of the old ones.
    pub(super) old: usize,
    /// Which of the new ones.
    pub(super) new: usize,
}

/// What may be one place, the most alike first.
///
/// The functions next to the allocator tell one place from another, so that one of the first two
/// must be common, and the cache with it.
pub(super) fn alike(old: &[&Finding], new: &[&Finding]) -> Vec<Alike> {
    let mut by_site: HashMap<(&str, &str), Vec<usize>, FixedState> = HashMap::default();
    let old_names: Vec<Vec<&str>> = old.iter().map(|finding| names(&finding.chain)).collect();
    for (at, finding) in old.iter().enumerate() {
        for name in old_names[at].iter().take(SITE_STEPS) {
            by_site.entry((&finding.cache, name)).or_default().push(at);
        }
    }
    let mut found = Vec::new();
    for (to, finding) in new.iter().enumerate() {
        let names = names(&finding.chain);
        let sites = names.iter().take(SITE_STEPS);
        let places = sites.filter_map(|name| by_site.get(&(finding.cache.as_str(), *name)));
        let places: BTreeSet<usize> = places.flatten().copied().collect();
        for at in places.into_iter().filter(|&at| is_telling(old[at]) || is_telling(finding)) {
            let likeness = likeness(&old_names[at], &names);
            if likeness >= LIKENESS_MIN {
                found.push(Alike { likeness, old: at, new: to });
            }
        }
    }
    found.sort_by(|a, b| {
        b.likeness.total_cmp(&a.likeness).then((a.old, a.new).cmp(&(b.old, b.new)))
    });
    found
}

/// Whether a change of a finding would be told.
pub(super) fn is_telling(finding: &Finding) -> bool {
    finding.standing.is_leak() || matches!(finding.standing, Standing::Counted(_))
}

/// How alike two chains are: Dice's measure over the longest common subsequence of functions.
fn likeness(old: &[&str], new: &[&str]) -> f64 {
    2.0 * longest_common(old, new) as f64 / (old.len() + new.len()).max(1) as f64
}

/// The functions as fingerprints know them: without what compilers put behind names.
fn names(chain: &[Step]) -> Vec<&str> {
    chain.iter().take(STEPS_MAX).map(|step| base_name(&step.function)).collect()
}

/// The length of the longest common subsequence.
fn longest_common(a: &[&str], b: &[&str]) -> usize {
    let mut lengths = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = lengths[at + 1];
            lengths[at + 1] = if x == y { diagonal + 1 } else { above.max(lengths[at]) };
            diagonal = above;
        }
    }
    lengths.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(cache: &str, chain: &str) -> Finding {
        let step = |function: &str| Step {
            function: function.to_owned(),
            module: None,
            file: None,
            line: None,
        };
        Finding {
            fingerprint: String::new(),
            cache: cache.to_owned(),
            standing: Standing::Unreferenced,
            objects: 0,
            likely: (0, 0),
            bytes: None,
            chain: chain.split(' ').map(step).collect(),
        }
    }

    #[test]
    fn what_was_inlined_elsewhere_is_the_same_place() {
        let old = finding("a", "get fill open probe kthread fork");
        let alike = |cache: &str, chain: &str| {
            let new = finding(cache, chain);
            super::alike(&[&old], &[&new]).first().map(|alike| alike.likeness)
        };
        assert_eq!(alike("a", "get fill open probe kthread fork"), Some(1.0));
        let inlined = alike("a", "fill.constprop.0 open probe kthread fork");
        assert!(inlined.is_some_and(|likeness| likeness > 0.9), "{inlined:?}");
        assert_eq!(alike("b", "get fill open probe kthread fork"), None);
        assert_eq!(alike("a", "other way open probe kthread fork"), None);
        assert_eq!(alike("a", "get fill x y z u v w"), None, "too little");
    }
}
