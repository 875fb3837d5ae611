//! The kernel log: the backend of the `log` crate, and the ring that /dev/kmsg and syslog(2) read.
//!
//! Nothing here allocates. A record goes into the ring and, when its level is below the console level, to the
//! console: the serial port that `console=` names, or QEMU's debug port with `oxbow.log=debugcon`.
//!
//! Lock: the ring's, a leaf that is never held while the console is written. A panic uses no lock at all.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, Ordering};

use log::{Level, LevelFilter, Metadata, Record};

use crate::backend::{serial, time};
use crate::boot::BootInfo;
use crate::serial::DebugPort;
use crate::sync::{Rank, SpinLock};

/// Bytes of the ring.
const RING: usize = 64 << 10;
/// The longest text of a record.
pub const TEXT_MAX: usize = 976;
/// The header of a record in the ring.
const HEADER: usize = 24;
/// Console level without a word on the command line, as on Linux: everything but debug messages.
const DEFAULT_LEVEL: u8 = 7;
/// Console level of `quiet`.
const QUIET_LEVEL: u8 = 4;

/// Syslog priorities, as Linux numbers them.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// What is known of a record besides its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts up from 0 without gaps.
    pub sequence: u64,
    /// Since boot.
    pub nanoseconds: u64,
    /// Facility times 8 plus priority, as in syslog(3).
    pub level: u8,
    /// Bytes of text.
    pub len: usize,
}

struct Ring {
    bytes: [u8; RING],
    /// Positions count up for ever; modulo `RING` they index `bytes`.
    start: u64,
    end: u64,
    /// Sequence numbers of the record at `start` and of the next one.
    first: u64,
    next: u64,
}

static RECORDS: SpinLock<Ring> =
    SpinLock::new(Rank(250), Ring { bytes: [0; RING], start: 0, end: 0, first: 0, next: 0 });

static CONSOLE_LEVEL: AtomicU8 = AtomicU8::new(DEFAULT_LEVEL);
static TO_DEBUG_PORT: AtomicBool = AtomicBool::new(false);
/// The serial port that is the console.
static CONSOLE: AtomicU8 = AtomicU8::new(0);
/// Called after each new record, a `fn()`.
static HOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

impl Ring {
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.bytes[self.end as usize % RING] = byte;
            self.end += 1;
        }
    }

    fn get(&self, at: u64, to: &mut [u8]) {
        for (i, byte) in to.iter_mut().enumerate() {
            *byte = self.bytes[(at as usize + i) % RING];
        }
    }

    fn entry(&self, at: u64, sequence: u64) -> Entry {
        let mut header = [0; HEADER];
        self.get(at, &mut header);
        let number = |at: usize| u64::from_le_bytes(core::array::from_fn(|i| header[at + i]));
        Entry { sequence, nanoseconds: number(0), level: number(8) as u8, len: number(16) as usize }
    }

    fn push(&mut self, nanoseconds: u64, level: u8, text: &[u8]) {
        let size = (HEADER + text.len()) as u64;
        while self.end + size - self.start > RING as u64 {
            let oldest = self.entry(self.start, self.first);
            self.start += (HEADER + oldest.len) as u64;
            self.first += 1;
        }
        self.put(&nanoseconds.to_le_bytes());
        self.put(&u64::from(level).to_le_bytes());
        self.put(&(text.len() as u64).to_le_bytes());
        self.put(text);
        self.next += 1;
    }
}

/// The sequence numbers of the oldest record and of the one that comes next.
pub fn range() -> (u64, u64) {
    let ring = RECORDS.lock();
    (ring.first, ring.next)
}

/// Reads the record `sequence`, or the oldest one if that is gone; `None` when it does not exist yet. As much
/// of the text as fits goes into `text`.
pub fn read(sequence: u64, text: &mut [u8]) -> Option<Entry> {
    let ring = RECORDS.lock();
    if sequence >= ring.next {
        return None;
    }
    let (mut at, mut current) = (ring.start, ring.first);
    while current < sequence {
        at += (HEADER + ring.entry(at, current).len) as u64;
        current += 1;
    }
    let entry = ring.entry(at, current);
    let len = entry.len.min(text.len());
    ring.get(at + HEADER as u64, &mut text[..len]);
    Some(entry)
}

