//! Texts that are looked for in every line of a log: their searchers are made once.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What every frame with a name has.
pub(super) static FRAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("+0x"));

/// What stands before an address.
pub(super) static BRACKET: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("[<"));

/// What a kernel that starts prints first.
pub(super) static BANNER: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("Linux version "));

/// What names the kernel of a backtrace: `Tainted: ` or `Not tainted `.
pub(super) static TAINT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("ainted"));

/// What a kernel that panics says of where it ran.
pub(super) static OFFSET: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("Kernel Offset: "));

/// What a kernel was told when it started.
pub(super) static COMMAND_LINE: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("ommand line: "));
