//! The serial ports, and QEMU's debug ports for the host link.
//!
//! Received bytes go from the interrupt into a ring per port and raise `Pending::SERIAL`; when the
//! ring is full, the port stops taking bytes, so that nothing is lost as long as the other end
//! waits (a QEMU character device does). Output is polled.

pub use crate::backend::serial::{available, debug_write, ports, read, write};

/// The debug ports of the host link (`-device isa-debugcon,iobase=...`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugPort {
    /// 0xe9: the kernel log.
    Log,
    /// 0x500: standard output of the job.
    Out,
    /// 0x504: standard error of the job.
    Err,
    /// 0x508: how the job and the machine ended.
    Status,
}
