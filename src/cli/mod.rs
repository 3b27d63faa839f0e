//! The command line: what may be typed, and what it means.

mod format;
mod gate;
mod select;
mod show;
mod symbols;
mod value;
mod watch;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
pub(crate) use format::{Format, KmemleakFormat, WeightArgs};
pub(crate) use gate::{CheckArgs, DiffArgs, DiffFormat};
use select::SelectArgs;
use show::ShowArgs;
pub(crate) use symbols::SymbolArgs;
use value::{Age, positive};
pub(crate) use watch::{Flow, Until, WatchArgs, WatchFormat};

/// Words that are less like a subcommand are names of files.
const SUBCOMMAND_LIKENESS: f64 = 0.88;

/// What stands above the options for source lines, which several subcommands have.
pub(crate) const SYMBOLS_HEADING: &str = "Symbols";

/// What people do with the program.
pub(crate) const EXAMPLES: &str = "  slabtrace serial.log
          the report of one capture
  slabtrace kern.log.2.gz kern.log.1 kern.log
          rotated logs as one, oldest first; a glob is put in order
  ssh board dmesg | slabtrace
          from a pipe; Ctrl-C ends it and reports
  slabtrace --cache 'kmalloc-*' --top 5 serial.log
          a part of what there is
  slabtrace --json serial.log | jq '.groups[0].chain[].function'
          for programs
  slabtrace -f html -o report.html serial.log
          a page for a bug tracker or a CI job's artifacts
  slabtrace diff old.log new.log
          what leaks now and did not before
  slabtrace check --max-leaked 64K --junit leaks.xml serial.log
          a gate for CI: status 1 where more leaks
  slabtrace watch --record serial.log /dev/ttyUSB0
          the leak as it grows, and the log kept
  slabtrace --monitor slabmon.log --kmemleak kmemleak.txt serial.log
          does what survives explain what grew?
  slabtrace alloc_traces.1 alloc_traces.2
          what grew between two readings of the kernel's own count
  slabtrace events serial.log
          every event as a line of JSON
  slabtrace monitor slabmon.log
          which cache grows, and how fast
  slabtrace kmemleak kmemleak.1.txt kmemleak.2.txt
          what kmemleak found, and what of it is new
  dmesg | slabtrace symbolize --vmlinux vmlinux --modules .
          source lines behind the frames of an oops
  slabtrace man | man -l -
          the manual page";

/// What the exit status says.
pub(crate) const EXIT_STATUS: &str = "  0  a report was made
  1  check: a limit was crossed
  2  the command line makes no sense
  3  nothing to analyse: no TRACE line, unreadable input, or no address
     that is printable
  4  under --strict: the report is of less than all there was
  5  the result could not be written";

/// Reads the console log of SLUB tracing and names the kernel memory leak.
///
/// SLUB tracing prints a TRACE line and a backtrace for every allocation and free of a slab cache.
/// What was allocated and not freed is grouped by call chain. Where tracing is not at hand, as on
/// kernels from 5.9 on, `slabtrace monitor` tells which cache grows, `slabtrace kmemleak` groups what
/// the kernel's detector found, and the kernel's own counts (`alloc_traces`, /proc/allocinfo and the
/// like) are read like captures.
#[derive(Parser, Debug)]
#[command(version, after_help = format!("Examples:\n{EXAMPLES}\n\nExit status:\n{EXIT_STATUS}"), args_conflicts_with_subcommands = true, args_override_self = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What else the program does.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Exit with status 1 where a capture leaks more than it may: a gate for CI
    ///
    /// Prints one line that says what was crossed. Without limits, nothing may leak. Reports of kmemleak,
    /// the kernel's own counts and reports in JSON can be checked too.
    Check(CheckArgs),
    /// Compare two captures or reports: what leaks now and did not, what faster, what no more
    ///
    /// Places are one where the cache and the functions of the chain are; a build that inlined
    /// something else is told as such. Rates are compared, by the times that the captures cover.
    Diff(DiffArgs),
    /// Print every event as a line of JSON, with its complete backtrace and registers
    #[command(after_help = format!("Exit status:\n{EXIT_STATUS}"))]
    Events(EventsArgs),
    /// Group what kmemleak found by backtrace, and compare successive reports
    Kmemleak(KmemleakArgs),
    /// Tell from a log of /proc/meminfo and /proc/slabinfo which slab leaks, and how fast
    Monitor(MonitorArgs),
    /// Print a shell script that records the kernel's kmem trace events on the machine that leaks
    ///
    /// It runs as root in any POSIX shell, busybox's too, on kernels from 2.6.31 on; `sh slabrec.sh -h`
    /// lists its options. Machines with trace-cmd or perf can do without:
    ///
    ///     trace-cmd record -T -e kmem; trace-cmd report | slabtrace
    ///     perf record -g -a -e 'kmem:k*'; perf script | slabtrace
    #[command(verbatim_doc_comment)]
    RecordScript(RecordScriptArgs),
    /// Add file, line and inlined calls to the frames of any kernel log
    Symbolize(SymbolizeArgs),
    /// Watch a console live: the leak as it grows, the raw log kept, nothing lost
    ///
    /// On a terminal it fills the screen, `?` lists its keys; elsewhere it writes a line now and then. At the
    /// end comes the report, the same that `slabtrace` makes of the recorded log.
    Watch(WatchArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// The main job's arguments.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Console logs, read in this order as one; `-` is standard input
    ///
    /// The kernel's own counts are read too, and reported in the same way: `alloc_traces`, `alloc_calls`
    /// and their kin of a slab cache, /proc/allocinfo and `page_owner`. Several readings of one file,
    /// oldest first, are compared. All are recognised by content, gzip, xz, zstd and bzip2 too.
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// The report's format
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        overrides_with = "json"
    )]
    format: Format,
    /// The same as --format json
    #[arg(long, overrides_with = "format")]
    json: bool,
    #[command(flatten)]
    pub(crate) weight: WeightArgs,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    /// Exit with status 4 where input was lost or damaged
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read a log with so many threads; as many as there are processors unless given
    #[arg(long, value_name = "N", value_parser = positive::<NonZeroUsize>)]
    pub(crate) threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) witness: WitnessArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) select: SelectArgs,
    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

