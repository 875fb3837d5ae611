//! The processors: switching, waking, placing and moving tasks.
//!
//! Each processor has a [`RunQueue`] behind its own lock; no two are ever held together. A switch
//! decides under the lock and switches after it: between the two, the task that leaves is already
//! visible to others (queued here, or asleep and wakeable) though its registers are not saved yet.
//! One rule makes that safe: **a task that is still on a processor is only ever queued on that
//! processor.** So a processor picks from its own queue only tasks that have left their stack, or
//! its own previous one; `steal` and `choose` skip the others. Without the rule, two processors
//! could each wait for the other's task to leave its stack, for ever.

mod processor;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use machine::sync::{Once, SpinLock};
use machine::thread::KernelThread;
use machine::time;

use super::account::LoadAverage;
use super::run_queue::{Entry, RunQueue};
use super::state::RunState;
use super::task::{Competition, Task, TaskFlags, TaskRef};
use super::timer;
use crate::locks;

/// How many processors the scheduler uses at most: one bit each in an affinity mask.
pub const MAX_PROCESSORS: usize = 64;
/// The time between two ticks while a processor is busy.
pub const TICK_NS: u64 = 4_000_000;

/// What the scheduler keeps for each processor.
pub(super) struct Processor {
    index: u8,
    queue: SpinLock<RunQueue>,
    /// The task that has just left this processor for good or for another one.
    departed: SpinLock<Option<Departed>>,
    has_departed: AtomicBool,
    /// When the next tick is due; 0 while there is none.
    pub(super) tick_at: AtomicU64,
    pub(super) timers: timer::Timers,
    stats: ProcessorTime,
}

enum Departed {
    Dead(TaskRef),
    Moving(TaskRef),
}

/// Why a task calls the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It has announced a sleep.
    Sleep,
    /// Somebody else should run.
    Preempted,
    /// It gives the processor away for now.
    Yield,
    /// It will never run again.
    Exit,
}

/// Times of one processor for /proc/stat, in nanoseconds.
#[derive(Debug, Default)]
struct ProcessorTime {
    user: AtomicU64,
    nice: AtomicU64,
    system: AtomicU64,
    idle_since: AtomicU64,
    idle: AtomicU64,
    switches: AtomicU64,
}

/// A copy of one processor's times.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessorStats {
    /// User mode, nice 0 or better (nanoseconds, in steps of a tick).
    pub user_ns: u64,
    /// User mode, niced.
    pub nice_ns: u64,
    /// Kernel mode.
    pub system_ns: u64,
    /// Idle (exact).
    pub idle_ns: u64,
    /// Context switches.
    pub switches: u64,
}

static PROCESSORS: Once<Box<[Processor]>> = Once::new();
/// Bit n is set while processor n runs its idle task.
static IDLE: AtomicU64 = AtomicU64::new(0);
static ONLINE: AtomicU64 = AtomicU64::new(0);
static LOAD: LoadAverage = LoadAverage::new();

/// Prepares the scheduler for `count` processors. Called once, by the boot processor.
pub fn init(count: usize) {
    machine::thread::set_exit_hook(exit);
    PROCESSORS.call_once(|| {
        (0..count.clamp(1, MAX_PROCESSORS))
            .map(|index| Processor {
                index: u8::try_from(index).expect("invariant: at most 64 processors"),
                queue: SpinLock::new(locks::RUN_QUEUE, RunQueue::new()),
                departed: SpinLock::new(locks::RUN_QUEUE, None),
                has_departed: AtomicBool::new(false),
                tick_at: AtomicU64::new(0),
                timers: timer::Timers::new(),
                stats: ProcessorTime::default(),
            })
            .collect()
    });
}

pub(super) fn processors() -> &'static [Processor] {
    PROCESSORS.get().map_or(&[], |all| all)
}

/// The processor that runs this code. It stays the same until the caller sleeps.
pub(super) fn here() -> &'static Processor {
    &processors()[machine::cpu::id().index()]
}

/// The task that runs on this processor.
///
/// # Panics
/// Before [`enter_idle`] has made the boot thread a task.
pub fn current() -> TaskRef {
    here().queue.lock().current.clone().expect("invariant: the scheduler runs")
}

/// The processors that run tasks, as an affinity mask.
pub fn online() -> u64 {
    ONLINE.load(Ordering::Relaxed)
}

/// The load average.
pub fn load_average() -> &'static LoadAverage {
    &LOAD
}

/// How many tasks run or want to, on all processors.
pub fn runnable() -> u64 {
    processors().iter().map(Processor::runnable).sum()
}

