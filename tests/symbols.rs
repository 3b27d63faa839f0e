//! Source places from images that the tests build: every trap has a frame that falls into it.

#![cfg(target_os = "linux")]

mod support {
    pub(crate) mod elf;
}

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use slabtrace::symbol::{
    Frame, ImageStore, LogFilter, Position, Reason, Resolution, Search, Source, SymbolOptions,
    Symbolizer, Symbols, Warning,
};
use support::elf::Builder;

/// Lines 11 and 12 of `own`, 16 bytes each; the calls inlined into `outer`; `gives_up`, which
/// ends in a call that never returns; and an entry written in assembly.
const KERNEL: &str = r#"
asm(".text\n.balign 16\n.globl entry\nentry: .skip 32, 0x90");
#line 10 "mm/own.c"
KEEP void own(void) {
	BYTES(16);
	BYTES(16);
}
#line 20 "include/leaf.h"
INLINE void leaf(void) { BYTES(16); }
#line 30 "include/middle.h"
INLINE void middle(void) {
	leaf();
}
#line 40 "mm/outer.c"
KEEP void outer(void) {
	BYTES(16);
	middle();
	BYTES(16);
}
#line 50 "mm/own.c"
KEEP void gives_up(void) {
	BYTES(32);
	__builtin_unreachable();
}
#line 60 "mm/own.c"
KEEP void behind(void) {
	BYTES(16);
}
KEEP void last(void) { BYTES(16); }
const char banner[] __attribute__((section(".rodata"), used)) = "Linux version 6.1.0-test (x)";
"#;

/// Functions of one name: `dup` of two sizes, `twin` of one.
const TWINS: [&str; 3] = [
    "#line 10 \"fs/a.c\"\nKEEP static void dup(void) { BYTES(16); }\nKEEP static void twin(void) { BYTES(8); }\nKEEP void a_end(void) {}",
    "#line 20 \"fs/b.c\"\nKEEP static void dup(void) { BYTES(48); }\nKEEP static void twin(void) { BYTES(8); }\nKEEP void b_end(void) {}",
    "#line 30 \"fs/c.c\"\nKEEP void c_end(void) {}",
];

/// Functions in four sections, all of which begin at 0 in the file: the source of the modules that
/// other architectures' compilers made, without what those need in front of it.
fn module_source() -> &'static str {
    let source = include_str!("fixtures/modules/leaky.c");
    let at = source.find("#line").expect("the functions begin with a #line");
    &source[at..]
}

/// Where `KERNEL` begins.
const TEXT: u64 = 0x40_0000;

fn frame(function: &str, offset: u64, size: u64) -> Frame<'_> {
    let position = Position::Return;
    Frame {
        function,
        offset,
        size: Some(size),
        module: None,
        build_id: None,
        position,
        linked: None,
    }
}

fn of_module(function: &str, offset: u64, size: u64) -> Frame<'_> {
    Frame { module: Some("leaky"), ..frame(function, offset, size) }
}

fn options(vmlinux: Option<&Path>, modules: &[&Path]) -> SymbolOptions {
    SymbolOptions {
        vmlinux: vmlinux.map(Path::to_owned),
        modules: modules.iter().map(|&path| path.to_owned()).collect(),
        search: Search::NamedOnly,
        ..SymbolOptions::default()
    }
}

/// `file:line`, and the inlined calls innermost first.
fn place(source: &Source) -> String {
    let line = |line: Option<u32>| line.map_or_else(|| "?".to_owned(), |line| line.to_string());
    let own = format!("{}:{}", source.file, line(source.line));
    let calls = source.inlined.iter();
    let calls = calls.map(|call| format!("{} {}:{}", call.function, call.file, line(call.line)));
    std::iter::once(own).chain(calls).collect::<Vec<_>>().join(" < ")
}

fn ask(symbols: &mut Symbols<'_>, frame: Frame<'_>) -> String {
    match symbols.resolve(&frame) {
        Resolution::Found(source) => place(&source),
        Resolution::Missing(Reason::Ambiguous(places)) => {
            format!("ambiguous: {}", places.iter().map(place).collect::<Vec<_>>().join(" or "))
        }
        Resolution::Missing(reason) => reason.to_string(),
    }
}

