//! Physical page frames.

/// No free frame is left for this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfFrames;
