//! 16550 serial ports and QEMU's debug ports; see the public module.
//!
//! Per port: a ring of received bytes with one writer (the interrupt, which always goes to the
//! boot processor) and one reader at a time (behind a lock). When the ring is full the receive
//! interrupt is turned off and the bytes stay in the port's FIFO, which stops the sender; the reader turns
//! it on again.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use x86_64::instructions::port::Port;

use super::{deferred, ioapic, irq};
use crate::deferred::Pending;
use crate::serial::DebugPort;
use crate::sync::{Rank, SpinLock};

const BASES: [u16; 2] = [0x3f8, 0x2f8];
const IRQS: [u8; 2] = [4, 3];
/// Bytes that fit the transmit FIFO.
const FIFO: usize = 16;
/// Bytes in a ring.
const RING: usize = 4096;

// Register offsets and bits of the 16550.
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const SCRATCH: u16 = 7;
const RECEIVED: u8 = 1;
const TRANSMIT_EMPTY: u8 = 1 << 5;

struct Uart {
    base: u16,
    present: AtomicBool,
    /// The value of the interrupt enable register.
    enabled: AtomicU8,
    ring: [AtomicU8; RING],
    /// Counts of bytes ever put in and taken out.
    head: AtomicUsize,
    tail: AtomicUsize,
    reader: SpinLock<()>,
    writer: SpinLock<()>,
}

const READER: Rank = Rank(246);
const WRITER: Rank = Rank(252);

impl Uart {
    const fn new(base: u16) -> Self {
        Self {
            base,
            present: AtomicBool::new(false),
            enabled: AtomicU8::new(0),
            ring: [const { AtomicU8::new(0) }; RING],
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            reader: SpinLock::new(READER, ()),
            writer: SpinLock::new(WRITER, ()),
        }
    }

    fn inb(&self, register: u16) -> u8 {
        // SAFETY: 1. a register of a serial port: no memory is touched.
        unsafe { Port::<u8>::new(self.base + register).read() }
    }

    fn outb(&self, register: u16, value: u8) {
        // SAFETY: as above.
        unsafe { Port::<u8>::new(self.base + register).write(value) }
    }

    /// 115200 baud, 8 bits, FIFOs on, no interrupts; notes whether there is a port at all.
    fn init(&self) {
        self.outb(SCRATCH, 0x5a);
        if self.inb(SCRATCH) != 0x5a {
            return;
        }
        self.outb(INTERRUPT_ENABLE, 0);
        self.outb(LINE_CONTROL, 0x80);
        self.outb(DATA, 1);
        self.outb(INTERRUPT_ENABLE, 0);
        self.outb(LINE_CONTROL, 3);
        // Turning the FIFOs on empties them: first take what came before us. Meanwhile the port loops back
        // to itself, so that no byte comes in between and gets lost.
        self.outb(MODEM_CONTROL, 0x1b);
        self.receive();
        // The interrupt comes at 14 bytes, or four characters' time after the last. QEMU takes it as the
        // number of bytes to hand over at once: at the lowest trigger level it would be one.
        self.outb(FIFO_CONTROL, 0xc7);
        // DTR, RTS, and OUT2, which lets interrupts through on a PC. Reading tells QEMU to go on.
        self.outb(MODEM_CONTROL, 0x0b);
        self.inb(DATA);
        self.present.store(true, Ordering::Relaxed);
    }

    fn is_present(&self) -> bool {
        self.present.load(Ordering::Relaxed)
    }

    /// Writes what the FIFO takes, after it ran empty.
    fn write_chunk(&self, bytes: &[u8]) {
        while self.inb(LINE_STATUS) & TRANSMIT_EMPTY == 0 {
            core::hint::spin_loop();
        }
        for &byte in bytes {
            self.outb(DATA, byte);
        }
    }