/// The times of processor `index`.
pub fn stats(index: usize) -> Option<ProcessorStats> {
    let processor = processors().get(index)?;
    let stats = &processor.stats;
    let mut idle = stats.idle.load(Ordering::Relaxed);
    if IDLE.load(Ordering::Relaxed) & processor.bit() != 0 {
        idle += time::now().saturating_sub(stats.idle_since.load(Ordering::Relaxed));
    }
    Some(ProcessorStats {
        user_ns: stats.user.load(Ordering::Relaxed),
        nice_ns: stats.nice.load(Ordering::Relaxed),
        system_ns: stats.system.load(Ordering::Relaxed),
        idle_ns: idle,
        switches: stats.switches.load(Ordering::Relaxed),
    })
}

/// The life of an idle task, after [`enter_idle`]: runs other tasks for ever.
pub fn run_idle() -> ! {
    let here = here();
    let idle = current();
    loop {
        here.pull_when_empty();
        if here.queue.lock().waiting() > 0 {
            reschedule(&idle, Leave::Preempted);
        } else {
            // The check is repeated with interrupts off, so a wake-up from here on ends the halt.
            machine::cpu::halt_until_interrupt(|| idle.flags().contains(TaskFlags::NEED_RESCHED));
            idle.clear_flags(TaskFlags::NEED_RESCHED);
        }
    }
}

/// Makes the running boot thread the idle task of its processor, which from now on runs tasks.
pub fn enter_idle() {
    let here = here();
    let affinity = here.bit();
    let competition = Competition { affinity, ..Competition::default() };
    let idle =
        machine::linked::Linked::new(Task::with_state(RunState::new_running(), competition, None));
    idle.kthread.call_once(machine::thread::current);
    idle.cpu.store(u32::from(here.index), Ordering::Relaxed);
    let mut queue = here.queue.lock();
    queue.idle = Some(idle.clone());
    queue.current = Some(idle);
    drop(queue);
    here.stats.idle_since.store(time::now(), Ordering::Relaxed);
    IDLE.fetch_or(here.bit(), Ordering::SeqCst);
    ONLINE.fetch_or(here.bit(), Ordering::SeqCst);
}

/// Starts `task` on `kthread`, whose entry must call [`first_run`] first. It may run before this
/// returns.
pub fn start(task: &TaskRef, kthread: Arc<KernelThread>) {
    task.kthread.call_once(|| kthread);
    // New tasks are in the state `Blocked`; this takes the place of the wake-up.
    task.state.cancel();
    let target = choose(task, machine::cpu::id().index());
    processors()[target].accept(task.clone(), Entry::New);
}

/// What a new thread does before anything else: the second half of the switch to it.
pub fn first_run() {
    finish_switch(&current());
}

/// The end of a thread: its entry has returned, so its stack holds nothing any more.
fn exit() -> ! {
    {
        // The scheduler drops the last reference, from the run queue; this one must not stay.
        let me = current();
        me.state.die();
    }
    leave(Leave::Exit);
    unreachable!("a dead task was switched to")
}

/// Gives the processor to the next task; returns when it is this one's turn again.
pub fn yield_now() {
    let me = current();
    me.clear_flags(TaskFlags::NEED_RESCHED);
    reschedule(&me, Leave::Yield);
}

/// Lets another task run, if one should. For long loops in the kernel, at points without locks.
pub fn preempt_if_needed() {
    let me = current();
    if me.flags().contains(TaskFlags::NEED_RESCHED) {
        reschedule(&me, Leave::Preempted);
    }
}

/// As `preempt_if_needed`, for a caller that has its task at hand and has seen the flag.
pub fn preempt(me: &TaskRef) {
    reschedule(me, Leave::Preempted);
}

/// Leaves the processor; `me` is the caller's task.
pub(super) fn reschedule(me: &TaskRef, how: Leave) {
    if leave(how) {
        finish_switch(me);
    }
}

/// The first half of a switch. True after the caller was switched away from and back to.
fn leave(how: Leave) -> bool {
    machine::sync::assert_may_sleep();
    let here = here();
    let Some(next) = here.decide(how) else {
        return false;
    };
    machine::thread::switch_to(next);
    true
}

/// The second half, on the stack of the task that was switched to.
fn finish_switch(me: &TaskRef) {
    me.load_space();
    let here = here();
    if here.has_departed.swap(false, Ordering::Relaxed) {
        let departed = here.departed.lock().take();
        match departed {
            Some(Departed::Moving(task)) => enqueue_woken(&task),
            Some(Departed::Dead(task)) => drop(task),
            None => {}
        }
    }
}

