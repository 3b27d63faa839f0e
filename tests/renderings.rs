//! One boot, many renderings: whatever stands in front of the kernel's text, the report says the
//! same of the objects, their call chains and what was lost.
//!
//! The records of a real capture are rendered here into every form that `src/record/prefix/`
//! knows. Times, line numbers and inputs differ between renderings; nothing else may.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use slabtrace::capture::Source;
use slabtrace::report::write_json;
use slabtrace::{Analysis, AnalysisOptions};

/// A record of the capture.
struct Rec {
    micros: u64,
    text: String,
    /// The task and the CPU that printed it.
    task: u32,
    cpu: u32,
}

impl Rec {
    /// printk's time.
    fn time(&self) -> String {
        format!("[{:5}.{:06}] ", self.micros / 1_000_000, self.micros % 1_000_000)
    }

    /// The time of day in the hour in which the recorder was started.
    fn clock(&self) -> String {
        let seconds = self.micros / 1_000_000;
        format!("15:{:02}:{:02}", seconds / 60, seconds % 60)
    }

    fn fraction(&self) -> u64 {
        self.micros % 1_000_000
    }

    /// printk's level.
    fn level(&self) -> u32 {
        if self.text.starts_with("TRACE") || self.text.starts_with("Object") { 6 } else { 4 }
    }
}

/// How a rendering shows a record.
type Line = fn(&Rec) -> String;

fn records() -> Vec<Rec> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora/prefix/dmesg.log.gz");
    let mut text = String::new();
    let mut source = Source::from_arg(&path).open().expect("the capture");
    source.read_to_string(&mut text).expect("text");
    let record = |line: &str| {
        let (time, text) = line.strip_prefix('[')?.split_once("] ")?;
        let micros = time.trim().replace('.', "").parse().ok()?;
        Some(Rec { micros, text: text.to_owned(), task: 1, cpu: 0 })
    };
    let mut records: Vec<Rec> = text.lines().map(|line| record(line).expect(line)).collect();
    name_printers(&mut records);
    records
}

/// Each event was printed by the task that its backtrace is of.
fn name_printers(records: &mut [Rec]) {
    let starts_event = |rec: &Rec| rec.text.starts_with("TRACE ");
    let mut rest = records;
    while !rest.is_empty() {
        let len = 1 + rest[1..].iter().take_while(|rec| !starts_event(rec)).count();
        let (event, behind) = rest.split_at_mut(len);
        if let Some((cpu, task)) = event.iter().find_map(|rec| printer(&rec.text)) {
            for rec in event.iter_mut() {
                (rec.cpu, rec.task) = (cpu, task);
            }
        }
        rest = behind;
    }
}

/// The CPU and the task that the first line of a backtrace names.
fn printer(text: &str) -> Option<(u32, u32)> {
    let (cpu, behind) = text.strip_prefix("CPU: ")?.split_once(" PID: ")?;
    Some((cpu.parse().ok()?, behind.split_once(' ')?.0.parse().ok()?))
}

/// What a group and a family say of time, and what rests on it. Some renderings have whole seconds.
const OF_TIME: [&str; 7] =
    ["verdict", "reason", "oldest_age", "youngest_age", "lifetimes", "growth", "timeline"];

/// What the report says, without what a rendering decides.
fn meaning(log: &[u8]) -> Value {
    let mut analysis = Analysis::new(AnalysisOptions::default());
    analysis.feed(log);
    let mut json = Vec::new();
    write_json(&analysis.finish(), &mut json).expect("memory takes any bytes");
    let mut document: Value = serde_json::from_slice(&json).expect("JSON");
    let document = document.as_object_mut().expect("an object");
    document.remove("inputs");
    document.remove("conclusion");
    let boots = document["boots"].as_array_mut().expect("boots");
    for boot in boots.iter_mut().filter_map(Value::as_object_mut) {
        boot.retain(|key, _| matches!(key.as_str(), "index" | "kernel" | "arch" | "pointers"));
    }
    for group in document["groups"].as_array_mut().into_iter().flatten() {
        let group = group.as_object_mut().expect("a group");
        for key in ["first_alloc", "last_alloc", "oldest_live"].iter().chain(&OF_TIME) {
            group.remove(*key).expect(key);
        }
        for example in group["examples"].as_array_mut().into_iter().flatten() {
            let example = example.as_object_mut().expect("an example");
            example.retain(|key, _| key == "address");
        }
    }
    for family in document["families"].as_array_mut().into_iter().flatten() {
        let family = family.as_object_mut().expect("a family");
        for key in OF_TIME.iter().chain(&["outliving"]) {
            family.remove(*key).expect(key);
        }
    }
    in_order(document);
    Value::Object(document.clone())
}

