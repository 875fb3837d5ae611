//! Stopping and continuing a process as a whole (job control), and telling its parent.
//!
//! A stop is a round in which every thread takes part on its way to user mode; the last one
//! completes it. SIGCONT ends the stop when it is *sent*, at any point of the round.
//!
//! ```text
//! Running --stop signal taken--> Stopping(threads left) --last one--> Stopped
//!    ^                                   |                               |
//!    +------------- SIGCONT -------------+------------ SIGCONT ----------+
//! ```

use abi::Signal;

use super::state::{Slot, State};
use crate::sched::{TaskFlags, WakeReason};

use crate::sched::TaskExt;

/// What the parent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// All threads have stopped, by this signal.
    Stopped(Signal),
    /// SIGCONT has ended a stop.
    Continued,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Running,
    Stopping {
        signal: Signal,
        left: usize,
    },
    Stopped,
}

/// Where a process stands between stop and go.
#[derive(Debug, Default)]
pub(super) struct Job {
    phase: Phase,
    /// What a thread of this process still has to tell the parent.
    notice: Option<Notice>,
    /// What wait(2) may report: the stop, until it was collected or is over.
    stop_report: Option<Signal>,
    /// What wait(2) may report: the continuation, until it was collected or it stops again.
    continue_report: bool,
    /// Counts SIGCONTs, so that a stop that was decided without the lock can see it is outdated.
    continued: u64,
}

impl Job {
    /// Whether all threads stand still, or are about to.
    pub(super) fn is_stopping(&self) -> bool {
        self.phase != Phase::Running
    }

    /// Whether all threads stand still.
    pub(super) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    pub(super) fn has_notice(&self) -> bool {
        self.notice.is_some()
    }

    pub(super) fn take_notice(&mut self) -> Option<Notice> {
        self.notice.take()
    }

    /// See [`State::begin_stop`].
    pub(super) fn continued(&self) -> u64 {
        self.continued
    }

    /// The process is ending; nobody stops any more.
    pub(super) fn abandon(&mut self) {
        self.phase = Phase::Running;
        self.notice = None;
        self.stop_report = None;
        self.continue_report = false;
    }

    /// What wait(2) with WUNTRACED or WCONTINUED finds. `consume` says whether it is then gone
    /// (no WNOWAIT).
    pub(super) fn report(&mut self, what: ReportFilter, consume: bool) -> Option<Notice> {
        if what.stopped
            && self.is_stopped()
            && let Some(signal) = self.stop_report
        {
            if consume {
                self.stop_report = None;
            }
            return Some(Notice::Stopped(signal));
        }
        if what.continued && self.continue_report {
            if consume {
                self.continue_report = false;
            }
            return Some(Notice::Continued);
        }
        None
    }

    /// One thread less to wait for; the notice if it was the last one.
    fn one_less(&mut self) -> Option<Notice> {
        let Phase::Stopping { signal, left } = self.phase else {
            return None;
        };
        if left > 1 {
            self.phase = Phase::Stopping { signal, left: left - 1 };
            return None;
        }
        self.phase = Phase::Stopped;
        self.stop_report = Some(signal);
        self.continue_report = false;
        Some(Notice::Stopped(signal))
    }
}

/// Which changes of a child wait(2) asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportFilter {
    /// WUNTRACED (WSTOPPED).
    pub stopped: bool,
    /// WCONTINUED.
    pub continued: bool,
}

impl State {
    /// Starts a stop on behalf of a thread that has taken `signal`. `continued` is what
    /// [`Job::continued`] said when the signal was taken: a SIGCONT since then wins.
    pub(super) fn begin_stop(&mut self, signal: Signal, continued: u64) {
        if self.exit.is_some() || self.job.continued != continued || self.job.is_stopping() {
            return;
        }
        let mut left = 0;
        for thread in self.live().filter(|thread| !thread.killed) {
            thread.stop_pending = true;
            left += 1;
            thread.task.interrupt(TaskFlags::SIGNAL_PENDING, WakeReason::Signal);
        }
        self.job.phase = Phase::Stopping { signal, left };
    }

    /// The thread has come to its stop; the notice if it was the last one.
    pub(super) fn take_part(&mut self, slot: Slot) -> Option<Notice> {
        let pending = core::mem::take(&mut self.thread_mut(slot).stop_pending);
        if pending { self.job.one_less() } else { None }
    }

    /// SIGCONT was sent: nobody stops or stays stopped. The threads' sleep ends with the caller's
    /// wake-up of the stop queue.
    pub(super) fn resume(&mut self) {
        self.job.continued += 1;
        match core::mem::take(&mut self.job.phase) {
            Phase::Running => {}
            // The round was not over: the parent hears of the stop all the same, as if it had
            // been completed and ended at once.
            Phase::Stopping { signal, .. } => self.job.notice = Some(Notice::Stopped(signal)),
            Phase::Stopped => self.job.notice = Some(Notice::Continued),
        }
        self.job.stop_report = None;
        let notice = self.job.has_notice();
        self.job.continue_report |= notice;
        for thread in self.live() {
            thread.stop_pending = false;
            if notice {
                thread.task.set_flags(TaskFlags::SIGNAL_PENDING);
            }
        }
    }
}
