//! A thread, as others see it.

use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::Signal;
use abi::process::Personality;
use machine::addr::UserAddr;
use machine::sync::SpinLock;

use super::process::Process;
use super::signal::{SigInfo, Slot};
use super::tree::Tid;
use super::usage::Usage;
use super::users::UserCharge;
use crate::cred::Cred;
use crate::fs::{FdTable, FsInfo};
use crate::locks;
use crate::mm::AddressSpace;
use crate::sched::{self, TaskRef};

/// Bytes of a thread's name, with its NUL (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;

/// A thread's name, NUL-terminated and NUL-padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comm([u8; COMM_LEN]);

impl Comm {
    /// As much of `name` as fits, up to its first NUL.
    pub fn new(name: &[u8]) -> Self {
        let mut comm = [0; COMM_LEN];
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        let len = end.min(COMM_LEN - 1);
        comm[..len].copy_from_slice(&name[..len]);
        Self(comm)
    }

    /// The name without its NUL.
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(COMM_LEN);
        &self.0[..end]
    }

    /// All 16 bytes, for prctl(PR_GET_NAME).
    pub fn padded(&self) -> &[u8; COMM_LEN] {
        &self.0
    }
}

/// What of a thread's resources others may look at: /proc, ptrace, and process_vm_readv(2). All
/// gone once the thread has ended.
#[derive(Clone, Default)]
pub struct ThreadFiles {
    /// Its address space.
    pub space: Option<Arc<AddressSpace>>,
    /// Its open files.
    pub files: Option<Arc<FdTable>>,
    /// Its root, working directory and umask.
    pub fs: Option<Arc<FsInfo>>,
}

/// The list of futexes that a thread leaves to the kernel when it dies (set_robust_list(2)).
#[derive(Clone, Copy, Debug, Default)]
pub struct RobustList {
    /// Address of the `robust_list_head`, 0 for none.
    pub head: UserAddr,
    /// Its size as user space gave it.
    pub len: usize,
}

/// One thread of a process.
pub struct Thread {
    // Immutable.
    /// The process it belongs to.
    pub process: Arc<Process>,
    /// What the scheduler knows of it.
    pub task: TaskRef,
    /// Its place in the signal state of its process.
    pub slot: Slot,
    /// When it was made, in nanoseconds of the monotonic clock.
    pub started_at: u64,

    // Atomic.
    /// Changes only when exec makes a thread the leader, under the tree's lock.
    tid: AtomicU32,
    /// The signal that it gets when its parent thread dies, 0 for none (`PR_SET_PDEATHSIG`).
    parent_death_signal: AtomicU32,
    /// Its personality(2).
    personality: AtomicU32,
    /// How late its timers may be (`PR_SET_TIMERSLACK`), in nanoseconds, and what 0 resets it to.
    timer_slack: [AtomicU64; 2],
    /// It has ended; only a leader can still be found then.
    ended: AtomicBool,
    /// Page faults without I/O.
    pub minor_faults: AtomicU64,
    /// Page faults that had to read from a device.
    pub major_faults: AtomicU64,

    // Behind the lock. The thread itself keeps its own copies of most of it, see `CurrentThread`.
    shared: SpinLock<Shared>,
}

struct Shared {
    comm: Comm,
    cred: Arc<Cred>,
    files: ThreadFiles,
    robust_list: RobustList,
    charge: UserCharge,
}

/// The parts of a new thread.
pub struct NewThread {
    /// Its process.
    pub process: Arc<Process>,
    /// Its task.
    pub task: TaskRef,
    /// Its place in the signal state.
    pub slot: Slot,
    /// Its id.
    pub tid: Tid,
    /// Its name.
    pub comm: Comm,
    /// Its credentials.
    pub cred: Arc<Cred>,
    /// Its resources.
    pub files: ThreadFiles,
    /// Its place in its user's count.
    pub charge: UserCharge,
    /// What else it has of the thread that makes it.
    pub traits: Traits,
}

/// Small properties that a new thread inherits.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// Its personality(2).
    pub personality: Personality,
    /// How late its timers may be, in nanoseconds.
    pub timer_slack: u64,
}

impl Default for Traits {
    fn default() -> Self {
        Self { personality: Personality::empty(), timer_slack: 50_000 }
    }
}

impl Thread {
    /// Makes a thread of its parts.
    pub fn new(new: NewThread) -> Arc<Self> {
        let thread = Arc::new(Self {
            process: new.process,
            task: new.task,
            slot: new.slot,
            started_at: machine::time::now(),
            tid: AtomicU32::new(new.tid),
            parent_death_signal: AtomicU32::new(0),
            personality: AtomicU32::new(new.traits.personality.bits()),
            timer_slack: [(); 2].map(|()| AtomicU64::new(new.traits.timer_slack)),
            ended: AtomicBool::new(false),
            minor_faults: AtomicU64::new(0),
            major_faults: AtomicU64::new(0),
            shared: SpinLock::new(
                locks::THREAD,
                Shared {
                    comm: new.comm,
                    cred: new.cred,
                    files: new.files,
                    robust_list: RobustList::default(),
                    charge: new.charge,
                },
            ),
        });
        let owner: Weak<dyn Any + Send + Sync> = Arc::<Self>::downgrade(&thread);
        thread.task.set_owner(owner);
        thread
    }

