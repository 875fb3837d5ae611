//! The tree: who is whose child, who is in which group and session, and which ids are taken.
//!
//! One reader-writer lock (`PROCESS_TREE`) covers all of it, so that a relation never shows half of
//! a change. It is held for bookkeeping only. Signals may be sent and wait queues woken under it
//! (`SIGNALS` and `WAIT_QUEUE` are further inside); what is taken out is dropped after it.
//!
//! An id is one number for up to four things: a thread, a process, a group and a session. It is
//! free again when it is none of them. The relations name each other by id, so that there are no
//! cycles of references.
//!
//! Invariants: a process in the tree has a parent in the tree (process 1 has parent 0); it is in its
//! parent's `children` and in its group's `members` exactly once; all members of a group are in one
//! session; a process with `zombie` set has no live threads.

mod family;
mod pids;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use abi::WaitStatus;
use hashbrown::HashMap;
use machine::sync::{ReadGuard, RwSpinLock, WriteGuard};

use super::process::Process;
use super::signal::{SigInfo, Target};
use super::thread::Thread;
use super::usage::Usage;
use crate::locks;

pub use family::{ThreadEnd, Vanished, child_change, status_fields};
pub use pids::{PID_MAX_LIMIT, PidReservation, pid_max, reserve, reserve_exact, set_pid_max};

/// A process, group or session id. 0 is nobody.
pub type Pid = u32;
/// A thread id.
pub type Tid = u32;

/// The first process, which adopts orphans.
pub const INIT: Pid = 1;

static TREE: RwSpinLock<Tree> = RwSpinLock::new(locks::PROCESS_TREE, Tree::new());

/// Looks at the tree.
pub fn read() -> ReadGuard<'static, Tree> {
    TREE.read()
}

/// Changes the tree.
pub fn write() -> WriteGuard<'static, Tree> {
    TREE.write()
}

/// The process `pid`, zombies included.
pub fn process(pid: Pid) -> Option<Arc<Process>> {
    read().node(pid).map(|node| node.process.clone())
}

/// The thread `tid`.
pub fn thread(tid: Tid) -> Option<Arc<Thread>> {
    read().thread(tid).cloned()
}

/// The threads of process `pid`, the leader first.
pub fn threads(pid: Pid) -> Vec<Arc<Thread>> {
    read().node(pid).map_or_else(Vec::new, |node| node.threads.clone())
}

/// Sends a signal from the kernel to every process of group `group`.
pub fn signal_group(group: Pid, info: SigInfo) {
    read().signal_group(group, info);
}

/// All relations.
pub struct Tree {
    ids: HashMap<Pid, Id, IdHasher>,
    allocator: pids::Allocator,
    processes: usize,
    threads: usize,
}

/// What one id is in use for.
#[derive(Default)]
struct Id {
    reserved: bool,
    thread: Option<Arc<Thread>>,
    process: Option<alloc::boxed::Box<Node>>,
    /// The processes of the group with this id.
    members: Vec<Pid>,
    /// How many processes are in the session with this id.
    session: usize,
}

/// A process and its relations.
pub struct Node {
    /// The process.
    pub process: Arc<Process>,
    /// Its parent; 0 for process 1.
    pub parent: Pid,
    /// The thread of the parent that made it.
    pub parent_thread: Tid,
    /// Its children, oldest first.
    pub children: Vec<Pid>,
    /// Its threads, the leader first. The leader stays here when it ends before the others.
    pub threads: Vec<Arc<Thread>>,
    /// How many of its threads have not ended.
    pub live: usize,
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// The signal that tells its parent of its end; 0 for none, maybe not a signal at all.
    pub exit_signal: u32,
    /// How it ended, when all its threads have.
    pub zombie: Option<Zombie>,
}

/// What is left of a process until its parent has waited for it.
#[derive(Clone, Copy, Debug)]
pub struct Zombie {
    /// How it ended.
    pub status: WaitStatus,
    /// What it used, without its children.
    pub usage: Usage,
    /// Its real user id.
    pub uid: u32,
}

impl Node {
    /// Whether `exit_signal` makes it a "clone" child, which wait(2) reports only with `__WCLONE`
    /// or `__WALL`.
    pub fn is_clone_child(&self) -> bool {
        self.exit_signal != abi::Signal::SIGCHLD.number()
    }

