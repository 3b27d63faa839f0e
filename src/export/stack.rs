//! Call stacks with what lives of them, whoever told of it.

use crate::event::Role;
use crate::kmemleak::{self, KmemleakReport, Trend};
use crate::print::Escaped;
use crate::report::{FrameReport, GroupReport, Report};
use crate::verdict::Verdict;

/// What lives of one call chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stack {
    /// The chain, innermost place first.
    pub places: Vec<Place>,
    /// The boot.
    pub boot: usize,
    /// The cache, where it is known.
    pub cache: Option<String>,
    /// The same leak's name on another boot, build or machine.
    pub fingerprint: String,
    /// What it is, where that was judged.
    pub verdict: Option<Verdict>,
    /// Objects that live.
    pub objects: u64,
    /// Their bytes, where their size is known.
    pub bytes: Option<u64>,
    /// Objects that were allocated.
    pub allocs: u64,
    /// Their bytes.
    pub allocated: Option<u64>,
}

/// A function in a chain.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The function, or the address where it has no name; harmless on a terminal.
    pub function: String,
    /// The module; none for the kernel itself.
    pub module: Option<String>,
    /// Where it was compiled from.
    pub file: Option<String>,
    /// The line of the call.
    pub line: Option<u32>,
    /// The address, where one was printed.
    pub address: Option<u64>,
    /// How it came to be in the chain.
    pub kind: PlaceKind,
    /// What it is to the event.
    pub role: Role,
}

/// How a function came to be in a chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlaceKind {
    /// It has a frame.
    Framed,
    /// The compiler put its body into the next one's.
    Inlined,
}

/// What the width of a stack in a graph stands for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Weight {
    /// Live bytes, as far as sizes are known.
    #[default]
    Bytes,
    /// Live objects.
    Objects,
    /// Live bytes of what leaks.
    Leaked,
}

impl Weight {
    /// The unit's name.
    pub fn unit(self) -> &'static str {
        match self {
            Weight::Objects => "objects",
            Weight::Bytes | Weight::Leaked => "bytes",
        }
    }
}

/// The place of a chain of which nothing is known.
const LOST: &str = "(backtrace lost)";

impl Stack {
    /// The stacks of a leak report, or of the kernel's own counts, in its order.
    pub fn of_report(report: &Report) -> Vec<Stack> {
        report.groups.iter().map(Stack::of_group).collect()
    }

    fn of_group(group: &GroupReport) -> Stack {
        let size = group.object_size.map(u64::from);
        // Of what the kernel counts only what lives is known.
        let allocs = if group.counted.is_some() { group.live_objects } else { group.allocs };
        let allocated = match group.counted {
            Some(_) => group.live_bytes,
            None => size.map(|size| size.saturating_mul(allocs)),
        };
        Stack {
            places: places(&group.chain),
            boot: group.boot,
            cache: Some(group.cache.clone()).filter(|cache| !cache.is_empty()),
            fingerprint: group.fingerprint.clone(),
            verdict: group.judgement.map(|judgement| judgement.verdict),
            objects: group.live_objects,
            bytes: group.live_bytes,
            allocs,
            allocated,
        }
    }

    /// The stacks of what the last report of kmemleak lists, in its order.
    pub fn of_kmemleak(report: &KmemleakReport) -> Vec<Stack> {
        let present = report.groups.iter().filter(|group| is_there(group));
        present.map(Stack::of_unreferenced).collect()
    }

    fn of_unreferenced(group: &kmemleak::GroupReport) -> Stack {
        Stack {
            places: places(&group.chain),
            boot: 0,
            cache: group.cache.clone(),
            fingerprint: group.fingerprint.clone(),
            // What nothing points at is lost, as far as kmemleak can tell.
            verdict: Some(Verdict::Leaking),
            objects: group.objects,
            bytes: Some(group.bytes),
            allocs: group.objects,
            allocated: Some(group.bytes),
        }
    }

    /// The place that called the allocator.
    pub fn site(&self) -> Option<&Place> {
        let is_caller = |place: &&Place| place.role == Role::Caller;
        self.places.iter().find(is_caller).or(self.places.first())
    }

    /// What the stack weighs; 0 where its size is not known.
    pub fn weight(&self, weight: Weight) -> u64 {
        match weight {
            Weight::Objects => self.objects,
            Weight::Bytes => self.bytes.unwrap_or(0),
            Weight::Leaked => {
                let leaks = self.verdict.is_some_and(Verdict::is_leak);
                self.bytes.filter(|_| leaks).unwrap_or(0)
            }
        }
    }
}

/// Whether kmemleak's last report still lists a group.
pub(super) fn is_there(group: &kmemleak::GroupReport) -> bool {
    group.trend != Trend::Gone
}

fn places(chain: &[FrameReport]) -> Vec<Place> {
    let places: Vec<Place> = chain.iter().flat_map(frame_places).collect();
    if places.is_empty() { vec![Place::named(LOST.to_owned())] } else { places }
}

/// The functions inlined at a frame, innermost first, and its own.
fn frame_places(frame: &FrameReport) -> Vec<Place> {
    let function = match (&frame.function, frame.address) {
        (Some(function), _) => Escaped(function).to_string(),
        (None, Some(address)) => format!("{address:#x}"),
        (None, None) => "?".to_owned(),
    };
    let module = frame.module.as_deref().map(|module| Escaped(module).to_string());
    let escaped = |text: &str| Escaped(text).to_string();
    let mut places = Vec::new();
    if let Some(source) = &frame.source {
        places.extend(source.inlined.iter().map(|call| Place {
            function: escaped(&call.function),
            module: module.clone(),
            file: Some(escaped(&call.file)),
            line: call.line,
            address: frame.address,
            kind: PlaceKind::Inlined,
            role: frame.role,
        }));
    }
    places.push(Place {
        module,
        file: frame.source.as_ref().map(|source| escaped(&source.file)),
        line: frame.source.as_ref().and_then(|source| source.line),
        address: frame.address,
        role: frame.role,
        ..Place::named(function)
    });
    places
}

impl Place {
    fn named(function: String) -> Place {
        Place {
            function,
            module: None,
            file: None,
            line: None,
            address: None,
            kind: PlaceKind::Framed,
            role: Role::Caller,
        }
    }

    /// `leaky_init [leaky]`, and `helper [leaky] (inlined)`.
    pub fn title(&self) -> String {
        let module = self.module.as_deref().map_or(String::new(), |module| format!(" [{module}]"));
        let inlined = if self.kind == PlaceKind::Inlined { " (inlined)" } else { "" };
        format!("{}{module}{inlined}", self.function)
    }
}
