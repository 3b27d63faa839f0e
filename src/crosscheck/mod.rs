//! The other witnesses, heard beside a trace: does what survives explain what grew, and does
//! anything still point at it?
//!
//! ```text
//! slabinfo, meminfo ──► growth.rs ────────┐
//! kmemleak          ──► unreferenced.rs ──┼─► WitnessReport, GroupWitness
//! alloc_traces …    ──► counted.rs ───────┘
//! ```
//!
//! They stand in the log itself (`inside.rs`), or in files of their own. Each number says what it
//! was compared with, and [`crate::report::crosscheck::Reservation`] what could not be known.

mod chains;
mod counted;
mod growth;
mod inside;
mod unreferenced;

pub(crate) use inside::{Inside, Overheard};

/// Groups of a trace that are compared, in the order of their rank, and entries that one group is
/// compared with. The work grows with the product, and nobody reads so far.
const COMPARED_MAX: usize = 2000;
