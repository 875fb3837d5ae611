//! Signal structures and codes against the kernel's headers.
#[macro_use]
mod common;

use abi::Signal;
use abi::sigaction::{KernelSigaction, SaFlags, SigAltStack};
use abi::siginfo::{CLD_EXITED, SEGV_ACCERR, SI_QUEUE, SYS_SECCOMP, SigEvent, SigInfo};
use linux_raw_sys::general as linux;

#[test]
fn actions() {
    same_values!(SaFlags as flags, linux_raw_sys::general,
        SA_NOCLDSTOP SA_NOCLDWAIT SA_SIGINFO SA_EXPOSE_TAGBITS SA_RESTORER SA_ONSTACK SA_RESTART
        SA_NODEFER SA_RESETHAND);
    assert_eq!(SaFlags::SA_UNSUPPORTED, u64::from(linux::SA_UNSUPPORTED));
    same_values!(abi::sigaction, linux_raw_sys::general,
        SIG_BLOCK SIG_UNBLOCK SIG_SETMASK SS_ONSTACK SS_DISABLE SS_AUTODISARM SS_FLAG_BITS MINSIGSTKSZ);
    same_layout!(KernelSigaction, linux::kernel_sigaction,
        sa_handler = sa_handler_kernel sa_flags sa_restorer sa_mask);
    same_layout!(SigAltStack, linux::sigaltstack, ss_sp ss_flags ss_size);
}

#[test]
fn codes() {
    same_values!(abi::siginfo, linux_raw_sys::general,
        SI_USER SI_KERNEL SI_QUEUE SI_TIMER SI_MESGQ SI_ASYNCIO SI_SIGIO SI_TKILL
        SI_DETHREAD SI_ASYNCNL ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC
        ILL_PRVREG ILL_COPROC ILL_BADSTK FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF
        FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB FPE_FLTUNK SEGV_MAPERR SEGV_ACCERR
        SEGV_BNDERR SEGV_PKUERR SEGV_CPERR BUS_ADRALN BUS_ADRERR BUS_OBJERR
        BUS_MCEERR_AR BUS_MCEERR_AO TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT
        TRAP_UNK TRAP_PERF CLD_EXITED CLD_KILLED CLD_DUMPED CLD_TRAPPED CLD_STOPPED
        CLD_CONTINUED POLL_IN POLL_OUT POLL_MSG POLL_ERR POLL_PRI POLL_HUP SYS_SECCOMP
        SYS_USER_DISPATCH SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD SIGEV_THREAD_ID);
}

#[test]
fn layouts() {
    assert_eq!(size_of::<SigInfo>(), size_of::<linux::siginfo>());
    assert_eq!(align_of::<SigInfo>(), align_of::<linux::siginfo>());
    same_layout!(SigEvent, linux::sigevent, sigev_value sigev_signo sigev_notify sigev_tid = _sigev_un);
}

/// Asserts that a field of a union arm lies at the same place and has the same bytes.
macro_rules! same_arm {
    ($info:expr, $arm:ident: $type:ty { $($field:ident = $value:expr),* }) => {{
        use zerocopy::IntoBytes;
        let info = $info;
        let bytes = info.as_bytes();
        let at = core::mem::offset_of!(linux::siginfo__bindgen_ty_1__bindgen_ty_1, _sifields)
            + core::mem::offset_of!(linux::__sifields, $arm);
        $({
            let value = ($value).to_ne_bytes();
            let at = at + core::mem::offset_of!($type, $field);
            assert_eq!(bytes[at..at + value.len()], value, stringify!($arm.$field));
        })*
    }};
}

#[test]
fn each_arm_of_the_union_lies_where_linux_has_it() {
    let kill = SigInfo::kill(Signal::SIGTERM, 12, 1000);
    same_arm!(kill, _kill: linux::__sifields__bindgen_ty_1 { _pid = 12i32, _uid = 1000u32 });
    assert_eq!((kill.pid(), kill.uid(), kill.is_from_user()), (12, 1000, true));

    let timer = SigInfo::timer(Signal::SIGALRM, 3, 7).with_value(u64::MAX);
    same_arm!(timer, _timer: linux::__sifields__bindgen_ty_2
        { _tid = 3i32, _overrun = 7i32, _sigval = u64::MAX });
    assert_eq!((timer.timer_id(), timer.overrun(), timer.value()), (3, 7, u64::MAX));

    let queued = SigInfo::new(Signal::SIGRTMIN, SI_QUEUE).with_sender(-1, 5).with_value(9);
    same_arm!(queued, _rt: linux::__sifields__bindgen_ty_3 { _pid = -1i32, _uid = 5u32, _sigval = 9u64 });

    let child =
        SigInfo::child(Signal::SIGCHLD, CLD_EXITED, -3).with_sender(8, 2).with_times(11, 13);
    same_arm!(child, _sigchld: linux::__sifields__bindgen_ty_4
        { _pid = 8i32, _uid = 2u32, _status = -3i32, _utime = 11i64, _stime = 13i64 });
    assert_eq!((child.status(), child.utime(), child.stime()), (-3, 11, 13));

    let fault = SigInfo::fault(Signal::SIGSEGV, SEGV_ACCERR, 0x7000).with_pkey(4);
    same_arm!(fault, _sigfault: linux::__sifields__bindgen_ty_5 { _addr = 0x7000u64 });
    assert_eq!((fault.address(), fault.pkey()), (0x7000, 4));
    let pkey = core::mem::offset_of!(linux::__sifields__bindgen_ty_5, __bindgen_anon_1)
        + core::mem::offset_of!(linux::__sifields__bindgen_ty_5__bindgen_ty_1__bindgen_ty_2, _pkey);
    assert_eq!(zerocopy::IntoBytes::as_bytes(&fault)[16 + pkey], 4);

    let poll = SigInfo::poll(Signal::SIGIO, abi::siginfo::POLL_IN, 0x41, 6);
    same_arm!(poll, _sigpoll: linux::__sifields__bindgen_ty_6 { _band = 0x41i64, _fd = 6i32 });
    assert_eq!((poll.band(), poll.fd(), poll.is_from_user()), (0x41, 6, false));

    let refused = SigInfo::syscall(SYS_SECCOMP, 0x40_1000, 59, 0xc000_003e).with_errno(38);
    same_arm!(refused, _sigsys: linux::__sifields__bindgen_ty_7
        { _call_addr = 0x40_1000u64, _syscall = 59i32, _arch = 0xc000_003eu32 });
    assert_eq!((refused.syscall_number(), refused.arch()), (59, 0xc000_003e));
    assert_eq!((refused.signal(), refused.si_errno), (Some(Signal::SIGSYS), 38));
}
