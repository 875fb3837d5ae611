//! What one processor does with its queue: take tasks in, put them away, pick the next.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use machine::thread::KernelThread;
use machine::time;

use super::super::run_queue::{Entry, RunQueue};
use super::super::task::{Task, TaskFlags, TaskRef};
use super::{Departed, IDLE, LOAD, Leave, Processor, TICK_NS, online, processors};

impl Processor {
    pub(super) fn bit(&self) -> u64 {
        1 << self.index
    }

    pub(super) fn runnable(&self) -> u64 {
        let queue = self.queue.lock();
        queue.waiting() as u64 + u64::from(!queue.is_idle())
    }

    /// Queues `task` here and sees to it that this processor looks at it in time.
    pub(super) fn accept(&self, task: TaskRef, entry: Entry) {
        let mut queue = self.queue.lock();
        let entry = if entry == Entry::Woken && task.cpu() != u32::from(self.index) {
            Entry::Moved { floor: task.left_floor.load(Ordering::Relaxed) }
        } else {
            entry
        };
        task.cpu.store(u32::from(self.index), Ordering::Relaxed);
        queue.insert(task.clone(), entry);
        let preempts = entry != Entry::Preempted && queue.should_preempt(&task);
        let must_look = preempts && (entry != Entry::New || queue.is_idle());
        if must_look {
            queue.set_need_resched();
        }
        drop(queue);
        if must_look {
            self.send_reschedule();
        }
    }

    /// Makes the idle task of this processor go around its loop.
    pub(super) fn wake_idle(&self) {
        let queue = self.queue.lock();
        let idle = queue.is_idle();
        if idle {
            queue.set_need_resched();
        }
        drop(queue);
        if idle {
            self.send_reschedule();
        }
    }

    pub(super) fn send_reschedule(&self) {
        if usize::from(self.index) != machine::cpu::id().index() {
            machine::cpu::reschedule(machine::cpu::CpuId(self.index));
        }
    }

    /// Takes the running task off this processor and picks the next; `None`: nothing to switch.
    pub(super) fn decide(&self, how: Leave) -> Option<Arc<KernelThread>> {
        let now = time::now();
        let mut queue = self.queue.lock();
        queue.charge(now);
        let was_idle = queue.is_idle();
        let leaver = queue.current.take().expect("invariant: the scheduler runs");
        leaver.clear_flags(TaskFlags::NEED_RESCHED);
        let leaver = self.put_away(&mut queue, leaver, how);
        let next = queue.take_next().expect("invariant: the idle task can always run");
        if leaver.is_some_and(|leaver| leaver == Arc::as_ptr(&next)) {
            queue.current = Some(next);
            return None;
        }
        next.ran_since.store(now, Ordering::Relaxed);
        next.slice_used.store(0, Ordering::Relaxed);
        let kthread = next.kthread.get().cloned().expect("invariant: a started task has a thread");
        queue.current = Some(next);
        self.stats.switches.fetch_add(1, Ordering::Relaxed);
        self.note_idle(was_idle, queue.is_idle(), now);
        drop(queue);
        self.keep_ticking(now);
        Some(kthread)
    }

    /// Stores the task that stops running where its reason says. Its address, if it might be picked
    /// again at once.
    pub(super) fn put_away(
        &self,
        queue: &mut RunQueue,
        leaver: TaskRef,
        how: Leave,
    ) -> Option<*const machine::linked::Linked<Task>> {
        let address = Arc::as_ptr(&leaver);
        if queue.idle.as_ref().is_some_and(|idle| Arc::as_ptr(idle) == address) {
            return Some(address);
        }
        let count =
            if how == Leave::Sleep { &leaver.time.voluntary } else { &leaver.time.involuntary };
        count.fetch_add(1, Ordering::Relaxed);
        leaver.left_floor.store(queue.floor(), Ordering::Relaxed);
        match how {
            Leave::Exit => {
                self.set_departed(Departed::Dead(leaver));
                return None;
            }
            // The state's step must be under this lock: from here on a waker may queue it.
            Leave::Sleep if leaver.state.commit() => return None,
            _ => {}
        }
        if leaver.affinity() & self.bit() == 0 && leaver.affinity() & online() != 0 {
            self.set_departed(Departed::Moving(leaver));
            return None;
        }
        let entry = match how {
            Leave::Yield => Entry::Yielded,
            _ => RunQueue::preempted_entry(&leaver),
        };
        queue.insert(leaver, entry);
        Some(address)
    }

    pub(super) fn set_departed(&self, departed: Departed) {
        *self.departed.lock_second() = Some(departed);
        self.has_departed.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_idle(&self, was_idle: bool, is_idle: bool, now: u64) {
        if was_idle && !is_idle {
            IDLE.fetch_and(!self.bit(), Ordering::SeqCst);
            let since = self.stats.idle_since.load(Ordering::Relaxed);
            self.stats.idle.fetch_add(now.saturating_sub(since), Ordering::Relaxed);
            LOAD.update(now, 0);
        } else if is_idle && !was_idle {
            self.stats.idle_since.store(now, Ordering::Relaxed);
            IDLE.fetch_or(self.bit(), Ordering::SeqCst);
        }
    }

    /// Starts the tick when a processor becomes busy.
    pub(super) fn keep_ticking(&self, now: u64) {
        if self.tick_at.load(Ordering::Relaxed) == 0 {
            self.tick_at.store(now + TICK_NS, Ordering::Relaxed);
            self.timers.rearm(self);
        }
    }

    /// Takes a waiting task from the processor that has the most, if there is nothing here.
    pub(super) fn pull_when_empty(&self) {
        if processors().len() == 1 || self.queue.lock().waiting() > 0 {
            return;
        }
        for victim in processors().iter().filter(|other| other.index != self.index) {
            let mut queue = victim.queue.lock();
            let stolen = queue.steal(|task| {
                task.affinity() & self.bit() != 0
                    && !task.kthread.get().is_some_and(|kthread| kthread.is_on_cpu())
            });
            let floor = queue.floor();
            drop(queue);
            if let Some(task) = stolen {
                return self.accept(task, Entry::Moved { floor });
            }
        }
    }
}
