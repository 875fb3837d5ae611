//! Sending, choosing, stopping and forcing, against tasks that never run.

use alloc::sync::Arc;

use abi::siginfo::{SEGV_MAPERR, SI_QUEUE, SI_TKILL, SI_USER};
use abi::{SaFlags, SigSet, Signal, WaitStatus};
use machine::addr::UserAddr;

use super::*;
use crate::sched::{Competition, Task, TaskFlags, TaskRef};

const ROOM: (u32, u64) = (80_000, 1000);

struct Process {
    signals: ProcessSignals,
    tasks: Vec<TaskRef>,
    slots: Vec<Slot>,
}

impl Process {
    fn new(threads: usize) -> Self {
        Self::build(threads, false)
    }

    fn build(threads: usize, unkillable: bool) -> Self {
        let signals = ProcessSignals::new(Arc::new(SignalActions::new()), unkillable);
        let tasks: Vec<_> = (0..threads).map(|_| Task::new(Competition::default(), None)).collect();
        let slots = tasks
            .iter()
            .map(|task| signals.attach(task.clone(), SigSet::EMPTY).expect("it lives"))
            .collect();
        Self { signals, tasks, slots }
    }

    fn kill(&self, signal: Signal) -> Sent {
        let info = SigInfo::from_process(signal, SI_USER, 1, 0);
        self.signals.send(Target::Process, info, ROOM)
    }

    fn tkill(&self, thread: usize, signal: Signal) -> Sent {
        let info = SigInfo::from_process(signal, SI_TKILL, 1, 0);
        self.signals.send(Target::Thread(self.slots[thread]), info, ROOM)
    }

    fn block(&self, thread: usize, signals: &[Signal]) {
        self.signals.set_blocked(self.slots[thread], SigSet::of(signals));
    }

    fn catch(&self, signal: Signal) {
        let handler = Handler::Call(UserAddr::new(0x1000));
        let flags = SaFlags::SA_RESTORER;
        self.signals.set_action(signal, Action { handler, flags, ..Action::DEFAULT });
    }

    fn ignore(&self, signal: Signal) {
        self.signals.set_action(signal, Action { handler: Handler::Ignore, ..Action::DEFAULT });
    }

    fn flagged(&self, thread: usize) -> bool {
        self.tasks[thread].flags().contains(TaskFlags::SIGNAL_PENDING)
    }

    fn next(&self, thread: usize) -> Next {
        self.signals.next(self.slots[thread])
    }

    fn handled(&self, thread: usize) -> Option<Signal> {
        match self.next(thread) {
            Next::Handle(info, _) => Some(info.signal),
            Next::Run => None,
            other => panic!("{other:?}"),
        }
    }

    fn stop_all(&self, signal: Signal) {
        assert!(matches!(self.next(0), Next::BeginStop { signal: by, continued } if {
            self.signals.begin_stop(by, continued);
            by == signal
        }));
        let last = self.slots.len() - 1;
        for thread in 0..last {
            assert!(matches!(self.next(thread), Next::Stop(None)));
        }
        assert!(matches!(self.next(last), Next::Stop(Some(Notice::Stopped(by))) if by == signal));
    }
}

#[test]
fn a_handler_gets_what_was_sent_once() {
    let process = Process::new(1);
    process.catch(Signal::SIGUSR1);
    assert_eq!(process.kill(Signal::SIGUSR1), Sent::Pending);
    assert_eq!(process.kill(Signal::SIGUSR1), Sent::Coalesced);
    assert!(process.flagged(0));
    assert_eq!(process.handled(0), Some(Signal::SIGUSR1));
    assert_eq!(process.handled(0), None);
    assert!(!process.flagged(0));
}

