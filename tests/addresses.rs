//! Bare addresses to functions and source places, by texts and images that the tests make.

#![cfg(target_os = "linux")]

mod support {
    #[expect(dead_code, reason = "other tests build modules too")]
    pub(crate) mod elf;
    pub(crate) mod unpack;
}

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use regex::{Captures, Regex};
use serde_json::Value;
use slabtrace::report::Report;
use slabtrace::symbol::Addresses;
use slabtrace::{Analysis, AnalysisOptions};
use support::elf::Builder;
use support::unpack::unpack;

/// Where the image begins.
const TEXT: u64 = 0x40_0000;

/// Two functions of one name and size, which only an address tells apart.
const KERNEL: [&str; 3] = [
    "#line 10 \"fs/a.c\"\nKEEP static void twin(void) { BYTES(8); }\nKEEP void a_end(void) {}",
    "#line 20 \"fs/b.c\"\nKEEP static void twin(void) { BYTES(8); }\nKEEP void b_end(void) {}",
    "#line 30 \"mm/own.c\"\nKEEP void own(void) {\n\tBYTES(16);\n\tBYTES(16);\n}\nKEEP void end(void) {}",
];

fn run(arguments: &[&str], files: &[(&str, &Path)], log: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    command.args(arguments).arg("--no-auto-symbols");
    for (flag, path) in files {
        command.arg(flag).arg(path);
    }
    command.arg(log).env("NO_COLOR", "1").output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write(builder: &Builder, name: &str, text: &str) -> PathBuf {
    let path = builder.path(name);
    fs::write(&path, text).expect("there is room");
    path
}

/// The functions of a report's chains, one list a group.
fn chains(output: &Output) -> Vec<Vec<String>> {
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let groups = report["groups"].as_array().expect("groups");
    let name = |frame: &Value| {
        let of = |key: &str| frame[key].as_str().map(str::to_owned);
        let missing = || format!("{} {}", frame["address"], frame["unresolved"]);
        let function = of("function").unwrap_or_else(missing);
        of("module").map_or_else(|| function.clone(), |module| format!("{function} [{module}]"))
    };
    let chain = |group: &Value| {
        group["chain"].as_array().expect("a chain").iter().map(name).collect::<Vec<_>>()
    };
    groups.iter().map(chain).collect()
}

const MIPS_MAP: &str = "\
80100000 T _stext
80100000 T _text
80101000 t show_stack
80101100 T dump_stack
80102000 t alloc_debug_processing
80102400 T __kmalloc
80103000 T handle_sys
80103100 T plat_irq_dispatch
80104000 T kthread
80105000 T _etext
";

const MIPS_LOG: &str = "\
[    2.000000] TRACE kmalloc-64 alloc 0x83595c80 inuse=7 fp=0x00000000
[    2.000100] CPU: 0 PID: 80 Comm: insmod Tainted: G           O      6.6.93 #0
[    2.000200] Call Trace:
[    2.000300] [<80101010>] 0x80101010
[    2.000400] [<80101120>] 0x80101120
[    2.000500] [<80102030>] 0x80102030
[    2.000600] [<80102440>] 0x80102440
[    2.000700] [<c0000050>] 0xc0000050
[    2.000800] [<80104060>] 0x80104060
[    2.000900] 
";

#[test]
fn a_router_without_kallsyms_gets_names_and_chains_from_its_map() {
    let builder = Builder::new();
    let log = write(&builder, "serial.log", MIPS_LOG);
    let map = write(&builder, "System.map", MIPS_MAP);
    let json = ["--format", "json"];
    let named = run(&json, &[("--system-map", &map)], &log);
    let outside = "\"0xc0000050\" \"outside the kernel\"".to_owned();
    assert_eq!(chains(&named), [vec![outside, "kthread".to_owned()]]);
    assert!(text(&named.stderr).contains("1 bare address lies outside the kernel"));
    let modules = write(&builder, "modules", "leaky 16384 0 - Live 0xc0000000 (O)\n");
    let named = run(&json, &[("--system-map", &map), ("--system-map", &modules)], &log);
    assert_eq!(chains(&named), [["\"0xc0000050\" \"outside the kernel\" [leaky]", "kthread"]]);
    let kallsyms = format!("{MIPS_MAP}c0000000 t leaky_init\t[leaky]\n");
    let kallsyms = write(&builder, "kallsyms", &kallsyms);
    let named = run(&json, &[("--system-map", &kallsyms)], &log);
    assert_eq!(chains(&named), [["leaky_init [leaky]", "kthread"]]);
    assert_eq!(text(&named.stderr), "");
    let shown = text(&run(&[], &[("--system-map", &kallsyms)], &log).stdout);
    let chain = "      leaky_init+0x50 [leaky]\n      kthread+0x60/0x1000\n    allocated";
    assert!(shown.contains(chain), "nobody asked for lines: {shown}");
}

#[test]
fn a_map_of_another_release_names_nothing() {
    let builder = Builder::new();
    let log = write(&builder, "serial.log", MIPS_LOG);
    let map = write(&builder, "System.map-6.6.94", MIPS_MAP);
    let output = run(&["--format", "json"], &[("--system-map", &map)], &log);
    assert_eq!(chains(&output)[0][0], "\"0x80101010\" \"release differs\"");
    assert!(text(&output.stderr).contains("is of kernel 6.6.94, but the log is of 6.6.93"));
}

#[test]
fn a_text_without_addresses_is_refused() {
    let builder = Builder::new();
    let log = write(&builder, "serial.log", MIPS_LOG);
    let hidden = write(&builder, "kallsyms", "00000000 T _stext\n00000000 T kthread\n");
    let output = run(&[], &[("--system-map", &hidden)], &log);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("read by root"), "{}", text(&output.stderr));
}

