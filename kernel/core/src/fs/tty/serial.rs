//! The serial lines as terminals: /dev/ttyS0 and so on, and the console.
//!
//! Received bytes wait in a ring of the machine. Its deferred work calls [`on_input`], and a read
//! that made room calls [`fetch`]; whatever the line discipline has no room for stays in the ring.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use spin::Once;

use super::{Device, Tty};

/// All serial terminals, by port.
static LINES: Once<Vec<Arc<Tty>>> = Once::new();
/// Ports that something else reads (bit n for port n): the host link's input.
static CLAIMED: AtomicU64 = AtomicU64::new(0);
/// The port behind /dev/console.
static CONSOLE: AtomicUsize = AtomicUsize::new(0);

fn lines() -> &'static [Arc<Tty>] {
    LINES.call_once(|| {
        (0..machine::serial::ports()).map(|port| Tty::new(Device::Serial { port })).collect()
    })
}

/// The terminal on a serial port.
pub fn line(port: usize) -> Option<Arc<Tty>> {
    lines().get(port).filter(|_| !is_claimed(port)).cloned()
}

/// The terminal behind /dev/console.
pub fn console() -> Option<Arc<Tty>> {
    line(CONSOLE.load(Ordering::Relaxed))
}

/// Chooses the console: the last `console=ttySN` of the command line.
pub fn set_console(port: usize) {
    CONSOLE.store(port, Ordering::Relaxed);
}

/// The port of the console.
pub fn console_port() -> usize {
    CONSOLE.load(Ordering::Relaxed)
}

/// Takes a port away from the terminals: somebody else reads it.
pub fn claim(port: usize) {
    CLAIMED.fetch_or(1 << port, Ordering::Relaxed);
}

/// Whether somebody else reads a port.
pub fn is_claimed(port: usize) -> bool {
    CLAIMED.load(Ordering::Relaxed) & (1 << port) != 0
}

/// Bytes have arrived at some port.
pub fn on_input() {
    for port in 0..lines().len() {
        fetch(port);
    }
}

/// Moves what the machine holds for `port` to its terminal, as far as there is room.
pub(super) fn fetch(port: usize) {
    let Some(tty) = line(port) else { return };
    let mut bytes = [0; 64];
    loop {
        // Only what fits is taken out: one reader of the ring at a time.
        let mut state = tty.state.lock();
        let room = state.line.input_room().clamp(1, bytes.len());
        if state.line.input_room() == 0 && state.line.has_input() {
            return;
        }
        let count = machine::serial::read(port, &mut bytes[..room]);
        if count == 0 {
            return;
        }
        let outcome = tty.receive_locked(&mut state, &bytes[..count]);
        drop(state);
        tty.after_receive(outcome);
    }
}
