//! Loading roots and forgetting translations, on hardware.
//!
//! A processor asks others to forget by a letter: it fills its own request, puts its bit into the
//! inbox of each, interrupts them, and waits with interrupts enabled until all have answered. A
//! processor that waits reads its own inbox meanwhile, so two that ask each other do not hang.

use alloc::sync::Arc;
use core::arch::asm;
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use x86_64::instructions::tlb as instructions;
use x86_64::{PhysAddr, VirtAddr};

use super::root::Root;
use super::table::ENTRIES;
use crate::addr::{PAGE_SHIFT, PAGE_SIZE};
use crate::cpu::{self, CpuSet, MAX_CPUS};
use crate::frame::{Number, physical};
use crate::sync::{Held, Once, Order, rank};

/// Over this many pages, reloading the root is cheaper than forgetting page by page.
const SINGLE_FLUSHES: u64 = 32;

/// The root that each processor has loaded, as `Arc::into_raw`; null for the kernel's own.
static ACTIVE: [AtomicPtr<Root>; MAX_CPUS] = [const { AtomicPtr::new(ptr::null_mut()) }; MAX_CPUS];

/// The physical address of the kernel's own root.
static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

/// How to interrupt other processors.
static SENDER: Once<fn(CpuSet)> = Once::new();

/// What a processor asks of others.
struct Request {
    root: AtomicPtr<Root>,
    /// The range to forget; an empty one asks to load the kernel's root instead.
    start: AtomicU64,
    end: AtomicU64,
    /// Who has not answered yet.
    waiting: AtomicU64,
    /// Who gave up its reference to the root in doing so.
    left: AtomicU64,
}

static REQUESTS: [Request; MAX_CPUS] = [const {
    Request {
        root: AtomicPtr::new(ptr::null_mut()),
        start: AtomicU64::new(0),
        end: AtomicU64::new(0),
        waiting: AtomicU64::new(0),
        left: AtomicU64::new(0),
    }
}; MAX_CPUS];

/// Bit n: processor n has a request for this one.
static INBOX: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// Tells where the kernel's own root is. Its upper half is copied into every other root.
///
/// # Safety
/// 1. It is a root table in the direct map whose upper half never changes any more.
/// 2. Called once, before the first [`Root`] is made.
pub(crate) unsafe fn init(kernel_root: u64) {
    KERNEL_ROOT.store(kernel_root, Ordering::Relaxed);
}

/// Tells how to interrupt other processors; their handler calls [`serve_requests`].
pub(crate) fn set_sender(sender: fn(CpuSet)) {
    SENDER.call_once(|| sender);
}

fn upper_half(number: Number) -> *mut u64 {
    // SAFETY: the second half of a frame in the direct map.
    unsafe { physical().pointer(number).cast::<u64>().add(ENTRIES / 2) }
}

/// Copies the kernel's entries into a new root.
pub(super) fn fill_kernel_half(number: Number) {
    let kernel = (KERNEL_ROOT.load(Ordering::Relaxed) >> PAGE_SHIFT) as Number;
    // SAFETY: (1) the kernel's upper half does not change; (2) nobody else has the new root yet.
    unsafe { ptr::copy_nonoverlapping(upper_half(kernel), upper_half(number), ENTRIES / 2) }
}

/// Removes the kernel's entries from a root that is about to be freed.
pub(super) fn clear_kernel_half(number: Number) {
    // SAFETY: nobody else has the root any more.
    unsafe { ptr::write_bytes(upper_half(number), 0, ENTRIES / 2) }
}

#[inline]
fn write_root(address: u64) {
    // SAFETY: all roots have the kernel's half in common, and nothing of the user's half is in use
    // while the kernel runs here.
    unsafe { asm!("mov cr3, {}", in(reg) address, options(nostack, preserves_flags)) }
}

#[inline]
fn read_root() -> u64 {
    let value: u64;
    // SAFETY: reading has no effect.
    unsafe { asm!("mov {}, cr3", out(reg) value, options(nostack, preserves_flags, nomem)) }
    value
}

fn address(root: &Root) -> u64 {
    PhysAddr::new(root.number() << PAGE_SHIFT).as_u64()
}

#[inline]
pub(super) fn is_active(root: &Root) -> bool {
    ptr::eq(ACTIVE[cpu::id().index()].load(Ordering::Relaxed), root)
}