/// Groups and families by what does not rest on their verdict.
fn in_order(document: &mut serde_json::Map<String, Value>) {
    for (list, key) in [("groups", "fingerprint"), ("families", "family")] {
        let entries = document[list].as_array_mut().expect(list);
        entries.iter_mut().filter_map(Value::as_object_mut).for_each(|entry| {
            entry.remove("rank");
        });
        entries.sort_by_key(|entry| (entry[key].to_string(), entry.to_string()));
    }
}

/// Every rendering must mean what the capture means.
fn check(renderings: &[(&str, Line)]) {
    let records = records();
    let expected = meaning(render(&records, |record| record.time() + &record.text).as_bytes());
    assert_eq!(expected["totals"]["live_objects"], 9);
    for (name, line) in renderings {
        same(name, &expected, render(&records, line).as_bytes());
    }
}

fn same(name: &str, expected: &Value, log: &[u8]) {
    let actual = meaning(log);
    let head: String = String::from_utf8_lossy(log).chars().take(300).collect();
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&actual[key], value, "{key} of {name}, which begins\n{head}");
    }
}

fn render(records: &[Rec], line: impl Fn(&Rec) -> String) -> String {
    records.iter().fold(String::new(), |log, record| log + &line(record) + "\n")
}

/// A rendering that looks at all records at once.
fn check_whole(name: &str, render_all: impl Fn(&[Rec]) -> String) {
    let records = records();
    let expected = meaning(render(&records, |record| record.time() + &record.text).as_bytes());
    same(name, &expected, render_all(&records).as_bytes());
}

#[test]
fn the_kernel_s_own_forms() {
    check(&[
        ("no time", |r| r.text.clone()),
        ("level and time", |r| format!("<{}>{}{}", r.level(), r.time(), r.text)),
        ("level", |r| format!("<{}>{}", r.level(), r.text)),
        ("facility and level", |r| format!("<{}>{}{}", r.level() + 24, r.time(), r.text)),
        ("a lost bracket", |r| format!("{}{}", &r.time().replace("[    ", ""), r.text)),
        ("kmsg", |r| format!("{},339,{},-;{}", r.level(), r.micros, r.text)),
        ("kmsg with dictionaries", |r| {
            format!(
                "{},339,{},-;{}\n SUBSYSTEM=pci\n DEVICE=+pci:0000",
                r.level(),
                r.micros,
                r.text
            )
        }),
        ("extended netconsole with release", |r| {
            format!("6.4.0,{},339,{},-;{}", r.level(), r.micros, r.text)
        }),
    ]);
}

#[test]
fn dmesg_s_forms() {
    check(&[
        ("decoded", |r| {
            let level = if r.level() == 6 { "info  " } else { "warn  " };
            format!("kern  :{level}: {}{}", r.time(), r.text)
        }),
        ("ctime", |r| format!("[Sat Nov 21 {} 2026] {}", r.clock(), r.text)),
        ("ctime and delta", |r| {
            format!("[Sat Nov 21 {} 2026 <    0.000012>] {}", r.clock(), r.text)
        }),
        ("delta", |r| format!("[{} <   -0.037952>] {}", &r.time()[1..13], r.text)),
        ("delta alone", |r| format!("[<    0.000012>] {}", r.text)),
        ("reltime", |r| format!("[  +0.000012] {}", r.text)),
        ("reltime, wide", |r| format!("[+12345.678901] {}", r.text)),
        ("iso", |r| format!("2026-11-21T{},{:06}+00:00 {}", r.clock(), r.fraction(), r.text)),
        ("colour", |r| format!("\x1b[32m{}\x1b[0m\x1b[1m{}\x1b[0m", r.time(), r.text)),
    ]);
}

