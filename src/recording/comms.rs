//! The names of threads.

use std::collections::HashMap;

use super::print::push_clean;

/// The kernel keeps 15 characters, and thread names of its own workers are not longer than this.
const MAX_COMM_BYTES: usize = 64;

/// The names of threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Comms {
    names: HashMap<i64, Vec<u8>>,
}

impl Comms {
    // 125 work.sh
    /// Reads the text of `saved_cmdlines`.
    pub(super) fn parse(text: &[u8]) -> Comms {
        let mut comms = Comms::default();
        for line in text.split(|&byte| byte == b'\n') {
            let Some(blank) = memchr::memchr(b' ', line) else { continue };
            let pid = std::str::from_utf8(&line[..blank]).ok().and_then(|pid| pid.parse().ok());
            if let Some(pid) = pid {
                comms.rename(pid, &line[blank + 1..]);
            }
        }
        comms
    }

    /// A thread has a name from now on.
    pub(super) fn rename(&mut self, pid: i64, name: &[u8]) {
        let mut clean = Vec::new();
        push_clean(&mut clean, &name[..name.len().min(MAX_COMM_BYTES)]);
        self.names.insert(pid, clean);
    }

    /// A new thread has the name of the one that made it.
    pub(super) fn inherit(&mut self, child: i64, parent: i64) {
        if let Some(name) = self.names.get(&parent).cloned() {
            self.names.insert(child, name);
        }
    }

    /// The name of a thread.
    pub(super) fn find(&self, pid: i64) -> Option<&[u8]> {
        self.names.get(&pid).map(Vec::as_slice)
    }
}
