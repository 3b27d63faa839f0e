//! A function between its callers and its callees.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::{FrameReport, GroupReport, Report};
use crate::chain::base_name;

/// What lives of what was allocated through a function.
#[derive(Clone, PartialEq, Debug)]
pub struct FunctionReport {
    /// Its name, without compiler suffixes.
    pub name: String,
    /// Live objects.
    pub live_objects: u64,
    /// Live bytes, as far as sizes are known.
    pub live_bytes: u64,
    /// Who called it, most objects first.
    pub callers: Vec<Neighbour>,
    /// What it called, most objects first; the allocator is none.
    pub callees: Vec<Neighbour>,
}

/// A function beside another one in call chains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Its name, or the address where it has none; absent at the end of a chain.
    pub function: Option<String>,
    /// Its module.
    pub module: Option<String>,
    /// Live objects that were allocated through both.
    pub live_objects: u64,
    /// Live bytes, as far as sizes are known.
    pub live_bytes: u64,
}

impl Report {
    /// Shows a function between its callers and its callees, in the groups that are left.
    pub fn look_at(&mut self, function: &str) {
        let name = base_name(function);
        let (mut callers, mut callees) = (Tally::default(), Tally::default());
        for group in &self.groups {
            let chain: Vec<&FrameReport> = group.callers().collect();
            let at = |frame: &&&FrameReport| is_named(frame, name);
            // Recursion is one visit: from the innermost to the outermost.
            let Some(inner) = chain.iter().position(|frame| at(&frame)) else { continue };
            let outer = chain.iter().rposition(|frame| at(&frame)).unwrap_or(inner);
            callers.add(chain.get(outer + 1).copied(), group);
            callees.add(inner.checked_sub(1).map(|at| chain[at]), group);
        }
        self.function = Some(FunctionReport {
            name: name.to_owned(),
            live_objects: callers.sum(|neighbour| neighbour.live_objects),
            live_bytes: callers.sum(|neighbour| neighbour.live_bytes),
            callers: callers.sorted(),
            callees: callees.sorted(),
        });
    }
}

/// Whether a frame is of a function, whatever suffix the compiler gave it.
pub(super) fn is_named(frame: &FrameReport, name: &str) -> bool {
    frame.function.as_deref().is_some_and(|function| base_name(function) == name)
}

#[derive(Default)]
struct Tally(IndexMap<(Option<String>, Option<String>), Neighbour, FixedState>);

impl Tally {
    fn add(&mut self, frame: Option<&FrameReport>, group: &GroupReport) {
        let function = frame.and_then(|frame| {
            let address = || frame.address.map(|address| format!("{address:#x}"));
            frame.function.as_deref().map(|name| base_name(name).to_owned()).or_else(address)
        });
        let module = frame.and_then(|frame| frame.module.clone());
        let new = Neighbour {
            function: function.clone(),
            module: module.clone(),
            live_objects: 0,
            live_bytes: 0,
        };
        let neighbour = self.0.entry((function, module)).or_insert(new);
        neighbour.live_objects += group.live_objects;
        neighbour.live_bytes =
            neighbour.live_bytes.saturating_add(group.live_bytes.unwrap_or_default());
    }

    fn sum(&self, of: impl Fn(&Neighbour) -> u64) -> u64 {
        self.0.values().map(of).fold(0, u64::saturating_add)
    }

    fn sorted(self) -> Vec<Neighbour> {
        let mut neighbours: Vec<Neighbour> = self.0.into_values().collect();
        neighbours.sort_by_key(|neighbour| Reverse(neighbour.live_objects));
        neighbours
    }
}