fn check(options: SymbolOptions, expected: &[(Frame<'_>, &str)]) {
    let store = ImageStore::new();
    let mut symbols = Symbols::new(&store, options).expect("the image can be read");
    for &(frame, place) in expected {
        assert_eq!(ask(&mut symbols, frame), place, "{frame:?}");
    }
}

#[test]
fn a_return_address_lies_in_its_call_and_a_register_where_it_points() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let exact = |frame| Frame { position: Position::Exact, ..frame };
    check(
        options(Some(&kernel), &[]),
        &[
            (frame("own", 16, 0x30), "mm/own.c:11"),
            (exact(frame("own", 16, 0x30)), "mm/own.c:12"),
            (frame("own", 0, 0x30), "mm/own.c:11"),
            (frame("own", 32, 0x30), "mm/own.c:12"),
        ],
    );
}

#[test]
fn inlined_calls_come_innermost_first() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    check(
        options(Some(&kernel), &[]),
        &[
            (frame("outer", 16, 0x40), "mm/outer.c:41"),
            (
                frame("outer", 32, 0x40),
                "mm/outer.c:42 < leaf include/leaf.h:20 < middle include/middle.h:31",
            ),
            (frame("outer", 48, 0x40), "mm/outer.c:43"),
        ],
    );
}

/// `CONFIG_DEBUG_INFO_SPLIT`: what a unit holds but its lines is in a file of its own.
#[test]
fn split_debug_info_is_read_from_its_files_or_said_to_be_missing() {
    for version in ["-gdwarf-4", "-gdwarf-5"] {
        let builder = Builder::with(&["-gsplit-dwarf", version]);
        let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
        let whole = [
            (frame("outer", 16, 0x40), "mm/outer.c:41"),
            (
                frame("outer", 32, 0x40),
                "mm/outer.c:42 < leaf include/leaf.h:20 < middle include/middle.h:31",
            ),
            (frame("own", 16, 0x30), "mm/own.c:11"),
        ];
        check(options(Some(&kernel), &[]), &whole);

        // Where the build's folder is gone, what lies beside the image counts.
        let moved = Builder::new();
        let copy = moved.path("vmlinux");
        let unit = fs::read_dir(builder.folder()).expect("a folder").flatten();
        let unit =
            unit.map(|entry| entry.path()).find(|path| path.extension() == Some("dwo".as_ref()));
        let unit = unit.expect("the compiler made a .dwo file");
        fs::copy(&kernel, &copy).expect("there is room");
        let beside = moved.path(&unit.file_name().expect("a name").to_string_lossy());
        fs::copy(&unit, &beside).expect("there is room");
        // What binutils 2.40 makes of DWARF 5 lacks the units.
        let has_package = version == "-gdwarf-4" && package(&unit, &moved.path("vmlinux.dwp"));
        fs::remove_file(&unit).expect("it was there");
        check(options(Some(&copy), &[]), &whole);

        fs::remove_file(&beside).expect("it was there");
        if has_package {
            check(options(Some(&copy), &[]), &whole);
            fs::remove_file(moved.path("vmlinux.dwp")).expect("it was there");
        }
        // The lines alone would name the inlined call's place as the function's own.
        check(options(Some(&copy), &[]), &[(frame("outer", 32, 0x40), "no usable .dwo file")]);
    }
}

/// Makes a package of a unit's file, where there is a program that does; says so where not.
#[expect(clippy::print_stderr, reason = "a test that is skipped in part says so")]
fn package(unit: &Path, package: &Path) -> bool {
    let status = std::process::Command::new("dwp").arg(unit).arg("-o").arg(package).status();
    if status.is_err() {
        eprintln!("skipped in part: dwp is not installed");
    }
    status.is_ok_and(|status| status.success())
}

#[test]
fn an_offset_at_the_end_is_a_call_that_never_returns_or_the_next_symbol() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let stale = |frame| Frame { position: Position::Stale, ..frame };
    check(
        options(Some(&kernel), &[]),
        &[
            (frame("gives_up", 0x20, 0x20), "mm/own.c:51"),
            (stale(frame("gives_up", 0x20, 0x20)), "points at the symbol behind"),
            // 17 bytes of code, then padding: no call ends there.
            (frame("behind", 0x20, 0x20), "points at the symbol behind"),
        ],
    );
}

#[test]
fn what_cannot_be_told_has_a_reason() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let stripped = builder.stripped(&kernel, "vmlinux.stripped");
    check(
        options(Some(&kernel), &[]),
        &[
            (frame("nowhere", 1, 2), "no such symbol"),
            (frame("own", 16, 0x38), "size differs"),
            (frame("own", 0x31, 0x30), "size differs"),
            (frame("entry", 4, 0x20), "no debug info"),
            (of_module("leaky_text", 1, 2), "no image"),
        ],
    );
    check(options(Some(&stripped), &[]), &[(frame("own", 16, 0x30), "no debug info")]);
    check(options(None, &[]), &[(frame("own", 16, 0x30), "no image")]);
}

