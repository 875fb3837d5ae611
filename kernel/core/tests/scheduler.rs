//! The scheduler on simulated processors, in one process of its own because processors are global.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use machine::deferred::Pending;
use machine::sync::{Rank, SpinLock};
use machine::thread::KernelThread;
use oxbow_core::sched::{
    self, Competition, PollTable, Poller, Sleep, Task, TaskExt, TaskFlags, TaskRef, WaitQueue,
    WakeReason, Woken, timer,
};

const PROCESSORS: usize = 3;
const GUARD: Duration = Duration::from_secs(60);

fn boot() {
    // The test's own thread must not be taken for one of the processors.
    machine::sim::enter_cpu(63);
    sched::init(PROCESSORS);
    machine::deferred::set_handler(|pending| {
        if pending.contains(Pending::TIMER) {
            timer::on_interrupt();
        }
    });
    for cpu in 0..PROCESSORS {
        std::thread::spawn(move || {
            machine::sim::enter_cpu(cpu as u32);
            sched::enter_idle();
            sched::run_idle();
        });
    }
    while sched::online() != (1 << PROCESSORS) - 1 {
        std::thread::yield_now();
    }
}

fn spawn(competition: Competition, body: impl FnOnce(&TaskRef) + Send + 'static) -> TaskRef {
    let task = Task::new(competition, None);
    let entry = move || {
        sched::first_run();
        let me = sched::current();
        body(&me);
    };
    let kthread = KernelThread::new(Box::new(entry), None).expect("the host has memory");
    sched::start(&task, kthread);
    task
}

/// Runs `body` as a task and waits for its end; a hang is a failure.
fn run(name: &str, body: impl FnOnce(&TaskRef) + Send + 'static) {
    let (done, wait) = mpsc::channel();
    spawn(Competition::default(), move |me| {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(me)));
        done.send(outcome).expect("the test waits");
    });
    let outcome = wait.recv_timeout(GUARD).unwrap_or_else(|_| panic!("{name} hangs"));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A bounded buffer, the way pipes are made.
struct Buffer {
    items: SpinLock<Vec<u64>>,
    readable: WaitQueue,
    writable: WaitQueue,
}

impl Buffer {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            items: SpinLock::new(Rank(34), Vec::new()),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
        })
    }

    fn put(&self, item: u64) {
        let put = || {
            let mut items = self.items.lock();
            (items.len() < 2).then(|| items.push(item))
        };
        self.writable.wait_until(Sleep::Uninterruptible, None, put).expect("nothing ends this");
        self.readable.wake_one();
    }

    fn take(&self) -> u64 {
        let take = || {
            let mut items = self.items.lock();
            (!items.is_empty()).then(|| items.remove(0))
        };
        let taken = self.readable.wait_until(Sleep::Uninterruptible, None, take);
        self.writable.wake_one();
        taken.expect("nothing ends this")
    }
}

fn many_producers_and_consumers_lose_nothing(_me: &TaskRef) {
    const EACH: u64 = 2000;
    const PAIRS: u64 = 4;
    let buffer = Buffer::new();
    let sum = Arc::new(AtomicU64::new(0));
    let finished = Arc::new((AtomicUsize::new(0), WaitQueue::new()));
    for pair in 0..PAIRS {
        let (from, to) = (buffer.clone(), buffer.clone());
        let (done_a, done_b) = (finished.clone(), finished.clone());
        let sum = sum.clone();
        spawn(Competition::default(), move |_| {
            for i in 0..EACH {
                to.put(pair * EACH + i);
            }
            done_a.0.fetch_add(1, Ordering::SeqCst);
            done_a.1.wake_all();
        });
        spawn(Competition::default(), move |_| {
            for _ in 0..EACH {
                sum.fetch_add(from.take(), Ordering::Relaxed);
            }
            done_b.0.fetch_add(1, Ordering::SeqCst);
            done_b.1.wake_all();
        });
    }
    let all = || (finished.0.load(Ordering::SeqCst) == 2 * PAIRS as usize).then_some(());
    finished.1.wait_until(Sleep::Uninterruptible, None, all).expect("nothing ends this");
    let count = PAIRS * EACH;
    assert_eq!(sum.load(Ordering::Relaxed), count * (count - 1) / 2);
}

