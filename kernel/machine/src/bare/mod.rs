//! The hardware backend: x86_64 under QEMU or on a PC.

/// Per-processor state.
pub(crate) mod percpu {
    use core::sync::atomic::{AtomicU32, Ordering};

    static DEPTH: AtomicU32 = AtomicU32::new(0);

    pub(crate) fn id() -> u32 {
        0
    }

    pub(crate) fn lock_depth() -> u32 {
        DEPTH.load(Ordering::Relaxed)
    }

    pub(crate) fn lock_taken() {
        DEPTH.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lock_released() {
        DEPTH.fetch_sub(1, Ordering::Relaxed);
    }
}
