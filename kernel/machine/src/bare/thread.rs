//! Kernel threads on hardware; see the public module.
//!
//! A thread that is switched away from stays marked `on_cpu` until its registers are saved and its stack
//! is left; whoever wants to run it on another processor waits for that. The processor owns one reference
//! to its running thread, and keeps the previous one's until the switch is over, so that a stack
//! is never freed while it is in use.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use x86_64::instructions::interrupts;

use super::fpu::{self, FpuImage};
use super::stack::Stack;
use super::{features, msr, percpu};
use crate::frame::OutOfFrames;

/// In `UserState::fpu_cpu`: no processor's registers equal the image.
pub(super) const NO_CPU: u32 = u32::MAX;

/// What a thread's user mode keeps in registers that the kernel does not save at its entries.
pub(crate) struct UserState {
    /// FPU state; made when the thread first enters user mode.
    pub fpu: Option<FpuImage>,
    /// The processor whose FPU registers were loaded from the image last.
    pub fpu_cpu: u32,
    fs_base: u64,
    gs_base: u64,
    /// Whether the bases mean anything: a thread that stays in the kernel does not pay for them.
    bases: bool,
}

/// What a thread begins with.
type Entry = Box<dyn FnOnce() + Send>;

/// A stack, and the place on it where the thread goes on.
pub struct KernelThread {
    /// The stack pointer while the thread does not run.
    rsp: UnsafeCell<u64>,
    /// Set from the moment a processor decides to run it until its stack is left again.
    on_cpu: AtomicBool,
    /// `None` for the threads that the processors started with.
    _stack: Option<Stack>,
    entry: UnsafeCell<Option<Entry>>,
    user: UnsafeCell<UserState>,
}

// SAFETY: 1. the cells are only touched by the thread itself and by the processor that switches from or to it,
// and `on_cpu` keeps those apart.
unsafe impl Send for KernelThread {}
// SAFETY: as above.
unsafe impl Sync for KernelThread {}

global_asm!(
    // switch_stacks(rdi: where to save rsp, rsi: the rsp to go on with)
    ".text",
    ".balign 16",
    ".type switch_stacks, @function",
    "switch_stacks:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "mov [rdi], rsp",
    "mov rsp, rsi",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    // Where a new thread's first switch returns to.
    ".type thread_start, @function",
    "thread_start:",
    "xor ebp, ebp",
    "call {main}",
    "ud2",
    main = sym thread_main,
);

unsafe extern "C" {
    fn switch_stacks(save: *mut u64, next: u64);
    fn thread_start();
}

impl KernelThread {
    /// A thread that begins with `entry` when it is first switched to. `fpu` is the state its user mode
    /// starts with, the initial one if not given.
    ///
    /// # Errors
    /// [`OutOfFrames`] when there is no memory for a stack.
    pub fn new(entry: Entry, fpu: Option<FpuImage>) -> Result<Arc<Self>, OutOfFrames> {
        let stack = Stack::new()?;
        // What `switch_stacks` pops: six registers and the return address; two words more so that the
        // stack is aligned as before a call.
        let rsp = stack.top() - 9 * 8;
        // SAFETY: 1. the top of a stack that nobody uses yet.
        unsafe {
            (rsp as *mut [u64; 9]).write([
                0,
                0,
                0,
                0,
                0,
                0,
                thread_start as *const () as u64,
                0,
                0,
            ]);
        }
        Ok(Arc::new(Self::build(rsp, Some(stack), Some(entry), fpu)))
    }

    /// Whether a processor still stands on its stack, or is about to. A thread for which this is
    /// false stays so until somebody decides to run it.
    pub fn is_on_cpu(&self) -> bool {
        self.on_cpu.load(Ordering::Acquire)
    }

    fn build(rsp: u64, stack: Option<Stack>, entry: Option<Entry>, fpu: Option<FpuImage>) -> Self {
        Self {
            rsp: UnsafeCell::new(rsp),
            on_cpu: AtomicBool::new(false),
            _stack: stack,
            entry: UnsafeCell::new(entry),
            user: UnsafeCell::new(UserState {
                fpu,
                fpu_cpu: NO_CPU,
                fs_base: 0,
                gs_base: 0,
                bases: false,
            }),
        }
    }
}

