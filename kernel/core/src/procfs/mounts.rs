//! /proc/PID/mounts and mountinfo: what is mounted where, as the process sees it.

use abi::Errno;
use abi::file::MountFlags;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::process::Task;
use super::text::{Text, put};
use crate::error::Result;
use crate::fs::mount::{self, Mount};
use crate::fs::path::Reach;

/// What separates fields, and so is escaped inside of them.
const SEPARATORS: &[u8] = b" \t\n#";

/// The options that a mount itself has, each with a comma before it.
const OPTIONS: [(MountFlags, &str); 7] = [
    (MountFlags::NOSUID, ",nosuid"),
    (MountFlags::NODEV, ",nodev"),
    (MountFlags::NOEXEC, ",noexec"),
    (MountFlags::NOATIME, ",noatime"),
    (MountFlags::NODIRATIME, ",nodiratime"),
    (MountFlags::RELATIME, ",relatime"),
    (MountFlags::NOSYMFOLLOW, ",nosymfollow"),
];

/// The mounts that lie below the root of `task`, with the places where it sees them.
fn visible(task: &Task) -> Result<Vec<(Arc<Mount>, Vec<u8>)>> {
    let fs = task.thread.files().fs.ok_or(Errno::EINVAL)?;
    let root = fs.root();
    let mut seen = Vec::new();
    for mount in mount::all() {
        let (path, reach) = mount.root_path().absolute(&root);
        if reach == Reach::Inside {
            seen.try_reserve(1)?;
            seen.push((mount, path));
        }
    }
    Ok(seen)
}

fn put_options(mount: &Mount, out: &mut Text) {
    let options = mount.options();
    out.push(if options.contains(MountFlags::RDONLY) { b"ro" } else { b"rw" });
    for (flag, name) in OPTIONS {
        if options.contains(flag) {
            out.push(name.as_bytes());
        }
    }
}

fn source(mount: &Mount) -> &[u8] {
    if mount.source().is_empty() { b"none" } else { mount.source() }
}

/// /proc/PID/mounts.
pub fn mounts(task: &Task, out: &mut Text) -> Result<()> {
    for (mount, path) in visible(task)? {
        let superblock = mount.superblock();
        out.push_escaped(source(&mount), SEPARATORS);
        out.push(b" ");
        out.push_escaped(&path, SEPARATORS);
        put!(out, " {} ", superblock.kind().name);
        put_options(&mount, out);
        out.push(&superblock.ops().options());
        out.push(b" 0 0\n");
    }
    Ok(())
}

/// /proc/PID/mountinfo.
pub fn mountinfo(task: &Task, out: &mut Text) -> Result<()> {
    for (mount, path) in visible(task)? {
        let superblock = mount.superblock();
        let parent = mount.place().map_or(mount.id(), |place| place.mount.id());
        let dev = superblock.dev();
        put!(out, "{} {parent} {}:{} ", mount.id(), dev.major, dev.minor);
        out.push_escaped(&shown_part(&mount), SEPARATORS);
        out.push(b" ");
        out.push_escaped(&path, SEPARATORS);
        out.push(b" ");
        put_options(&mount, out);
        put!(out, " - {} ", superblock.kind().name);
        out.push_escaped(source(&mount), SEPARATORS);
        out.push(b" rw");
        out.push(&superblock.ops().options());
        out.push(b"\n");
    }
    Ok(())
}

/// The part of its file system that a mount shows: `/` but for bind mounts.
fn shown_part(mount: &Arc<Mount>) -> Vec<u8> {
    let root = mount.superblock().root();
    let mut names = Vec::new();
    let mut at = mount.root().clone();
    while !Arc::ptr_eq(&at, root) {
        let (parent, name) = at.place();
        let Some(parent) = parent else { break };
        names.push(name);
        at = parent;
    }
    let mut path = Vec::new();
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

/// /proc/PID/mountstats.
pub fn mountstats(task: &Task, out: &mut Text) -> Result<()> {
    for (mount, path) in visible(task)? {
        out.push(b"device ");
        out.push_escaped(source(&mount), SEPARATORS);
        out.push(b" mounted on ");
        out.push_escaped(&path, SEPARATORS);
        put!(out, " with fstype {}\n", mount.superblock().kind().name);
    }
    Ok(())
}
