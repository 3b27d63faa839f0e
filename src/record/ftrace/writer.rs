//! The front of an entry: who wrote it, and when.

use crate::record::cursor::Cursor;

/// What a CPU was doing when it wrote an entry: two entries of a task may have another one between
/// them that an interrupt wrote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum IrqContext {
    /// Running a task, or nobody says.
    #[default]
    Task,
    /// Serving a soft interrupt: `s`.
    Softirq,
    /// Serving a hard interrupt: `h`.
    Hardirq,
    /// Serving a hard interrupt that struck a soft one: `H`.
    HardirqInSoftirq,
    /// Serving a non-maskable interrupt: `z`, `Z`.
    Nmi,
}

/// Who wrote an entry, as far as the rendering says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Writer<'a> {
    /// The task's name; absent where it was forgotten: `<...>`.
    pub comm: Option<&'a [u8]>,
    /// Its thread id.
    pub pid: Option<u32>,
    /// The CPU.
    pub cpu: Option<u32>,
    /// What the CPU was doing.
    pub context: IrqContext,
}

/// What stands before an entry's text.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Front<'a> {
    pub(super) writer: Writer<'a>,
    /// Microseconds of the recording's clock, where it counts time.
    pub(super) time: Option<i64>,
    /// Bytes before the entry: of another line that was cut off.
    pub(super) stray: usize,
    /// Bytes that tell the writer.
    pub(super) writer_len: usize,
}

/// A task's name has no more bytes (`TASK_COMM_LEN`).
const COMM_BYTES_MAX: usize = 15;

/// Flags have so many columns: five, four before 5.17, and up to nine with `PREEMPT_RT`.
const FLAGS_MIN: usize = 4;
const FLAGS_MAX: usize = 10;