#[test]
fn functions_of_one_name_are_told_by_size_or_not_at_all() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &TWINS);
    check(
        options(Some(&kernel), &[]),
        &[
            (frame("dup", 8, 0x20), "fs/a.c:10"),
            (frame("dup", 8, 0x40), "fs/b.c:20"),
            (frame("dup", 8, 0x30), "size differs"),
            (frame("twin", 4, 0x10), "ambiguous: fs/a.c:11 or fs/b.c:21"),
        ],
    );
}

#[test]
fn sections_of_a_module_are_kept_apart() {
    let builder = Builder::new();
    let module = builder.module("leaky.ko", &[module_source()]);
    let zlib = Builder::new();
    zlib.packed(&module, "leaky.ko", "zlib");
    let zstd = Builder::new();
    zstd.packed(&module, "leaky.ko", "zstd");
    for folder in [builder.folder(), zlib.folder(), zstd.folder()] {
        check(
            options(None, &[folder]),
            &[
                (of_module("leaky_text", 16, 0x30), "drivers/leaky.c:10"),
                (
                    of_module("leaky_text", 32, 0x30),
                    "drivers/leaky.c:10 < helper drivers/shared.h:5",
                ),
                // The last of a section reaches as far as the kernel laid the section out.
                (of_module("leaky_init", 16, 0x1000), "drivers/leaky.c:20"),
                (
                    of_module("leaky_init", 32, 0x1000),
                    "drivers/leaky.c:20 < helper drivers/shared.h:5",
                ),
                (of_module("leaky_exit", 16, 0x30), "drivers/leaky.c:30"),
                (
                    of_module("leaky_cold", 32, 0x30),
                    "drivers/leaky.c:40 < helper drivers/shared.h:5",
                ),
            ],
        );
    }
}

const MACHINES: [&str; 9] = [
    "aarch64",
    "arm",
    "thumb",
    "mips",
    "ppc64-elfv1",
    "ppc64-elfv1-dots",
    "ppc64-elfv2",
    "riscv64",
    "riscv64-relax",
];

#[test]
fn modules_of_every_architecture_are_relocated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/modules");
    for machine in MACHINES {
        let store = ImageStore::new();
        let folder = root.join(machine);
        let mut symbols = Symbols::new(&store, options(None, &[&folder])).expect("no image yet");
        for (function, line) in
            [("leaky_text", 10), ("leaky_init", 20), ("leaky_exit", 30), ("leaky_cold", 40)]
        {
            let exact = |offset| Frame {
                size: None,
                position: Position::Exact,
                ..of_module(function, offset, 0)
            };
            let own = format!("drivers/leaky.c:{line}");
            assert_eq!(ask(&mut symbols, exact(4)), own, "{machine} {function}");
            let inlined = format!("{own} < helper drivers/shared.h:5");
            assert_eq!(ask(&mut symbols, exact(0x14)), inlined, "{machine} {function}");
        }
    }
}

#[test]
fn descriptors_of_powerpc_lead_to_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/modules/ppc64-elfv1");
    let kernel = folder.join("vmlinux");
    // Old kernels print a dot in front of the name.
    for function in ["leaky_text", ".leaky_text"] {
        let store = ImageStore::new();
        let mut symbols = Symbols::new(&store, options(Some(&kernel), &[])).expect("an image");
        let asked = frame(function, 0x14, 0x30);
        let inlined = "drivers/leaky.c:10 < helper drivers/shared.h:5";
        assert_eq!(ask(&mut symbols, asked), inlined, "{function}");
        assert_eq!(ask(&mut symbols, frame(function, 4, 0x38)), "size differs");
    }
}

#[test]
fn packed_modules_are_found_by_either_name() {
    let builder = Builder::new();
    let bytes =
        fs::read(builder.module("plain.o", &[module_source()])).expect("the module was built");
    let folder = builder.path("lib");
    fs::create_dir_all(folder.join("deep/er")).expect("there is room");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).expect("memory");
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(&bytes).expect("memory");
    for (name, packed) in [
        ("deep/er/leak-gz.ko.gz", gzip.finish().expect("memory")),
        ("deep/leak_xz.ko.xz", xz.finish().expect("memory")),
        ("leak-zst.ko.zst", zstd::encode_all(&bytes[..], 1).expect("memory")),
        ("leak-bad.ko.xz", b"\xfd7zXZ\0nonsense".to_vec()),
    ] {
        fs::write(folder.join(name), packed).expect("there is room");
    }
    let store = ImageStore::new();
    let mut symbols = Symbols::new(&store, options(None, &[&folder])).expect("no image yet");
    for module in ["leak_gz", "leak-gz", "leak_xz", "leak_zst"] {
        let asked = Frame { module: Some(module), ..frame("leaky_text", 16, 0x30) };
        assert_eq!(ask(&mut symbols, asked), "drivers/leaky.c:10", "{module}");
    }
    assert_eq!(symbols.warnings(), []);
    let asked = Frame { module: Some("leak_bad"), ..frame("leaky_text", 16, 0x30) };
    assert_eq!(ask(&mut symbols, asked), "no image");
    assert!(matches!(symbols.warnings()[..], [Warning::Unreadable(_)]), "{:?}", symbols.warnings());
}