    /// The leader, or who took its place.
    pub fn leader(&self) -> Option<&Arc<Thread>> {
        self.threads.first()
    }
}

/// Whose child a new process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// Of this process, made by this thread of it.
    ChildOf(Pid, Tid),
    /// Of the parent of this process (`CLONE_PARENT`); it takes over that one's exit signal.
    SiblingOf(Pid),
    /// Nobody's: process 1.
    First,
}

/// What a new process starts with.
pub struct NewProcess {
    /// Its id.
    pub pid: PidReservation,
    /// The process.
    pub process: Arc<Process>,
    /// Its first thread.
    pub leader: Arc<Thread>,
    /// Whose child it is.
    pub created: Creation,
    /// See [`Node::exit_signal`].
    pub exit_signal: u32,
}

impl Tree {
    pub(in crate::task) const fn new() -> Self {
        Self {
            ids: HashMap::with_hasher(IdHasher),
            allocator: pids::Allocator::new(),
            processes: 0,
            threads: 0,
        }
    }

    /// The process `pid` with its relations.
    pub fn node(&self, pid: Pid) -> Option<&Node> {
        self.ids.get(&pid)?.process.as_deref()
    }

    fn node_mut(&mut self, pid: Pid) -> Option<&mut Node> {
        self.ids.get_mut(&pid)?.process.as_deref_mut()
    }

    /// The thread `tid`.
    pub fn thread(&self, tid: Tid) -> Option<&Arc<Thread>> {
        self.ids.get(&tid)?.thread.as_ref()
    }

    /// The members of a process group, or nobody.
    pub fn group(&self, group: Pid) -> impl Iterator<Item = &Node> {
        let members = self.ids.get(&group).map_or(&[][..], |id| &id.members);
        members.iter().filter_map(|&pid| self.node(pid))
    }

    /// The session of a process group, if the group exists.
    pub fn session_of_group(&self, group: Pid) -> Option<Pid> {
        self.group(group).next().map(|node| node.session)
    }

    /// Whether a session with this id exists.
    pub fn has_session(&self, session: Pid) -> bool {
        self.ids.get(&session).is_some_and(|id| id.session > 0)
    }

    /// All processes, in no order.
    pub fn processes(&self) -> impl Iterator<Item = &Node> {
        self.ids.values().filter_map(|id| id.process.as_deref())
    }

    /// The ids of all processes, ascending.
    pub fn pids(&self) -> Vec<Pid> {
        let mut pids: Vec<_> = self.processes().map(|node| node.process.pid).collect();
        pids.sort_unstable();
        pids
    }

    /// How many processes there are, zombies included.
    pub fn process_count(&self) -> usize {
        self.processes
    }

    /// How many threads there are, zombies included.
    pub fn thread_count(&self) -> usize {
        self.threads
    }

    /// The id that was given out last, for /proc/loadavg.
    pub fn last_pid(&self) -> Pid {
        self.allocator.last()
    }

    /// Sends a signal from the kernel to every process of a group.
    pub fn signal_group(&self, group: Pid, info: SigInfo) {
        for node in self.group(group).filter(|node| node.zombie.is_none()) {
            if let Some(leader) = node.leader() {
                node.process.signals.send(Target::Process, info, leader.signal_charge());
            }
        }
    }

    /// Puts a new process in, with the group and session of its parent. After this others see it.
    ///
    /// # Errors
    /// `ENOMEM`, with nothing changed; the id is given back when the reservation is dropped (after
    /// the tree's lock is released).
    pub fn add_process(&mut self, new: NewProcess) -> Result<(), (abi::Errno, NewProcess)> {
        let pid = new.pid.pid();
        let (parent_pid, parent_thread, exit_signal) = self.parentage(&new);
        // The maker's, which is not the parent with CLONE_PARENT; process 1 starts its own.
        let maker = match new.created {
            Creation::ChildOf(maker, _) | Creation::SiblingOf(maker) => self.node(maker),
            Creation::First => None,
        };
        let (group, session) = maker.map_or((0, 0), |maker| (maker.group, maker.session));
        if self.make_room_for_child(parent_pid, group).is_err() {
            return Err((abi::Errno::ENOMEM, new));
        }
        let mut threads = Vec::new();
        if threads.try_reserve_exact(1).is_err() {
            return Err((abi::Errno::ENOMEM, new));
        }
        let NewProcess { pid: reservation, process, leader, .. } = new;
        reservation.consume();
        threads.push(leader.clone());
        process.count_in();
        process.store_parent(parent_pid);
        process.store_group(group, session);
        let id = self.ids.entry(pid).or_default();
        id.reserved = false;
        id.thread = Some(leader);
        id.process = Some(alloc::boxed::Box::new(Node {
            process,
            parent: parent_pid,
            parent_thread,
            children: Vec::new(),
            threads,
            live: 1,
            group,
            session,
            exit_signal,
            zombie: None,
        }));
        if let Some(parent) = self.node_mut(parent_pid) {
            parent.children.push(pid);
        }
        self.ids.entry(group).or_default().members.push(pid);
        self.ids.entry(session).or_default().session += 1;
        self.processes += 1;
        self.threads += 1;
        Ok(())
    }