impl<'a> Front<'a> {
    //          leaky/0-115     [000] .....     2.524865        trace, trace_pipe, trace-cmd show
    //          leaky/0-111     [000] ....     2.336874         5.10: four flags
    //         insmod-136     [000] b....12     3.890178        PREEMPT_RT
    //       a b-1 [2]/0-116     [000]     2.721321             irq-info off; a task named `a b-1 [2]/0`
    //          leaky/0-115     (    115) [000] .....     2.7   record-tgid
    //   leaky/0-115       0..... 266198us+                     latency-format and ftrace_dump
    //  leaky/0-127     0.....     4.320635                     trace-cmd report -l
    // leaky/0   127 [000]     4.250492                         perf script
    // leaky/0   127/127   [000]     4.250492                   perf script -F tid,pid
    /// Reads what stands before the colon of an entry's text.
    pub(super) fn parse(text: &'a [u8]) -> Option<Front<'a>> {
        let (rest, time) = time(text.trim_ascii_end())?;
        let told = rest.trim_ascii_end();
        let (rest, cpu, context) = cpu(told)?;
        let front = Front { time, writer_len: told.len(), ..Front::default() };
        Front::of_task(rest, front, cpu, context)
    }

    // leaky/0   127 [000]                                      perf script, -F without time
    // leaky/0   127     4.250492                               perf script, -F without cpu
    //  4.250492                                                perf script, -F time,event,trace
    /// Reads what perf prints before an event where it was told to leave things out.
    pub(super) fn parse_partial(text: &'a [u8]) -> Front<'a> {
        let text = text.trim_ascii();
        let timed = text.strip_suffix(b":").and_then(time);
        let (rest, time) = timed.unwrap_or((text, None));
        let rest = rest.trim_ascii_end();
        let (rest, cpu) = bracketed_cpu(rest).map_or((rest, None), |(rest, cpu)| (rest, Some(cpu)));
        let front = Front { time, ..Front::default() };
        let whole = Front::of_task(rest, front, cpu, IrqContext::Task);
        whole.unwrap_or(Front { writer: Writer { cpu, ..Writer::default() }, ..front })
    }

    fn of_task(
        text: &'a [u8],
        front: Front<'a>,
        cpu: Option<u32>,
        context: IrqContext,
    ) -> Option<Front<'a>> {
        let task = Task::parse(without_group(text.trim_ascii_end()))?;
        let Task { comm, pid, stray } = task;
        let comm = (comm != b"<...>" && !comm.is_empty()).then_some(comm);
        Some(Front { writer: Writer { comm, pid: Some(pid), cpu, context }, stray, ..front })
    }
}

/// The time that a text is, if it is one and nothing else.
pub(super) fn time_alone(text: &[u8]) -> Option<EntryTime> {
    let (rest, time) = time(text.trim_ascii())?;
    rest.is_empty().then_some(EntryTime(time))
}

/// Microseconds of the recording's clock, where it counts time.
#[derive(Clone, Copy)]
pub(super) struct EntryTime(pub(super) Option<i64>);

/// Splits off the time: `2.524865`, `266198us+`, `4.167876654`; a count has no dot.
fn time(text: &[u8]) -> Option<(&[u8], Option<i64>)> {
    // The mark of a delay, which may be a blank.
    let unmarked = match text {
        [rest @ .., b'!' | b'#' | b'*' | b'@' | b'$' | b'+'] => rest,
        _ => text,
    };
    let (digits_end, unit) = match unmarked.strip_suffix(b"us") {
        Some(rest) => (rest, Unit::Micros),
        None if unmarked.len() == text.len() => (text, Unit::Seconds),
        None => return None,
    };
    let start = digits_end.iter().rposition(|&byte| !(byte.is_ascii_digit() || byte == b'.'));
    let (rest, number) = digits_end.split_at(start.map_or(0, |at| at + 1));
    if number.is_empty() || !rest.last().is_none_or(|&byte| byte == b' ' || byte == b'\t') {
        return None;
    }
    let mut cursor = Cursor::new(number);
    let whole = i64::try_from(cursor.decimal()?).ok()?;
    let micros = match (unit, cursor.is_empty()) {
        (Unit::Micros, true) => Some(whole),
        (Unit::Seconds, true) => None,
        (Unit::Seconds, false) => {
            cursor.eat(b".")?;
            Some(whole.checked_mul(1_000_000)?.checked_add(micros(cursor.rest())?)?)
        }
        (Unit::Micros, false) => return None,
    };
    Some((rest, micros))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Micros,
    Seconds,
}

/// The microseconds of a fraction of a second.
fn micros(fraction: &[u8]) -> Option<i64> {
    if !(3..=9).contains(&fraction.len()) || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let six = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Some(six.fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

/// Splits off the CPU, and the flags that may stand behind it.
fn cpu(text: &[u8]) -> Option<(&[u8], Option<u32>, IrqContext)> {
    if let Some((rest, cpu)) = bracketed_cpu(text) {
        return Some((rest, Some(cpu), IrqContext::Task));
    }
    let start = text.iter().rposition(|&byte| byte == b' ' || byte == b'\t')? + 1;
    let (rest, word) = text.split_at(start);
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, flags) = word.split_at(digits);
    let context = context(flags)?;
    if digits == 0 {
        let (rest, cpu) = bracketed_cpu(rest.trim_ascii_end())?;
        return Some((rest, Some(cpu), context));
    }
    Some((rest, Some(decimal(number)?), context))
}

/// Splits off `[000]`.
fn bracketed_cpu(text: &[u8]) -> Option<(&[u8], u32)> {
    let inside = text.strip_suffix(b"]")?;
    let open = inside.iter().rposition(|&byte| byte == b'[')?;
    let (rest, number) = (&inside[..open], &inside[open + 1..]);
    let is_apart = rest.last().is_none_or(|&byte| byte == b' ' || byte == b'\t');
    Some((rest, decimal(number).filter(|_| is_apart && number.len() >= 3)?))
}

/// What the flags say, if they are flags: `.....`, `d.h1.`, `b....12`, `.Ns1.`.
fn context(flags: &[u8]) -> Option<IrqContext> {
    let is_flag = |&byte: &u8| byte == b'.' || byte == b'#' || byte.is_ascii_alphanumeric();
    let is_plausible = (FLAGS_MIN..=FLAGS_MAX).contains(&flags.len())
        && flags.iter().all(is_flag)
        && (flags.contains(&b'.') || flags[0].is_ascii_alphabetic());
    if !is_plausible {
        return None;
    }
    // Where the column stands depends on the kernel. No other one has these letters.
    let found = flags.iter().find_map(|flag| match flag {
        b's' => Some(IrqContext::Softirq),
        b'h' => Some(IrqContext::Hardirq),
        b'H' => Some(IrqContext::HardirqInSoftirq),
        b'z' | b'Z' => Some(IrqContext::Nmi),
        _ => None,
    });
    Some(found.unwrap_or_default())
}

/// The text without the thread group that record-tgid puts behind the task: `(    115)`, `(-------)`.
fn without_group(text: &[u8]) -> &[u8] {
    let Some(inside) = text.strip_suffix(b")") else { return text };
    let Some(open) = inside.iter().rposition(|&byte| byte == b'(') else { return text };
    let is_group = inside[open + 1..].iter().all(|&byte| matches!(byte, b' ' | b'-' | b'0'..=b'9'));
    if is_group { inside[..open].trim_ascii_end() } else { text }
}

struct Task<'a> {
    comm: &'a [u8],
    pid: u32,
    stray: usize,
}

impl<'a> Task<'a> {
    /// Reads `comm-pid`, or perf's `comm pid` and `comm pid/tid`: names may hold anything.
    fn parse(text: &'a [u8]) -> Option<Task<'a>> {
        let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (before, number) = text.split_at(text.len() - digits);
        let pid = decimal(number)?;
        let name = match before {
            [name @ .., b'-' | b' ' | b'\t'] => name,
            [rest @ .., b'/'] => {
                let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
                rest[..rest.len() - digits].strip_suffix(b" ").filter(|_| digits > 0)?
            }
            [] => b"",
            _ => return None,
        };
        let name = name.trim_ascii_end();
        let first = name.iter().position(|&byte| byte != b' ').unwrap_or(name.len());
        let own = first.max(name.len().saturating_sub(COMM_BYTES_MAX));
        let comm = name[own..].trim_ascii_start();
        let stray = if own > first { name.len() - comm.len() } else { 0 };
        Some(Task { comm, pid, stray })
    }
}

fn decimal(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_of_each_rendering_is_read() {
        type Expected = (&'static str, u32, u32, IrqContext, Option<i64>);
        use IrqContext::{Softirq, Task};
        let cases: [(&str, Expected); 13] = [
            (
                "         leaky/0-115     [000] .....     2.524865",
                ("leaky/0", 115, 0, Task, Some(2_524_865)),
            ),
            (
                "         busybox-1       [000] .Ns.     2.360739",
                ("busybox", 1, 0, Softirq, Some(2_360_739)),
            ),
            (
                "          insmod-136     [001] b..s.12     3.890178",
                ("insmod", 136, 1, Softirq, Some(3_890_178)),
            ),
            (
                "       a b-1 [2]/0-116     [003]     2.721321",
                ("a b-1 [2]/0", 116, 3, Task, Some(2_721_321)),
            ),
            (
                "         leaky/0-115     (    115) [000] .....     2.7000",
                ("leaky/0", 115, 0, Task, Some(2_700_000)),
            ),
            (
                "         leaky/0-115     (-------) [000] .....     2.7000",
                ("leaky/0", 115, 0, Task, Some(2_700_000)),
            ),
            (" leaky/0-115       0..s1. 266198us+", ("leaky/0", 115, 0, Softirq, Some(266_198))),
            ("kworker/-36       12..... 184161us ", ("kworker/", 36, 12, Task, Some(184_161))),
            ("leaky/0   127 [000]     4.250492", ("leaky/0", 127, 0, Task, Some(4_250_492))),
            ("leaky/0   127/128   [000]     4.250492", ("leaky/0", 128, 0, Task, Some(4_250_492))),
            (
                "         leaky/0-127   [000]     4.167876654",
                ("leaky/0", 127, 0, Task, Some(4_167_876)),
            ),
            ("         leaky/0-115     [000] .....  6", ("leaky/0", 115, 0, Task, None)),
            (
                "         leaky/0-115     [000] .....  1795722579.920789",
                ("leaky/0", 115, 0, Task, Some(1_795_722_579_920_789)),
            ),
        ];
        for (text, (comm, pid, cpu, context, time)) in cases {
            let front = Front::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            let writer =
                Writer { comm: Some(comm.as_bytes()), pid: Some(pid), cpu: Some(cpu), context };
            assert_eq!((front.writer, front.time, front.stray), (writer, time, 0), "{text}");
        }
    }

    #[test]
    fn other_texts_before_a_colon_are_no_fronts() {
        for text in [
            "leaky",
            "[    2.524865]",
            "Nov 27 11:15:48 host kernel",
            "CPU: 0 PID: 90 Comm",
            "eth0 12 [abc] 2.5",
            "a-1 [0] 2.524865",
        ] {
            assert_eq!(Front::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_rest_of_another_line_is_no_name() {
        let text = b" => entry_SYS            init-187     [000] .....     7.822727";
        let front = Front::parse(text).expect("a front");
        assert_eq!((front.writer.comm, front.stray), (Some(&b"init"[..]), 25));
    }
}