#[test]
fn another_build_is_refused_or_warned_of() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    builder.module("leaky.ko", &[module_source()]);
    let store = ImageStore::new();
    let mut symbols =
        Symbols::new(&store, options(Some(&kernel), &[builder.folder()])).expect("built");
    let with_id = |id| Frame { build_id: Some(id), ..of_module("leaky_text", 16, 0x30) };
    assert_eq!(ask(&mut symbols, with_id("0102030405060708")), "drivers/leaky.c:10");
    assert_eq!(symbols.warnings(), []);
    assert_eq!(ask(&mut symbols, with_id("ffff")), "build id differs");
    assert!(matches!(symbols.warnings()[..], [Warning::BuildIdDiffers { .. }]));
    let unnamed = of_module("leaky_text", 16, 0x30);
    symbols.set_release("6.1.0-test");
    assert_eq!(ask(&mut symbols, unnamed), "drivers/leaky.c:10");
    assert_eq!(symbols.warnings().len(), 1, "the release agrees");
    symbols.set_release("6.6.1");
    assert_eq!(
        ask(&mut symbols, with_id("0102030405060708")),
        "drivers/leaky.c:10",
        "the id tells"
    );
    assert_eq!(symbols.warnings().len(), 1);
    assert_eq!(ask(&mut symbols, frame("own", 16, 0x30)), "release differs");
    assert!(
        matches!(symbols.warnings()[..], [_, Warning::ReleaseDiffers { ref found, .. }] if found == "6.1.0-test")
    );
}

#[test]
fn a_kernel_of_another_build_is_refused() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let log = |id: &str| {
        format!("CPU: 0 PID: 9 Comm: x Not tainted 6.1.0-test #1  {id}\n own+0x10/0x30\n")
    };
    let own = "0a0b0c0d00000000000000000000000000000000";
    let other = "1a0b0c0d00000000000000000000000000000000";
    for (id, place, warned) in [(own, " (mm/own.c:11)", ""), (other, "", "for the kernel")] {
        let path = builder.path("x.log");
        fs::write(&path, log(id)).expect("there is room");
        let output = command(&["symbolize"], &[("--vmlinux", &kernel)], &path);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with(&format!(" own+0x10/0x30{place}\n")), "{text}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors.contains("has build id 0a0b0c0d, but the log says"), !warned.is_empty());
        assert!(errors.contains(warned), "{errors}");
    }
}

#[test]
fn a_debug_file_is_found_by_build_id() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let stripped = builder.stripped(&kernel, "vmlinux.stripped");
    fs::create_dir_all(builder.path("debug/.build-id/0a")).expect("there is room");
    fs::copy(&kernel, builder.path("debug/.build-id/0a/0b0c0d.debug")).expect("there is room");
    let mut options = options(Some(&stripped), &[]);
    options.debug_dirs = vec![builder.path("debug")];
    check(options, &[(frame("own", 16, 0x30), "mm/own.c:11")]);
}

/// A program in place of `debuginfod-find`, in a folder of its own.
fn downloader(builder: &Builder, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = builder.path("bin");
    fs::create_dir_all(&folder).expect("there is room");
    let program = folder.join("debuginfod-find");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("there is room");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    folder
}

/// Runs `symbolize` on a frame of `own`, with only the programs of a folder.
fn with_downloader(vmlinux: &Path, programs: &Path, flags: &[&str]) -> (String, String) {
    let log = programs.parent().expect("a folder").join("x.log");
    fs::write(&log, "own+0x10/0x30\nouter+0x10/0x40\n").expect("there is room");
    let output = Command::new(env!("CARGO_BIN_EXE_slabtrace"))
        .args(["symbolize", "--no-auto-symbols", "--vmlinux"])
        .arg(vmlinux)
        .args(flags)
        .arg(&log)
        .env("PATH", programs)
        .output()
        .expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn servers_are_asked_by_build_id_only_for_who_wants_it() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let stripped = builder.stripped(&kernel, "vmlinux.stripped");
    let answer = format!("[ \"$*\" = 'debuginfo 0a0b0c0d' ] && echo {}", kernel.display());
    let programs = downloader(&builder, &answer);
    let asked = ["--debuginfod"];
    let (out, _) = with_downloader(&stripped, &programs, &asked);
    assert_eq!(out, "own+0x10/0x30 (mm/own.c:11)\nouter+0x10/0x40 (mm/outer.c:41)\n");
    let (out, errors) = with_downloader(&stripped, &programs, &[]);
    assert_eq!(out, "own+0x10/0x30\nouter+0x10/0x40\n");
    assert!(!errors.contains("debuginfod"), "{errors}");
    let programs =
        downloader(&builder, "echo 'Server query failed: \u{7}No such file' >&2; exit 1");
    let (_, errors) = with_downloader(&stripped, &programs, &asked);
    let failed = "for build id 0a0b0c0d: Server query failed: No such file\n";
    assert_eq!(errors.matches(failed).count(), 1, "{errors}");
    let (_, errors) = with_downloader(&stripped, builder.folder(), &asked);
    assert_eq!(errors.matches("which is not installed").count(), 1, "{errors}");
}