/// Loads a root, or the kernel's own.
pub(super) fn load(root: Option<Arc<Root>>) {
    let me = cpu::id();
    let (next, target) = match root {
        Some(root) => {
            let target = address(&root);
            // Before it is loaded, so that whoever changes an entry from now on asks us, too.
            root.loaded().insert(me);
            (Arc::into_raw(root).cast_mut(), target)
        }
        None => (ptr::null_mut(), KERNEL_ROOT.load(Ordering::Relaxed)),
    };
    let old = ACTIVE[me.index()].swap(next, Ordering::SeqCst);
    write_root(target);
    if !old.is_null() {
        // SAFETY: the reference was put there by an earlier load, and taken out by the swap.
        let old = unsafe { Arc::from_raw(old) };
        old.loaded().remove(me);
    }
}

/// Forgets `start .. end` on this processor.
#[inline]
pub(super) fn flush_here(_root: &Root, start: u64, end: u64) {
    forget(start, end);
}

fn forget(start: u64, end: u64) {
    if end.saturating_sub(start) > SINGLE_FLUSHES * PAGE_SIZE as u64 {
        write_root(read_root());
        return;
    }
    let mut addr = start;
    while addr < end {
        instructions::flush(VirtAddr::new_truncate(addr));
        addr += PAGE_SIZE as u64;
    }
}

/// Makes other processors forget `start .. end` of `root`, and waits for them.
#[cold]
pub(super) fn flush_others(root: &Root, others: CpuSet, start: u64, end: u64) {
    ask(root, others, start, end);
}

/// Makes other processors load the kernel's root instead of `root`, and waits for them.
#[cold]
pub(super) fn evict_others(root: &Arc<Root>, others: CpuSet) {
    let left = ask(root, others, 0, 0);
    for cpu in left.iter() {
        root.loaded().remove(cpu);
        // SAFETY: that processor took its reference out of `ACTIVE` and left dropping it to us:
        // it was in an interrupt, where memory can not be freed.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(root)) };
    }
}

/// Sends the request and waits; returns who gave up its reference.
fn ask(root: &Root, others: CpuSet, start: u64, end: u64) -> CpuSet {
    // No deferred work may run on this processor and use its request again.
    let _held = Held::enter(rank::SHOOTDOWN, Order::Inside);
    let me = cpu::id();
    let request = &REQUESTS[me.index()];
    request.root.store(ptr::from_ref(root).cast_mut(), Ordering::Relaxed);
    request.start.store(start, Ordering::Relaxed);
    request.end.store(end, Ordering::Relaxed);
    request.left.store(0, Ordering::Relaxed);
    request.waiting.store(others.bits(), Ordering::Release);
    for cpu in others.iter() {
        INBOX[cpu.index()].fetch_or(CpuSet::single(me).bits(), Ordering::Release);
    }
    let sender = SENDER.get().expect("invariant: other processors run only after it is set");
    sender(others);
    while request.waiting.load(Ordering::Acquire) != 0 {
        serve_requests();
        spin_loop();
    }
    CpuSet::from_bits(request.left.load(Ordering::Relaxed))
}

/// Does what other processors asked of this one. Called by the interrupt handler and by those who
/// wait; takes no locks.
pub(crate) fn serve_requests() {
    let me = cpu::id();
    let senders = CpuSet::from_bits(INBOX[me.index()].swap(0, Ordering::Acquire));
    for sender in senders.iter() {
        let request = &REQUESTS[sender.index()];
        let (start, end) =
            (request.start.load(Ordering::Relaxed), request.end.load(Ordering::Relaxed));
        if start < end {
            forget(start, end);
        } else {
            leave(request, me);
        }
        request.waiting.fetch_and(!CpuSet::single(me).bits(), Ordering::Release);
    }
}

/// Stops using the root of `request`.
fn leave(request: &Request, me: cpu::CpuId) {
    let root = request.root.load(Ordering::Relaxed);
    // Also when `load` is just about to replace it: see there, the table goes after `ACTIVE`.
    write_root(match ACTIVE[me.index()].load(Ordering::Relaxed) {
        now if now != root && !now.is_null() => {
            // SAFETY: what is in `ACTIVE` of this processor is alive, and we are that processor.
            address(unsafe { &*now })
        }
        _ => KERNEL_ROOT.load(Ordering::Relaxed),
    });
    let gone = ACTIVE[me.index()].compare_exchange(
        root,
        ptr::null_mut(),
        Ordering::SeqCst,
        Ordering::Relaxed,
    );
    if gone.is_ok() {
        request.left.fetch_or(CpuSet::single(me).bits(), Ordering::Relaxed);
    }
}