    /// The thread that runs here, for code that is called without its `CurrentThread` (polling).
    pub fn running() -> Option<Arc<Self>> {
        sched::current().owner()?.downcast().ok()
    }

    /// The thread id.
    pub fn tid(&self) -> Tid {
        self.tid.load(Ordering::Relaxed)
    }

    /// Only for the tree, under its lock.
    pub(super) fn store_tid(&self, tid: Tid) {
        self.tid.store(tid, Ordering::Relaxed);
    }

    /// Whether it is the first thread of its process.
    pub fn is_leader(&self) -> bool {
        self.tid() == self.process.pid
    }

    /// Whether it has ended: a leader whose process lives on, or a zombie.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn mark_ended(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Its name.
    pub fn comm(&self) -> Comm {
        self.shared.lock().comm
    }

    /// Changes its name.
    pub fn set_comm(&self, comm: Comm) {
        self.shared.lock().comm = comm;
    }

    /// Its credentials. The thread itself asks its `CurrentThread`.
    pub fn cred(&self) -> Arc<Cred> {
        self.shared.lock().cred.clone()
    }

    /// Only for `CurrentThread::set_cred`, which keeps the thread's own copy. Moves the thread to
    /// another user's count if the real user id changes.
    pub(super) fn store_cred(&self, cred: Arc<Cred>) {
        let new_user = cred.ruid;
        let (old_cred, old_charge) = {
            let mut shared = self.shared.lock();
            let old = core::mem::replace(&mut shared.cred, cred);
            if old.ruid == new_user {
                (old, None)
            } else {
                let moved = UserCharge::new(new_user);
                (old, Some(core::mem::replace(&mut shared.charge, moved)))
            }
        };
        drop((old_cred, old_charge));
    }

    /// Its resources.
    pub fn files(&self) -> ThreadFiles {
        self.shared.lock().files.clone()
    }

    /// Replaces what others see of its resources, and returns what they saw before.
    pub(super) fn store_files(&self, files: ThreadFiles) -> ThreadFiles {
        core::mem::replace(&mut self.shared.lock().files, files)
    }

    /// The list of robust futexes.
    pub fn robust_list(&self) -> RobustList {
        self.shared.lock().robust_list
    }

    /// Sets the list of robust futexes.
    pub fn set_robust_list(&self, list: RobustList) {
        self.shared.lock().robust_list = list;
    }

    /// The signal that it gets when its parent thread dies.
    pub fn parent_death_signal(&self) -> Option<Signal> {
        Signal::new(self.parent_death_signal.load(Ordering::Relaxed))
    }

    /// Sets the signal that it gets when its parent thread dies.
    pub fn set_parent_death_signal(&self, signal: Option<Signal>) {
        self.parent_death_signal.store(signal.map_or(0, Signal::number), Ordering::Relaxed);
    }

    /// Its personality(2).
    pub fn personality(&self) -> Personality {
        Personality::from_bits_retain(self.personality.load(Ordering::Relaxed))
    }

    /// Sets its personality(2).
    pub fn set_personality(&self, personality: Personality) {
        self.personality.store(personality.bits(), Ordering::Relaxed);
    }

    /// How late its timers may be, in nanoseconds.
    pub fn timer_slack(&self) -> u64 {
        self.timer_slack[0].load(Ordering::Relaxed)
    }

    /// Sets how late its timers may be; 0 for what it started with.
    pub fn set_timer_slack(&self, ns: u64) {
        let ns = if ns == 0 { self.timer_slack[1].load(Ordering::Relaxed) } else { ns };
        self.timer_slack[0].store(ns, Ordering::Relaxed);
    }

    /// What a thread that this one makes inherits.
    pub fn traits(&self) -> Traits {
        Traits { personality: self.personality(), timer_slack: self.timer_slack() }
    }

    /// How many threads its real user has in all.
    pub fn user_threads(&self) -> u64 {
        self.shared.lock().charge.count()
    }

    /// What it has used up to its last tick or switch.
    pub fn usage(&self) -> Usage {
        Usage::of_thread(self)
    }

    /// Sends it a signal, as the kernel does: without asking for permission.
    pub fn send_signal(&self, info: SigInfo) {
        let target = super::signal::Target::Thread(self.slot);
        self.process.signals.send(target, info, self.signal_charge());
    }

    /// The user and the limit that signals queued for this thread count against.
    pub fn signal_charge(&self) -> (u32, u64) {
        let limit = self.process.limits.soft(abi::limits::RLIMIT_SIGPENDING);
        (self.cred().ruid, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_padded() {
        assert_eq!(Comm::new(b"sh").as_bytes(), b"sh");
        assert_eq!(Comm::new(b"a\0b").as_bytes(), b"a");
        let long = Comm::new(b"a-very-long-program-name");
        assert_eq!(long.as_bytes(), b"a-very-long-pro");
        assert_eq!(long.padded()[15], 0);
    }
}
