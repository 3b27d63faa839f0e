//! The sidecar of a capture: what the capture means, written by somebody who knows.
//!
//! It is strict: a key that is unknown, missing, repeated or of no use fails the case.

use std::collections::BTreeMap;

use slabtrace::verdict::Verdict;

/// A sidecar.
#[derive(PartialEq, Debug)]
pub(crate) struct Case {
    /// What is expected of the program.
    pub(crate) expectation: Expectation,
}

/// What is expected of the program.
#[derive(PartialEq, Debug)]
pub(crate) enum Expectation {
    /// A report with these numbers.
    Report(Meaning),
    /// No report, but a sentence that says why.
    Unusable(Refusal),
}

/// What a capture means.
#[derive(PartialEq, Debug)]
pub(crate) struct Meaning {
    /// Release and architecture of the first boot's kernel; `None` inside for `-`.
    pub(crate) kernel: Option<(Option<String>, Option<String>)>,
    /// TRACE headers of allocations.
    pub(crate) allocs: u64,
    /// TRACE headers of frees.
    pub(crate) frees: u64,
    /// Objects that live at the end.
    pub(crate) live: u64,
    /// Groups that there must be.
    pub(crate) groups: Vec<GroupLine>,
    /// Verdicts that there must be.
    pub(crate) verdicts: Vec<VerdictLine>,
    /// Every field of the report's loss that is not zero.
    pub(crate) loss: BTreeMap<String, u64>,
    /// Boots.
    pub(crate) boots: usize,
}

/// A group that there must be.
#[derive(PartialEq, Debug)]
pub(crate) struct GroupLine {
    /// Its live objects.
    pub(crate) live: u64,
    /// Its cache.
    pub(crate) cache: String,
    /// The first functions of its chain, innermost first; none for a group without a backtrace.
    pub(crate) functions: Vec<String>,
}

/// A family that there must be, and what it must be judged to be.
#[derive(PartialEq, Debug)]
pub(crate) struct VerdictLine {
    /// What it is.
    pub(crate) verdict: Verdict,
    /// The live objects of all of its groups.
    pub(crate) live: u64,
    /// The first functions of the chain of one of its groups, as in [`GroupLine`].
    pub(crate) functions: Vec<String>,
}

/// How unusable input is refused.
#[derive(PartialEq, Debug)]
pub(crate) struct Refusal {
    /// The exit status.
    pub(crate) exit: i32,
    /// Part of the sentence on standard error.
    pub(crate) says: String,
}

impl Case {
    /// Reads a sidecar.
    pub(crate) fn parse(text: &str) -> Result<Case, String> {
        let mut keys = Keys::parse(text)?;
        if !["recorded", "by hand"].contains(&keys.one("ORIGIN")?.as_str()) {
            return Err("ORIGIN is `recorded` or `by hand`".to_owned());
        }
        let expectation = match keys.optional("EXIT")? {
            Some(exit) => Expectation::Unusable(refusal(&exit, &mut keys)?),
            None => Expectation::Report(meaning(&mut keys)?),
        };
        keys.end()?;
        Ok(Case { expectation })
    }
}

fn refusal(exit: &str, keys: &mut Keys) -> Result<Refusal, String> {
    Ok(Refusal { exit: number(exit)?, says: keys.one("SAYS")? })
}

fn meaning(keys: &mut Keys) -> Result<Meaning, String> {
    let (allocs, frees) = events(&keys.one("EVENTS")?)?;
    Ok(Meaning {
        kernel: keys.optional("KERNEL")?.map(|line| kernel(&line)).transpose()?,
        allocs,
        frees,
        live: number(&keys.one("LIVE")?)?,
        groups: keys.all("GROUP").iter().map(|line| group(line)).collect::<Result<_, _>>()?,
        verdicts: keys.all("VERDICT").iter().map(|line| verdict(line)).collect::<Result<_, _>>()?,
        loss: loss(&keys.one("LOSS")?)?,
        boots: keys.optional("BOOTS")?.map_or(Ok(1), |line| number(&line))?,
    })
}