impl core::fmt::Debug for KernelThread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let on_cpu = self.on_cpu.load(Ordering::Relaxed);
        f.debug_struct("KernelThread").field("on_cpu", &on_cpu).finish_non_exhaustive()
    }
}

/// Makes the code that runs on this processor a thread, on the stack it is on.
pub(super) fn adopt_boot_thread() {
    let thread = KernelThread::build(0, None, None, None);
    thread.on_cpu.store(true, Ordering::Relaxed);
    let thread = Arc::into_raw(Arc::new(thread)).cast_mut();
    percpu::this().thread.store(thread, Ordering::Relaxed);
}

/// The running thread's object.
fn running() -> &'static KernelThread {
    let thread = percpu::this().thread.load(Ordering::Relaxed);
    // SAFETY: 1. the processor owns a reference while the thread runs, and the caller is that thread; 2. it
    // does not keep what we return (private function).
    unsafe { &*thread }
}

/// The user state of the running thread. Only the thread itself may follow it.
pub(super) fn user_state() -> *mut UserState {
    running().user.get()
}

/// The running thread.
pub fn current() -> Arc<KernelThread> {
    let thread = core::ptr::from_ref(running());
    // SAFETY: 1. it came from an `Arc`; 2. the processor's own reference stays.
    unsafe {
        Arc::increment_strong_count(thread);
        Arc::from_raw(thread)
    }
}

/// Leaves the running thread and goes on with `next`. Comes back when somebody switches to the one
/// that was left. Must be called without locks.
///
/// Nobody else may be about to switch to `next`: that is the scheduler's promise. It may still be on its way
/// out on another processor; that is waited for.
pub fn switch_to(next: Arc<KernelThread>) {
    crate::sync::assert_may_sleep();
    let cpu_thread = || &percpu::this().thread;
    if core::ptr::eq(cpu_thread().load(Ordering::Relaxed), Arc::as_ptr(&next)) {
        return;
    }
    while next.on_cpu.swap(true, Ordering::Acquire) {
        core::hint::spin_loop();
    }
    let enabled = interrupts::are_enabled();
    interrupts::disable();
    let cpu = percpu::this();
    let previous = cpu.thread.load(Ordering::Relaxed);
    let next = Arc::into_raw(next).cast_mut();
    cpu.previous.store(previous, Ordering::Relaxed);
    cpu.thread.store(next, Ordering::Relaxed);
    // SAFETY: 1. `previous` is kept alive by `cpu.previous`, `next` by `cpu.thread`; 2. `next.rsp` was left by
    // `switch_stacks` or prepared by `new`, and `on_cpu` says that nobody else uses it; 3. interrupts are
    // off, so nothing on this processor sees the half-made switch.
    unsafe {
        let user = (*previous).user.get();
        fpu::switch_out(user);
        switch_bases(user, (*next).user.get());
        switch_stacks((*previous).rsp.get(), *(*next).rsp.get());
    }
    finish_switch(enabled);
}

/// The first thing after a switch, on the new stack: lets go of the previous thread.
fn finish_switch(enable: bool) {
    let previous = percpu::this().previous.swap(null_mut(), Ordering::Relaxed);
    // SAFETY: 1. `switch_to` put the processor's reference there.
    unsafe { (*previous).on_cpu.store(false, Ordering::Release) };
    if enable {
        interrupts::enable();
    }
    // May free the stack, which may have to tell other processors: so only now, with interrupts on.
    // SAFETY: 1. as above; it is given up exactly once.
    drop(unsafe { Arc::from_raw(previous) });
}

/// The first function of every thread.
extern "C" fn thread_main() -> ! {
    finish_switch(true);
    // SAFETY: 1. only the thread itself touches its entry, once.
    let entry = unsafe { (*running().entry.get()).take() };
    entry.expect("invariant: a new thread has an entry")();
    let hook = EXIT_HOOK.load(Ordering::Acquire);
    assert!(!hook.is_null(), "a kernel thread returned and nobody set an exit hook");
    // SAFETY: 1. only `set_exit_hook` stores here, and it stores a `fn() -> !`.
    let hook: fn() -> ! = unsafe { transmute(hook) };
    hook()
}

/// What runs when a thread's entry returned, a `fn() -> !`.
static EXIT_HOOK: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Sets the function that runs, on the thread's stack, after its entry returned. It switches to another
/// thread and is not come back to.
pub fn set_exit_hook(hook: fn() -> !) {
    EXIT_HOOK.store(hook as *mut (), Ordering::Release);
}

