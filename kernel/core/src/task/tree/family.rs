//! The end of threads and processes: orphans, group orphans, zombies, and telling the parent.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::siginfo::{CLD_DUMPED, CLD_EXITED, CLD_KILLED};
use abi::{SaFlags, Signal, WaitStatus};

use super::{INIT, Node, Pid, Tid, Tree, Zombie};
use crate::task::process::{Process, ProcessFlags};
use crate::task::signal::{ChildChange, Handler, SigInfo, Target};
use crate::task::thread::Thread;

/// Clock ticks per second as user space counts them (`USER_HZ`), in nanoseconds each.
const USER_TICK_NS: u64 = 10_000_000;

/// Processes and threads that left the tree. Dropping them can take long and is done after the
/// tree's lock is released.
#[derive(Default)]
#[must_use = "drop it after the tree's lock is released"]
pub struct Vanished {
    #[expect(clippy::vec_box, reason = "they come boxed, and moving them under the lock costs")]
    nodes: Vec<Box<Node>>,
    threads: Vec<Arc<Thread>>,
}

/// What the end of a thread meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadEnd {
    /// Others of its process live on.
    OthersLive,
    /// It was the last one: the process has ended.
    ProcessEnded,
}

impl Tree {
    /// Takes the ended thread out of the tree. If it was the last of its process, the process
    /// becomes a zombie, or vanishes if nobody will wait for it.
    pub fn end_thread(&mut self, thread: &Arc<Thread>, vanished: &mut Vanished) -> ThreadEnd {
        let pid = thread.process.pid;
        self.hand_down_children(pid, thread.tid());
        let Some(node) = self.node_mut(pid) else {
            return ThreadEnd::ProcessEnded;
        };
        node.live -= 1;
        if node.live > 0 {
            // A leader stays until the others have ended, and then as the zombie.
            if !thread.is_leader() {
                self.remove_thread(pid, thread, vanished);
            }
            thread.process.ended.wake_all();
            return ThreadEnd::OthersLive;
        }
        if !thread.is_leader() {
            self.remove_thread(pid, thread, vanished);
        }
        let zombie = Zombie {
            status: thread.process.status(),
            usage: thread.process.gone_usage(),
            uid: thread.cred().ruid,
        };
        self.end_process(pid, zombie, vanished);
        thread.process.ended.wake_all();
        ThreadEnd::ProcessEnded
    }

    fn remove_thread(&mut self, pid: Pid, thread: &Arc<Thread>, vanished: &mut Vanished) {
        if let Some(node) = self.node_mut(pid)
            && let Some(index) = node.threads.iter().position(|other| Arc::ptr_eq(other, thread))
        {
            vanished.threads.push(node.threads.remove(index));
        }
        self.forget_tid(thread.tid(), vanished);
    }

    fn forget_tid(&mut self, tid: Tid, vanished: &mut Vanished) {
        if let Some(id) = self.ids.get_mut(&tid)
            && let Some(thread) = id.thread.take()
        {
            vanished.threads.push(thread);
            self.threads -= 1;
        }
        self.release_id(tid);
    }

    /// The only live thread of a process takes over its id (exec from a thread that is not the
    /// leader). The old leader has ended.
    pub fn make_leader(&mut self, thread: &Arc<Thread>, vanished: &mut Vanished) {
        let pid = thread.process.pid;
        let old_tid = thread.tid();
        // execve(2), "Effect on process attributes": the exit signal is SIGCHLD again.
        if let Some(node) = self.node_mut(pid) {
            node.exit_signal = Signal::SIGCHLD.number();
        }
        if old_tid == pid {
            return;
        }
        self.forget_tid(old_tid, vanished);
        thread.store_tid(pid);
        if let Some(id) = self.ids.get_mut(&pid) {
            vanished.threads.extend(id.thread.replace(thread.clone()));
        }
        let Some(node) = self.node_mut(pid) else {
            return;
        };
        let old = core::mem::replace(&mut node.threads, alloc::vec![thread.clone()]);
        vanished.threads.extend(old);
        for &child in &node.children.clone() {
            if let Some(child) = self.node_mut(child) {
                child.parent_thread = pid;
            }
        }
    }

    /// The children that thread `tid` of process `pid` has made are told of its death, and belong
    /// to another of its threads.
    fn hand_down_children(&mut self, pid: Pid, tid: Tid) {
        let Some(node) = self.node(pid) else { return };
        if node.children.is_empty() {
            return;
        }
        let heir = node.threads.iter().map(|thread| thread.tid()).find(|&other| other != tid);
        for child in node.children.clone() {
            let Some(child) = self.node_mut(child) else {
                continue;
            };
            if child.parent_thread != tid {
                continue;
            }
            child.parent_thread = heir.unwrap_or(tid);
            for thread in &child.threads {
                if let Some(signal) = thread.parent_death_signal() {
                    let info = SigInfo::from_process(signal, abi::siginfo::SI_USER, pid, 0);
                    child.process.signals.send(Target::Process, info, thread.signal_charge());
                }
            }
        }
    }

    fn end_process(&mut self, pid: Pid, zombie: Zombie, vanished: &mut Vanished) {
        self.abandon_children(pid, vanished);
        self.hang_up_if_orphaned(pid, None);
        if let Some(node) = self.node_mut(pid) {
            node.zombie = Some(zombie);
        }
        if self.tell_parent(pid) == Told::NobodyWaits {
            self.reap(pid, vanished);
        }
    }

