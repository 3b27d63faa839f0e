//! The kinds of events that perf recorded: `struct perf_event_attr`.

use std::collections::HashMap;

use super::sample::{Layout, Told};
use crate::recording::bytes::{ByteOrder, Bytes};

/// The type of a tracepoint: `PERF_TYPE_TRACEPOINT`.
const TRACEPOINT: u32 = 2;

/// Records that are no samples end with what tells who made them: `sample_id_all`.
const SAMPLE_ID_ALL: u32 = 18;

/// A recording has one number for each event and CPU. More are left out.
const MAX_IDS: usize = 1 << 20;

/// A kind of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Attribute {
    tracepoint: Option<u64>,
    size: usize,
    layout: Layout,
}

impl Attribute {
    /// Reads it.
    pub(super) fn parse(bytes: &mut Bytes<'_>) -> Option<Attribute> {
        let kind = bytes.word()?;
        let size = usize::try_from(bytes.word()?).ok()?;
        let config = bytes.long()?;
        let _period = bytes.long()?;
        let (fields, values) = (bytes.long()?, bytes.long()?);
        let flags = bytes.long()?;
        // Compilers begin with the bit that is first in the order of bytes.
        let bit = match bytes.order() {
            ByteOrder::Little => flags >> SAMPLE_ID_ALL & 1,
            ByteOrder::Big => flags >> (63 - SAMPLE_ID_ALL) & 1,
        };
        let told = if bit == 1 { Told::AllRecords } else { Told::SamplesOnly };
        let layout = Layout::new(fields, values, told);
        Some(Attribute { tracepoint: (kind == TRACEPOINT).then_some(config), size, layout })
    }

    /// Bytes that it says it has.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// All kinds of a recording.
#[derive(Default)]
pub(super) struct Attributes {
    list: Vec<Attribute>,
    /// The kind that each number of an event is of.
    by_id: HashMap<u64, usize>,
    /// Whether records of different kinds are laid out in different ways.
    differ: bool,
}

impl Attributes {
    /// Adds a kind, and the numbers of its events.
    pub(super) fn push(&mut self, attribute: Attribute, ids: &mut Bytes<'_>) {
        while self.by_id.len() < MAX_IDS
            && let Some(id) = ids.long()
        {
            self.by_id.insert(id, self.list.len());
        }
        self.differ |= self.list.first().is_some_and(|first| first.layout != attribute.layout);
        self.list.push(attribute);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the events of a number were recorded.
    pub(super) fn has_tracepoint(&self, id: u64) -> bool {
        self.list.iter().any(|attribute| attribute.tracepoint == Some(id))
    }

    /// How a sample is laid out.
    pub(super) fn layout_of_sample(&self, body: &[u8], order: ByteOrder) -> Layout {
        self.layout(body.get(..8), order)
    }

    /// How another record is laid out.
    pub(super) fn layout_of_other(&self, body: &[u8], order: ByteOrder) -> Layout {
        self.layout(body.last_chunk::<8>().map(<[u8; 8]>::as_slice), order)
    }

    /// The layout of a record in which this stands where the number of its event does. perf puts it
    /// at the beginning or the end where layouts differ.
    fn layout(&self, id: Option<&[u8]>, order: ByteOrder) -> Layout {
        let by_id = || {
            let at = self.by_id.get(&order.number(id?)).copied()?;
            self.list.get(at)
        };
        let attribute = if self.differ { by_id() } else { None };
        attribute.or(self.list.first()).map_or_else(Layout::default, |found| found.layout)
    }
}
