//! Ledger to report: everything resolved to text, summed and ranked.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::family::ages;
use super::{
    Advice, BootReport, CacheReport, ExampleReport, FamilyReport, FrameReport, FreedByReport,
    GroupReport, GroupWitness, Input, Lifetimes, Loss, Origin, ProcessReport, Report, Timeline,
    Totals, WitnessReport, fingerprint, text,
};
use crate::address::{LineNumber, PointerWidth};
use crate::event::{AssemblyLoss, Boot, ChainId, NameId, Names, Placed, arch};
use crate::ledger::{Bounds, Group, GroupKey, GroupSurvivors, Links, Proof, Settled, Survivors};
use crate::record::frame::Reliability;
use crate::time::seconds;

/// What was found in a log that has ended, whoever found it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings<'a> {
    /// The names that everything refers to.
    pub(crate) names: &'a Names,
    /// The boots.
    pub(crate) boots: &'a [Boot],
    /// What was lost while events were put together.
    pub(crate) loss: AssemblyLoss,
    /// What survived.
    pub(crate) settled: &'a Settled,
}

impl Report {
    /// Builds the report of a log that has ended.
    pub(crate) fn build(inputs: Vec<Input>, found: &Findings<'_>) -> Report {
        let Findings { names, boots, settled, .. } = *found;
        let loss = loss(found.loss, settled);
        let builder = Builder { names, boots, settled };
        let (mut groups, mut families) = (Vec::new(), Vec::new());
        for (boot, survivors) in settled.boots.iter().enumerate() {
            let (of_boot, theirs) = builder.groups(boot, survivors);
            groups.extend(of_boot);
            families.extend(theirs);
        }
        rank(&mut groups, &mut families);
        let caches = builder.caches();
        let totals = builder.totals(&groups, &caches);
        let boots: Vec<BootReport> =
            boots.iter().enumerate().map(|(index, boot)| builder.boot(index, boot)).collect();
        Report {
            origin: Origin::Trace,
            inputs,
            boots,
            totals,
            loss,
            caches,
            groups,
            families,
            conclusion: None,
            rollup: None,
            function: None,
            witness: WitnessReport::default(),
            accounts: Vec::new(),
            lists_without_data: 0,
            unpaired: found.loss.unpaired,
            advice: Vec::new(),
        }
    }

    /// Says what the answer is, and what stands in the way of a better report.
    pub(crate) fn conclude(&mut self) {
        self.conclusion = Some(text::conclusion(self));
        self.advice = Advice::on(self);
    }
}

/// Families by their rank; groups by that of their family, then most bytes first. The rest makes
/// the order total.
fn rank(groups: &mut [GroupReport], families: &mut [FamilyReport]) {
    let earliest = earliest_lines(groups);
    let place = |family: &FamilyReport| (family.boot, family.name.clone());
    families.sort_by_cached_key(|family| {
        let place = place(family);
        (family.rank(), family.boot, earliest.get(&place).copied(), place)
    });
    let rank_of: IndexMap<(usize, String), usize, FixedState> =
        families.iter().enumerate().map(|(at, family)| (place(family), at)).collect();
    groups.sort_by_cached_key(|group| {
        let family = rank_of.get(&(group.boot, group.family.clone())).copied();
        let first_line = group.examples.first().map(|example| example.line);
        (family, Reverse(group.live_bytes), Reverse(group.live_objects), first_line)
    });
    for (at, group) in groups.iter_mut().enumerate() {
        group.rank = at + 1;
    }
}

/// The line of the first survivor of each family of a boot.
fn earliest_lines(groups: &[GroupReport]) -> IndexMap<(usize, String), LineNumber, FixedState> {
    let mut earliest = IndexMap::default();
    for group in groups {
        let Some(example) = group.examples.first() else { continue };
        let line = earliest.entry((group.boot, group.family.clone())).or_insert(example.line);
        *line = example.line.min(*line);
    }
    earliest
}

struct Builder<'a> {
    names: &'a Names,
    boots: &'a [Boot],
    settled: &'a Settled,
}

