//! What survives, in the formats of other programs: flame graphs, profiles and tables.
//!
//! ```text
//! report, kmemleak report ──► stacks ──► folded ──► svg
//!                             stack.rs   pprof, speedscope
//! ```
//!
//! A stack is a group without what only a leak report has: its chain, outermost frame last, with the
//! calls that were inlined, and what lives of it.

mod flame;
mod folded;
mod pprof;
mod profile;
mod speedscope;
mod stack;
mod table;

pub use flame::{Title, write as write_flame_graph};
pub use folded::write as write_folded;
pub use pprof::write as write_pprof;
pub use speedscope::write as write_speedscope;
pub use stack::{Place, PlaceKind, Stack, Weight};
pub use table::{write as write_csv, write_kmemleak as write_kmemleak_csv};
