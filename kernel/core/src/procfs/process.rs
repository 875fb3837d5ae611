//! /proc/PID and /proc/PID/task/TID: the files of a process and of a thread.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::Errno;
use abi::cap::{CAP_SYS_PTRACE, CAP_SYS_RESOURCE};

use super::node::{self, Dir, Entry, FIRST_COOKIE, Item, Kind, Subject, Table};
use super::text::{Text, put};
use super::{fds, maps, memory, mounts, pagemap, stat, status};
use crate::error::Result;
use crate::fs::caller::Caller;
use crate::fs::inode::{FileType, Inode, Link};
use crate::fs::walk::WalkCx;
use crate::mm::AddressSpace;
use crate::task::limits::Limit;
use crate::task::{Comm, Process, ProcessFlags, Thread, oom, tree};

/// A process as seen through one of its threads.
#[derive(Clone)]
pub struct Task {
    /// The process.
    pub process: Arc<Process>,
    /// The thread: the leader, for the process's own directory.
    pub thread: Arc<Thread>,
    /// Below `task/`: figures are the thread's, not the whole process's.
    pub single: bool,
}

impl Subject for Task {
    /// Its user; root, if it must not be looked into.
    fn owner(&self) -> (u32, u32) {
        if !self.process.flags().contains(ProcessFlags::DUMPABLE) {
            return (0, 0);
        }
        let cred = self.thread.cred();
        (cred.euid, cred.egid)
    }

    fn number(&self) -> u64 {
        2 * u64::from(self.thread.tid()) + u64::from(self.single)
    }
}

impl Task {
    /// The process of thread `tid`, through that thread.
    pub fn of(tid: u32) -> Option<Self> {
        let thread = tree::thread(tid)?;
        Some(Self { process: thread.process.clone(), thread, single: false })
    }

    /// Its memory, unless it has ended.
    pub fn space(&self) -> Option<Arc<AddressSpace>> {
        self.thread.files().space
    }

    /// Whether it is still known to anybody.
    ///
    /// # Errors
    /// `ESRCH` when it was waited for.
    pub fn check_known(&self) -> Result<(), Errno> {
        let known = tree::thread(self.thread.tid());
        let same = known.is_some_and(|thread| Arc::ptr_eq(&thread.process, &self.process));
        if same { Ok(()) } else { Err(Errno::ESRCH) }
    }

    /// Whether it has ended and nobody has waited for it.
    pub fn is_zombie(&self) -> bool {
        self.thread.files().space.is_none()
    }
}

/// Whether `caller` may look into the memory and files of `task` (ptrace(2), "Ptrace access mode
/// checking").
///
/// # Errors
/// `EACCES`.
pub fn may_inspect(task: &Task, caller: &dyn Caller) -> Result<()> {
    if caller.tgid() == task.process.pid {
        return Ok(());
    }
    let (mine, theirs) = (caller.cred(), task.thread.cred());
    let same_user = [theirs.ruid, theirs.euid, theirs.suid].iter().all(|&uid| uid == mine.fsuid)
        && [theirs.rgid, theirs.egid, theirs.sgid].iter().all(|&gid| gid == mine.fsgid);
    let open = task.process.flags().contains(ProcessFlags::DUMPABLE);
    if (same_user && open) || mine.capable(CAP_SYS_PTRACE) {
        Ok(())
    } else {
        Err(Errno::EACCES.into())
    }
}

const fn text(name: &'static str, show: node::Show<Task>) -> Entry<Task> {
    Entry { name, mode: 0o444, kind: Kind::Text(show) }
}

const fn private(name: &'static str, mode: u32, show: node::Show<Task>) -> Entry<Task> {
    Entry { name, mode, kind: Kind::Private(show, may_inspect) }
}

const fn setting(
    name: &'static str,
    show: node::Show<Task>,
    store: node::Store<Task>,
) -> Entry<Task> {
    Entry { name, mode: 0o644, kind: Kind::Setting(show, store) }
}

/// What a process and a thread have in common.
const COMMON: usize = 31;

