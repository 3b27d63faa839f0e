//! What is known to leak, and forgiven.

use std::fmt;

use jiff::civil::Date;

use super::pattern::Pattern;
use crate::chain::base_name;
use crate::compare::{Finding, Side};
use crate::print::number::{bytes, counted};
use crate::report::Glob;

/// Lines of a file. A file that has more is none of suppressions.
const LINES_MAX: usize = 10_000;

/// The suppressions of a file.
#[derive(Debug, Default)]
pub struct Suppressions {
    rules: Vec<Rule>,
}

/// One line.
#[derive(Debug)]
struct Rule {
    /// The line as it stands, for people.
    text: String,
    number: usize,
    which: Which,
    /// The last day that it holds.
    until: Option<Date>,
}

/// Which places a rule forgives.
#[derive(Debug)]
enum Which {
    /// Those with a function, a module or a source file that fits.
    Anywhere(Pattern),
    /// Those whose chain has these functions in this order, innermost first, and whose cache fits.
    Chain { functions: Vec<String>, cache: Option<Glob> },
}

/// Why a file of suppressions is of no use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "line {line} of the suppressions says {text:?}: {what}; write leak:FUNCTION, or chain: INNER < OUTER; cache: NAME; until: 2027-01-31; reason: WHY"
)]
pub struct SuppressionError {
    line: usize,
    text: String,
    what: &'static str,
}

/// What suppressions did.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Hidden {
    /// Places that were hidden.
    pub places: u64,
    /// Their objects.
    pub objects: u64,
    /// Their bytes, as far as sizes are known.
    pub bytes: u64,
    /// Rules that hid nothing: number and text of their lines.
    pub unused: Vec<(usize, String)>,
    /// Rules whose day has passed.
    pub expired: Vec<(usize, String)>,
}

impl fmt::Display for Hidden {
    /// `2 places hidden by suppressions: 21 objects, 1.7 KiB`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} hidden by suppressions: {}, {}",
            counted(self.places, "place"),
            counted(self.objects, "object"),
            bytes(self.bytes)
        )
    }
}

impl Suppressions {
    // leak:leaky_object_create
    // leak:^i915_*
    // chain: leaky_buf_get < leaky_ring_fill; cache: kmalloc-64; until: 2027-01-31; reason: #12
    /// Reads a file. What stands behind `#` at the beginning of a line is a comment.
    ///
    /// # Errors
    ///
    /// When a line cannot be read: to forgive less than was meant would be as wrong as more.
    pub fn parse(text: &str) -> Result<Suppressions, SuppressionError> {
        let mut rules = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let shown = || trimmed.chars().take(80).collect();
            let error = |what| SuppressionError { line: number, text: shown(), what };
            if rules.len() >= LINES_MAX {
                return Err(error("there are too many lines"));
            }
            let rule = rule(trimmed).map_err(error)?;
            rules.push(Rule { text: shown(), number, which: rule.0, until: rule.1 });
        }
        Ok(Suppressions { rules })
    }

    /// Takes what is forgiven out of a report, on a day.
    pub fn apply(&self, side: &mut Side, today: Date) -> Hidden {
        let mut hidden = Hidden::default();
        let mut used = vec![false; self.rules.len()];
        let holds = |rule: &Rule| rule.until.is_none_or(|until| today <= until);
        side.findings.retain(|finding| {
            let fitting = self.rules.iter().zip(&mut used);
            let mut is_hidden = false;
            for (_, used) in fitting.filter(|(rule, _)| holds(rule) && rule.which.fits(finding)) {
                *used = true;
                is_hidden = true;
            }
            if is_hidden {
                hidden.places += 1;
                hidden.objects = hidden.objects.saturating_add(finding.objects);
                hidden.bytes = hidden.bytes.saturating_add(finding.bytes.unwrap_or(0));
            }
            !is_hidden
        });
        for (rule, used) in self.rules.iter().zip(used) {
            let named = (rule.number, rule.text.clone());
            if !holds(rule) {
                hidden.expired.push(named);
            } else if !used {
                hidden.unused.push(named);
            }
        }
        hidden
    }
}

