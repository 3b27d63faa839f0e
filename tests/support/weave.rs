//! Several CPUs' logs made of one CPU's, as a kernel would have printed them.
//!
//! A capture of one CPU tells without doubt which backtrace is whose: events only nest. Each CPU
//! of a woven log plays such a capture, from another place on, and waits where a kernel of that
//! era has it wait:
//!
//! - `dump_stack()` is one CPU's at a time (`lib/dump_stack.c`, 3.11 on). The header and the rows
//!   of an object dump before it are printed without that lock.
//! - Up to 5.19 a free holds its cache's list lock while it prints, and an allocation holds none.
//! - From 6.0 on an allocation holds it too, unless the object comes from a new slab.

use std::collections::{BTreeMap, BTreeSet};

use super::damage::Dice;

/// What a kernel holds while it prints an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Era {
    /// 3.11 to 5.19.
    FreesHold,
    /// 6.0 on.
    AllHold,
}

/// What clocks the lines show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Clocks {
    /// One for all CPUs.
    Common,
    /// Each CPU has its own, up to two seconds apart.
    Skewed,
    /// Each CPU has its own, which only steps now and then, as emulation has it.
    Ticking,
    /// None: no line has a time.
    None,
}

/// How a log is woven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    pub(crate) cpus: u32,
    /// Lines that others print, on average, between two events of a CPU.
    pub(crate) pause: usize,
    pub(crate) clocks: Clocks,
    /// Traced caches that `kmalloc()` serves.
    pub(crate) caches: usize,
}

/// One line without its time.
#[derive(Clone, Debug)]
struct Line {
    /// Its caller id, as `T80`.
    caller: Option<String>,
    text: String,
}

/// What a line is to an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Header,
    Row,
    Backtrace,
}

/// One CPU's events as they nested, and the lines that they were printed as.
#[derive(Debug)]
pub(crate) struct Capture {
    /// Each line, its event and what it is to it.
    lines: Vec<(Line, usize, Part)>,
    /// The first and the last line of each event's backtrace.
    backtraces: Vec<(usize, usize)>,
    /// First lines of events that no other one surrounds.
    starts: Vec<usize>,
    addresses: BTreeSet<u64>,
}

/// A log of several CPUs.
#[derive(Debug, Default)]
pub(crate) struct Woven {
    pub(crate) log: String,
    /// Lines of headers, from 1, and which event of the capture each is.
    pub(crate) headers: BTreeMap<u64, usize>,
}

/// Something that one CPU has at a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Lock {
    DumpStack,
    List(String),
}

impl Capture {
    /// Reads a capture of one CPU. Lines that belong to no event are left out.
    pub(crate) fn read(log: &str) -> Capture {
        let mut capture = Capture {
            lines: Vec::new(),
            backtraces: Vec::new(),
            starts: Vec::new(),
            addresses: BTreeSet::new(),
        };
        // Headers without a backtrace, and the event whose backtrace goes on.
        let (mut open, mut dumping): (Vec<usize>, Option<usize>) = (Vec::new(), None);
        for line in log.lines().filter_map(Line::parse) {
            let at = capture.lines.len();
            let (event, part) = if line.text.starts_with("TRACE ") {
                let event = capture.backtraces.len();
                if open.is_empty() {
                    capture.starts.push(at);
                }
                open.push(event);
                capture.backtraces.push((usize::MAX, 0));
                (Some(event), Part::Header)
            } else if line.text.starts_with("Object ") {
                (open.last().copied(), Part::Row)
            } else if line.text.starts_with("CPU: ") {
                (open.pop(), Part::Backtrace)
            } else {
                (dumping.filter(|_| is_of_backtrace(&line.text)), Part::Backtrace)
            };
            dumping = event.filter(|_| part == Part::Backtrace);
            let Some(event) = event else { continue };
            if part == Part::Backtrace {
                let (first, last) = &mut capture.backtraces[event];
                (*first, *last) = (at.min(*first), at);
            }
            capture.addresses.extend(addresses(&line.text).map(|(_, address)| address));
            capture.lines.push((line, event, part));
        }
        // An event without an end would hold its locks for ever.
        if let Some(cut) = open.first() {
            capture.starts.retain(|&start| capture.lines[start].1 < *cut);
            capture.lines.retain(|(_, event, _)| event < cut);
        }
        capture
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.starts.last().map_or(0, |&start| self.lines[start].1 + 1)
    }

