//! Simulated physical memory.

use core::cell::Cell;
use core::marker::PhantomData;
use std::alloc::{Layout, alloc_zeroed};
use std::sync::{Mutex, OnceLock};
use std::vec::Vec;

use crate::addr::{PAGE_SIZE, PhysRange};
use crate::frame::PhysicalMemory;

/// One simulated machine's memory. Machines are never freed but used again, so that references to
/// them can be `'static` as on hardware.
struct Board {
    bytes: usize,
    memory: PhysicalMemory,
}

/// Memory of the machine that threads without their own share.
const SHARED_BYTES: usize = if cfg!(miri) { 8 << 20 } else { 512 << 20 };

static SHARED: OnceLock<&'static Board> = OnceLock::new();
static IDLE: Mutex<Vec<&'static Board>> = Mutex::new(Vec::new());
static USED_UP: Mutex<Vec<&'static Board>> = Mutex::new(Vec::new());

std::thread_local! {
    static CURRENT: Cell<Option<&'static Board>> = const { Cell::new(None) };
    static FAIL_AFTER: Cell<Option<u64>> = const { Cell::new(None) };
}

impl Board {
    fn build(bytes: usize) -> &'static Self {
        let layout = Layout::from_size_align(bytes, PAGE_SIZE).expect("a size of whole pages");
        // SAFETY: the layout has a size; machines have at least a few pages.
        let base = unsafe { alloc_zeroed(layout) };
        assert!(!base.is_null(), "the host has no memory for a machine of {bytes} bytes");
        // Frame 0 is kept out, as on real machines.
        let all = PhysRange { start: PAGE_SIZE as u64, end: bytes as u64 };
        let mut memory = PhysicalMemory::empty();
        // SAFETY: the arena is ours, zeroed, and lives for ever.
        unsafe { memory.init(base, &[all], bytes as u64) };
        Box::leak(Box::new(Self { bytes, memory }))
    }
}

/// The memory of the machine this thread is on.
#[inline]
pub(crate) fn physical() -> &'static PhysicalMemory {
    let board = CURRENT.get().unwrap_or_else(|| SHARED.get_or_init(|| Board::build(SHARED_BYTES)));
    &board.memory
}

/// A machine of this thread's own, until it is dropped. Other threads join it by [`Handle::enter`].
pub struct Machine {
    board: &'static Board,
    before: Option<&'static Board>,
    owner: bool,
    _not_send: PhantomData<*mut ()>,
}

/// A way for other threads onto a [`Machine`].
#[derive(Clone, Copy)]
pub struct Handle(&'static Board);

impl Machine {
    /// Builds a machine with `bytes` of memory and moves this thread onto it.
    pub fn new(bytes: usize) -> Self {
        let mut idle = IDLE.lock().expect("no test panics inside");
        let board = match idle.iter().position(|board| board.bytes == bytes) {
            Some(i) => idle.swap_remove(i),
            None => Board::build(bytes),
        };
        drop(idle);
        let mut machine = Handle(board).enter();
        machine.owner = true;
        machine
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        Handle(self.board)
    }
}

impl Handle {
    /// The machine that the calling thread is on.
    pub fn current() -> Option<Handle> {
        CURRENT.get().map(Handle)
    }

    /// Moves the calling thread onto this machine, until the result is dropped.
    pub fn enter(self) -> Machine {
        let before = CURRENT.replace(Some(self.0));
        Machine { board: self.0, before, owner: false, _not_send: PhantomData }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The root this thread has loaded, if any, is of this machine.
        super::tlb::load(None);
        CURRENT.set(self.before);
        if self.owner {
            // One with frames still out (a leak, or a test that failed) is not used again.
            let list = if self.board.memory.is_pristine() { &IDLE } else { &USED_UP };
            list.lock().expect("no test panics inside").push(self.board);
        }
    }
}

/// Lets this thread's next `count` frame allocations succeed and the one after them fail, once.
/// `None` stops that. Returns what was left of the countdown before: `None` when it has struck.
pub fn fail_allocation_after(count: Option<u64>) -> Option<u64> {
    FAIL_AFTER.replace(count)
}

/// Whether the allocation about to be made shall fail, for tests.
pub(crate) fn allocation_fails() -> bool {
    match FAIL_AFTER.get() {
        None => false,
        Some(0) => {
            FAIL_AFTER.set(None);
            true
        }
        Some(left) => {
            FAIL_AFTER.set(Some(left - 1));
            false
        }
    }
}
