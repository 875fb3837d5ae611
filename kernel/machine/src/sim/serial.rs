//! One serial port: output goes to the host's standard error, nothing is ever received.

use std::io::Write;

use crate::serial::DebugPort;

/// One port.
pub fn ports() -> usize {
    1
}

/// Writes to standard error.
pub fn write(_port: usize, bytes: &[u8]) {
    // A test without standard error has nobody to tell.
    let _ = std::io::stderr().write_all(bytes);
}

/// Nothing.
pub fn read(_port: usize, _to: &mut [u8]) -> usize {
    0
}

/// Nothing.
pub fn available(_port: usize) -> usize {
    0
}

/// There are no debug ports.
pub fn debug_write(_port: DebugPort, _bytes: &[u8]) {}
