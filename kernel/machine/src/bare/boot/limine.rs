//! The Limine boot protocol, as of Limine 8.
//!
//! Base revision 2 is asked for: it is granted by every Limine 8, and later revisions only take
//! mappings away that we do not use.

use limine::BaseRevision;
use limine::memory_map::EntryType;
use limine::paging::Mode;
use limine::request::{
    ExecutableAddressRequest, ExecutableFileRequest, HhdmRequest, MemoryMapRequest, ModuleRequest,
    PagingModeRequest, RsdpRequest,
};

use super::{BootInfo, INFO, Protocol, continue_boot};
use crate::bare::early;

#[used]
#[unsafe(link_section = ".limine_requests")]
static BASE_REVISION: BaseRevision = BaseRevision::with_revision(2);
#[used]
#[unsafe(link_section = ".limine_requests")]
static MEMORY_MAP: MemoryMapRequest = MemoryMapRequest::new();
#[used]
#[unsafe(link_section = ".limine_requests")]
static HHDM: HhdmRequest = HhdmRequest::new();
#[used]
#[unsafe(link_section = ".limine_requests")]
static ADDRESS: ExecutableAddressRequest = ExecutableAddressRequest::new();
/// Carries the command line. The request for the command line alone is younger than Limine 8.2.
#[used]
#[unsafe(link_section = ".limine_requests")]
static FILE: ExecutableFileRequest = ExecutableFileRequest::new();
#[used]
#[unsafe(link_section = ".limine_requests")]
static MODULES: ModuleRequest = ModuleRequest::new();
#[used]
#[unsafe(link_section = ".limine_requests")]
static RSDP: RsdpRequest = RsdpRequest::new();
/// Four levels of page tables, whatever the processor could do.
#[used]
#[unsafe(link_section = ".limine_requests")]
static PAGING: PagingModeRequest =
    PagingModeRequest::new().with_mode(Mode::FOUR_LEVEL).with_max_mode(Mode::FOUR_LEVEL);

/// The first Rust code after the Limine entry.
///
/// # Safety
/// Called once by entry.s, on the boot stack.
pub(super) unsafe extern "C" fn enter() -> ! {
    let (Some(hhdm), Some(address)) = (HHDM.get_response(), ADDRESS.get_response()) else {
        // Nothing can be printed yet: without these two the loader is no Limine.
        super::super::halt_for_ever()
    };
    // SAFETY: 1. once, first thing on this processor; 2. Limine maps all memory at this offset;
    // 3. nobody else uses INFO.
    let info = unsafe {
        early::first_steps(hhdm.offset(), address.physical_base());
        &mut *INFO.0.get()
    };
    assert!(BASE_REVISION.is_supported(), "this Limine is too old: base revision 2 is needed");
    info.protocol = Protocol::Limine;
    read(info, hhdm.offset());
    // SAFETY: 1. INFO is filled.
    unsafe { continue_boot(info) }
}

/// Copies the loader's answers.
fn read(info: &mut BootInfo, hhdm: u64) {
    if let Some(executable) = FILE.get_response() {
        info.set_cmdline(executable.file().string().to_bytes());
    }
    if let Some(modules) = MODULES.get_response() {
        for module in modules.modules() {
            info.add_initrd(module.addr() as u64 - hhdm, module.size());
        }
    }
    if let Some(rsdp) = RSDP.get_response() {
        let address = rsdp.address() as u64;
        // Physical from base revision 3 on, virtual before.
        info.rsdp = address.checked_sub(hhdm).unwrap_or(address);
    }
    let map = MEMORY_MAP.get_response().expect("invariant: Limine gives a memory map");
    for entry in map.entries() {
        let end = entry.base + entry.length;
        if entry.entry_type == EntryType::USABLE {
            info.add_usable(entry.base, end);
        } else if entry.entry_type == EntryType::BOOTLOADER_RECLAIMABLE {
            // Holds the page tables that are in use now.
            info.add_reclaimable(entry.base, end);
        }
    }
}
