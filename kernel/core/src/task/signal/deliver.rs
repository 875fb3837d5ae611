//! Taking signals on the way to user mode.
//!
//! [`deliver`] runs on the thread itself, without locks, whenever its flags say that something may
//! wait. It stops, ends or continues the process as the signals say, and leaves the user registers
//! such that the thread enters a handler, several nested ones, or goes on.

use abi::{Errno, SaFlags, SigSet, Signal, Sysno, WaitStatus};
use machine::addr::UserAddr;
use machine::user::Registers;
use zerocopy::{FromZeros, IntoBytes};

use super::action::{Action, Handler};
use super::fault::{self, FloatStatus};
use super::frame::{self, Interrupted, Placement};
use super::info::SigInfo;
use super::job::Notice;
use super::process::Next;
use super::state::Force;
use crate::error::Restart;
use crate::mm::{AddressSpace, user};
use crate::sched::TaskFlags;
use crate::task::tree;
use crate::task::{CurrentThread, Ending};

/// Deals with everything that waits for the thread. Afterwards it either has an
/// [`Ending`] or may enter user mode.
pub fn deliver(cx: &mut CurrentThread) {
    loop {
        match cx.process.signals.next(cx.thread.slot) {
            Next::Run => break,
            Next::ExitProcess(status) => return cx.end(Ending::Process(status)),
            Next::ExitThread => {
                return cx.end(Ending::Thread(WaitStatus::signaled(Signal::SIGKILL, false)));
            }
            Next::Notify(notice) => tell_parent(cx, notice),
            Next::Stop(notice) => {
                if let Some(notice) = notice {
                    tell_parent(cx, notice);
                }
                cx.process.signals.sleep_stopped();
            }
            Next::BeginStop { signal, continued } => begin_stop(cx, signal, continued),
            Next::Die { info, .. } => {
                // No core files: the bit that says one was written stays clear.
                cx.process.signals.begin_exit(WaitStatus::signaled(info.signal, false));
            }
            Next::Handle(info, action) => {
                handle(cx, &info, &action);
                // Blocking the handler's mask has looked whether anything more is due.
                if !cx.task.flags().contains(TaskFlags::SIGNAL_PENDING) {
                    break;
                }
            }
        }
    }
    go_on_without_handler(cx);
}

/// A stop signal other than SIGSTOP does nothing in an orphaned process group: no shell is left
/// that could continue it (POSIX).
fn begin_stop(cx: &CurrentThread, signal: Signal, continued: u64) {
    let orphaned = || tree::read().group_is_orphaned(cx.process.group(), None);
    if signal == Signal::SIGSTOP || !orphaned() {
        cx.process.signals.begin_stop(signal, continued);
    }
}

fn tell_parent(cx: &CurrentThread, notice: Notice) {
    super::send::notify_parent_of_job(&cx.process, notice);
}

/// The interrupted call, if there is one, runs again; the mask that it replaced comes back.
fn go_on_without_handler(cx: &mut CurrentThread) {
    match cx.own_signals.restart.take() {
        None => {}
        Some(Restart::Block(block)) => {
            cx.own_signals.restart_block = Some(block);
            cx.user.regs.orig_rax = Sysno::restart_syscall as u64;
            run_again(&mut cx.user.regs);
        }
        Some(_) => run_again(&mut cx.user.regs),
    }
    if let Some(mask) = cx.own_signals.saved_mask.take() {
        cx.process.signals.set_blocked(cx.thread.slot, mask);
        // What the old mask lets through is due before user mode is entered.
        if cx.task.flags().contains(TaskFlags::SIGNAL_PENDING) {
            return deliver(cx);
        }
    }
    cx.task.clear_flags(TaskFlags::RESTART);
}

/// Sets the registers back to before the `syscall` instruction (two bytes).
fn run_again(regs: &mut Registers) {
    regs.rax = regs.orig_rax;
    regs.rip = regs.rip.wrapping_sub(2);
}

