//! Adjusting the clock: `adjtimex(2)`, `clock_adjtime(2)`.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::time::Timeval;

bitflags! {
    /// What is to be set.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct AdjFlags: u32 {
        /// Time offset.
        const ADJ_OFFSET = 0x0001;
        /// Frequency offset.
        const ADJ_FREQUENCY = 0x0002;
        /// Largest error.
        const ADJ_MAXERROR = 0x0004;
        /// Estimated error.
        const ADJ_ESTERROR = 0x0008;
        /// Status bits.
        const ADJ_STATUS = 0x0010;
        /// Time constant of the loop.
        const ADJ_TIMECONST = 0x0020;
        /// Offset from TAI.
        const ADJ_TAI = 0x0080;
        /// Add `time` to the clock.
        const ADJ_SETOFFSET = 0x0100;
        /// Count microseconds.
        const ADJ_MICRO = 0x1000;
        /// Count nanoseconds.
        const ADJ_NANO = 0x2000;
        /// Length of a tick.
        const ADJ_TICK = 0x4000;
        /// As the old `adjtime(3)`; with `ADJ_OFFSET`.
        const ADJ_ADJTIME = 0x8000;
    }
}

impl AdjFlags {
    /// Set the offset as `adjtime(3)` does.
    pub const ADJ_OFFSET_SINGLESHOT: Self = Self::ADJ_ADJTIME.union(Self::ADJ_OFFSET);
    /// Read that offset; needs no privilege.
    pub const ADJ_OFFSET_SS_READ: Self = Self::ADJ_OFFSET_SINGLESHOT.union(Self::ADJ_NANO);
}

/// Status bit: nobody has set the clock right.
pub const STA_UNSYNC: i32 = 0x0040;
/// Status bit: offsets are in nanoseconds.
pub const STA_NANO: i32 = 0x2000;
/// Clock state: fine.
pub const TIME_OK: i32 = 0;
/// Clock state: not synchronised.
pub const TIME_ERROR: i32 = 5;

/// `struct timex`, 208 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are Linux's, see adjtimex(2)")]
pub struct Timex {
    /// [`AdjFlags`].
    pub modes: u32,
    pub pad0: u32,
    pub offset: i64,
    pub freq: i64,
    pub maxerror: i64,
    pub esterror: i64,
    /// `STA_*`.
    pub status: i32,
    pub pad1: u32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub time: Timeval,
    pub tick: i64,
    pub ppsfreq: i64,
    pub jitter: i64,
    pub shift: i32,
    pub pad2: u32,
    pub stabil: i64,
    pub jitcnt: i64,
    pub calcnt: i64,
    pub errcnt: i64,
    pub stbcnt: i64,
    pub tai: i32,
    pub pad3: [u32; 11],
}