/// Appends a record, such as one written to /dev/kmsg, and shows it on the console if its priority
/// says so. Text over [`TEXT_MAX`] bytes is cut off.
pub fn write(level: u8, text: &[u8]) {
    let text = &text[..text.len().min(TEXT_MAX)];
    let now = time::now();
    RECORDS.lock().push(now, level, text);
    if level & 7 < CONSOLE_LEVEL.load(Ordering::Relaxed) {
        show(now, text);
    }
    let hook = HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: 1. only `set_hook` stores here, and it stores a `fn()`.
        let hook: fn() = unsafe { core::mem::transmute(hook) };
        hook();
    }
}

/// Sets a function to be called after each new record: it wakes those who wait for one. It must not log.
pub fn set_hook(hook: fn()) {
    HOOK.store(hook as *mut (), Ordering::Release);
}

/// Records with a priority below this go to the console.
pub fn console_level() -> u8 {
    CONSOLE_LEVEL.load(Ordering::Relaxed)
}

/// See [`console_level`].
pub fn set_console_level(level: u8) {
    CONSOLE_LEVEL.store(level, Ordering::Relaxed);
}

fn to_console(bytes: &[u8]) {
    if TO_DEBUG_PORT.load(Ordering::Relaxed) {
        serial::debug_write(DebugPort::Log, bytes);
    } else {
        let console = usize::from(CONSOLE.load(Ordering::Relaxed));
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.split_last() {
                Some((b'\n', text)) => {
                    serial::write(console, text);
                    serial::write(console, b"\r\n");
                }
                _ => serial::write(console, line),
            }
        }
    }
}

fn show(now: u64, text: &[u8]) {
    let mut stamp = Line::new();
    let (seconds, micros) = (now / 1_000_000_000, now / 1000 % 1_000_000);
    // A line takes this much for sure.
    let _ = write!(stamp, "[{seconds:5}.{micros:06}] ");
    to_console(stamp.bytes());
    to_console(text);
    to_console(b"\n");
}

/// A buffer to format into; what does not fit is cut off.
struct Line {
    bytes: [u8; TEXT_MAX],
    len: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; TEXT_MAX], len: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let len = text.len().min(room.len());
        room[..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

struct Backend;

impl log::Log for Backend {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = Line::new();
        let target = record.target();
        let target = target
            .strip_prefix("oxbow_core::")
            .or(target.strip_prefix("oxbow_machine::"))
            .unwrap_or(target);
        // `Line` cuts off, it does not fail.
        let _ = match record.level() {
            Level::Debug | Level::Trace => write!(line, "{target}: {}", record.args()),
            _ => write!(line, "{}", record.args()),
        };
        write(priority(record.level()), line.bytes());
    }

    fn flush(&self) {}
}

/// Starts the log as the command line says: `quiet`, `debug`, `loglevel=N`, `console=ttyS1`,
/// `oxbow.log=debugcon`.
pub fn init(boot: &BootInfo) {
    let mut level = DEFAULT_LEVEL;
    if boot.has_word("quiet") {
        level = QUIET_LEVEL;
    }
    if boot.has_word("debug") {
        level = 10;
    }
    if let Some(number) = boot.word("loglevel").and_then(|word| word.parse().ok()) {
        level = number;
    }
    set_console_level(level);
    let second = boot.word("console").is_some_and(|name| name.split(',').next() == Some("ttyS1"));
    CONSOLE.store(u8::from(second), Ordering::Relaxed);
    TO_DEBUG_PORT.store(boot.word("oxbow.log") == Some("debugcon"), Ordering::Relaxed);
    // Records that nobody asked for are not even formatted.
    let filter = match level {
        0..=7 => LevelFilter::Info,
        8 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    if log::set_logger(&Backend).is_ok() {
        log::set_max_level(filter);
    }
}

/// Writes to the console without any lock, and past the ring: for a panic.
#[cfg(target_os = "none")]
pub(crate) struct PanicWriter;

#[cfg(target_os = "none")]
impl Write for PanicWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if TO_DEBUG_PORT.load(Ordering::Relaxed) {
            serial::debug_write(DebugPort::Log, text.as_bytes());
            return Ok(());
        }
        let console = usize::from(CONSOLE.load(Ordering::Relaxed));
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => {
                    serial::write_panicking(console, line.as_bytes());
                    serial::write_panicking(console, b"\r\n");
                }
                None => serial::write_panicking(console, line.as_bytes()),
            }
        }
        Ok(())
    }
}
