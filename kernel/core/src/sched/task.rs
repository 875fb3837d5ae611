//! A task: what the scheduler knows of a thread.

use alloc::sync::{Arc, Weak};
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use machine::linked::{Linked, TreeKey};
use machine::sync::{Once, SpinLock};
use machine::thread::KernelThread;

use super::policy::{self, Policy};
use super::state::{RunState, WakeAction, WakeReason};
use super::{account::CpuTime, cpu, timer};
use crate::locks;

/// A shared task. It carries its own queue links.
pub type TaskRef = Arc<Linked<Task>>;

bitflags::bitflags! {
    /// Reasons to leave the fast way back to user mode. The way out tests this word once.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct TaskFlags: u32 {
        /// Another task should run.
        const NEED_RESCHED = 1;
        /// A signal may be deliverable.
        const SIGNAL_PENDING = 1 << 1;
        /// A fatal signal is pending, or the thread group is exiting.
        const KILLED = 1 << 2;
        /// A scheduler tick wants to be charged to user or system time.
        const TICKED = 1 << 4;
        /// A system call left a `Restart`, or a saved signal mask wants to be put back.
        const RESTART = 1 << 5;
    }
}

/// User memory, as far as a switch needs it.
pub trait Activate: Send + Sync {
    /// Makes this the memory that user addresses mean on this processor. Cheap when it is already.
    /// Called with the task's lock held; must not sleep.
    fn activate(&self);
}

/// The schedulable part of a thread.
pub struct Task {
    // Set once, before the task is started.
    pub(super) kthread: Once<Arc<KernelThread>>,
    /// The thread of a process that it is, for the layer that knows what that means.
    owner: Once<Weak<dyn Any + Send + Sync>>,

    // Atomic.
    pub(super) state: RunState,
    flags: AtomicU32,
    /// The processor whose run queue has it, or that it ran on last.
    pub(super) cpu: AtomicU32,
    policy: AtomicU32,
    nice: AtomicI32,
    affinity: AtomicU64,
    reset_on_fork: AtomicBool,
    /// What it has used.
    pub time: CpuTime,

    // Written only under the lock of the run queue of `cpu`; atomics so that others may look.
    pub(super) vruntime: AtomicU64,
    pub(super) key: [AtomicU64; 2],
    /// `RunQueue::floor` when it left the queue of `cpu`.
    pub(super) left_floor: AtomicU64,
    pub(super) ran_since: AtomicU64,
    pub(super) slice_used: AtomicU64,

    // Behind its own lock.
    space: SpinLock<Option<Arc<dyn Activate>>>,
}

impl TreeKey for Task {
    type Key = (u64, u64);

    fn tree_key(&self) -> (u64, u64) {
        (self.key[0].load(Ordering::Relaxed), self.key[1].load(Ordering::Relaxed))
    }
}

/// How a new task competes, inherited over fork (sched(7)).
#[derive(Clone, Copy, Debug)]
pub struct Competition {
    /// Its policy.
    pub policy: Policy,
    /// Its nice value, -20 to 19.
    pub nice: i32,
    /// The processors it may use, bit n for processor n.
    pub affinity: u64,
    /// Children start with neither real-time policy nor negative nice value
    /// (`SCHED_RESET_ON_FORK`).
    pub reset_on_fork: bool,
}

impl Default for Competition {
    fn default() -> Self {
        Self { policy: Policy::Other, nice: 0, affinity: u64::MAX, reset_on_fork: false }
    }
}

impl Competition {
    /// How a child of a task that competes like this starts (sched(7), "The child of ...").
    pub fn for_child(self) -> Self {
        if !self.reset_on_fork {
            return self;
        }
        let (policy, nice) = match self.policy {
            Policy::Fifo(_) | Policy::RoundRobin(_) => (Policy::Other, 0),
            fair => (fair, self.nice.max(0)),
        };
        Self { policy, nice, reset_on_fork: false, ..self }
    }
}

impl Task {
    /// A task that is not started yet; `space` is its user memory, if it has any.
    pub fn new(competition: Competition, space: Option<Arc<dyn Activate>>) -> TaskRef {
        Linked::new(Self::with_state(RunState::new_blocked(), competition, space))
    }

    pub(super) fn with_state(
        state: RunState,
        competition: Competition,
        space: Option<Arc<dyn Activate>>,
    ) -> Self {
        Self {
            kthread: Once::new(),
            owner: Once::new(),
            state,
            flags: AtomicU32::new(0),
            cpu: AtomicU32::new(0),
            policy: AtomicU32::new(competition.policy.to_bits()),
            nice: AtomicI32::new(competition.nice),
            affinity: AtomicU64::new(competition.affinity),
            reset_on_fork: AtomicBool::new(competition.reset_on_fork),
            time: CpuTime::default(),
            vruntime: AtomicU64::new(0),
            key: [AtomicU64::new(0), AtomicU64::new(0)],
            left_floor: AtomicU64::new(0),
            ran_since: AtomicU64::new(0),
            slice_used: AtomicU64::new(0),
            space: SpinLock::new(locks::TASK_SPACE, space),
        }
    }

