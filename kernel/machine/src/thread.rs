//! Kernel threads: stacks and the switch between them.
//!
//! A [`KernelThread`] is a stack with a place to go on. Who runs next is core's decision; this module
//! only changes stacks, and with them the user-mode state that lives in registers: FPU, FS and GS base.
//!
//! A thread ends when its entry function returns: its stack then holds nothing any more, and the
//! function given to [`set_exit_hook`] runs on it for the last time, to switch to another thread.

pub use crate::backend::thread::{KernelThread, current, set_exit_hook, switch_to};