#[test]
fn a_debug_file_is_found_by_its_link_if_the_checksum_agrees() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux.debug", TEXT, &[KERNEL]);
    let linked = builder.linked(&kernel, "vmlinux");
    let asked = frame("own", 16, 0x30);
    check(options(Some(&linked), &[]), &[(asked, "mm/own.c:11")]);
    let mut bytes = fs::read(&kernel).expect("it was built");
    bytes.push(0);
    fs::write(&kernel, bytes).expect("there is room");
    check(options(Some(&linked), &[]), &[(asked, "no debug info")]);
}

#[test]
fn what_images_have_in_common_is_read_from_the_supplementary_file() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dwz");
    let asked = frame("first", 0x18, 0x30);
    let inlined = "mm/first.c:13 < helper_of_both_images include/shared.h:7";
    let exact = Frame { size: None, ..asked };
    check(options(Some(&fixture.join("vmlinux-first")), &[]), &[(exact, inlined)]);
    let builder = Builder::new();
    let moved = builder.path("vmlinux");
    fs::copy(fixture.join("vmlinux-first"), &moved).expect("there is room");
    // The file of another build is as good as none.
    fs::copy(&moved, builder.path("common.debug")).expect("there is room");
    let without = "mm/first.c:13 < ? include/shared.h:7";
    check(options(Some(&moved), &[]), &[(exact, without)]);
    let by_id = builder.path("debug/.build-id/87");
    fs::create_dir_all(&by_id).expect("there is room");
    let name = "f5f4a05ea63e223f4083391a487f9a3ea03af7.debug";
    fs::copy(fixture.join("common.debug"), by_id.join(name)).expect("there is room");
    let mut with_dir = options(Some(&moved), &[]);
    with_dir.debug_dirs = vec![builder.path("debug")];
    check(with_dir, &[(exact, inlined)]);
}

/// A function that ends 8 bytes after a call, and one of its name and size that has none there.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_return_address_follows_a_call() {
    let with = |file: &str, bytes: &str| {
        format!(
            "#line 10 \"{file}\"\nKEEP static void twin(void) {{ asm volatile(\"{bytes}\"); BYTES(8); }}"
        )
    };
    let builder = Builder::new();
    let calling = with("fs/a.c", ".byte 0xe8, 0, 0, 0, 0");
    let kernel =
        builder.kernel("vmlinux", TEXT, &[&calling, &with("fs/b.c", ".skip 5, 0x90"), TWINS[2]]);
    let asked = frame("twin", 5, 0x10);
    let exact = Frame { position: Position::Exact, ..asked };
    check(
        options(Some(&kernel), &[]),
        &[(asked, "fs/a.c:10"), (exact, "ambiguous: fs/a.c:10 or fs/b.c:10")],
    );
}

#[test]
fn source_roots_rewrite_paths() {
    let builder = Builder::new();
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    let mut options = options(Some(&kernel), &[]);
    options.source_roots = vec!["=/src/linux".parse().expect("root")];
    check(options, &[(frame("own", 16, 0x30), "/src/linux/mm/own.c:11")]);
}

fn command(arguments: &[&str], images: &[(&str, &Path)], log: &Path) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    command.args(arguments).arg("--no-auto-symbols");
    for (flag, path) in images {
        command.arg(flag).arg(path);
    }
    command.arg(log).env("NO_COLOR", "1").output().expect("the command runs")
}

