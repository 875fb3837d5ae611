//! The block of memory that each processor finds through its GS base.
//!
//! Owns: [`CpuLocal`], one per processor, never freed. Only its own processor touches it, with single
//! instructions (so that an interrupt on the same processor sees either before or after), except for
//! the fields that are atomics: those are also written by other processors.
//!
//! The lock depth and the "something is pending" bit share one word. The bit is stored inverted, so
//! that the decrement of the last unlock reaches zero exactly when deferred work waits:
//! one `dec` and one `jz` are the whole price of a lock release.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use x86_64::structures::tss::TaskStateSegment;

use super::deferred;
use super::msr;
use crate::cpu::MAX_CPUS;

/// Set in the depth word while no deferred work waits.
pub(crate) const NOTHING_PENDING: u32 = 1 << 31;

/// Attention bits: why the next return to user mode must take the slow path.
pub(crate) mod attention {
    /// Deferred work waits.
    pub const PENDING: u32 = 1;
    /// Deferred work ran since the thread last looked at its flags.
    pub const RAN: u32 = 2;
    /// The FPU registers hold another thread's state.
    pub const FPU: u32 = 4;
}

/// What a processor keeps for itself; the layout is known to the entry code by `offset_of!`.
#[repr(C, align(64))]
pub(crate) struct CpuLocal {
    /// Its own address: `gs:[0]` gives a pointer.
    this: AtomicPtr<CpuLocal>,
    /// Number of locks held, with [`NOTHING_PENDING`].
    depth: AtomicU32,
    /// Deferred work that waits (bits of `deferred::Pending`).
    pub pending: AtomicU32,
    /// Bits of [`attention`].
    pub attention: AtomicU32,
    /// The number of this processor.
    pub id: AtomicU32,
    /// Where the syscall entry puts the user's rsp for a moment.
    pub user_rsp: UnsafeCell<u64>,
    /// The end of the `Registers` that the next entry from user mode fills.
    pub context_end: UnsafeCell<u64>,
    /// The running thread (an `Arc` by `into_raw`), and the one it came from until that is released.
    pub thread: AtomicPtr<super::thread::KernelThread>,
    /// See `thread::finish_switch`.
    pub previous: AtomicPtr<super::thread::KernelThread>,
    /// Whether the FPU registers are the running thread's state.
    pub fpu_live: AtomicU32,
    /// Whose saved state the FPU registers still equal; only compared, never followed.
    pub fpu_owner: AtomicPtr<super::thread::UserState>,
    /// The id of the local APIC.
    pub apic_id: AtomicU32,
    /// The task state segment: `rsp0` is where interrupts from user mode push their frame.
    pub tss: UnsafeCell<TaskStateSegment>,
    /// The descriptor table; see `gdt`.
    pub gdt: UnsafeCell<[u64; super::gdt::ENTRIES]>,
}

// SAFETY: 1. the fields that are not atomics are only touched by the owning processor (module docs).
unsafe impl Sync for CpuLocal {}

/// The offset of `rsp0` inside [`CpuLocal`].
pub(crate) const RSP0: usize =
    offset_of!(CpuLocal, tss) + offset_of!(TaskStateSegment, privilege_stack_table);

impl CpuLocal {
    /// A block before its processor runs.
    pub const fn new() -> Self {
        Self {
            this: AtomicPtr::new(core::ptr::null_mut()),
            depth: AtomicU32::new(NOTHING_PENDING),
            pending: AtomicU32::new(0),
            attention: AtomicU32::new(attention::FPU),
            id: AtomicU32::new(0),
            user_rsp: UnsafeCell::new(0),
            context_end: UnsafeCell::new(0),
            thread: AtomicPtr::new(core::ptr::null_mut()),
            previous: AtomicPtr::new(core::ptr::null_mut()),
            fpu_live: AtomicU32::new(0),
            fpu_owner: AtomicPtr::new(core::ptr::null_mut()),
            apic_id: AtomicU32::new(0),
            tss: UnsafeCell::new(TaskStateSegment::new()),
            gdt: UnsafeCell::new([0; super::gdt::ENTRIES]),
        }
    }

    /// Makes this the block of the calling processor.
    ///
    /// # Safety
    /// Once per processor, before anything that uses the block; `self` must live for ever.
    pub unsafe fn install(&'static self, id: u32) {
        self.this.store(core::ptr::from_ref(self).cast_mut(), Ordering::Relaxed);
        self.id.store(id, Ordering::Relaxed);
        // SAFETY: 1. the caller vouches for the block.
        unsafe {
            msr::write(msr::GS_BASE, core::ptr::from_ref(self) as u64);
            msr::write(msr::KERNEL_GS_BASE, 0);
        }
    }
}

/// The block of the boot processor; the others' are allocated when they start.
pub(crate) static BOOT_CPU: CpuLocal = CpuLocal::new();

/// All blocks by processor number.
pub(crate) static CPUS: [AtomicPtr<CpuLocal>; MAX_CPUS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_CPUS];

