//! What the processor can do, asked once.

use core::arch::asm;

use raw_cpuid::CpuId;
use spin::Once;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};

use super::msr;

/// The features that the kernel acts on.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one CPUID bit")]
pub(crate) struct Features {
    /// Pages can be made not executable.
    pub nx: bool,
    /// Pages of 1 GiB.
    pub page_1g: bool,
    /// Global pages.
    pub pge: bool,
    /// The kernel can be kept from executing, and from touching, user pages.
    pub smep: bool,
    /// See `smep`.
    pub smap: bool,
    /// User mode can be kept from reading descriptor table addresses.
    pub umip: bool,
    /// `rdfsbase` and its kin.
    pub fsgsbase: bool,
    /// XSAVE, and the form that skips unchanged state.
    pub xsave: bool,
    /// See `xsave`.
    pub xsaveopt: bool,
    /// The local APIC can be driven by MSRs.
    pub x2apic: bool,
    /// The local APIC timer can take a TSC value.
    pub tsc_deadline: bool,
    /// Random numbers.
    pub rdrand: bool,
    /// Random seeds.
    pub rdseed: bool,
}

static FEATURES: Once<Features> = Once::new();

/// What the processor can do.
#[inline]
pub(crate) fn get() -> &'static Features {
    FEATURES.call_once(detect)
}

fn detect() -> Features {
    let cpuid = CpuId::new();
    let mut features = Features::default();
    if let Some(info) = cpuid.get_feature_info() {
        features.pge = info.has_pge();
        features.xsave = info.has_xsave();
        features.x2apic = info.has_x2apic();
        features.tsc_deadline = info.has_tsc_deadline();
        features.rdrand = info.has_rdrand();
    }
    if let Some(info) = cpuid.get_extended_feature_info() {
        features.smep = info.has_smep();
        features.smap = info.has_smap();
        features.umip = info.has_umip();
        features.fsgsbase = info.has_fsgsbase();
        features.rdseed = info.has_rdseed();
    }
    if let Some(info) = cpuid.get_extended_processor_and_feature_identifiers() {
        features.nx = info.has_execute_disable();
        features.page_1g = info.has_1gib_pages();
    }
    if let Some(info) = cpuid.get_extended_state_info() {
        features.xsaveopt = info.has_xsaveopt();
    }
    features
}

/// Puts the control registers of this processor into the state the kernel wants. Protection keys,
/// five-level paging, PCID, CET and user interrupts stay off on purpose: nothing here knows them.
pub(super) fn apply() {
    let features = get();
    // SAFETY: 1. every bit is set only if CPUID says it exists; 2. the kernel's own mappings fit each
    // of them: no user page is executed or touched outside of the copy routines, and the image is not
    // written where it is read-only.
    unsafe {
        let nx = if features.nx { 1 << 11 } else { 0 };
        msr::write(msr::EFER, msr::read(msr::EFER) | nx | 1);
        Cr0::update(|flags| {
            flags.insert(
                Cr0Flags::WRITE_PROTECT | Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR,
            );
            flags.remove(
                Cr0Flags::ALIGNMENT_MASK
                    | Cr0Flags::EMULATE_COPROCESSOR
                    | Cr0Flags::TASK_SWITCHED
                    | Cr0Flags::CACHE_DISABLE
                    | Cr0Flags::NOT_WRITE_THROUGH,
            );
        });
        let mut flags = Cr4Flags::PHYSICAL_ADDRESS_EXTENSION
            | Cr4Flags::OSFXSR
            | Cr4Flags::OSXMMEXCPT_ENABLE
            | Cr4Flags::PAGE_SIZE_EXTENSION;
        flags.set(Cr4Flags::PAGE_GLOBAL, features.pge);
        flags.set(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, features.smep);
        flags.set(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, features.smap);
        flags.set(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, features.umip);
        flags.set(Cr4Flags::FSGSBASE, features.fsgsbase);
        flags.set(Cr4Flags::OSXSAVE, features.xsave);
        // Machine checks stay as the firmware set them; everything else is ours.
        flags.set(
            Cr4Flags::MACHINE_CHECK_EXCEPTION,
            Cr4::read().contains(Cr4Flags::MACHINE_CHECK_EXCEPTION),
        );
        Cr4::write(flags);
    }
}

/// Puts `stac` and `clac` where the code left room for them, if the processor knows them.
///
/// # Safety
/// On the boot processor, before user mode exists, while memory is writable at `physical::to_virt`.
pub(super) unsafe fn patch_smap() {
    unsafe extern "C" {
        static smap_sites_start: u64;
        static smap_sites_end: u64;
    }
    if !get().smap {
        return;
    }
    // SAFETY: 1. the linker script brackets the table of sites; 2. each site is three bytes of code that
    // nobody executes now, written through the direct map.
    unsafe {
        let (start, end) = (&raw const smap_sites_start, &raw const smap_sites_end);
        let sites = core::slice::from_raw_parts(start, end.offset_from(start) as usize);
        for &site in sites {
            // Bit 63 of a kernel address is always set: cleared in the table it marks a clac.
            let (address, last) =
                if site >> 63 == 0 { (site | 1 << 63, 0xca) } else { (site, 0xcb) };
            let code = super::physical::to_virt(super::image::to_physical(address));
            for (i, byte) in [0x0f, 0x01, last].into_iter().enumerate() {
                code.add(i).write_volatile(byte);
            }
        }
        // A serialising instruction, so that no stale code is executed.
        asm!("push rbx", "cpuid", "pop rbx", inout("eax") 0 => _, out("ecx") _, out("edx") _);
    }
}
