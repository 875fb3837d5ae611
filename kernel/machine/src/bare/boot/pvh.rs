//! The PVH protocol: `hvm_start_info` of Xen's public/arch-x86/hvm/start_info.h.

use super::{BootInfo, INFO, Protocol, continue_boot};
use crate::bare::{early, physical};

const MAGIC: u32 = 0x336e_c578;
const USABLE: u32 = 1;

#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    nr_modules: u32,
    modlist: u64,
    cmdline: u64,
    rsdp: u64,
    /// From version 1 on.
    memmap: u64,
    memmap_entries: u32,
    _reserved: u32,
}

#[repr(C)]
struct Module {
    paddr: u64,
    size: u64,
    cmdline: u64,
    _reserved: u64,
}

#[repr(C)]
struct MemoryEntry {
    addr: u64,
    size: u64,
    kind: u32,
    _reserved: u32,
}

/// The first Rust code after the PVH entry.
///
/// # Safety
/// Called once by entry.s, on the boot stack, with the boot page tables, which map the first GiB at the
/// direct map.
pub(super) unsafe extern "C" fn enter(start_info: u64) -> ! {
    // SAFETY: 1. once, first thing on this processor; 2. the boot tables map the direct map at its final
    // place; 3. nobody else uses INFO.
    let info = unsafe {
        early::first_steps(physical::DIRECT_MAP, crate::bare::image::LINK_PHYSICAL);
        &mut *INFO.0.get()
    };
    info.protocol = Protocol::Pvh;
    // SAFETY: 1. the loader passes the address of its structure in ebx.
    unsafe { read(info, start_info) };
    // SAFETY: 1. INFO is filled.
    unsafe { continue_boot(info) }
}

/// Copies the loader's structures.
///
/// # Safety
/// `start_info` is the address that the loader passed.
unsafe fn read(info: &mut BootInfo, start_info: u64) {
    // SAFETY: 1. PVH puts its structures into the first GiB, which the boot tables map; 2. all of them
    // are read only here, before any memory is used for something else.
    unsafe {
        let start = &*physical::to_virt(start_info).cast::<StartInfo>();
        assert_eq!(start.magic, MAGIC, "not started by the PVH protocol");
        assert!(start.version >= 1, "the loader gives no memory map");
        info.rsdp = start.rsdp;
        if start.cmdline != 0 {
            let text = core::ffi::CStr::from_ptr(physical::to_virt(start.cmdline).cast());
            info.set_cmdline(text.to_bytes());
        }
        let modules = physical::to_virt(start.modlist).cast::<Module>();
        for i in 0..start.nr_modules as usize {
            let module = &*modules.add(i);
            info.add_initrd(module.paddr, module.size);
        }
        let entries = physical::to_virt(start.memmap).cast::<MemoryEntry>();
        for i in 0..start.memmap_entries as usize {
            let entry = &*entries.add(i);
            if entry.kind == USABLE {
                info.add_usable(entry.addr, entry.addr.saturating_add(entry.size));
            }
        }
    }
}