    /// Moves bytes from the FIFO to the ring. In the interrupt, or with interrupts off and receive
    /// interrupts disabled.
    fn receive(&self) {
        let mut head = self.head.load(Ordering::Relaxed);
        while self.inb(LINE_STATUS) & RECEIVED != 0 {
            if head - self.tail.load(Ordering::Acquire) == RING {
                // Full: leave the rest where it is, the sender waits.
                self.enabled.store(0, Ordering::SeqCst);
                self.outb(INTERRUPT_ENABLE, 0);
                break;
            }
            self.ring[head % RING].store(self.inb(DATA), Ordering::Relaxed);
            head += 1;
            self.head.store(head, Ordering::Release);
        }
    }

    fn available(&self) -> usize {
        self.head.load(Ordering::Acquire) - self.tail.load(Ordering::Relaxed)
    }

    fn read(&self, to: &mut [u8]) -> usize {
        let _reader = self.reader.lock();
        let tail = self.tail.load(Ordering::Relaxed);
        let count = (self.head.load(Ordering::Acquire) - tail).min(to.len());
        for (i, byte) in to[..count].iter_mut().enumerate() {
            *byte = self.ring[(tail + i) % RING].load(Ordering::Relaxed);
        }
        self.tail.store(tail + count, Ordering::Release);
        if self.enabled.load(Ordering::SeqCst) == 0 && self.available() <= RING / 2 {
            // The bytes that wait in the FIFO raise the interrupt at once.
            self.enabled.store(RECEIVED, Ordering::SeqCst);
            self.outb(INTERRUPT_ENABLE, RECEIVED);
        }
        count
    }
}

static UARTS: [Uart; 2] = [Uart::new(BASES[0]), Uart::new(BASES[1])];

/// Finds and sets up the ports, for output.
pub(super) fn init_early() {
    for uart in &UARTS {
        uart.init();
    }
}

/// Turns on receive interrupts.
pub(super) fn enable_interrupts() {
    for (port, uart) in UARTS.iter().enumerate().filter(|(_, uart)| uart.is_present()) {
        ioapic::route_isa(IRQS[port], irq::SERIAL[port]);
        uart.enabled.store(RECEIVED, Ordering::SeqCst);
        uart.outb(INTERRUPT_ENABLE, RECEIVED);
    }
}

/// The receive interrupt of a port.
pub(super) fn receive(port: usize) {
    UARTS[port].receive();
    deferred::raise_here(Pending::SERIAL);
}

/// How many serial ports there are: the first, or the first and the second.
pub fn ports() -> usize {
    UARTS.iter().take_while(|uart| uart.is_present()).count()
}

/// Writes all of `bytes` to a port. A port that does not exist swallows them.
pub fn write(port: usize, bytes: &[u8]) {
    let Some(uart) = UARTS.get(port).filter(|uart| uart.is_present()) else {
        return;
    };
    for chunk in bytes.chunks(FIFO) {
        // Per chunk, so that deferred work gets its turn and writers share the line.
        let _writer = uart.writer.lock();
        uart.write_chunk(chunk);
    }
}

/// Writes without any lock: for a panic.
pub(crate) fn write_panicking(port: usize, bytes: &[u8]) {
    let Some(uart) = UARTS.get(port).filter(|uart| uart.is_present()) else {
        return;
    };
    for chunk in bytes.chunks(FIFO) {
        uart.write_chunk(chunk);
    }
}

/// Takes received bytes out of the ring of a port; returns how many.
pub fn read(port: usize, to: &mut [u8]) -> usize {
    UARTS.get(port).map_or(0, |uart| uart.read(to))
}

/// How many received bytes wait in the ring of a port.
pub fn available(port: usize) -> usize {
    UARTS.get(port).map_or(0, Uart::available)
}

/// Writes to a debug port of the host link. Without the device the bytes go nowhere.
pub fn debug_write(port: DebugPort, bytes: &[u8]) {
    let number: u16 = match port {
        DebugPort::Log => 0xe9,
        DebugPort::Out => 0x500,
        DebugPort::Err => 0x504,
        DebugPort::Status => 0x508,
    };
    // SAFETY: 1. the bytes are readable; 2. the ports belong to these devices or to none.
    unsafe {
        asm!("rep outsb", in("dx") number, inout("rcx") bytes.len() => _, inout("rsi") bytes.as_ptr() => _,
             options(nostack, preserves_flags, readonly));
    }
}
