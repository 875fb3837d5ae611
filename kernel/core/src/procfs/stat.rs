//! /proc/PID/stat, statm and schedstat: figures for programs.

use abi::limits::RLIMIT_RSS;
use abi::time::nanos_to_ticks;
use machine::addr::PAGE_SIZE;

use super::process::Task;
use super::text::{Text, put};
use crate::error::Result;
use crate::fs::tty;
use crate::mm::SpaceStats;
use crate::sched::Policy;
use crate::task::tree;
use crate::task::usage::Usage;

/// The state letter: as the scheduler knows it, `Z` for what has ended.
pub fn state(task: &Task) -> u8 {
    match task.thread.task.state_letter() {
        _ if task.is_zombie() => b'Z',
        letter => letter,
    }
}

/// The number of a policy as sched(7) has it.
fn policy_number(policy: Policy) -> u32 {
    match policy {
        Policy::Other => 0,
        Policy::Fifo(_) => 1,
        Policy::RoundRobin(_) => 2,
        Policy::Batch => 3,
        Policy::Idle => 5,
    }
}

/// The terminal as (device number, foreground group), (0, -1) without one.
fn terminal(task: &Task) -> (u64, i64) {
    let session = task.process.session();
    let Some(terminal) = tty::controlling_terminal(session) else { return (0, -1) };
    let foreground = terminal.owners().1.map_or(-1, i64::from);
    (terminal.device_number().to_user(), foreground)
}

/// The usage that a task's files show: the whole process's or one thread's.
pub fn usage(task: &Task) -> Usage {
    if task.single { task.thread.usage() } else { Usage::of_process(&task.process) }
}

/// The 52 fields of /proc/PID/stat.
pub fn stat(task: &Task, out: &mut Text) -> Result<()> {
    task.check_known()?;
    let process = &task.process;
    let thread = &task.thread;
    let (tty, foreground) = terminal(task);
    let (used, children) = (usage(task), process.children_usage());
    let space = task.space();
    let memory = space.as_ref().map_or_else(SpaceStats::default, |space| space.stats());
    let layout = space.map(|space| space.layout()).unwrap_or_default();
    let ticks = nanos_to_ticks;
    let policy = thread.task.policy();
    let nice = thread.task.nice();
    let priority = match policy.rt_priority() {
        Some(priority) => -1 - i32::from(priority),
        None => 20 + nice,
    };
    put!(out, "{} (", if task.single { thread.tid() } else { process.pid });
    out.push(thread.comm().as_bytes());
    put!(
        out,
        ") {} {} {} {}",
        char::from(state(task)),
        process.parent(),
        process.group(),
        process.session()
    );
    put!(out, " {tty} {foreground} {}", kernel_flags(task));
    put!(out, " {} {}", used.minor_faults, children.minor_faults);
    put!(out, " {} {}", used.major_faults, children.major_faults);
    put!(out, " {} {}", ticks(used.time.user), ticks(used.time.system));
    put!(out, " {} {}", ticks(children.time.user), ticks(children.time.system));
    put!(out, " {priority} {nice} {} 0", tree::threads(process.pid).len());
    put!(out, " {}", ticks(thread.started_at));
    put!(out, " {} {}", memory.totals.total * PAGE_SIZE as u64, memory.anon + memory.file);
    put!(out, " {}", process.limits.soft(RLIMIT_RSS));
    put!(out, " {} {} {}", layout.start_code, layout.end_code, layout.start_stack);
    // The stack and instruction pointers are nobody else's business.
    put!(out, " 0 0");
    let sets = process.signals.pending_sets(thread.slot);
    let (ignored, caught) = process.signals.actions().ignored_and_caught();
    let low = |set: abi::SigSet| set.0 & 0x7fff_ffff;
    put!(out, " {} {} {} {}", low(sets.own), low(sets.blocked), low(ignored), low(caught));
    put!(out, " 0 0 0 {} {}", abi::Signal::SIGCHLD.number(), thread.task.cpu());
    put!(out, " {} {} 0 0 0", policy.rt_priority().unwrap_or(0), policy_number(policy));
    put!(out, " {} {} {}", layout.start_data, layout.end_data, layout.start_brk);
    put!(out, " {} {} {} {}", layout.arg_start, layout.arg_end, layout.env_start, layout.env_end);
    let status = if task.is_zombie() { process.status().as_raw() } else { 0 };
    put!(out, " {status}\n");
    Ok(())
}

/// The bits of `PF_*` that programs look at: forked without exec, and a 32-bit address space never.
fn kernel_flags(task: &Task) -> u32 {
    const PF_FORKNOEXEC: u32 = 0x40;
    const PF_RANDOMIZE: u32 = 0x40_0000;
    let execed = task.process.flags().contains(crate::task::ProcessFlags::HAS_EXECED);
    PF_RANDOMIZE | if execed { 0 } else { PF_FORKNOEXEC }
}

/// /proc/PID/statm: sizes in pages.
pub fn statm(task: &Task, out: &mut Text) -> Result<()> {
    let memory = task.space().map_or_else(SpaceStats::default, |space| space.stats());
    let totals = memory.totals;
    put!(out, "{} {} {}", totals.total, memory.anon + memory.file, memory.file);
    put!(out, " {} 0 {} 0\n", totals.exec, totals.data + totals.stack);
    Ok(())
}

/// /proc/PID/schedstat: time on the processor, time in the run queue (not measured), switches.
pub fn schedstat(task: &Task, out: &mut Text) -> Result<()> {
    let (voluntary, involuntary) = task.thread.task.time.switches();
    put!(out, "{} 0 {}\n", task.thread.task.time.total(), voluntary + involuntary);
    Ok(())
}