/// A log line for a place `offset` bytes into the image, `slide` bytes away.
fn bare(offset: u64, slide: u64) -> String {
    let address = TEXT + offset + slide;
    format!("[    1.000000] [<{address:016x}>] 0x{address:016x}\n")
}

#[test]
fn an_address_is_placed_once_the_log_tells_where_its_kernel_ran() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &KERNEL);
    let slide = 0x1a00_0000;
    let frames = [bare(4, slide), bare(0x24, slide), bare(0x50, slide)].concat();
    let untold = write(&builder, "untold.log", &frames);
    let output = run(&["symbolize"], &[("--vmlinux", &kernel)], &untold);
    assert_eq!(text(&output.stdout), frames, "nothing is guessed");
    assert!(text(&output.stderr).contains("KASLR may have moved the kernel"));
    assert!(text(&output.stderr).contains("3 kernel offset unknown"));
    let offset = format!("[    0.500000] Kernel Offset: {slide:#x} from {TEXT:#x}\n");
    let told = write(&builder, "told.log", &format!("{offset}{frames}"));
    let output = run(&["symbolize"], &[("--vmlinux", &kernel)], &told);
    let out = text(&output.stdout);
    let places: Vec<&str> = out.lines().skip(1).map(|line| &line[54..]).collect();
    assert_eq!(
        places,
        [
            " (twin+0x4/0x10 fs/a.c:10)",
            " (twin+0x4/0x10 fs/b.c:20)",
            " (own+0x10/0x30 mm/own.c:31)",
        ],
        "{out}"
    );
}

#[test]
fn functions_of_one_name_are_told_apart_by_a_printed_address() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &KERNEL);
    let line = |function: &str, offset: u64, at: u64, size: u64| {
        format!(
            "[    2.0003] [<{:016x}>] {function}+{offset:#x}/{size:#x}\n",
            TEXT + at + 0x20_0000
        )
    };
    let log = [
        "[    2.0000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080\n",
        "[    2.0001] CPU: 0 PID: 90 Comm: insmod Not tainted 3.16.0 #1\n[    2.0002] Call Trace:\n",
        &line("own", 0x10, 0x50, 0x30),
        &line("twin", 0x4, 0x24, 0x10),
        &line("b_end", 0x1, 0x31, 0x10),
    ]
    .concat();
    let log = write(&builder, "serial.log", &log);
    let output = run(&[], &[("--vmlinux", &kernel)], &log);
    let out = text(&output.stdout);
    assert!(out.contains("      twin+0x4/0x10\n        fs/b.c:20\n"), "{out}");
}

/// Functions laid out in memory as they come.
#[derive(Default)]
struct Layout {
    /// The start of each function, by its size and module too.
    starts: HashMap<(String, u64, Option<String>), u64>,
    kernel: String,
    modules: String,
    kernel_end: u64,
    modules_end: u64,
}

impl Layout {
    /// The address of a frame. An offset at a function's end would be one in the next.
    fn address(&mut self, frame: &Captures<'_>) -> Option<u64> {
        let number = |name: &str| u64::from_str_radix(&frame[name], 16).ok();
        let (offset, size) = (number("offset")?, number("size")?);
        let module = frame.name("module").map(|module| module.as_str().to_owned());
        let key = (frame["function"].to_owned(), size, module);
        let start = match self.starts.get(&key) {
            Some(&start) => start,
            None => self.place(&key),
        };
        (offset < size).then_some(start + offset)
    }

    fn place(&mut self, key: &(String, u64, Option<String>)) -> u64 {
        let (function, size, module) = key;
        let (text, end, kind) = match module {
            None => (&mut self.kernel, &mut self.kernel_end, String::new()),
            Some(module) => (&mut self.modules, &mut self.modules_end, format!("\t[{module}]")),
        };
        let start = *end;
        *end += size;
        let after = format!("after_{start:x}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{start:016x} t {function}{kind}\n{end:016x} t {after}{kind}");
        *end += 16;
        self.starts.insert(key.clone(), start);
        start
    }
}

