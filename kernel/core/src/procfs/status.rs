//! /proc/PID/status: figures for people.

use abi::SigSet;
use abi::limits::RLIMIT_SIGPENDING;
use machine::addr::PAGE_SIZE;

use super::process::Task;
use super::stat;
use super::text::{Text, put};
use crate::error::Result;
use crate::sched;
use crate::task::signal::queued_by;
use crate::task::tree;

/// /proc/PID/status.
pub fn status(task: &Task, out: &mut Text) -> Result<()> {
    task.check_known()?;
    identity(task, out);
    if !task.is_zombie() {
        memory(task, out);
    }
    let threads = tree::threads(task.process.pid).len();
    put!(out, "Threads:\t{threads}\n");
    signals(task, out);
    privileges(task, out);
    processors(task, out);
    let (voluntary, involuntary) = task.thread.task.time.switches();
    put!(out, "voluntary_ctxt_switches:\t{voluntary}\n");
    put!(out, "nonvoluntary_ctxt_switches:\t{involuntary}\n");
    Ok(())
}

fn state_name(letter: u8) -> &'static str {
    match letter {
        b'R' => "running",
        b'S' => "sleeping",
        b'D' => "disk sleep",
        b'T' => "stopped",
        b't' => "tracing stop",
        b'Z' => "zombie",
        _ => "dead",
    }
}

fn identity(task: &Task, out: &mut Text) {
    let process = &task.process;
    let cred = task.thread.cred();
    let files = task.thread.files();
    out.push(b"Name:\t");
    out.push_escaped(task.thread.comm().as_bytes(), b"\n");
    if let Some(fs) = &files.fs {
        put!(out, "\nUmask:\t{:04o}", fs.umask());
    }
    let state = stat::state(task);
    put!(out, "\nState:\t{} ({})\n", char::from(state), state_name(state));
    let id = if task.single { task.thread.tid() } else { process.pid };
    put!(out, "Tgid:\t{}\nNgid:\t0\nPid:\t{id}\n", process.pid);
    put!(out, "PPid:\t{}\nTracerPid:\t0\n", process.parent());
    put!(out, "Uid:\t{}\t{}\t{}\t{}\n", cred.ruid, cred.euid, cred.suid, cred.fsuid);
    put!(out, "Gid:\t{}\t{}\t{}\t{}\n", cred.rgid, cred.egid, cred.sgid, cred.fsgid);
    let slots = files.files.as_ref().map_or(0, |files| files.capacity());
    put!(out, "FDSize:\t{slots}\nGroups:\t");
    for group in &cred.groups {
        put!(out, "{group} ");
    }
    put!(out, "\nNStgid:\t{}\nNSpid:\t{id}\n", process.pid);
    put!(out, "NSpgid:\t{}\nNSsid:\t{}\n", process.group(), process.session());
}

fn memory(task: &Task, out: &mut Text) {
    let Some(space) = task.space() else { return };
    let stats = space.stats();
    let totals = stats.totals;
    let kib = |pages: u64| pages * (PAGE_SIZE as u64 / 1024);
    let resident = stats.anon + stats.file;
    // Pages of shared libraries' text are not told from other executable mappings.
    let lines = [
        ("VmPeak", kib(totals.total)),
        ("VmSize", kib(totals.total)),
        ("VmLck", kib(totals.locked)),
        ("VmPin", 0),
        ("VmHWM", kib(stats.peak.max(resident))),
        ("VmRSS", kib(resident)),
        ("RssAnon", kib(stats.anon)),
        ("RssFile", kib(stats.file)),
        ("RssShmem", 0),
        ("VmData", kib(totals.data)),
        ("VmStk", kib(totals.stack)),
        ("VmExe", kib(totals.exec)),
        ("VmLib", 0),
        ("VmPTE", stats.table_bytes / 1024),
        ("VmSwap", 0),
    ];
    for (name, value) in lines {
        put!(out, "{name}:\t{value:>8} kB\n");
    }
    put!(out, "CoreDumping:\t0\n");
}

fn signals(task: &Task, out: &mut Text) {
    let signals = &task.process.signals;
    let uid = task.thread.cred().ruid;
    let limit = task.process.limits.soft(RLIMIT_SIGPENDING);
    put!(out, "SigQ:\t{}/{limit}\n", queued_by(uid));
    let sets = signals.pending_sets(task.thread.slot);
    let (ignored, caught) = signals.actions().ignored_and_caught();
    let lines: [(&str, SigSet); 5] = [
        ("SigPnd", sets.own),
        ("ShdPnd", sets.shared),
        ("SigBlk", sets.blocked),
        ("SigIgn", ignored),
        ("SigCgt", caught),
    ];
    for (name, set) in lines {
        put!(out, "{name}:\t{:016x}\n", set.0);
    }
}

fn privileges(task: &Task, out: &mut Text) {
    let cred = task.thread.cred();
    let caps = cred.caps;
    let lines = [
        ("CapInh", caps.inheritable),
        ("CapPrm", caps.permitted),
        ("CapEff", caps.effective),
        ("CapBnd", caps.bounding),
        ("CapAmb", caps.ambient),
    ];
    for (name, set) in lines {
        put!(out, "{name}:\t{set:016x}\n");
    }
    put!(out, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", u8::from(cred.no_new_privs));
}

fn processors(task: &Task, out: &mut Text) {
    let online = sched::online();
    let allowed = task.thread.task.affinity() & online;
    put!(out, "Cpus_allowed:\t{allowed:x}\nCpus_allowed_list:\t");
    put_list(out, allowed);
    put!(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

/// The bits of `set` as ranges: `0-3,5`.
pub fn put_list(out: &mut Text, set: u64) {
    let mut at = 0;
    let mut first = true;
    while at < 64 {
        if set & 1 << at == 0 {
            at += 1;
            continue;
        }
        let start = at;
        while at < 64 && set & 1 << at != 0 {
            at += 1;
        }
        if !core::mem::take(&mut first) {
            out.push(b",");
        }
        match at - start {
            1 => put!(out, "{start}"),
            _ => put!(out, "{start}-{}", at - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_ranges() {
        for (set, expected) in
            [(0b1, "0"), (0b1111, "0-3"), (0b10_1110, "1-3,5"), (u64::MAX, "0-63")]
        {
            let mut text = Text::default();
            put_list(&mut text, set);
            assert_eq!(text.finish().expect("memory"), expected.as_bytes());
        }
    }
}
