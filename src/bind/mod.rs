//! Tokens to events: headers, object dumps and backtraces put together again.

mod assembler;
mod binder;
mod evidence;
mod lanes;
mod open_backtrace;
mod recording;
mod rivals;
mod skeleton;
mod torn;

pub(crate) use assembler::{Assembler, Taken};
