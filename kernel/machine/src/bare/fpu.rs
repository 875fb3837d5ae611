//! FPU and vector state: XSAVE in its standard format, or FXSAVE.
//!
//! A thread's state is in one of two places. While `fpu_live` of its processor is set and it is the
//! running thread, the registers are the truth; else its image is. Switching away saves a live state
//! (`switch_out`), entering user mode loads it (`load_for_user`), and nothing is loaded when the registers still
//! hold what was saved last on this processor.

use alloc::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use core::arch::asm;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use raw_cpuid::CpuId;
use spin::Once;
use x86_64::instructions::interrupts::without_interrupts;
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};

use super::features;
use super::percpu::{self, attention};
use super::thread::{self, NO_CPU};
use crate::fpu::Invalid;

/// Bytes of the old FXSAVE area, where every image begins.
const LEGACY: usize = 512;
/// Where MXCSR is in it, and the mask of its bits that exist.
const MXCSR: usize = 24;
const MXCSR_MASK: usize = 28;
/// Where the XSAVE header is: the state bit map, and 56 bytes that must be zero.
const HEADER: usize = 512;
const HEADER_END: usize = 576;
/// XSAVE demands 64 bytes.
const ALIGN: usize = 64;

/// How state is saved on this machine.
#[derive(Clone, Copy, Debug)]
struct Format {
    size: usize,
    /// The state components, 0 without XSAVE.
    components: u64,
    mxcsr_mask: u32,
}

static FORMAT: Once<Format> = Once::new();

fn format() -> &'static Format {
    // SAFETY: 1. `init` ran on the boot processor before any user state exists.
    unsafe { FORMAT.get_unchecked() }
}

/// Turns the FPU on, on this processor. The boot processor also finds out the format.
pub(super) fn init() {
    let components = components();
    if features::get().xsave {
        // SAFETY: 1. the bits are ones that CPUID reports, in valid combinations.
        unsafe { XCr0::write_raw(components) };
    }
    let format = FORMAT.call_once(|| {
        let mut size = LEGACY;
        if features::get().xsave {
            let leaf = CpuId::new().get_extended_state_info();
            size = leaf.map_or(HEADER_END, |leaf| leaf.xsave_area_size_enabled_features() as usize);
        }
        Format { size, components, mxcsr_mask: mxcsr_mask() }
    });
    debug_assert_eq!(format.components, components);
}

/// The state that the processor offers and the kernel hands out: x87, SSE, AVX, AVX-512. Left out on
/// purpose: protection keys (off), bounds registers (dead), AMX (needs permission requests).
fn components() -> u64 {
    if !features::get().xsave {
        return 0;
    }
    let leaf = core::arch::x86_64::__cpuid_count(0xd, 0);
    let offered = u64::from(leaf.edx) << 32 | u64::from(leaf.eax);
    let avx512 = XCr0Flags::OPMASK | XCr0Flags::ZMM_HI256 | XCr0Flags::HI16_ZMM;
    let mut flags = XCr0Flags::X87 | XCr0Flags::SSE;
    if offered & XCr0Flags::AVX.bits() != 0 {
        flags |= XCr0Flags::AVX;
        if offered & avx512.bits() == avx512.bits() {
            flags |= avx512;
        }
    }
    flags.bits()
}

