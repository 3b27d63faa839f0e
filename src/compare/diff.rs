//! The comparison itself.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::change::{Certainty, Change, ChangeKind, Match};
use super::near::{self, Alike};
use super::side::{Finding, Side};
use crate::statistics::binomial;

/// A rate that is not so many times the other is no news, however sure it is.
const FACTOR_MIN: f64 = 1.2;

/// What chance makes more seldom than this is sure.
const CHANCE_MAX: f64 = 0.01;

/// A log that is a smaller part of both is taken for one that is so large.
const SHARE_MIN: f64 = 1e-9;

/// How two reports differ.
#[derive(Clone, PartialEq, Debug)]
pub struct Diff {
    /// The old report.
    pub old: Side,
    /// The new one.
    pub new: Side,
    /// Places that differ: the new ones first, of each kind the largest first.
    pub changes: Vec<Change>,
    /// Places that leak in both, as fast as chance allows.
    pub same: u64,
}

/// Two findings of one place, or one of none.
struct Pair {
    old: Option<Finding>,
    new: Option<Finding>,
    matched: Match,
}

impl Diff {
    /// Compares two reports.
    pub fn of(old: Side, new: Side) -> Diff {
        let times = old.span.zip(new.span);
        let (mut changes, mut same) = (Vec::new(), 0);
        for pair in pairs(&old.findings, &new.findings) {
            let leaks = [&pair.old, &pair.new];
            if !leaks.into_iter().flatten().any(near::is_telling) {
                continue;
            }
            match pair.change(times) {
                Some(change) => changes.push(change),
                None => same += 1,
            }
        }
        changes.sort_by_key(|change| {
            let latest = change.latest();
            let size = latest.map(|finding| (finding.bytes, finding.objects));
            (change.kind, Reverse(size))
        });
        Diff { old, new, changes, same }
    }

    /// Changes of one kind.
    pub fn count(&self, kind: ChangeKind) -> u64 {
        self.changes.iter().filter(|change| change.kind == kind).count() as u64
    }

    /// Bytes an hour of a finding of one side; nothing where no time or no size is known.
    pub fn bytes_per_hour(finding: &Finding, side: &Side) -> Option<f64> {
        Some(finding.bytes? as f64 / side.span? * 3600.0)
    }
}

/// Finds what is one place: by fingerprint, and of the rest what is most alike first.
fn pairs(old: &[Finding], new: &[Finding]) -> Vec<Pair> {
    let known: HashMap<&str, &Finding, FixedState> =
        old.iter().map(|finding| (finding.fingerprint.as_str(), finding)).collect();
    let present: HashSet<&str, FixedState> =
        new.iter().map(|finding| finding.fingerprint.as_str()).collect();
    let mut pairs = Vec::new();
    let mut new_left = Vec::new();
    for finding in new {
        match known.get(finding.fingerprint.as_str()) {
            Some(&same) => pairs.push(Pair {
                old: Some(same.clone()),
                new: Some(finding.clone()),
                matched: Match::Exact,
            }),
            None => new_left.push(finding),
        }
    }
    let is_left = |finding: &&Finding| !present.contains(finding.fingerprint.as_str());
    let old_left: Vec<&Finding> = old.iter().filter(is_left).collect();
    let (mut old_used, mut new_used) = (vec![false; old_left.len()], vec![false; new_left.len()]);
    for Alike { likeness, old: at, new: to } in near::alike(&old_left, &new_left) {
        if !old_used[at] && !new_used[to] {
            (old_used[at], new_used[to]) = (true, true);
            pairs.push(Pair {
                old: Some(old_left[at].clone()),
                new: Some(new_left[to].clone()),
                matched: Match::Near(likeness),
            });
        }
    }
    let alone = |old, new| Pair { old, new, matched: Match::None };
    let rest = |left: &[&Finding], used: &[bool]| -> Vec<Finding> {
        let unused = left.iter().zip(used).filter(|&(_, used)| !used);
        unused.map(|(&finding, _)| finding.clone()).collect()
    };
    pairs.extend(rest(&old_left, &old_used).into_iter().map(|found| alone(Some(found), None)));
    pairs.extend(rest(&new_left, &new_used).into_iter().map(|found| alone(None, Some(found))));
    pairs
}

impl Pair {
    /// How the two differ, if they do; `times` are the seconds that each report covers.
    fn change(self, times: Option<(f64, f64)>) -> Option<Change> {
        let count = |finding: &Option<Finding>| finding.as_ref().map_or(0, |found| found.objects);
        let (before, now) = (count(&self.old), count(&self.new));
        let certainty = certainty(before, now, times);
        let kind = match (&self.old, &self.new) {
            (None, _) => ChangeKind::New,
            (_, None) => ChangeKind::Gone,
            (Some(old), Some(new)) => {
                let is_sure = certainty == Certainty::Sure && !overlap(old, new, times);
                kind_of(before, now, times).filter(|_| is_sure)?
            }
        };
        Some(Change { kind, certainty, matched: self.matched, old: self.old, new: self.new })
    }
}