/// `6.1.0-50-amd64 x86_64`
fn kernel(line: &str) -> Result<(Option<String>, Option<String>), String> {
    let known = |word: &str| (word != "-").then(|| word.to_owned());
    match line.split(' ').collect::<Vec<_>>()[..] {
        [release, arch] => Ok((known(release), known(arch))),
        _ => Err(format!("KERNEL is a release and an architecture, not {line:?}")),
    }
}

/// `190 alloc, 109 free`
fn events(line: &str) -> Result<(u64, u64), String> {
    let shape = || format!("EVENTS is `<n> alloc, <n> free`, not {line:?}");
    let (allocs, frees) = line.split_once(", ").ok_or_else(shape)?;
    Ok((
        number(allocs.strip_suffix(" alloc").ok_or_else(shape)?)?,
        number(frees.strip_suffix(" free").ok_or_else(shape)?)?,
    ))
}

/// `20 kmalloc-64 via leaky_alloc_buf < leaky_ring_refill`, or `2 kmalloc-64 via -`
fn group(line: &str) -> Result<GroupLine, String> {
    let shape = || format!("GROUP is `<n> <cache> via <function> < <function>…`, not {line:?}");
    let (head, chain) = line.split_once(" via ").ok_or_else(shape)?;
    let (live, cache) = head.split_once(' ').ok_or_else(shape)?;
    Ok(GroupLine { live: number(live)?, cache: cache.to_owned(), functions: functions(chain) })
}

/// `leaking 20 via leaky_alloc_buf < leaky_ring_refill`, or `unclear 2 via -`
fn verdict(line: &str) -> Result<VerdictLine, String> {
    let shape = || format!("VERDICT is `<verdict> <n> via <function> < <function>…`, not {line:?}");
    let (head, chain) = line.split_once(" via ").ok_or_else(shape)?;
    let (name, live) = head.split_once(' ').ok_or_else(shape)?;
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.name() == name);
    let verdict = verdict.ok_or_else(|| format!("VERDICT has {name:?}, which is none"))?;
    Ok(VerdictLine { verdict, live: number(live)?, functions: functions(chain) })
}

/// `leaky_alloc_buf < leaky_ring_refill`, or `-` for none
fn functions(chain: &str) -> Vec<String> {
    match chain {
        "-" => Vec::new(),
        chain => chain.split(" < ").map(str::to_owned).collect(),
    }
}

/// `orphan_frees=1 torn_events=2`, or `none`
fn loss(line: &str) -> Result<BTreeMap<String, u64>, String> {
    if line == "none" {
        return Ok(BTreeMap::new());
    }
    line.split(' ')
        .map(|word| {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| format!("LOSS has {word:?} without a number"))?;
            match number(value)? {
                0 => Err(format!("LOSS names {name}, which is zero")),
                value => Ok((name.to_owned(), value)),
            }
        })
        .collect()
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// The keys that have not been asked for yet.
#[derive(Debug)]
struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    fn parse(text: &str) -> Result<Keys, String> {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if !text.starts_with("# ") {
            return Err("a sidecar begins with `# ` and why the case exists".to_owned());
        }
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) =
                line.split_once(':').ok_or_else(|| format!("{line:?} is no `KEY: value`"))?;
            let value = value.trim();
            if value.is_empty() {
                return Err(format!("{key} has no value"));
            }
            keys.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        Ok(Keys(keys))
    }

    fn all(&mut self, key: &str) -> Vec<String> {
        self.0.remove(key).unwrap_or_default()
    }

    fn optional(&mut self, key: &str) -> Result<Option<String>, String> {
        match &mut self.all(key)[..] {
            [] => Ok(None),
            [value] => Ok(Some(std::mem::take(value))),
            values => Err(format!("{key} is there {} times", values.len())),
        }
    }

    fn one(&mut self, key: &str) -> Result<String, String> {
        self.optional(key)?.ok_or_else(|| format!("{key} is missing"))
    }

    fn end(self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("{key} is unknown, or makes no sense in this case")),
        }
    }
}