/// Saves the FS and GS base of the thread that is left, where user mode can change them itself, and
/// loads those of the next. Interrupts are off.
///
/// # Safety
/// `from` belongs to the running thread, `to` to the one about to run.
unsafe fn switch_bases(from: *mut UserState, to: *mut UserState) {
    // SAFETY: 1. the caller vouches for the states; 2. user bases do not matter to the kernel.
    unsafe {
        if (*from).bases && features::get().fsgsbase {
            (*from).fs_base = read_fs();
            (*from).gs_base = read_user_gs();
        }
        if (*to).bases {
            write_fs((*to).fs_base);
            write_user_gs((*to).gs_base);
        }
    }
}

/// The base of FS in user mode, of the running thread.
pub fn fs_base() -> u64 {
    let user = user_state();
    // SAFETY: 1. the running thread's own state.
    unsafe {
        if (*user).bases && features::get().fsgsbase {
            (*user).fs_base = read_fs();
        }
        (*user).fs_base
    }
}

/// The base of GS in user mode, of the running thread.
pub fn gs_base() -> u64 {
    let user = user_state();
    // SAFETY: 1. the running thread's own state.
    unsafe {
        if (*user).bases && features::get().fsgsbase {
            (*user).gs_base = interrupts::without_interrupts(|| read_user_gs());
        }
        (*user).gs_base
    }
}

/// Whether the processor takes `base` at all.
fn is_canonical(base: u64) -> bool {
    (base as i64) << 16 >> 16 == base as i64
}

/// Sets the base of FS in user mode, of the running thread.
///
/// A base that is not canonical is refused: `false`.
pub fn set_fs_base(base: u64) -> bool {
    if !is_canonical(base) {
        return false;
    }
    begin_bases();
    // SAFETY: 1. the running thread's own state; 2. the base is canonical.
    interrupts::without_interrupts(|| unsafe {
        (*user_state()).fs_base = base;
        write_fs(base);
    });
    true
}

/// Sets the base of GS in user mode, of the running thread.
///
/// A base that is not canonical is refused: `false`.
pub fn set_gs_base(base: u64) -> bool {
    if !is_canonical(base) {
        return false;
    }
    begin_bases();
    // SAFETY: 1. the running thread's own state; 2. the base is canonical.
    interrupts::without_interrupts(|| unsafe {
        (*user_state()).gs_base = base;
        write_user_gs(base);
    });
    true
}

/// From now on the running thread has bases of its own.
pub(super) fn begin_bases() {
    let user = user_state();
    // SAFETY: 1. the running thread's own state; 2. zero is canonical.
    interrupts::without_interrupts(|| unsafe {
        if !(*user).bases {
            (*user).bases = true;
            write_fs((*user).fs_base);
            write_user_gs((*user).gs_base);
        }
    });
}

unsafe fn read_fs() -> u64 {
    let base: u64;
    // SAFETY: 1. only called with FSGSBASE.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nostack, preserves_flags)) };
    base
}

/// User mode's GS base: swapgs brings it where it can be read. Interrupts are off, and an NMI in
/// between does not trust GS.
unsafe fn read_user_gs() -> u64 {
    let base: u64;
    // SAFETY: 1. only called with FSGSBASE; 2. the kernel's base is back after the second swapgs.
    unsafe {
        asm!("swapgs", "rdgsbase {}", "swapgs", out(reg) base, options(nostack, preserves_flags))
    };
    base
}

unsafe fn write_fs(base: u64) {
    // SAFETY: 1. the base is canonical; the kernel does not use FS.
    unsafe {
        if features::get().fsgsbase {
            asm!("wrfsbase {}", in(reg) base, options(nostack, preserves_flags));
        } else {
            msr::write(msr::FS_BASE, base);
        }
    }
}

unsafe fn write_user_gs(base: u64) {
    // SAFETY: 1. the base is canonical; 2. as in `read_user_gs`.
    unsafe {
        if features::get().fsgsbase {
            asm!("swapgs", "wrgsbase {}", "swapgs", in(reg) base, options(nostack, preserves_flags));
        } else {
            msr::write(msr::KERNEL_GS_BASE, base);
        }
    }
}
