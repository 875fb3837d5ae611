//! The run queue of one processor: who runs now, who waits, who is next.
//!
//! Pure bookkeeping: no clock, no switching, no other processors; `super::cpu` does those. One tree
//! holds everybody, sorted by a key of two words. Real-time tasks come first (99 minus their
//! priority, then arrival); fair tasks follow, by virtual run time. The first in the tree is next.
//!
//! Virtual run time is real run time scaled by 1024/weight. A task that wakes is put at most
//! [`WAKE_CREDIT_NS`] before the others, so that sleepers respond quickly but cannot save up.

use core::sync::atomic::Ordering;

use intrusive_collections::Bound;
use machine::linked::{self, Tree};

use super::policy::{self, Policy, RR_SLICE_NS};
use super::task::{Task, TaskFlags, TaskRef};

/// How far before the others a woken task may start, in virtual nanoseconds.
pub(super) const WAKE_CREDIT_NS: u64 = 3_000_000;
/// How much a woken task must be ahead of the running one to preempt it.
const WAKE_GRANULARITY_NS: u64 = 1_000_000;
/// How far behind or ahead of the others a task may be when it comes from another processor.
const MAX_LAG_NS: u64 = 1_000_000_000;
/// How long a fair task may run while others wait.
const SLICE_NS: u64 = 3_000_000;
/// Keys of fair tasks start here; those of real-time tasks are below 100.
const FAIR_BASE: u64 = 1 << 62;
/// Arrival numbers start in the middle, so that a preempted FIFO task can go to the front.
const FIRST_ARRIVAL: u64 = 1 << 63;

/// Why a task enters the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Its sleep is over.
    Woken,
    /// It has just been created.
    New,
    /// It was running and could go on.
    Preempted,
    /// It gave the processor away.
    Yielded,
    /// It comes from another processor; its virtual time is relative to that one's `floor`.
    Moved {
        /// `RunQueue::floor` where it comes from.
        floor: u64,
    },
}

/// The run queue of one processor.
pub(super) struct RunQueue {
    waiting: Tree<Task>,
    count: usize,
    /// Who runs now; the idle task when nobody else does. `None` only before `super::init`.
    pub(super) current: Option<TaskRef>,
    /// Runs when nobody else can.
    pub(super) idle: Option<TaskRef>,
    floor: u64,
    arrivals: (u64, u64),
}

impl RunQueue {
    pub(super) const fn new() -> Self {
        Self {
            waiting: linked::tree(),
            count: 0,
            current: None,
            idle: None,
            floor: 0,
            arrivals: (FIRST_ARRIVAL - 1, FIRST_ARRIVAL),
        }
    }

    /// How many tasks wait.
    pub(super) fn waiting(&self) -> usize {
        self.count
    }

    /// The smallest virtual time that a newcomer may start with. Never goes back.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether the idle task runs.
    pub(super) fn is_idle(&self) -> bool {
        match (&self.current, &self.idle) {
            (Some(current), Some(idle)) => core::ptr::eq(&**current, &**idle),
            _ => true,
        }
    }

    /// Whether `task` runs now.
    pub(super) fn is_current(&self, task: &TaskRef) -> bool {
        self.current.as_ref().is_some_and(|current| core::ptr::eq(&**current, &**task))
    }

    /// Puts `task` into the queue.
    pub(super) fn insert(&mut self, task: TaskRef, entry: Entry) {
        let (class, order) = match task.policy().rt_priority() {
            Some(priority) => (99 - u64::from(priority.min(99)), self.arrival(entry)),
            None => {
                let vruntime = self.placed_vruntime(&task, entry);
                task.vruntime.store(vruntime, Ordering::Relaxed);
                // Equals run in the order of their arrival.
                (FAIR_BASE + vruntime, self.arrival(Entry::Woken))
            }
        };
        task.key[0].store(class, Ordering::Relaxed);
        task.key[1].store(order, Ordering::Relaxed);
        self.waiting.insert(task);
        self.count += 1;
    }

