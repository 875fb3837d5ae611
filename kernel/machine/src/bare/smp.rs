//! The other processors: starting them, and stopping them when one panics.

use alloc::boxed::Box;
use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::percpu::{self, CPUS, CpuLocal};
use super::stack::Stack;
use super::{
    acpi, apic, boot, features, fpu, gdt, kernel_map, physical, syscall, thread, time, traps,
};
use crate::addr::PAGE_SIZE;
use crate::cpu::{CpuId, CpuSet, MAX_CPUS};

/// Everything below stays out of the frame allocator.
pub(super) const LOW_MEMORY_END: u64 = 0x1_0000;
/// The page of the start code, and three pages behind it for tables that map it one to one.
const START_PAGE: u64 = 0x8000;

global_asm!(include_str!("smp.s"), page = const START_PAGE, options(att_syntax));

unsafe extern "C" {
    static smp_start: u8;
    static smp_end: u8;
    static smp_root: u64;
    static smp_efer: u64;
    static smp_stack: u64;
    static smp_argument: u64;
    static smp_entry: u64;
}

/// The processors that run.
static ONLINE: AtomicU64 = AtomicU64::new(1);
/// Bumped by a processor when it has left the start page.
static ARRIVED: AtomicU32 = AtomicU32::new(0);
/// Some processor panics.
static PANICKING: AtomicBool = AtomicBool::new(false);

/// What a starting processor is given.
struct Start {
    block: CpuLocal,
    number: u32,
    interrupt_stacks: [u64; 3],
    entry: fn(CpuId) -> !,
}

/// The processors that run.
pub(super) fn online() -> CpuSet {
    CpuSet::from_bits(ONLINE.load(Ordering::Acquire))
}

/// Starts all other processors that the firmware lists, up to `maxcpus=` of the command line. Each runs
/// `entry` with its number on a stack of its own, interrupts on. Returns when they all run; one that does not come
/// up within a second is left alone.
pub fn start_others(entry: fn(CpuId) -> !) {
    let info = boot::info();
    let limit = if info.has_word("nosmp") {
        Some(1)
    } else {
        info.word("maxcpus").and_then(|n| n.parse().ok())
    };
    let limit = limit.unwrap_or(MAX_CPUS).min(MAX_CPUS);
    let own = apic::id();
    let others = acpi::tables().processors.iter().copied().filter(|id| *id != own);
    let mut number = 1;
    for apic_id in others.take(limit.max(1) - 1) {
        if number == 1 {
            // SAFETY: 1. the low pages are kept free for this, and no processor is starting.
            unsafe { build_start_page() };
        }
        match start(apic_id, number, entry) {
            Ok(true) => number += 1,
            Ok(false) => {
                // It may still wake up one day and run the start page: do not touch that again.
                log::error!("processor with APIC id {apic_id} does not start");
                break;
            }
            Err(_) => {
                log::error!("no memory for processor {number}");
                break;
            }
        }
    }
}

/// Copies the start code and makes the tables that map its page one to one besides the kernel.
///
/// # Safety
/// The pages from `START_PAGE` are unused memory.
unsafe fn build_start_page() {
    let table =
        |number: u64| physical::to_virt(START_PAGE + number * PAGE_SIZE as u64).cast::<u64>();
    // SAFETY: 1. the caller vouches for the pages; 2. the code fits one page.
    unsafe {
        let (start, end) = (&raw const smp_start, &raw const smp_end);
        physical::to_virt(START_PAGE).copy_from(start, end.offset_from(start) as usize);
        table(1).copy_from(physical::to_virt(kernel_map::root()).cast(), 512);
        table(2).write_bytes(0, 512);
        table(3).write_bytes(0, 512);
        table(1).write(START_PAGE + 2 * PAGE_SIZE as u64 + 3);
        table(2).write(START_PAGE + 3 * PAGE_SIZE as u64 + 3);
        // One page of 2 MiB.
        table(3).write(0x83);
    }
}