impl Builder<'_> {
    fn text(&self, name: NameId) -> String {
        self.names.text(name).to_owned()
    }

    fn boot(&self, index: usize, boot: &Boot) -> BootReport {
        let width = boot.pointers.width();
        BootReport {
            index,
            kernel: boot.kernel.map(|name| self.text(name)),
            build_id: boot.build_id.map(|name| self.text(name)),
            hardware: boot.hardware.map(|name| self.text(name)),
            arch: arch(boot.kernel, width, self.names),
            first_line: boot.first_line,
            last_line: boot.last_line,
            first_time: boot.first_time,
            last_time: boot.last_time,
            is_set_back: boot.is_set_back,
            traced: self
                .settled
                .boots
                .get(index)
                .and_then(|survivors| survivors.extent.headers)
                .map(|(first, last)| (seconds(first), seconds(last))),
            pointers: boot.pointers.style(),
            pointer_width: width,
            sources: self.settled.boots.get(index).map_or_else(Vec::new, |of| of.witnesses.clone()),
        }
    }

    fn frames(&self, chain: Option<ChainId>) -> Vec<FrameReport> {
        let chain = chain.map_or(&[][..], |chain| self.names.chain(chain));
        chain.iter().map(|placed| frame(*placed, self.names)).collect()
    }

    fn object_size(&self, cache: NameId) -> Option<u32> {
        self.settled.object_size(cache, self.names)
    }

    /// The groups of a boot that have survivors, and their families.
    fn groups(&self, boot: usize, survivors: &Survivors) -> (Vec<GroupReport>, Vec<FamilyReport>) {
        let mut families: IndexMap<usize, FamilyReport, FixedState> = IndexMap::default();
        let mut groups = Vec::new();
        for (at, (key, group, left)) in survivors.groups.iter().enumerate() {
            if group.live() == 0 {
                continue;
            }
            let mut report = self.group(boot, key, group, left, survivors.bounds[at]);
            report.timeline = Timeline::of_events(group.allocs + group.frees, &survivors.extent);
            if let Some(timeline) = &mut report.timeline {
                timeline.add(&group.history);
            }
            report.ages = left.span.and_then(|span| ages(span, &survivors.extent));
            let family_of = survivors.family_of[at];
            let evidence = &survivors.families[family_of];
            let new = || FamilyReport::of(&report, evidence, &survivors.extent);
            let family = families.entry(family_of).or_insert_with(new);
            family.add(&report, &group.history);
            report.judgement = Some(family.judgement);
            groups.push(report);
        }
        (groups, families.into_values().collect())
    }

    fn group(
        &self,
        boot: usize,
        key: &GroupKey,
        group: &Group,
        left: &GroupSurvivors,
        Bounds { low, high, likely, .. }: Bounds,
    ) -> GroupReport {
        let cache = self.text(key.cache);
        let callers = self.frames(key.chain);
        let chain =
            if group.shown == key.chain { callers.clone() } else { self.frames(group.shown) };
        let object_size = self.object_size(key.cache);
        let live_objects = group.live();
        let width = self.boots.get(boot).and_then(|boot| boot.pointers.width());
        GroupReport {
            rank: 0,
            fingerprint: fingerprint::fingerprint(&cache, &callers),
            family: fingerprint::family(&cache, &callers),
            boot,
            cache,
            object_size,
            allocs: group.allocs,
            frees: group.frees,
            live_objects,
            live_objects_min: low,
            live_objects_max: high,
            likely,
            live_bytes: object_size.map(|size| live_objects.saturating_mul(u64::from(size))),
            requested_size: group.requested.map(|sum| sum.div_ceil(group.allocs.max(1))),
            first_alloc: group.span.map(|(first, _)| seconds(first)),
            last_alloc: group.span.map(|(_, last)| seconds(last)),
            oldest_live: left.span.map(|(oldest, _)| seconds(oldest)),
            ages: None,
            lifetimes: Lifetimes::of(&group.lifetimes),
            judgement: None,
            chain,
            processes: self.processes(left),
            freed_by: self.freed_by(group),
            examples: examples(left, width),
            timeline: None,
            counted: None,
            witness: GroupWitness { between_counts: left.counted, ..GroupWitness::default() },
        }
    }

    fn processes(&self, left: &GroupSurvivors) -> Vec<ProcessReport> {
        let mut processes: Vec<ProcessReport> = left
            .holders
            .iter()
            .map(|(holder, &live_objects)| ProcessReport {
                comm: holder.comm.map(|comm| self.text(comm)),
                pid: holder.comm.map(|_| holder.pid),
                live_objects,
            })
            .collect();
        ProcessReport::sort(&mut processes);
        processes
    }

    fn freed_by(&self, group: &Group) -> Vec<FreedByReport> {
        let mut freers: Vec<FreedByReport> = group
            .freed_by
            .iter()
            .map(|(freer, &frees)| FreedByReport {
                function: freer.function.map(|name| self.text(name)),
                module: freer.module.map(|name| self.text(name)),
                frees,
            })
            .collect();
        freers.sort_by(|a, b| {
            (Reverse(a.frees), &a.function, &a.module).cmp(&(
                Reverse(b.frees),
                &b.function,
                &b.module,
            ))
        });
        freers
    }

    fn caches(&self) -> Vec<CacheReport> {
        let mut live: IndexMap<NameId, u64, FixedState> = IndexMap::default();
        for (key, group, _) in self.settled.boots.iter().flat_map(|boot| &boot.groups) {
            *live.entry(key.cache).or_default() += group.live();
        }
        let mut caches: Vec<CacheReport> = self
            .settled
            .caches
            .iter()
            .map(|(&cache, tally)| {
                let object_size = self.object_size(cache);
                let live_objects = live.get(&cache).copied().unwrap_or_default();
                let (links, proof) = self.links(cache);
                CacheReport {
                    name: self.text(cache),
                    object_size,
                    allocs: tally.allocs,
                    frees: tally.frees,
                    live_objects,
                    live_bytes: object_size
                        .map(|size| u64::from(size).saturating_mul(live_objects)),
                    links,
                    proof,
                }
            })
            .collect();
        caches.sort_by(|a, b| {
            (Reverse(a.live_bytes), Reverse(a.live_objects), &a.name).cmp(&(
                Reverse(b.live_bytes),
                Reverse(b.live_objects),
                &b.name,
            ))
        });
        caches
    }

    /// What the headers of a cache's slabs tell, in all boots together.
    fn links(&self, cache: NameId) -> (Links, Proof) {
        let boots = self.settled.boots.iter().filter_map(|boot| boot.links.get(&cache));
        let mut sum = Links::default();
        let mut least = None;
        for links in boots {
            sum += *links;
            least = least.max(Some(links.proof()));
        }
        (sum, least.unwrap_or(Proof::Unknown))
    }

    fn totals(&self, groups: &[GroupReport], caches: &[CacheReport]) -> Totals {
        let allocs = caches.iter().map(|cache| cache.allocs).sum();
        let frees = caches.iter().map(|cache| cache.frees).sum();
        let all_groups = self.settled.boots.iter().flat_map(|boot| &boot.groups);
        Totals {
            events: allocs + frees,
            allocs,
            frees,
            matched_frees: all_groups.map(|(_, group, _)| group.frees).sum(),
            live_objects: groups.iter().map(|group| group.live_objects).sum(),
            live_bytes: groups
                .iter()
                .filter_map(|group| group.live_bytes)
                .fold(0, u64::saturating_add),
            groups: groups.len() as u64,
        }
    }
}