    fn arrival(&mut self, entry: Entry) -> u64 {
        // sched(7): a preempted real-time task stays at the head of the list of its priority.
        if entry == Entry::Preempted {
            self.arrivals.0 -= 1;
            self.arrivals.0
        } else {
            self.arrivals.1 += 1;
            self.arrivals.1
        }
    }

    fn placed_vruntime(&self, task: &Task, entry: Entry) -> u64 {
        let vruntime = task.vruntime.load(Ordering::Relaxed);
        match entry {
            Entry::Preempted => vruntime,
            Entry::Woken => vruntime.max(self.floor.saturating_sub(WAKE_CREDIT_NS)),
            Entry::New => self.floor,
            Entry::Yielded => match self.waiting.front().get() {
                Some(next) => vruntime.max(next.vruntime.load(Ordering::Relaxed) + 1),
                None => vruntime,
            },
            // The two processors' virtual times have nothing to do with each other, only the
            // distance from the floor means something. Bounded, or a task that goes to and fro
            // between a fresh and an old floor would run away.
            Entry::Moved { floor } => {
                let ahead = vruntime.saturating_sub(floor).min(MAX_LAG_NS);
                let behind = floor.saturating_sub(vruntime).min(WAKE_CREDIT_NS);
                (self.floor + ahead).saturating_sub(behind)
            }
        }
    }

    /// Takes `task` out of the queue, if it waits here.
    pub(super) fn remove(&mut self, task: &TaskRef) -> bool {
        if !task.in_tree() {
            return false;
        }
        let key = machine::linked::TreeKey::tree_key(&***task);
        let removed = self.waiting.find_mut(&key).remove().is_some();
        self.count -= usize::from(removed);
        removed
    }

    /// Takes the next task out of the queue; the idle task if nobody waits.
    pub(super) fn take_next(&mut self) -> Option<TaskRef> {
        if let Some(task) = self.waiting.front_mut().remove() {
            self.count -= 1;
            self.raise_floor(&task);
            return Some(task);
        }
        self.idle.clone()
    }

    fn raise_floor(&mut self, next: &Task) {
        if next.policy().rt_priority().is_none() {
            self.floor = self.floor.max(next.vruntime.load(Ordering::Relaxed));
        }
    }

    /// Takes out the task that would run last among those that `may_go`.
    pub(super) fn steal(&mut self, may_go: impl Fn(&TaskRef) -> bool) -> Option<TaskRef> {
        let mut cursor = self.waiting.upper_bound_mut(Bound::Unbounded);
        while let Some(task) = cursor.as_cursor().clone_pointer() {
            if may_go(&task) {
                cursor.remove();
                self.count -= 1;
                return Some(task);
            }
            cursor.move_prev();
        }
        None
    }

    /// Charges the running task for the time up to `now`.
    pub(super) fn charge(&mut self, now: u64) {
        let Some(task) = &self.current else { return };
        let since = task.ran_since.swap(now, Ordering::Relaxed);
        let ran = now.saturating_sub(since);
        task.time.ran_ns.store(task.time.total() + ran, Ordering::Relaxed);
        let used = task.slice_used.load(Ordering::Relaxed) + ran;
        task.slice_used.store(used, Ordering::Relaxed);
        if task.policy().rt_priority().is_none() {
            let vruntime =
                task.vruntime.load(Ordering::Relaxed) + policy::virtual_time(ran, task.weight());
            task.vruntime.store(vruntime, Ordering::Relaxed);
        }
    }

