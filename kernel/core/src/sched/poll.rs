//! Waiting for several objects at once: what poll(2), select(2) and epoll(7) are made of.
//!
//! An object's `poll` method calls [`PollTable::wait_on`] with its wait queues, then says what is
//! ready. Registering first and looking second is what keeps wake-ups from getting lost.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use machine::sync::SpinLock;

use super::cpu::{self, Leave};
use super::state::Sleep;
use super::task::{TaskExt, TaskRef};
use super::wait::{Timer, WaitQueue, Woken, ends_sleep};
use crate::locks;

/// Something that wants to know of every wake-up of a queue.
pub trait Wake: Send + Sync {
    /// The queue was woken. Called without locks; must not sleep.
    fn wake(&self);
}

/// The pollers of one wait queue, in the order of their numbers.
pub(super) struct Pollers(SpinLock<List>);

struct List {
    next: u64,
    entries: Vec<(u64, Arc<dyn Wake>)>,
}

impl Pollers {
    pub(super) const fn new() -> Self {
        Self(SpinLock::new(locks::WAIT_QUEUE, List { next: 0, entries: Vec::new() }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().entries.is_empty()
    }

    fn add(&self, wake: Arc<dyn Wake>) -> u64 {
        let mut list = self.0.lock();
        let number = list.next;
        list.next += 1;
        list.entries.push((number, wake));
        number
    }

    fn remove(&self, number: u64) {
        let removed = {
            let mut list = self.0.lock();
            let found = list.entries.binary_search_by_key(&number, |entry| entry.0);
            found.ok().map(|index| list.entries.remove(index))
        };
        drop(removed);
    }

    /// Calls everybody back. The lock is not held meanwhile: the numbers say where to go on.
    pub(super) fn call(&self) {
        let mut next = 0;
        loop {
            let found = {
                let list = self.0.lock();
                let index = list.entries.partition_point(|entry| entry.0 < next);
                list.entries.get(index).map(|entry| (entry.0, entry.1.clone()))
            };
            let Some((number, wake)) = found else { return };
            wake.wake();
            next = number + 1;
        }
    }
}

/// A registration with a wait queue; ends when it is dropped.
pub struct Registration {
    pollers: Arc<Pollers>,
    number: u64,
}

impl Registration {
    /// Calls `wake` at every wake-up of `queue` from now on.
    pub fn new(queue: &WaitQueue, wake: Arc<dyn Wake>) -> Self {
        let pollers = queue.pollers().clone();
        let number = pollers.add(wake);
        Self { pollers, number }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.pollers.remove(self.number);
    }
}

/// Collects the queues of the objects that are polled.
pub struct PollTable {
    wake: Arc<dyn Wake>,
    registrations: Vec<Registration>,
}

impl PollTable {
    /// A table whose registrations call `wake` (epoll's way).
    pub fn new(wake: Arc<dyn Wake>) -> Self {
        Self { wake, registrations: Vec::new() }
    }

    /// Called by an object's `poll`: wake-ups of `queue` concern this table.
    pub fn wait_on(&mut self, queue: &WaitQueue) {
        self.registrations.push(Registration::new(queue, self.wake.clone()));
    }

    /// Ends all registrations.
    pub fn clear(&mut self) {
        self.registrations.clear();
    }

    /// Hands the registrations over to who keeps them.
    pub fn into_registrations(self) -> Vec<Registration> {
        self.registrations
    }
}

/// A task that polls: a [`PollTable`] whose wake-ups end the sleep of the calling task.
pub struct Poller {
    sleeper: Arc<Sleeper>,
    /// Where the objects register.
    pub table: PollTable,
}

struct Sleeper {
    task: TaskRef,
    woken: AtomicBool,
}

impl Wake for Sleeper {
    fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

impl Default for Poller {
    fn default() -> Self {
        Self::new()
    }
}

impl Poller {
    /// A poller for the calling task.
    pub fn new() -> Self {
        let sleeper = Arc::new(Sleeper { task: cpu::current(), woken: AtomicBool::new(false) });
        Self { table: PollTable::new(sleeper.clone()), sleeper }
    }

    /// Sleeps until one of the registered queues is woken; at once if one was since the last call.
    ///
    /// # Errors
    /// [`Woken`] when a signal or the deadline ended the sleep.
    pub fn wait(&self, sleep: Sleep, deadline: Option<u64>) -> Result<(), Woken> {
        let me = &self.sleeper.task;
        let mut timer = Timer::new(deadline);
        let result = loop {
            me.state.announce(sleep);
            if self.sleeper.woken.swap(false, Ordering::SeqCst) {
                break Ok(());
            }
            if ends_sleep(me, sleep) {
                break Err(Woken::Interrupted);
            }
            if timer.is_over(me) {
                break Err(Woken::TimedOut);
            }
            cpu::reschedule(me, Leave::Sleep);
        };
        me.state.cancel();
        timer.cancel();
        result
    }
}
