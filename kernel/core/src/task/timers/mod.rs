//! Time as programs use it: clocks, sleeping, and timers that send signals or can be read.
//!
//! [`clocks`] knows what clock ids mean. [`sleep`] is nanosleep(2). [`alarm::Alarm`] is one timer on
//! the monotonic clock, from which [`interval`] (setitimer(2), alarm(2)), [`posix`]
//! (timer_create(2)) and [`timerfd`] are made. [`cpu`] are the timers that run while a process
//! does; they are looked at on ticks.
//!
//! Periodic timers that send a signal are set again when that signal is *taken*, as on Linux: a
//! period of a nanosecond then costs a program its own time and nobody else's. What was missed
//! meanwhile is the overrun count.
//!
//! Locks: `PROCESS_TIMERS` for the table of a process, `TIMER` for one alarm. No signal is sent
//! under either; a signal that is taken reaches its alarm under `SIGNALS`, which is between them.

pub mod alarm;
pub mod clocks;
pub mod cpu;
pub mod interval;
pub mod posix;
pub mod sleep;
pub mod timerfd;

use super::process::Process;
use super::{CurrentThread, signal::SigInfo};
use alloc::sync::Arc;

/// All timers of a process.
pub struct ProcessTimers {
    /// ITIMER_REAL and alarm(2).
    pub real: interval::RealTimer,
    /// What counts CPU time.
    pub cpu: cpu::CpuTimers,
    /// timer_create(2).
    pub posix: posix::PosixTimers,
}

impl Default for ProcessTimers {
    fn default() -> Self {
        Self::new()
    }
}

impl ProcessTimers {
    /// No timers: what a forked child starts with.
    pub const fn new() -> Self {
        Self {
            real: interval::RealTimer::new(),
            cpu: cpu::CpuTimers::new(),
            posix: posix::PosixTimers::new(),
        }
    }
}

/// exec(2) keeps the interval timers of a process and deletes the others.
pub fn process_execs(process: &Arc<Process>) {
    process.timers.posix.delete_all(process);
}

/// The process ends: nothing may expire any more.
pub fn process_ends(process: &Arc<Process>) {
    process.timers.real.disarm();
    process.timers.posix.delete_all(process);
    process.timers.cpu.clear();
}

/// A tick has found the process running: its CPU timers and limits are due for a look.
pub fn on_tick(cx: &CurrentThread) {
    cpu::check(cx);
}

/// Sends a signal from the kernel to the whole process.
fn notify(process: &Process, info: SigInfo) {
    super::signal::send::to_process_from_kernel(process, info);
}
