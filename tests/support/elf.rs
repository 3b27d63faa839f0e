//! Kernel images and modules for tests, built by the C compiler of the machine.
//!
//! Function bodies are assembly of a pinned number of bytes, and `#line` pins their lines, so
//! that offsets are known without looking at the result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Builds what the compiler neither adds to nor reorders.
const FLAGS: [&str; 12] = [
    "-O2",
    "-g",
    "-fomit-frame-pointer",
    "-fcf-protection=none",
    "-fno-stack-protector",
    "-fno-toplevel-reorder",
    "-fno-pic",
    "-fno-pie",
    "-ffreestanding",
    "-fno-ipa-icf",
    "-fno-asynchronous-unwind-tables",
    "-falign-functions=16",
];

/// What sources may use.
const PRELUDE: &str = "\
#define BYTES(n) asm volatile(\".skip \" #n \", 0x90\")
#define KEEP __attribute__((noinline, used))
#define INLINE static inline __attribute__((always_inline))
#define IN(name) __attribute__((section(name)))
";

/// A folder in which images are built.
pub(crate) struct Builder {
    folder: TempDir,
    flags: Vec<String>,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder::with(&[])
    }

    /// A builder that gives the compiler more flags.
    pub(crate) fn with(flags: &[&str]) -> Builder {
        let folder = TempDir::new().expect("there is room for a folder");
        Builder { folder, flags: flags.iter().map(|&flag| flag.to_owned()).collect() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An executable whose text begins at `text`, of C sources.
    pub(crate) fn kernel(&self, name: &str, text: u64, sources: &[&str]) -> PathBuf {
        let place = format!("-Wl,-Ttext={text:#x}");
        self.link(name, sources, &["-static", "-no-pie", "-Wl,--build-id=0x0a0b0c0d", &place])
    }

    /// A relocatable file, as modules are, of C sources.
    pub(crate) fn module(&self, name: &str, sources: &[&str]) -> PathBuf {
        self.link(name, sources, &["-r", "-Wl,--build-id=0x0102030405060708"])
    }

    fn link(&self, name: &str, sources: &[&str], flags: &[&str]) -> PathBuf {
        let image = self.path(name);
        let mut objects = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            objects.push(self.compile(&format!("{}-{index}", name.replace('/', "-")), source));
        }
        let mut linker = Command::new("cc");
        linker.args(["-nostdlib", "-Wl,-e,0"]).args(flags).args(objects).arg("-o").arg(&image);
        run(&mut linker);
        image
    }

    fn compile(&self, stem: &str, source: &str) -> PathBuf {
        let (text, object) = (self.path(&format!("{stem}.c")), self.path(&format!("{stem}.o")));
        fs::write(&text, format!("{PRELUDE}{source}")).expect("the folder can be written");
        run(Command::new("cc")
            .current_dir(self.folder())
            .args(FLAGS)
            .args(&self.flags)
            .arg("-c")
            .arg(&text)
            .arg("-o")
            .arg(&object));
        object
    }

    /// A copy of an image with its debug sections packed.
    pub(crate) fn packed(&self, image: &Path, name: &str, format: &str) -> PathBuf {
        let packed = self.path(name);
        let flag = format!("--compress-debug-sections={format}");
        run(Command::new("objcopy").arg(flag).arg(image).arg(&packed));
        packed
    }

    /// A copy of an image without debug sections and build id, which links to the image.
    pub(crate) fn linked(&self, image: &Path, name: &str) -> PathBuf {
        let linked = self.path(name);
        let link = format!("--add-gnu-debuglink={}", image.display());
        run(Command::new("objcopy")
            .args(["--strip-debug", "--remove-section=.note.gnu.build-id", &link])
            .arg(image)
            .arg(&linked));
        linked
    }

    /// A copy of an image without one section.
    #[allow(dead_code, reason = "another test uses it")]
    pub(crate) fn without(&self, image: &Path, name: &str, section: &str) -> PathBuf {
        let copy = self.path(name);
        let flag = format!("--remove-section={section}");
        run(Command::new("objcopy").arg(flag).arg(image).arg(&copy));
        copy
    }

    /// A copy of an image without debug sections.
    pub(crate) fn stripped(&self, image: &Path, name: &str) -> PathBuf {
        let stripped = self.path(name);
        run(Command::new("objcopy").arg("--strip-debug").arg(image).arg(&stripped));
        stripped
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the tool is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}
