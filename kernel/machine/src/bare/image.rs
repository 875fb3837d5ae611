//! The kernel image in memory: what linker.ld laid out, and where the loader put it.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::addr::{PAGE_SIZE, PhysRange};

/// The physical address the image is linked for, which PVH loaders use.
pub(super) const LINK_PHYSICAL: u64 = 0x20_0000;
/// Virtual minus physical address when loaded there.
pub(super) const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;

/// Where the image really is.
static PHYSICAL: AtomicU64 = AtomicU64::new(LINK_PHYSICAL);

unsafe extern "C" {
    static image_start: u8;
    static image_rodata: u8;
    static image_data: u8;
    static image_ksyms: u8;
    static boot_stack_guard: u8;
}

/// The head of the symbol table; see linker.ld.
const KSYMS_MAGIC: u64 = 0x4f58_4b53_594d_5331;

/// The sections of the image by their virtual addresses, in order, all page aligned.
pub(super) struct Layout {
    /// First byte of the code.
    pub text: u64,
    /// First byte of the constants; the end of the code.
    pub rodata: u64,
    /// First byte of the data; the end of the constants.
    pub data: u64,
    /// The page below the boot stack, inside the data.
    pub stack_guard: u64,
    /// The symbol table; the end of the data.
    pub ksyms: u64,
    /// The end of the image.
    pub end: u64,
}

/// Notes where the loader put the image.
pub(super) fn set_physical(base: u64) {
    PHYSICAL.store(base, Ordering::Relaxed);
}

/// Where the sections are.
pub(super) fn layout() -> Layout {
    let address = |symbol: *const u8| symbol as u64;
    let ksyms = &raw const image_ksyms as u64;
    let len = symbols().map_or(16, <[u8]>::len) as u64;
    Layout {
        text: address(&raw const image_start),
        rodata: address(&raw const image_rodata),
        data: address(&raw const image_data),
        stack_guard: address(&raw const boot_stack_guard),
        ksyms,
        end: (ksyms + len).next_multiple_of(PAGE_SIZE as u64),
    }
}

/// The blob that `xtask build` put in, header included, if it did.
pub(super) fn symbols() -> Option<&'static [u8]> {
    let start = &raw const image_ksyms;
    // SAFETY: 1. the linker script puts 16 bytes there, and the loader whatever the length in them says;
    // 2. nobody writes them.
    unsafe {
        let (magic, len) = (start.cast::<u64>().read(), start.cast::<u64>().add(1).read());
        (magic == KSYMS_MAGIC && (24..1 << 26).contains(&len))
            .then(|| core::slice::from_raw_parts(start, len as usize))
    }
}

/// The physical address of something inside of the image.
pub(super) fn to_physical(address: u64) -> u64 {
    address - KERNEL_BASE - LINK_PHYSICAL + PHYSICAL.load(Ordering::Relaxed)
}

/// The memory that the image fills.
pub(super) fn physical_range() -> PhysRange {
    let layout = layout();
    PhysRange { start: to_physical(layout.text), end: to_physical(layout.end - 1) + 1 }
}

/// Whether `address` is code of the kernel.
pub(super) fn is_code(address: u64) -> bool {
    let layout = layout();
    (layout.text..layout.rodata).contains(&address)
}