    /// Gives the children of `pid` to whoever adopts them.
    fn abandon_children(&mut self, pid: Pid, vanished: &mut Vanished) {
        let Some(node) = self.node_mut(pid) else {
            return;
        };
        let children = core::mem::take(&mut node.children);
        if children.is_empty() {
            return;
        }
        let adopter = self.adopter(pid);
        let adopter_thread =
            self.node(adopter).and_then(Node::leader).map_or(adopter, |thread| thread.tid());
        for &child in &children {
            let Some(node) = self.node_mut(child) else {
                continue;
            };
            node.parent = adopter;
            node.parent_thread = adopter_thread;
            node.exit_signal = Signal::SIGCHLD.number();
            node.process.store_parent(adopter);
            let is_zombie = node.zombie.is_some();
            if let Some(adopter) = self.node_mut(adopter) {
                adopter.children.push(child);
            }
            if is_zombie && self.tell_parent(child) == Told::NobodyWaits {
                self.reap(child, vanished);
            } else {
                self.hang_up_if_orphaned(child, Some(pid));
            }
        }
    }

    /// Who adopts the children of `pid`: the nearest ancestor that asked for it, else process 1
    /// (prctl(2), `PR_SET_CHILD_SUBREAPER`).
    fn adopter(&self, pid: Pid) -> Pid {
        let mut ancestor = self.node(pid).map_or(INIT, |node| node.parent);
        while let Some(node) = self.node(ancestor) {
            let adopts = node.process.flags().contains(ProcessFlags::SUBREAPER);
            if adopts && node.zombie.is_none() && node.live > 0 {
                return ancestor;
            }
            ancestor = node.parent;
        }
        INIT
    }

    /// Whether no parent of a member of `group`, outside of it but in the same session, could
    /// continue it. `ignored` is a member about to end.
    pub fn group_is_orphaned(&self, group: Pid, ignored: Option<Pid>) -> bool {
        !self.group(group).any(|member| {
            let counts = Some(member.process.pid) != ignored
                && member.zombie.is_none()
                && member.parent != INIT;
            counts
                && self
                    .node(member.parent)
                    .is_some_and(|parent| parent.group != group && parent.session == member.session)
        })
    }

    /// A group that becomes orphaned while it has stopped members gets SIGHUP and SIGCONT
    /// (setpgid(2)). `pid` is the member whose link to `parent` (default: its own) goes away.
    fn hang_up_if_orphaned(&mut self, pid: Pid, parent: Option<Pid>) {
        let Some(node) = self.node(pid) else { return };
        let (group, session) = (node.group, node.session);
        let ignored = if parent.is_none() { Some(pid) } else { None };
        let linked = self
            .node(parent.unwrap_or(node.parent))
            .is_some_and(|parent| parent.group != group && parent.session == session);
        if linked
            && self.group_is_orphaned(group, ignored)
            && self.group(group).any(|member| member.process.signals.is_stopped())
        {
            self.signal_group(group, SigInfo::kernel(Signal::SIGHUP));
            self.signal_group(group, SigInfo::kernel(Signal::SIGCONT));
        }
    }

    /// Tells the parent of zombie `pid` by its exit signal and wakes those who wait.
    fn tell_parent(&self, pid: Pid) -> Told {
        let Some(node) = self.node(pid) else {
            return Told::Waits;
        };
        let (Some(zombie), Some(parent)) = (&node.zombie, self.node(node.parent)) else {
            return Told::NobodyWaits;
        };
        let mut told = Told::Waits;
        let mut signal = Signal::new(node.exit_signal);
        if signal == Some(Signal::SIGCHLD) {
            let action = parent.process.signals.action(Signal::SIGCHLD);
            let ignored = action.handler == Handler::Ignore;
            if ignored || action.flags.contains(SaFlags::SA_NOCLDWAIT) {
                told = Told::NobodyWaits;
            }
            if ignored {
                signal = None;
            }
        }
        if let (Some(signal), Some(leader)) = (signal, parent.leader()) {
            let change = child_change(&node.process, zombie);
            let info = SigInfo::child(signal, change);
            parent.process.signals.send(Target::Process, info, leader.signal_charge());
        }
        parent.process.child_events.wake_all();
        told
    }

    /// Removes zombie `pid`: nobody can name it any more.
    pub fn reap(&mut self, pid: Pid, vanished: &mut Vanished) {
        let Some(parent) = self.node(pid).map(|node| node.parent) else {
            return;
        };
        if let Some(parent) = self.node_mut(parent) {
            parent.children.retain(|&child| child != pid);
        }
        self.leave_group(pid);
        if let Some(id) = self.ids.get_mut(&pid)
            && let Some(node) = id.process.take()
        {
            self.processes -= 1;
            vanished.nodes.push(node);
        }
        self.forget_tid(pid, vanished);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The parent may wait for it.
    Waits,
    /// Nobody will.
    NobodyWaits,
}

/// What SIGCHLD and waitid(2) say of a process that has ended.
pub fn child_change(process: &Process, zombie: &Zombie) -> ChildChange {
    let (code, status) = status_fields(zombie.status);
    ChildChange {
        code,
        pid: process.pid,
        uid: zombie.uid,
        status,
        utime: zombie.usage.time.user / USER_TICK_NS,
        stime: zombie.usage.time.system / USER_TICK_NS,
    }
}

/// `si_code` and `si_status` for a wait status of a process that has ended.
pub fn status_fields(status: WaitStatus) -> (i32, i32) {
    match status.term_signal() {
        Some(signal) => {
            let code = if status.core_dumped() { CLD_DUMPED } else { CLD_KILLED };
            (code, signal.number().cast_signed())
        }
        None => (CLD_EXITED, status.exit_code().unwrap_or(0)),
    }
}
