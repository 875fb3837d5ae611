//! The tests of the crates themselves, by `cargo test`, and the memory core
//! under Miri where there is one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::paths;

/// How many passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Left out, with a reason given where it happened.
    pub skipped: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

const PACKAGES: &[&str] = &["oxbow-abi", "oxbow-machine", "oxbow-core", "xtask"];

/// How long Miri may take for each package.
const MIRI_SECONDS: u64 = 240;

/// The packages, and the tests in them, that Miri goes through.
const MIRI: &[(&str, &[&str])] =
    &[("oxbow-machine", &["frame", "paging"]), ("oxbow-core", &["mm"])];

/// Runs them all.
pub fn run(filter: Option<&str>) -> Result<Count> {
    let mut count = cargo_test(filter)?;
    count += miri(filter)?;
    Ok(count)
}

fn cargo_test(filter: Option<&str>) -> Result<Count> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(paths::root()).args(["test", "--no-fail-fast"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    command.args(filter);
    counted(&mut command)
}

/// Shows the output as it comes, and adds up what it says.
fn counted(command: &mut Command) -> Result<Count> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stdout = child.stdout.take().context("no pipe from cargo")?;
    let mut count = Count::default();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        if let Some(part) = parse_result(&line) {
            count += part;
        }
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        // It did not even compile, or a test binary died: that is a failure.
        count.failed = 1;
    }
    Ok(count)
}

/// `test result: ok. 9 passed; 0 failed; 1 ignored; 0 measured; ...`
fn parse_result(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |name: &str| {
        rest.split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(name)?.trim().parse::<u64>().ok())
    };
    Some(Count {
        passed: number("passed")?,
        failed: number("failed")?,
        skipped: number("ignored")?,
    })
}

/// Miri interprets the tests and sees undefined behaviour. It comes only with
/// a nightly toolchain, which Oxbow needs for nothing else, and it is slow: on
/// a busy machine it goes as far as its time allows, and says so.
fn miri(filter: Option<&str>) -> Result<Count> {
    if filter.is_some() {
        return Ok(Count::default());
    }
    let there = clean_nightly(&[]).arg("--version").output().is_ok_and(|out| out.status.success());
    if !there {
        println!(
            "miri: skipped, there is no nightly toolchain with Miri \
             (`rustup toolchain install nightly -c miri,rust-src`)"
        );
        return Ok(Count { skipped: 1, ..Count::default() });
    }
    let seconds = std::env::var("OXBOW_MIRI_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds: u64 = seconds.unwrap_or(MIRI_SECONDS);
    let mut count = Count::default();
    for (package, filters) in MIRI {
        println!("miri: {package}, tests of {}", filters.join(", "));
        // `timeout` ends cargo and the interpreter under it together.
        let limit = format!("{seconds}s");
        let mut command = clean_nightly(&["timeout", &limit]);
        command.args(["test", "--package", package, "--lib", "--"]).args(*filters);
        // One at a time, so that what has passed is known when time is over.
        command.args(["--test-threads", "1"]);
        // Proptest's randomness and files lie outside of what Miri isolates;
        // few cases suffice, because Miri looks at every access.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "2");
        count += counted_within(&mut command, seconds)?;
    }
    Ok(count)
}

/// Like [`counted`], but the end of its time is no failure of the tests.
fn counted_within(command: &mut Command, seconds: u64) -> Result<Count> {
    const TIMED_OUT: i32 = 124;
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    let mut count =
        text.lines().filter_map(parse_result).fold(Count::default(), |mut sum, part| {
            sum += part;
            sum
        });
    if output.status.code() == Some(TIMED_OUT) {
        let ended = |how: &str| text.lines().filter(|line| line.ends_with(how)).count() as u64;
        count = Count { passed: ended("... ok"), failed: ended("... FAILED"), skipped: 1 };
        println!("\nmiri: stopped after {seconds} s (OXBOW_MIRI_SECONDS); the rest is skipped");
    } else if !output.status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// `cargo +nightly miri` without what the cargo that runs xtask has put into
/// the environment; `before` goes in front of cargo.
fn clean_nightly(before: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command
        .current_dir(paths::root())
        .args(["run", "nightly"])
        .args(before)
        .args(["cargo", "miri"]);
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(name);
    }
    command.env("CARGO_TARGET_DIR", paths::root().join("target/miri"));
    command
}

#[cfg(test)]
mod tests {
    use super::{Count, parse_result};

    #[test]
    fn a_result_line_is_counted() {
        let line = "test result: FAILED. 9 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(parse_result(line), Some(Count { passed: 9, failed: 2, skipped: 1 }));
        assert_eq!(parse_result("test result of mine"), None);
    }
}