const LOG: &str = "\
[    1.000000] Linux version 6.1.0-test (x) #1\r
[    2.000000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080\r
[    2.000100] CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0-test #1\r
[    2.000200] Call Trace:\r
[    2.000300]  dump_stack_lvl+0x44/0x5c\r
[    2.000400]  __kmalloc+0x49/0x150\r
[    2.000500]  leaky_init+0x20/0x1000 [leaky]\r
[    2.000600]  own+0x10/0x30\r
";

fn built(builder: &Builder) -> (PathBuf, PathBuf) {
    let kernel = builder.kernel("vmlinux", TEXT, &[KERNEL]);
    builder.module("leaky.ko", &[module_source()]);
    let log = builder.path("serial.log");
    fs::write(&log, LOG).expect("there is room");
    (kernel, log)
}

#[test]
fn the_filter_adds_places_and_changes_nothing_else() {
    let builder = Builder::new();
    let (kernel, log) = built(&builder);
    let images = [("--vmlinux", kernel.as_path()), ("--modules", builder.folder())];
    let output = command(&["symbolize"], &images, &log);
    let expected = LOG.replace("own+0x10/0x30", "own+0x10/0x30 (mm/own.c:11)").replace(
        "0x1000 [leaky]",
        "0x1000 [leaky] (drivers/leaky.c:20, inlined helper drivers/shared.h:5)",
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("2 of 4 distinct frames"), "{errors}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn reports_show_places() {
    let builder = Builder::new();
    let (kernel, log) = built(&builder);
    let images = [("--vmlinux", kernel.as_path()), ("--modules", builder.folder())];
    let json: serde_json::Value =
        serde_json::from_slice(&command(&["-f", "json"], &images, &log).stdout).expect("JSON");
    let source = &json["groups"][0]["chain"][0]["source"];
    assert_eq!(source["file"], "drivers/leaky.c");
    assert_eq!(source["line"], 20);
    assert_eq!(source["inlined"][0]["function"], "helper");
    assert_eq!(source["inlined"][0]["line"], 5);
    assert_eq!(json["groups"][0]["chain"][1]["source"]["line"], 11);
    assert_eq!(json.get("symbol_warnings"), None);
    let text = command(&[], &images, &log).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("\n        mm/own.c:11\n"), "{text}");
    assert!(text.contains("drivers/shared.h:5 in helper, inlined\n"), "{text}");
}

#[test]
fn frames_without_a_place_say_why() {
    let builder = Builder::new();
    let (kernel, log) = built(&builder);
    let images = [("--vmlinux", kernel.as_path())];
    let text = command(&[], &images, &log).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("leaky_init+0x20/0x1000 [leaky]\n      own+"), "{text}");
    assert_eq!(text.matches("No image of leaky was found").count(), 1, "{text}");
    let filtered = command(&["symbolize", "--reasons"], &images, &log).stdout;
    let filtered = String::from_utf8_lossy(&filtered);
    assert!(filtered.contains("leaky_init+0x20/0x1000 [leaky] (no image)\r\n"), "{filtered}");
    assert!(filtered.contains("__kmalloc+0x49/0x150 (no such symbol)\r\n"), "{filtered}");
    assert!(filtered.contains("own+0x10/0x30 (mm/own.c:11)\r\n"), "{filtered}");
}

const INTERRUPTED: &str = "\
[    2.000000] TRACE kmalloc-64 alloc 0xffff888004a10040 inuse=1 fp=0xffff888004a10080
[    2.000100] CPU: 0 PID: 90 Comm: insmod Not tainted 6.1.0-test #1
[    2.000200] Call Trace:
[    2.000300]  <IRQ>
[    2.000310]  dump_stack_lvl+0x44/0x5c
[    2.000320]  alloc_debug_processing+0x55/0x74
[    2.000330]  __kmalloc+0x49/0x150
[    2.000340]  own+0x10/0x30
[    2.000350]  </IRQ>
[    2.000360]  <TASK>
[    2.000370]  asm_sysvec_apic_timer_interrupt+0x16/0x20
[    2.000380] RIP: 0010:own+0x10/0x30
[    2.000390]  outer+0x10/0x40
[    2.000400]  </TASK>
";

#[test]
fn the_place_that_an_interrupt_struck_is_the_very_instruction() {
    let builder = Builder::new();
    let (kernel, _) = built(&builder);
    let log = builder.path("interrupt.log");
    fs::write(&log, INTERRUPTED).expect("there is room");
    let images = [("--vmlinux", kernel.as_path())];
    let json = command(&["--full-chain", "-f", "json"], &images, &log).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let chain = json["groups"][0]["chain"].as_array().expect("a chain");
    let of_own = chain.iter().filter(|frame| frame["function"] == "own");
    let lines: Vec<_> = of_own.map(|frame| (&frame["role"], &frame["source"]["line"])).collect();
    assert_eq!(lines.len(), 2, "{json}");
    assert_eq!((lines[0].0.as_str(), lines[0].1.as_u64()), (Some("caller"), Some(11)));
    assert_eq!((lines[1].0.as_str(), lines[1].1.as_u64()), (Some("interrupted"), Some(12)));
}