fn loss(assembly: AssemblyLoss, settled: &Settled) -> Loss {
    let ledger = settled.loss;
    Loss {
        printk_dropped: assembly.printk_dropped,
        entries_lost: assembly.entries_lost,
        dropped_early: settled
            .boots
            .iter()
            .fold(0, |sum: u64, boot| sum.saturating_add(boot.dropped_early))
            .min(assembly.printk_dropped.saturating_add(assembly.entries_lost)),
        broken_off: 0,
        orphan_frees: ledger.orphan_frees,
        lost_frees: ledger.lost_frees,
        torn_events: ledger.torn_events,
        unaddressed_events: ledger.unaddressed_events,
        ambiguous_stacks: assembly.ambiguous_stacks,
        replayed_lines: assembly.replayed_lines,
        damaged_lines: assembly.damaged_lines,
        headless_stacks: assembly.headless_stacks,
        stray_frames: assembly.stray_frames,
        failed_allocs: ledger.failed_allocs + assembly.failed_allocs,
        missing_lines: ledger.missing_lines,
        suspect_chains: settled
            .boots
            .iter()
            .flat_map(|boot| &boot.bounds)
            .filter(|bounds| bounds.is_suspect)
            .count() as u64,
        inferred_allocs: ledger.inferred_allocs,
        inferred_frees: ledger.inferred_frees,
        mended_addresses: ledger.mended_addresses,
    }
}

/// A frame, resolved to text.
pub(crate) fn frame(placed: Placed, names: &Names) -> FrameReport {
    let frame = names.frame(placed.frame);
    FrameReport {
        function: frame.function.map(|name| names.text(name).to_owned()),
        offset: frame.offset,
        size: frame.size,
        module: frame.module.map(|name| names.text(name).to_owned()),
        build_id: frame.build_id.map(|name| names.text(name).to_owned()),
        address: frame.address.map(|address| address.0),
        reliable: frame.reliability == Reliability::Reliable,
        aim: frame.aim,
        context: placed.context,
        role: placed.role,
        source: None,
        unresolved: None,
    }
}

/// An object's address as the kernel printed it.
pub(crate) fn address(value: u64, digits: usize) -> String {
    format!("0x{value:0digits$x}")
}

fn examples(left: &GroupSurvivors, width: Option<PointerWidth>) -> Vec<ExampleReport> {
    let digits = width.map_or(0, PointerWidth::digits);
    let shown = left.examples.iter().map(|survivor| ExampleReport {
        line: survivor.line,
        time: survivor.time.map(seconds),
        address: address(survivor.address.0, digits),
    });
    shown.collect()
}
