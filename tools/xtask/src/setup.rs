//! `cargo xtask setup`: what is missing is found, announced and installed.
//!
//! When nothing is missing this costs a few `stat` calls, so that every other
//! command can begin with it.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec::{self, Step};
use crate::packages::{self, DEBIAN_RUST, TOOLS};
use crate::toolchain::{self, MINOR_VERSION, TARGET, Toolchain, Wanted};

/// When [`run`] speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Also when there is nothing to do.
    Always,
    /// Only when something has to be installed.
    WhenMissing,
}

/// What the other commands build with. Having one proves that setup has run.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Builds the kernel.
    pub toolchain: Toolchain,
}

/// Installs what is missing.
pub fn run(report: Report) -> Result<Tools> {
    let wanted = Wanted::from_env()?;
    let missing = packages::missing(TOOLS);
    packages::install(&missing)?;
    let ready = toolchain::find(wanted);
    let toolchain = match &ready {
        Some(toolchain) => toolchain.clone(),
        None => install_toolchain(wanted)?,
    };
    if report == Report::Always && missing.is_empty() && ready.is_some() {
        eprintln!("xtask: everything is there; the kernel is built by {}", describe(&toolchain));
    }
    Ok(Tools { toolchain })
}

fn describe(toolchain: &Toolchain) -> &'static str {
    match toolchain {
        Toolchain::Installed => "the installed Rust toolchain",
        Toolchain::Debian => "Debian's Rust, with core and alloc built from source",
    }
}

/// First the way that costs least, then the one that always works on Debian.
fn install_toolchain(wanted: Wanted) -> Result<Toolchain> {
    if wanted != Wanted::Debian {
        match add_target() {
            Ok(()) => {
                if let Some(toolchain) = toolchain::find(Wanted::Rustup) {
                    return Ok(toolchain);
                }
            }
            Err(error) if wanted == Wanted::Rustup => return Err(error),
            Err(_) => eprintln!(
                "xtask: rustup has no {TARGET} for us; using Debian's Rust for the kernel instead"
            ),
        }
    }
    if wanted == Wanted::Rustup {
        bail!(
            "rustup added {TARGET}, but to another toolchain than the one that runs xtask; try `rustup default stable`"
        );
    }
    packages::install(&DEBIAN_RUST.iter().collect::<Vec<_>>())?;
    toolchain::find(Wanted::Debian).with_context(|| match toolchain::debian_minor_version() {
        Some(minor) if minor < MINOR_VERSION => format!(
            "Debian's Rust here is 1.{minor}, and 1.{MINOR_VERSION} is needed: add Debian's security archive, \
             which has newer ones, to apt's sources, then run `cargo xtask setup` again"
        ),
        _ => "Debian's Rust is installed but not complete; try `apt-get install --reinstall \
              rustc-web cargo-web rust-web-src`"
            .to_owned(),
    })
}

fn add_target() -> Result<()> {
    let rustup = toolchain::rustup()
        .context("there is no rustup in PATH; leave OXBOW_TOOLCHAIN unset to use Debian's Rust")?;
    let step = Step::start(&format!(
        "rustup target add {TARGET}: the libraries that the kernel is linked with"
    ));
    exec::run_logged(Command::new(rustup).args(["target", "add", TARGET]), "rustup")?;
    step.done(&format!("rustup target {TARGET} added"));
    Ok(())
}
