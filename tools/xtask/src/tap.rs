//! What a test program says about itself: the Test Anything Protocol.

use std::collections::BTreeSet;
use std::fmt;

/// A judgement on one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exit code 0, a complete plan, and every line ok.
    Pass,
    /// The program says why it does not apply here.
    Skip(String),
    /// A line `not ok`, a wrong exit code, or a plan that is not complete.
    Fail(String),
    /// The kernel panicked while the test ran.
    Panic(String),
    /// The machine reset, or ended, while the test ran.
    Reset(String),
    /// The test did not end in time.
    Timeout(String),
}

impl Verdict {
    /// The word for the report.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Skip(_) => "SKIP",
            Self::Fail(_) => "FAIL",
            Self::Panic(_) => "PANIC",
            Self::Reset(_) => "RESET",
            Self::Timeout(_) => "TIMEOUT",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Skip(text)
            | Self::Fail(text)
            | Self::Panic(text)
            | Self::Reset(text)
            | Self::Timeout(text) => text,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.text())
    }
}

/// How a test program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By exit.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// Its guard killed it for taking too long.
    Timeout,
}

/// Judges a test by its output *and* its end: each alone can lie.
pub fn judge(output: &str, end: End) -> Verdict {
    let fail = |why: String| Verdict::Fail(format!("{why}\n{}", output.trim_end()));
    match end {
        End::Timeout => {
            return Verdict::Timeout(format!("it did not end in time\n{}", output.trim_end()));
        }
        End::Signal(signal) => return fail(format!("killed by signal {signal}")),
        End::Exit(_) => {}
    }
    let parsed = Parsed::of(output);
    if let Some(line) = parsed.bail {
        return fail(format!("it gave up: {line}"));
    }
    if parsed.failed > 0 {
        return fail(format!("{} of its checks failed", parsed.failed));
    }
    match (parsed.plan, end) {
        (_, End::Exit(code)) if code != 0 => {
            fail(format!("every check is ok, but the exit code is {code}"))
        }
        (None, _) => fail("there is no plan".to_owned()),
        (Some(0), _) => {
            Verdict::Skip(parsed.skip_all.unwrap_or_else(|| "no reason given".to_owned()))
        }
        (Some(plan), _) if parsed.seen != (1..=plan).collect() || parsed.lines != plan => {
            fail(format!("{plan} checks are planned, {} were made", parsed.lines))
        }
        _ => Verdict::Pass,
    }
}

#[derive(Default)]
struct Parsed {
    plan: Option<usize>,
    skip_all: Option<String>,
    seen: BTreeSet<usize>,
    lines: usize,
    failed: usize,
    bail: Option<String>,
}

impl Parsed {
    fn of(output: &str) -> Self {
        let mut parsed = Self::default();
        for line in output.lines() {
            parsed.take_line(line);
        }
        parsed
    }

    fn take_line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("1..") {
            let (count, directive) = rest.split_once('#').unwrap_or((rest, ""));
            self.plan = count.trim().parse().ok();
            self.skip_all = directive.trim().strip_prefix("SKIP").map(|why| why.trim().to_owned());
        } else if let Some(rest) = line.strip_prefix("not ok") {
            self.lines += 1;
            let expected =
                rest.split_once("# ").is_some_and(|(_, directive)| directive.starts_with("TODO"));
            self.failed += usize::from(!expected);
            self.note_number(rest);
        } else if let Some(rest) = line.strip_prefix("ok") {
            self.lines += 1;
            self.note_number(rest);
        } else if let Some(rest) = line.strip_prefix("Bail out!") {
            self.bail = Some(rest.trim().to_owned());
        }
    }

    /// Lines without a number count in their order.
    fn note_number(&mut self, rest: &str) {
        let number = rest.split_whitespace().next().and_then(|word| word.parse().ok());
        self.seen.insert(number.unwrap_or(self.lines));
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Verdict, judge};

    fn verdict(output: &str, end: End) -> &'static str {
        judge(output, end).word()
    }

    #[test]
    fn a_pass_needs_plan_lines_and_exit_code() {
        assert_eq!(
            verdict("1..2\nok 1 - a\nok 2 - b # SKIP no such thing\n", End::Exit(0)),
            "PASS"
        );
        assert_eq!(verdict("ok 1\nok 2\n1..2\n", End::Exit(0)), "PASS");
        assert_eq!(verdict("1..2\nok 1\nok 2\n", End::Exit(1)), "FAIL");
        assert_eq!(verdict("ok 1\nok 2\n", End::Exit(0)), "FAIL");
        assert_eq!(verdict("", End::Exit(0)), "FAIL");
    }

    #[test]
    fn an_incomplete_or_doubled_plan_fails() {
        assert_eq!(verdict("1..3\nok 1\nok 2\n", End::Exit(0)), "FAIL");
        assert_eq!(verdict("1..2\nok 1\nok 2\nok 2\n", End::Exit(0)), "FAIL");
        assert_eq!(verdict("1..2\nok 1\nok 3\n", End::Exit(0)), "FAIL");
    }

    #[test]
    fn a_failed_check_fails_whatever_the_exit_code() {
        assert_eq!(verdict("1..2\nok 1\nnot ok 2 - x\n", End::Exit(0)), "FAIL");
        assert_eq!(verdict("1..1\nok 1\nnot ok - # leak x\n", End::Exit(0)), "FAIL");
        assert_eq!(verdict("1..1\nBail out! no memory\n", End::Exit(0)), "FAIL");
    }

    #[test]
    fn the_kinds_of_a_bad_end_are_told_apart() {
        assert_eq!(verdict("1..1\nok 1\n", End::Signal(11)), "FAIL");
        assert_eq!(verdict("1..1\nok 1\n", End::Timeout), "TIMEOUT");
        let skipped = judge("1..0 # SKIP needs root\n", End::Exit(0));
        assert_eq!(skipped, Verdict::Skip("needs root".to_owned()));
    }
}