/// The entries of a process's directory; those of a thread are the first [`COMMON`].
static ENTRIES: [Entry<Task>; COMMON + 1] = [
    text("stat", stat::stat),
    text("statm", stat::statm),
    text("status", status::status),
    text("cmdline", memory::cmdline),
    private("environ", 0o400, memory::environ),
    private("auxv", 0o400, memory::auxv),
    setting("comm", comm, set_comm),
    private("maps", 0o444, maps::maps),
    private("smaps", 0o444, maps::smaps),
    private("smaps_rollup", 0o444, maps::smaps_rollup),
    Entry { name: "pagemap", mode: 0o400, kind: Kind::Special(pagemap::open) },
    Entry { name: "mem", mode: 0o600, kind: Kind::Special(memory::open) },
    Entry { name: "fd", mode: 0o500, kind: Kind::Dir(fds::links) },
    Entry { name: "fdinfo", mode: 0o555, kind: Kind::Dir(fds::details) },
    Entry { name: "exe", mode: 0o777, kind: Kind::Link(exe) },
    Entry { name: "cwd", mode: 0o777, kind: Kind::Link(cwd) },
    Entry { name: "root", mode: 0o777, kind: Kind::Link(root) },
    text("limits", limits),
    text("oom_score", oom_score),
    setting("oom_score_adj", oom_score_adj, set_oom_score_adj),
    text("wchan", wchan),
    text("mounts", mounts::mounts),
    text("mountinfo", mounts::mountinfo),
    private("mountstats", 0o400, mounts::mountstats),
    text("cgroup", cgroup),
    text("schedstat", stat::schedstat),
    text("loginuid", loginuid),
    text("sessionid", loginuid),
    text("timers", timers),
    text("uid_map", id_map),
    text("gid_map", id_map),
    Entry { name: "task", mode: 0o555, kind: Kind::Dir(threads) },
];

/// The directory of a process or thread.
static DIRECTORY: Entry<Task> = Entry { name: "", mode: 0o555, kind: Kind::Dir(entries) };

fn entries(task: &Task) -> Box<dyn Dir> {
    let count = if task.single { COMMON } else { ENTRIES.len() };
    Box::new(Table { subject: task.clone(), entries: &ENTRIES[..count], first: 1 })
}

/// The inode of a task's directory.
pub fn directory(task: &Task) -> Arc<dyn Inode> {
    node::inode(task, &DIRECTORY, 0)
}

/// `task/`.
struct Threads(Task);

fn threads(task: &Task) -> Box<dyn Dir> {
    Box::new(Threads(task.clone()))
}

impl Dir for Threads {
    fn lookup(&self, name: &[u8], _: &WalkCx<'_>) -> Result<Arc<dyn Inode>> {
        let tid = parse_id(name).ok_or(Errno::ENOENT)?;
        let thread = tree::thread(tid).ok_or(Errno::ENOENT)?;
        if !Arc::ptr_eq(&thread.process, &self.0.process) {
            return Err(Errno::ENOENT.into());
        }
        Ok(directory(&Task { process: self.0.process.clone(), thread, single: true }))
    }

    fn list(&self, _: &dyn Caller) -> Vec<Item> {
        let mut tids: Vec<_> =
            tree::threads(self.0.process.pid).iter().map(|thread| thread.tid()).collect();
        tids.sort_unstable();
        tids.into_iter()
            .map(|tid| Item {
                cookie: FIRST_COOKIE + u64::from(tid),
                ino: node::inode_number(2 * u64::from(tid) + 1, 0),
                kind: FileType::Directory,
                name: format!("{tid}").into_bytes(),
            })
            .collect()
    }
}

/// A decimal id without leading zeros, as names of directories have them.
pub fn parse_id(name: &[u8]) -> Option<u32> {
    let text = core::str::from_utf8(name).ok()?;
    let canonical =
        name.first().is_some_and(u8::is_ascii_digit) && (name.len() == 1 || name[0] != b'0');
    if canonical { text.parse().ok() } else { None }
}

fn exe(task: &Task, cx: &WalkCx<'_>) -> Result<Link> {
    may_inspect(task, cx.caller)?;
    node::magic_link(task.process.executable().ok_or(Errno::ENOENT)?)
}

