//! The rules, in the order in which they are asked.
//!
//! Two clocks say how long nothing was added: the time, and the lines of the trace. A device that
//! idles adds nothing for hours and leaks still, so that time alone says little; a boot prints half
//! of its log in a second, so that lines alone do not either.

use super::reason::FreesTold;
use super::{Judgement, Reason, Verdict};
use crate::chain::Occasion;
use crate::event::Witness;
use crate::ledger::{Evidence, Extent, Moment};
use crate::time::seconds;

/// Fewer survivors show no rule.
const SURVIVORS_MIN: u64 = 3;

/// So many objects in a burst late in the log are taken for the beginning of more.
const BURST_MIN: u64 = 8;

/// What was level for this share of the trace is taken to stay so.
const LEVEL_SHARE: f64 = 0.5;

/// A share of the trace's lines that is level at least, where time says that half of it is.
const LEVEL_LINES_MIN: f64 = 0.05;

/// What ended less than this share of the trace's lines before its end goes on to the end.
const END_SHARE: f64 = 0.05;

/// A pause that is less likely than this in a series that goes on is its end.
const WONDER: f64 = 0.05;

/// A chance that is taken for none.
const UNLIKELY: f64 = 0.001;

/// So many objects that were freed, one and all, show that nothing is forgotten any more.
const LATER_MIN: u64 = 10;

/// Addresses that are allocated again without a free, to frees: one in so many is more than losses
/// do.
const UNSEEN_SHARE: u64 = 4;

/// Judges a family by what it did in one boot.
pub(crate) fn judge(evidence: &Evidence, extent: &Extent) -> Judgement {
    let judgement = |verdict, reason| Judgement { verdict, reason };
    if !evidence.is_traced_back {
        return judgement(Verdict::Unclear, Reason::CallersUnknown);
    }
    match evidence.occasion {
        Occasion::KernelStart => return judgement(Verdict::OneTime, Reason::KernelStart),
        Occasion::ModuleLoad => return judgement(Verdict::OneTime, Reason::ModuleLoad),
        Occasion::Any => {}
    }
    if evidence.likely.0 == 0 {
        return judgement(Verdict::Unclear, Reason::ExplainedByLoss);
    }
    if is_freed_unseen(evidence) {
        return judgement(Verdict::Unclear, Reason::FreedUnseen { objects: evidence.reallocated });
    }
    if evidence.live < SURVIVORS_MIN {
        return few(evidence);
    }
    if evidence.frees > 0 { beside_freed(evidence, extent) } else { never_freed(evidence, extent) }
}

/// Whether objects are freed in a way that their witness does not tell of: so many addresses come
/// again that losses are no reason.
fn is_freed_unseen(evidence: &Evidence) -> bool {
    frees_told(evidence) == FreesTold::ButBulk
        && evidence.reallocated > 0
        && evidence.reallocated >= evidence.frees / UNSEEN_SHARE
}

fn frees_told(evidence: &Evidence) -> FreesTold {
    match evidence.witness {
        Witness::SlubTrace => FreesTold::All,
        Witness::TraceEvents => FreesTold::ButBulk,
    }
}

/// Few survivors: they are in flight, or nobody knows.
fn few(evidence: &Evidence) -> Judgement {
    if evidence.frees > 0 && evidence.outliving == 0 {
        let longest = longest(evidence);
        return Judgement { verdict: Verdict::InFlight, reason: Reason::Young { longest } };
    }
    Judgement { verdict: Verdict::Unclear, reason: Reason::TooFew }
}

