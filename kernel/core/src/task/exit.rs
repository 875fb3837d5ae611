//! The end of a thread, in Linux's order: user memory first, then files, then the tree.
//!
//! Everything is given back before the parent is told, so that whoever has waited for a process
//! finds its memory free.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicI64, Ordering};

use abi::WaitStatus;

use super::current::{CurrentThread, Ending};
use super::process::Process;
use super::thread::ThreadFiles;
use super::tree::{self, INIT, Vanished};
use super::usage::Usage;
use crate::error::{Restart, Result};
use crate::sched::{self, Sleep};

/// `panic=`: seconds from a panic to the restart; negative: at once; 0: never.
static PANIC_TIMEOUT: AtomicI64 = AtomicI64::new(0);

/// Sets what `panic=` said.
pub fn set_panic_timeout(seconds: i64) {
    PANIC_TIMEOUT.store(seconds, Ordering::Relaxed);
}

/// Ends the whole process (exit_group(2)): all its threads will, this one on its way to user mode.
pub fn exit_group(cx: &mut CurrentThread, status: WaitStatus) {
    let status = cx.process.signals.begin_exit(status);
    cx.end(Ending::Process(status));
}

/// Takes the calling thread apart. What is left of it is in the tree, for its parent.
pub fn finish(mut cx: CurrentThread) {
    let status = match cx.ending() {
        Some(Ending::Thread(status) | Ending::Process(status)) => status,
        None => WaitStatus::exited(0),
    };
    if cx.thread.is_leader() {
        cx.process.set_leader_status(status);
    }
    let last = cx.process.count_out();
    if last && cx.pid() == INIT {
        init_died(cx.process.status());
    }
    super::futex::leave_thread(&mut cx);
    cx.release_vfork_parent();
    let usage = final_usage(&cx);
    if let Some(notice) = cx.process.signals.detach(cx.thread.slot) {
        super::signal::send::notify_parent_of_job(&cx.process, notice);
    }
    let (thread, process, task) = (cx.thread.clone(), cx.process.clone(), cx.task.clone());
    give_back_resources(cx);
    if last {
        give_up_process(&process);
    }

    let mut vanished = Vanished::default();
    thread.mark_ended();
    process.add_gone_usage(usage);
    tree::write().end_thread(&thread, &mut vanished);
    // The stack is about to go: nothing may be left on it that owns something.
    drop((vanished, thread, process, task));
}

/// What the thread has used in its life, up to now.
fn final_usage(cx: &CurrentThread) -> Usage {
    sched::update_time(&cx.task);
    cx.thread.usage()
}

fn give_back_resources(cx: CurrentThread) {
    let CurrentThread { thread, task, space, files, fs, own_signals, .. } = cx;
    let seen = thread.store_files(ThreadFiles::default());
    task.set_space(None);
    drop((seen.space, space));
    drop((seen.files, files));
    drop((seen.fs, fs, own_signals));
}

/// What the last thread of a process takes down with it.
fn give_up_process(process: &Arc<Process>) {
    super::timers::process_ends(process);
    drop(process.set_executable(None));
    if process.session() == process.pid {
        crate::fs::tty::session_ends(process.pid);
    }
}

/// For exec: ends all other threads of the process and waits until they are gone; then the caller
/// is the leader, with the process's id as its own.
///
/// # Errors
/// `Restart::Always` when the process is ending anyway: the caller has to end, too.
pub fn kill_other_threads(cx: &mut CurrentThread) -> Result<()> {
    let Some(others) = cx.process.signals.kill_others(cx.thread.slot) else {
        return Err(Restart::Always.into());
    };
    if others > 0 {
        let alone = || tree::read().node(cx.pid()).is_none_or(|node| node.live == 1).then_some(());
        // Only the end of the process ends this wait early; then the threads end all the same.
        if cx.process.ended.wait_until(Sleep::Killable, None, alone).is_err() {
            return Err(Restart::Always.into());
        }
    }
    let mut vanished = Vanished::default();
    tree::write().make_leader(&cx.thread, &mut vanished);
    drop(vanished);
    Ok(())
}

/// Process 1 must not end: nobody is left to adopt and to wait.
fn init_died(status: WaitStatus) -> ! {
    log::error!(
        "Kernel panic - not syncing: Attempted to kill init! exitcode=0x{:08x}",
        status.as_raw()
    );
    no_init()
}

/// The end of a machine without process 1.
pub fn no_init() -> ! {
    // Where QEMU's exit device is, this is the end. Elsewhere `panic=` says what follows.
    machine::power::try_exit(machine::power::exit_code::INIT_DIED);
    match PANIC_TIMEOUT.load(Ordering::Relaxed) {
        0 => machine::power::halt(),
        seconds => {
            let wait = u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000);
            let end = machine::time::now().saturating_add(wait);
            while machine::time::now() < end {
                core::hint::spin_loop();
            }
            machine::power::reset()
        }
    }
}

/// Whether `process` has live threads, for /proc and pidfds.
pub fn has_ended(process: &Process) -> bool {
    tree::read().node(process.pid).is_none_or(|node| node.zombie.is_some())
}
