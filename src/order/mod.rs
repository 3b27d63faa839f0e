//! Tokens in the order of the log: which boot each belongs to, and what is only printed again.

mod naming;
mod replay;
mod sequencer;
mod timeline;

pub(crate) use sequencer::Sequencer;