fn cwd(task: &Task, cx: &WalkCx<'_>) -> Result<Link> {
    may_inspect(task, cx.caller)?;
    node::magic_link(task.thread.files().fs.ok_or(Errno::ENOENT)?.cwd())
}

fn root(task: &Task, cx: &WalkCx<'_>) -> Result<Link> {
    may_inspect(task, cx.caller)?;
    node::magic_link(task.thread.files().fs.ok_or(Errno::ENOENT)?.root())
}

fn comm(task: &Task, out: &mut Text) -> Result<()> {
    out.push(task.thread.comm().as_bytes());
    out.push(b"\n");
    Ok(())
}

fn set_comm(task: &Task, text: &[u8], caller: &dyn Caller) -> Result<()> {
    // Only threads of the same process may, whatever the permissions say.
    if caller.tgid() != task.process.pid {
        return Err(Errno::EINVAL.into());
    }
    task.thread.set_comm(Comm::new(text.strip_suffix(b"\n").unwrap_or(text)));
    Ok(())
}

/// The names and units of /proc/PID/limits, by resource number.
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

fn limits(task: &Task, out: &mut Text) -> Result<()> {
    put!(out, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    let number = |value: u64| match value {
        u64::MAX => "unlimited".into(),
        _ => format!("{value}"),
    };
    for (resource, (name, unit)) in (0..).zip(LIMITS) {
        let unlimited = Limit { soft: u64::MAX, hard: u64::MAX };
        let limit = task.process.limits.get(resource).unwrap_or(unlimited);
        let (soft, hard) = (number(limit.soft), number(limit.hard));
        put!(out, "{name:<25} {soft:<20} {hard:<20} {unit:<10}\n");
    }
    Ok(())
}

fn oom_score(task: &Task, out: &mut Text) -> Result<()> {
    put!(out, "{}\n", oom::proc_score(&task.process));
    Ok(())
}

fn oom_score_adj(task: &Task, out: &mut Text) -> Result<()> {
    put!(out, "{}\n", task.process.oom_score_adj.load(Ordering::Relaxed));
    Ok(())
}

fn set_oom_score_adj(task: &Task, text: &[u8], caller: &dyn Caller) -> Result<()> {
    let value = parse_number(text).filter(|value| (-1000..=1000).contains(value));
    let value = i32::try_from(value.ok_or(Errno::EINVAL)?).map_err(|_| Errno::EINVAL)?;
    let adjust = &task.process.oom_score_adj;
    // Making oneself less likely to be chosen is a privilege.
    if value < adjust.load(Ordering::Relaxed) && !caller.cred().capable(CAP_SYS_RESOURCE) {
        return Err(Errno::EACCES.into());
    }
    adjust.store(value, Ordering::Relaxed);
    Ok(())
}

/// A decimal number with blanks around it, as shells write it.
pub fn parse_number(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Where in the kernel it sleeps is not told, as on a Linux without symbols.
fn wchan(_: &Task, out: &mut Text) -> Result<()> {
    out.push(b"0");
    Ok(())
}

fn cgroup(_: &Task, out: &mut Text) -> Result<()> {
    out.push(b"0::/\n");
    Ok(())
}

/// Nobody logs in through an audit system here: the value that means "not set".
fn loginuid(_: &Task, out: &mut Text) -> Result<()> {
    put!(out, "{}", u32::MAX);
    Ok(())
}

fn timers(task: &Task, out: &mut Text) -> Result<()> {
    for id in task.process.timers.posix.ids() {
        put!(out, "ID: {id}\n");
    }
    Ok(())
}

/// There is one user namespace: ids are what they are.
fn id_map(_: &Task, out: &mut Text) -> Result<()> {
    put!(out, "{:>10} {:>10} {:>10}\n", 0, 0, u32::MAX);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_decimal_and_canonical() {
        assert_eq!(parse_id(b"1"), Some(1));
        assert_eq!(parse_id(b"4194303"), Some(4_194_303));
        for bad in [&b"01"[..], b"", b"+1", b"1x", b"99999999999"] {
            assert_eq!(parse_id(bad), None);
        }
        assert_eq!(parse_number(b" -5\n"), Some(-5));
        assert_eq!(parse_number(b"x"), None);
    }
}
