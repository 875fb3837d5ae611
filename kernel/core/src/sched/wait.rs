//! Wait queues: sleeping until a condition holds.
//!
//! A waker makes its condition true, then calls `wake_*`. A sleeper queues itself, announces its
//! sleep, then looks at the condition:
//!
//! ```text
//! sleeper                                   waker
//! -------                                   -----
//! waiting += 1                              condition = true
//! state = Announced        (SeqCst)         fence (SeqCst)
//! into the list, if not there               waiting == 0 and nobody polls? nothing to do
//! condition()? yes: done                    take the first (all) out of the list,
//! flags say signal? Interrupted             wake it (see `super::state`)
//! switch away unless woken meanwhile
//! ```
//!
//! Either the sleeper sees the condition, or the waker sees the sleeper. The announcement comes
//! before the look at the list: a waker that takes the task out after that look finds it announced,
//! so the task goes around once more and queues itself again. A sleeper that `wake_one`
//! chose but that leaves for another reason (signal, deadline) passes the wake-up on, so it is not
//! lost. Pollers (`super::poll`) are called back at every wake-up.

use core::sync::atomic::{AtomicU32, Ordering, fence};

use machine::linked::{self, List};
use machine::sync::{Once, SpinLock};
use machine::time;

use alloc::sync::Arc;

use super::cpu::{self, Leave};
use super::poll::Pollers;
use super::state::Sleep;
use super::task::{Task, TaskExt, TaskRef};
use super::timer::{self, TimerHandle};
use crate::locks;

/// Why a wait ended without its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A signal that the kind of sleep allows.
    Interrupted,
    /// The deadline has passed.
    TimedOut,
}

/// Tasks (and pollers) that wait for something.
pub struct WaitQueue {
    sleepers: SpinLock<List<Task>>,
    /// How many tasks are inside `wait_until`, so that a wake-up of nobody costs no lock.
    waiting: AtomicU32,
    pollers: Once<Arc<Pollers>>,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WaitQueue").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl WaitQueue {
    /// A queue that nobody waits in.
    pub const fn new() -> Self {
        Self {
            sleepers: SpinLock::new(locks::WAIT_QUEUE, linked::list()),
            waiting: AtomicU32::new(0),
            pollers: Once::new(),
        }
    }

    /// Sleeps until `condition` gives a value, and returns it.
    ///
    /// The condition may take locks but not sleep; it is also called when nobody woke the queue.
    /// `deadline` is in nanoseconds of the monotonic clock.
    ///
    /// # Errors
    /// [`Woken`] says why the wait ended without a value.
    pub fn wait_until<R>(
        &self,
        sleep: Sleep,
        deadline: Option<u64>,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R, Woken> {
        if let Some(value) = condition() {
            return Ok(value);
        }
        let me = cpu::current();
        let mut timer = Timer::new(deadline);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let result = loop {
            me.state.announce(sleep);
            self.enter(&me);
            if let Some(value) = condition() {
                break Ok(value);
            }
            if ends_sleep(&me, sleep) {
                break Err(Woken::Interrupted);
            }
            if timer.is_over(&me) {
                break Err(Woken::TimedOut);
            }
            cpu::reschedule(&me, Leave::Sleep);
            // The usual case, without queueing once more.
            if let Some(value) = condition() {
                break Ok(value);
            }
        };
        me.state.cancel();
        timer.cancel();
        let still_queued = linked::remove(&mut self.sleepers.lock(), &me);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if !still_queued && result.is_err() {
            // Somebody's `wake_one` went to us and we do not use it.
            self.wake_one();
        }
        result
    }

    fn enter(&self, me: &TaskRef) {
        let mut sleepers = self.sleepers.lock();
        if !me.in_list() {
            sleepers.push_back(me.clone());
        }
    }

    /// Wakes the task that has waited longest, and tells all pollers.
    pub fn wake_one(&self) {
        self.wake_n(1);
    }

    /// Wakes all that wait.
    pub fn wake_all(&self) {
        self.wake_n(usize::MAX);
    }

    /// Wakes up to `count` tasks, and tells all pollers. How many tasks were woken.
    pub fn wake_n(&self, count: usize) -> usize {
        fence(Ordering::SeqCst);
        let mut woken = 0;
        if self.waiting.load(Ordering::Relaxed) != 0 {
            let mut sleepers = self.sleepers.lock();
            while woken < count
                && let Some(task) = sleepers.pop_front()
            {
                task.wake();
                woken += 1;
            }
        }
        if let Some(pollers) = self.pollers.get() {
            pollers.call();
        }
        woken
    }

    /// Whether any task or poller waits. A hint: it may change at once.
    pub fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0
            || self.pollers.get().is_some_and(|pollers| !pollers.is_empty())
    }

    /// The pollers' list; made at the first poll.
    pub(super) fn pollers(&self) -> &Arc<Pollers> {
        self.pollers.call_once(|| Arc::new(Pollers::new()))
    }
}

/// Whether a signal keeps `me` from this sleep.
pub(super) fn ends_sleep(me: &Task, sleep: Sleep) -> bool {
    match sleep {
        Sleep::Uninterruptible => false,
        Sleep::Killable | Sleep::Stopped | Sleep::Traced => me.is_killed(),
        Sleep::Interruptible => me.is_interrupted(),
    }
}

/// The deadline of one sleep; the timer is set only when the task really goes to sleep.
pub(super) struct Timer {
    deadline: Option<u64>,
    handle: Option<TimerHandle>,
}

impl Timer {
    pub(super) fn new(deadline: Option<u64>) -> Self {
        Self { deadline, handle: None }
    }

    /// Whether the deadline has passed; if not, sees to it that `me` is woken then.
    pub(super) fn is_over(&mut self, me: &TaskRef) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        if time::now() >= deadline {
            return true;
        }
        if self.handle.is_none() {
            self.handle = Some(timer::add(deadline, me.clone()));
        }
        false
    }

    pub(super) fn cancel(&mut self) {
        if let Some(handle) = self.handle.take() {
            timer::cancel(handle);
        }
    }
}

/// Sleeps until `deadline` (for ever without one) or a signal; nobody else wakes the caller.
///
/// # Errors
/// [`Woken`] says what ended the sleep; `TimedOut` is the normal end.
pub fn sleep_until(sleep: Sleep, deadline: Option<u64>) -> Woken {
    match WaitQueue::new().wait_until(sleep, deadline, || None::<core::convert::Infallible>) {
        Err(woken) => woken,
        Ok(never) => match never {},
    }
}
