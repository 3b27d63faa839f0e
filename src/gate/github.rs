//! Annotations that GitHub shows beside a change.

use super::limits::Judged;

/// A line for each limit that was crossed.
///
/// Source: "Workflow commands for GitHub Actions".
pub fn annotations(judged: &Judged) -> Vec<String> {
    let line = |crossing: &super::Crossing| {
        let step = crossing.finding().and_then(|finding| finding.chain.first());
        let file = step.and_then(|step| step.file.as_deref());
        let mut properties = Vec::new();
        if let Some(file) = file {
            properties.push(format!("file={}", property(file)));
        }
        if let (Some(_), Some(line)) = (file, step.and_then(|step| step.line)) {
            properties.push(format!("line={line}"));
        }
        properties.push("title=slabtrace".to_owned());
        format!("::error {}::{}", properties.join(","), data(&crossing.to_string()))
    };
    judged.crossings.iter().map(line).collect()
}

/// Text as the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as the value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Finding, Standing, Step};
    use crate::gate::Crossing;

    #[test]
    fn a_log_cannot_write_commands() {
        let step = Step {
            function: "f\n::stop-commands::x".to_owned(),
            module: None,
            file: Some("a,b:c\n.c".to_owned()),
            line: Some(7),
        };
        let finding = Finding {
            fingerprint: String::new(),
            cache: "100%".to_owned(),
            standing: Standing::Unreferenced,
            objects: 1,
            likely: (1, 1),
            bytes: None,
            chain: vec![step],
        };
        let crossings = vec![Crossing::Refused(Box::new(finding))];
        let lines = annotations(&Judged { asked: Vec::new(), crossings });
        assert_eq!(
            lines,
            [
                "::error file=a%2Cb%3Ac%0A.c,line=7,title=slabtrace::f\\n::stop-commands::x is unreferenced 100%25: 1 object"
            ]
        );
    }
}
