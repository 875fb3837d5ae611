//! Busybox for the guest: Debian's source package, built once with musl-gcc.
//!
//! The result is kept in the cache under a name made from the recipe's
//! content, so that it is built again only when the recipe changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::apt_source;
use crate::exec::{self, Step};
use crate::fingerprint::Fingerprint;
use crate::muslcc;
use crate::paths;

/// A finished busybox.
#[derive(Debug, Clone)]
pub struct Busybox {
    /// The static program.
    pub program: PathBuf,
    /// Where each applet's link belongs: `/bin/ls`, `/usr/bin/awk`, ...
    pub links: Vec<String>,
}

const RECIPE: &str = "initrd/busybox.config";
const FALLBACK: &str = "initrd/busybox-fallback.config";

/// The cached busybox; builds it if there is none.
pub fn get() -> Result<Busybox> {
    let recipe =
        Fingerprint::default().file(&paths::source(RECIPE))?.file(&paths::source(FALLBACK))?;
    let place = paths::cache_dir()?.join(format!("busybox-{}", recipe.hex()));
    if !place.join("busybox.links").is_file() {
        build(&place).context("busybox could not be built")?;
    }
    let links = fs::read_to_string(place.join("busybox.links"))?;
    // linuxrc is the name under which ancient boot floppies started init.
    let links = links.lines().filter(|link| *link != "/linuxrc").map(str::to_owned).collect();
    Ok(Busybox { program: place.join("busybox"), links })
}

fn build(place: &Path) -> Result<()> {
    let work = tempfile::Builder::new().prefix("busybox-build-").tempdir_in(paths::cache_dir()?)?;
    let step = Step::start("fetching Debian's busybox source");
    let source = apt_source::fetch("busybox", work.path())?;
    step.done(&format!("fetched {}", source.file_name().unwrap_or_default().display()));

    let step = Step::start("building busybox with musl-gcc (once, about a minute)");
    configure(&source, &[RECIPE])?;
    if let Err(first) = make(&source) {
        configure(&source, &[RECIPE, FALLBACK])?;
        make(&source).map_err(|_| first)?;
    }
    step.done("built busybox");

    fs::create_dir_all(place)?;
    fs::copy(source.join("busybox"), place.join("busybox"))?;
    fs::copy(source.join(".config"), place.join("config"))?;
    // The links file comes last: its presence says that the rest is complete.
    fs::copy(source.join("busybox.links"), place.join("busybox.links"))?;
    Ok(())
}

/// Busybox's defconfig with our fragments over it.
fn configure(source: &Path, fragments: &[&str]) -> Result<()> {
    exec::run_logged(make_command(source)?.arg("defconfig"), "busybox-config")?;
    let path = source.join(".config");
    let mut config = fs::read_to_string(&path)?;
    for fragment in fragments {
        let text = fs::read_to_string(paths::source(fragment))?;
        for (option, line) in text.lines().filter_map(|line| Some((option_name(line)?, line))) {
            config = set_option(&config, option, line);
        }
    }
    fs::write(&path, config)?;
    // oldconfig asks about options that the fragments uncovered: take defaults.
    let mut command = make_command(source)?;
    let mut child = command.arg("oldconfig").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut stdin = child.stdin.take().context("no pipe to make")?;
    let answers =
        thread::spawn(move || while std::io::Write::write_all(&mut stdin, b"\n").is_ok() {});
    let status = child.wait()?;
    if answers.join().is_err() || !status.success() {
        bail!("make oldconfig failed ({status})");
    }
    Ok(())
}

fn make(source: &Path) -> Result<()> {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    exec::run_logged(
        make_command(source)?.arg(format!("-j{jobs}")).args(["busybox", "busybox.links"]),
        "busybox-build",
    )
}

fn make_command(source: &Path) -> Result<Command> {
    let mut command = Command::new("make");
    let headers = muslcc::kernel_headers()?;
    command
        .current_dir(source)
        .arg(format!("CC=musl-gcc -idirafter {}", headers.display()))
        .arg("HOSTCC=gcc")
        // The build date would make every build a different file.
        .env("KCONFIG_NOTIMESTAMP", "1")
        // These belong to the cargo that runs xtask, not to this make.
        .env_remove("MAKEFLAGS")
        .env_remove("CARGO_MAKEFLAGS");
    Ok(command)
}

/// The option that a line of a kconfig file speaks of.
fn option_name(line: &str) -> Option<&str> {
    let unset = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set"));
    let name = unset.or_else(|| line.split_once('=').map(|(name, _)| name))?;
    name.starts_with("CONFIG_").then_some(name)
}

fn set_option(config: &str, option: &str, line: &str) -> String {
    let kept = config.lines().filter(|old| option_name(old) != Some(option));
    kept.chain([line]).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::{option_name, set_option};

    #[test]
    fn an_option_is_replaced_whatever_its_old_form() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\n# a comment\n";
        assert_eq!(option_name("# a comment"), None);
        let config = set_option(config, "CONFIG_B", "CONFIG_B=y");
        let config = set_option(&config, "CONFIG_A", "# CONFIG_A is not set");
        assert_eq!(config, "# a comment\nCONFIG_B=y\n# CONFIG_A is not set\n");
    }
}