/// The block of processor `id`, if that processor was ever started.
pub(crate) fn of(id: usize) -> Option<&'static CpuLocal> {
    let block = CPUS.get(id)?.load(Ordering::Acquire);
    // SAFETY: 1. the table holds null or a block that lives for ever.
    unsafe { block.as_ref() }
}

/// The block of this processor.
#[inline(always)]
pub(crate) fn this() -> &'static CpuLocal {
    let block: *const CpuLocal;
    // SAFETY: 1. GS points at the block from the first instruction of Rust code on.
    unsafe {
        asm!("mov {}, gs:[0]", out(reg) block, options(nostack, preserves_flags, readonly, pure));
        &*block
    }
}

/// The number of this processor.
#[inline(always)]
pub(crate) fn id() -> u32 {
    let id: u32;
    // SAFETY: 1. a read of our own block.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) id, const offset_of!(CpuLocal, id),
             options(nostack, preserves_flags, readonly));
    }
    id
}

/// Counts one lock more on this processor.
#[inline(always)]
pub(crate) fn lock_taken() {
    // SAFETY: 1. one instruction on our own block.
    unsafe { asm!("inc dword ptr gs:[{}]", const offset_of!(CpuLocal, depth), options(nostack)) }
}

/// Counts one lock less, after it was released; runs the deferred work when it was the last one.
#[inline(always)]
pub(crate) fn lock_released() {
    // SAFETY: 1. one instruction on our own block.
    unsafe {
        asm!("dec dword ptr gs:[{}]", "jz {}", const offset_of!(CpuLocal, depth),
             label { deferred::run_pending() }, options(nostack));
    }
}

/// Leaves deferred work; true when more of it waits.
pub(crate) fn leave_deferred() -> bool {
    let zero: u8;
    // SAFETY: 1. one instruction on our own block.
    unsafe {
        asm!("dec dword ptr gs:[{}]", "setz {}", const offset_of!(CpuLocal, depth), out(reg_byte) zero,
             options(nostack));
    }
    zero != 0
}

/// How many locks this processor holds (deferred work counts as one).
#[inline]
pub(crate) fn lock_depth() -> u32 {
    depth_word() & !NOTHING_PENDING
}

/// The raw depth word: zero means no lock is held and deferred work waits.
#[inline]
pub(crate) fn depth_word() -> u32 {
    let word: u32;
    // SAFETY: 1. a read of our own block.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) word, const offset_of!(CpuLocal, depth),
             options(nostack, preserves_flags, readonly));
    }
    word
}

/// Notes that deferred work waits on this processor.
#[inline]
pub(crate) fn note_pending() {
    // SAFETY: 1. two single instructions on our own block.
    unsafe {
        asm!("and dword ptr gs:[{}], 0x7fffffff", const offset_of!(CpuLocal, depth), options(nostack));
        asm!("or dword ptr gs:[{}], {}", const offset_of!(CpuLocal, attention),
             const attention::PENDING, options(nostack));
    }
}

/// Enters deferred work: depth one, nothing pending. Only at depth zero.
#[inline]
pub(crate) fn enter_deferred() {
    // SAFETY: 1. one instruction on our own block.
    unsafe {
        asm!("mov dword ptr gs:[{}], {}", const offset_of!(CpuLocal, depth),
             const (NOTHING_PENDING + 1) as i32, options(nostack));
    }
}

/// Why the next return to user mode must take the slow path: bits of [`attention`].
#[inline(always)]
pub(crate) fn attention() -> u32 {
    let bits: u32;
    // SAFETY: 1. a read of our own block.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) bits, const offset_of!(CpuLocal, attention),
             options(nostack, preserves_flags, readonly));
    }
    bits
}

/// Whether [`attention`] has any bit.
#[inline(always)]
pub(crate) fn wants_attention() -> bool {
    // SAFETY: 1. a read of our own block.
    unsafe {
        asm!(
            "cmp dword ptr gs:[{}], 0",
            "jne {}",
            const offset_of!(CpuLocal, attention),
            label { return true },
            options(nostack, readonly),
        );
    }
    false
}

/// Sets bits of [`attention`].
#[inline]
pub(crate) fn set_attention(bits: u32) {
    // SAFETY: 1. one instruction on our own block.
    unsafe {
        asm!("or dword ptr gs:[{}], {:e}", const offset_of!(CpuLocal, attention), in(reg) bits,
             options(nostack));
    }
}

/// Clears bits of [`attention`].
#[inline]
pub(crate) fn clear_attention(bits: u32) {
    // SAFETY: 1. one instruction on our own block.
    unsafe {
        asm!("and dword ptr gs:[{}], {:e}", const offset_of!(CpuLocal, attention), in(reg) !bits,
             options(nostack));
    }
}

/// Takes the deferred work that waits and notes that some ran.
#[inline]
pub(crate) fn take_pending() -> u32 {
    clear_attention(attention::PENDING);
    set_attention(attention::RAN);
    this().pending.swap(0, Ordering::AcqRel)
}
