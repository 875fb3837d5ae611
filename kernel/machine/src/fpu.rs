//! The floating point and vector registers of user threads.
//!
//! The kernel itself never touches them. They stay in the processor while their thread is in the kernel
//! and are saved when another thread is switched in. All functions here act on the running thread.
//!
//! An image is the standard (not compacted) format of XSAVE, or the 512 bytes of FXSAVE on a processor
//! without it: exactly what Linux puts into a signal frame.

pub use crate::backend::fpu::{
    FpuImage, fill_current, load_current, reset_current, save_current, size, with_current,
    xfeatures,
};

/// The image sets something that the processor would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;
