//! User programs do not run here, so the floating point state is only bytes that are kept.

use core::cell::RefCell;

use crate::fpu::Invalid;

/// Bytes in an image: the FXSAVE area.
const SIZE: usize = 512;

/// Where MXCSR is, and the bits it has.
const MXCSR: usize = 24;
const MXCSR_MASK: u32 = 0xffff;

std::thread_local! {
    static CURRENT: RefCell<FpuImage> = RefCell::new(FpuImage::initial());
}

/// A saved state.
#[derive(Clone, Debug)]
pub struct FpuImage(Box<[u8; SIZE]>);

impl FpuImage {
    /// The state a program starts with.
    pub fn initial() -> Self {
        let mut bytes = Box::new([0; SIZE]);
        bytes[0..2].copy_from_slice(&0x37fu16.to_le_bytes());
        bytes[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80u32.to_le_bytes());
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }

    /// Takes over bytes from a signal frame or a debugger.
    ///
    /// # Errors
    /// [`Invalid`] when the length is wrong or MXCSR has bits that do not exist.
    pub fn copy_from_bytes(&mut self, from: &[u8]) -> Result<(), Invalid> {
        let bytes: &[u8; SIZE] = from.try_into().map_err(|_| Invalid)?;
        let mxcsr = core::array::from_fn(|i| bytes[MXCSR + i]);
        if u32::from_le_bytes(mxcsr) & !MXCSR_MASK != 0 {
            return Err(Invalid);
        }
        *self.0 = *bytes;
        Ok(())
    }
}

/// Bytes in an image.
pub fn size() -> usize {
    SIZE
}

/// No XSAVE here.
pub fn xfeatures() -> u64 {
    0
}

/// Lends the running thread's image.
pub fn with_current<R>(f: impl FnOnce(&FpuImage) -> R) -> R {
    CURRENT.with_borrow(f)
}

/// A copy of the running thread's state.
pub fn save_current() -> FpuImage {
    with_current(FpuImage::clone)
}

/// Replaces the running thread's state.
///
/// # Errors
/// As [`FpuImage::copy_from_bytes`].
pub fn load_current(bytes: &[u8]) -> Result<(), Invalid> {
    CURRENT.with_borrow_mut(|image| image.copy_from_bytes(bytes))
}

/// Lets `fill` write the running thread's new state.
///
/// # Errors
/// [`Invalid`] when it says that it did not, or as [`FpuImage::copy_from_bytes`].
pub fn fill_current(fill: impl FnOnce(&mut [u8]) -> bool) -> Result<(), Invalid> {
    let mut bytes = [0; SIZE];
    let loaded = if fill(&mut bytes) { load_current(&bytes) } else { Err(Invalid) };
    if loaded.is_err() {
        reset_current();
    }
    loaded
}

/// Gives the running thread the state a program starts with.
pub fn reset_current() {
    CURRENT.set(FpuImage::initial());
}
