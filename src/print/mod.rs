//! How numbers, lists and text of a log are shown: what every writer has in common.

mod escape;
mod json;
pub(crate) mod number;
mod text;

pub use escape::Escaped;
pub(crate) use json::{write_compact, write_pretty};
pub(crate) use text::listed;
pub use text::{Ink, PIPE_WIDTH, Style};
