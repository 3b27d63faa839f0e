//! What a header says of its slab.

use crate::address::{LineNumber, ObjectAddr, Pointer};
use crate::event::{Event, NameId};
use crate::record::Op;

/// More objects than any slab has: `slab->objects` of the kernel is 15 bits wide.
const OBJECTS_MAX: u32 = 1 << 15;

/// What stands at a place of a freelist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spot {
    /// This object.
    Object(ObjectAddr),
    /// Nothing: the freelist ends before it.
    End,
    /// Nobody knows.
    Unknown,
}

impl Spot {
    /// What the kernel printed, where a line may be cut.
    fn of(pointer: Option<Pointer>) -> Spot {
        match pointer {
            Some(Pointer::Addr(object)) => Spot::Object(object),
            Some(Pointer::Null) => Spot::End,
            Some(Pointer::Unprintable | Pointer::Torn) | None => Spot::Unknown,
        }
    }

    /// The object, where there is one.
    pub(super) fn object(self) -> Option<ObjectAddr> {
        match self {
            Spot::Object(object) => Some(object),
            Spot::End | Spot::Unknown => None,
        }
    }
}

/// What is kept of an event's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) op: Op,
    pub(super) cache: NameId,
    pub(super) line: LineNumber,
    /// The object; absent where its digits are incomplete.
    pub(super) object: Option<ObjectAddr>,
    pub(super) inuse: Option<u32>,
    pub(super) fp: Spot,
}

impl Header {
    /// The header of an event; absent where it names no place.
    pub(super) fn of(event: &Event) -> Option<Header> {
        let object = match event.object {
            Pointer::Addr(object) => Some(object),
            Pointer::Torn => None,
            Pointer::Null | Pointer::Unprintable => return None,
        };
        let (op, cache, line) = (event.op, event.cache, event.line);
        let inuse = event.inuse.filter(|&inuse| inuse < OBJECTS_MAX);
        Some(Header { op, cache, line, object, inuse, fp: Spot::of(event.fp) })
    }

    /// The header where a kernel printed `null` for the end of a freelist.
    pub(super) fn with_null(mut self, null: Option<ObjectAddr>) -> Header {
        if null.is_some() && self.fp.object() == null {
            self.fp = Spot::End;
        }
        self
    }
}

/// What a header shows of its slab as it was before the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// The head of the freelist.
    pub(super) head: Spot,
    /// The one below the head.
    pub(super) next: Spot,
    /// Objects in use.
    pub(super) inuse: Option<u32>,
}

impl Seen {
    /// Nothing.
    pub(super) const NOTHING: Seen = Seen { head: Spot::Unknown, next: Spot::Unknown, inuse: None };
}
