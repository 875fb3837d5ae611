//! The part of a thread's signal state that only the thread itself touches.

use alloc::boxed::Box;

use abi::SigSet;

use super::alt_stack::AltStack;
use crate::error::{Restart, RestartBlock};
use crate::sched::TaskFlags;
use crate::task::CurrentThread;

/// What the last fault of the thread was, as every later signal frame shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRecord {
    /// The exception's vector.
    pub trapno: u64,
    /// Its error code.
    pub error: u64,
    /// The address of the last page fault.
    pub cr2: u64,
}

/// Signal state behind no lock. A new thread of the same process starts with
/// [`OwnSignals::default`], a child without CLONE_VM with [`OwnSignals::inherited`].
#[derive(Debug, Default)]
pub struct OwnSignals {
    /// Where handlers with SA_ONSTACK run.
    pub alt_stack: AltStack,
    /// The mask to put back once the call that replaced it (sigsuspend, ppoll) is over.
    pub saved_mask: Option<SigSet>,
    /// Why the current system call did not complete.
    pub restart: Option<Restart>,
    /// What restart_syscall(2) continues.
    pub restart_block: Option<Box<dyn RestartBlock>>,
    /// The last fault.
    pub fault: FaultRecord,
}

impl OwnSignals {
    /// The state of a child that was made without CLONE_VM (or with CLONE_VFORK): it keeps the
    /// alternate stack.
    pub fn inherited(&self) -> Self {
        Self { alt_stack: self.alt_stack, fault: self.fault, ..Self::default() }
    }

    /// Back to how a new program starts: exec(2).
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Blocks `mask` for the time of one system call: sigsuspend(2), ppoll(2), pselect(2),
/// epoll_pwait(2). When a handler runs, it runs with this mask, and the one from before comes back
/// when it returns; else on the way to user mode.
pub fn lend_mask(cx: &mut CurrentThread, mask: SigSet) {
    let before = cx.process.signals.set_blocked(cx.thread.slot, mask);
    cx.own_signals.saved_mask = Some(before);
    cx.task.set_flags(TaskFlags::RESTART);
}

/// Takes a lent mask back at once: the call was not interrupted.
pub fn return_mask(cx: &mut CurrentThread) {
    if let Some(mask) = cx.own_signals.saved_mask.take() {
        cx.process.signals.set_blocked(cx.thread.slot, mask);
    }
}
