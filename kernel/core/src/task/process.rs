//! A process: what all threads of a thread group share.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use abi::WaitStatus;
use machine::sync::SpinLock;

use super::limits::Limits;
use super::signal::{ProcessSignals, SignalActions};
use super::timers::ProcessTimers;
use super::tree::Pid;
use super::usage::Usage;
use crate::fs::Path;
use crate::locks;
use crate::sched::WaitQueue;

bitflags::bitflags! {
    /// Properties of a process that change rarely.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ProcessFlags: u32 {
        /// It has called exec since it was forked: its parent may no longer move it to another
        /// group (setpgid(2), `EACCES`).
        const HAS_EXECED = 1;
        /// Orphaned descendants become its children (`PR_SET_CHILD_SUBREAPER`).
        const SUBREAPER = 1 << 1;
        /// It may be traced and its /proc files belong to its user (`PR_SET_DUMPABLE`, 1).
        const DUMPABLE = 1 << 2;
        /// It wants to send barriers to its own threads (membarrier(2)).
        const BARRIERS_PRIVATE = 1 << 3;
        /// The same, with instruction fetches in order as well.
        const BARRIERS_PRIVATE_CORE = 1 << 4;
        /// It wants to get the barriers that anybody sends to all who want them.
        const BARRIERS_GLOBAL = 1 << 5;
    }
}

impl ProcessFlags {
    /// What membarrier(2) has registered.
    pub const BARRIERS: Self =
        Self::BARRIERS_PRIVATE.union(Self::BARRIERS_PRIVATE_CORE).union(Self::BARRIERS_GLOBAL);
}

/// A thread group.
pub struct Process {
    // Immutable.
    /// The process id, which is also the thread id of its leader.
    pub pid: Pid,
    /// When it was made, in nanoseconds of the monotonic clock.
    pub started_at: u64,

    // Atomic. The ids are copies of what the tree says, written under its lock: for reading one of
    // them no lock is needed.
    parent: AtomicU32,
    group: AtomicU32,
    session: AtomicU32,
    flags: AtomicU32,
    /// How many threads have not begun to end.
    living: AtomicU32,
    /// -1000 to 1000 (proc(5), `oom_score_adj`).
    pub oom_score_adj: AtomicI32,
    /// Its resource limits.
    pub limits: Limits,

    // With locks of their own.
    /// What signals do, and which are pending.
    pub signals: ProcessSignals,
    /// Its timers.
    pub timers: ProcessTimers,
    /// Woken when a child changes its state in a way that wait(2) reports.
    pub child_events: WaitQueue,
    /// Woken when a thread of this process ends, and when the process does: exec waits here for the
    /// other threads, pidfds poll it.
    pub ended: WaitQueue,
    inner: SpinLock<Inner>,
}

struct Inner {
    /// What its threads that ended have used.
    gone: Usage,
    /// What children have used that were waited for, and theirs.
    children: Usage,
    /// The program that it runs.
    executable: Option<Path>,
    /// How the leader ended, which is how the process does unless exit_group or a signal says
    /// otherwise.
    leader_status: WaitStatus,
}

impl Process {
    /// A process without threads and relations; [`super::tree`] gives it those. `parent` is whom it
    /// inherits from: limits, flags, program.
    pub fn new(pid: Pid, parent: Option<&Process>, actions: Arc<SignalActions>) -> Arc<Self> {
        let inherited_flags = parent.map_or(ProcessFlags::DUMPABLE, |parent| {
            parent.flags() & (ProcessFlags::DUMPABLE | ProcessFlags::BARRIERS)
        });
        let oom_score_adj = parent.map_or(0, |parent| parent.oom_score_adj.load(Ordering::Relaxed));
        Arc::new(Self {
            pid,
            started_at: machine::time::now(),
            parent: AtomicU32::new(0),
            group: AtomicU32::new(0),
            session: AtomicU32::new(0),
            flags: AtomicU32::new(inherited_flags.bits()),
            living: AtomicU32::new(0),
            oom_score_adj: AtomicI32::new(oom_score_adj),
            limits: parent.map_or_else(Limits::initial, |parent| parent.limits.duplicate()),
            timers: ProcessTimers::new(),
            // Process 1 is not killed by signals that it has no handler for.
            signals: ProcessSignals::new(actions, pid == super::tree::INIT),
            child_events: WaitQueue::new(),
            ended: WaitQueue::new(),
            inner: SpinLock::new(
                locks::PROCESS,
                Inner {
                    gone: Usage::default(),
                    children: Usage::default(),
                    executable: parent.and_then(Process::executable),
                    leader_status: WaitStatus::exited(0),
                },
            ),
        })
    }

    /// The parent's process id, 0 for process 1 (getppid(2)).
    pub fn parent(&self) -> Pid {
        self.parent.load(Ordering::Relaxed)
    }

    /// The process group id.
    pub fn group(&self) -> Pid {
        self.group.load(Ordering::Relaxed)
    }

    /// The session id.
    pub fn session(&self) -> Pid {
        self.session.load(Ordering::Relaxed)
    }

    /// Only for the tree, under its lock.
    pub(super) fn store_parent(&self, pid: Pid) {
        self.parent.store(pid, Ordering::Relaxed);
    }

    /// Only for the tree, under its lock.
    pub(super) fn store_group(&self, group: Pid, session: Pid) {
        self.group.store(group, Ordering::Relaxed);
        self.session.store(session, Ordering::Relaxed);
    }

    /// A thread joins; only for the tree, when it adds one.
    pub(super) fn count_in(&self) {
        self.living.fetch_add(1, Ordering::Relaxed);
    }

    /// A thread begins to end. True for the last one, which takes down what the process has as a
    /// whole; of threads that end at once exactly one is told so.
    pub(super) fn count_out(&self) -> bool {
        self.living.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Its flags.
    pub fn flags(&self) -> ProcessFlags {
        ProcessFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// Sets or clears flags.
    pub fn set_flags(&self, flags: ProcessFlags, on: bool) {
        if on {
            self.flags.fetch_or(flags.bits(), Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flags.bits(), Ordering::Relaxed);
        }
    }

    /// The program that it runs, for /proc/PID/exe.
    pub fn executable(&self) -> Option<Path> {
        self.inner.lock().executable.clone()
    }

    /// Sets the program that it runs, and returns the old one.
    pub fn set_executable(&self, path: Option<Path>) -> Option<Path> {
        core::mem::replace(&mut self.inner.lock().executable, path)
    }

    /// What the threads that have ended used.
    pub fn gone_usage(&self) -> Usage {
        self.inner.lock().gone
    }

    /// Adds what a thread used that ends.
    pub fn add_gone_usage(&self, usage: Usage) {
        self.inner.lock().gone.add(usage);
    }

    /// What children used that were waited for, and those that they had waited for.
    pub fn children_usage(&self) -> Usage {
        self.inner.lock().children
    }

    /// Adds what a child used that was waited for.
    pub fn add_children_usage(&self, usage: Usage) {
        self.inner.lock().children.add(usage);
    }

    /// How the process has ended or will: by exit_group or a signal, else as its leader did.
    pub fn status(&self) -> WaitStatus {
        let leader = self.inner.lock().leader_status;
        self.signals.exit_status().unwrap_or(leader)
    }

    pub(super) fn set_leader_status(&self, status: WaitStatus) {
        self.inner.lock().leader_status = status;
    }
}