/// Which bits of MXCSR exist: FXSAVE tells.
fn mxcsr_mask() -> u32 {
    #[repr(align(16))]
    struct Area([u8; LEGACY]);
    let mut area = Area([0; LEGACY]);
    // SAFETY: 1. the area is aligned and long enough.
    unsafe { asm!("fxsave64 [{}]", in(reg) area.0.as_mut_ptr(), options(nostack)) };
    match read_u32(&area.0, MXCSR_MASK) {
        0 => 0xffbf,
        mask => mask,
    }
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn read_u64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// A saved state of all registers; always one that the processor takes.
pub struct FpuImage(NonNull<u8>);

// SAFETY: 1. it owns its bytes.
unsafe impl Send for FpuImage {}
// SAFETY: 1. shared access only reads.
unsafe impl Sync for FpuImage {}

impl FpuImage {
    fn layout() -> Layout {
        // The size is that of the machine, far from overflow.
        Layout::from_size_align(format().size, ALIGN)
            .expect("invariant: an XSAVE area has a layout")
    }

    /// The state a program starts with: x87 control word 0x37f, MXCSR 0x1f80, all else zero.
    pub fn initial() -> Self {
        // SAFETY: 1. the size is not zero.
        let start = unsafe { alloc_zeroed(Self::layout()) };
        let mut image =
            Self(NonNull::new(start).unwrap_or_else(|| handle_alloc_error(Self::layout())));
        image.reset();
        image
    }

    fn reset(&mut self) {
        let bytes = self.bytes_mut();
        bytes.fill(0);
        bytes[0..2].copy_from_slice(&0x37fu16.to_le_bytes());
        bytes[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80u32.to_le_bytes());
        if format().components != 0 {
            // x87 and SSE are to be loaded from the image, the rest is in its initial state.
            bytes[HEADER] = 3;
        }
    }

    /// The bytes, as XSAVE or FXSAVE wrote them.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: 1. it owns that many initialised bytes.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr(), format().size) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: 1. it owns that many initialised bytes.
        unsafe { core::slice::from_raw_parts_mut(self.0.as_ptr(), format().size) }
    }

    /// Takes over bytes from a signal frame or a debugger, if the processor would.
    ///
    /// # Errors
    /// [`Invalid`] when the length is not that of the machine's format, when MXCSR has bits that do not exist,
    /// or when the header names state the kernel does not hand out.
    pub fn copy_from_bytes(&mut self, from: &[u8]) -> Result<(), Invalid> {
        if !is_valid(from) {
            return Err(Invalid);
        }
        self.bytes_mut().copy_from_slice(from);
        Ok(())
    }

    fn save(&mut self) {
        let area = self.0.as_ptr();
        let features = features::get();
        // SAFETY: 1. the area is aligned, long enough and ours; 2. the instruction exists.
        unsafe {
            if features.xsaveopt {
                asm!("xsaveopt64 [{}]", in(reg) area, in("eax") -1, in("edx") -1, options(nostack));
            } else if features.xsave {
                asm!("xsave64 [{}]", in(reg) area, in("eax") -1, in("edx") -1, options(nostack));
            } else {
                asm!("fxsave64 [{}]", in(reg) area, options(nostack));
            }
        }
    }

    fn load(&self) {
        let area = self.0.as_ptr();
        // SAFETY: 1. an image is always valid, so the instruction can not fault.
        unsafe {
            if format().components != 0 {
                asm!("xrstor64 [{}]", in(reg) area, in("eax") -1, in("edx") -1, options(nostack));
            } else {
                asm!("fxrstor64 [{}]", in(reg) area, options(nostack));
            }
        }
    }
}

/// Whether the processor would take these bytes.
fn is_valid(bytes: &[u8]) -> bool {
    let format = format();
    if bytes.len() != format.size || read_u32(bytes, MXCSR) & !format.mxcsr_mask != 0 {
        return false;
    }
    if format.components == 0 {
        return true;
    }
    let reserved = (HEADER + 8..HEADER_END).step_by(8);
    let set = reserved.fold(0, |set, at| set | read_u64(bytes, at));
    read_u64(bytes, HEADER) & !format.components == 0 && set == 0
}

impl Clone for FpuImage {
    fn clone(&self) -> Self {
        let mut copy = Self::initial();
        copy.bytes_mut().copy_from_slice(self.as_bytes());
        copy
    }
}

impl Drop for FpuImage {
    fn drop(&mut self) {
        // SAFETY: 1. allocated with this layout in `initial`.
        unsafe { dealloc(self.0.as_ptr(), Self::layout()) }
    }
}

impl core::fmt::Debug for FpuImage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FpuImage({} bytes)", self.as_bytes().len())
    }
}

/// Bytes in an image.
pub fn size() -> usize {
    format().size
}

/// The state components in an image, as XCR0 has them; 0 when it is only the FXSAVE area.
pub fn xfeatures() -> u64 {
    format().components
}

/// Brings the image of the running thread up to date and lends it.
pub fn with_current<R>(f: impl FnOnce(&FpuImage) -> R) -> R {
    prepare();
    let user = thread::user_state();
    without_interrupts(|| {
        // SAFETY: 1. this thread's own state, and nothing else touches it while the thread runs.
        let image = unsafe { (*user).fpu.as_mut() }.expect("invariant: prepared above");
        if percpu::this().fpu_live.load(Ordering::Relaxed) != 0 {
            image.save();
        }
    });
    // SAFETY: as above.
    f(unsafe { (*user).fpu.as_ref() }.expect("invariant: prepared above"))
}