/// Whether a place leaks faster or more slowly by enough to be news.
fn kind_of(before: u64, now: u64, times: Option<(f64, f64)>) -> Option<ChangeKind> {
    let (before, now) = (before as f64, now as f64);
    let (before, now) = times.map_or((before, now), |(old, new)| (before / old, now / new));
    if now > before * FACTOR_MIN {
        Some(ChangeKind::Worse)
    } else if before > now * FACTOR_MIN {
        Some(ChangeKind::Better)
    } else {
        None
    }
}

/// Whether the ranges that the true numbers lie in have something in common, as rates.
fn overlap(old: &Finding, new: &Finding, times: Option<(f64, f64)>) -> bool {
    let (old_time, new_time) = times.unwrap_or((1.0, 1.0));
    let range = |(low, high): (u64, u64), time: f64| (low as f64 / time, high as f64 / time);
    let (old, new) = (range(old.likely, old_time), range(new.likely, new_time));
    old.0 <= new.1 && new.0 <= old.1
}

/// Whether chance could have parted the objects so between the two times.
///
/// Where both leak equally fast, each of the objects falls into one of the times as likely as that
/// is long: the conditional test of two Poisson rates (Przyborowski and Wilenski, 1940). Where no
/// times are known, as in the kernel's own counts, numbers are what they are.
fn certainty(before: u64, now: u64, times: Option<(f64, f64)>) -> Certainty {
    let Some((old, new)) = times else { return Certainty::Sure };
    let share = (new / (old + new)).clamp(SHARE_MIN, 1.0 - SHARE_MIN);
    if binomial(before.saturating_add(now), now, share) < CHANCE_MAX {
        Certainty::Sure
    } else {
        Certainty::MayBeChance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::side::{Standing, Step};
    use crate::verdict::Verdict;

    fn finding(name: &str, verdict: Verdict, objects: u64) -> Finding {
        let step = |function: &str| Step {
            function: function.to_owned(),
            module: None,
            file: None,
            line: None,
        };
        Finding {
            fingerprint: name.to_owned(),
            cache: "kmalloc-64".to_owned(),
            standing: Standing::Judged(verdict),
            objects,
            likely: (objects, objects),
            bytes: Some(objects * 64),
            chain: name.split('<').map(step).collect(),
        }
    }

    fn side(span: f64, findings: &[Finding]) -> Side {
        Side { title: String::new(), span: Some(span), findings: findings.to_vec() }
    }

    fn kinds(old: &Side, new: &Side) -> Vec<(ChangeKind, Certainty)> {
        let diff = Diff::of(old.clone(), new.clone());
        diff.changes.iter().map(|change| (change.kind, change.certainty)).collect()
    }

    #[test]
    fn nothing_differs_from_itself() {
        let side = side(60.0, &[finding("a<b", Verdict::Leaking, 40)]);
        assert_eq!(kinds(&side, &side), []);
        assert_eq!(Diff::of(side.clone(), side).same, 1);
    }

    #[test]
    fn rates_are_compared_and_not_numbers() {
        let before = side(60.0, &[finding("a", Verdict::Leaking, 40)]);
        let as_fast = side(600.0, &[finding("a", Verdict::Leaking, 410)]);
        assert_eq!(kinds(&before, &as_fast), []);
        let faster = side(60.0, &[finding("a", Verdict::Leaking, 100)]);
        assert_eq!(kinds(&before, &faster), [(ChangeKind::Worse, Certainty::Sure)]);
        assert_eq!(kinds(&faster, &before), [(ChangeKind::Better, Certainty::Sure)]);
        let by_chance = side(60.0, &[finding("a", Verdict::Leaking, 55)]);
        assert_eq!(kinds(&before, &by_chance), []);
    }

    #[test]
    fn what_comes_and_goes_is_told_and_how_sure_that_is() {
        let (none, few) = (side(60.0, &[]), side(60.0, &[finding("a", Verdict::Leaking, 3)]));
        assert_eq!(kinds(&none, &few), [(ChangeKind::New, Certainty::MayBeChance)]);
        let many = side(60.0, &[finding("a", Verdict::Leaking, 30)]);
        assert_eq!(kinds(&none, &many), [(ChangeKind::New, Certainty::Sure)]);
        assert_eq!(kinds(&many, &none), [(ChangeKind::Gone, Certainty::Sure)]);
        let short = side(0.5, &[]);
        assert_eq!(kinds(&short, &many), [(ChangeKind::New, Certainty::MayBeChance)]);
    }

    #[test]
    fn what_does_not_leak_is_no_news() {
        let none = side(60.0, &[]);
        let cache = side(60.0, &[finding("a", Verdict::Cache, 300)]);
        assert_eq!(kinds(&none, &cache), []);
        let leak = side(60.0, &[finding("a", Verdict::Leaking, 900)]);
        assert_eq!(kinds(&cache, &leak), [(ChangeKind::Worse, Certainty::Sure)]);
    }

    #[test]
    fn another_build_of_a_place_is_that_place() {
        let before = side(60.0, &[finding("get<fill<open<probe<fork", Verdict::Leaking, 40)]);
        let inlined = side(60.0, &[finding("fill<open<probe<fork", Verdict::Leaking, 41)]);
        assert_eq!(kinds(&before, &inlined), []);
        let worse = side(60.0, &[finding("fill<open<probe<fork", Verdict::Leaking, 141)]);
        let diff = Diff::of(before, worse);
        assert!(matches!(diff.changes[0].matched, Match::Near(_)), "{diff:?}");
    }
}
