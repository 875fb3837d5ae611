//! The simulated machine ends with its process.

/// Ends the process.
pub fn off() -> ! {
    std::process::exit(0)
}

/// Ends the process.
pub fn reset() -> ! {
    std::process::exit(0)
}

/// Ends the process as QEMU would.
pub fn exit(code: u8) -> ! {
    std::process::exit(i32::from(code) * 2 + 1)
}

/// Stops this host thread.
pub fn halt() -> ! {
    loop {
        std::thread::park();
    }
}

/// Ends the process as QEMU would.
pub fn try_exit(code: u8) {
    exit(code)
}