/// Puts a task that was woken, and is in no queue, into the best one.
pub(super) fn enqueue_woken(task: &TaskRef) {
    let last = task.cpu() as usize;
    let leaving = task.kthread.get().is_some_and(|kthread| kthread.is_on_cpu());
    let target = if leaving { last } else { choose(task, last) };
    processors()[target].accept(task.clone(), Entry::Woken);
}

/// The best processor for `task`, which ran on `last`: that one if it is idle (its caches are
/// warm), else any idle one, else that one.
fn choose(task: &Task, last: usize) -> usize {
    let online = online();
    let mut allowed = task.affinity() & online;
    if allowed == 0 {
        // Linux, too, breaks the affinity rather than strand a task.
        allowed = online;
    }
    let idle = allowed & IDLE.load(Ordering::Relaxed);
    let last_bit = 1u64.checked_shl(u32::try_from(last).unwrap_or(u32::MAX)).unwrap_or(0);
    let candidates = if idle != 0 { idle } else { allowed };
    if candidates & last_bit != 0 {
        return last;
    }
    candidates.trailing_zeros() as usize % processors().len().max(1)
}

/// Makes `task` come back from user mode soon, if it is running on another processor.
pub(super) fn kick(task: &TaskRef) {
    let Some(processor) = processors().get(task.cpu() as usize) else {
        return;
    };
    if usize::from(processor.index) != machine::cpu::id().index()
        && processor.queue.lock().is_current(task)
    {
        processor.send_reschedule();
    }
}

/// Changes how `task` competes.
pub(super) fn set_competition(task: &TaskRef, competition: Competition) {
    loop {
        let index = task.cpu();
        let Some(processor) = processors().get(index as usize) else {
            return task.store_competition(competition);
        };
        let mut queue = processor.queue.lock();
        if task.cpu() != index {
            continue;
        }
        let stays = competition.affinity & processor.bit() != 0;
        if queue.is_current(task) {
            queue.charge(time::now());
            task.store_competition(competition);
            if !stays || queue.waiting() > 0 {
                queue.set_need_resched();
                drop(queue);
                processor.send_reschedule();
            }
        } else if queue.remove(task) {
            let floor = queue.floor();
            task.store_competition(competition);
            let on_cpu = task.kthread.get().is_some_and(|kthread| kthread.is_on_cpu());
            drop(queue);
            let target = if stays || on_cpu { index as usize } else { choose(task, usize::MAX) };
            let entry =
                if target == index as usize { Entry::Preempted } else { Entry::Moved { floor } };
            processors()[target].accept(task.clone(), entry);
        } else {
            task.store_competition(competition);
        }
        return;
    }
}

/// The scheduler's part of a timer interrupt.
pub(super) fn tick(now: u64) {
    let here = here();
    if now < here.tick_at.load(Ordering::Relaxed) || here.tick_at.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut queue = here.queue.lock();
    if queue.is_idle() {
        here.tick_at.store(0, Ordering::Relaxed);
        return;
    }
    here.tick_at.store(now + TICK_NS, Ordering::Relaxed);
    queue.charge(now);
    if let Some(current) = &queue.current {
        current.set_flags(TaskFlags::TICKED);
    }
    if queue.turn_is_over() {
        queue.set_need_resched();
    }
    let others_wait = queue.waiting() > 0;
    drop(queue);
    if LOAD.is_due(now) {
        LOAD.update(now, runnable());
    }
    let idle = IDLE.load(Ordering::Relaxed);
    if others_wait && idle != 0 {
        // An idle processor takes one of ours on its way around the idle loop.
        processors()[idle.trailing_zeros() as usize].wake_idle();
    }
}

/// Charges the tick that `TaskFlags::TICKED` announced to user mode or to the kernel. Called by the
/// task itself.
pub fn charge_tick(me: &TaskRef, user: bool) {
    me.clear_flags(TaskFlags::TICKED);
    me.time.charge_tick(user);
    let stats = &here().stats;
    let counter = match user {
        true if me.nice() > 0 => &stats.nice,
        true => &stats.user,
        false => &stats.system,
    };
    counter.fetch_add(TICK_NS, Ordering::Relaxed);
}

/// Brings the run time of the calling task up to date.
pub fn update_time(me: &TaskRef) {
    let mut queue = here().queue.lock();
    if queue.is_current(me) {
        queue.charge(time::now());
    }
}
