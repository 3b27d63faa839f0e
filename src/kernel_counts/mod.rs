//! The kernel's own accounts of what lives: who allocated it, counted by the kernel itself.
//!
//! ```text
//! records ──► entries ──► snapshots ──► accounts ──► report
//!  slub.rs,   reader.rs   snapshot.rs   build.rs     report/
//!  allocinfo.rs,
//!  page_owner.rs
//! ```
//!
//! Where a kernel cannot be told to trace while it runs (5.9 and later), these files are what
//! there is: `alloc_traces` and `alloc_calls` of a slab cache, `/proc/allocinfo`, `page_owner`.
//! They stand in files of their own, or somewhere in a console log. One reading shows what lives,
//! and several show what grows. They become a report like that of a trace, with its groups,
//! fingerprints and source places; [`Origin`] names the file.

mod allocinfo;
mod build;
mod named;
mod page_owner;
mod reader;
mod slub;
mod snapshot;

pub(crate) use build::Account;

use crate::address::LineNumber;
use crate::event::{Depth, Recognition};
use crate::record::Record;
use crate::report::{
    AccountReport, Advice, BootReport, Input, Loss, Origin, Report, WitnessReport,
};
use reader::Reader;

/// Reads accounts out of the lines of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    reader: Reader,
}

/// What was found.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) accounts: Vec<Account>,
    /// Lists in which the kernel says that it has no data.
    pub(crate) without_data: u64,
    loss: Loss,
}

impl Accounts {
    /// Takes a line.
    pub(crate) fn line(&mut self, record: &Record<'_>, meaning: Recognition) {
        self.reader.record(record, meaning);
    }

    /// Takes note that the log traces a cache: backtraces are events'.
    pub(crate) fn see_event(&mut self) {
        self.reader.see_event();
    }

    /// Whether a line that means something else changes nothing.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.reader.is_idle()
    }

    /// Whether the last lines were those of a list.
    pub(crate) fn is_in_list(&self) -> bool {
        self.reader.is_in_list()
    }

    /// Ends an input, whose name may tell what is in it. The next one is a later reading.
    pub(crate) fn end_input(&mut self, path: &str) {
        self.reader.end_input(path);
    }

    /// Ends the log.
    pub(crate) fn finish(self, depth: Depth) -> Found {
        let (names, snapshots, loss) = self.reader.finish();
        Found {
            accounts: build::accounts(&names, &snapshots, depth),
            without_data: loss.without_data,
            loss: build::loss(loss),
        }
    }
}

impl Found {
    /// Whether there is any account.
    pub(crate) fn is_any(&self) -> bool {
        !self.accounts.is_empty()
    }

    /// The report of a log that holds accounts and no trace.
    pub(crate) fn into_report(self, inputs: Vec<Input>, boots: Vec<BootReport>) -> Report {
        let Found { accounts, loss, .. } = self;
        let cut = accounts.iter().filter(|account| account.report.is_cut).count() as u64;
        let loss = Loss { broken_off: cut, ..loss };
        let (accounts, others) = shown(accounts);
        let mut origins: Vec<Origin> =
            accounts.iter().map(|account| account.report.origin).collect();
        origins.dedup();
        let (mut reports, groups): (Vec<_>, Vec<_>) =
            accounts.into_iter().map(|account| (account.report, account.groups)).unzip();
        reports.extend(others);
        let mut groups = groups.concat();
        build::rank(&mut groups);
        let mut report = Report {
            origin: if let [origin] = origins[..] { origin } else { Origin::Several },
            inputs,
            boots: if boots.is_empty() { vec![nameless_boot()] } else { boots },
            totals: build::totals(&groups),
            loss,
            caches: build::caches(&groups),
            groups,
            families: Vec::new(),
            conclusion: None,
            rollup: None,
            function: None,
            accounts: reports,
            lists_without_data: 0,
            unpaired: None,
            witness: WitnessReport::default(),
            advice: Vec::new(),
        };
        report.advice = Advice::on_accounts(&report);
        report
    }
}

/// Lists of who freed last are shown where there is none of who allocated: both are of the same
/// objects.
fn shown(accounts: Vec<Account>) -> (Vec<Account>, Vec<AccountReport>) {
    let is_of_allocations = |account: &Account| account.report.origin.is_of_allocations();
    if !accounts.iter().any(is_of_allocations) {
        return (accounts, Vec::new());
    }
    let (shown, others): (Vec<_>, Vec<_>) = accounts.into_iter().partition(is_of_allocations);
    (shown, others.into_iter().map(|account| account.report).collect())
}

/// The boot of a file that says nothing of it.
fn nameless_boot() -> BootReport {
    BootReport {
        sources: Vec::new(),
        index: 0,
        kernel: None,
        build_id: None,
        hardware: None,
        arch: None,
        first_line: LineNumber(1),
        last_line: LineNumber(1),
        first_time: None,
        last_time: None,
        is_set_back: false,
        traced: None,
        pointers: crate::event::PointerStyle::Unknown,
        pointer_width: None,
    }
}