/// Fills a word of the start page.
///
/// # Safety
/// As [`build_start_page`], and `word` is one of the symbols in smp.s.
unsafe fn put(word: *const u64, value: u64) {
    let offset = word as u64 - &raw const smp_start as u64;
    // SAFETY: 1. the caller vouches.
    unsafe { physical::to_virt(START_PAGE + offset).cast::<u64>().write_volatile(value) };
}

/// Starts one processor; false if it does not answer.
fn start(
    apic_id: u32,
    number: u32,
    entry: fn(CpuId) -> !,
) -> Result<bool, crate::frame::OutOfFrames> {
    let mut stacks = [0; 3];
    for top in &mut stacks {
        *top = leak_stack()?;
    }
    let stack = leak_stack()?;
    let start = Box::leak(Box::new(Start {
        block: CpuLocal::new(),
        number,
        interrupt_stacks: stacks,
        entry,
    }));
    start.block.apic_id.store(apic_id, Ordering::Relaxed);
    CPUS[number as usize].store(core::ptr::from_ref(&start.block).cast_mut(), Ordering::Release);
    let no_execute = if features::get().nx { 1 << 11 } else { 0 };
    // SAFETY: 1. the page was built; 2. the processor before this one has left it.
    unsafe {
        put(&raw const smp_root, START_PAGE + PAGE_SIZE as u64);
        put(&raw const smp_efer, 1 << 8 | no_execute);
        put(&raw const smp_stack, stack);
        put(&raw const smp_argument, core::ptr::from_ref(start) as u64);
        put(&raw const smp_entry, begin as *const () as u64);
    }
    let before = ARRIVED.load(Ordering::Acquire);
    let arrived = |micros: u64| {
        let end = time::now() + micros * 1000;
        while ARRIVED.load(Ordering::Acquire) == before && time::now() < end {
            core::hint::spin_loop();
        }
        ARRIVED.load(Ordering::Acquire) != before
    };
    // As the SDM says (volume 3, 9.4.4), with the waits that processors of this century need.
    apic::send_init(apic_id);
    time::spin_micros(1000);
    apic::send_startup(apic_id, (START_PAGE >> 12) as u8);
    if arrived(10_000) {
        return Ok(true);
    }
    apic::send_startup(apic_id, (START_PAGE >> 12) as u8);
    Ok(arrived(1_000_000))
}

/// A stack that lives for ever; its top.
fn leak_stack() -> Result<u64, crate::frame::OutOfFrames> {
    let stack = core::mem::ManuallyDrop::new(Stack::new()?);
    Ok(stack.top())
}

/// The first Rust code on another processor.
extern "C" fn begin(start: &'static Start) -> ! {
    // SAFETY: 1. once, first thing on this processor; 2. the block and the stacks live for ever; 3. the
    // tables and the IDT were built by the boot processor.
    unsafe {
        start.block.install(start.number);
        features::apply();
        kernel_map::load();
        gdt::load(&start.block, start.interrupt_stacks);
        traps::load();
        syscall::init();
    }
    fpu::init();
    apic::init();
    thread::adopt_boot_thread();
    ONLINE.fetch_or(1 << start.number, Ordering::AcqRel);
    ARRIVED.fetch_add(1, Ordering::AcqRel);
    x86_64::instructions::interrupts::enable();
    (start.entry)(CpuId(percpu::id() as u8))
}

/// Whether this processor is the first to panic; others wait for their end here.
pub(super) fn begin_panic() -> bool {
    !PANICKING.swap(true, Ordering::AcqRel)
}

/// Stops all other processors for good.
pub(super) fn stop_others() {
    PANICKING.store(true, Ordering::Release);
    let me = CpuId(percpu::id() as u8);
    for cpu in online().without(me).iter() {
        if let Some(block) = percpu::of(cpu.index()) {
            apic::send_nmi(block.apic_id.load(Ordering::Relaxed));
        }
    }
}

/// What an NMI does: halts if some processor asked for that.
pub(super) fn stop_if_panicking() {
    if PANICKING.load(Ordering::Acquire) {
        super::power::halt();
    }
}
