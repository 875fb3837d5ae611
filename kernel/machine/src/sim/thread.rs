//! Kernel threads as host threads, of which each simulated processor lets one run at a time.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};

use super::fpu::FpuImage;
use super::percpu;
use crate::frame::OutOfFrames;

type Entry = Box<dyn FnOnce() + Send>;

/// A host thread that runs only while a processor was handed to it.
pub struct KernelThread {
    state: Mutex<State>,
    turn: Condvar,
    on_cpu: AtomicBool,
}

struct State {
    /// The processor that was handed over and not taken yet.
    cpu: Option<u32>,
    /// Where it begins; gone once it has begun.
    entry: Option<Entry>,
}

static EXIT_HOOK: OnceLock<fn() -> !> = OnceLock::new();

std::thread_local! {
    static CURRENT: RefCell<Option<Arc<KernelThread>>> = const { RefCell::new(None) };
}

impl KernelThread {
    /// A thread that will run `entry`.
    ///
    /// # Errors
    /// Never, here.
    pub fn new(entry: Entry, _fpu: Option<FpuImage>) -> Result<Arc<Self>, OutOfFrames> {
        Ok(Self::build(Some(entry), false))
    }

    fn build(entry: Option<Entry>, on_cpu: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { cpu: None, entry }),
            turn: Condvar::new(),
            on_cpu: AtomicBool::new(on_cpu),
        })
    }

    /// Whether a processor still stands on its stack.
    pub fn is_on_cpu(&self) -> bool {
        self.on_cpu.load(Ordering::Acquire)
    }

    fn hand_over(self: &Arc<Self>, cpu: u32) {
        let mut state = self.state.lock().expect("nothing panics inside");
        state.cpu = Some(cpu);
        if let Some(entry) = state.entry.take() {
            let this = self.clone();
            std::thread::spawn(move || this.main(entry));
        }
        self.turn.notify_one();
    }

    fn main(self: Arc<Self>, entry: Entry) {
        CURRENT.with_borrow_mut(|current| *current = Some(self.clone()));
        self.wait_for_turn();
        drop(self);
        entry();
        let hook = EXIT_HOOK.get().expect("a thread ends after the hook was set");
        hook();
    }

    fn wait_for_turn(&self) {
        let mut state = self.state.lock().expect("nothing panics inside");
        loop {
            if let Some(cpu) = state.cpu.take() {
                percpu::enter_cpu(cpu);
                return;
            }
            state = self.turn.wait(state).expect("nothing panics inside");
        }
    }
}

/// Sets what runs when a thread's entry has returned.
pub fn set_exit_hook(hook: fn() -> !) {
    EXIT_HOOK.get_or_init(|| hook);
}

/// The running thread; a host thread that was not made by us becomes one.
pub fn current() -> Arc<KernelThread> {
    CURRENT.with_borrow_mut(|current| {
        current.get_or_insert_with(|| KernelThread::build(None, true)).clone()
    })
}

/// Lets `next` run on this processor; returns when somebody hands one back.
pub fn switch_to(next: Arc<KernelThread>) {
    let me = current();
    while next.on_cpu.swap(true, Ordering::Acquire) {
        std::thread::yield_now();
    }
    // From here on this host thread is no processor any more.
    me.on_cpu.store(false, Ordering::Release);
    next.hand_over(percpu::id());
    drop(next);
    me.wait_for_turn();
}
