//! Scans to the report: objects grouped by size and backtrace, the last scan compared with the
//! one before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::KmemleakOptions;
use super::object::{Object, ObjectKind};
use super::reader::Tally;
use super::report::{ExampleReport, GroupReport, KmemleakReport, ProcessReport, Totals, Trend};
use super::scan::Scan;
use crate::chain::base_name;
use crate::chain::{Step, place};
use crate::names::{Context, Role};
use crate::names::{FrameId, NameId, Names, Placed};
use crate::report::{FrameReport, Input, address, fingerprint, frame_report};

/// What objects of one group have in common.
type Key<'a> = (ObjectKind, u64, &'a [FrameId]);

/// The objects of a group in every scan, oldest scan first.
type Members<'a> = Vec<Vec<&'a Object>>;

pub(super) fn build(
    inputs: Vec<Input>,
    names: &Names,
    scans: &[Scan],
    tally: Tally,
    options: KmemleakOptions,
) -> KmemleakReport {
    let builder = Builder { names, scans };
    let mut groups: Vec<GroupReport> = grouped(scans, options)
        .iter()
        .filter_map(|(key, members)| builder.group(key, members))
        .collect();
    groups.sort_by_cached_key(|group| {
        let functions: Vec<_> = group.chain.iter().map(|frame| frame.function.clone()).collect();
        (Reverse(group.bytes), Reverse(group.objects), Reverse(group.gone_objects), functions)
    });
    for (at, group) in groups.iter_mut().enumerate() {
        group.rank = at + 1;
    }
    let sum = |part: fn(&GroupReport) -> Option<u64>| {
        groups.iter().map(part).try_fold(0, |sum: u64, count| Some(sum.saturating_add(count?)))
    };
    let present = || groups.iter().filter(|group| group.objects > 0);
    let has_previous = scans.len() > 1;
    KmemleakReport {
        inputs,
        scans: tally.scans,
        totals: Totals {
            objects: present().map(|group| group.objects).fold(0, u64::saturating_add),
            bytes: present().map(|group| group.bytes).fold(0, u64::saturating_add),
            groups: present().count() as u64,
        },
        new_objects: sum(|group| group.new_objects).filter(|_| has_previous),
        gone_objects: sum(|group| group.gone_objects).filter(|_| has_previous),
        seen_objects: scans
            .iter()
            .flat_map(|scan| &scan.objects)
            .map(Object::count)
            .fold(0, u64::saturating_add),
        cut_objects: tally.cut_objects,
        shared_objects: tally.shared_objects,
        damaged_lines: tally.damaged_lines,
        unread: tally.unread,
        kind: tally.kind,
        ages_unknown: scans.iter().flat_map(|scan| &scan.objects).any(|o| o.age.is_none()),
        groups,
        symbol_warnings: Vec::new(),
    }
}

fn grouped(scans: &[Scan], options: KmemleakOptions) -> BTreeMap<Key<'_>, Members<'_>> {
    let mut groups: BTreeMap<Key<'_>, Members<'_>> = BTreeMap::new();
    for (at, scan) in scans.iter().enumerate() {
        for object in &scan.objects {
            // An object that does not say its age is not known to be too young.
            if object.age.zip(options.min_age).is_some_and(|(age, least)| age < least) {
                continue;
            }
            let key = (object.kind, object.identity.size, object.frames.as_slice());
            groups.entry(key).or_insert_with(|| vec![Vec::new(); scans.len()])[at].push(object);
        }
    }
    groups
}

struct Builder<'a> {
    names: &'a Names,
    scans: &'a [Scan],
}

