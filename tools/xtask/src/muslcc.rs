//! Compiling C for the guest with musl-gcc.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::paths;

/// The kernel's headers, which musl leaves to the kernel's package.
const KERNEL_HEADERS: &[(&str, &str)] = &[
    ("linux", "/usr/include/linux"),
    ("asm-generic", "/usr/include/asm-generic"),
    ("asm", "/usr/include/x86_64-linux-gnu/asm"),
    ("mtd", "/usr/include/mtd"),
];

/// A directory with nothing but the kernel's headers in it. Giving the
/// compiler /usr/include itself would let glibc's headers in as well.
pub fn kernel_headers() -> Result<PathBuf> {
    let dir = paths::out_dir("include")?;
    for (name, target) in KERNEL_HEADERS {
        let link = dir.join(name);
        if std::fs::read_link(&link).is_ok_and(|old| old == Path::new(target)) {
            continue;
        }
        match symlink(target, &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot make {}", link.display()));
            }
            _ => {}
        }
    }
    Ok(dir)
}

/// `musl-gcc` with the kernel's headers in its search path, after musl's own.
pub fn command() -> Result<Command> {
    let mut command = Command::new("musl-gcc");
    command.arg("-idirafter").arg(kernel_headers()?);
    Ok(command)
}
