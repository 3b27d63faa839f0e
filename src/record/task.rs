//! The first line of a `dump_stack()`: which CPU, task and kernel.

use super::cursor::Cursor;

/// Task names have at most this many bytes (`TASK_COMM_LEN` less its terminator).
const COMM_BYTES_MAX: usize = 15;

/// The task that was running when a stack was printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskHeader<'a> {
    /// The CPU; absent before 3.10.
    pub cpu: Option<u32>,
    /// The process id.
    pub pid: u32,
    /// The task's name, which may hold blanks, colons and brackets.
    pub comm: &'a [u8],
    /// The taint flags, without blanks; empty for a kernel that is not tainted.
    pub taint: &'a [u8],
    /// The kernel release, such as `6.1.0-50-amd64`; empty when the line was cut before it.
    pub kernel: &'a [u8],
    /// The kernel's build id in hexadecimal digits (`CONFIG_STACKTRACE_BUILD_ID`, 5.14 on); empty
    /// where there is none.
    pub build_id: &'a [u8],
}

impl<'a> TaskHeader<'a> {
    // Pid: 1573, comm: collectd Tainted: G        W   2.6.39-rc4-jupiter-00187-g686c4cb #1
    // CPU: 0 PID: 1573 Comm: x Tainted: P  O 3.10.0 #1
    // CPU: 1 PID: 131 Comm: memleak_task_te Kdump: loaded Tainted: G           OE     5.4.44 #2
    // CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1
    // CPU: 0 UID: 0 PID: 1 Comm: swapper/0 Not tainted 6.12.107+deb13-amd64 #1  Debian 6.12.107-1
    // CPU: 1 PID: 83 Comm: insmod Tainted: G           O       6.1.176-kml #1  6482126594aec27f75a677159bf96a6be38339b3
    /// Reads the line.
    pub fn parse(text: &'a [u8]) -> Option<TaskHeader<'a>> {
        let mut cursor = Cursor::new(text);
        let (cpu, pid) = cpu_and_pid(&mut cursor)?;
        let (comm, rest) = split_comm(cursor.rest());
        let (taint, kernel, rest) = taint_and_kernel(rest);
        let build_id = build_id(rest).unwrap_or_default();
        Some(TaskHeader { cpu, pid, comm, taint, kernel, build_id })
    }
}

fn cpu_and_pid(cursor: &mut Cursor<'_>) -> Option<(Option<u32>, u32)> {
    if cursor.eat(b"Pid: ").is_some() {
        let pid = number(cursor)?;
        cursor.eat(b", comm: ")?;
        return Some((None, pid));
    }
    cursor.eat(b"CPU: ")?;
    let cpu = number(cursor)?;
    if cursor.eat(b" UID: ").is_some() {
        number(cursor)?;
    }
    cursor.eat(b" PID: ")?;
    let pid = number(cursor)?;
    cursor.eat(b" Comm: ")?;
    Some((Some(cpu), pid))
}

fn number(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor.decimal().and_then(|value| u32::try_from(value).ok())
}

/// Ends the name at the last of the words that may follow it, since a name may hold them too.
fn split_comm(text: &[u8]) -> (&[u8], &[u8]) {
    let window = &text[..text.len().min(COMM_BYTES_MAX + 1)];
    let follows = |at: usize| {
        let rest = &text[at..];
        [&b" Not tainted"[..], b" Tainted: ", b" Kdump: "].iter().any(|word| rest.starts_with(word))
    };
    match memchr::memrchr_iter(b' ', window).find(|&at| follows(at)) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (&text[..text.len().min(COMM_BYTES_MAX)], &[]),
    }
}

/// Bytes of a build id's digits: the kernel prints twenty bytes of it.
const BUILD_ID_DIGITS: usize = 40;

/// The build id at the end of a line.
pub(crate) fn build_id(line: &[u8]) -> Option<&[u8]> {
    let word = line.trim_ascii_end().rsplit(|&byte| byte == b' ').next()?;
    let is_id = word.len() == BUILD_ID_DIGITS && word.iter().all(u8::is_ascii_hexdigit);
    is_id.then_some(word)
}

fn taint_and_kernel(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let mut cursor = Cursor::new(text);
    if cursor.eat(b"Kdump: loaded ").is_none() {
        cursor.eat(b"Kdump: ");
    }
    let taint = if cursor.eat(b"Tainted: ").is_some() {
        let flags = cursor.eat_while(|byte| byte.is_ascii_uppercase() || byte == b' ');
        flags.trim_ascii()
    } else {
        cursor.eat(b"Not tainted");
        cursor.eat_blanks();
        &[]
    };
    let kernel = cursor.eat_while(|byte| byte.is_ascii_graphic());
    (taint, kernel, cursor.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, cpu: Option<u32>, pid: u32, comm: &str, kernel: &str) {
        let task = TaskHeader::parse(text.as_bytes()).expect(text);
        assert_eq!((task.cpu, task.pid), (cpu, pid), "{text}");
        assert_eq!((task.comm, task.kernel), (comm.as_bytes(), kernel.as_bytes()), "{text}");
    }

    #[test]
    fn each_era_of_the_line_is_read() {
        check(
            "Pid: 1573, comm: collectd Tainted: G        W   2.6.39-rc4-jupiter-00187-g686c4cb #1",
            None,
            1573,
            "collectd",
            "2.6.39-rc4-jupiter-00187-g686c4cb",
        );
        check("CPU: 0 PID: 7 Comm: x Tainted: P  O 3.10.0 #1", Some(0), 7, "x", "3.10.0");
        check(
            "CPU: 1 PID: 131 Comm: memleak_task_te Kdump: loaded Tainted: G           OE     5.4.44 #2",
            Some(1),
            131,
            "memleak_task_te",
            "5.4.44",
        );
        check(
            "CPU: 0 UID: 0 PID: 1 Comm: swapper/0 Not tainted 6.12.107+deb13-amd64 #1  Debian 6.12.107-1",
            Some(0),
            1,
            "swapper/0",
            "6.12.107+deb13-amd64",
        );
    }

    #[test]
    fn a_build_id_ends_the_line_if_there_is_one() {
        let id = "6482126594aec27f75a677159bf96a6be38339b3";
        let line = "CPU: 1 PID: 83 Comm: insmod Tainted: G           O       6.1.176-kml #1 ";
        for (end, wanted) in [
            (id, id),
            (&format!("PREEMPT(lazy)  {id} "), id),
            ("Debian 6.1.176-1", ""),
            (&id[1..], ""),
            ("", ""),
        ] {
            let text = format!("{line}{end}");
            let task = TaskHeader::parse(text.as_bytes()).expect("a task");
            assert_eq!(task.build_id, wanted.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_name_may_look_like_the_line_itself() {
        check(
            "CPU: 0 PID: 9 Comm: a:b PID: 7 Co Not tainted 6.1.0 #1",
            Some(0),
            9,
            "a:b PID: 7 Co",
            "6.1.0",
        );
        check(
            "CPU: 0 PID: 9 Comm: my (app) 1 Tainted: G 6.1.0 #1",
            Some(0),
            9,
            "my (app) 1",
            "6.1.0",
        );
    }

    #[test]
    fn a_cut_line_keeps_what_it_has() {
        check("CPU: 0 PID: 9 Comm: kworker/u", Some(0), 9, "kworker/u", "");
    }
}
