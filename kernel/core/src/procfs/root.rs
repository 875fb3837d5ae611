//! The top of /proc: the files of the whole system, and a directory for each process.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;

use super::node::{self, Dir, Entry, FIRST_COOKIE, Item, Kind, Table};
use super::process::{self, Task, parse_id};
use super::{sysctl, system};
use crate::error::Result;
use crate::fs::caller::Caller;
use crate::fs::inode::{FileType, Inode, Link};
use crate::fs::walk::WalkCx;
use crate::task::tree;

const fn text(name: &'static str, show: node::Show<()>) -> Entry<()> {
    Entry { name, mode: 0o444, kind: Kind::Text(show) }
}

static ROOT: Entry<()> = Entry { name: "", mode: 0o555, kind: Kind::Dir(entries) };

static ENTRIES: [Entry<()>; 28] = [
    Entry { name: "self", mode: 0o777, kind: Kind::Link(own) },
    Entry { name: "thread-self", mode: 0o777, kind: Kind::Link(own_thread) },
    Entry { name: "mounts", mode: 0o777, kind: Kind::Link(mounts) },
    Entry { name: "sys", mode: 0o555, kind: Kind::Dir(sysctl::top) },
    Entry { name: "oxbow", mode: 0o555, kind: Kind::Dir(oxbow) },
    text("meminfo", system::meminfo),
    text("stat", system::stat),
    text("uptime", system::uptime),
    text("loadavg", system::loadavg),
    text("version", system::version),
    text("cpuinfo", system::cpuinfo),
    text("filesystems", system::filesystems),
    text("cmdline", system::cmdline),
    text("vmstat", system::vmstat),
    text("interrupts", system::interrupts),
    text("partitions", system::partitions),
    text("swaps", system::swaps),
    text("devices", system::devices),
    text("consoles", system::consoles),
    text("misc", system::nothing),
    text("modules", system::nothing),
    text("diskstats", system::nothing),
    text("locks", system::nothing),
    text("cgroups", system::cgroups),
    text("buddyinfo", system::buddyinfo),
    text("zoneinfo", system::zoneinfo),
    Entry { name: "kmsg", mode: 0o400, kind: Kind::Special(system::open_kmsg) },
    Entry { name: "tty", mode: 0o555, kind: Kind::Dir(terminals) },
];

static OXBOW: [Entry<()>; 1] = [text("ledger", system::ledger)];
static TERMINALS: [Entry<()>; 1] = [text("drivers", system::tty_drivers)];

/// The inode of /proc itself.
pub fn inode() -> Arc<dyn Inode> {
    node::inode(&(), &ROOT, 0)
}

fn oxbow((): &()) -> Box<dyn Dir> {
    Box::new(Table { subject: (), entries: &OXBOW, first: 0x1000 })
}

fn terminals((): &()) -> Box<dyn Dir> {
    Box::new(Table { subject: (), entries: &TERMINALS, first: 0x1100 })
}

fn own((): &(), cx: &WalkCx<'_>) -> Result<Link> {
    match cx.caller.tgid() {
        0 => Err(Errno::ENOENT.into()),
        pid => node::text_link(format!("{pid}").as_bytes()),
    }
}

fn own_thread((): &(), cx: &WalkCx<'_>) -> Result<Link> {
    match (cx.caller.tgid(), cx.caller.tid()) {
        (0, _) => Err(Errno::ENOENT.into()),
        (pid, tid) => node::text_link(format!("{pid}/task/{tid}").as_bytes()),
    }
}

fn mounts((): &(), _: &WalkCx<'_>) -> Result<Link> {
    node::text_link(b"self/mounts")
}

struct Root(Table<()>);

fn entries((): &()) -> Box<dyn Dir> {
    Box::new(Root(Table { subject: (), entries: &ENTRIES, first: 1 }))
}

/// Processes come after the tables.
const FIRST_PROCESS: u64 = 256;

impl Dir for Root {
    fn lookup(&self, name: &[u8], cx: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        let Some(tid) = parse_id(name) else { return self.0.lookup(name, cx) };
        // Threads that lead no process can be named, too, but are not listed.
        let task = Task::of(tid).ok_or(Errno::ENOENT)?;
        Ok(process::directory(&task))
    }

    fn list(&self, caller: &dyn Caller) -> Vec<Item> {
        let mut items = self.0.list(caller);
        for pid in tree::read().pids() {
            items.push(Item {
                cookie: FIRST_COOKIE + FIRST_PROCESS + u64::from(pid),
                ino: node::inode_number(2 * u64::from(pid), 0),
                kind: FileType::Directory,
                name: format!("{pid}").into_bytes(),
            });
        }
        items
    }
}
