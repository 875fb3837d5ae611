//! The local APIC: interrupts between processors, the timer, end of interrupt.
//!
//! Driven by MSRs (x2APIC) where the processor has them, else through its page of registers. The offsets
//! are those of the page (Intel SDM volume 3, chapter 11).

use core::sync::atomic::{AtomicPtr, Ordering};

use super::{features, irq, kernel_map, msr};

const ID: u32 = 0x20;
const TASK_PRIORITY: u32 = 0x80;
const EOI: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
const ERROR_STATUS: u32 = 0x280;
const COMMAND_LOW: u32 = 0x300;
const COMMAND_HIGH: u32 = 0x310;
const LVT_TIMER: u32 = 0x320;
const LVT_LINT0: u32 = 0x350;
const LVT_LINT1: u32 = 0x360;
const LVT_ERROR: u32 = 0x370;
const TIMER_INITIAL: u32 = 0x380;
const TIMER_CURRENT: u32 = 0x390;
const TIMER_DIVIDE: u32 = 0x3e0;

const MASKED: u32 = 1 << 16;
const TSC_DEADLINE_MODE: u32 = 2 << 17;
const ENABLE: u32 = 1 << 8;
const DELIVERY_PENDING: u32 = 1 << 12;
const ASSERT: u32 = 1 << 14;
const MODE_NMI: u32 = 4 << 8;
const MODE_INIT: u32 = 5 << 8;
const MODE_STARTUP: u32 = 6 << 8;

const BASE_ENABLE: u64 = 1 << 11;
const BASE_X2APIC: u64 = 1 << 10;

/// The page of registers; null when driven by MSRs.
static PAGE: AtomicPtr<u32> = AtomicPtr::new(core::ptr::null_mut());

fn read(register: u32) -> u32 {
    let page = PAGE.load(Ordering::Relaxed);
    // SAFETY: 1. the register exists; 2. the page is a device window made by `init`.
    unsafe {
        if page.is_null() {
            msr::read(msr::X2APIC + (register >> 4)) as u32
        } else {
            page.byte_add(register as usize).read_volatile()
        }
    }
}

fn write(register: u32, value: u32) {
    let page = PAGE.load(Ordering::Relaxed);
    // SAFETY: as in `read`; the values are those of the functions below.
    unsafe {
        if page.is_null() {
            msr::write(msr::X2APIC + (register >> 4), u64::from(value));
        } else {
            page.byte_add(register as usize).write_volatile(value);
        }
    }
}

/// Turns the local APIC of this processor on. The boot processor chooses how it is driven.
pub(super) fn init() {
    // SAFETY: 1. every x86_64 processor has this register; 2. the mode only goes up, as the SDM wants.
    unsafe {
        let mut base = msr::read(msr::APIC_BASE) | BASE_ENABLE;
        msr::write(msr::APIC_BASE, base);
        if features::get().x2apic {
            base |= BASE_X2APIC;
            msr::write(msr::APIC_BASE, base);
        } else if PAGE.load(Ordering::Relaxed).is_null() {
            let page = kernel_map::map_device(base & 0x000f_ffff_ffff_f000, 4096);
            PAGE.store(page.cast(), Ordering::Relaxed);
        }
    }
    write(TASK_PRIORITY, 0);
    write(LVT_LINT0, MASKED);
    write(LVT_LINT1, MASKED);
    write(LVT_ERROR, MASKED);
    write(ERROR_STATUS, 0);
    write(SPURIOUS, ENABLE | u32::from(irq::SPURIOUS));
    write(TIMER_DIVIDE, 0b1011);
    set_timer_mode();
}

/// The timer interrupts once: at a value of the TSC where the processor can do that, else when the count is
/// down.
pub(super) fn set_timer_mode() {
    let mode = if features::get().tsc_deadline { TSC_DEADLINE_MODE } else { 0 };
    write(LVT_TIMER, mode | u32::from(irq::TIMER));
}

/// The id of this processor's local APIC.
pub(super) fn id() -> u32 {
    let id = read(ID);
    if PAGE.load(Ordering::Relaxed).is_null() { id } else { id >> 24 }
}

/// Ends the interrupt that is being handled.
#[inline]
pub(super) fn end_of_interrupt() {
    write(EOI, 0);
}

/// Writes the interrupt command register.
fn command(apic_id: u32, low: u32) {
    if PAGE.load(Ordering::Relaxed).is_null() {
        // SAFETY: 1. the register exists in this mode; the write is one message.
        unsafe { msr::write(msr::X2APIC + 0x30, u64::from(apic_id) << 32 | u64::from(low)) };
        return;
    }
    // Two registers: an interrupt handler that sends in between would mix up the two messages.
    x86_64::instructions::interrupts::without_interrupts(|| {
        while read(COMMAND_LOW) & DELIVERY_PENDING != 0 {
            core::hint::spin_loop();
        }
        write(COMMAND_HIGH, apic_id << 24);
        write(COMMAND_LOW, low);
    });
}

/// Sends interrupt `vector` to the processor with this APIC id.
pub(super) fn send(apic_id: u32, vector: u8) {
    command(apic_id, ASSERT | u32::from(vector));
}

/// Sends an NMI.
pub(super) fn send_nmi(apic_id: u32) {
    command(apic_id, ASSERT | MODE_NMI);
}

/// Resets a processor; it then waits for [`send_startup`].
pub(super) fn send_init(apic_id: u32) {
    command(apic_id, ASSERT | MODE_INIT);
}

/// Lets a processor begin at the page `page` of the first MiB.
pub(super) fn send_startup(apic_id: u32, page: u8) {
    command(apic_id, ASSERT | MODE_STARTUP | u32::from(page));
}

/// Starts the timer: an interrupt after `ticks`; 0 stops it.
pub(super) fn start_timer(ticks: u32) {
    write(TIMER_INITIAL, ticks);
}

/// What is left of the timer.
pub(super) fn timer_left() -> u32 {
    read(TIMER_CURRENT)
}

/// Makes the timer a plain counter that does not interrupt, for its calibration.
pub(super) fn mask_timer() {
    write(LVT_TIMER, MASKED | u32::from(irq::TIMER));
}
