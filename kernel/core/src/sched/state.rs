//! The run state of a task: the hand-shake between going to sleep and being woken.
//!
//! A sleeper announces first and looks at its condition second; a waker makes the condition true
//! first and looks at the state second. Both sides are sequentially consistent, so one of them sees
//! the other:
//!
//! ```text
//! sleeper (task T on processor 0)         waker (processor 1)
//! -------------------------------         -------------------
//! state: Running -> Announced(mode)       condition = true
//! condition? yes: state = Running, go on  T.state?
//! no: lock own run queue                    Running:   nothing; T will look again
//!     Announced -> Blocked (or, when        Announced -> Running: nothing to queue, T's own
//!     the waker was here: still Running,       step to Blocked fails and T looks again
//!     stay on the processor)                Blocked -> Running: whoever makes this step puts
//! switch away                                  T into a run queue, exactly once
//! ```
//!
//! A step out of `Announced` or `Blocked` is a compare-and-swap, so exactly one waker wins. While T
//! is Blocked but has not left its stack yet, the winner may only queue it on T's own processor (see
//! `super::cpu`).

use core::sync::atomic::{AtomicU32, Ordering};

/// What may end a sleep besides its own condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Nothing. Only for waits that are certain to be short.
    Uninterruptible,
    /// A fatal signal.
    Killable,
    /// Any signal that is not blocked.
    Interruptible,
    /// Stopped by job control: a fatal signal or the continuation. Shown as `T`.
    Stopped,
    /// Stopped for a tracer. Shown as `t`.
    Traced,
}

/// Why a task is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    /// Its condition may have become true.
    Condition,
    /// A signal that it has not blocked.
    Signal,
    /// A fatal signal.
    Kill,
}

/// What the waker has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum WakeAction {
    /// The task was not asleep, sleeps deeper than this reason reaches, or has not left yet.
    Nothing,
    /// The task is off every run queue and the caller must put it into one.
    Enqueue,
}

const RUNNING: u32 = 0;
const ANNOUNCED: u32 = 1;
const BLOCKED: u32 = 2;
const DEAD: u32 = 3;
const KIND: u32 = 3;
const SIGNAL_WAKES: u32 = 4;
const KILL_WAKES: u32 = 8;
const STOPPED: u32 = 16;
const TRACED: u32 = 32;

fn mode_bits(sleep: Sleep) -> u32 {
    match sleep {
        Sleep::Uninterruptible => 0,
        Sleep::Killable => KILL_WAKES,
        Sleep::Interruptible => KILL_WAKES | SIGNAL_WAKES,
        Sleep::Stopped => KILL_WAKES | STOPPED,
        Sleep::Traced => KILL_WAKES | TRACED,
    }
}

/// The state word. New tasks are `Blocked`, until their first wake-up starts them.
#[derive(Debug)]
pub(super) struct RunState(AtomicU32);

impl RunState {
    pub(super) const fn new_blocked() -> Self {
        Self(AtomicU32::new(BLOCKED))
    }

    pub(super) const fn new_running() -> Self {
        Self(AtomicU32::new(RUNNING))
    }

    /// The sleeper's first step. The caller then looks at its condition.
    pub(super) fn announce(&self, sleep: Sleep) {
        self.0.store(ANNOUNCED | mode_bits(sleep), Ordering::SeqCst);
    }

    /// Takes the announcement back. A wake-up that came in between is absorbed: the caller is
    /// awake and looks at its condition anyway.
    pub(super) fn cancel(&self) {
        self.0.store(RUNNING, Ordering::SeqCst);
    }

    /// The sleeper's second step, under its run queue's lock. False: a waker was here first.
    pub(super) fn commit(&self) -> bool {
        let now = self.0.load(Ordering::SeqCst);
        if now & KIND != ANNOUNCED {
            return false;
        }
        let blocked = (now & !KIND) | BLOCKED;
        self.0.compare_exchange(now, blocked, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The waker's step.
    pub(super) fn wake(&self, reason: WakeReason) -> WakeAction {
        let mut now = self.0.load(Ordering::SeqCst);
        loop {
            let reaches = match reason {
                WakeReason::Condition => true,
                WakeReason::Signal => now & SIGNAL_WAKES != 0,
                WakeReason::Kill => now & KILL_WAKES != 0,
            };
            if !reaches || !matches!(now & KIND, ANNOUNCED | BLOCKED) {
                return WakeAction::Nothing;
            }
            match self.0.compare_exchange(now, RUNNING, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) if now & KIND == BLOCKED => return WakeAction::Enqueue,
                Ok(_) => return WakeAction::Nothing,
                Err(seen) => now = seen,
            }
        }
    }

    /// The last step: nothing wakes a dead task.
    pub(super) fn die(&self) {
        self.0.store(DEAD, Ordering::SeqCst);
    }

    #[cfg(test)]
    fn is_dead(&self) -> bool {
        self.0.load(Ordering::SeqCst) & KIND == DEAD
    }

    /// The letter of /proc/PID/stat for this state.
    pub(super) fn letter(&self) -> u8 {
        let now = self.0.load(Ordering::Relaxed);
        match now & KIND {
            RUNNING => b'R',
            DEAD => b'X',
            _ if now & TRACED != 0 => b't',
            _ if now & STOPPED != 0 => b'T',
            _ if now & SIGNAL_WAKES != 0 => b'S',
            _ => b'D',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_the_commit_keeps_the_sleeper_on_its_processor() {
        let state = RunState::new_running();
        state.announce(Sleep::Interruptible);
        assert_eq!(state.wake(WakeReason::Condition), WakeAction::Nothing);
        assert!(!state.commit());
    }

    #[test]
    fn exactly_one_waker_queues_a_blocked_task() {
        let state = RunState::new_running();
        state.announce(Sleep::Interruptible);
        assert!(state.commit());
        assert_eq!(state.wake(WakeReason::Condition), WakeAction::Enqueue);
        assert_eq!(state.wake(WakeReason::Kill), WakeAction::Nothing);
    }

    #[test]
    fn a_sleep_is_ended_only_by_what_it_allows() {
        for (sleep, signal, kill) in [
            (Sleep::Uninterruptible, false, false),
            (Sleep::Killable, false, true),
            (Sleep::Interruptible, true, true),
            (Sleep::Stopped, false, true),
            (Sleep::Traced, false, true),
        ] {
            for (reason, wakes) in [(WakeReason::Signal, signal), (WakeReason::Kill, kill)] {
                let state = RunState::new_running();
                state.announce(sleep);
                assert!(state.commit());
                let action = state.wake(reason);
                assert_eq!(action == WakeAction::Enqueue, wakes, "{sleep:?} {reason:?}");
            }
        }
    }

    #[test]
    fn nothing_wakes_the_dead() {
        let state = RunState::new_running();
        state.die();
        assert_eq!(state.wake(WakeReason::Kill), WakeAction::Nothing);
        assert!(state.is_dead());
    }

    #[test]
    fn letters_are_those_of_proc() {
        let state = RunState::new_running();
        assert_eq!(state.letter(), b'R');
        for (sleep, letter) in [
            (Sleep::Uninterruptible, b'D'),
            (Sleep::Interruptible, b'S'),
            (Sleep::Stopped, b'T'),
            (Sleep::Traced, b't'),
        ] {
            state.announce(sleep);
            assert_eq!(state.letter(), letter);
        }
    }
}
