//! Signals (signal(7)): actions, pending signals, masks, delivery, stop and continue.
//!
//! [`ProcessSignals`] is the shared part of a process, behind one lock; [`OwnSignals`] is what only
//! the thread itself touches. [`send`] finds targets and checks permissions, [`deliver`] runs on
//! the way to user mode, [`frame`] builds what a handler sees on its stack and takes it apart again
//! at rt_sigreturn(2).
//!
//! A signal's way: `send` puts it into a [`pending::Pending`] of the target, picks a thread that
//! takes it and sets that thread's `SIGNAL_PENDING` flag, which ends an interruptible sleep. The
//! thread's way out of the kernel tests the flag and calls [`deliver::deliver`], which takes the
//! signal and acts.
//!
//! Locks: `SIGNALS` (one per process, inside `PROCESS_TREE` and `PROCESS`), then `SIGNAL_ACTIONS`.

mod account;
pub mod action;
mod action_table;
pub mod alt_stack;
pub mod deliver;
pub mod fault;
pub mod frame;
pub mod info;
mod job;
pub mod own;
pub mod pending;
mod process;
pub mod send;
pub mod signalfd;
mod state;
#[cfg(test)]
mod tests;

pub use account::queued_by;
pub use action::{Action, Handler, SignalActions};
pub use info::{ChildChange, SigInfo};
pub use job::{Notice, ReportFilter};
pub use own::{FaultRecord, OwnSignals};
pub use process::{Next, PendingSets, ProcessSignals};
pub use state::{Force, Sent, Slot, Target};
