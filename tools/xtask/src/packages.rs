//! Debian packages: which one gives which tool, and how they are installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec::{self, Step};
use crate::paths;

/// A package that a part of Oxbow's tooling needs.
pub struct Package {
    /// Its name in Debian.
    pub name: &'static str,
    /// What it is needed for, as the user is told.
    pub why: &'static str,
    /// How its presence shows.
    sign: Sign,
}

enum Sign {
    Program(&'static str),
    File(&'static str),
}

use Sign::{File, Program};

/// Everything but the Rust toolchain.
pub const TOOLS: &[Package] = &[
    Package {
        name: "qemu-system-x86",
        why: "the machine that Oxbow boots on",
        sign: Program("qemu-system-x86_64"),
    },
    Package {
        name: "musl-tools",
        why: "builds static programs for the guest",
        sign: Program("musl-gcc"),
    },
    Package {
        name: "linux-libc-dev",
        why: "the Linux headers that busybox and the tests include",
        sign: File("/usr/include/linux/fs.h"),
    },
    Package { name: "gcc", why: "the compiler that musl-gcc wraps", sign: Program("gcc") },
    Package { name: "make", why: "builds busybox", sign: Program("make") },
    Package {
        name: "binutils",
        why: "links the kernel and splits off its debug information",
        sign: Program("objcopy"),
    },
    Package {
        name: "dpkg-dev",
        why: "unpacks Debian's busybox source",
        sign: Program("dpkg-source"),
    },
    Package { name: "bzip2", why: "unpacks Debian's busybox source", sign: Program("bzip2") },
    Package { name: "xz-utils", why: "unpacks Debian's busybox source", sign: Program("xz") },
    Package {
        name: "cpio",
        why: "cross-checks the initrd packer in the tests",
        sign: Program("cpio"),
    },
];

/// Debian's Rust for the web, the one whose source package is complete and new
/// enough, with the library sources that `-Zbuild-std` compiles.
pub const DEBIAN_RUST: &[Package] = &[
    Package { name: "rustc-web", why: "compiles the kernel", sign: File("/usr/bin/rustc") },
    Package { name: "cargo-web", why: "builds the kernel", sign: File("/usr/bin/cargo") },
    Package {
        name: "rust-web-src",
        why: "the sources of core and alloc",
        sign: File("/usr/lib/rustlib/src/rust/library/core/src/lib.rs"),
    },
];

/// What `cargo xtask iso` needs.
pub const ISO: &[Package] =
    &[Package { name: "xorriso", why: "writes the ISO image", sign: Program("xorriso") }];

/// Those of `packages` that are not there.
pub fn missing(packages: &'static [Package]) -> Vec<&'static Package> {
    let present = |package: &Package| match package.sign {
        Program(name) => paths::program(name).is_some(),
        File(path) => Path::new(path).exists(),
    };
    packages.iter().filter(|package| !present(package)).collect()
}

/// Says what will be installed and why, and installs it.
pub fn install(packages: &[&Package]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    eprintln!("xtask: this machine lacks some tools; installing with apt-get:");
    for package in packages {
        eprintln!("  {:<18} {}", package.name, package.why);
    }
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    if paths::program("apt-get").is_none() {
        bail!(
            "there is no apt-get here; install the like of these yourself and run the command again: {}",
            names.join(" ")
        );
    }
    let fresh = !names.iter().all(|name| is_known(name));
    if fresh {
        update_lists()?;
    }
    let step = Step::start(&format!("apt-get install {}", names.join(" ")));
    let mut result = install_names(&names);
    if result.is_err() && !fresh {
        // Lists that are too old name files that are gone from the archive.
        update_lists()?;
        result = install_names(&names);
    }
    result.with_context(|| {
        format!("installing failed; try it by hand: apt-get install {}", names.join(" "))
    })?;
    step.done(&format!("installed {}", names.join(" ")));
    Ok(())
}

fn install_names(names: &[&str]) -> Result<()> {
    let mut command = apt_get()?;
    command.args(["install", "--yes", "--no-install-recommends"]).args(names);
    exec::run_logged(&mut command, "apt-install")
}

fn update_lists() -> Result<()> {
    let step = Step::start("apt-get update");
    exec::run_logged(apt_get()?.arg("update"), "apt-update").context(
        "apt's package lists could not be brought up to date; check the network and /etc/apt, \
         then run `cargo xtask setup` again",
    )?;
    step.done("apt-get update: done");
    Ok(())
}

/// Whether apt's lists offer the package; empty lists (a fresh container) do not.
fn is_known(name: &str) -> bool {
    exec::output(Command::new("apt-cache").args(["policy", name])).is_ok_and(|text| {
        text.lines().any(|line| line.trim().starts_with("Candidate:") && !line.contains("(none)"))
    })
}

/// `apt-get` as root: directly, or by sudo.
fn apt_get() -> Result<Command> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("apt-get")
    } else if paths::program("sudo").is_some() {
        // sudo asks for the password on the terminal, not on our pipes.
        let mut sudo = Command::new("sudo");
        sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    } else {
        bail!("installing needs root: run `cargo xtask setup` once as root, or install sudo");
    };
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "Dpkg::Use-Pty=0"]);
    Ok(command)
}
