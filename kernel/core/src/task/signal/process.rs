//! The door to a process's signal state: every method takes the lock once.

use alloc::sync::Arc;

use abi::siginfo as code;
use abi::{Errno, SigSet, Signal, WaitStatus};
use machine::sync::SpinLock;

use super::account::Charge;
use super::action::{Action, DefaultAction, Handler, SignalActions, default_of};
use super::info::SigInfo;
use super::job::{Notice, ReportFilter};
use super::pending::{Queued, SignalSource};
use super::state::{Delivery, Force, Sent, Slot, State, Target, ThreadSignals};
use crate::error::{Restart, Result};
use crate::locks;
use crate::sched::{PollTable, Sleep, TaskExt, TaskFlags, TaskRef, WaitQueue, WakeReason, Woken};

/// The signals of a process and its threads.
pub struct ProcessSignals {
    state: SpinLock<State>,
    /// Threads that are stopped sleep here.
    resumed: WaitQueue,
    /// Woken whenever a signal is sent: signalfd(2).
    arrivals: WaitQueue,
}

/// What a thread has to do before it may go on in user mode.
#[derive(Debug)]
pub enum Next {
    /// Nothing.
    Run,
    /// End: the whole process does, with this status.
    ExitProcess(WaitStatus),
    /// End: another thread of the process runs exec.
    ExitThread,
    /// Tell the parent, then ask again.
    Notify(Notice),
    /// Sleep until the stop is over ([`ProcessSignals::sleep_stopped`]), then ask again; first tell
    /// the parent, if it is this thread that completed the stop.
    Stop(Option<Notice>),
    /// Start a stop by `signal` unless the rules of orphaned process groups forbid it
    /// ([`ProcessSignals::begin_stop`] with the number given here), then ask again.
    BeginStop {
        /// The signal that stops.
        signal: Signal,
        /// How many SIGCONTs there were when it was taken.
        continued: u64,
    },
    /// Call a handler.
    Handle(SigInfo, Action),
    /// End the process by this signal.
    Die {
        /// The signal, with its details for the log.
        info: SigInfo,
        /// Whether a core file might be written.
        core: bool,
    },
}

/// The sets that /proc/PID/status shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct PendingSets {
    /// Pending for the thread.
    pub own: SigSet,
    /// Pending for the process.
    pub shared: SigSet,
    /// Blocked by the thread.
    pub blocked: SigSet,
}

impl ProcessSignals {
    /// The signals of a new process without threads. `unkillable` is for process 1.
    pub fn new(actions: Arc<SignalActions>, unkillable: bool) -> Self {
        Self {
            state: SpinLock::new(locks::SIGNALS, State::new(actions, unkillable)),
            resumed: WaitQueue::new(),
            arrivals: WaitQueue::new(),
        }
    }

    /// Adds a thread that blocks `blocked`. The first one is the thread group's leader.
    ///
    /// # Errors
    /// `Restart::Always` when the process is ending or stopping: the caller, a thread of it, has to
    /// see to that first. `ENOMEM`.
    pub fn attach(&self, task: TaskRef, blocked: SigSet) -> Result<Slot> {
        let mut state = self.state.lock();
        let killed = state.threads.iter().flatten().any(|thread| thread.killed);
        if state.exit.is_some() || state.job.is_stopping() || killed {
            return Err(Restart::Always.into());
        }
        let free = state.threads.iter().position(Option::is_none);
        let index = match free {
            Some(index) => index,
            None => {
                state.threads.try_reserve(1)?;
                state.threads.push(None);
                state.threads.len() - 1
            }
        };
        let serial = state.next_serial;
        state.next_serial += 1;
        state.threads[index] = Some(ThreadSignals::new(serial, task, blocked));
        Ok(Slot { index, serial })
    }

    /// Removes a thread that ends: what the process has pending and it would have taken goes to
    /// others. Returns the notice if it was the last that a stop waited for.
    pub fn detach(&self, slot: Slot) -> Option<Notice> {
        let (thread, notice) = {
            let mut state = self.state.lock();
            let takes = state.thread(slot).blocked.complement();
            state.retarget(slot, takes);
            let notice = state.take_part(slot);
            (state.threads[slot.index].take(), notice)
        };
        // Queued signals give back what they hold without the lock.
        if let Some(mut thread) = thread {
            thread.pending.discard(SigSet::FULL);
        }
        notice
    }

    /// The actions, possibly shared with other processes.
    pub fn actions(&self) -> Arc<SignalActions> {
        self.state.lock().actions.clone()
    }

    /// Replaces the whole table of actions: exec(2).
    pub fn set_actions(&self, actions: Arc<SignalActions>) {
        let old = core::mem::replace(&mut self.state.lock().actions, actions);
        drop(old);
    }