/// Some were freed: a leak is what outlives them, and becomes more.
fn beside_freed(evidence: &Evidence, extent: &Extent) -> Judgement {
    let judgement = |verdict, reason| Judgement { verdict, reason };
    let longest = longest(evidence);
    let outliving = evidence.outliving;
    let Some(last) = evidence.last_outliving else {
        return judgement(Verdict::InFlight, Reason::Young { longest });
    };
    if outliving < SURVIVORS_MIN {
        return judgement(Verdict::Unclear, Reason::FewOutlive { outliving, longest });
    }
    let quiet = Quiet::since(last, extent);
    let freed = last.time.map_or(0, |time| evidence.allocs_since(time, extent));
    if quiet.is_long() {
        judgement(Verdict::Cache, Reason::LevelSince { since: quiet.seconds })
    } else if freed >= LATER_MIN && chance_of_none(outliving, evidence.allocs, freed) < UNLIKELY {
        judgement(Verdict::Cache, Reason::AllFreedSince { freed })
    } else {
        let live = evidence.live;
        let quiet = quiet.before_end();
        judgement(Verdict::Leaking, Reason::Outlive { outliving, live, quiet })
    }
}

/// None was freed: a leak is what goes on.
fn never_freed(evidence: &Evidence, extent: &Extent) -> Judgement {
    let judgement = |verdict, reason| Judgement { verdict, reason };
    let Some((first, last)) = evidence.lines else {
        return judgement(Verdict::Unclear, Reason::TooFew);
    };
    let frees = frees_told(evidence);
    let within = evidence.span.map(|(first, last)| seconds(last.saturating_sub(first)));
    let time = evidence.span.map(|(_, last)| last);
    let quiet = Quiet::since(Moment { line: last, time }, extent);
    let busy = last.0.saturating_sub(first.0);
    if quiet.is_long() {
        judgement(Verdict::OneTime, Reason::NoneSince { within, since: quiet.seconds })
    } else if quiet.goes_on(evidence.live, busy) {
        judgement(Verdict::Accumulating, Reason::GoesOn { frees, quiet: quiet.before_end() })
    } else if evidence.live >= BURST_MIN {
        judgement(Verdict::Accumulating, Reason::LateBurst { frees, within })
    } else {
        judgement(Verdict::Unclear, Reason::ShortBurst)
    }
}

/// How long nothing was added before the trace ends.
struct Quiet {
    /// Seconds until the trace was over.
    seconds: Option<f64>,
    /// The share of the time from the first header to the last.
    of_time: f64,
    /// The share of the lines from the first header to the last.
    of_lines: f64,
    lines: u64,
}

impl Quiet {
    fn since(moment: Moment, extent: &Extent) -> Quiet {
        let lines = extent.lines_since(moment.line);
        let all_lines = extent.lines.map_or(0, |(first, last)| last.0.saturating_sub(first.0));
        let quiet = moment
            .time
            .zip(extent.active_end)
            .map(|(time, end)| seconds(end.saturating_sub(time)).max(0.0));
        let traced = extent.headers.zip(extent.active_end);
        let all = traced.map(|((first, _), end)| seconds(end.saturating_sub(first)));
        let of_time = quiet.zip(all).map_or(0.0, |(quiet, all)| share(quiet, all));
        Quiet { seconds: quiet, of_time, of_lines: share(lines as f64, all_lines as f64), lines }
    }

    /// The seconds, where they are enough to be told.
    fn before_end(&self) -> Option<f64> {
        self.seconds.filter(|_| self.of_lines > END_SHARE || self.of_time > END_SHARE)
    }

    fn is_long(&self) -> bool {
        self.of_lines >= LEVEL_SHARE
            || (self.of_time >= LEVEL_SHARE && self.of_lines >= LEVEL_LINES_MIN)
    }

    /// Whether a series of so many, through so many lines, may well go on: had it, a pause this long
    /// were no wonder.
    fn goes_on(&self, objects: u64, busy: u64) -> bool {
        self.of_lines <= END_SHARE || {
            let share = share(busy as f64, (busy + self.lines) as f64);
            share.powf(objects.saturating_sub(1) as f64) >= WONDER
        }
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The chance that none of so many later objects is forgotten, where some of all were.
fn chance_of_none(forgotten: u64, all: u64, later: u64) -> f64 {
    (1.0 - share(forgotten as f64, all as f64)).powf(later as f64)
}

fn longest(evidence: &Evidence) -> Option<f64> {
    evidence.lifetimes.max().map(|micros| micros as f64 / 1e6)
}
