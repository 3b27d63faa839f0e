//! What other witnesses say of a trace: the model that every format is written from.

pub(crate) mod json;
mod model;
mod sentence;
pub(crate) mod text;

pub use model::{
    Cache, GroupWitness, GrowthReport, KernelCount, KmemleakWitness, Likeness, MemoryGrowth,
    OtherLeak, Period, Reservation, Seen, TopGroup, Unreferenced, WitnessReport,
};
