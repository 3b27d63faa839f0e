//! The whole command beside what else is on the machine: `cargo bench --bench compare`.
//!
//! All take the same log of about 1 GB, in turns and in one run, so that their ratios hold on a
//! machine that is busy with other things.

#[path = "support/scale.rs"]
mod scale;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of the log.
const BYTES: u64 = 1_000_000_000;

/// Rounds of all commands.
const ROUNDS: usize = 5;

/// Counts allocations and frees by address, as one would write it down.
const SCRIPT: &str = r"
import re, sys
live = {}
header = re.compile(rb'TRACE (\S+) (alloc|free) 0x([0-9a-f]+)')
for line in open(sys.argv[1], 'rb'):
    found = header.search(line)
    if found:
        cache, op, address = found.groups()
        if op == b'alloc':
            live[address] = cache
        else:
            live.pop(address, None)
print(len(live))
";

fn main() {
    let folder = tempfile::tempdir().expect("room for a log");
    let log = folder.path().join("big.log");
    write(&log).expect("room for a log");
    let path = log.to_str().expect("a name in UTF-8");
    let ours = env!("CARGO_BIN_EXE_slabtrace");
    let commands: [&[&str]; 6] = [
        &["grep", "-c", "TRACE ", path],
        &["wc", "-l", path],
        &["rg", "-c", "TRACE ", path],
        &["python3", "-c", SCRIPT, path],
        &[ours, "--threads", "1", "-f", "json", path],
        &[ours, "--threads", "2", "-f", "json", path],
    ];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); commands.len()];
    for _ in 0..ROUNDS {
        for (command, times) in commands.iter().zip(&mut times) {
            times.extend(time(command));
        }
    }
    let medians: Vec<Option<Duration>> = times.into_iter().map(median).collect();
    let mut out = std::io::stdout().lock();
    for (command, median) in commands.iter().zip(&medians) {
        let name = match command {
            [program, "--threads", threads, ..] if *program == ours => {
                format!("slabtrace --threads {threads}")
            }
            [program, ..] => (*program).to_owned(),
            [] => String::new(),
        };
        let ratio =
            median.zip(medians[0]).map(|(own, grep)| own.as_secs_f64() / grep.as_secs_f64());
        let line = match median.zip(ratio) {
            Some((median, ratio)) => format!("{:.2} s, {ratio:.2} of grep", median.as_secs_f64()),
            None => "not on this machine".to_owned(),
        };
        writeln!(out, "{name:<22} {line}").expect("standard output is open");
    }
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    scale::Template::read("corpora/console/x86-61.log.gz").write(BYTES, &mut out)?;
    out.flush()
}

/// How long a command takes; nothing where there is none of the name.
fn time(command: &[&str]) -> Option<Duration> {
    let (program, arguments) = command.split_first()?;
    let begun = Instant::now();
    // Written to a pipe: some programs stop at the first match where nobody reads.
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
