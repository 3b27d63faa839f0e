//! Reads the console log of SLUB tracing and names the kernel memory leak.
//!
//! A kernel that traces a slab cache (`slub_debug=T,<cache>`) prints every allocation and free
//! with a backtrace to its console. This crate reads such a log, however it was recorded and
//! however damaged it is, subtracts the freed objects, and groups the survivors by call chain.
//!
//! # The pipeline
//!
//! ```text
//! bytes ──► lines ──► tokens ──► events ───────► ledger ──► report
//!  capture/  capture/   lex/      order/, bind/   ledger/    report/
//! ```
//!
//! [`Analysis`] is the file to read first. A token is a line that was understood, or several that
//! follow one another: any number of threads make tokens, each from a part of the log. The sequencer
//! takes them in order and tells boots and replays apart; the assembler puts headers, object dumps and
//! backtraces together to an [`event::Event`]; the [`ledger::Ledger`] knows which objects live; the
//! [`report::Report`] is what is shown.
//!
//! # The layers
//!
//! Each module knows only those above it in this list, and those on its own line not at all.
//! `tests/layers.rs` reads this list and the imports.
//!
//! ```text
//! address statistics time            numbers that everything else is made of
//! arch                               what tells a kernel's architecture
//! recording                          binary recordings of trace events to the text of their programs
//! capture print                      files and pipes to lines; numbers, lists and text to output
//! record                             a line to a record: prefixes stripped, its shape told
//! symbol                             images to functions and source lines
//! names                              text, frames and chains, each stored once
//! lex                                lines to tokens
//! chain                              backtraces to call chains
//! event                              what is told to those who listen
//! ledger                             events to survivors
//! verdict                            survivors to what they are
//! report                             survivors to text, JSON and the like
//! kmemleak monitor                   two other witnesses, each with a pipeline of its own
//! compare                            two reports side by side
//! gate                               whether a capture is good enough
//! export                             survivors to flame graphs, profiles and tables
//! kernel_counts                      what the kernel itself counts
//! crosscheck                         what all of them say together
//! bind                               headers and backtraces put together
//! order                              boots and replays
//! parser                             all of these in a row
//! rotation                           the files of one log in the order they were written
//! analysis                           the main job
//! ```
//!
//! `symbol/` also tells where in the source the frames of any kernel log lie; [`monitor`] finds in
//! logs of `/proc/meminfo` and `/proc/slabinfo` which slab grows, and [`kmemleak`] groups what the
//! kernel's detector found.
//!
//! # What holds everywhere
//!
//! - Parsing never fails and never panics. Damage is data: it is counted and shows in the report.
//! - The library neither reads nor writes: bytes come through [`Analysis::feed`], and writers
//!   take a [`std::io::Write`]. Only [`capture::Source`] and [`symbol::Symbols`] open files;
//!   the latter runs `debuginfod-find` where [`symbol::Debuginfod`] says so.
//! - Any cutting of the input into pieces gives the same result, and the same input gives the
//!   same bytes of output.
//! - Memory grows with live objects and distinct call chains, not with the length of the log.
//!
//! # Example
//!
//! ```
//! use slabtrace::{Analysis, AnalysisOptions};
//!
//! let log = b"\
//! [    1.000000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080
//! [    1.000100] CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0 #1
//! [    1.000200] Call Trace:
//! [    1.000300]  dump_stack_lvl+0x44/0x5c
//! [    1.000400]  alloc_debug_processing+0x55/0x74
//! [    1.000500]  __kmalloc+0x49/0x150
//! [    1.000600]  leaky_init+0x20/0x1000 [leaky]
//! ";
//! let mut analysis = Analysis::new(AnalysisOptions::default());
//! analysis.feed(log);
//! let report = analysis.finish();
//! assert_eq!(report.totals.live_objects, 1);
//! assert_eq!(report.groups[0].chain[0].function.as_deref(), Some("leaky_init"));
//! ```

pub mod address;
mod analysis;
mod arch;
mod bind;
pub mod capture;
pub mod chain;
pub mod compare;
mod crosscheck;
pub mod event;
#[cfg(feature = "export")]
pub mod export;
pub mod gate;
pub mod kernel_counts;
pub mod kmemleak;
pub mod ledger;
mod lex;
pub mod monitor;
pub mod names;
mod order;
mod parser;
mod print;
pub mod record;
pub mod recording;
pub mod report;
pub mod rotation;
pub mod statistics;
pub mod symbol;
pub mod time;
pub mod verdict;

pub use analysis::{Analysis, AnalysisOptions};
pub use lex::{Chunk, ChunkReader, Footing};
pub use parser::{Parser, ParserOptions, Reading};
