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

/// The packages, and the tests in them, that Miri goes through.
const MIRI: &[(&str, &[&str])] = &[
    ("oxbow-machine", &["frame", "paging"]),
    ("oxbow-core", &["mm"]),
];

/// Runs them all.
pub fn run(filter: Option<&str>) -> Result<Count> {
    let mut count = cargo_test(filter)?;
    count += miri(filter)?;
    Ok(count)
}

fn cargo_test(filter: Option<&str>) -> Result<Count> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(paths::root())
        .args(["test", "--no-fail-fast"]);
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
/// a nightly toolchain, which Oxbow needs for nothing else.
fn miri(filter: Option<&str>) -> Result<Count> {
    if filter.is_some() {
        return Ok(Count::default());
    }
    let there = clean_nightly()
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        println!(
            "miri: skipped (no nightly toolchain with Miri; `rustup toolchain install nightly -c miri rust-src`)"
        );
        return Ok(Count {
            skipped: 1,
            ..Count::default()
        });
    }
    let mut count = Count::default();
    for (package, filters) in MIRI {
        println!("miri: {package}, tests of {}", filters.join(", "));
        let mut command = clean_nightly();
        command
            .args(["test", "--package", package, "--lib", "--"])
            .args(*filters);
        // Proptest's own randomness and files are outside of what Miri
        // isolates; few cases suffice, Miri looks at each access.
        command
            .env("MIRIFLAGS", "-Zmiri-disable-isolation")
            .env("PROPTEST_CASES", "2");
        count += counted(&mut command)?;
    }
    Ok(count)
}

fn clean_nightly() -> Command {
    let mut command = Command::new("rustup");
    command
        .current_dir(paths::root())
        .args(["run", "nightly", "cargo", "miri"]);
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
        assert_eq!(
            parse_result(line),
            Some(Count {
                passed: 9,
                failed: 2,
                skipped: 1
            })
        );
        assert_eq!(parse_result("test result of mine"), None);
    }
}
