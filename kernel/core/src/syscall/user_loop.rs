//! The life of a thread: user mode, why it came back, what to do about it, again.
//!
//! The way from a system call back to user mode tests one word of flags. Everything rare (signals,
//! rescheduling, ticks, the end) is behind that test.

use core::sync::atomic::Ordering;

use abi::{Signal, WaitStatus};
use machine::addr::UserAddr;
use machine::user::UserExit;

use crate::mm::oom::{self, Relief};
use crate::mm::{Access, FaultOutcome};
use crate::sched::{self, TaskFlags};
use crate::task::signal::deliver;
use crate::task::{CurrentThread, exit, timers};

/// Runs the thread `cx` until it ends, and takes it apart.
pub fn run(mut cx: CurrentThread) {
    // A new thread may have been killed, or stopped, before it ran.
    while work(&mut cx) {
        match cx.user.run() {
            UserExit::Syscall => super::dispatch(&mut cx),
            UserExit::PageFault { addr, write, exec, code, .. } => {
                page_fault(&mut cx, UserAddr::new(addr), access(write, exec), code);
            }
            UserExit::Exception { vector, error } => {
                deliver::raise_exception(&mut cx, vector, error);
            }
            UserExit::Interrupt => interrupted(&cx),
        }
    }
    exit::finish(cx);
}

/// What is to be done before user mode is entered. False: the thread has to end.
#[inline(always)]
fn work(cx: &mut CurrentThread) -> bool {
    cx.task.flags().is_empty() || slow_work(cx)
}

#[cold]
fn slow_work(cx: &mut CurrentThread) -> bool {
    loop {
        let flags = cx.task.flags();
        if flags.contains(TaskFlags::TICKED) {
            sched::charge_tick(&cx.task, false);
            timers::on_tick(cx);
        }
        if cx.ending().is_some() {
            return false;
        }
        if flags.contains(TaskFlags::NEED_RESCHED) {
            sched::preempt(&cx.task);
        }
        let signals = TaskFlags::SIGNAL_PENDING | TaskFlags::KILLED | TaskFlags::RESTART;
        if flags.intersects(signals) {
            deliver::deliver(cx);
            continue;
        }
        if cx.task.flags().is_empty() {
            return true;
        }
    }
}

/// An interrupt came while the thread was in user mode: a tick belongs to user time.
fn interrupted(cx: &CurrentThread) {
    if cx.task.flags().contains(TaskFlags::TICKED) {
        sched::charge_tick(&cx.task, true);
        timers::on_tick(cx);
    }
}

fn page_fault(cx: &mut CurrentThread, addr: UserAddr, access: Access, code: u64) {
    cx.thread.minor_faults.fetch_add(1, Ordering::Relaxed);
    match cx.space.resolve(addr, access) {
        FaultOutcome::Resolved => {}
        FaultOutcome::Signal(fault) => {
            deliver::raise_page_fault(cx, fault.signal, fault.code, fault.addr, code);
        }
        // The instruction is tried again: by then there is memory, or this thread was killed.
        FaultOutcome::OutOfMemory => out_of_memory(cx),
    }
}

fn access(write: bool, exec: bool) -> Access {
    match (write, exec) {
        (true, _) => Access::Write,
        (false, true) => Access::Exec,
        (false, false) => Access::Read,
    }
}

#[cold]
fn out_of_memory(cx: &mut CurrentThread) {
    match oom::relieve() {
        Relief::Retry => sched::yield_now(),
        Relief::GiveUp => {
            exit::exit_group(cx, WaitStatus::signaled(Signal::SIGKILL, false));
        }
    }
}
