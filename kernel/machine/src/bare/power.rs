//! The ends of the machine; see the public module.

use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;

use core::fmt::Write;

use super::acpi::{self, Register};
use super::{irq, time};
use crate::log::PanicWriter;

/// Soft-off when `_S5_` could not be found: what QEMU and most machines have is 0 and 5.
const USUAL_SLEEP_TYPES: [u8; 2] = [0, 0];
const SLEEP_ENABLE: u16 = 1 << 13;
const SCI_ENABLE: u16 = 1;

fn outb(port: u16, value: u8) {
    // SAFETY: 1. only used below, on the way out of this machine's life.
    unsafe { Port::<u8>::new(port).write(value) }
}

fn write(register: Register, value: u8) {
    match register {
        Register::Port(port) => outb(port, value),
        // SAFETY: 1. a device window made when the tables were read.
        Register::Memory(address) => unsafe { (address as *mut u8).write_volatile(value) },
    }
}

/// Stops this processor for good.
pub fn halt() -> ! {
    loop {
        interrupts::disable();
        x86_64::instructions::hlt();
    }
}

/// Turns the machine off.
pub fn off() -> ! {
    interrupts::disable();
    irq::stop_others();
    let tables = acpi::tables();
    if let Some(register) = tables.sleep_control {
        // Hardware-reduced: sleep type in bits 2 to 4, sleep enable in bit 5.
        let kind = tables.soft_off.map_or(5, |types| types[0]);
        write(register, kind << 2 | 1 << 5);
    }
    take_over_power_registers();
    let types = tables.soft_off.unwrap_or(USUAL_SLEEP_TYPES);
    for (&port, kind) in tables.pm1.iter().zip(types) {
        // SAFETY: 1. the PM1 control register: writing it turns the machine off, which is the point.
        unsafe { Port::<u16>::new(port).write(u16::from(kind) << 10 | SLEEP_ENABLE) };
    }
    time::spin_micros(200_000);
    // Past the locks, which a stopped processor may hold.
    let _ = writeln!(PanicWriter, "this machine does not turn itself off: do it by hand");
    halt()
}

/// Asks the firmware for the power registers, if it still has them.
fn take_over_power_registers() {
    let tables = acpi::tables();
    let (Some((port, value)), Some(&control)) = (tables.enable, tables.pm1.first()) else {
        return;
    };
    // SAFETY: 1. reading PM1 control has no side effect.
    let ours = || unsafe { Port::<u16>::new(control).read() } & SCI_ENABLE != 0;
    if ours() {
        return;
    }
    outb(port, value);
    let end = time::now() + 100_000_000;
    while !ours() && time::now() < end {
        core::hint::spin_loop();
    }
}

/// Resets the machine.
pub fn reset() -> ! {
    interrupts::disable();
    irq::stop_others();
    if let Some((register, value)) = acpi::tables().reset {
        write(register, value);
        time::spin_micros(50_000);
    }
    // The reset control register of PC chipsets, then the keyboard controller's pulse.
    outb(0xcf9, 0x02);
    outb(0xcf9, 0x06);
    time::spin_micros(50_000);
    outb(0x64, 0xfe);
    time::spin_micros(50_000);
    // An exception without a table to look it up in is a triple fault: the processor shuts down.
    let nothing =
        x86_64::structures::DescriptorTablePointer { limit: 0, base: x86_64::VirtAddr::zero() };
    // SAFETY: 1. nothing comes after this.
    unsafe {
        x86_64::instructions::tables::lidt(&nothing);
        core::arch::asm!("int3", "ud2", options(noreturn));
    }
}

/// Leaves QEMU with `code` through its isa-debug-exit device (the process ends with `code * 2 + 1`); comes
/// back where there is none.
pub fn try_exit(code: u8) {
    // SAFETY: 1. the port belongs to that device or to none.
    unsafe { Port::<u32>::new(0xf4).write(u32::from(code)) };
}

/// As [`try_exit`], but halts where there is no such device.
pub fn exit(code: u8) -> ! {
    interrupts::disable();
    try_exit(code);
    halt()
}
