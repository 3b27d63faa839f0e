//! Events that are missing from the log, but must have happened.

use super::group::GroupKey;
use super::slabs::{Object, Unseen};
use super::{Ledger, Live};
use crate::address::{ObjectAddr, Pointer};
use crate::event::Event;
use crate::record::Op;

impl Ledger {
    /// Takes what the event's slab tells of events before it, and says which object the event is
    /// about.
    pub(super) fn read_slab(&mut self, event: &Event) -> Pointer {
        let boot = &mut self.present.slub_trace;
        let live = &boot.live;
        let reading = boot.slabs.see(event, &|object| live.contains_key(&object));
        for unseen in reading.unseen {
            match unseen.op {
                Op::Alloc => self.unseen_alloc(unseen),
                Op::Free => self.unseen_free(unseen),
            }
        }
        match reading.object {
            Object::AsPrinted => event.object,
            Object::Mended(object) => self.mended(object),
            Object::Belied => Pointer::Torn,
        }
    }

    fn mended(&mut self, object: ObjectAddr) -> Pointer {
        self.loss.mended_addresses += 1;
        Pointer::Addr(object)
    }

    /// Nobody knows who allocated: the object is in a group without a chain.
    fn unseen_alloc(&mut self, unseen: Unseen) {
        let boot = &mut self.present.slub_trace;
        if boot.live.contains_key(&unseen.object) {
            return;
        }
        let group = boot.group(GroupKey { cache: unseen.cache, chain: None }, None);
        let live = Live::unseen(unseen.line, group);
        boot.live.insert(unseen.object, live);
        let group = &mut boot.groups[group as usize];
        group.see_alloc(&live, None);
        group.inferred += 1;
        self.loss.inferred_allocs += 1;
    }

    /// The object is gone, unless it was allocated again since.
    fn unseen_free(&mut self, unseen: Unseen) {
        let boot = &mut self.present.slub_trace;
        let is_older = |live: &Live| live.line < unseen.line;
        if !boot.live.get(&unseen.object).is_some_and(is_older) {
            return;
        }
        if let Some(live) = boot.live.remove(&unseen.object) {
            boot.groups[live.group as usize].lost += 1;
            self.loss.lost_frees += 1;
            self.loss.inferred_frees += 1;
        }
    }
}
