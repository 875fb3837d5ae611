//! Building the kernel: cargo, then the symbol table for backtraces, then
//! `target/oxbow/oxbow`, the file that QEMU and Limine load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::exec::{self, Step};
use crate::ksyms;
use crate::paths;
use crate::setup::Tools;
use crate::toolchain::TARGET;

/// How the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Optimised: the cargo profile `kernel`.
    Release,
    /// With run-time checks: the cargo profile `kernel-checked`.
    Checked,
}

impl Profile {
    /// From the `--checked` flag of the command line.
    pub fn from_checked(checked: bool) -> Self {
        if checked { Self::Checked } else { Self::Release }
    }

    fn cargo_name(self) -> &'static str {
        match self {
            Self::Release => "kernel",
            Self::Checked => "kernel-checked",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Release => "oxbow",
            Self::Checked => "oxbow-checked",
        }
    }
}

/// Where cargo's own words go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the terminal, as they come.
    Shown,
    /// Nowhere, unless the build fails: the caller's stderr belongs to the
    /// program that will run in the guest.
    Quiet,
}

/// Builds the kernel, returns the finished file.
pub fn build(tools: &Tools, profile: Profile, output: Output) -> Result<PathBuf> {
    let mut command = tools.toolchain.cargo("build");
    command.args(["--package", "oxbow", "--profile", profile.cargo_name()]);
    match output {
        Output::Shown => build_shown(&mut command)?,
        Output::Quiet => build_quietly(&mut command)?,
    }
    let built = tools.toolchain.target_dir().join(TARGET).join(profile.cargo_name()).join("oxbow");
    finish(&built, profile)
}

fn build_shown(command: &mut Command) -> Result<()> {
    let status = exec::run_shown(command.stdout(Stdio::null()))?;
    if !status.success() {
        bail!("the kernel does not build");
    }
    Ok(())
}

fn build_quietly(command: &mut Command) -> Result<()> {
    let step = Step::start_silent("building the kernel");
    let result = command.arg("--quiet").stdin(Stdio::null()).output();
    let result = result.with_context(|| format!("cannot start {}", exec::describe(command)))?;
    drop(step);
    if !result.status.success() {
        eprint!("{}", String::from_utf8_lossy(&result.stderr));
        bail!("the kernel does not build");
    }
    Ok(())
}

/// Splits off the debug information and puts the symbol table in.
fn finish(built: &Path, profile: Profile) -> Result<PathBuf> {
    let dir = paths::out_dir("")?;
    let kernel = dir.join(profile.file_name());
    let debug = dir.join(format!("{}.debug", profile.file_name()));
    if is_newer(&kernel, built) && is_newer(&kernel, &std::env::current_exe()?) {
        return Ok(kernel);
    }
    exec::output(Command::new("objcopy").arg("--only-keep-debug").args([built, &debug]))?;
    let stripped = dir.join(format!("{}.stripped", profile.file_name()));
    exec::output(Command::new("objcopy").arg("--strip-debug").args([built, &stripped]))?;
    let image =
        fs::read(&stripped).with_context(|| format!("cannot read {}", stripped.display()))?;
    let image = ksyms::embed(&image).context("cannot put the symbol table into the kernel")?;
    paths::write_if_changed(&kernel, &image)?;
    // Its age says "finished after the build", also when nothing changed.
    fs::File::open(&kernel)?.set_modified(std::time::SystemTime::now())?;
    fs::remove_file(&stripped)?;
    Ok(kernel)
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let age = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified());
    matches!((age(made), age(source)), (Ok(made), Ok(source)) if made > source)
}