    /// The lines of one event alone.
    pub(crate) fn alone(&self, event: usize) -> String {
        let own = self.lines.iter().filter(|(_, of, _)| *of == event);
        own.map(|(line, ..)| line.shown(Some(1_000_000))).collect()
    }

    /// The text of an event's backtrace.
    fn backtrace(&self, event: usize) -> impl Iterator<Item = &str> {
        let own =
            self.lines.iter().filter(move |(_, of, part)| *of == event && *part == Part::Backtrace);
        own.map(|(line, ..)| line.text.as_str())
    }

    /// What an event holds from its header to the end of its backtrace.
    fn lock(&self, event: usize, header: &str, era: Era) -> Option<Lock> {
        let mut words = header.split(' ').skip(1);
        let (cache, operation) = (words.next()?.to_owned(), words.next()?);
        let is_partial = || self.backtrace(event).any(|line| line.contains("get_partial_node"));
        let holds = match era {
            Era::FreesHold => operation == "free",
            Era::AllHold => operation == "free" || is_partial(),
        };
        holds.then_some(Lock::List(cache))
    }

    /// Which of several caches an object is in: that of the code which allocated it.
    fn caches(&self, caches: usize) -> BTreeMap<usize, usize> {
        let mut of_object = BTreeMap::new();
        let mut of_event = BTreeMap::new();
        let headers = self.lines.iter().filter(|(.., part)| *part == Part::Header);
        for (line, event, _) in headers {
            let Some((_, object)) = addresses(&line.text).next() else { continue };
            let site: usize = self.backtrace(*event).take(14).map(str::len).sum();
            let is_free = line.text.contains(" free ");
            let cache = if is_free { 0 } else { site % caches };
            let cache = match of_object.remove(&object) {
                Some(known) if is_free => known,
                _ => cache,
            };
            of_object.insert(object, cache);
            of_event.insert(*event, cache);
        }
        of_event
    }

    /// Several CPUs play the capture a number of times.
    pub(crate) fn weave(&self, era: Era, pattern: Pattern, rounds: u64, seed: u64) -> Woven {
        let mut dice = Dice::new(seed);
        let mut taken = BTreeSet::new();
        let mut cpus: Vec<Cpu> = (0..pattern.cpus).map(|cpu| Cpu::new(cpu, &mut dice)).collect();
        let cache_of = self.caches(pattern.caches.max(1));
        for _ in 0..rounds {
            for cpu in &mut cpus {
                let mask = self.mask(&mut taken, &mut dice);
                cpu.play(self, era, mask, &cache_of, dice.below(self.starts.len()));
            }
        }
        weave(&mut cpus, pattern, &mut dice)
    }

    /// What makes this capture's addresses others than those taken.
    fn mask(&self, taken: &mut BTreeSet<u64>, dice: &mut Dice) -> u64 {
        loop {
            let mask = (dice.below(1 << 20) as u64) << 12;
            if self.addresses.iter().all(|address| !taken.contains(&(address ^ mask))) {
                taken.extend(self.addresses.iter().map(|address| address ^ mask));
                return mask;
            }
        }
    }
}

impl Line {
    // [    3.703448] TRACE kmalloc-64 free 0xffff8b13aff29ec0 inuse=11 fp=0xffff8b13aff29e80
    // [    8.189899][   T80] TRACE kmalloc-64 free 0x2cba6c00 inuse=9 fp=0xf6b78b73
    fn parse(line: &str) -> Option<Line> {
        let (time, rest) = line.strip_prefix('[')?.split_once(']')?;
        time.trim_start().starts_with(|c: char| c.is_ascii_digit()).then_some(())?;
        let caller = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (caller, rest) = match caller {
            Some((caller, rest)) => (Some(caller.trim().to_owned()), rest),
            None => (None, rest),
        };
        Some(Line { caller, text: rest.strip_prefix(' ').unwrap_or(rest).to_owned() })
    }

