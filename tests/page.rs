//! The HTML page in a browser: it works, says nothing on its console, and text of a log stays text.
//!
//! These need Chromium, and are run by `cargo test --test page -- --ignored`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a hostile log would have a page do.
const HOSTILE: &str = "<img/src=x/onerror=window.broken=1>";

/// A log of three places that leak, whose cache and tasks are named by somebody hostile.
fn log() -> String {
    let mut log = String::new();
    let mut time = 1.0;
    for round in 0..40_u64 {
        for (place, function) in ["alpha_get", "beta_get", "gamma_get"].iter().enumerate() {
            // The second allocates every other time, and the third every fourth.
            if round % (1 << place) != 0 {
                continue;
            }
            time += 0.01;
            let object = 0xffff_8880_0400_0000 + (round * 3 + place as u64) * 64;
            let lines = [
                format!("TRACE {HOSTILE} alloc {object:#x} inuse=1 fp=0x0"),
                "CPU: 0 PID: 90 Comm: </script><b> Not tainted 6.1.0 #1".to_owned(),
                "Call Trace:".to_owned(),
                " dump_stack_lvl+0x44/0x5c".to_owned(),
                " __kmalloc+0x49/0x150".to_owned(),
                format!(" {function}+0x10/0x30 [leaky]"),
                " vfs_write+0x10/0x30".to_owned(),
            ];
            for line in lines {
                writeln!(log, "[{time:12.6}] {line}").expect("memory takes any text");
            }
        }
    }
    log
}

/// What is done to the page, and what came of it.
const STEPS: &str = include_str!("fixtures/page-steps.js");

/// The page of a log, with what is done to it.
fn page(folder: &Path) -> std::path::PathBuf {
    let (log_file, page_file) = (folder.join("serial.log"), folder.join("page.html"));
    fs::write(&log_file, log()).expect("there is room");
    let mut run = Command::new(env!("CARGO_BIN_EXE_slabtrace"));
    let status = run.args(["-f", "html", "-o"]).arg(&page_file).arg(&log_file).status();
    assert!(status.expect("the command runs").success());
    let page = fs::read_to_string(&page_file).expect("a page");
    fs::write(&page_file, page.replace("</body>", &format!("<script>{STEPS}</script></body>")))
        .expect("there is room");
    page_file
}

/// What came of the steps in a window of a width, and what the browser said on its console.
fn browse(page: &Path, width: u32, folder: &Path) -> (Value, String) {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let named = std::env::var("CHROMIUM").ok();
    let is_there = |name: &&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let browser = named.as_deref().or_else(|| names.into_iter().find(is_there));
    let output = Command::new(browser.expect("Chromium is installed, or CHROMIUM names it"))
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=10000"])
        .arg(format!("--window-size={width},1000"))
        .arg(format!("--user-data-dir={}", folder.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser runs");
    let document = String::from_utf8_lossy(&output.stdout);
    let result =
        document.split("<pre id=\"result\">").nth(1).and_then(|text| text.split("</pre>").next());
    let result = result.unwrap_or_else(|| panic!("the steps did not end: {document}"));
    let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let errors = String::from_utf8_lossy(&output.stderr);
    let console = errors.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>();
    (serde_json::from_str(&result).expect("JSON"), console.join("\n"))
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_sorts_searches_zooms_and_keeps_text_text() {
    let scratch = tempfile::tempdir().expect("a folder");
    let page = page(scratch.path());
    for width in [1440, 500] {
        let (found, console) = browse(&page, width, &scratch.path().join(width.to_string()));
        assert_eq!(console, "", "{found}");
        assert_eq!(found.get("error"), None, "{found}");
        let places = ["alpha_get [leaky]", "beta_get [leaky]", "gamma_get [leaky]"];
        assert_eq!(found["places"], serde_json::json!(places), "{found}");
        assert!(
            found["headline"].as_str().is_some_and(|text| text.contains("alpha_get [leaky] leaks"))
        );
        let backwards: Vec<&str> = places.into_iter().rev().collect();
        assert_eq!(found["sorted"], serde_json::json!(backwards), "{found}");
        assert_eq!(found["direction"], "descending");
        assert_eq!(found["found"], serde_json::json!(["beta_get [leaky]"]));
        assert_eq!(
            found["opened"],
            serde_json::json!(["gamma_get+0x10/0x30 [leaky]", "vfs_write+0x10/0x30"])
        );
        assert_eq!(found["charts"], 1);
        assert!(found["frames"].as_array().is_some_and(|frames| frames.len() == 8), "{found}");
        assert!(
            found["zoomed"].as_str().is_some_and(|text| text.contains("Zoomed into alpha_get"))
        );
        assert_eq!(
            found["inside"],
            serde_json::json!(["alpha_get [leaky]", format!("({HOSTILE})")])
        );
        assert_eq!(found["reset"], found["frames"]);
        assert_eq!(found["hits"], serde_json::json!(["gamma_get [leaky]"]));
        assert_eq!(found["themes"], serde_json::json!([true, "dark"]));
        assert_eq!((&found["images"], &found["broken"]), (&Value::from(0), &Value::from(false)));
        assert_eq!(found["wide"], false, "nothing is wider than the window");
    }
}
