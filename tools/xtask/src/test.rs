//! `cargo xtask test`: all tests, and one line that sums them up.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use libtest_mimic::Arguments;

use crate::host_tests::{self, Count};
use crate::junit::Recorder;
use crate::setup::{self, Report};
use crate::trials::{self, Which};

/// Run the tests; all of them, or one kind, or those whose name matches.
///
/// `host`: the crates' own tests, on the simulated machine. `native`: the
/// guest's test programs on this machine's Linux, which is their oracle.
/// `guest`: the same programs on Oxbow in QEMU, with one and two processors,
/// boots on several machines, and a typist at the serial console.
/// The last line is `N passed, N failed`, with `, N skipped` if any were.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// `host`, `native` or `guest`; without it, all three.
    #[arg(value_name = "host|native|guest")]
    first: Option<String>,
    /// Only tests whose name contains this.
    #[arg(value_name = "FILTER")]
    second: Option<String>,
    /// List the native and guest tests without running them.
    #[arg(long)]
    list: bool,
}

/// The kinds and the filter that the words mean.
fn selection(args: &TestArgs) -> (bool, Which, Option<String>) {
    let all = Which { native: true, guest: true };
    match (args.first.as_deref(), args.second.clone()) {
        (None, filter) => (true, all, filter),
        (Some("host"), filter) => (true, Which { native: false, guest: false }, filter),
        (Some("native"), filter) => (false, Which { native: true, guest: false }, filter),
        (Some("guest"), filter) => (false, Which { native: false, guest: true }, filter),
        (Some(filter), _) => (true, all, Some(filter.to_owned())),
    }
}

/// Runs them; true when none failed.
pub fn run(args: &TestArgs) -> Result<bool> {
    let (host, which, filter) = selection(args);
    let mut mimic = Arguments { filter: filter.clone(), list: args.list, ..Arguments::default() };
    if args.list {
        let _ = trials::run(which, &mimic, &Arc::default())?;
        return Ok(true);
    }
    setup::run(Report::WhenMissing)?;
    let mut count = Count::default();
    if host {
        count += host_tests::run(filter.as_deref())?;
    }
    if which.native || which.guest {
        let recorder = Arc::new(Recorder::default());
        mimic.format = Some(libtest_mimic::FormatSetting::Pretty);
        let conclusion = trials::run(which, &mimic, &recorder)?;
        count += Count {
            passed: conclusion.num_passed,
            failed: conclusion.num_failed,
            skipped: conclusion.num_ignored,
        };
        eprintln!("xtask: JUnit results are in {}", recorder.write()?.display());
    }
    println!("{}", summary(count));
    Ok(count.failed == 0)
}

fn summary(count: Count) -> String {
    let Count { passed, failed, skipped } = count;
    let tail = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("{passed} passed, {failed} failed{tail}")
}

#[cfg(test)]
mod tests {
    use super::{Count, TestArgs, Which, selection, summary};

    #[test]
    fn a_word_that_is_no_kind_is_a_filter() {
        let parse = |first: Option<&str>, second: Option<&str>| {
            let own = |word: Option<&str>| word.map(str::to_owned);
            selection(&TestArgs { first: own(first), second: own(second), list: false })
        };
        let all = Which { native: true, guest: true };
        assert_eq!(parse(Some("pipe"), None), (true, all, Some("pipe".to_owned())));
        let guest = Which { native: false, guest: true };
        assert_eq!(parse(Some("guest"), Some("pipe")), (false, guest, Some("pipe".to_owned())));
    }

    #[test]
    fn the_summary_says_skipped_only_when_there_are_some() {
        assert_eq!(summary(Count { passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
        assert_eq!(
            summary(Count { passed: 3, failed: 1, skipped: 2 }),
            "3 passed, 1 failed, 2 skipped"
        );
    }
}
