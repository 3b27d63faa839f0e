//! Groups that are one place of the code: their chains differ in offsets, in compiler suffixes or
//! in how deep a function called itself.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexSet;

use super::group::GroupKey;
use crate::chain::base_name;
use crate::event::{ChainId, FrameId, NameId, Names};

/// Finds the family of each group.
pub(super) struct Families<'a> {
    names: &'a Names,
    /// A number for each function without its suffixes.
    functions: HashMap<&'a str, u32, FixedState>,
    known: HashMap<NameId, u32, FixedState>,
    found: IndexSet<(NameId, Option<Places>), FixedState>,
}

/// The places of a chain, innermost first.
type Places = Box<[Place]>;

/// A function, or an address that has no name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
    Function(u32),
    Address(FrameId),
}

impl<'a> Families<'a> {
    pub(super) fn new(names: &'a Names) -> Families<'a> {
        Families {
            names,
            functions: HashMap::default(),
            known: HashMap::default(),
            found: IndexSet::default(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// The number of a group's family.
    pub(super) fn of(&mut self, key: GroupKey) -> usize {
        let places = key.chain.map(|chain| self.places(chain));
        self.found.insert_full((key.cache, places)).0
    }

    /// The functions of a chain, each where it comes first. What is between two visits of one
    /// function is recursion, and how often it went round says nothing.
    fn places(&mut self, chain: ChainId) -> Places {
        let mut places: Vec<Place> = Vec::new();
        for placed in self.names.chain(chain) {
            let frame = self.names.frame(placed.frame);
            let place = frame
                .function
                .map_or(Place::Address(placed.frame), |name| Place::Function(self.function(name)));
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.into()
    }

    fn function(&mut self, name: NameId) -> u32 {
        let Families { names, functions, known, .. } = self;
        *known.entry(name).or_insert_with(|| {
            let next = u32::try_from(functions.len()).unwrap_or(u32::MAX);
            *functions.entry(base_name(names.text(name))).or_insert(next)
        })
    }
}
