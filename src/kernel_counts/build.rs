//! Snapshots to the report: groups by call chain, the last reading compared with the first.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::page_owner;
use super::reader::AccountLoss;
use super::snapshot::{Key, LineKey, Snapshot, Tally};
use crate::chain::{Step, callers, place};
use crate::event::{Depth, FrameId, Names, Placed};
use crate::ledger::{Links, Proof, kmalloc_size};
use crate::names::{Context, Role};
use crate::report::{
    AccountReport, CacheReport, Counted, FrameReport, GroupReport, GroupWitness, Loss, Origin,
    ProcessReport, Totals, difference, fingerprint, frame_report,
};
use crate::symbol::Source;

/// Bytes of a page on nearly all machines; `page_owner` does not tell.
const PAGE_BYTES: u64 = 4096;

/// Readings of one file that are shown: the first one, and the last ones.
const READINGS_MAX: usize = 64;

/// A group of one account: its objects in every reading, and the first and the last of these.
#[derive(Clone, Default, Debug)]
struct History {
    objects: Vec<u64>,
    first: Tally,
    last: Tally,
}

impl History {
    fn is_live(&self) -> bool {
        self.last.objects > 0
    }
}

/// What the kernel's own files say, in the parts of a report.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Account {
    pub(crate) report: AccountReport,
    /// Its groups, in the order of a report.
    pub(crate) groups: Vec<GroupReport>,
}

/// One account for each file and cache.
pub(super) fn accounts(names: &Names, snapshots: &[Snapshot], depth: Depth) -> Vec<Account> {
    let mut series: IndexMap<(Origin, Option<&str>), Vec<&Snapshot>, FixedState> =
        IndexMap::default();
    for snapshot in snapshots {
        series.entry((snapshot.origin, snapshot.cache.as_deref())).or_default().push(snapshot);
    }
    let builder = Builder { names, depth };
    let all = series.into_iter();
    all.map(|((origin, cache), mut snapshots)| {
        let surplus = snapshots.len().saturating_sub(READINGS_MAX);
        snapshots.drain(1..=surplus);
        builder.account(origin, cache, &snapshots)
    })
    .collect()
}

/// Sums over groups that are all there is.
pub(super) fn totals(groups: &[GroupReport]) -> Totals {
    Totals {
        live_objects: groups.iter().map(|group| group.live_objects).fold(0, u64::saturating_add),
        live_bytes: groups.iter().filter_map(|g| g.live_bytes).fold(0, u64::saturating_add),
        groups: groups.len() as u64,
        ..Totals::default()
    }
}

pub(super) fn caches(groups: &[GroupReport]) -> Vec<CacheReport> {
    let mut caches: IndexMap<&str, CacheReport, FixedState> = IndexMap::default();
    for group in groups {
        let cache = caches.entry(&group.cache).or_insert_with(|| CacheReport {
            name: group.cache.clone(),
            object_size: group.object_size,
            allocs: 0,
            frees: 0,
            live_objects: 0,
            live_bytes: Some(0),
            links: Links::default(),
            proof: Proof::Unknown,
        });
        cache.live_objects = cache.live_objects.saturating_add(group.live_objects);
        cache.live_bytes =
            cache.live_bytes.zip(group.live_bytes).map(|(sum, more)| sum.saturating_add(more));
        if cache.object_size != group.object_size {
            cache.object_size = None;
        }
    }
    let mut caches: Vec<CacheReport> = caches.into_values().collect();
    caches.sort_by(|a, b| {
        (Reverse(a.live_bytes), Reverse(a.live_objects), &a.name).cmp(&(
            Reverse(b.live_bytes),
            Reverse(b.live_objects),
            &b.name,
        ))
    });
    caches
}

pub(super) fn loss(loss: AccountLoss) -> Loss {
    Loss { torn_events: loss.cut, damaged_lines: loss.damaged, ..Loss::default() }
}

/// What grew most comes first where there are several readings; then what is most.
pub(super) fn rank(groups: &mut [GroupReport]) {
    let growth = |group: &GroupReport| {
        let counted = group.counted.as_ref();
        (counted.and_then(|c| c.grown_bytes), counted.and_then(Counted::grown_objects))
    };
    groups.sort_by_cached_key(|group| {
        let (grown_bytes, grown_objects) = growth(group);
        let functions: Vec<_> = group.chain.iter().map(|frame| frame.function.clone()).collect();
        (
            Reverse(grown_bytes),
            Reverse(grown_objects),
            Reverse(group.live_bytes),
            Reverse(group.live_objects),
            group.cache.clone(),
            functions,
            group.fingerprint.clone(),
        )
    });
    for (at, group) in groups.iter_mut().enumerate() {
        group.rank = at + 1;
    }
}