    fn shown(&self, micros: Option<i64>) -> String {
        let caller = self.caller.as_ref().map_or(String::new(), |id| format!("[{id:>6}]"));
        let text = &self.text;
        match micros {
            None => format!("{text}\n"),
            Some(micros) => {
                let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
                format!("[{seconds:5}.{micros:06}]{caller} {text}\n")
            }
        }
    }
}

/// Whether a line goes on with a backtrace.
fn is_of_backtrace(text: &str) -> bool {
    const STARTS: [&str; 22] = [
        "Hardware name:",
        "Call ",
        "Backtrace:",
        "Tainted:",
        "Workqueue:",
        "RIP:",
        "RSP:",
        "RAX:",
        "RDX:",
        "RBP:",
        "R10:",
        "R13:",
        "Code:",
        "EIP:",
        "EAX:",
        "ESI:",
        "DS:",
        "CR0:",
        "Stack :",
        "Exception stack(",
        "FS:",
        "pstate:",
    ];
    let is_row = text.get(..5).is_some_and(|start| {
        start.ends_with(':') && start[..4].bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    text.is_empty()
        || text.starts_with([' ', '[', '.'])
        || is_row
        || STARTS.iter().any(|start| text.starts_with(start))
}

/// The addresses of objects in a header or a row, and where they stand.
fn addresses(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, u64)> {
    let marks: &[&str] = match text {
        _ if text.starts_with("TRACE ") => &["alloc 0x", "free 0x", "fp=0x"],
        _ if text.starts_with("Object ") => &["Object "],
        _ => &[],
    };
    marks.iter().filter_map(move |mark| {
        let start = text.find(mark)? + mark.len();
        let digits = text[start..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let address = u64::from_str_radix(&text[start..start + digits], 16).ok()?;
        (address != 0).then_some((start..start + digits, address))
    })
}

/// The line with its addresses masked.
fn masked(text: &str, mask: u64) -> String {
    let mut masked = text.to_owned();
    for (place, address) in addresses(text) {
        let width = place.len();
        masked.replace_range(place, &format!("{:0width$x}", address ^ mask));
    }
    masked
}

/// A line that a CPU is going to print.
#[derive(Debug)]
struct Step {
    line: Line,
    /// The event whose header it is.
    header: Option<usize>,
    takes: Option<Lock>,
    gives: Vec<Lock>,
    /// Whether the CPU may do something else before.
    is_start: bool,
}

#[derive(Debug)]
struct Cpu {
    number: u32,
    steps: std::collections::VecDeque<Step>,
    /// What its clock is ahead of the common one.
    skew: i64,
    /// When its clock ticked last.
    tick: i64,
    /// Lines that others may print before it goes on.
    pause: usize,
}

impl Cpu {
    fn new(number: u32, dice: &mut Dice) -> Cpu {
        let skew = i64::try_from(dice.below(4_000_000)).expect("four millions") - 2_000_000;
        Cpu { number, steps: std::collections::VecDeque::new(), skew, tick: 0, pause: 0 }
    }

    /// Adds all of a capture, from an event on and round to it.
    fn play(
        &mut self,
        capture: &Capture,
        era: Era,
        mask: u64,
        cache_of: &BTreeMap<usize, usize>,
        from: usize,
    ) {
        let starts: BTreeSet<usize> = capture.starts.iter().copied().collect();
        let first = capture.starts[from];
        let mut held: BTreeMap<usize, Lock> = BTreeMap::new();
        // The objects of the first part are allocated in it: what comes first in the capture
        // comes first here.
        let order = (first..capture.lines.len()).chain(0..first);
        for at in order {
            let (line, event, part) = &capture.lines[at];
            let mut line = self.own(line, mask);
            let (mut takes, mut gives) = (None, Vec::new());
            if *part == Part::Header {
                if cache_of.get(event) == Some(&1) {
                    line.text = line.text.replace("TRACE kmalloc-64 ", "TRACE kmalloc-192 ");
                }
                takes = capture.lock(*event, &line.text, era);
                held.extend(takes.clone().map(|lock| (*event, lock)));
            }
            let (first, last) = capture.backtraces[*event];
            if at == first {
                takes = Some(Lock::DumpStack);
            }
            if at == last {
                gives.push(Lock::DumpStack);
                gives.extend(held.remove(event));
            }
            let header = (*part == Part::Header).then_some(*event);
            self.steps.push_back(Step {
                line,
                header,
                takes,
                gives,
                is_start: starts.contains(&at),
            });
        }
    }

    /// The line as this CPU prints it.
    fn own(&self, line: &Line, mask: u64) -> Line {
        let number = self.number;
        let moved = |id: &str| match id.parse::<u32>() {
            Ok(id) if id > 0 => (id + 1000 * number).to_string(),
            _ => id.to_owned(),
        };
        let caller = line.caller.as_deref().map(|id| match id.strip_prefix('T') {
            Some(task) => format!("T{}", moved(task)),
            None => format!("C{number}"),
        });
        let mut text = masked(&line.text, mask);
        if let Some((_, rest)) = text.strip_prefix("CPU: ").and_then(|rest| rest.split_once(' ')) {
            text = format!("CPU: {number} {rest}");
            if let Some((before, rest)) = text.split_once("PID: ")
                && let Some((pid, after)) = rest.split_once(' ')
            {
                text = format!("{before}PID: {} {after}", moved(pid));
            }
        }
        Line { caller, text }
    }

    /// What its clock shows.
    fn micros(&mut self, clocks: Clocks, now: i64, dice: &mut Dice) -> Option<i64> {
        match clocks {
            Clocks::Common => Some(now),
            Clocks::Skewed => Some(now + self.skew),
            Clocks::Ticking => {
                if dice.below(30) == 0 || self.tick == 0 {
                    self.tick = now + self.skew / 20;
                }
                Some(self.tick)
            }
            Clocks::None => None,
        }
    }
}

/// All CPUs print, each when it may, in an order that the dice tell.
fn weave(cpus: &mut [Cpu], pattern: Pattern, dice: &mut Dice) -> Woven {
    let mut woven = Woven::default();
    let mut owners: BTreeMap<Lock, (u32, u32)> = BTreeMap::new();
    let (mut now, mut lines) = (10_000_000, 0);
    while cpus.iter().any(|cpu| !cpu.steps.is_empty()) {
        let may = |cpu: &Cpu| {
            let Some(step) = cpu.steps.front() else { return false };
            let is_free =
                |lock: &Lock| owners.get(lock).is_none_or(|(owner, _)| *owner == cpu.number);
            cpu.pause == 0 && step.takes.as_ref().is_none_or(is_free)
        };
        let ready: Vec<usize> = (0..cpus.len()).filter(|&at| may(&cpus[at])).collect();
        for cpu in &mut *cpus {
            cpu.pause = cpu.pause.saturating_sub(1);
        }
        now += 20;
        if ready.is_empty() {
            continue;
        }
        let cpu = &mut cpus[ready[dice.below(ready.len())]];
        let Some(step) = cpu.steps.pop_front() else { continue };
        lines += 1;
        now += i64::try_from(dice.below(200)).expect("small");
        woven.log += &step.line.shown(cpu.micros(pattern.clocks, now, dice));
        woven.headers.extend(step.header.map(|event| (lines, event)));
        if let Some(lock) = step.takes {
            owners.entry(lock).or_insert((cpu.number, 0)).1 += 1;
        }
        for lock in step.gives {
            if let Some((_, held)) = owners.get_mut(&lock) {
                *held -= 1;
                if *held == 0 {
                    owners.remove(&lock);
                }
            }
        }
        if cpu.steps.front().is_some_and(|next| next.is_start) && pattern.pause > 0 {
            cpu.pause = dice.below(2 * pattern.pause);
        }
    }
    woven
}
