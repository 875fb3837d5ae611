//! The results in JUnit's XML, which CI services read.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::paths;
use crate::tap::Verdict;

/// Collects results as they come.
#[derive(Debug, Default)]
pub struct Recorder {
    cases: Mutex<Vec<Case>>,
}

#[derive(Debug)]
struct Case {
    name: String,
    time: Duration,
    verdict: Verdict,
}

impl Recorder {
    /// Notes one result.
    pub fn note(&self, name: &str, time: Duration, verdict: Verdict) {
        let case = Case { name: name.to_owned(), time, verdict };
        self.cases.lock().unwrap_or_else(PoisonError::into_inner).push(case);
    }

    /// Writes target/oxbow/junit.xml, returns its path.
    pub fn write(&self) -> Result<PathBuf> {
        let path = paths::out_dir("")?.join("junit.xml");
        paths::write_if_changed(&path, self.to_xml()?.as_bytes())?;
        Ok(path)
    }

    fn to_xml(&self) -> Result<String> {
        let mut cases = self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        let failed = |case: &&Case| !matches!(case.verdict, Verdict::Pass | Verdict::Skip(_));
        let skipped = |case: &&Case| matches!(case.verdict, Verdict::Skip(_));
        let (failures, skips) =
            (cases.iter().filter(failed).count(), cases.iter().filter(skipped).count());
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        writeln!(
            xml,
            "<testsuite name=\"oxbow\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skips}\">",
            cases.len()
        )?;
        for case in cases.iter() {
            let (class, name) = case.name.rsplit_once("::").unwrap_or(("", &case.name));
            let time = case.time.as_secs_f64();
            write!(
                xml,
                "  <testcase classname=\"{}\" name=\"{}\" time=\"{time:.3}\"",
                escape(class),
                escape(name)
            )?;
            match &case.verdict {
                Verdict::Pass => writeln!(xml, "/>")?,
                Verdict::Skip(why) => {
                    writeln!(xml, "><skipped message=\"{}\"/></testcase>", escape(why))?
                }
                other => writeln!(
                    xml,
                    "><failure type=\"{}\">{}</failure></testcase>",
                    other.word(),
                    escape(&other.to_string())
                )?,
            }
        }
        xml.push_str("</testsuite>\n");
        Ok(xml)
    }
}

/// XML 1.0 forbids most control characters, even escaped.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Recorder;
    use crate::tap::Verdict;

    #[test]
    fn results_become_well_formed_xml() {
        let recorder = Recorder::default();
        recorder.note("guest::smp2::fork::a", Duration::from_millis(1500), Verdict::Pass);
        recorder.note("b", Duration::ZERO, Verdict::Fail("1 < 2 & \"x\" \u{1}".to_owned()));
        recorder.note("c", Duration::ZERO, Verdict::Skip("why".to_owned()));
        let xml = recorder.to_xml().expect("writes");
        assert!(xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\""));
        assert!(xml.contains("classname=\"guest::smp2::fork\" name=\"a\" time=\"1.500\"/>"));
        assert!(xml.contains("FAIL: 1 &lt; 2 &amp; &quot;x&quot; ?"));
    }
}
