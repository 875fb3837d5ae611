//! Futexes: `futex(2)`, `set_robust_list(2)`, `futex_waitv(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Sleep if the value is as expected.
pub const FUTEX_WAIT: u32 = 0;
/// Wake sleepers.
pub const FUTEX_WAKE: u32 = 1;
/// Gone since Linux 2.6.26.
pub const FUTEX_FD: u32 = 2;
/// Wake some, move the others to another futex.
pub const FUTEX_REQUEUE: u32 = 3;
/// The same if the value is as expected.
pub const FUTEX_CMP_REQUEUE: u32 = 4;
/// Change one futex and wake on two: [`WakeOp`].
pub const FUTEX_WAKE_OP: u32 = 5;
/// Lock with priority inheritance; the timeout is on `CLOCK_REALTIME`.
pub const FUTEX_LOCK_PI: u32 = 6;
/// Unlock with priority inheritance.
pub const FUTEX_UNLOCK_PI: u32 = 7;
/// Try to lock with priority inheritance.
pub const FUTEX_TRYLOCK_PI: u32 = 8;
/// Sleep; the timeout is a point on the clock, and a mask selects who wakes.
pub const FUTEX_WAIT_BITSET: u32 = 9;
/// Wake the sleepers that the mask selects.
pub const FUTEX_WAKE_BITSET: u32 = 10;
/// Sleep, to be moved to a priority inheritance futex.
pub const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
/// Wake one, move the others to a priority inheritance futex.
pub const FUTEX_CMP_REQUEUE_PI: u32 = 12;
/// `FUTEX_LOCK_PI` with a choice of clocks.
pub const FUTEX_LOCK_PI2: u32 = 13;
/// Mask of the operation; the rest is [`FutexFlags`].
pub const FUTEX_CMD_MASK: u32 = !0x180;
/// The mask that selects everyone.
pub const FUTEX_BITSET_MATCH_ANY: u32 = 0xffff_ffff;

bitflags! {
    /// Flags besides the operation of `futex(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct FutexFlags: u32 {
        /// Only threads that share the address space use it.
        const FUTEX_PRIVATE_FLAG = 0x80;
        /// The timeout is on `CLOCK_REALTIME`.
        const FUTEX_CLOCK_REALTIME = 0x100;
    }
}

/// In a robust or priority inheritance futex: someone sleeps.
pub const FUTEX_WAITERS: u32 = 0x8000_0000;
/// In a robust futex: the owner exited without unlocking.
pub const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
/// Mask of the owner's tid.
pub const FUTEX_TID_MASK: u32 = 0x3fff_ffff;

/// How many entries of a robust list the kernel follows, in case it is a ring.
pub const ROBUST_LIST_LIMIT: usize = 2048;
/// Bit in a robust list's pointers: the futex has priority inheritance.
pub const ROBUST_LIST_PI: u64 = 1;

/// `struct robust_list_head`, 24 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct RobustListHead {
    /// The first entry; an entry starts with the next one's address, the last points back here.
    pub list: u64,
    /// From an entry to its futex.
    pub futex_offset: i64,
    /// The entry that is just being put in or taken out.
    pub list_op_pending: u64,
}

/// How many futexes `futex_waitv(2)` takes.
pub const FUTEX_WAITV_MAX: u32 = 128;

bitflags! {
    /// Flags of `futex_waitv(2)`, `futex_wake(2)` and their kin. The two lowest bits are the size.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Futex2Flags: u32 {
        /// The size of a futex of 32 bits, the only one that exists.
        const FUTEX2_SIZE_U32 = 0x02;
        /// Mask of the size.
        const FUTEX2_SIZE_MASK = 0x03;
        /// A node number follows the value.
        const FUTEX2_NUMA = 0x04;
        /// Placed by the memory policy.
        const FUTEX2_MPOL = 0x08;
        /// Only threads that share the address space use it.
        const FUTEX2_PRIVATE = 0x80;
    }
}

/// `struct futex_waitv`, 24 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FutexWaitv {
    /// The expected value.
    pub val: u64,
    /// The futex.
    pub uaddr: u64,
    /// [`Futex2Flags`].
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// The last argument of `FUTEX_WAKE_OP`: how to change the second futex, and what its old value
/// must be for a wake-up there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeOp {
    op: u32,
    operand: i32,
    comparison: u32,
    comparand: i32,
}

impl WakeOp {
    /// Takes the argument apart. What it asks for may still be unknown.
    pub const fn decode(encoded: u32) -> Self {
        let mut operand = (encoded << 8) as i32 >> 20;
        if encoded >> 31 != 0 {
            // FUTEX_OP_OPARG_SHIFT: the operand is a bit number; Linux cuts a wrong one to 5 bits.
            operand = 1 << (operand & 31);
        }
        Self {
            op: encoded >> 28 & 7,
            operand,
            comparison: encoded >> 24 & 0xf,
            comparand: (encoded << 20) as i32 >> 20,
        }
    }

    /// The futex's new value; `None` if the operation is unknown (`ENOSYS`).
    pub const fn apply(self, old: u32) -> Option<u32> {
        let operand = self.operand as u32;
        Some(match self.op {
            0 => operand,
            1 => old.wrapping_add(operand),
            2 => old | operand,
            3 => old & !operand,
            4 => old ^ operand,
            _ => return None,
        })
    }

    /// Whether the old value asks for a wake-up; `None` if the comparison is unknown (`ENOSYS`).
    pub const fn matches(self, old: u32) -> Option<bool> {
        let old = old as i32;
        Some(match self.comparison {
            0 => old == self.comparand,
            1 => old != self.comparand,
            2 => old < self.comparand,
            3 => old <= self.comparand,
            4 => old > self.comparand,
            5 => old >= self.comparand,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The macro `FUTEX_OP` of linux/futex.h.
    const fn encode(op: u32, operand: i32, comparison: u32, comparand: i32) -> u32 {
        op << 28 | comparison << 24 | (operand as u32 & 0xfff) << 12 | comparand as u32 & 0xfff
    }

    #[test]
    fn wake_op_changes_and_compares() {
        let add = WakeOp::decode(encode(1, -1, 4, -2));
        assert_eq!(add.apply(0), Some(u32::MAX));
        assert_eq!((add.matches(u32::MAX), add.matches(-2i32 as u32)), (Some(true), Some(false)));

        let set_bit = WakeOp::decode(encode(8 | 2, 31, 0, 0));
        assert_eq!(set_bit.apply(1), Some(0x8000_0001));
        assert_eq!(WakeOp::decode(encode(3, 6, 0, 0)).apply(7), Some(1));
    }

    #[test]
    fn unknown_wake_ops_are_told() {
        assert_eq!(WakeOp::decode(encode(5, 0, 0, 0)).apply(0), None);
        assert_eq!(WakeOp::decode(encode(0, 0, 6, 0)).matches(0), None);
    }
}