/// A log without the names of functions, and the kallsyms that tells them.
fn anonymous(log: &str) -> (String, String) {
    let frame = r"(?P<function>[A-Za-z_][\w.$]*)\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)(?: \[(?P<module>\w+)\])?";
    let start = 0xffff_ffff_8100_0000;
    let mut layout =
        Layout { kernel_end: start, modules_end: 0xffff_ffff_c0a0_0000, ..Layout::default() };
    let bare = Regex::new(frame).expect("a pattern").replace_all(log, |found: &Captures<'_>| {
        layout.address(found).map_or_else(|| found[0].to_owned(), |at| format!("{at:#x}"))
    });
    let end = layout.kernel_end;
    let bounds = format!("{start:016x} T _stext\n{end:016x} T _etext\n");
    // The first function stands where the kernel's text begins, and wins over its bound.
    (bare.into_owned(), format!("{}{bounds}{}", layout.kernel, layout.modules))
}

fn report(log: &str, addresses: Addresses) -> Report {
    let mut analysis = Analysis::with_addresses(AnalysisOptions::default(), addresses);
    analysis.feed(log.as_bytes());
    let mut report = analysis.finish();
    for frame in report.groups.iter_mut().flat_map(|group| &mut group.chain) {
        frame.address = None;
    }
    report
}

/// `caller` lies at 0x400040; its first instruction calls what lies 0x25 bytes before its own end:
/// the second of two functions of one name and size.
#[cfg(target_arch = "x86_64")]
#[test]
fn functions_of_one_name_are_told_apart_by_the_call_that_led_there() {
    let calling = "#line 40 \"mm/caller.c\"\nKEEP void caller(void) { asm volatile(\".byte 0xe8, 0xdb, 0xff, 0xff, 0xff\"); BYTES(3); }\nKEEP void end2(void) {}";
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL[0], KERNEL[1], calling]);
    let log = |frames: &str| {
        format!(
            "[    2.0000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080\n\
             [    2.0001] CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0 #1\n\
             [    2.0002] Call Trace:\n{frames}"
        )
    };
    for (frames, wanted) in [
        (" twin+0x4/0x10\n caller+0x5/0x10\n", "twin+0x4/0x10\n        fs/b.c:20\n"),
        (
            " twin+0x4/0x10\n ? end2+0x1/0x10\n caller+0x5/0x10\n",
            "twin+0x4/0x10\n        fs/b.c:20\n",
        ),
        (" twin+0x4/0x10\n caller+0x8/0x10\n", "twin+0x4/0x10\n        one of"),
        (" twin+0x4/0x10\n a_end+0x1/0x10\n caller+0x5/0x10\n", "twin+0x4/0x10\n        one of"),
    ] {
        let stamped = frames.replace(
            "
 ",
            "
[    2.0003]  ",
        );
        let log = write(&builder, "serial.log", &log(&format!("[    2.0003] {stamped}")));
        let output = run(&[], &[("--vmlinux", &kernel)], &log);
        let out = text(&output.stdout);
        assert!(out.contains(wanted), "{frames}: {out}");
    }
}

#[test]
fn a_damaged_map_is_survived() {
    let builder = Builder::new();
    let log =
        format!("{MIPS_LOG}[<80101010>] dump_stack+0x10/0x20\n[<80101120>] show_stack+0x1/0x2\n");
    for cut in 0..MIPS_MAP.len() {
        let (head, tail) = MIPS_MAP.split_at(cut);
        for map in [head.to_owned(), tail.to_owned(), format!("{tail}{head}\tx [{cut}]\n")] {
            let path = write(&builder, "System.map", &map);
            // A map without any address is refused.
            let Ok(addresses) = Addresses::new(&[path], None) else { continue };
            assert_eq!(report(&log, addresses).totals.live_objects, 1, "{map}");
        }
    }
}

#[test]
fn a_log_without_names_means_what_it_means_with_them() {
    let builder = Builder::new();
    for case in ["recorded-amd64-6-1", "recorded-amd64-5-10", "recorded-arm64-6-1"] {
        let log = unpack(&format!("corpora/console/{case}.log.gz")).expect("the capture is there");
        let log = text(&log);
        let (bare, kallsyms) = anonymous(&log);
        assert!(bare.matches(" 0xffffffff81").count() > 1000, "{case}: the names are gone");
        let path = write(&builder, "kallsyms", &kallsyms);
        let addresses = Addresses::new(&[path], None).expect("a map");
        let (with, without) = (report(&log, Addresses::default()), report(&bare, addresses));
        assert_eq!(without.groups, with.groups, "{case}");
        assert_eq!((without.totals, without.loss), (with.totals, with.loss), "{case}");
        assert_eq!(without.boots, with.boots, "{case}");
    }
}