struct Builder<'a> {
    names: &'a Names,
    depth: Depth,
}

impl Builder<'_> {
    fn account(&self, origin: Origin, cache: Option<&str>, snapshots: &[&Snapshot]) -> Account {
        let grouped = self.grouped(snapshots);
        let was_live = |history: &&History| history.objects.iter().any(|&objects| objects > 0);
        let gone = grouped.values().filter(was_live).filter(|history| !history.is_live()).count();
        let last = snapshots.last();
        let sum = |snapshot: &&Snapshot| {
            snapshot.groups.values().map(|tally| tally.objects).fold(0, u64::saturating_add)
        };
        let groups = grouped.iter().filter(|(_, history)| history.is_live());
        let mut groups: Vec<GroupReport> =
            groups.map(|(place, history)| self.group(origin, cache, place, history)).collect();
        rank(&mut groups);
        Account {
            report: AccountReport {
                origin,
                cache: cache.map(str::to_owned),
                history: snapshots.iter().map(sum).collect(),
                gone_groups: gone as u64,
                inaccurate_rows: last.map_or(0, |last| last.inaccurate),
                is_cut: last.is_some_and(|last| last.is_cut_at_a_page()),
            },
            groups,
        }
    }

    /// Entries that differ in what the report does not show are one group.
    fn grouped(&self, snapshots: &[&Snapshot]) -> IndexMap<PlaceKey, History, FixedState> {
        let mut groups: IndexMap<PlaceKey, History, FixedState> = IndexMap::default();
        for (at, snapshot) in snapshots.iter().enumerate() {
            for (key, tally) in &snapshot.groups {
                let history = groups.entry(self.place(key)).or_insert_with(|| History {
                    objects: vec![0; snapshots.len()],
                    ..History::default()
                });
                history.objects[at] = history.objects[at].saturating_add(tally.objects);
                if at == 0 {
                    history.first.add(tally);
                }
                if at + 1 == snapshots.len() {
                    history.last.add(tally);
                }
            }
        }
        groups
    }

    fn place(&self, key: &Key) -> PlaceKey {
        if let Key::Line(line) = key {
            return PlaceKey::Line(*line);
        }
        let (own, rest) = key.frames().split_at(self.page_allocator(key));
        let steps: Vec<Step> = rest.iter().map(|&frame| Step::Frame(frame)).collect();
        let own = own.iter().map(|&frame| Placed {
            frame,
            context: Context::Task,
            role: Role::Allocator,
        });
        let mut chain: Vec<Placed> = own.chain(place(&steps, self.names)).collect();
        // Whoever calls is a caller, be it named like the allocator.
        if let Some(last) = chain.last_mut().filter(|last| last.role == Role::Allocator) {
            last.role = Role::Caller;
        }
        if self.depth == Depth::Callers {
            chain = callers(&chain, self.names);
        }
        match key {
            Key::Pages(_, order) => PlaceKey::Pages(chain, *order),
            _ => PlaceKey::Chain(chain),
        }
    }

    /// How many frames of a page's backtrace are the page allocator's own.
    fn page_allocator(&self, key: &Key) -> usize {
        let Key::Pages(frames, _) = key else { return 0 };
        let is_own = |frame: &&FrameId| {
            self.names.function(**frame).is_some_and(page_owner::is_page_allocator)
        };
        frames.iter().take_while(is_own).count()
    }

    fn group(
        &self,
        origin: Origin,
        cache: Option<&str>,
        place: &PlaceKey,
        history: &History,
    ) -> GroupReport {
        let cache = place.cache(cache);
        let chain = self.chain(place);
        let History { objects, first, last } = history;
        let size = place.object_size(&cache, last);
        let bytes = |tally: &Tally| tally.bytes.or(Some(tally.objects.checked_mul(size?)?));
        let live_objects = last.objects;
        // What was not there in the first reading had no bytes in it.
        let before = bytes(first).or((first.objects == 0).then_some(0));
        let grown_bytes = before.zip(bytes(last));
        let grown_bytes = grown_bytes.map(|(first, last)| difference(last, first));
        GroupReport {
            requested_size: None,
            rank: 0,
            fingerprint: fingerprint(&cache, &chain),
            boot: 0,
            object_size: size.and_then(|size| u32::try_from(size).ok()),
            allocs: live_objects,
            frees: 0,
            live_objects,
            live_objects_min: live_objects,
            live_objects_max: live_objects,
            likely: (live_objects, live_objects),
            live_bytes: bytes(last),
            first_alloc: None,
            last_alloc: None,
            oldest_live: None,
            ages: None,
            lifetimes: None,
            family: String::new(),
            judgement: None,
            chain,
            processes: self.processes(last),
            freed_by: Vec::new(),
            examples: Vec::new(),
            timeline: None,
            counted: Some(Counted {
                origin,
                history: objects.clone(),
                grown_bytes: grown_bytes.filter(|_| objects.len() > 1),
                waste: last.waste,
                // What nobody recorded has no age either.
                ages: last.ages.filter(|_| place.is_known()),
                pids: last.pids,
            }),
            witness: GroupWitness::default(),
            cache,
        }
    }

    fn chain(&self, place: &PlaceKey) -> Vec<FrameReport> {
        match place {
            PlaceKey::Chain(chain) | PlaceKey::Pages(chain, _) => {
                chain.iter().map(|placed| frame_report(*placed, self.names)).collect()
            }
            PlaceKey::Line(line) => vec![self.line(line)],
        }
    }

    /// The function that allocates, and the line that the kernel names itself.
    fn line(&self, line: &LineKey) -> FrameReport {
        let text = |name| self.names.text(name).to_owned();
        FrameReport {
            function: Some(text(line.function)),
            offset: None,
            size: None,
            module: line.module.map(text),
            build_id: None,
            address: None,
            reliable: true,
            aim: crate::record::frame::Aim::BehindCall,
            context: Context::Task,
            role: Role::Caller,
            source: Some(Source {
                file: text(line.file),
                line: Some(line.line),
                column: None,
                text: None,
                inlined: Vec::new(),
            }),
            unresolved: None,
        }
    }

    /// Tasks by name; where only process ids are told, and there is just one, that.
    fn processes(&self, tally: &Tally) -> Vec<ProcessReport> {
        let only = tally.pids.filter(|(least, greatest)| least == greatest);
        let mut processes: Vec<ProcessReport> = tally
            .tasks
            .iter()
            .map(|(&(comm, pid), &objects)| ProcessReport {
                comm: comm.map(|comm| self.names.text(comm).to_owned()),
                pid: Some(pid),
                live_objects: objects,
            })
            .chain(only.map(|(pid, _)| ProcessReport {
                comm: None,
                pid: Some(pid),
                live_objects: tally.objects,
            }))
            .collect();
        ProcessReport::sort(&mut processes);
        processes
    }
}