/// What an interrupted call returns when a handler runs first.
fn finish_call(cx: &mut CurrentThread, action: &Action) {
    let again = match cx.own_signals.restart.take() {
        None => return,
        Some(Restart::Always) => true,
        Some(Restart::IfSaRestart) => action.flags.contains(SaFlags::SA_RESTART),
        Some(Restart::IfNoHandler | Restart::Block(_)) => false,
    };
    if again {
        run_again(&mut cx.user.regs);
    } else {
        cx.user.regs.rax = Errno::EINTR.to_reg();
    }
}

/// Makes the thread enter a handler.
fn handle(cx: &mut CurrentThread, info: &SigInfo, action: &Action) {
    finish_call(cx, action);
    if push_frame(cx, info, action).is_none() {
        return overflow(cx, info.signal);
    }
    let slot = cx.thread.slot;
    cx.process.signals.change_blocked(slot, |blocked| {
        let blocked = blocked.union(action.mask);
        if action.flags.contains(SaFlags::SA_NODEFER) { blocked } else { blocked.with(info.signal) }
    });
}

/// The frame could not be written: SIGSEGV, which ends the process if SIGSEGV itself was the one.
fn overflow(cx: &CurrentThread, signal: Signal) {
    let how = if signal == Signal::SIGSEGV { Force::Kill } else { Force::Handler };
    cx.process.signals.force(cx.thread.slot, SigInfo::kernel(Signal::SIGSEGV), how);
}

fn push_frame(cx: &mut CurrentThread, info: &SigInfo, action: &Action) -> Option<()> {
    let Handler::Call(handler) = action.handler else {
        return None;
    };
    // x86_64 has no other way back from a handler.
    if !action.flags.contains(SaFlags::SA_RESTORER) {
        return None;
    }
    let own = &mut cx.own_signals;
    let fpu_len = machine::fpu::size();
    let place = frame::place(cx.user.regs.rsp, own.alt_stack, action.flags, fpu_len)?;
    let mask = own.saved_mask.take().unwrap_or_else(|| cx.process.signals.blocked(cx.thread.slot));
    let was = Interrupted {
        regs: &cx.user.regs,
        mask,
        alt_stack: own.alt_stack,
        fault: own.fault,
        xsave: machine::fpu::xfeatures() != 0,
    };
    let frame = frame::build(&was, info, action, place.fpstate);
    push_fpu(cx, place)?;
    put(&cx.space, UserAddr::new(place.frame), &frame.as_bytes()[..frame::len(action)])?;
    cx.own_signals.alt_stack = cx.own_signals.alt_stack.after_delivery();
    frame::enter_handler(&mut cx.user.regs, place, info, handler.as_u64());
    machine::fpu::reset_current();
    Some(())
}

/// Writes to the user stack, which nearly always is there.
fn put(space: &AddressSpace, at: UserAddr, bytes: &[u8]) -> Option<()> {
    if machine::user::copy_out(at, bytes) == 0 {
        return Some(());
    }
    user::copy_out(space, at, bytes).ok()
}

/// Writes the live FPU state in the standard format, with what makes it self-describing.
fn push_fpu(cx: &CurrentThread, place: Placement) -> Option<()> {
    let at = UserAddr::new(place.fpstate);
    let len = machine::fpu::size();
    let xfeatures = machine::fpu::xfeatures();
    // Straight from the thread's own image, if the stack is there; else through a copy, since
    // resolving a fault must not run while the image is lent.
    let (left, present) = machine::fpu::with_current(|image| {
        let bytes = image.as_bytes();
        (machine::user::copy_out(at, bytes), frame::xstate_bv(bytes))
    });
    if left != 0 {
        let image = machine::fpu::save_current();
        user::copy_out(&cx.space, at, image.as_bytes()).ok()?;
    }
    if xfeatures == 0 {
        return Some(());
    }
    for (offset, bytes) in frame::mend_initial(present) {
        put(&cx.space, at.wrapping_add(*offset), bytes)?;
    }
    let described = frame::describe_xsave(len, xfeatures, present);
    put(&cx.space, at.wrapping_add(frame::SW_BYTES_AT), &described)?;
    let magic = abi::ucontext::FP_XSTATE_MAGIC2.to_le_bytes();
    put(&cx.space, at.wrapping_add(len as u64), &magic)
}

