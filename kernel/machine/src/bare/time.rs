//! The clock (the time stamp counter) and the one-shot timers; see the public module.
//!
//! The counter's rate comes from CPUID or the hypervisor where one tells, else it is measured against a
//! timer of known rate. The local APIC timer's rate is measured along with it.

use core::arch::x86_64::{__cpuid, _rdtsc};
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::port::Port;

use super::{acpi, apic, features, kernel_map, msr, rtc};

const SECOND: u64 = 1_000_000_000;
/// How long the measurement takes, in parts of a second: 3 ms.
const PARTS: u64 = 333;

/// The counter when the clock started.
static START: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds per tick, times 2^32.
static NANOS: AtomicU64 = AtomicU64::new(0);
static TICKS_PER_SECOND: AtomicU64 = AtomicU64::new(0);
/// Local APIC timer ticks per nanosecond, times 2^32.
static TIMER: AtomicU64 = AtomicU64::new(0);
static WALL: AtomicU64 = AtomicU64::new(0);

/// The time stamp counter.
#[inline]
pub fn cycles() -> u64 {
    // SAFETY: 1. every x86_64 processor has the instruction, and it has no side effect.
    unsafe { _rdtsc() }
}

/// How many [`cycles`] there are in a second.
pub fn cycles_per_second() -> u64 {
    TICKS_PER_SECOND.load(Ordering::Relaxed)
}

/// Nanoseconds since boot; never goes back.
#[inline]
pub fn now() -> u64 {
    let ticks = cycles().saturating_sub(START.load(Ordering::Relaxed));
    scale(ticks, NANOS.load(Ordering::Relaxed))
}

/// The wall-clock time when [`now`] was 0, in nanoseconds since 1970.
pub fn wall_at_boot() -> i64 {
    WALL.load(Ordering::Relaxed) as i64
}

/// `value * factor / 2^32`.
#[inline]
fn scale(value: u64, factor: u64) -> u64 {
    ((u128::from(value) * u128::from(factor)) >> 32) as u64
}

/// `a * b / c` without overflow on the way.
fn ratio(a: u64, b: u64, c: u64) -> u64 {
    (u128::from(a) * u128::from(b) / u128::from(c.max(1))) as u64
}

/// Sets this processor's timer to raise `Pending::TIMER` when [`now`] reaches `deadline`, or stops it. It
/// may go off early when the deadline is far away: whoever waits looks at the clock and arms it again.
pub fn arm(deadline: Option<u64>) {
    if features::get().tsc_deadline {
        let ticks = deadline.map_or(0, |at| {
            START
                .load(Ordering::Relaxed)
                .saturating_add(ratio(at, cycles_per_second(), SECOND))
                .max(1)
        });
        // SAFETY: 1. the processor has the register; the timer only sends an interrupt.
        unsafe { msr::write(msr::TSC_DEADLINE, ticks) };
        return;
    }
    let ticks = deadline.map_or(0, |at| {
        let ticks = scale(at.saturating_sub(now()).min(10 * SECOND), TIMER.load(Ordering::Relaxed));
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    });
    apic::start_timer(ticks);
}

/// A timer of known rate that the machine has.
enum Reference {
    /// ACPI's: 24 or 32 bits.
    PowerManagement(u16, u64),
    /// The registers and the rate of the HPET.
    Hpet(usize, u64),
    /// The old interval timer, channel 0: counts down from 65536.
    Interval,
}

impl Reference {
    fn find() -> Self {
        let tables = acpi::tables();
        if let Some((port, wide)) = tables.pm_timer {
            return Self::PowerManagement(port, if wide { 0xffff_ffff } else { 0xff_ffff });
        }
        if let Some(address) = tables.hpet {
            let registers = kernel_map::map_device(address, 1024) as usize;
            // SAFETY: 1. the window covers the registers; 2. enabling the counter disturbs nobody.
            unsafe {
                let femtoseconds = (registers as *const u64).read_volatile() >> 32;
                let enable = (registers + 0x10) as *mut u64;
                enable.write_volatile(enable.read_volatile() | 1);
                if let Some(rate) = 1_000_000_000_000_000u64.checked_div(femtoseconds) {
                    return Self::Hpet(registers, rate);
                }
            }
        }
        // SAFETY: 1. the interval timer's registers; its interrupt is masked.
        unsafe {
            Port::<u8>::new(0x43).write(0x34);
            Port::<u8>::new(0x40).write(0);
            Port::<u8>::new(0x40).write(0);
        }
        Self::Interval
    }

