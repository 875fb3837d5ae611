//! The scheduler: tasks, run queues, sleeping and waking, timers, CPU time.
//!
//! Owns the question of who runs where. It knows nothing of processes: a [`Task`] is a kernel
//! thread with a page table to load, weights and counters.
//!
//! Locks, outermost first: the sleepers of a [`WaitQueue`], the timers of a processor, a run queue.
//! None is held over a switch. The protocols that keep wake-ups from getting lost are drawn in
//! [`state`] and [`wait`], the one that keeps two processors off one stack in [`cpu`].

mod account;
mod cpu;
mod policy;
mod poll;
mod run_queue;
mod state;
mod task;
pub mod timer;
mod wait;

pub use account::{CpuTime, LoadAverage, UserSystem};
pub use cpu::{
    MAX_PROCESSORS, ProcessorStats, TICK_NS, charge_tick, current, enter_idle, first_run, init,
    load_average, online, preempt, preempt_if_needed, run_idle, runnable, start, stats,
    update_time, yield_now,
};
pub use policy::{NICE_MAX, NICE_MIN, Policy, RR_SLICE_NS, RT_PRIORITY_MAX, weight};
pub use poll::{PollTable, Poller, Registration, Wake};
pub use state::{Sleep, WakeReason};
pub use task::{Activate, Competition, Task, TaskExt, TaskFlags, TaskRef};
pub use wait::{WaitQueue, Woken, sleep_until};
