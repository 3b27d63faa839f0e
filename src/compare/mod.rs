//! Two reports side by side: what leaks now and did not before, what leaks faster, what is gone.
//!
//! ```text
//! report ──────────┐
//! kmemleak report ─┼─► side ──► diff ──► text, JSON, Markdown
//! JSON of either ──┘  side.rs   diff.rs
//!                     read.rs   near.rs
//! ```
//!
//! Places are the same where their fingerprints are: the cache and the functions of the chain. What
//! is left on both sides may be one place of two builds, where a compiler inlined something else.

mod change;
mod diff;
mod json;
mod near;
#[cfg(feature = "export")]
mod page;
mod read;
mod side;
mod text;

pub use change::{Certainty, Change, ChangeKind, Match};
pub use diff::Diff;
pub use json::write as write_json;
pub use read::ReadError;
pub use side::{Finding, Side, Standing, Step};
pub use text::{write as write_text, write_markdown};
