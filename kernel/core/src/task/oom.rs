//! Who has to die when memory is out: the process that uses most, not the one that happened to ask.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::{Signal, WaitStatus};

use super::exit::has_ended;
use super::process::Process;
use super::tree::{self, INIT, Pid};
use crate::mm::oom::Relief;
use crate::sched::{self, Sleep};

/// `oom_score_adj` of processes that must not be chosen.
const NEVER: i32 = -1000;
/// How long to wait for a victim's memory.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Kills a process if none is dying already, and waits a moment for its memory. For
/// [`crate::mm::oom::set_chooser`].
pub fn choose() -> Relief {
    // Whoever is dying gets the memory that it needs for that.
    if sched::current().is_killed() {
        return Relief::GiveUp;
    }
    let Some(victim) = find_victim() else { return Relief::GiveUp };
    if victim.signals.exit_status().is_none() {
        log::error!("Out of memory: Killed process {}", victim.pid);
        victim.signals.begin_exit(WaitStatus::signaled(Signal::SIGKILL, false));
    }
    if sched::current().is_killed() {
        return Relief::GiveUp;
    }
    let deadline = machine::time::now() + PATIENCE_NS;
    let gone = || has_ended(&victim).then_some(());
    let _ = victim.ended.wait_until(Sleep::Killable, Some(deadline), gone);
    Relief::Retry
}

/// The process with the highest score; one that is dying already comes first.
fn find_victim() -> Option<Arc<Process>> {
    let mut worst: Option<(u64, Arc<Process>)> = None;
    let pids = tree::read().pids();
    for pid in pids.into_iter().filter(|&pid| pid != INIT) {
        let Some(process) = tree::process(pid).filter(|process| !has_ended(process)) else {
            continue;
        };
        if process.signals.exit_status().is_some() {
            return Some(process);
        }
        let score = score(&process);
        if score > worst.as_ref().map_or(0, |(worst, _)| *worst) {
            worst = Some((score, process));
        }
    }
    worst.map(|(_, process)| process)
}

/// How much there is to gain from a process, in pages, shifted by its `oom_score_adj`.
fn score(process: &Process) -> u64 {
    let adjustment = process.oom_score_adj.load(Ordering::Relaxed);
    let Some(pages) = used_pages(process.pid).filter(|_| adjustment > NEVER) else { return 0 };
    let total = machine::frame::stats().total;
    let shift = i64::try_from(total / 1000).unwrap_or(i64::MAX).saturating_mul(adjustment.into());
    pages.saturating_add_signed(shift).max(1)
}

/// The pages that a process has resident or uses for tables.
fn used_pages(pid: Pid) -> Option<u64> {
    let leader =
        tree::read().node(pid)?.threads.iter().find(|thread| !thread.has_ended()).cloned()?;
    let stats = leader.files().space?.stats();
    Some(stats.anon + stats.file + stats.table_bytes / 4096)
}

/// `oom_score` of proc(5): 0 to about 2000.
pub fn proc_score(process: &Process) -> u64 {
    let total = machine::frame::stats().total.max(1);
    score(process).min(2 * total) * 1000 / total
}
