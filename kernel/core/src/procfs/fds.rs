//! /proc/PID/fd and fdinfo: the open files of a process.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Errno, OpenFlags};

use super::node::{self, Dir, Entry, FIRST_COOKIE, Item, Kind, Subject};
use super::process::{Task, may_inspect, parse_id};
use super::text::{Text, put};
use crate::error::Result;
use crate::fs::OpenFile;
use crate::fs::caller::Caller;
use crate::fs::inode::{FileType, Inode, Link};
use crate::fs::walk::WalkCx;

/// A descriptor of a process.
#[derive(Clone)]
struct Descriptor {
    task: Task,
    number: u32,
}

impl Subject for Descriptor {
    fn owner(&self) -> (u32, u32) {
        self.task.owner()
    }

    fn number(&self) -> u64 {
        self.task.number()
    }
}

impl Descriptor {
    fn file(&self) -> Option<Arc<OpenFile>> {
        let fd = i32::try_from(self.number).ok()?;
        self.task.thread.files().files?.get(fd).ok()
    }
}

/// Inode indices: after those of the tables; descriptors are below 2^20.
const LINKS: u64 = 1 << 21;
const DETAILS: u64 = 1 << 22;

/// What a descriptor's link is, by what it may be used for: the permissions say so.
static LINK_ENTRIES: [Entry<Descriptor>; 4] = [
    Entry { name: "", mode: 0o000, kind: Kind::Link(target) },
    Entry { name: "", mode: 0o500, kind: Kind::Link(target) },
    Entry { name: "", mode: 0o300, kind: Kind::Link(target) },
    Entry { name: "", mode: 0o700, kind: Kind::Link(target) },
];
static DETAIL: Entry<Descriptor> =
    Entry { name: "", mode: 0o444, kind: Kind::Private(details_text, may_see) };

fn may_see(descriptor: &Descriptor, caller: &dyn Caller) -> Result<()> {
    may_inspect(&descriptor.task, caller)
}

fn target(descriptor: &Descriptor, cx: &WalkCx<'_>) -> Result<Link> {
    may_inspect(&descriptor.task, cx.caller)?;
    let file = descriptor.file().ok_or(Errno::ENOENT)?;
    node::magic_link(file.path().clone())
}

fn details_text(descriptor: &Descriptor, out: &mut Text) -> Result<()> {
    let file = descriptor.file().ok_or(Errno::ENOENT)?;
    let fd = i32::try_from(descriptor.number).map_err(|_| Errno::ENOENT)?;
    let mut flags = file.flags();
    let table = descriptor.task.thread.files().files.ok_or(Errno::ENOENT)?;
    flags.set(OpenFlags::O_CLOEXEC, table.cloexec(fd).unwrap_or(false));
    put!(out, "pos:\t{}\nflags:\t0{:o}\n", file.offset(), flags.bits());
    put!(out, "mnt_id:\t{}\nino:\t{}\n", file.path().mount.id(), file.inode().meta().ino());
    let mut more = Vec::new();
    file.ops().info(&file, &mut more);
    out.push(&more);
    Ok(())
}

/// Which of the two directories.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Links,
    Details,
}

struct Descriptors {
    task: Task,
    which: Which,
}

/// `fd/`.
pub fn links(task: &Task) -> Box<dyn Dir> {
    Box::new(Descriptors { task: task.clone(), which: Which::Links })
}

/// `fdinfo/`.
pub fn details(task: &Task) -> Box<dyn Dir> {
    Box::new(Descriptors { task: task.clone(), which: Which::Details })
}

impl Dir for Descriptors {
    fn lookup(&self, name: &[u8], _: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        let number = parse_id(name).ok_or(Errno::ENOENT)?;
        let descriptor = Descriptor { task: self.task.clone(), number };
        let file = descriptor.file().ok_or(Errno::ENOENT)?;
        if self.which == Which::Details {
            return Ok(node::inode(&descriptor, &DETAIL, DETAILS + u64::from(number)));
        }
        let access = file.access();
        let kind = usize::from(access.read) | usize::from(access.write) << 1;
        Ok(node::inode(&descriptor, &LINK_ENTRIES[kind], LINKS + u64::from(number)))
    }

    fn list(&self, caller: &dyn Caller) -> Vec<Item> {
        let Some(table) = self.task.thread.files().files else { return Vec::new() };
        if may_inspect(&self.task, caller).is_err() {
            return Vec::new();
        }
        let (base, kind) = match self.which {
            Which::Links => (LINKS, FileType::Symlink),
            Which::Details => (DETAILS, FileType::Regular),
        };
        let mut items = Vec::new();
        let mut from = 0;
        while let Some((number, file)) = table.next_open(from) {
            drop(file);
            items.push(Item {
                cookie: FIRST_COOKIE + u64::from(number),
                ino: node::inode_number(self.task.number(), base + u64::from(number)),
                kind,
                name: format!("{number}").into_bytes(),
            });
            from = number + 1;
        }
        items
    }
}
