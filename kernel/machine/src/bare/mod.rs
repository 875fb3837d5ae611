//! The hardware backend: x86_64 under QEMU or on a PC.
//!
//! Owns everything that exists once per machine: the kernel's page tables, the processors, interrupt
//! controllers, timers, serial ports, and the ways in and out of the kernel. The order of
//! [`init`] is the map: each step may use those before it.

mod acpi;
mod apic;
mod backtrace;
mod early;
mod features;
mod frames;
mod gdt;
mod image;
mod ioapic;
mod irq;
mod kernel_map;
mod msr;
mod panic;
mod physical;
mod rtc;
mod smp;
mod syscall;
mod tlb;
mod traps;

pub(crate) mod boot;
pub(crate) mod cpu;
pub(crate) mod deferred;
pub(crate) mod entropy;
pub(crate) mod fpu;
pub(crate) mod percpu;
pub(crate) mod power;
pub(crate) mod serial;
pub(crate) mod stack;
pub(crate) mod thread;
pub(crate) mod time;
pub(crate) mod user;

use core::cell::UnsafeCell;

use arrayvec::ArrayVec;

use crate::addr::PhysRange;
use boot::BootInfo;

/// Stacks of the boot processor for double fault, NMI and machine check.
#[repr(C, align(16))]
struct InterruptStacks(UnsafeCell<[[u8; 8192]; 3]>);

// SAFETY: 1. only the boot processor's entry code uses them.
unsafe impl Sync for InterruptStacks {}

static INTERRUPT_STACKS: InterruptStacks = InterruptStacks(UnsafeCell::new([[0; 8192]; 3]));

unsafe extern "Rust" {
    /// Defined by `kernel_entry!` in the kernel binary.
    fn oxbow_kernel_main(info: &'static BootInfo) -> !;
}

/// Brings the machine up, from the loader's state to where core can run; then runs it.
fn init(info: &'static mut BootInfo) -> ! {
    features::apply();
    // SAFETY: 1. once, on the boot processor, in this order, with interrupts off.
    unsafe {
        features::patch_smap();
        let base = INTERRUPT_STACKS.0.get() as u64;
        gdt::load(&percpu::BOOT_CPU, [1, 2, 3].map(|n| base + n * 8192));
        traps::build();
        traps::load();
        syscall::init();
    }
    let info = take_memory(info);
    crate::log::init(info);
    print_banner(info);
    fpu::init();
    acpi::init(info.rsdp);
    apic::init();
    percpu::BOOT_CPU.apic_id.store(apic::id(), core::sync::atomic::Ordering::Relaxed);
    ioapic::init(&acpi::tables().io_apics, &acpi::tables().overrides);
    time::init();
    thread::adopt_boot_thread();
    serial::enable_interrupts();
    x86_64::instructions::interrupts::enable();
    // SAFETY: 1. the binary defines it with this type by `kernel_entry!`.
    unsafe { oxbow_kernel_main(info) }
}

/// Prints the line that every boot begins with.
fn print_banner(info: &BootInfo) {
    let protocol = match info.protocol() {
        boot::Protocol::Pvh => "PVH",
        boot::Protocol::Limine => "Limine",
    };
    let (version, megabytes) = (env!("CARGO_PKG_VERSION"), crate::frame::stats().total >> 8);
    log::info!("Oxbow {version} ({protocol}, {megabytes} MiB free)");
}

/// Builds and loads the kernel's page tables and hands the rest of memory to the frame allocator.
fn take_memory(info: &'static mut BootInfo) -> &'static BootInfo {
    // All that the direct map covers: free memory, the image and the initrds.
    let mut ram: ArrayVec<PhysRange, 160> = info.usable.iter().copied().collect();
    ram.extend(info.reclaimable.iter().copied());
    ram.extend(info.initrds.iter().copied().chain([image::physical_range()]));
    ram.push(PhysRange { start: 0, end: smp::LOW_MEMORY_END });
    ram.sort_unstable_by_key(|range| range.start);
    early::use_range(&info.usable);
    let taken_from = early::taken_until();
    kernel_map::build(&ram);
    kernel_map::load();
    physical::set_base(physical::DIRECT_MAP);
    info.exclude(PhysRange { start: taken_from, end: early::taken_until() });
    let reclaimable = core::mem::take(&mut info.reclaimable);
    info.usable.extend(reclaimable.into_iter().take(info.usable.remaining_capacity()));
    let top = ram.iter().map(|range| range.end).max().expect("invariant: there is memory");
    // SAFETY: 1. the direct map covers these ranges for ever; 2. nothing uses them: what was taken
    // is cut out, and the loader's data was copied; 3. once.
    unsafe {
        crate::frame::init(physical::to_virt(0), &info.usable, top);
        crate::paging::init(kernel_map::root());
    }
    crate::paging::set_sender(cpu::send_flush);
    info
}

/// Stops when not even a message can be printed.
fn halt_for_ever() -> ! {
    power::halt()
}
