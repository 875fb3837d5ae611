//! What the ACPI tables tell: processors, interrupt routing, timers, and how to turn the machine off.
//!
//! The byte code of the tables is not interpreted. The one thing needed from it, the sleep type of
//! soft-off (`_S5_`), is a constant package that is found by its name.

use core::ptr::NonNull;

use acpi::address::{AddressSpace, GenericAddress};
use acpi::fadt::Fadt;
use acpi::madt::{Madt, MadtEntry};
use acpi::{AcpiHandler, AcpiTables, HpetInfo, PhysicalMapping};
use arrayvec::ArrayVec;
use spin::Once;

use super::ioapic::{Override, Unit};
use super::kernel_map;
use crate::cpu::MAX_CPUS;
use crate::pure::aml;

/// A register of the fixed hardware.
#[derive(Clone, Copy, Debug)]
pub(super) enum Register {
    /// An I/O port.
    Port(u16),
    /// A mapped address.
    Memory(usize),
}

/// What the kernel uses of the tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// APIC ids of the processors that can be used, the boot processor among them.
    pub processors: ArrayVec<u32, MAX_CPUS>,
    /// The I/O APICs.
    pub io_apics: ArrayVec<Unit, 8>,
    /// ISA interrupts that are wired differently.
    pub overrides: ArrayVec<Override, 16>,
    /// The power management timer, 3,579,545 Hz, and whether it has 32 bits.
    pub pm_timer: Option<(u16, bool)>,
    /// The registers of the high precision event timer.
    pub hpet: Option<u64>,
    /// PM1 control registers.
    pub pm1: ArrayVec<u16, 2>,
    /// Of hardware-reduced machines.
    pub sleep_control: Option<Register>,
    /// Sleep types of soft-off for the two PM1 registers.
    pub soft_off: Option<[u8; 2]>,
    /// The reset register and its value.
    pub reset: Option<(Register, u8)>,
    /// The port and value that hand the power registers from the firmware to us.
    pub enable: Option<(u16, u8)>,
}

static TABLES: Once<Tables> = Once::new();

/// What the tables tell; nothing before they are read.
pub(super) fn tables() -> &'static Tables {
    static NONE: Tables = Tables {
        processors: ArrayVec::new_const(),
        io_apics: ArrayVec::new_const(),
        overrides: ArrayVec::new_const(),
        pm_timer: None,
        hpet: None,
        pm1: ArrayVec::new_const(),
        sleep_control: None,
        soft_off: None,
        reset: None,
        enable: None,
    };
    TABLES.get().unwrap_or(&NONE)
}

/// Lets the `acpi` crate see physical memory.
#[derive(Clone)]
struct Handler;

impl AcpiHandler for Handler {
    unsafe fn map_physical_region<T>(
        &self,
        address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let start = NonNull::new(kernel_map::window(address as u64, size as u64).cast());
        let start = start.expect("invariant: kernel addresses are not null");
        // SAFETY: 1. the window covers the region; 2. it stays for ever, so unmapping does nothing.
        unsafe { PhysicalMapping::new(address, start, size, size, Self) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}

/// Reads the tables from the root pointer at `rsdp`, or as the BIOS left it when that is 0.
pub(super) fn init(rsdp: u64) {
    // SAFETY: 1. the loader says so, or the BIOS area is searched, which is always there.
    let found = unsafe {
        if rsdp == 0 {
            AcpiTables::search_for_rsdp_bios(Handler)
        } else {
            AcpiTables::from_rsdp(Handler, rsdp as usize)
        }
    };
    match found {
        Ok(found) => {
            TABLES.call_once(|| read(&found));
        }
        Err(error) => log::warn!("no ACPI tables: {error:?}"),
    }
}

fn read(acpi: &AcpiTables<Handler>) -> Tables {
    let mut tables = Tables::default();
    if let Ok(madt) = acpi.find_table::<Madt>() {
        read_madt(&madt, &mut tables);
    }
    if let Ok(fadt) = acpi.find_table::<Fadt>() {
        read_fadt(&fadt, &mut tables);
    }
    tables.hpet = HpetInfo::new(acpi).ok().map(|hpet| hpet.base_address as u64);
    let definition = acpi.dsdt().into_iter().chain(acpi.ssdts());
    tables.soft_off = definition
        .filter_map(|table| {
            let start = kernel_map::window(table.address as u64, u64::from(table.length));
            // SAFETY: 1. the window covers the table, which nobody writes.
            let code = unsafe { core::slice::from_raw_parts(start, table.length as usize) };
            aml::soft_off(code)
        })
        .next();
    tables
}

fn read_madt(madt: &PhysicalMapping<Handler, Madt>, tables: &mut Tables) {
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::LocalApic(local) if local.flags & 1 != 0 => {
                let _ = tables.processors.try_push(u32::from(local.apic_id));
            }
            MadtEntry::LocalX2Apic(local) if local.flags & 1 != 0 => {
                let _ = tables.processors.try_push(local.x2apic_id);
            }
            MadtEntry::IoApic(io) => {
                let unit = Unit {
                    address: u64::from(io.io_apic_address),
                    base: io.global_system_interrupt_base,
                };
                let _ = tables.io_apics.try_push(unit);
            }
            MadtEntry::InterruptSourceOverride(one) => {
                let one = Override {
                    isa: one.irq,
                    global: one.global_system_interrupt,
                    flags: one.flags,
                };
                let _ = tables.overrides.try_push(one);
            }
            _ => {}
        }
    }
}

fn read_fadt(fadt: &Fadt, tables: &mut Tables) {
    let flags = fadt.flags;
    if let Ok(Some(timer)) = fadt.pm_timer_block()
        && let Some(Register::Port(port)) = register(timer)
    {
        tables.pm_timer = Some((port, flags.pm_timer_is_32_bit()));
    }
    let reduced = flags.system_is_hw_reduced_acpi();
    if reduced {
        tables.sleep_control = fadt.sleep_control_register().ok().flatten().and_then(register);
    } else {
        let blocks = [fadt.pm1a_control_block().ok(), fadt.pm1b_control_block().ok().flatten()];
        for block in blocks.into_iter().flatten() {
            if let Some(Register::Port(port)) = register(block) {
                let _ = tables.pm1.try_push(port);
            }
        }
        let port = fadt.smi_cmd_port;
        if port != 0 {
            tables.enable = Some((port as u16, fadt.acpi_enable));
        }
    }
    if flags.supports_system_reset_via_fadt()
        && let Ok(address) = fadt.reset_register()
        && let Some(target) = register(address)
    {
        tables.reset = Some((target, fadt.reset_value));
    }
}

/// A register that the kernel can write, mapped if need be.
fn register(address: GenericAddress) -> Option<Register> {
    match address.address_space {
        _ if address.address == 0 => None,
        AddressSpace::SystemIo => u16::try_from(address.address).ok().map(Register::Port),
        AddressSpace::SystemMemory => {
            Some(Register::Memory(kernel_map::map_device(address.address, 8) as usize))
        }
        _ => None,
    }
}
