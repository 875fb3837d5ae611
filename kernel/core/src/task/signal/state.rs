//! The signal state of a process: what is pending, who blocks what, who is stopped, who must die.
//!
//! One lock (`locks::SIGNALS`) covers the process and all its threads, since every decision needs
//! both: a sender picks a thread that does not block the signal; a thread that blocks a signal
//! hands it to another; a stop counts threads. Threads appear here as *slots*: [`Slot`] is given
//! out when a thread is attached and is the thread's own.
//!
//! Invariant: for a thread that is awake in user mode or in an interruptible sleep,
//! `TaskFlags::SIGNAL_PENDING` is set whenever a signal that it does not block is pending for it,
//! whenever its process is to stop, and whenever a notice for the parent waits; it may be set
//! without need, and the thread clears it itself when it finds nothing (`recalculate`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::siginfo as code;
use abi::{SigSet, Signal, WaitStatus};

use super::action::{Action, DefaultAction, Handler, SignalActions, default_of};
use super::info::SigInfo;
use super::job::Job;
use super::pending::{NoMemory, Pending, Pushed, Queued};
use crate::sched::{TaskExt, TaskFlags, TaskRef, WakeReason};

/// A thread's place in the signal state of its process. The place is used again when the thread has
/// ended; the serial number tells an old slot from the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub(super) index: usize,
    pub(super) serial: u64,
}

/// Whom a signal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any thread of the process that takes it.
    Process,
    /// This thread and no other.
    Thread(Slot),
}

/// How hard [`State::force`] pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// A handler may take it, if it is neither blocked nor ignored.
    Handler,
    /// No handler may take it: the process ends.
    Kill,
}

/// What became of a signal that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is pending.
    Pending,
    /// It was pending already, and instances of it do not queue.
    Coalesced,
    /// The target ignores it or is about to end.
    Dropped,
    /// There was no room for one more (`EAGAIN`).
    NoRoom,
}

/// What a signal goes along with when it is sent.
pub struct Delivery {
    /// The signal; its charge is `None` when it needs none or got none.
    pub queued: Queued,
    /// The limit or memory did not allow to queue it.
    pub over_limit: bool,
    /// Sent by the kernel or by force: reaches even init's SIGKILL and SIGSTOP.
    pub forced: bool,
}

/// The signals of one thread.
pub(super) struct ThreadSignals {
    pub(super) serial: u64,
    pub(super) task: TaskRef,
    pub(super) pending: Pending,
    pub(super) blocked: SigSet,
    /// While sigtimedwait(2) lowers `blocked` to be woken: the mask that still holds as far as
    /// actions are concerned.
    pub(super) awaited: SigSet,
    /// Has not come to its stop yet.
    pub(super) stop_pending: bool,
    /// Must end, although the process goes on (another thread runs exec).
    pub(super) killed: bool,
}

impl ThreadSignals {
    pub(super) fn new(serial: u64, task: TaskRef, blocked: SigSet) -> Self {
        Self {
            serial,
            task,
            pending: Pending::default(),
            blocked: blocked.difference(SigSet::UNBLOCKABLE),
            awaited: SigSet::EMPTY,
            stop_pending: false,
            killed: false,
        }
    }
}

/// Everything behind the lock.
pub(super) struct State {
    pub(super) actions: Arc<SignalActions>,
    pub(super) shared: Pending,
    pub(super) threads: Vec<Option<ThreadSignals>>,
    pub(super) next_serial: u64,
    /// Where the search for a taker starts, so that threads take turns.
    next_taker: usize,
    pub(super) job: Job,
    pub(super) exit: Option<WaitStatus>,
    /// Process 1: signals that it has no handler for do not reach it.
    pub(super) unkillable: bool,
}

impl State {
    pub(super) fn new(actions: Arc<SignalActions>, unkillable: bool) -> Self {
        Self {
            actions,
            shared: Pending::default(),
            threads: Vec::new(),
            next_serial: 0,
            next_taker: 0,
            job: Job::default(),
            exit: None,
            unkillable,
        }
    }

    /// The thread in `slot`, unless it has ended.
    pub(super) fn find(&self, slot: Slot) -> Option<&ThreadSignals> {
        let thread = self.threads.get(slot.index)?.as_ref()?;
        (thread.serial == slot.serial).then_some(thread)
    }

    fn find_mut(&mut self, slot: Slot) -> Option<&mut ThreadSignals> {
        let thread = self.threads.get_mut(slot.index)?.as_mut()?;
        (thread.serial == slot.serial).then_some(thread)
    }

    /// The calling thread.
    pub(super) fn thread(&self, slot: Slot) -> &ThreadSignals {
        self.find(slot).expect("invariant: a thread that runs has its slot")
    }

    /// The calling thread.
    pub(super) fn thread_mut(&mut self, slot: Slot) -> &mut ThreadSignals {
        self.find_mut(slot).expect("invariant: a thread that runs has its slot")
    }

