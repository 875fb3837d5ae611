//! Running other programs: with a progress line while they work, silent when
//! they succeed, and with the end of their output when they fail.

use std::fs::{self, File};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::paths;

/// How much of a failed program's output is shown.
const SHOWN_LINES: usize = 40;

/// A long step that the user is told about, on stderr.
pub struct Step {
    bar: ProgressBar,
}

impl Step {
    /// Says what is being done: a spinner on a terminal, one line elsewhere.
    pub fn start(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if bar.is_hidden() {
            eprintln!("xtask: {what}");
        } else {
            let style = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")
                .expect("invariant: the template is well formed");
            bar.set_style(style);
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar }
    }

    /// The same, but only for eyes: a spinner on a terminal, nothing elsewhere.
    /// For steps whose stderr belongs to a program in the guest.
    pub fn start_silent(what: &str) -> Option<Self> {
        std::io::IsTerminal::is_terminal(&std::io::stderr()).then(|| Self::start(what))
    }

    /// Ends the step; a success leaves one line on the terminal.
    pub fn done(self, what: &str) {
        if !self.bar.is_hidden() {
            self.bar.finish_and_clear();
            eprintln!("xtask: {what}");
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Runs a command with its output in `target/oxbow/log/NAME.log`; a failure
/// shows the end of that file.
pub fn run_logged(command: &mut Command, name: &str) -> Result<()> {
    let path = paths::out_dir("log")?.join(format!("{name}.log"));
    let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        bail!(
            "{} failed ({status}); the end of its output:\n{}\n(all of it is in {})",
            describe(command),
            last_lines(&text, SHOWN_LINES),
            path.display()
        );
    }
    Ok(())
}

/// Runs a command and returns what it wrote on stdout.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}):\n{}",
            describe(command),
            output.status,
            last_lines(&String::from_utf8_lossy(&output.stderr), SHOWN_LINES)
        );
    }
    String::from_utf8(output.stdout).context("output is not UTF-8")
}

/// Runs a command on the user's own terminal.
pub fn run_shown(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", describe(command)))
}

/// The command as one would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The last `count` lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