fn deadlines_end_sleeps_in_order(_me: &TaskRef) {
    let now = machine::time::now();
    for ms in [1, 5, 2] {
        let deadline = now + ms * 1_000_000;
        assert_eq!(sched::sleep_until(Sleep::Interruptible, Some(deadline)), Woken::TimedOut);
        assert!(machine::time::now() >= deadline);
    }
}

fn signals_end_only_the_sleeps_that_allow_them(_me: &TaskRef) {
    let (send, outcome) = mpsc::channel();
    let sleeper = spawn(Competition::default(), move |me| {
        let first = sched::sleep_until(Sleep::Interruptible, None);
        me.clear_flags(TaskFlags::SIGNAL_PENDING);
        let soon = machine::time::now() + 20_000_000;
        let second = sched::sleep_until(Sleep::Killable, Some(soon));
        let third = sched::sleep_until(Sleep::Killable, None);
        send.send([first, second, third]).expect("the test waits");
    });
    while sleeper.state_letter() != b'S' {
        sched::yield_now();
    }
    sleeper.interrupt(TaskFlags::SIGNAL_PENDING, WakeReason::Signal);
    while sleeper.state_letter() != b'D' {
        sched::yield_now();
    }
    sleeper.interrupt(TaskFlags::SIGNAL_PENDING, WakeReason::Signal);
    let later = machine::time::now() + 40_000_000;
    sched::sleep_until(Sleep::Uninterruptible, Some(later));
    sleeper.interrupt(TaskFlags::KILLED, WakeReason::Kill);
    let seen = loop {
        match outcome.try_recv() {
            Ok(seen) => break seen,
            Err(_) => sched::yield_now(),
        }
    };
    assert_eq!(seen, [Woken::Interrupted, Woken::TimedOut, Woken::Interrupted]);
}

fn pollers_hear_of_every_queue(_me: &TaskRef) {
    let queues = Arc::new([const { WaitQueue::new() }; 3]);
    let turn = Arc::new(AtomicUsize::new(usize::MAX));
    for round in 0..100 {
        let mut poller = Poller::new();
        let register = |table: &mut PollTable| queues.iter().for_each(|queue| table.wait_on(queue));
        register(&mut poller.table);
        turn.store(usize::MAX, Ordering::SeqCst);
        let (queues, turn_there) = (queues.clone(), turn.clone());
        spawn(Competition::default(), move |_| {
            turn_there.store(round, Ordering::SeqCst);
            queues[round % 3].wake_all();
        });
        // The last round's task may still be waking the queues, so one wait may not be enough.
        while turn.load(Ordering::SeqCst) != round {
            poller.wait(Sleep::Interruptible, None).expect("only the queue ends this");
        }
    }
    assert!(queues.iter().all(|queue| !queue.has_waiters()));
}

fn affinity_moves_tasks(me: &TaskRef) {
    for round in 0..30 {
        let cpu = round % PROCESSORS;
        let competition = Competition { affinity: 1 << cpu, ..me.competition() };
        me.set_competition(competition);
        sched::preempt_if_needed();
        assert_eq!(machine::cpu::id().index(), cpu);
    }
}

fn busy_tasks_use_all_processors(_me: &TaskRef) {
    let seen = Arc::new(AtomicU64::new(0));
    let finished = Arc::new((AtomicUsize::new(0), WaitQueue::new()));
    for _ in 0..PROCESSORS {
        let (seen, finished) = (seen.clone(), finished.clone());
        spawn(Competition::default(), move |_| {
            let until = machine::time::now() + 100_000_000;
            while machine::time::now() < until {
                seen.fetch_or(1 << machine::cpu::id().index(), Ordering::Relaxed);
                sched::preempt_if_needed();
            }
            finished.0.fetch_add(1, Ordering::SeqCst);
            finished.1.wake_all();
        });
    }
    let all = || (finished.0.load(Ordering::SeqCst) == PROCESSORS).then_some(());
    finished.1.wait_until(Sleep::Uninterruptible, None, all).expect("nothing ends this");
    assert_eq!(seen.load(Ordering::Relaxed), (1 << PROCESSORS) - 1);
}

/// All of it in one test: the simulated processors belong to the whole process.
#[test]
fn tasks_sleep_wake_and_move() {
    boot();
    run("deadlines", deadlines_end_sleeps_in_order);
    run("signals", signals_end_only_the_sleeps_that_allow_them);
    run("pollers", pollers_hear_of_every_queue);
    run("buffers", many_producers_and_consumers_lose_nothing);
    run("affinity", affinity_moves_tasks);
    run("busy", busy_tasks_use_all_processors);
}
