//! Processes and threads: what fork makes, exec changes, exit ends and wait collects.
//!
//! [`Process`] is what Linux calls a thread group, [`Thread`] one of its threads; both are shared
//! and anybody may look at them. [`CurrentThread`] belongs to its thread alone: it owns the user
//! registers, is not `Send`, and is handed down to whatever the thread does. The relations between
//! processes (parents, groups, sessions) and the table of ids live in one place, [`tree`].
//!
//! A thread's life: [`clone`] builds all parts, publishes them in the tree and starts the kernel
//! thread; that runs the user loop (`syscall::user_loop`) until the thread is to end; [`exit`] takes
//! everything apart again, in Linux's order; [`wait`] collects what is left.
//!
//! Locks: `PROCESS_TREE` outside, then `PROCESS`, `SIGNALS`, `THREAD`. The tree's lock is held only
//! for bookkeeping: fork, exec and exit do their long work outside of it.

pub mod clone;
pub mod credentials;
mod current;
pub mod exec;
pub mod exit;
pub mod first;
pub mod futex;
pub mod limits;
pub mod oom;
pub mod pidfd;
pub mod priority;
mod process;
pub mod session;
pub mod signal;
mod thread;
pub mod timers;
pub mod tree;
pub mod usage;
pub mod users;
pub mod wait;

pub use current::{CurrentThread, Ending, VforkDone};
pub use limits::Limits;
pub use process::{Process, ProcessFlags};
pub use thread::{COMM_LEN, Comm, RobustList, Thread, ThreadFiles};
pub use tree::{Pid, Tid};
pub use usage::Usage;
