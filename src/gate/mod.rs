//! Whether a capture is good enough: limits, what is known and forgiven, and how it is told to those
//! who run tests.
//!
//! ```text
//! side ──► suppressions ──► limits ──► judgement ──► JUnit, SARIF, annotations
//! compare/  suppressions.rs  limits.rs                junit.rs, sarif.rs, github.rs
//! ```

mod github;
#[cfg(feature = "export")]
mod junit;
mod limits;
mod pattern;
mod sarif;
mod suppressions;

pub use github::annotations;
#[cfg(feature = "export")]
pub use junit::write as write_junit;
pub use limits::{Asked, Crossing, Judged, Limits, Wanted};
pub use sarif::write as write_sarif;
pub use suppressions::{Hidden, SuppressionError, Suppressions};
