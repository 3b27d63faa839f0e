//! Time as captures carry it.

/// What a time stamp counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Seconds since the kernel started (printk time). Restarts with every boot.
    Boot,
    /// A calendar clock of the recording host or of syslog. Does not restart.
    Wall,
}

/// The time stamp of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// What `micros` counts from.
    pub clock: Clock,
    /// Microseconds: since boot, or since 1970 (since the start of an unnamed year where the
    /// stamp has none, as in syslog).
    pub micros: i64,
}

impl Stamp {
    /// A stamp of the kernel's own clock.
    pub fn boot(micros: i64) -> Stamp {
        Stamp { clock: Clock::Boot, micros }
    }

    /// A stamp of a calendar clock.
    pub fn wall(micros: i64) -> Stamp {
        Stamp { clock: Clock::Wall, micros }
    }

    /// The stamp in seconds.
    pub fn seconds(self) -> f64 {
        seconds(self.micros)
    }
}

/// Microseconds in seconds.
pub(crate) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