    /// Sets the action for one signal, and returns the old one. Setting a signal to be ignored
    /// discards it where it is pending (sigaction(2), POSIX).
    pub fn set_action(&self, signal: Signal, action: Action) -> Action {
        let mut state = self.state.lock();
        let old = state.actions.replace(signal, action);
        if action.ignores(signal) {
            state.discard(SigSet::of(&[signal]));
        }
        old
    }

    /// The action for one signal.
    pub fn action(&self, signal: Signal) -> Action {
        self.state.lock().actions.get(signal)
    }

    /// Sends a signal. `charge` counts it against RLIMIT_SIGPENDING: the real user id of the
    /// target and its limit.
    pub fn send(&self, target: Target, info: SigInfo, charge: (u32, u64)) -> Sent {
        let bounded = info.is_bounded();
        let charged = if bounded { None } else { Charge::new(charge.0, charge.1) };
        let delivery = Delivery {
            over_limit: !bounded && charged.is_none(),
            queued: Queued::new(info, charged),
            forced: info.code == code::SI_KERNEL,
        };
        self.send_delivery(target, delivery)
    }

    /// Sends a signal that its source has room for, and wants to hear of again.
    pub fn send_from(&self, target: Target, info: SigInfo, source: Arc<dyn SignalSource>) -> Sent {
        let queued = Queued { source: Some(source), ..Queued::new(info, None) };
        self.send_delivery(target, Delivery { queued, over_limit: false, forced: false })
    }

    fn send_delivery(&self, target: Target, delivery: Delivery) -> Sent {
        let resumes = delivery.queued.info.signal == Signal::SIGCONT;
        let sent = self.state.lock().send(target, delivery);
        if resumes {
            self.resumed.wake_all();
        }
        if sent == Sent::Pending && self.arrivals.has_waiters() {
            self.arrivals.wake_all();
        }
        sent
    }

    /// Makes the calling thread take `info`: see [`Force`].
    pub fn force(&self, slot: Slot, info: SigInfo, how: Force) {
        self.state.lock().force(slot, info, how);
    }

    /// What a thread blocks; nothing if it has ended.
    pub fn blocked(&self, slot: Slot) -> SigSet {
        self.state.lock().find(slot).map_or(SigSet::EMPTY, |thread| thread.blocked)
    }

    /// Replaces what the calling thread blocks, and returns what it was.
    pub fn set_blocked(&self, slot: Slot, mask: SigSet) -> SigSet {
        self.state.lock().set_blocked(slot, mask)
    }

    /// Changes what the calling thread blocks, and returns what it was.
    pub fn change_blocked(&self, slot: Slot, change: impl FnOnce(SigSet) -> SigSet) -> SigSet {
        let mut state = self.state.lock();
        let old = state.thread(slot).blocked;
        state.set_blocked(slot, change(old));
        old
    }

    /// What is pending for a thread, for its process, and what the thread blocks.
    pub fn pending_sets(&self, slot: Slot) -> PendingSets {
        let state = self.state.lock();
        let (own, blocked) = state
            .find(slot)
            .map(|thread| (thread.pending.set(), thread.blocked))
            .unwrap_or_default();
        PendingSets { own, shared: state.shared.set(), blocked }
    }

    /// Whether a thread blocks or ignores `signal`.
    pub fn blocks_or_ignores(&self, slot: Slot, signal: Signal) -> bool {
        let state = self.state.lock();
        state.find(slot).is_some_and(|thread| thread.blocked.contains(signal))
            || state.actions.get(signal).handler == Handler::Ignore
    }

    /// Starts the end of the process with `status`, unless it has started; returns the status that
    /// holds.
    pub fn begin_exit(&self, status: WaitStatus) -> WaitStatus {
        self.state.lock().begin_exit(status)
    }

    /// The status of a process that is ending.
    pub fn exit_status(&self) -> Option<WaitStatus> {
        self.state.lock().exit
    }

    /// Makes all other threads end, for exec(2). How many there are, or `None` when the process is
    /// ending or another thread was first: then the caller has to end itself.
    pub fn kill_others(&self, slot: Slot) -> Option<usize> {
        let mut state = self.state.lock();
        if state.exit.is_some() || state.thread(slot).killed {
            return None;
        }
        let mut count = 0;
        for (index, thread) in state.threads.iter_mut().enumerate() {
            let Some(thread) = thread else { continue };
            if index != slot.index {
                count += 1;
                thread.killed = true;
                let flags = TaskFlags::SIGNAL_PENDING | TaskFlags::KILLED;
                thread.task.interrupt(flags, WakeReason::Kill);
            }
        }
        Some(count)
    }

