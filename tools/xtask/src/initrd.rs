//! The initrds: the default root with busybox and our own `/init`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::busybox::{self, Busybox};
use crate::exec::{self, Step};
use crate::fingerprint::Fingerprint;
use crate::muslcc;
use crate::paths;
use crate::rootfs::Tree;
use crate::setup::Tools;

/// The directories of the default root; permissions as Linux systems have them.
const DIRECTORIES: &[(&str, u32)] = &[
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("home/user", 0o755),
    ("lib", 0o755),
    ("mnt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

/// Builds `target/oxbow/initrd.cpio`, returns its path.
pub fn default(tools: &Tools) -> Result<PathBuf> {
    let path = paths::out_dir("")?.join("initrd.cpio");
    paths::write_if_changed(&path, &root(tools)?.to_cpio()?)?;
    Ok(path)
}

/// Packs `dirs` over the default root into the file `out`.
pub fn pack(tools: &Tools, out: &Path, dirs: &[PathBuf]) -> Result<()> {
    let mut tree = root(tools)?;
    for dir in dirs {
        ensure!(
            dir.is_dir(),
            "{} is not a directory; give the directories whose content goes into the root",
            dir.display()
        );
        tree.overlay(dir)?;
    }
    fs::write(out, tree.to_cpio()?).with_context(|| format!("cannot write {}", out.display()))
}

/// The default root as a tree, for those who want to add to it.
pub fn root(_tools: &Tools) -> Result<Tree> {
    let mut tree = Tree::default();
    for (path, permissions) in DIRECTORIES {
        tree.dir(path, *permissions);
    }
    // What Linux's own built-in initramfs has: init needs them before /dev is
    // mounted.
    tree.char_device("dev/console", 0o600, 5, 1);
    tree.char_device("dev/null", 0o666, 1, 3);
    tree.overlay_source(&paths::source("initrd/root"))?;
    tree.host_file("init", 0o755, &init()?)?;
    add_busybox(&mut tree, &busybox::get()?)?;
    Ok(tree)
}

fn add_busybox(tree: &mut Tree, busybox: &Busybox) -> Result<()> {
    tree.host_file("bin/busybox", 0o755, &busybox.program)?;
    for link in &busybox.links {
        let link = link.trim_start_matches('/');
        if !tree.contains(link) {
            tree.symlink(link, "/bin/busybox");
        }
    }
    Ok(())
}

/// Compiles `initrd/init.c`, unless it is compiled already.
fn init() -> Result<PathBuf> {
    let source = paths::source("initrd/init.c");
    let name = format!("init-{}", Fingerprint::default().file(&source)?.hex());
    let program = paths::out_dir("init")?.join(&name);
    if !program.is_file() {
        let step = Step::start("compiling /init");
        let unfinished = program.with_extension("new");
        let mut command = muslcc::command()?;
        command.args(["-static", "-Os", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"]);
        exec::run_logged(command.arg(&unfinished).arg(&source), "init")?;
        fs::rename(&unfinished, &program)?;
        step.done("compiled /init");
    }
    Ok(program)
}