/// What a group of the report has in common.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum PlaceKey {
    /// A call chain to slab objects.
    Chain(Vec<Placed>),
    /// A call chain to pages, and the order they were allocated with, where it is told.
    Pages(Vec<Placed>, Option<u32>),
    Line(LineKey),
}

impl PlaceKey {
    /// Whether the kernel knows who it was.
    fn is_known(&self) -> bool {
        !matches!(self, PlaceKey::Chain(chain) if chain.is_empty())
    }

    /// The name that stands for the cache.
    fn cache(&self, cache: Option<&str>) -> String {
        match self {
            PlaceKey::Chain(_) => cache.unwrap_or("unknown cache").to_owned(),
            PlaceKey::Pages(_, Some(order)) if *order > 0 => format!("pages of order {order}"),
            PlaceKey::Pages(..) => "pages".to_owned(),
            PlaceKey::Line(_) => "memory".to_owned(),
        }
    }

    /// Bytes of one object.
    fn object_size(&self, cache: &str, last: &Tally) -> Option<u64> {
        match self {
            PlaceKey::Chain(_) => kmalloc_size(cache).map(u64::from),
            PlaceKey::Pages(_, order) => PAGE_BYTES.checked_shl(order.unwrap_or(0)),
            PlaceKey::Line(_) => {
                let bytes = last.bytes.filter(|_| last.objects > 0)?;
                bytes.is_multiple_of(last.objects).then(|| bytes / last.objects)
            }
        }
    }
}