/// A copy of the running thread's state, for a child.
pub fn save_current() -> FpuImage {
    with_current(FpuImage::clone)
}

/// Replaces the running thread's state by an image in bytes.
///
/// # Errors
/// As [`FpuImage::copy_from_bytes`]; the state is then unchanged.
pub fn load_current(bytes: &[u8]) -> Result<(), Invalid> {
    change(|image| image.copy_from_bytes(bytes))
}

/// Lets `fill` write the running thread's new state into its image. `fill` must not sleep, and says
/// whether it wrote all of it.
///
/// # Errors
/// [`Invalid`] when it did not, or when the processor would refuse the image; the thread then has
/// the state a program starts with.
pub fn fill_current(fill: impl FnOnce(&mut [u8]) -> bool) -> Result<(), Invalid> {
    prepare();
    let user = thread::user_state();
    // What the registers hold is given up at once, so that nothing saves it over the new image.
    without_interrupts(|| {
        percpu::this().fpu_live.store(0, Ordering::Relaxed);
        percpu::set_attention(attention::FPU);
        // SAFETY: 1. this thread's own state, and nothing else touches it while the thread runs.
        unsafe { (*user).fpu_cpu = NO_CPU };
    });
    // SAFETY: as above; 2. the state is not live, so no switch writes to the image meanwhile.
    let image = unsafe { (*user).fpu.as_mut() }.expect("invariant: prepared above");
    if fill(image.bytes_mut()) && is_valid(image.as_bytes()) {
        Ok(())
    } else {
        image.reset();
        Err(Invalid)
    }
}

/// Gives the running thread the state a program starts with.
pub fn reset_current() {
    change(FpuImage::reset);
}

/// Changes the image of the running thread, which is the truth afterwards.
fn change<R>(f: impl FnOnce(&mut FpuImage) -> R) -> R {
    // A change that fails leaves the state, so it must be in the image before.
    with_current(|_| ());
    let user = thread::user_state();
    // SAFETY: 1. this thread's own state, and nothing else touches it while the thread runs.
    let result = f(unsafe { (*user).fpu.as_mut() }.expect("invariant: prepared above"));
    without_interrupts(|| {
        percpu::this().fpu_live.store(0, Ordering::Relaxed);
        percpu::set_attention(attention::FPU);
        // SAFETY: as above.
        unsafe { (*user).fpu_cpu = NO_CPU };
    });
    result
}

/// Gives the running thread an image if it has none.
pub(super) fn prepare() {
    let user = thread::user_state();
    // SAFETY: 1. this thread's own state, and nothing else touches it while the thread runs.
    unsafe {
        if (*user).fpu.is_none() {
            (*user).fpu = Some(FpuImage::initial());
        }
    }
}

/// Loads the running thread's state, unless the registers still hold it. Interrupts are off.
pub(super) fn load_for_user() {
    let cpu = percpu::this();
    let user = thread::user_state();
    let id = percpu::id();
    // SAFETY: 1. this thread's own state, and nothing else touches it while the thread runs.
    unsafe {
        if (*user).fpu_cpu != id || cpu.fpu_owner.load(Ordering::Relaxed) != user {
            (*user).fpu.as_ref().expect("invariant: prepared before").load();
            (*user).fpu_cpu = id;
            cpu.fpu_owner.store(user, Ordering::Relaxed);
        }
    }
    cpu.fpu_live.store(1, Ordering::Relaxed);
    percpu::clear_attention(attention::FPU);
}

/// Saves the running thread's state if it is in the registers: another thread is about to run.
/// Interrupts are off.
pub(super) fn switch_out(user: *mut thread::UserState) {
    let cpu = percpu::this();
    if cpu.fpu_live.load(Ordering::Relaxed) == 0 {
        return;
    }
    // SAFETY: 1. the state of the thread that still runs here.
    if let Some(image) = unsafe { (*user).fpu.as_mut() } {
        image.save();
    }
    cpu.fpu_live.store(0, Ordering::Relaxed);
    percpu::set_attention(attention::FPU);
}
