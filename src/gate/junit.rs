//! What came of a check as `JUnit` XML, which every CI system shows.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::limits::{Crossing, Judged};
use crate::compare::Finding;

/// Writes a suite with a test for each thing that was asked, and one for each place that is not as it
/// should be.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(judged: &Judged, title: &str, out: &mut impl Write) -> io::Result<()> {
    let mut suite = TestSuite::new(shown(title));
    let of_places =
        judged.crossings.iter().filter_map(|crossing| Some((crossing, crossing.finding()?)));
    let of_sums = judged.crossings.iter().filter(|crossing| crossing.finding().is_none());
    for asked in judged.asked.iter().filter(|asked| judged.holds(asked)) {
        suite.add_test_case(case("slabtrace", &asked.text, TestCaseStatus::success()));
    }
    for crossing in of_sums {
        suite.add_test_case(case("slabtrace", crossing.name(), failure(crossing, None)));
    }
    for (crossing, finding) in of_places {
        let name = format!("{} {}", finding.site(), finding.fingerprint);
        let class = format!("slabtrace.{}", finding.cache);
        suite.add_test_case(case(&class, &name, failure(crossing, Some(finding))));
    }
    let mut report = Report::new("slabtrace");
    report.add_test_suite(suite);
    report.serialize(out).map_err(io::Error::other)
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(shown(name), status);
    case.set_classname(shown(class));
    case
}

fn failure(crossing: &Crossing, finding: Option<&Finding>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(crossing.name()).set_message(shown(&crossing.to_string()));
    if let Some(finding) = finding {
        let chain: Vec<String> = finding.chain.iter().map(|step| shown(&step.title())).collect();
        status.set_description(chain.join("\n"));
    }
    status
}

/// Text of a log without what XML has no place for.
fn shown(text: &str) -> String {
    crate::print::Escaped(text).to_string()
}