/// rt_sigreturn(2): back to what the frame at the stack pointer says. A bad frame is SIGSEGV.
pub fn sigreturn(cx: &mut CurrentThread) {
    if try_sigreturn(cx).is_none() {
        let info = SigInfo::kernel(Signal::SIGSEGV);
        cx.process.signals.force(cx.thread.slot, info, Force::Handler);
    }
}

fn try_sigreturn(cx: &mut CurrentThread) -> Option<()> {
    // The handler's `ret` has taken the return address off the frame.
    let frame = UserAddr::new(cx.user.regs.rsp.wrapping_sub(8));
    let uc_at = frame.wrapping_add(core::mem::offset_of!(abi::ucontext::RtSigFrame, uc) as u64);
    let mut uc = abi::ucontext::UContext::new_zeroed();
    user::copy_in(&cx.space, uc.as_mut_bytes(), uc_at).ok()?;
    let mask = uc.uc_sigmask.difference(SigSet::UNBLOCKABLE);
    cx.process.signals.set_blocked(cx.thread.slot, mask);
    let segments_fit = frame::restore(&mut cx.user.regs, &uc);
    pop_fpu(cx, uc.uc_mcontext.fpstate)?;
    // A bad alternate stack is not worth dying for: Linux ignores it here, too.
    let rsp = cx.user.regs.rsp;
    if let Ok(stack) = cx.own_signals.alt_stack.replaced_by(&uc.uc_stack, rsp) {
        cx.own_signals.alt_stack = stack;
    }
    segments_fit.then_some(())
}

fn pop_fpu(cx: &CurrentThread, fpstate: u64) -> Option<()> {
    if fpstate == 0 {
        machine::fpu::reset_current();
        return Some(());
    }
    let at = UserAddr::new(fpstate);
    // Straight into the thread's own image, if the frame is in memory; else through a copy.
    let raw = |to: &mut [u8], from: UserAddr| machine::user::copy_in(to, from) == 0;
    if machine::fpu::fill_current(|image| frame::read_fpu(image, at, raw)).is_ok() {
        return Some(());
    }
    let mut image = alloc::vec![0; machine::fpu::size()];
    let resolving = |to: &mut [u8], from: UserAddr| user::copy_in(&cx.space, to, from).is_ok();
    let complete = frame::read_fpu(&mut image, at, resolving);
    if complete { machine::fpu::load_current(&image).ok() } else { None }
}

/// Raises the signal for an exception of user code.
pub fn raise_exception(cx: &mut CurrentThread, vector: u8, error: u64) {
    let float = if fault::is_float(vector) {
        machine::fpu::with_current(|image| FloatStatus::from_image(image.as_bytes()))
    } else {
        FloatStatus::default()
    };
    let rip = cx.user.regs.rip;
    let raised = fault::of_exception(vector, error, rip, float, cx.own_signals.fault);
    if let Some((info, record)) = raised {
        cx.own_signals.fault = record;
        cx.process.signals.force(cx.thread.slot, info, Force::Handler);
    }
}

/// Raises the signal for a page fault of user code that could not be resolved; `error` is the
/// processor's error code.
pub fn raise_page_fault(
    cx: &mut CurrentThread,
    signal: Signal,
    code: i32,
    address: UserAddr,
    error: u64,
) {
    let (info, record) = fault::of_page_fault(signal, code, address, error);
    cx.own_signals.fault = record;
    cx.process.signals.force(cx.thread.slot, info, Force::Handler);
}