const KMEMLEAK: &str = "\
unreferenced object 0xffff888004a10040 (size 64):
  comm \"insmod\", pid 90, jiffies 4294896491 (age 361.400s)
  backtrace:
    [<00000000dce2d1d0>] __kmalloc+0x49/0x150
    [<00000000f9f8cefb>] leaky_init+0x20/0x1000 [leaky]
    [<0000000011111111>] own+0x10/0x30
";

#[test]
fn backtraces_of_kmemleak_have_places_too() {
    let builder = Builder::new();
    let (kernel, _) = built(&builder);
    let log = builder.path("kmemleak.txt");
    fs::write(&log, KMEMLEAK).expect("there is room");
    let images = [("--vmlinux", kernel.as_path()), ("--modules", builder.folder())];
    let text = command(&["kmemleak"], &images, &log).stdout;
    let text = String::from_utf8_lossy(&text);
    let place =
        "[leaky]\n        drivers/shared.h:5 in helper, inlined\n        drivers/leaky.c:20\n";
    assert!(text.contains(place), "{text}");
    assert!(text.contains("own+0x10/0x30\n        mm/own.c:11\n"), "{text}");
    let json = command(&["kmemleak", "-f", "json"], &images, &log).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let chain = &json["groups"][0]["chain"];
    assert_eq!(chain[0]["unresolved"], "no such symbol");
    assert_eq!(chain[2]["source"]["line"], 11);
    let without = command(&["kmemleak"], &[], &log).stdout;
    assert!(!String::from_utf8_lossy(&without).contains("no image"));
}

#[test]
fn sources_at_hand_are_quoted_and_escaped() {
    let builder = Builder::new();
    let (kernel, log) = built(&builder);
    let numbered = |count: usize, last: &str| format!("{}{last}\n", "\n".repeat(count - 1));
    for (file, lines) in [
        ("mm/own.c", numbered(11, "\tbytes(16);\t/* \u{1b}[31m */")),
        ("drivers/shared.h", numbered(5, "inline void helper(void)")),
    ] {
        let path = builder.path("tree").join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("there is room");
        fs::write(path, lines).expect("there is room");
    }
    let root = format!("={}", builder.path("tree").display());
    let images = [("--vmlinux", kernel.as_path()), ("--modules", builder.folder())];
    let flags = ["--source", "--source-root", &root];
    let text = command(&flags, &images, &log).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("/mm/own.c:11\n          | bytes(16); /* \\u{1b}[31m */\n"), "{text}");
    assert!(text.contains(" inlined\n          | inline void helper(void)\n"), "{text}");
    assert!(
        text.contains("/drivers/leaky.c:20\n      own+"),
        "what is not there is not quoted: {text}"
    );
    let json = command(&[&flags[..], &["-f", "json"]].concat(), &images, &log).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let chain = &json["groups"][0]["chain"];
    assert_eq!(chain[0]["source"]["inlined"][0]["text"], "inline void helper(void)");
    assert_eq!(chain[0]["source"].get("text"), None);
    assert_eq!(chain[1]["source"]["text"], "bytes(16); /* \u{1b}[31m */");
    let filtered = command(&[&["symbolize"][..], &flags].concat(), &images, &log).stdout;
    let filtered = String::from_utf8_lossy(&filtered);
    assert!(filtered.contains("/mm/own.c:11 `bytes(16); /* \\u{1b}[31m */`)\r\n"), "{filtered}");
}

#[test]
fn an_image_of_another_release_is_told() {
    let builder = Builder::new();
    let kernel =
        builder.kernel("vmlinux", TEXT, &[&KERNEL.replace("6.1.0-test (x)", "5.10.0-other (x)")]);
    let log = builder.path("serial.log");
    fs::write(&log, LOG).expect("there is room");
    let output = command(&["-f", "json"], &[("--vmlinux", &kernel)], &log);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("is of kernel 5.10.0-other, but the log is of 6.1.0-test"), "{errors}");
    let own = |output: &std::process::Output| {
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(json["symbol_warnings"].as_array().map(Vec::len), Some(1));
        json["groups"][0]["chain"][1].clone()
    };
    assert_eq!(own(&output)["unresolved"], "release differs");
    let used = command(&["-f", "json", "--any-release"], &[("--vmlinux", &kernel)], &log);
    assert_eq!(own(&used)["source"]["line"], 11, "{used:?}");
    let errors = String::from_utf8_lossy(&used.stderr);
    assert!(errors.contains("may be wrong nevertheless"), "{errors}");
    let strict = command(&["--strict"], &[("--vmlinux", &kernel)], &log);
    assert_eq!(strict.status.code(), Some(4), "{strict:?}");
    let without = command(&["--strict"], &[], &log);
    assert_eq!(without.status.code(), Some(0), "{without:?}");
}