#[test]
fn ignored_signals_are_dropped_unless_blocked() {
    let process = Process::new(1);
    assert_eq!(process.kill(Signal::SIGCHLD), Sent::Dropped);
    process.ignore(Signal::SIGUSR1);
    assert_eq!(process.kill(Signal::SIGUSR1), Sent::Dropped);
    // A blocked one stays: a handler may be there when it is unblocked.
    process.block(0, &[Signal::SIGUSR1]);
    assert_eq!(process.kill(Signal::SIGUSR1), Sent::Pending);
    assert!(!process.flagged(0));
    process.catch(Signal::SIGUSR1);
    process.block(0, &[]);
    assert!(process.flagged(0));
    assert_eq!(process.handled(0), Some(Signal::SIGUSR1));
    // Setting it to be ignored discards what is pending.
    process.block(0, &[Signal::SIGUSR1]);
    process.kill(Signal::SIGUSR1);
    process.ignore(Signal::SIGUSR1);
    assert!(process.signals.pending_sets(process.slots[0]).shared.is_empty());
}

#[test]
fn a_process_signal_goes_to_a_thread_that_takes_it() {
    let process = Process::new(3);
    process.catch(Signal::SIGUSR1);
    process.block(0, &[Signal::SIGUSR1]);
    process.block(1, &[Signal::SIGUSR1]);
    process.kill(Signal::SIGUSR1);
    assert_eq!([0, 1, 2].map(|thread| process.flagged(thread)), [false, false, true]);
    // Before that thread looks, it blocks the signal too; another unblocks it.
    process.block(2, &[Signal::SIGUSR1]);
    assert!(!process.flagged(2));
    process.block(1, &[]);
    assert!(process.flagged(1));
    assert_eq!(process.handled(1), Some(Signal::SIGUSR1));
}

#[test]
fn blocking_hands_a_signal_over_and_so_does_ending() {
    let mut process = Process::new(2);
    process.catch(Signal::SIGUSR1);
    process.kill(Signal::SIGUSR1);
    assert!(process.flagged(0) && !process.flagged(1));
    process.block(0, &[Signal::SIGUSR1]);
    assert!(process.flagged(1));
    process.block(0, &[]);
    process.signals.detach(process.slots.pop().expect("two threads"));
    assert_eq!(process.handled(0), Some(Signal::SIGUSR1));
}

#[test]
fn thread_directed_signals_stay_with_the_thread() {
    let process = Process::new(2);
    process.catch(Signal::SIGUSR1);
    process.tkill(1, Signal::SIGUSR1);
    assert_eq!(process.handled(0), None);
    assert_eq!(process.handled(1), Some(Signal::SIGUSR1));
}

#[test]
fn an_old_slot_reaches_nobody() {
    let process = Process::new(2);
    process.signals.detach(process.slots[1]);
    let task = Task::new(Competition::default(), None);
    let new = process.signals.attach(task, SigSet::EMPTY).expect("it lives");
    assert_eq!(new.index, process.slots[1].index);
    assert_eq!(process.tkill(1, Signal::SIGUSR1), Sent::Dropped);
    assert!(process.signals.pending_sets(new).own.is_empty());
}

#[test]
fn a_deadly_signal_ends_all_threads_at_once() {
    let process = Process::new(2);
    process.kill(Signal::SIGTERM);
    let killed = WaitStatus::signaled(Signal::SIGTERM, false);
    assert_eq!(process.signals.exit_status(), Some(killed));
    for thread in 0..2 {
        assert!(process.tasks[thread].is_killed());
        assert!(matches!(process.next(thread), Next::ExitProcess(status) if status == killed));
    }
    // The first reason stays, and nothing more is taken in.
    assert_eq!(process.signals.begin_exit(WaitStatus::exited(3)), killed);
    assert_eq!(process.kill(Signal::SIGKILL), Sent::Dropped);
    let task = Task::new(Competition::default(), None);
    assert!(process.signals.attach(task, SigSet::EMPTY).is_err());
}

#[test]
fn a_signal_with_a_core_waits_for_the_thread() {
    let process = Process::new(1);
    process.kill(Signal::SIGQUIT);
    assert_eq!(process.signals.exit_status(), None);
    assert!(matches!(process.next(0), Next::Die { core: true, .. }));
}