    /// The flags word.
    #[inline]
    pub fn flags(&self) -> TaskFlags {
        TaskFlags::from_bits_retain(self.flags.load(Ordering::Acquire))
    }

    /// Sets flags. To end a sleep as well, call [`interrupt`].
    ///
    /// [`interrupt`]: Self::interrupt
    pub fn set_flags(&self, flags: TaskFlags) {
        // Pairs with the sleeper's announcement in `state`: one of us sees the other.
        self.flags.fetch_or(flags.bits(), Ordering::SeqCst);
    }

    /// Clears flags.
    pub fn clear_flags(&self, flags: TaskFlags) {
        self.flags.fetch_and(!flags.bits(), Ordering::SeqCst);
    }

    /// Whether a signal waits for this task: an interruptible sleep would end at once.
    pub fn is_interrupted(&self) -> bool {
        self.flags().intersects(TaskFlags::SIGNAL_PENDING | TaskFlags::KILLED)
    }

    /// Whether the task is about to die: a killable sleep would end at once.
    pub fn is_killed(&self) -> bool {
        self.flags().contains(TaskFlags::KILLED)
    }

    /// Says whose thread this is; once.
    pub fn set_owner(&self, owner: Weak<dyn Any + Send + Sync>) {
        self.owner.call_once(|| owner);
    }

    /// Whose thread this is, if it is one of user mode and not gone.
    pub fn owner(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.owner.get()?.upgrade()
    }

    /// How it competes.
    pub fn competition(&self) -> Competition {
        Competition {
            policy: self.policy(),
            nice: self.nice(),
            affinity: self.affinity(),
            reset_on_fork: self.reset_on_fork.load(Ordering::Relaxed),
        }
    }

    /// Its policy.
    pub fn policy(&self) -> Policy {
        Policy::from_bits(self.policy.load(Ordering::Relaxed))
    }

    /// Its nice value.
    pub fn nice(&self) -> i32 {
        self.nice.load(Ordering::Relaxed)
    }

    /// The processors it may use.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }

    /// The processor it runs on, or ran on last.
    pub fn cpu(&self) -> u32 {
        self.cpu.load(Ordering::Relaxed)
    }

    /// The letter of /proc/PID/stat: R, S, D, T, t or X.
    pub fn state_letter(&self) -> u8 {
        self.state.letter()
    }

    /// Changes the user memory of the calling task and switches to it at once (exec). At exit it
    /// is taken away; what is loaded then stays loaded until somebody else's is needed.
    pub fn set_space(&self, space: Option<Arc<dyn Activate>>) {
        if let Some(space) = &space {
            space.activate();
        }
        let old = core::mem::replace(&mut *self.space.lock(), space);
        drop(old);
    }

    /// Loads this task's user memory, if it is not the loaded one. A task without any borrows
    /// whatever is loaded.
    pub(super) fn load_space(&self) {
        if let Some(space) = &*self.space.lock() {
            space.activate();
        }
    }

    pub(super) fn weight(&self) -> u64 {
        policy::weight(self.policy(), self.nice())
    }

    pub(super) fn store_competition(&self, competition: Competition) {
        self.policy.store(competition.policy.to_bits(), Ordering::Relaxed);
        self.nice.store(competition.nice, Ordering::Relaxed);
        self.affinity.store(competition.affinity, Ordering::Relaxed);
        self.reset_on_fork.store(competition.reset_on_fork, Ordering::Relaxed);
    }
}

/// What can be done to a shared task.
pub trait TaskExt {
    /// Wakes it because the condition it sleeps on may be true.
    fn wake(&self);
    /// Sets `flags` and ends a sleep that a signal (`kill`: a fatal one) may end. If the task is
    /// running on another processor, makes it enter the kernel soon.
    fn interrupt(&self, flags: TaskFlags, reason: WakeReason);
    /// Changes how it competes, moving it off a processor that it may no longer use.
    fn set_competition(&self, competition: Competition);
}

impl TaskExt for TaskRef {
    fn wake(&self) {
        if self.state.wake(WakeReason::Condition) == WakeAction::Enqueue {
            cpu::enqueue_woken(self);
        }
    }

    fn interrupt(&self, flags: TaskFlags, reason: WakeReason) {
        self.set_flags(flags);
        if self.state.wake(reason) == WakeAction::Enqueue {
            cpu::enqueue_woken(self);
        } else {
            cpu::kick(self);
        }
    }

    fn set_competition(&self, competition: Competition) {
        cpu::set_competition(self, competition);
    }
}

/// A sleep with a deadline: the timer simply wakes the task, which looks at the clock itself.
impl timer::Expire for Linked<Task> {
    fn expire(self: Arc<Self>) {
        self.wake();
    }
}