/// Where a report goes, and how it looks there.
#[derive(Args, Debug)]
pub(crate) struct ResultArgs {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// What else is known of the leak.
#[derive(Args, Debug)]
#[command(next_help_heading = "Other witnesses")]
pub(crate) struct WitnessArgs {
    /// A log of /proc/meminfo and /proc/slabinfo, as `slabtrace monitor` reads it: how much of what
    /// grew do survivors explain? Several are one log, oldest first
    #[arg(long, value_name = "LOG")]
    pub(crate) monitor: Vec<PathBuf>,
    /// A report of kmemleak: which groups does it list as unreferenced? Several are successive
    /// reports, oldest first
    #[arg(long, value_name = "REPORT")]
    pub(crate) kmemleak: Vec<PathBuf>,
}

/// The arguments of `events`.
#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// Console logs, read in this order as one; `-` is standard input
    ///
    /// gzip, xz, zstd and bzip2 are recognised by content.
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// Lines of JSON, as they are anyway
    #[arg(long, hide = true)]
    json: bool,
    /// The events' format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: EventsFormat,
    /// Write the events to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The arguments of `kmemleak`.
#[derive(Args, Debug)]
pub(crate) struct KmemleakArgs {
    /// Texts of /sys/kernel/debug/kmemleak or console logs with them, oldest first; `-` is
    /// standard input
    #[arg(value_name = "REPORT")]
    pub(crate) reports: Vec<PathBuf>,
    /// The output's format
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        overrides_with = "json"
    )]
    format: KmemleakFormat,
    /// The same as --format json
    #[arg(long, overrides_with = "format")]
    json: bool,
    #[command(flatten)]
    pub(crate) weight: WeightArgs,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    /// Leave out objects known to be younger, such as 90s or 1m30s
    #[arg(long, value_name = "DURATION")]
    min_age: Option<Age>,
    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

impl KmemleakArgs {
    /// The output's format.
    pub(crate) fn format(&self) -> KmemleakFormat {
        if self.json { KmemleakFormat::Json } else { self.format }
    }

    /// The least age in seconds.
    pub(crate) fn min_age(&self) -> Option<f64> {
        self.min_age.map(|age| age.0)
    }
}

/// The arguments of `monitor`.
#[derive(Args, Debug)]
pub(crate) struct MonitorArgs {
    /// Logs of a loop over date, /proc/meminfo and /proc/slabinfo; `-` is standard input
    ///
    /// Files are put into the order of their dates; without dates, give the oldest first. gzip, xz,
    /// zstd and bzip2 are recognised by content.
    #[arg(value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// The output's format
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        overrides_with = "json"
    )]
    format: MonitorFormat,
    /// The same as --format json
    #[arg(long, overrides_with = "format")]
    json: bool,
    #[command(flatten)]
    pub(crate) result: ResultArgs,
    /// Time between two samples of a log without dates, such as 60s or 1h
    #[arg(long, value_name = "DURATION")]
    interval: Option<Age>,
    /// Print slabmon.sh, a shell script that records such a log on the machine that leaks
    #[arg(long, conflicts_with_all = ["logs", "format", "json", "interval"])]
    pub(crate) print_script: bool,
    /// Print the plainest loop that records such a log
    #[arg(long, conflicts_with_all = ["logs", "format", "json", "interval", "print_script"])]
    pub(crate) sample: bool,
}

impl MonitorArgs {
    /// The output's format.
    pub(crate) fn format(&self) -> MonitorFormat {
        if self.json { MonitorFormat::Json } else { self.format }
    }

    /// The interval in seconds.
    pub(crate) fn interval(&self) -> Option<f64> {
        self.interval.map(|interval| interval.0).filter(|&seconds| seconds > 0.0)
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum MonitorFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For plotting: time, series, value
    Csv,
    /// A picture
    Svg,
}

/// The arguments of `record-script`.
#[derive(Args, Debug)]
pub(crate) struct RecordScriptArgs {
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The arguments of `symbolize`.
#[derive(Args, Debug)]
pub(crate) struct SymbolizeArgs {
    /// Kernel logs, read in this order as one; `-` is standard input
    #[arg(value_name = "LOG")]
    pub(crate) captures: Vec<PathBuf>,
    /// Write the log to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Say behind each frame that has no place why
    #[arg(long)]
    pub(crate) reasons: bool,
    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum EventsFormat {
    /// One JSON object a line
    #[default]
    Jsonl,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The subcommand that a word is the name of, or almost.
pub(crate) fn subcommand_like(word: &str) -> Option<String> {
    let likeness = |name: &str| strsim::jaro_winkler(&word.to_lowercase(), name);
    let command = Cli::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let best = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > SUBCOMMAND_LIKENESS).then(|| best.to_owned())
}

/// What is wrong with a command line that the grammar alone does not forbid.
pub(crate) fn usage_error(message: &str) -> clap::Error {
    Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message)
}

impl ReportArgs {
    /// The report's format.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Every file that is read.
    pub(crate) fn all_inputs(&self) -> Vec<PathBuf> {
        let WitnessArgs { monitor, kmemleak } = &self.witness;
        self.captures.iter().chain(monitor).chain(kmemleak).cloned().collect()
    }
}