    fn parentage(&self, new: &NewProcess) -> (Pid, Tid, u32) {
        match new.created {
            Creation::ChildOf(pid, tid) => (pid, tid, new.exit_signal),
            Creation::SiblingOf(pid) => self.node(pid).map_or((INIT, INIT, 0), |sibling| {
                (sibling.parent, sibling.parent_thread, sibling.exit_signal)
            }),
            Creation::First => (0, 0, 0),
        }
    }

    fn make_room_for_child(
        &mut self,
        parent: Pid,
        group: Pid,
    ) -> Result<(), alloc::collections::TryReserveError> {
        if let Some(parent) = self.node_mut(parent) {
            parent.children.try_reserve(1)?;
        }
        if let Some(group) = self.ids.get_mut(&group) {
            group.members.try_reserve(1)?;
        }
        Ok(())
    }

    /// Puts a new thread of process `pid` in.
    ///
    /// # Errors
    /// `ENOMEM`, with nothing changed.
    pub fn add_thread(
        &mut self,
        reservation: PidReservation,
        thread: &Arc<Thread>,
    ) -> Result<(), (abi::Errno, PidReservation)> {
        let tid = reservation.pid();
        let room = self
            .node_mut(thread.process.pid)
            .is_some_and(|node| node.threads.try_reserve(1).is_ok());
        if !room {
            return Err((abi::Errno::ENOMEM, reservation));
        }
        reservation.consume();
        thread.process.count_in();
        if let Some(node) = self.node_mut(thread.process.pid) {
            node.threads.push(thread.clone());
            node.live += 1;
        }
        let id = self.ids.entry(tid).or_default();
        id.reserved = false;
        id.thread = Some(thread.clone());
        self.threads += 1;
        Ok(())
    }

    /// Forgets an id that is not in use for anything any more.
    fn release_id(&mut self, pid: Pid) {
        let unused = self.ids.get(&pid).is_some_and(|id| {
            !id.reserved
                && id.thread.is_none()
                && id.process.is_none()
                && id.members.is_empty()
                && id.session == 0
        });
        if unused {
            self.ids.remove(&pid);
        }
    }

    /// Moves process `pid` into `group` of `session`; both come into being if they are not there.
    pub(super) fn move_to_group(&mut self, pid: Pid, group: Pid, session: Pid) {
        self.leave_group(pid);
        self.ids.entry(group).or_default().members.push(pid);
        self.ids.entry(session).or_default().session += 1;
        if let Some(node) = self.node_mut(pid) {
            node.group = group;
            node.session = session;
            node.process.store_group(group, session);
        }
    }

    fn leave_group(&mut self, pid: Pid) {
        let Some((group, session)) = self.node(pid).map(|node| (node.group, node.session)) else {
            return;
        };
        if let Some(id) = self.ids.get_mut(&group) {
            id.members.retain(|&member| member != pid);
        }
        if let Some(id) = self.ids.get_mut(&session) {
            id.session = id.session.saturating_sub(1);
        }
        self.release_id(group);
        self.release_id(session);
    }
}

/// Hashes ids: they are small, dense and nobody's free choice, so one multiplication spreads them
/// well enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher;

/// The state of [`IdHasher`].
#[derive(Debug, Default)]
pub struct IdHash(u64);

impl BuildHasher for IdHasher {
    type Hasher = IdHash;

    fn build_hasher(&self) -> IdHash {
        IdHash(0)
    }
}

impl Hasher for IdHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
