//! One object of a report.

use crate::event::{FrameId, NameId};

/// Rows of a hex dump that are kept: kmemleak prints two.
pub(super) const HEX_BYTES_MAX: usize = 64;

/// What kind of memory an object lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub enum ObjectKind {
    /// Slab, vmalloc or registered by a driver.
    #[default]
    Virtual,
    /// A per-cpu allocation: its size counts once for each CPU.
    PerCpu,
    /// Known by its physical address.
    Physical,
}

impl ObjectKind {
    /// The word that kmemleak prints for it, if any.
    pub fn infix(self) -> Option<&'static str> {
        match self {
            ObjectKind::Virtual => None,
            ObjectKind::PerCpu => Some("percpu"),
            ObjectKind::Physical => Some("phys"),
        }
    }
}

/// What tells one object from another in successive scans. An address that was freed and leaked
/// again is another object: it has another time of birth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Identity {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) jiffies: Option<u64>,
}

/// An unreferenced object.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Object {
    pub(super) identity: Identity,
    /// Hexadecimal digits that the address was printed with.
    pub(super) digits: usize,
    pub(super) kind: ObjectKind,
    /// The task that allocated it.
    pub(super) comm: Option<NameId>,
    pub(super) pid: Option<u32>,
    /// Seconds since its allocation, as the report said; gone from the report with 6.9.
    pub(super) age: Option<f64>,
    /// Its first bytes.
    pub(super) hex: Vec<u8>,
    /// Its backtrace, innermost frame first.
    pub(super) frames: Vec<FrameId>,
    /// Further objects that the kernel did not print, since their backtrace is the same.
    pub(super) more: u64,
}

impl Object {
    pub(super) fn new(identity: Identity, digits: usize, kind: ObjectKind) -> Object {
        Object {
            identity,
            digits,
            kind,
            comm: None,
            pid: None,
            age: None,
            hex: Vec::new(),
            frames: Vec::new(),
            more: 0,
        }
    }

    /// Whether both were allocated alike, as far as can be told without a backtrace.
    pub(super) fn is_like(&self, other: &Object) -> bool {
        let told = |object: &Object| (object.kind, object.identity.size, object.comm, object.pid);
        self.comm.is_some() && told(self) == told(other)
    }

    /// This object and those that stand behind it unprinted.
    pub(super) fn count(&self) -> u64 {
        self.more.saturating_add(1)
    }

    /// Their bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.identity.size.saturating_mul(self.count())
    }
}
