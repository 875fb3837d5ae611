//! The system-call table: one row per call that Oxbow has.
//!
//! A row names the call, its parameters as Linux's prototype has them, the handler, and how much of
//! Linux's behaviour is there. `SYSCALLS.md` in this folder is generated from it
//! (`cargo xtask syscalls`), and what has no row answers `ENOSYS`.

use super::args::{Args, Fd};
use crate::error::Result;
use crate::task::CurrentThread;
use machine::addr::UserAddr;

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything that its man page describes.
    Full,
    /// What is written here is missing and refused.
    Partial(&'static str),
}

/// One row of the table, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Linux's number.
    pub number: u64,
    /// Linux's name.
    pub name: &'static str,
    /// `name: type` of each parameter.
    pub parameters: &'static [&'static str],
    /// How complete it is.
    pub status: Status,
}

macro_rules! syscalls {
    ($($name:ident($($arg:ident: $ty:ty),*) => $family:ident, $status:expr;)*) => {
        #[expect(non_upper_case_globals, reason = "these are the names of the calls")]
        mod numbers {
            $(pub const $name: u64 = abi::Sysno::$name as u64;)*
        }

        /// Calls the handler of system call `number` with the arguments in `cx`'s registers.
        ///
        /// # Errors
        /// `ENOSYS` when the table has no such row; else what the handler says.
        pub fn call(cx: &mut CurrentThread, number: u64) -> Result<usize> {
            match number {
                $(numbers::$name => {
                    #[allow(unused_mut, unused_variables, reason = "calls without parameters")]
                    let mut args = Args::new(&cx.user.regs);
                    $(let $arg = args.take::<$ty>();)*
                    super::$family::$name(cx, $($arg),*)
                })*
                _ => super::absent(number),
            }
        }

        /// Every call that Oxbow has, in the order of the table.
        pub const TABLE: &[Row] = &[
            $(Row {
                number: numbers::$name,
                name: stringify!($name),
                parameters: &[$(concat!(stringify!($arg), ": ", stringify!($ty))),*],
                status: $status,
            },)*
        ];
    };
}

use Status::{Full, Partial};

syscalls! {
    // Signals.
    rt_sigaction(number: i32, new: UserAddr, old: UserAddr, size: usize) => signal, Full;
    rt_sigprocmask(how: i32, new: UserAddr, old: UserAddr, size: usize) => signal, Full;
    rt_sigreturn() => signal, Full;
    rt_sigpending(set: UserAddr, size: usize) => signal, Full;
    rt_sigtimedwait(set: UserAddr, info: UserAddr, timeout: UserAddr, size: usize) => signal, Full;
    rt_sigqueueinfo(pid: i32, number: i32, info: UserAddr) => signal, Full;
    rt_tgsigqueueinfo(group: i32, tid: i32, number: i32, info: UserAddr) => signal, Full;
    rt_sigsuspend(mask: UserAddr, size: usize) => signal, Full;
    sigaltstack(new: UserAddr, old: UserAddr) => signal, Full;
    pause() => signal, Full;
    kill(pid: i32, number: i32) => signal, Full;
    tkill(tid: i32, number: i32) => signal, Full;
    tgkill(group: i32, tid: i32, number: i32) => signal, Full;
    signalfd(fd: i32, mask: UserAddr, size: usize) => signal, Full;
    signalfd4(fd: i32, mask: UserAddr, size: usize, flags: u32) => signal, Full;
    restart_syscall() => signal, Full;

    // Time.
    clock_gettime(clock: i32, time: UserAddr) => time, Full;
    clock_getres(clock: i32, time: UserAddr) => time, Full;
    clock_settime(clock: i32, time: UserAddr) => time, Full;
    clock_nanosleep(clock: i32, flags: u32, request: UserAddr, left: UserAddr) => time, Full;
    clock_adjtime(clock: i32, state: UserAddr) => time, Partial("cannot adjust: EPERM");
    adjtimex(state: UserAddr) => time, Partial("cannot adjust: EPERM");
    nanosleep(request: UserAddr, left: UserAddr) => time, Full;
    gettimeofday(time: UserAddr, zone: UserAddr) => time, Full;
    settimeofday(time: UserAddr, zone: UserAddr) => time, Partial("no time zone but UTC");
    time(time: UserAddr) => time, Full;
    times(times: UserAddr) => time, Full;
    getrusage(who: i32, usage: UserAddr) => time, Full;
    alarm(seconds: u32) => time, Full;
    setitimer(which: i32, new: UserAddr, old: UserAddr) => time, Full;
    getitimer(which: i32, value: UserAddr) => time, Full;
    timer_create(clock: i32, event: UserAddr, id: UserAddr) => time, Full;
    timer_settime(id: i32, flags: u32, new: UserAddr, old: UserAddr) => time, Full;
    timer_gettime(id: i32, value: UserAddr) => time, Full;
    timer_getoverrun(id: i32) => time, Full;
    timer_delete(id: i32) => time, Full;
    timerfd_create(clock: i32, flags: u32) => time, Full;
    timerfd_settime(fd: i32, flags: u32, new: UserAddr, old: UserAddr) => time, Full;
    timerfd_gettime(fd: i32, value: UserAddr) => time, Full;

    // The system.
    uname(names: UserAddr) => misc, Full;
    sethostname(name: UserAddr, len: i32) => misc, Full;
    setdomainname(name: UserAddr, len: i32) => misc, Full;
    sysinfo(info: UserAddr) => misc, Full;
    getrandom(buffer: UserAddr, len: usize, flags: u32) => misc, Full;
    reboot(magic1: u32, magic2: u32, command: u32, arg: UserAddr)
        => misc, Partial("no suspend, no kexec: EINVAL");
    syslog(action: i32, buffer: UserAddr, len: i32) => misc, Full;
}
