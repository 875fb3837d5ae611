//! The I/O APIC: routes the old ISA interrupts to the boot processor.

use core::sync::atomic::{AtomicU32, Ordering};

use arrayvec::ArrayVec;
use spin::Once;
use x86_64::instructions::port::Port;

use super::{apic, kernel_map};
use crate::sync::{Rank, SpinLock};

const VERSION: u32 = 1;
const REDIRECTION: u32 = 0x10;
const MASKED: u32 = 1 << 16;
const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;

/// One I/O APIC of the MADT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// Where its registers are.
    pub address: u64,
    /// The first global interrupt number it serves.
    pub base: u32,
}

/// What an ISA interrupt is wired to, if not to the global interrupt of the same number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Override {
    /// The ISA interrupt.
    pub isa: u8,
    /// The global interrupt.
    pub global: u32,
    /// The MPS INTI flags: polarity and trigger mode.
    pub flags: u16,
}

struct Window {
    select: usize,
    base: u32,
    pins: u32,
}

static WINDOWS: Once<ArrayVec<Window, 8>> = Once::new();
static OVERRIDES: Once<ArrayVec<Override, 16>> = Once::new();
static LOCK: SpinLock<()> = SpinLock::new(Rank(248), ());
static TARGET: AtomicU32 = AtomicU32::new(0);

impl Window {
    fn access(&self, register: u32) -> *mut u32 {
        // SAFETY: 1. a device window that lives for ever; the two registers are 16 bytes apart.
        unsafe {
            (self.select as *mut u32).write_volatile(register);
            (self.select as *mut u32).byte_add(0x10)
        }
    }

    fn read(&self, register: u32) -> u32 {
        // SAFETY: 1. as in `access`.
        unsafe { self.access(register).read_volatile() }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: 1. as in `access`.
        unsafe { self.access(register).write_volatile(value) }
    }
}

/// Masks everything: the two old controllers, and every pin of every I/O APIC.
pub(super) fn init(units: &[Unit], overrides: &[Override]) {
    TARGET.store(apic::id(), Ordering::Relaxed);
    silence_legacy();
    let open = |unit: &Unit| {
        let select = kernel_map::map_device(unit.address, 0x20) as usize;
        let mut window = Window { select, base: unit.base, pins: 0 };
        window.pins = (window.read(VERSION) >> 16 & 0xff) + 1;
        for pin in 0..window.pins {
            window.write(REDIRECTION + pin * 2, MASKED);
        }
        window
    };
    WINDOWS.call_once(|| units.iter().take(8).map(open).collect());
    OVERRIDES.call_once(|| overrides.iter().take(16).copied().collect());
}

/// Moves the old controllers' vectors out of the way of the exceptions and masks them.
fn silence_legacy() {
    let legacy = super::irq::LEGACY;
    let sequence: [(u16, u8); 10] = [
        (0x20, 0x11),
        (0xa0, 0x11),
        (0x21, legacy),
        (0xa1, legacy + 8),
        (0x21, 4),
        (0xa1, 2),
        (0x21, 1),
        (0xa1, 1),
        (0x21, 0xff),
        (0xa1, 0xff),
    ];
    for (port, value) in sequence {
        // SAFETY: 1. the registers of the 8259s, or of nothing.
        unsafe { Port::<u8>::new(port).write(value) };
    }
}

/// Sends ISA interrupt `isa` to the boot processor as `vector`.
pub(super) fn route_isa(isa: u8, vector: u8) {
    let overrides = OVERRIDES.get().map_or(&[][..], |list| list);
    let found = overrides.iter().find(|one| one.isa == isa);
    let (global, flags) = found.map_or((u32::from(isa), 0), |one| (one.global, one.flags));
    let windows = WINDOWS.get().map_or(&[][..], |list| list);
    let serves = |window: &&Window| (window.base..window.base + window.pins).contains(&global);
    let Some(window) = windows.iter().find(serves) else {
        return;
    };
    // "As the bus does it" means active high and edge triggered on ISA.
    let polarity = if flags & 3 == 3 { ACTIVE_LOW } else { 0 };
    let trigger = if flags >> 2 & 3 == 3 { LEVEL } else { 0 };
    let register = REDIRECTION + (global - window.base) * 2;
    let _lock = LOCK.lock();
    window.write(register + 1, TARGET.load(Ordering::Relaxed) << 24);
    window.write(register, u32::from(vector) | polarity | trigger);
}