    /// Whether the running task should give way to `woken`, which was just put into the queue.
    pub(super) fn should_preempt(&self, woken: &Task) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        if self.is_idle() {
            return true;
        }
        match (current.policy().rt_priority(), woken.policy().rt_priority()) {
            (Some(running), Some(waking)) => waking > running,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) if matches!(woken.policy(), Policy::Batch | Policy::Idle) => false,
            (None, None) if current.policy() == Policy::Idle => true,
            (None, None) => {
                let running = current.vruntime.load(Ordering::Relaxed);
                let waking = woken.vruntime.load(Ordering::Relaxed);
                running > waking + policy::virtual_time(WAKE_GRANULARITY_NS, woken.weight())
            }
        }
    }

    /// The tick's question: has the running task had its turn?
    pub(super) fn turn_is_over(&self) -> bool {
        let (Some(current), Some(next)) = (&self.current, self.waiting.front().get()) else {
            return false;
        };
        if self.is_idle() {
            return true;
        }
        let used = current.slice_used.load(Ordering::Relaxed);
        match (current.policy(), next.policy().rt_priority()) {
            (Policy::Fifo(running), Some(waiting)) => waiting > running,
            (Policy::RoundRobin(running), Some(waiting)) => {
                waiting > running || (waiting == running && used >= RR_SLICE_NS)
            }
            (Policy::Fifo(_) | Policy::RoundRobin(_), None) => false,
            (_, Some(_)) => true,
            (_, None) => {
                let ahead = current.vruntime.load(Ordering::Relaxed)
                    > next.vruntime.load(Ordering::Relaxed);
                used >= SLICE_NS && ahead
            }
        }
    }

    /// How the running task enters the queue when it is preempted: round robin goes to the end of
    /// its priority once its slice is used up.
    pub(super) fn preempted_entry(task: &Task) -> Entry {
        match task.policy() {
            Policy::RoundRobin(_) if task.slice_used.load(Ordering::Relaxed) >= RR_SLICE_NS => {
                Entry::Yielded
            }
            _ => Entry::Preempted,
        }
    }

    /// Asks the running task to come back to the scheduler.
    pub(super) fn set_need_resched(&self) {
        if let Some(current) = &self.current {
            current.set_flags(TaskFlags::NEED_RESCHED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::Competition;
    use super::*;
    use alloc::vec::Vec;

    fn task(policy: Policy, nice: i32) -> TaskRef {
        Task::new(Competition { policy, nice, ..Competition::default() }, None)
    }

    fn queue_with_idle() -> RunQueue {
        let mut queue = RunQueue::new();
        let idle = task(Policy::Idle, 0);
        queue.idle = Some(idle.clone());
        queue.current = Some(idle);
        queue
    }

    /// Runs `queue` with every task always runnable, `slice` at a time.
    fn run(queue: &mut RunQueue, now: &mut u64, slice: u64) -> TaskRef {
        let next = queue.take_next().expect("somebody waits");
        next.ran_since.store(*now, Ordering::Relaxed);
        next.slice_used.store(0, Ordering::Relaxed);
        queue.current = Some(next.clone());
        *now += slice;
        queue.charge(*now);
        let entry = RunQueue::preempted_entry(&next);
        queue.insert(next.clone(), entry);
        next
    }

    #[test]
    fn fair_tasks_share_by_weight() {
        let mut queue = queue_with_idle();
        let tasks: Vec<_> = [0, 0, 5, -5].map(|nice| task(Policy::Other, nice)).into();
        for task in &tasks {
            queue.insert(task.clone(), Entry::New);
        }
        let mut now = 0;
        for _ in 0..20_000 {
            run(&mut queue, &mut now, 1_000_000);
        }
        let total: u64 = tasks.iter().map(|task| task.weight()).sum();
        for task in &tasks {
            let fair = now / total * task.weight();
            let got = task.time.total();
            assert!(got.abs_diff(fair) < fair / 20, "nice {}: {got} of {fair}", task.nice());
        }
    }

    #[test]
    fn a_sleeper_cannot_save_up() {
        let mut queue = queue_with_idle();
        let (busy, sleeper) = (task(Policy::Other, 0), task(Policy::Other, 0));
        queue.insert(busy.clone(), Entry::New);
        let mut now = 0;
        for _ in 0..1000 {
            run(&mut queue, &mut now, 1_000_000);
        }
        queue.insert(sleeper.clone(), Entry::Woken);
        let mut in_a_row = 0;
        while core::ptr::eq(&*run(&mut queue, &mut now, 1_000_000), &*sleeper) {
            in_a_row += 1;
        }
        assert!((1..=5).contains(&in_a_row), "{in_a_row}");
    }

    #[test]
    fn real_time_comes_first_by_priority_then_arrival() {
        let mut queue = queue_with_idle();
        let order = [task(Policy::Fifo(9), 0), task(Policy::Fifo(9), 0), task(Policy::Fifo(3), 0)];
        queue.insert(task(Policy::Other, -20), Entry::Woken);
        queue.insert(order[2].clone(), Entry::Woken);
        queue.insert(order[0].clone(), Entry::Woken);
        queue.insert(order[1].clone(), Entry::Woken);
        for expected in &order {
            let next = queue.take_next().expect("they wait");
            assert!(core::ptr::eq(&*next, &**expected));
        }
        assert_eq!(queue.waiting(), 1);
    }

    #[test]
    fn a_preempted_fifo_task_stays_at_the_head_and_a_yielding_one_goes_to_the_tail() {
        let mut queue = queue_with_idle();
        let (a, b) = (task(Policy::Fifo(5), 0), task(Policy::Fifo(5), 0));
        queue.insert(a.clone(), Entry::Woken);
        queue.insert(b.clone(), Entry::Woken);
        let first = queue.take_next().expect("a waits");
        queue.insert(first, Entry::Preempted);
        let first = queue.take_next().expect("a waits");
        assert!(core::ptr::eq(&*first, &*a));
        queue.insert(first, Entry::Yielded);
        assert!(core::ptr::eq(&*queue.take_next().expect("b waits"), &*b));
    }

    #[test]
    fn yielding_lets_the_other_run() {
        let mut queue = queue_with_idle();
        let (a, b) = (task(Policy::Other, 0), task(Policy::Other, 0));
        queue.insert(a, Entry::New);
        queue.insert(b, Entry::New);
        for _ in 0..10 {
            let first = queue.take_next().expect("two wait");
            queue.insert(first.clone(), Entry::Yielded);
            let second = queue.take_next().expect("two wait");
            assert!(!core::ptr::eq(&*first, &*second));
            queue.insert(second, Entry::Yielded);
        }
    }

    #[test]
    fn a_wake_up_preempts_whom_it_should() {
        let mut queue = queue_with_idle();
        let running = task(Policy::Other, 0);
        queue.current = Some(running.clone());
        queue.charge(10_000_000);
        let woken = task(Policy::Other, 0);
        assert!(queue.should_preempt(&woken));
        assert!(!queue.should_preempt(&task(Policy::Batch, 0)));
        assert!(queue.should_preempt(&task(Policy::Fifo(1), 0)));
        queue.current = Some(task(Policy::Fifo(2), 0));
        assert!(!queue.should_preempt(&task(Policy::Fifo(2), 0)));
        assert!(!queue.should_preempt(&woken));
        queue.current = queue.idle.clone();
        assert!(queue.should_preempt(&task(Policy::Idle, 0)));
    }

    #[test]
    fn stealing_takes_the_last_that_may_go() {
        let mut queue = queue_with_idle();
        let tasks: Vec<_> = (0..3).map(|_| task(Policy::Other, 0)).collect();
        for task in &tasks {
            queue.insert(task.clone(), Entry::New);
        }
        let stolen = queue.steal(|task| !core::ptr::eq(&**task, &*tasks[2]));
        assert!(core::ptr::eq(&*stolen.expect("two may go"), &*tasks[1]));
        assert!(queue.steal(|_| false).is_none());
        assert_eq!(queue.waiting(), 2);
    }

    #[test]
    fn a_task_that_goes_to_and_fro_keeps_its_distance() {
        let (mut here, mut there) = (queue_with_idle(), queue_with_idle());
        let task = task(Policy::Other, 0);
        here.floor = 1 << 40;
        task.vruntime.store(here.floor + 5000, Ordering::Relaxed);
        for _ in 0..100 {
            there.insert(task.clone(), Entry::Moved { floor: here.floor });
            assert!(there.remove(&task));
            here.insert(task.clone(), Entry::Moved { floor: there.floor });
            assert!(here.remove(&task));
        }
        assert_eq!(task.vruntime.load(Ordering::Relaxed), here.floor + 5000);
    }
}