/// The times that `dmesg --time-format` and its other options make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Time,
    TimeAndDelta,
    Ctime,
    CtimeAndDelta,
    Delta,
    Reltime,
    Iso,
    Notime,
}

const FORMATS: [Format; 8] = [
    Format::Time,
    Format::TimeAndDelta,
    Format::Ctime,
    Format::CtimeAndDelta,
    Format::Delta,
    Format::Reltime,
    Format::Iso,
    Format::Notime,
];

impl Format {
    /// What stands before a record that another stands before.
    fn show(self, r: &Rec, before: Option<&Rec>) -> String {
        let clock = r.clock();
        let passed = r.micros.saturating_sub(before.map_or(r.micros, |before| before.micros));
        let delta = format!("<{:5}.{:06}>", passed / 1_000_000, passed % 1_000_000);
        match self {
            Format::Time => r.time(),
            Format::TimeAndDelta => format!("{} {delta}] ", r.time().trim_end_matches("] ")),
            Format::Ctime => format!("[Sat Nov 21 {clock} 2026] "),
            Format::CtimeAndDelta => format!("[Sat Nov 21 {clock} 2026 {delta}] "),
            Format::Delta => format!("[{delta}] "),
            Format::Reltime => match before {
                Some(before) if before.clock()[..5] == clock[..5] => {
                    format!("[  +{}.{:06}] ", passed / 1_000_000, passed % 1_000_000)
                }
                _ => format!("[Nov21 {}] ", &clock[..5]),
            },
            Format::Iso => format!("2026-11-21T{clock},{:06}+00:00 ", r.fraction()),
            Format::Notime => String::new(),
        }
    }
}

/// Who printed a record: not told, as of util-linux 2.40 on, as padded by the kernel.
const CALLERS: [Line; 3] = [
    |_| String::new(),
    |r| format!("[T{}] ", r.task),
    |r| format!("[{:>6}] ", format!("T{}", r.task)),
];

/// Every rendering in which each record also says who printed it means what the capture means.
fn check_callers(name: &str, front: impl Fn(&Rec, Option<&Rec>) -> String) {
    let records = records();
    let expected = meaning(render(&records, |record| record.time() + &record.text).as_bytes());
    for (caller, number) in CALLERS.iter().zip(0..) {
        let befores = std::iter::once(None).chain(records.iter().map(Some));
        let log = records.iter().zip(befores).fold(String::new(), |log, (r, before)| {
            log + &front(r, before) + &caller(r) + &r.text + "\n"
        });
        same(&format!("{name}, caller {number}"), &expected, log.as_bytes());
    }
}

#[test]
fn dmesg_s_times_with_callers() {
    for format in FORMATS {
        check_callers(&format!("{format:?}"), |r, before| format.show(r, before));
        check_callers(&format!("{format:?}, decoded"), |r, before| {
            let level = if r.level() == 6 { "info  " } else { "warn  " };
            format!("kern  :{level}: {}", format.show(r, before))
        });
    }
    check_callers("raw", |r, _| format!("<{}>{}", r.level(), r.time()));
}

#[test]
fn two_of_dmesg_s_times_with_callers() {
    for first in FORMATS {
        for second in FORMATS {
            check_callers(&format!("{first:?} and {second:?}"), |r, before| {
                first.show(r, before) + &second.show(r, before)
            });
        }
    }
}

#[test]
fn callers_in_the_logs_of_daemons_and_dumps() {
    check_callers("syslog", |r, _| format!("Feb 14 {} host kernel: {}", r.clock(), r.time()));
    check_callers("syslog without the kernel's time", |r, _| {
        format!("Feb 14 {} host kernel: ", r.clock())
    });
    check_callers("RFC 5424", |r, _| {
        format!("<6>1 2024-01-26T{}.123456Z host kernel - - - {}", r.clock(), r.time())
    });
    check_callers("short-monotonic", |r, _| format!("{}leakyvm kernel: ", r.time()));
    check_callers("crash, log -T", |r, _| format!("[Sat Nov 21 {} UTC 2026] ", r.clock()));
    check(&[
        ("crash, log -m", |r| format!("{}<{}>{}", r.time(), r.level(), r.text)),
        ("crash, log -c -m", |r| format!("{}{}<{}>{}", r.time(), CALLERS[2](r), r.level(), r.text)),
        ("crash, log -T -c -m", |r| {
            let time = format!("[Sat Nov 21 {} CET 2026] ", r.clock());
            format!("{time}{}<{}>{}", CALLERS[2](r), r.level(), r.text)
        }),
    ]);
}