    /// The threads that are still there.
    pub(super) fn live(&mut self) -> impl Iterator<Item = &mut ThreadSignals> {
        self.threads.iter_mut().flatten()
    }

    /// Sends a signal, as far as it does not need to be refused.
    pub(super) fn send(&mut self, target: Target, delivery: Delivery) -> Sent {
        let signal = delivery.queued.info.signal;
        if self.exit.is_some() {
            return Sent::Dropped;
        }
        self.cancel_opposites(signal);
        let action = self.actions.get(signal);
        if self.is_ignored(target, signal, &action, delivery.forced) {
            return Sent::Dropped;
        }
        let info_code = delivery.queued.info.code;
        let pending = match target {
            Target::Process => &mut self.shared,
            Target::Thread(slot) => match self.find_mut(slot) {
                Some(thread) => &mut thread.pending,
                // It is on its way out: as if it had been too late to act on the signal.
                None => return Sent::Dropped,
            },
        };
        let queued = match delivery.over_limit {
            true => Err(NoMemory),
            false => pending.push(delivery.queued),
        };
        match queued {
            Ok(Pushed::Coalesced) => return Sent::Coalesced,
            Ok(Pushed::Queued) => {}
            // Only a real-time signal from sigqueue(3) and the like reports the lack of room; a
            // kill(2) is delivered without its details.
            Err(NoMemory) if signal.is_realtime() && info_code != code::SI_USER => {
                return Sent::NoRoom;
            }
            Err(NoMemory) => pending.push_bare(signal),
        }
        self.wake_taker(target, signal, &action);
        Sent::Pending
    }

    /// Makes a thread take `info` now, as faults do: what is blocked or ignored is so no longer,
    /// and takes its default action.
    pub(super) fn force(&mut self, slot: Slot, info: SigInfo, how: Force) {
        let signal = info.signal;
        let blocked = self.thread(slot).blocked.contains(signal);
        let ignored = self.actions.get(signal).handler == Handler::Ignore;
        if blocked || ignored || how == Force::Kill {
            self.actions.reset(signal);
            self.thread_mut(slot).blocked.remove(signal);
        }
        if self.actions.get(signal).handler == Handler::Default {
            // Init's own faults end it.
            self.unkillable = false;
        }
        let delivery =
            Delivery { queued: Queued::new(info, None), over_limit: false, forced: true };
        self.send(Target::Thread(slot), delivery);
        self.thread(slot).task.set_flags(TaskFlags::SIGNAL_PENDING);
    }

    /// SIGCONT and the stop signals cancel each other when they are *sent*, whatever their actions
    /// and masks are.
    fn cancel_opposites(&mut self, signal: Signal) {
        if SigSet::STOP.contains(signal) {
            self.discard(SigSet::of(&[Signal::SIGCONT]));
        } else if signal == Signal::SIGCONT {
            self.discard(SigSet::STOP);
            self.resume();
        }
    }

    /// Discards pending signals, of the process and of all threads.
    pub(super) fn discard(&mut self, signals: SigSet) {
        self.shared.discard(signals);
        for thread in self.live() {
            thread.pending.discard(signals);
        }
    }

    /// Whether sending `signal` would have no effect.
    fn is_ignored(&self, target: Target, signal: Signal, action: &Action, forced: bool) -> bool {
        let looked_at = match target {
            Target::Thread(slot) => self.find(slot),
            Target::Process => self.threads.iter().flatten().next(),
        };
        // What is blocked stays pending: its action may have changed when it is unblocked.
        if looked_at.is_some_and(|thread| {
            thread.blocked.contains(signal) || thread.awaited.contains(signal)
        }) {
            return false;
        }
        if self.unkillable && action.handler == Handler::Default {
            let only_kernel = SigSet::UNBLOCKABLE.contains(signal);
            if !(forced && only_kernel) {
                return true;
            }
        }
        action.ignores(signal)
    }

    /// Wakes a thread that takes `signal`; if nothing but death can come of it, all of them.
    fn wake_taker(&mut self, target: Target, signal: Signal, action: &Action) {
        let Some(taker) = self.find_taker(target, signal) else {
            return;
        };
        let Some(thread) = &self.threads[taker] else {
            return;
        };
        if !thread.awaited.contains(signal) && kills_at_once(signal, action) {
            self.begin_exit(WaitStatus::signaled(signal, false));
            return;
        }
        thread.task.interrupt(TaskFlags::SIGNAL_PENDING, WakeReason::Signal);
    }

    fn find_taker(&mut self, target: Target, signal: Signal) -> Option<usize> {
        let count = self.threads.len();
        match target {
            Target::Thread(slot) => self.takes(slot.index, signal).then_some(slot.index),
            Target::Process => {
                // The first thread if it is free, as programs expect; else the others in turn.
                if self.takes(0, signal) {
                    return Some(0);
                }
                let start = self.next_taker;
                let found = (0..count)
                    .map(|step| (start + step) % count)
                    .find(|&index| self.takes(index, signal))?;
                self.next_taker = found;
                Some(found)
            }
        }
    }

