//! User programs do not run here, so there are no floating point registers to keep.

/// Nothing.
#[derive(Clone, Debug, Default)]
pub struct FpuImage;