#[test]
fn sigkill_passes_a_full_mask_and_an_ignoring_table() {
    let process = Process::new(1);
    process.signals.set_blocked(process.slots[0], SigSet::FULL);
    assert!(!process.signals.blocked(process.slots[0]).contains(Signal::SIGKILL));
    process.kill(Signal::SIGKILL);
    assert!(process.tasks[0].is_killed());
}

#[test]
fn init_gets_only_what_it_handles() {
    let init = Process::build(1, true);
    assert_eq!(init.kill(Signal::SIGTERM), Sent::Dropped);
    assert_eq!(init.kill(Signal::SIGKILL), Sent::Dropped);
    assert_eq!(init.kill(Signal::SIGSTOP), Sent::Dropped);
    init.catch(Signal::SIGTERM);
    assert_eq!(init.kill(Signal::SIGTERM), Sent::Pending);
    assert_eq!(init.handled(0), Some(Signal::SIGTERM));
    // Its own faults end it all the same.
    let fault = SigInfo::fault(Signal::SIGSEGV, SEGV_MAPERR, UserAddr::new(0));
    init.signals.force(init.slots[0], fault, Force::Handler);
    assert!(matches!(init.next(0), Next::Die { .. }));
}

#[test]
fn a_stop_takes_every_thread_and_is_reported_once() {
    let process = Process::new(3);
    process.kill(Signal::SIGTSTP);
    process.stop_all(Signal::SIGTSTP);
    assert!(process.signals.is_stopped());
    let stopped = ReportFilter { stopped: true, continued: true };
    let none = ReportFilter::default();
    assert_eq!(process.signals.report(none, true), None);
    let report = Some(Notice::Stopped(Signal::SIGTSTP));
    assert_eq!(process.signals.report(stopped, false), report);
    assert_eq!(process.signals.report(stopped, true), report);
    assert_eq!(process.signals.report(stopped, true), None);
    // SIGCONT continues it although it is not handled.
    process.kill(Signal::SIGCONT);
    assert!(!process.signals.is_stopped());
    assert!(matches!(process.next(1), Next::Notify(Notice::Continued)));
    assert_eq!(process.signals.report(stopped, true), Some(Notice::Continued));
    assert_eq!(process.signals.report(stopped, true), None);
    assert!(matches!(process.next(0), Next::Run));
}

#[test]
fn stop_and_continue_cancel_each_other_when_they_are_sent() {
    let process = Process::new(1);
    process.block(0, &[Signal::SIGTSTP, Signal::SIGCONT]);
    process.kill(Signal::SIGTSTP);
    process.kill(Signal::SIGCONT);
    let sets = process.signals.pending_sets(process.slots[0]);
    assert_eq!(sets.shared, SigSet::of(&[Signal::SIGCONT]));
    process.kill(Signal::SIGTSTP);
    let sets = process.signals.pending_sets(process.slots[0]);
    assert_eq!(sets.shared, SigSet::of(&[Signal::SIGTSTP]));
}

#[test]
fn a_sigcont_wins_over_a_stop_that_has_not_begun() {
    let process = Process::new(1);
    process.kill(Signal::SIGTSTP);
    let Next::BeginStop { signal, continued } = process.next(0) else { panic!("a stop") };
    process.kill(Signal::SIGCONT);
    process.signals.begin_stop(signal, continued);
    assert!(matches!(process.next(0), Next::Run));
}

#[test]
fn a_sigcont_in_the_middle_of_a_stop_tells_of_the_stop() {
    let process = Process::new(2);
    process.kill(Signal::SIGSTOP);
    let Next::BeginStop { signal, continued } = process.next(0) else { panic!("a stop") };
    process.signals.begin_stop(signal, continued);
    assert!(matches!(process.next(0), Next::Stop(None)));
    process.kill(Signal::SIGCONT);
    let notice = process.next(1);
    assert!(matches!(notice, Next::Notify(Notice::Stopped(Signal::SIGSTOP))), "{notice:?}");
    assert!(matches!(process.next(1), Next::Run));
    assert!(matches!(process.next(0), Next::Run));
}