#[test]
fn words_that_nobody_knows_behind_a_time() {
    let words: [(&str, Line); 7] = [
        ("c6", |r| format!("c{} ", r.cpu)),
        ("CPU6:", |r| format!("CPU{}: ", r.cpu)),
        ("[6]", |r| format!("[{}] ", r.cpu)),
        ("a task in brackets", |r| format!("(CPU:{}-pid:{}:cat) ", r.cpu, r.task)),
        ("a task in other brackets", |r| format!("<{}/cat-{}> ", r.cpu, r.task)),
        ("a word", |_| "xyz: ".to_owned()),
        ("a word with its sign", |_| "|xyz| ".to_owned()),
    ];
    for (name, word) in words {
        check_callers(name, |r, _| r.time() + &word(r));
        check_callers(&format!("{name}, no blank before it"), |r, _| {
            r.time().trim_end().to_owned() + &word(r)
        });
        check_callers(&format!("{name}, behind a date"), |r, before| {
            Format::Iso.show(r, before) + &word(r)
        });
    }
}

#[test]
fn the_journal_s_forms_of_one_line() {
    check(&[
        ("short", |r| format!("Nov 21 {} leakyvm kernel: {}", r.clock(), r.text)),
        ("short-precise", |r| {
            format!("Nov 21 {}.{:06} leakyvm kernel: {}", r.clock(), r.fraction(), r.text)
        }),
        ("short-iso", |r| format!("2026-11-21T{}+0000 leakyvm kernel: {}", r.clock(), r.text)),
        ("short-full, with-unit", |r| {
            format!("Sat 2026-11-21 {} UTC leakyvm kernel: {}", r.clock(), r.text)
        }),
        ("short-monotonic", |r| format!("{}leakyvm kernel: {}", r.time(), r.text)),
        ("short-delta", |r| {
            format!("[{} <    0.000309 >] leakyvm kernel: {}", &r.time()[1..13], r.text)
        }),
        ("short-unix", |r| {
            format!(
                "{}.{:06} leakyvm kernel: {}",
                1_795_290_000 + r.micros / 1_000_000,
                r.fraction(),
                r.text
            )
        }),
        ("json", |r| {
            let message = Value::from(r.text.as_str());
            format!(
                r#"{{"_TRANSPORT":"kernel","_BOOT_ID":"7ff3","MESSAGE":{message},"_SOURCE_MONOTONIC_TIMESTAMP":"{}"}}"#,
                r.micros
            )
        }),
        ("json-sse", |r| {
            let message = Value::from(r.text.as_str());
            format!(r#"data: {{"_TRANSPORT":"kernel","MESSAGE":{message}}}"#) + "\n"
        }),
    ]);
}

#[test]
fn records_of_several_lines() {
    check(&[
        ("export", |r| {
            format!(
                "__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1795290121749511\nMESSAGE={}\n\
                 _TRANSPORT=kernel\n_SOURCE_MONOTONIC_TIMESTAMP={}\n",
                r.text, r.micros
            )
        }),
        ("verbose", |r| {
            format!(
                "Sat 2026-11-21 {}.{:06} UTC [s=d432;i=1;b=7ff3;m=ba;t=660c;x=ff]\n    \
                 MESSAGE={}\n    _SOURCE_MONOTONIC_TIMESTAMP={}\n    _TRANSPORT=kernel",
                r.clock(),
                r.fraction(),
                r.text,
                r.micros
            )
        }),
        ("json-pretty", |r| {
            let message = Value::from(r.text.as_str());
            format!(
                "{{\n\t\"MESSAGE\" : {message},\n\t\"_TRANSPORT\" : \"kernel\",\n\t\"_SOURCE_MONOTONIC_TIMESTAMP\" : \"{}\"\n}}",
                r.micros
            )
        }),
    ]);
    check_whole("dmesg --json", |records| {
        let mut log = "{\n   \"dmesg\": [\n      {\n".to_owned();
        for record in records {
            let (seconds, micros) = (record.micros / 1_000_000, record.fraction());
            let message = Value::from(record.text.as_str());
            write!(log, "         \"pri\": 6,\n         \"time\": {seconds:5}.{micros:06},\n         \"msg\": {message}\n      }},{{\n").expect("a string");
        }
        log + "         \"pri\": 6\n      }\n   ]\n}\n"
    });
    check_whole("netconsole, in fragments", |records| {
        let mut log = String::new();
        for (record, number) in records.iter().zip(1..) {
            let head = format!("6,{number},{},-", record.micros);
            let (first, second) = record.text.split_at(record.text.len() / 2);
            let (at, all) = (first.len(), record.text.len());
            // Only a record's last packet ends in a newline.
            writeln!(log, "{head},ncfrag=0/{all};{first}{head},ncfrag={at}/{all};{second}")
                .expect("a string");
        }
        log
    });
}

#[test]
fn syslog_daemons() {
    check(&[
        ("syslog", |r| format!("Feb 14 {} host kernel: {}{}", r.clock(), r.time(), r.text)),
        ("syslog without the kernel's time", |r| {
            format!("Feb 14 {} host kernel: {}", r.clock(), r.text)
        }),
        ("a process id", |r| format!("Feb 14 {} host kernel[0]: {}", r.clock(), r.text)),
        ("iso", |r| {
            format!("2024-01-26T{}.123456+08:00 host kernel: {}{}", r.clock(), r.time(), r.text)
        }),
        ("iso with a blank", |r| {
            format!("2024-01-24 {} 0000000g-A8cUta6pu5 kernel: {}", r.clock(), r.text)
        }),
        ("RFC 5424", |r| {
            format!("<6>1 2024-01-26T{}.123456Z host kernel - - - {}", r.clock(), r.text)
        }),
        ("busybox", |r| format!("Jan  1 {} (none) kern.warn kernel: {}", r.clock(), r.text)),
        ("busybox without time", |r| format!("user.info kernel: {}", r.text)),
        ("OpenWrt", |r| {
            format!("Fri Jan 26 {} 2024 kern.info kernel: {}{}", r.clock(), r.time(), r.text)
        }),
        ("no program named", |r| format!("Feb 14 {} host {}", r.clock(), r.text)),
    ]);
}

#[test]
fn serial_loggers() {
    check(&[
        ("minicom", |r| format!("[2024-01-26 {}] {}", r.clock(), r.text)),
        ("tio", |r| format!("[{}.123] {}{}", r.clock(), r.time(), r.text)),
        ("tio without the kernel's time", |r| format!("[{}.123] {}", r.clock(), r.text)),
        ("tio, iso", |r| format!("[2024-01-26T{}.123] {}", r.clock(), r.text)),
        ("grabserial", |r| format!("[12.345678 0.000123] {}{}", r.time(), r.text)),
        ("grabserial without the kernel's time", |r| format!("[12.345678 0.000123] {}", r.text)),
        ("conserver", |r| format!("[Fri Jan 26 {} 2024]{}", r.clock(), r.text)),
        ("Tera Term", |r| format!("[Fri Jan 26 {}.123 2024] {}", r.clock(), r.text)),
        ("ts", |r| format!("Jan 26 {} {}", r.clock(), r.text)),
        ("ts %.s", |r| format!("1706252651.493181 {}{}", r.time(), r.text)),
        ("ts '[%.s]'", |r| format!("[1706252651.493181] {}", r.text)),
        ("kernelci", |r| format!("{}  {}{}", r.clock(), r.time(), r.text)),
        ("kernelci without the kernel's time", |r| format!("{}  {}", r.clock(), r.text)),
        ("LAVA", |r| {
            let message = Value::from(r.time() + &r.text);
            format!(
                r#"- {{"dt": "2020-05-14T{}.123456", "lvl": "target", "msg": {message}}}"#,
                r.clock()
            )
        }),
        ("CRLF", |r| format!("{}{}\r", r.time(), r.text)),
        ("CRCRLF", |r| format!("{}\r\r", r.text)),
        ("NULs", |r| format!("\0\0{}{}", r.time(), r.text)),
    ]);
}

#[test]
fn containers() {
    check(&[
        ("CRI", |r| format!("2024-01-26T{}.493181123Z stderr F {}", r.clock(), r.text)),
        ("docker logs -t", |r| {
            format!("2024-01-26T{}.493181123Z {}{}", r.clock(), r.time(), r.text)
        }),
        ("docker json-file", |r| {
            let log = Value::from(r.text.clone() + "\n");
            format!(
                r#"{{"log":{log},"stream":"stdout","time":"2024-01-26T{}.493181123Z"}}"#,
                r.clock()
            )
        }),
        ("compose", |r| format!("web_1  | {}", r.text)),
    ]);
}

#[test]
fn phones() {
    check(&[
        ("logcat -b kernel", |r| {
            format!("01-26 {}.493     0     0 I         : {}{}", r.clock(), r.time(), r.text)
        }),
        ("logcat -v brief", |r| format!("I/        (    0): {}{}", r.time(), r.text)),
        ("logcat -v time", |r| format!("01-26 {}.493 I/        (    0): {}", r.clock(), r.text)),
        ("Mediatek", |r| format!("{} (7)[723:Xorg]{}", r.time(), r.text)),
        ("Mediatek, interrupts off", |r| format!("{}-(7)[723:kworker/7:1]{}", r.time(), r.text)),
        ("Qualcomm", |r| format!("{}<3> (CPU:3-PID:723:Xorg) {}", r.time().trim_end(), r.text)),
        ("Samsung", |r| format!("{}[3:           Xorg:  723] {}", r.time(), r.text)),
    ]);
}

#[test]
fn pages_and_mails() {
    check(&[
        ("markdown", |r| format!("    {}{}", r.time(), r.text)),
        ("markdown without time", |r| format!("    {}", r.text)),
        ("a tab", |r| format!("\t{}", r.text)),
        ("quoted", |r| format!("> {}{}", r.time(), r.text)),
        ("quoted without time", |r| format!("> > {}", r.text)),
        ("quoted by several programs", |r| format!(">> > {}", r.text)),
        ("vim", |r| format!("1673 {}{}", r.time(), r.text)),
        ("vim without time", |r| format!("1673 {}", r.text)),
        ("cat -n", |r| format!("  3106\t{}", r.text)),
        ("grep -n", |r| format!("kern.log:{}:{}", r.micros, r.text)),
        ("NBSP", |r| format!("{}{}", r.time(), r.text).replace(' ', "\u{a0}")),
        ("padded to a terminal's width", |r| {
            let is_row = r.text.starts_with("Object");
            format!("{:width$}", r.time() + &r.text, width = if is_row { 0 } else { 132 })
        }),
    ]);
    check_whole("quoted-printable", |records| {
        render(records, |r| {
            let text = format!("> {}{}", r.time(), r.text).replace('=', "=3D");
            soft_breaks(&text)
        })
    });
    check_whole("newlines lost", |records| {
        let log = render(records, |r| r.time() + &r.text);
        let lines: Vec<&str> = log.lines().collect();
        lines.chunks(16).map(|lines| lines.concat() + "\n").collect()
    });
    check_whole("a terminal of 80 columns", |records| {
        render(records, |r| {
            let line = r.time() + &r.text;
            let ends = (0..line.len()).step_by(80).map(|at| &line[at..line.len().min(at + 80)]);
            ends.collect::<Vec<_>>().join("\n")
        })
    });
    check_whole("the first lines of a file with a mark of their own", |records| {
        format!("\u{feff}{}", render(records, |r| r.time() + &r.text))
    });
}

#[test]
fn utf_16() {
    let records = records();
    let log = render(&records, |r| r.time() + &r.text);
    let expected = meaning(log.as_bytes());
    let units = std::iter::once(0xfeff).chain(log.encode_utf16());
    same("UTF-16", &expected, &units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
}

/// Breaks a line of quoted-printable, not within an encoded byte.
fn soft_breaks(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while rest.len() > 76 {
        let end = (73..=75).find(|&end| !rest[end - 2..end].contains('=')).expect("a place");
        out += &rest[..end];
        out += "=\n";
        rest = &rest[end..];
    }
    out + rest
}
