//! Frames as bare numbers, for the backend's own tables and stacks.

use crate::frame::{self, Frame, OutOfFrames};

/// A zeroed page for a table of the kernel's half; never freed.
pub(super) fn take_table() -> Option<u64> {
    Some(take_zeroed().ok()? << 12)
}

/// A zeroed frame, by number; `give_back` frees it.
pub(super) fn take_zeroed() -> Result<u64, OutOfFrames> {
    let frame = frame::alloc_zeroed()?.into_shared();
    Ok(u64::from(frame.into_number()))
}

/// Frees a frame that was taken.
///
/// # Safety
/// The number came from `take_zeroed`, and nothing reaches the frame any more.
pub(super) unsafe fn give_back(number: u64) {
    // SAFETY: 1. the reference that `take_zeroed` kept is given up here.
    drop(unsafe { Frame::from_number(number as u32) });
}
