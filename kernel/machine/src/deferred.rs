//! Work that interrupts leave behind.
//!
//! An interrupt handler only notes what happened. The handler set here does the work, on the same
//! processor, as soon as that holds no lock: at the end of the interrupt, when the last lock is released,
//! or before user mode is entered. It runs with interrupts on, may take any lock, and may not sleep; it
//! does not nest.

pub use crate::backend::deferred::{raise, set_handler};

bitflags::bitflags! {
    /// What waits to be done.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Pending: u32 {
        /// The timer of this processor went off.
        const TIMER = 1 << 0;
        /// Somebody asked this processor to look at its run queue and flags.
        const RESCHEDULE = 1 << 1;
        /// A serial port received bytes.
        const SERIAL = 1 << 2;
    }
}