#[test]
fn the_end_of_the_last_running_thread_completes_a_stop() {
    let process = Process::new(2);
    process.kill(Signal::SIGSTOP);
    let Next::BeginStop { signal, continued } = process.next(0) else { panic!("a stop") };
    process.signals.begin_stop(signal, continued);
    assert!(matches!(process.next(0), Next::Stop(None)));
    let notice = process.signals.detach(process.slots[1]);
    assert_eq!(notice, Some(Notice::Stopped(Signal::SIGSTOP)));
}

#[test]
fn sigkill_ends_a_stopped_process() {
    let process = Process::new(2);
    process.kill(Signal::SIGSTOP);
    process.stop_all(Signal::SIGSTOP);
    process.kill(Signal::SIGUSR1);
    assert!(process.signals.exit_status().is_none());
    process.kill(Signal::SIGKILL);
    assert!(matches!(process.next(0), Next::ExitProcess(_)));
    let everything = ReportFilter { stopped: true, continued: true };
    assert_eq!(process.signals.report(everything, true), None);
}

#[test]
fn a_blocked_or_ignored_fault_kills() {
    let fault = SigInfo::fault(Signal::SIGSEGV, SEGV_MAPERR, UserAddr::new(0));
    for ignored in [false, true] {
        let process = Process::new(1);
        if ignored {
            process.ignore(Signal::SIGSEGV);
        } else {
            process.catch(Signal::SIGSEGV);
            process.block(0, &[Signal::SIGSEGV]);
        }
        process.signals.force(process.slots[0], fault, Force::Handler);
        assert!(matches!(process.next(0), Next::Die { info, .. } if info == fault));
    }
    let process = Process::new(1);
    process.catch(Signal::SIGSEGV);
    process.signals.force(process.slots[0], fault, Force::Handler);
    assert!(matches!(process.next(0), Next::Handle(..)));
    process.signals.force(process.slots[0], fault, Force::Kill);
    assert!(matches!(process.next(0), Next::Die { .. }));
}

#[test]
fn realtime_signals_need_room() {
    let process = Process::new(1);
    let rt = Signal::new(40).expect("a signal");
    process.block(0, &[rt, Signal::SIGUSR1]);
    let send = |code: i32, limit: u64| {
        let info = SigInfo::from_process(rt, code, 1, 0);
        process.signals.send(Target::Process, info, (80_001, limit))
    };
    assert_eq!(send(SI_QUEUE, 1), Sent::Pending);
    assert_eq!(send(SI_QUEUE, 1), Sent::NoRoom);
    // kill(2) makes it pending all the same.
    assert_eq!(send(SI_USER, 1), Sent::Pending);
    assert_eq!(
        process.signals.take(process.slots[0], SigSet::FULL).map(|i| i.code),
        Some(SI_QUEUE)
    );
    assert!(process.signals.take(process.slots[0], SigSet::FULL).is_none());
    // Standard signals from kill(2) do not count.
    let info = SigInfo::from_process(Signal::SIGUSR1, SI_USER, 1, 0);
    assert_eq!(process.signals.send(Target::Process, info, (80_001, 0)), Sent::Pending);
}

#[test]
fn exec_takes_the_other_threads() {
    let process = Process::new(3);
    assert_eq!(process.signals.kill_others(process.slots[1]), Some(2));
    assert!(matches!(process.next(0), Next::ExitThread));
    assert!(matches!(process.next(1), Next::Run));
    assert_eq!(process.signals.kill_others(process.slots[2]), None);
    process.signals.detach(process.slots[0]);
    process.signals.detach(process.slots[2]);
    process.catch(Signal::SIGUSR1);
    process.kill(Signal::SIGUSR1);
    assert_eq!(process.handled(1), Some(Signal::SIGUSR1));
}
