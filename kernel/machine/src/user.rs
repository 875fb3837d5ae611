//! User memory.
//!
//! **The copy routines never resolve faults.** They copy until they meet a page that does not allow it, and
//! return how many bytes are *left*. The caller resolves the fault as one from user mode
//! (lazy page, copy-on-write, stack growth) and goes on from there. All of them act on the address
//! space that is active on this processor, and must be called without locks. A range that is not wholly
//! below [`USER_END`](crate::addr::USER_END) copies nothing.

#[cfg(not(target_os = "none"))]
pub use crate::backend::user::{
    cmpxchg_u32, copy_in, copy_in_str, copy_in_to_frame, copy_out, copy_out_from_frame,
    fetch_op_u32, load_u32, store_u32, zero,
};

/// A user page that does not allow the access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// What [`fetch_op_u32`] does with the word (the operations of `FUTEX_WAKE_OP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOp {
    /// `word = value`
    Set,
    /// `word += value`
    Add,
    /// `word |= value`
    Or,
    /// `word &= !value`
    AndNot,
    /// `word ^= value`
    Xor,
}

/// What [`copy_in_str`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrCopy {
    /// Bytes copied, without the NUL.
    pub copied: usize,
    /// The NUL was found behind them.
    pub terminated: bool,
    /// The byte behind them can not be read now.
    pub faulted: bool,
}