    /// Whether the thread in this slot would take `signal` soon.
    fn takes(&self, index: usize, signal: Signal) -> bool {
        let Some(thread) = self.threads.get(index).and_then(Option::as_ref) else {
            return false;
        };
        if thread.blocked.contains(signal) {
            return false;
        }
        if signal == Signal::SIGKILL {
            return true;
        }
        !self.job.is_stopped()
            && (!thread.task.flags().contains(TaskFlags::SIGNAL_PENDING) || self.threads.len() == 1)
    }

    /// Replaces what a thread blocks. Signals for the process that it no longer takes go to others.
    pub(super) fn set_blocked(&mut self, slot: Slot, mask: SigSet) -> SigSet {
        let mask = mask.difference(SigSet::UNBLOCKABLE);
        let old = core::mem::replace(&mut self.thread_mut(slot).blocked, mask);
        if old != mask {
            let newly = mask.difference(old);
            if self.thread(slot).task.flags().contains(TaskFlags::SIGNAL_PENDING) {
                self.retarget(slot, newly);
            }
            self.recalculate(slot);
        }
        old
    }

    /// Wakes other threads for those of `signals` that are pending for the process.
    pub(super) fn retarget(&mut self, except: Slot, signals: SigSet) {
        let mut left = self.shared.set().intersection(signals);
        for (index, thread) in self.threads.iter().enumerate() {
            let Some(thread) = thread else { continue };
            if left.is_empty() {
                return;
            }
            if index == except.index || left.difference(thread.blocked).is_empty() {
                continue;
            }
            left = left.intersection(thread.blocked);
            thread.task.interrupt(TaskFlags::SIGNAL_PENDING, WakeReason::Signal);
        }
    }

    /// Brings a thread's SIGNAL_PENDING flag up to date. Only for the thread itself.
    pub(super) fn recalculate(&self, slot: Slot) {
        let thread = self.thread(slot);
        let pending = thread.pending.set().union(self.shared.set()).difference(thread.blocked);
        if !pending.is_empty() || thread.stop_pending || thread.killed || self.job.has_notice() {
            thread.task.set_flags(TaskFlags::SIGNAL_PENDING);
        } else if self.exit.is_none() {
            thread.task.clear_flags(TaskFlags::SIGNAL_PENDING);
        }
    }

    /// Starts the end of the process, unless it has started, and returns its status.
    pub(super) fn begin_exit(&mut self, status: WaitStatus) -> WaitStatus {
        if let Some(earlier) = self.exit {
            return earlier;
        }
        self.exit = Some(status);
        self.job.abandon();
        for thread in self.live() {
            thread.stop_pending = false;
            let flags = TaskFlags::SIGNAL_PENDING | TaskFlags::KILLED;
            thread.task.interrupt(flags, WakeReason::Kill);
        }
        status
    }

    /// Takes the next signal that the thread does not block, with what to do about it. Signals that
    /// are ignored vanish here.
    pub(super) fn take_next(&mut self, slot: Slot) -> Option<(SigInfo, Action)> {
        loop {
            let info = self.pop(slot)?;
            let action = self.actions.get_for_delivery(info.signal);
            let unreachable = self.unkillable
                && action.handler == Handler::Default
                && !SigSet::UNBLOCKABLE.contains(info.signal);
            if !action.ignores(info.signal) && !unreachable {
                return Some((info, action));
            }
        }
    }

    fn pop(&mut self, slot: Slot) -> Option<SigInfo> {
        let blocked = self.thread(slot).blocked;
        let own = &mut self.thread_mut(slot).pending;
        let queued = own.pop_synchronous(blocked).or_else(|| own.pop(blocked));
        let queued = queued.or_else(|| self.shared.pop(blocked))?;
        Some(unwrap_queued(queued))
    }

    /// Takes one of the signals in `wanted`, blocked or not: sigtimedwait(2), signalfd(2).
    pub(super) fn take_from(&mut self, slot: Slot, wanted: SigSet) -> Option<SigInfo> {
        let unwanted = wanted.complement();
        let queued = self.thread_mut(slot).pending.pop(unwanted);
        let queued = queued.or_else(|| self.shared.pop(unwanted))?;
        self.recalculate(slot);
        Some(unwrap_queued(queued))
    }
}

/// A signal that can only end the process does so for all threads from the moment it is sent,
/// before one of them happens to look. (Those that may leave a core file wait for the thread to get
/// there.)
fn kills_at_once(signal: Signal, action: &Action) -> bool {
    signal == Signal::SIGKILL
        || (action.handler == Handler::Default
            && default_of(signal) == DefaultAction::Terminate { core: false })
}

/// The information of a signal that is being taken.
fn unwrap_queued(mut queued: Queued) -> SigInfo {
    if let Some(source) = queued.source.take() {
        source.taken(&mut queued.info);
    }
    queued.info
}
