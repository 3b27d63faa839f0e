//! One report: what kmemleak found in one scan.

use std::collections::BTreeSet;

use super::object::{Identity, Object};

/// What a report lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Listing {
    /// Everything that is unreferenced: the file was read.
    Everything,
    /// What was not reported before: the kernel printed it (`kmemleak.verbose=1`).
    News,
}

/// A report. Its objects are everything known to be unreferenced when it was made.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) listing: Listing,
    pub(super) objects: Vec<Object>,
    present: BTreeSet<Identity>,
}

impl Scan {
    pub(super) fn new(listing: Listing) -> Scan {
        Scan { listing, objects: Vec::new(), present: BTreeSet::new() }
    }

    /// The scan that follows on this one. What the kernel only adds to stays in the list.
    pub(super) fn next(&self, listing: Listing) -> Scan {
        match (self.listing, listing) {
            (Listing::News, Listing::News) => self.clone(),
            _ => Scan::new(listing),
        }
    }

    pub(super) fn has(&self, identity: &Identity) -> bool {
        self.present.contains(identity)
    }

    pub(super) fn push(&mut self, object: Object) {
        self.present.insert(object.identity);
        self.objects.push(object);
    }
}