fn rule(line: &str) -> Result<(Which, Option<Date>), &'static str> {
    if let Some(pattern) = line.strip_prefix("leak:") {
        let pattern = Pattern::new(pattern.trim()).ok_or("the pattern would forgive everything")?;
        return Ok((Which::Anywhere(pattern), None));
    }
    let (mut functions, mut cache, mut until) = (Vec::new(), None, None);
    // A reason is for people, and the last: it may hold anything.
    let (rules, _) = line.split_once("reason:").unwrap_or((line, ""));
    for field in rules.split(';').map(str::trim).filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once(':').ok_or("a field has no colon")?;
        let value = value.trim();
        match key.trim() {
            "chain" => {
                let names = value.split('<').map(str::trim).filter(|name| !name.is_empty());
                functions = names.map(|name| base_name(name).to_owned()).collect();
            }
            "cache" => cache = Some(Glob::new(value)),
            "until" => {
                until = Some(value.parse().map_err(|_| "the day is not written as 2027-01-31")?);
            }
            _ => return Err("a field has an unknown name"),
        }
    }
    if functions.is_empty() {
        return Err("it names no function");
    }
    Ok((Which::Chain { functions, cache }, until))
}

impl Which {
    fn fits(&self, finding: &Finding) -> bool {
        match self {
            Which::Anywhere(pattern) => finding.chain.iter().any(|step| {
                let names = [Some(&step.function), step.module.as_ref(), step.file.as_ref()];
                names.into_iter().flatten().any(|name| pattern.fits(name))
            }),
            Which::Chain { functions, cache } => {
                let mut wanted = functions.iter().peekable();
                for step in &finding.chain {
                    wanted.next_if(|name| **name == base_name(&step.function));
                }
                wanted.peek().is_none()
                    && cache.as_ref().is_none_or(|glob| glob.matches(&finding.cache))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Standing, Step};

    fn finding(cache: &str, chain: &str) -> Finding {
        let step = |function: &str| Step {
            function: function.to_owned(),
            module: Some("leaky".to_owned()),
            file: None,
            line: None,
        };
        Finding {
            fingerprint: chain.to_owned(),
            cache: cache.to_owned(),
            standing: Standing::Unreferenced,
            objects: 3,
            likely: (3, 3),
            bytes: Some(192),
            chain: chain.split(' ').map(step).collect(),
        }
    }

    /// What is left of two places, and what was done.
    fn applied(rules: &str) -> (Vec<String>, Hidden) {
        let findings =
            vec![finding("kmalloc-64", "get fill.isra.0 init"), finding("obj", "make init")];
        let mut side = Side { title: String::new(), span: None, findings };
        let today = "2026-11-27".parse().expect("a day");
        let hidden = Suppressions::parse(rules).expect("rules").apply(&mut side, today);
        (side.findings.into_iter().map(|finding| finding.fingerprint).collect(), hidden)
    }

    #[test]
    fn what_is_hidden_is_counted_and_what_hides_nothing_is_named() {
        let (left, hidden) = applied("# known\n\nleak:^fill\nleak:other\n");
        assert_eq!(left, ["make init"]);
        assert_eq!((hidden.places, hidden.objects, hidden.bytes), (1, 3, 192));
        assert_eq!(hidden.unused, [(4, "leak:other".to_owned())]);
        assert_eq!(applied("leak:leaky").0, [""; 0], "a module fits too");
    }

    #[test]
    fn a_chain_is_met_in_its_order() {
        for (rule, left) in [
            ("chain: get < init", 1),
            ("chain: fill < init; cache: kmalloc-*", 1),
            ("chain: init < get", 2),
            ("chain: init; cache: kmalloc-128", 2),
            ("chain: init", 0),
            ("chain: get; until: 2026-11-27; reason: #1; chain: of events", 1),
            ("chain: get; until: 2026-11-26", 2),
        ] {
            assert_eq!(applied(rule).0.len(), left, "{rule}");
        }
        assert_eq!(applied("chain: get; until: 2026-11-26").1.expired.len(), 1);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_an_error() {
        for line in
            ["leaky", "leak:", "leak:*", "chain:", "chain: a; until: soon", "x: y", "race:f"]
        {
            assert!(Suppressions::parse(line).is_err(), "{line}");
        }
        let error = Suppressions::parse("\nleak:*").expect_err("it would hide everything");
        assert!(error.to_string().starts_with("line 2 of the suppressions says \"leak:*\""));
    }
}
