//! Where the parts of a process are, and how big they may become.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use machine::addr::{PAGE_SIZE, USER_END};

use super::vma::{MappedFile, STACK_GUARD_GAP};

/// Programs may not map below this (`/proc/sys/vm/mmap_min_addr`), except with `CAP_SYS_RAWIO`.
pub const MIN_ADDR: u64 = 65_536;

/// No limit (`RLIM_INFINITY`).
pub const UNLIMITED: u64 = u64::MAX;

/// What exec decided about an address space, and the break.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "the names are those of Linux's mm_struct")]
pub struct Layout {
    /// Mappings are placed below this, from the top down.
    pub mmap_base: u64,
    pub start_code: u64,
    pub end_code: u64,
    pub start_data: u64,
    pub end_data: u64,
    pub start_brk: u64,
    pub brk: u64,
    pub start_stack: u64,
    pub arg_start: u64,
    pub arg_end: u64,
    pub env_start: u64,
    pub env_end: u64,
    /// The auxiliary vector as it is on the stack, for `/proc/PID/auxv`.
    pub auxv: Vec<u8>,
    /// The program (`/proc/PID/exe`).
    pub exe: Option<Arc<dyn MappedFile>>,
}

/// The most that a stack is randomised by.
const STACK_RANDOM: u64 = 16 << 30;

impl Layout {
    /// Where mappings begin, from the top down: below the stack, the room that it may grow into
    /// (at least 128 MiB, at most 5/6 of everything), and `random` bytes.
    pub fn base_below_stack(stack_limit: u64, random: u64) -> u64 {
        let end = USER_END.as_u64();
        let gap = stack_limit
            .saturating_add(STACK_GUARD_GAP + STACK_RANDOM)
            .clamp(128 << 20, end / 6 * 5);
        (end - gap - random) & !(PAGE_SIZE as u64 - 1)
    }

    /// [`mmap_base`](Self::mmap_base), or a fixed place for spaces that no program was loaded into.
    pub(super) fn base(&self) -> u64 {
        if self.mmap_base == 0 { Self::base_below_stack(8 << 20, 0) } else { self.mmap_base }
    }
}

/// The resource limits that concern memory, in bytes. They belong to the process, but faults need
/// them and `mm` does not know processes: whoever changes a limit sets it here, too.
#[derive(Debug)]
pub struct MemoryLimits {
    /// `RLIMIT_AS`
    address_space: AtomicU64,
    /// `RLIMIT_DATA`
    data: AtomicU64,
    /// `RLIMIT_STACK`
    stack: AtomicU64,
    /// `RLIMIT_MEMLOCK`; not for `CAP_IPC_LOCK`.
    locked: AtomicU64,
}

/// Which of the [`MemoryLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// `RLIMIT_AS`
    AddressSpace,
    /// `RLIMIT_DATA`
    Data,
    /// `RLIMIT_STACK`
    Stack,
    /// `RLIMIT_MEMLOCK`
    Locked,
}

impl MemoryLimits {
    fn slot(&self, which: MemoryLimit) -> &AtomicU64 {
        match which {
            MemoryLimit::AddressSpace => &self.address_space,
            MemoryLimit::Data => &self.data,
            MemoryLimit::Stack => &self.stack,
            MemoryLimit::Locked => &self.locked,
        }
    }

    /// The limit in bytes, [`UNLIMITED`] for none.
    pub fn get(&self, which: MemoryLimit) -> u64 {
        self.slot(which).load(Ordering::Relaxed)
    }

    /// Sets a limit.
    pub fn set(&self, which: MemoryLimit, bytes: u64) {
        self.slot(which).store(bytes, Ordering::Relaxed);
    }

    /// Takes over all limits of another space: exec.
    pub fn copy_from(&self, other: &MemoryLimits) {
        use MemoryLimit::{AddressSpace, Data, Locked, Stack};
        for which in [AddressSpace, Data, Stack, Locked] {
            self.set(which, other.get(which));
        }
    }
}

impl Default for MemoryLimits {
    /// Linux's defaults for pid 1.
    fn default() -> Self {
        Self {
            address_space: AtomicU64::new(UNLIMITED),
            data: AtomicU64::new(UNLIMITED),
            stack: AtomicU64::new(8 << 20),
            locked: AtomicU64::new(8 << 20),
        }
    }
}