impl Builder<'_> {
    fn group(&self, key: &Key<'_>, members: &Members<'_>) -> Option<GroupReport> {
        let &(kind, size, frames) = key;
        let (last, earlier) = members.split_last()?;
        let history: Vec<u64> = members.iter().map(|objects| count(objects)).collect();
        let cache = (kind == ObjectKind::Virtual).then(|| kmalloc_cache(size)).flatten();
        let chain = self.chain(frames);
        let previous = earlier.last();
        let shown = members.iter().rev().find(|objects| !objects.is_empty())?;
        let example = shown.first()?;
        let objects = count(last);
        Some(GroupReport {
            rank: 0,
            fingerprint: Self::fingerprint(cache.as_deref(), &chain),
            cache,
            kind,
            objects,
            bytes: last.iter().map(|object| object.bytes()).fold(0, u64::saturating_add),
            size,
            new_objects: previous.map(|_| self.missing(last, self.scans.len().checked_sub(2))),
            gone_objects: previous
                .map(|objects| self.missing(objects, self.scans.len().checked_sub(1))),
            trend: trend(previous.map(|objects| count(objects)), objects),
            history,
            oldest_age: last.iter().filter_map(|object| object.age).reduce(f64::max),
            chain,
            processes: self.processes(shown),
            example: ExampleReport {
                address: address(example.identity.address, example.digits),
                hex: example.hex.clone(),
            },
        })
    }

    /// How many of the objects a scan does not have.
    fn missing(&self, objects: &[&Object], scan: Option<usize>) -> u64 {
        let Some(scan) = scan.and_then(|at| self.scans.get(at)) else { return 0 };
        count_of(objects.iter().filter(|object| !scan.has(&object.identity)))
    }

    fn chain(&self, frames: &[FrameId]) -> Vec<FrameReport> {
        let is_own = |frame: &&FrameId| self.names.function(**frame).is_some_and(is_kmemleak);
        let own = frames.iter().take_while(is_own).count();
        let steps: Vec<Step> = frames[own..].iter().map(|&frame| Step::Frame(frame)).collect();
        let own = frames[..own].iter().map(|&frame| Placed {
            frame,
            context: Context::Task,
            role: Role::Allocator,
        });
        let placed = own.chain(place(&steps, self.names));
        placed.map(|placed| frame_report(placed, self.names)).collect()
    }

    /// The fingerprint that a trace of the same allocation has. A trace ends at the kernel's
    /// entry, where kmemleak may go on to what lies above it on the stack.
    fn fingerprint(cache: Option<&str>, chain: &[FrameReport]) -> String {
        let is_caller = |frame: &&FrameReport| frame.role == Role::Caller;
        let callers: Vec<FrameReport> = chain.iter().filter(is_caller).cloned().collect();
        let end = callers.iter().rposition(|frame| frame.function.is_some());
        let callers = &callers[..end.map_or(callers.len(), |at| at + 1)];
        fingerprint(cache.unwrap_or("?"), callers)
    }

    fn processes(&self, objects: &[&Object]) -> Vec<ProcessReport> {
        let mut counts: BTreeMap<(Option<NameId>, Option<u32>), u64> = BTreeMap::new();
        for object in objects {
            let known = counts.entry((object.comm, object.pid)).or_default();
            *known = known.saturating_add(object.count());
        }
        let mut processes: Vec<ProcessReport> = counts
            .into_iter()
            .map(|((comm, pid), objects)| ProcessReport {
                comm: comm.map(|name| self.names.text(name).to_owned()),
                pid,
                objects,
            })
            .collect();
        processes.sort_by(|a, b| {
            (Reverse(a.objects), &a.comm, a.pid).cmp(&(Reverse(b.objects), &b.comm, b.pid))
        });
        processes
    }
}

fn count(objects: &[&Object]) -> u64 {
    count_of(objects.iter())
}

fn count_of<'a>(objects: impl Iterator<Item = &'a &'a Object>) -> u64 {
    objects.map(|object| object.count()).fold(0, u64::saturating_add)
}

fn trend(previous: Option<u64>, objects: u64) -> Trend {
    match previous {
        None => Trend::Unknown,
        Some(_) if objects == 0 => Trend::Gone,
        Some(0) => Trend::New,
        Some(previous) if objects > previous => Trend::Growing,
        Some(previous) if objects < previous => Trend::Shrinking,
        Some(_) => Trend::Steady,
    }
}

/// Functions of `mm/kmemleak.c`, which older kernels show above the allocator.
fn is_kmemleak(function: &str) -> bool {
    let base = base_name(function);
    base.starts_with("kmemleak_")
        || matches!(base, "create_object" | "__create_object" | "set_track_prepare")
}

/// The kmalloc cache with objects of this size, by the names of 4.20 and later. kmemleak tells
/// the cache's object size, not the size that was asked for.
fn kmalloc_cache(size: u64) -> Option<String> {
    match size {
        8 | 16 | 32 | 64 | 96 | 128 | 192 | 256 | 512 => Some(format!("kmalloc-{size}")),
        1024 | 2048 | 4096 | 8192 => Some(format!("kmalloc-{}k", size / 1024)),
        _ => None,
    }
}