    /// What the calling thread has to do now. Called again and again until [`Next::Run`].
    pub fn next(&self, slot: Slot) -> Next {
        let mut state = self.state.lock();
        if let Some(status) = state.exit {
            return Next::ExitProcess(status);
        }
        if state.thread(slot).killed {
            return Next::ExitThread;
        }
        if let Some(notice) = state.job.take_notice() {
            return Next::Notify(notice);
        }
        if state.job.is_stopping() {
            let notice = state.take_part(slot);
            return Next::Stop(notice);
        }
        let Some((info, action)) = state.take_next(slot) else {
            state.recalculate(slot);
            return Next::Run;
        };
        let signal = info.signal;
        match (action.handler, default_of(signal)) {
            (Handler::Call(_), _) => Next::Handle(info, action),
            (_, DefaultAction::Stop) => {
                Next::BeginStop { signal, continued: state.job.continued() }
            }
            (_, DefaultAction::Terminate { core }) => Next::Die { info, core },
            (_, DefaultAction::Ignore) => Next::Run,
        }
    }

    /// See [`Next::BeginStop`].
    pub fn begin_stop(&self, signal: Signal, continued: u64) {
        self.state.lock().begin_stop(signal, continued);
    }

    /// Sleeps until the process goes on or the thread has to end.
    pub fn sleep_stopped(&self) {
        let over = || (!self.state.lock().job.is_stopping()).then_some(());
        // Interrupted only by death, which the caller's next question finds.
        let _ = self.resumed.wait_until(Sleep::Stopped, None, over);
    }

    /// Whether the process is stopped, with all its threads.
    pub fn is_stopped(&self) -> bool {
        self.state.lock().job.is_stopped()
    }

    /// What wait(2) is to report of a live process.
    pub fn report(&self, what: ReportFilter, consume: bool) -> Option<Notice> {
        self.state.lock().job.report(what, consume)
    }

    /// Takes one of the signals in `wanted`, whether it is blocked or not.
    pub fn take(&self, slot: Slot, wanted: SigSet) -> Option<SigInfo> {
        self.state.lock().take_from(slot, wanted)
    }

    /// Waits for one of the signals in `wanted`: sigtimedwait(2).
    ///
    /// # Errors
    /// `EAGAIN` at the deadline, `EINTR` when another signal comes.
    pub fn wait_for(
        &self,
        slot: Slot,
        wanted: SigSet,
        deadline: Option<u64>,
    ) -> Result<SigInfo, Errno> {
        let wanted = wanted.difference(SigSet::UNBLOCKABLE);
        let mask = {
            let mut state = self.state.lock();
            if let Some(info) = state.take_from(slot, wanted) {
                return Ok(info);
            }
            // Unblocked, the signals end the sleep; awaited, they neither act nor get ignored.
            let blocked = state.thread(slot).blocked;
            state.thread_mut(slot).awaited = blocked;
            state.set_blocked(slot, blocked.difference(wanted))
        };
        let never = || None::<core::convert::Infallible>;
        let woken = WaitQueue::new().wait_until(Sleep::Interruptible, deadline, never);
        let mut state = self.state.lock();
        state.thread_mut(slot).awaited = SigSet::EMPTY;
        state.set_blocked(slot, mask);
        match (state.take_from(slot, wanted), woken) {
            (Some(info), _) => Ok(info),
            (None, Err(Woken::Interrupted)) => Err(Errno::EINTR),
            (None, _) => Err(Errno::EAGAIN),
        }
    }

    /// Waits for one of the signals in `wanted` without unblocking it: reading a signalfd.
    ///
    /// # Errors
    /// [`Woken::Interrupted`] when a signal comes that acts.
    pub fn wait_arrival(&self, slot: Slot, wanted: SigSet) -> Result<SigInfo, Woken> {
        self.arrivals.wait_until(Sleep::Interruptible, None, || self.take(slot, wanted))
    }

    /// Lets those who read or poll a signalfd look again: its mask has changed.
    pub fn wake_arrivals(&self) {
        self.arrivals.wake_all();
    }

    /// Registers a poller for signals being sent.
    pub fn poll_arrivals(&self, table: &mut PollTable) {
        table.wait_on(&self.arrivals);
    }

    /// Discards what a source has queued.
    pub fn discard_source(&self, source: &Arc<dyn SignalSource>) {
        let mut state = self.state.lock();
        state.shared.discard_source(source);
        for thread in state.live() {
            thread.pending.discard_source(source);
        }
    }

    /// Discards everything that is pending for the process: an exiting leader's last step.
    pub fn discard_all(&self) {
        self.state.lock().discard(SigSet::FULL);
    }
}