    fn rate(&self) -> u64 {
        match self {
            Self::PowerManagement(..) => 3_579_545,
            Self::Hpet(_, rate) => *rate,
            Self::Interval => 1_193_182,
        }
    }

    fn read(&self) -> u64 {
        // SAFETY: 1. registers that exist, with no side effect on reading.
        unsafe {
            match self {
                Self::PowerManagement(port, _) => u64::from(Port::<u32>::new(*port).read()),
                Self::Hpet(registers, _) => ((registers + 0xf0) as *const u64).read_volatile(),
                Self::Interval => {
                    Port::<u8>::new(0x43).write(0);
                    let low = Port::<u8>::new(0x40).read();
                    let high = Port::<u8>::new(0x40).read();
                    u64::from(u16::from_le_bytes([low, high]))
                }
            }
        }
    }

    /// Ticks from one reading to a later one.
    fn elapsed(&self, from: u64, to: u64) -> u64 {
        match self {
            Self::PowerManagement(_, mask) => to.wrapping_sub(from) & mask,
            Self::Hpet(..) => to.wrapping_sub(from),
            Self::Interval => from.wrapping_sub(to) & 0xffff,
        }
    }
}

/// The three counters at one moment.
struct Sample {
    tsc: u64,
    reference: u64,
    timer: u32,
}

/// Reads the counters as close together as a few tries allow.
fn sample(reference: &Reference) -> Sample {
    let one = || {
        let before = cycles();
        let value = reference.read();
        let timer = apic::timer_left();
        let after = cycles();
        (after - before, Sample { tsc: before + (after - before) / 2, reference: value, timer })
    };
    let tries = (0..5).map(|_| one());
    tries.min_by_key(|(width, _)| *width).expect("invariant: five tries").1
}

/// Finds out the rates and starts the clock. The local APIC is on, interrupts are off.
pub(super) fn init() {
    let reference = Reference::find();
    apic::mask_timer();
    apic::start_timer(u32::MAX);
    let first = sample(&reference);
    let wanted = reference.rate() / PARTS;
    let give_up = first.tsc + (1 << 36);
    while reference.elapsed(first.reference, reference.read()) < wanted && cycles() < give_up {
        core::hint::spin_loop();
    }
    let last = sample(&reference);
    apic::start_timer(0);
    apic::set_timer_mode();
    let passed = reference.elapsed(first.reference, last.reference);
    let (ticks, timer) = (last.tsc - first.tsc, u64::from(first.timer - last.timer));
    let measured = ratio(ticks, reference.rate(), passed);
    let rate = told_rate().unwrap_or(measured).max(1_000_000);
    // Against the counter, whose rate may be known better than measured.
    let timer_rate = ratio(timer, rate, ticks);
    TICKS_PER_SECOND.store(rate, Ordering::Relaxed);
    NANOS.store(ratio(SECOND, 1 << 32, rate), Ordering::Relaxed);
    TIMER.store(ratio(timer_rate, 1 << 32, SECOND), Ordering::Relaxed);
    START.store(first.tsc, Ordering::Relaxed);
    let wall = rtc::seconds().saturating_mul(SECOND as i64) - now() as i64;
    WALL.store(wall as u64, Ordering::Relaxed);
}

/// The rate of the counter as the processor or the hypervisor tells it.
fn told_rate() -> Option<u64> {
    let (max, hypervisor) = (__cpuid(0).eax, __cpuid(1).ecx >> 31 & 1 != 0);
    if max >= 0x15 {
        let leaf = __cpuid(0x15);
        if leaf.eax != 0 && leaf.ebx != 0 && leaf.ecx != 0 {
            return Some(ratio(u64::from(leaf.ecx), u64::from(leaf.ebx), u64::from(leaf.eax)));
        }
    }
    if hypervisor && __cpuid(0x4000_0000).eax >= 0x4000_0010 {
        let kilohertz = __cpuid(0x4000_0010).eax;
        return (kilohertz != 0).then_some(u64::from(kilohertz) * 1000);
    }
    None
}

/// Spins for some microseconds; only while the machine starts.
pub(super) fn spin_micros(micros: u64) {
    let end = now() + micros * 1000;
    while now() < end {
        core::hint::spin_loop();
    }
}
