//! Which Rust toolchain builds the kernel.
//!
//! The kernel needs `core` and `alloc` for x86_64-unknown-none. Two ways give
//! them on stable Rust: the target's component of a rustup toolchain, or
//! Debian's rust-web packages, whose source package lets cargo build the two
//! libraries itself.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::exec;
use crate::paths;

/// What the kernel is built for.
pub const TARGET: &str = "x86_64-unknown-none";

/// The oldest Rust 1.N that the workspace builds with; Cargo.toml says the same.
pub const MINOR_VERSION: u32 = 91;

/// A toolchain that can build the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The cargo that runs xtask; its sysroot has the target.
    Installed,
    /// Debian's `/usr/bin/cargo`, which builds the libraries from source.
    Debian,
}

/// What `OXBOW_TOOLCHAIN` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever is there, or can be had with the least effort.
    Any,
    /// Only a rustup toolchain with the target's component.
    Rustup,
    /// Only Debian's packages.
    Debian,
}

impl Wanted {
    /// Reads `OXBOW_TOOLCHAIN`.
    pub fn from_env() -> Result<Self> {
        match env::var("OXBOW_TOOLCHAIN").as_deref() {
            Err(_) | Ok("") => Ok(Self::Any),
            Ok("rustup") => Ok(Self::Rustup),
            Ok("debian") => Ok(Self::Debian),
            Ok(other) => {
                bail!("OXBOW_TOOLCHAIN={other}: write rustup or debian, or leave it unset")
            }
        }
    }
}

/// The toolchain that is ready now, if there is one.
pub fn find(wanted: Wanted) -> Option<Toolchain> {
    if wanted != Wanted::Debian && sysroot().is_some_and(|dir| has_target(&dir)) {
        return Some(Toolchain::Installed);
    }
    (wanted != Wanted::Rustup && debian_is_ready()).then_some(Toolchain::Debian)
}

/// The cargo that runs xtask.
fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Where the libraries of the cargo that runs xtask are. Cargo puts the real
/// program, not rustup's proxy, into `$CARGO`, so mostly no rustc need be asked.
fn sysroot() -> Option<PathBuf> {
    match env::var_os("CARGO") {
        Some(cargo) => Some(Path::new(&cargo).parent()?.parent()?.to_path_buf()),
        None => {
            let printed = exec::output(Command::new("rustc").args(["--print", "sysroot"])).ok()?;
            Some(PathBuf::from(printed.trim()))
        }
    }
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn debian_is_ready() -> bool {
    ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library/core/src/lib.rs"]
        .iter()
        .all(|path| Path::new(path).is_file())
        && debian_minor_version().is_some_and(|minor| minor >= MINOR_VERSION)
}

/// The N of Debian's rustc 1.N.
pub fn debian_minor_version() -> Option<u32> {
    // "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"
    let text = exec::output(Command::new("/usr/bin/rustc").arg("--version")).ok()?;
    text.split_whitespace().nth(1)?.split('.').nth(1)?.parse().ok()
}

/// Whether `rustup target add` can be tried.
pub fn rustup() -> Option<PathBuf> {
    paths::program("rustup")
}

impl Toolchain {
    /// `cargo SUBCOMMAND` for the kernel's target, with all that this
    /// toolchain needs to find or to build the libraries.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Installed => Command::new(cargo()),
            Self::Debian => Command::new("/usr/bin/cargo"),
        };
        command.current_dir(paths::root()).args([subcommand, "--target", TARGET]);
        command.env("CARGO_TARGET_DIR", self.target_dir());
        // These would replace the kernel's own flags in .cargo/config.toml.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        if *self == Self::Debian {
            forget_other_toolchain(&mut command);
            command
                .env("RUSTC", "/usr/bin/rustc")
                // Stable cargo takes -Z options only when told that the
                // compiler next to it was built to allow them.
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["-Zbuild-std=core,alloc,compiler_builtins"])
                .args(["-Zbuild-std-features=compiler-builtins-mem"]);
        }
        command
    }

    /// Where this toolchain's cargo leaves what it builds. Two compilers never
    /// share one directory: each would throw the other's work away.
    pub fn target_dir(&self) -> PathBuf {
        match self {
            Self::Installed => paths::root().join("target"),
            Self::Debian => paths::root().join("target/debian"),
        }
    }
}

/// Takes out what the cargo that runs xtask has put into the environment.
fn forget_other_toolchain(command: &mut Command) {
    let belongs_to_cargo = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("RUSTUP_TOOLCHAIN")
            || name.starts_with("CARGO_PKG_")
            || name == "RUSTC"
            || name == "RUSTDOC"
            || name == "CARGO"
    };
    for (name, _) in env::vars_os().filter(|(name, _)| belongs_to_cargo(name)) {
        command.env_remove(name);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_oldest_rust_is_the_workspaces() {
        let manifest = std::fs::read_to_string(crate::paths::source("Cargo.toml")).expect("there");
        let line = format!("rust-version = \"1.{}\"", super::MINOR_VERSION);
        assert!(manifest.contains(&line), "MINOR_VERSION and rust-version differ");
    }
}