#[test]
fn a_program_or_a_module_is_no_kernel() {
    let builder = Builder::new();
    let (_, log) = built(&builder);
    let program = Path::new(env!("CARGO_BIN_EXE_slabtrace"));
    let module = builder.path("leaky.ko");
    for (file, what) in [(program, "a program or a library"), (&module, "a module")] {
        let output = command(&[], &[("--vmlinux", file)], &log);
        assert_eq!(output.status.code(), Some(3), "{what}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(&format!("is no kernel, but {what}")), "{errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_server_cannot_be_asked_without_its_program() {
    let builder = Builder::new();
    let (_, log) = built(&builder);
    let mut run = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    run.args(["--debuginfod", "--no-auto-symbols"]).arg(&log).env("PATH", builder.folder());
    let output = run.output().expect("the command runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.matches("needs the program debuginfod-find").count(), 1, "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("--debuginfod needs the program"), "{text}");
}

#[test]
fn bare_addresses_ask_for_a_map() {
    let builder = Builder::new();
    let log = builder.path("serial.log");
    fs::write(&log, LOG.replace("own+0x10/0x30", "[<80016b2c>] 0x80016b2c"))
        .expect("there is room");
    let text = command(&[], &[], &log).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("1 address in the chains has no function's name"), "{text}");
}

#[test]
fn an_image_that_is_none_is_an_error() {
    let builder = Builder::new();
    let log = builder.path("serial.log");
    fs::write(&log, LOG).expect("there is room");
    let output = command(&["symbolize"], &[("--vmlinux", &log)], &log);
    assert_eq!(output.status.code(), Some(3));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.matches("as ELF").count(), 1, "{errors}");
    assert!(output.stdout.is_empty());
}

/// Damaged images: an error, a reason or a wrong line, but never a panic.
mod hostile {
    use proptest::prelude::*;

    use super::*;

    /// What is done to an image.
    #[derive(Clone, Debug)]
    enum Damage {
        /// A byte becomes another.
        Set(prop::sample::Index, u8),
        /// The file ends there.
        Cut(prop::sample::Index),
    }

    fn damage() -> impl Strategy<Value = Vec<Damage>> {
        let set = (any::<prop::sample::Index>(), any::<u8>())
            .prop_map(|(at, byte)| Damage::Set(at, byte));
        let cut = any::<prop::sample::Index>().prop_map(Damage::Cut);
        prop::collection::vec(prop_oneof![30 => set, 1 => cut], 1..24)
    }

    fn damaged(image: &[u8], damages: &[Damage]) -> Vec<u8> {
        let mut bytes = image.to_vec();
        for damage in damages {
            match damage {
                Damage::Set(at, byte) if !bytes.is_empty() => {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                Damage::Set(..) => {}
                Damage::Cut(at) => bytes.truncate(at.index(image.len())),
            }
        }
        bytes
    }

    fn survive(builder: &Builder, name: &str, image: &[u8]) {
        let path = builder.path(name);
        fs::write(&path, image).expect("there is room");
        let store = ImageStore::new();
        let folder = path.parent().expect("a folder");
        let Ok(symbols) = Symbols::new(&store, options(Some(&path), &[folder])) else { return };
        let mut filter = LogFilter::new(symbols);
        let mut log = LOG.as_bytes().to_vec();
        for function in ["own", "outer", "gives_up", "leaky_text", "leaky_exit", "leaky_cold"] {
            for offset in (0..0x50).step_by(8) {
                log.extend(format!("{function}+{offset:#x}/0x30\n").bytes());
                log.extend(format!("{function}+{offset:#x}/0x30 [leaky]\n").bytes());
            }
        }
        let mut out = Vec::new();
        filter.feed(&log, &mut out).expect("memory");
        filter.finish(&mut out).expect("memory");
        assert!(out.len() >= log.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn damaged_images_never_panic(damages in prop::collection::vec(damage(), 1..4)) {
            thread_local! {
                static IMAGES: (Builder, Vec<u8>, Vec<u8>) = {
                    let builder = Builder::new();
                    let kernel = fs::read(builder.kernel("k", TEXT, &[KERNEL])).expect("built");
                    let module = fs::read(builder.module("m", &[module_source()])).expect("built");
                    (builder, kernel, module)
                };
            }
            IMAGES.with(|(builder, kernel, module)| {
                for damages in &damages {
                    survive(builder, "vmlinux", &damaged(kernel, damages));
                    survive(builder, "leaky.ko", &damaged(module, damages));
                }
            });
        }
    }
}
