//! Patterns of names as the leak sanitizer's suppressions have them.

use regex::Regex;

/// A pattern: text that a name holds, with `*` for anything, `^` at its beginning and `$` at its end.
///
/// Source: `TemplateMatch` in `sanitizer_common` of LLVM.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Reads a pattern; nothing for one that would fit everything, or is too large.
    pub(super) fn new(text: &str) -> Option<Pattern> {
        let begins = text.starts_with('^');
        let ends = text.ends_with('$');
        let body = text.trim_start_matches('^').trim_end_matches('$');
        if body.chars().all(|character| character == '*') {
            return None;
        }
        let parts: Vec<String> = body.split('*').map(regex::escape).collect();
        let begin = if begins { "^" } else { "" };
        let end = if ends { "$" } else { "" };
        Regex::new(&format!("(?s){begin}{}{end}", parts.join(".*"))).ok().map(Pattern)
    }

    /// Whether a name fits.
    pub(super) fn fits(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_of_a_name_unless_it_is_anchored() {
        let fits = |pattern: &str, name: &str| {
            Pattern::new(pattern).expect("it says something").fits(name)
        };
        assert!(fits("leaky", "my_leaky_init"));
        assert!(!fits("^leaky", "my_leaky_init") && fits("^my_*init$", "my_leaky_init"));
        assert!(!fits("leaky$", "leaky_init"));
        assert!(fits("a.b", "a.b") && !fits("a.b", "axb"));
        for empty in ["", "*", "^*$", "^$"] {
            assert!(Pattern::new(empty).is_none(), "{empty:?} would forgive everything");
        }
    }
}
