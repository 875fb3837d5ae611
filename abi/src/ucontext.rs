//! The machine state on a signal frame: `struct ucontext`, `struct sigcontext` and the FPU's area.

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{SigAltStack, SigInfo, SigSet};

bitflags! {
    /// What a [`UContext`] holds (`UC_*`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UcFlags: u64 {
        /// There is extended state behind the FPU's legacy area.
        const UC_FP_XSTATE = 0x1;
        /// `ss` is valid.
        const UC_SIGCONTEXT_SS = 0x2;
        /// `rt_sigreturn(2)` restores `ss` as it is.
        const UC_STRICT_RESTORE_SS = 0x4;
    }
}

/// `struct sigcontext`, 256 bytes: the registers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are registers")]
pub struct SigContext {
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub rdx: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rsp: u64,
    pub rip: u64,
    pub eflags: u64,
    pub cs: u16,
    /// Written as 0 and not read.
    pub gs: u16,
    /// Written as 0 and not read.
    pub fs: u16,
    pub ss: u16,
    /// Error code of the last exception.
    pub err: u64,
    /// Vector of the last exception.
    pub trapno: u64,
    /// The signals that were blocked, as in `uc_sigmask`.
    pub oldmask: u64,
    /// Address of the last page fault.
    pub cr2: u64,
    /// Address of an [`FxsaveArea`], 64-byte aligned; 0 if the FPU was never used.
    pub fpstate: u64,
    pub reserved1: [u64; 8],
}

/// `struct ucontext`, 304 bytes: what a handler's third argument points to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct UContext {
    /// [`UcFlags`].
    pub uc_flags: u64,
    /// Always 0.
    pub uc_link: u64,
    /// The alternate stack as it was.
    pub uc_stack: SigAltStack,
    /// The registers.
    pub uc_mcontext: SigContext,
    /// The signals that were blocked.
    pub uc_sigmask: SigSet,
}

/// `struct rt_sigframe`, 440 bytes: what lies on the stack when a handler is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RtSigFrame {
    /// The handler's return address: `sa_restorer`.
    pub pretcode: u64,
    /// The handler's third argument.
    pub uc: UContext,
    /// The handler's second argument.
    pub info: SigInfo,
}

/// `struct _fpx_sw_bytes`, 48 bytes at the end of the legacy area: how much state follows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FpxSwBytes {
    /// [`FP_XSTATE_MAGIC1`], or 0 if nothing follows.
    pub magic1: u32,
    /// Size of everything, with the [`FP_XSTATE_MAGIC2`] at the end.
    pub extended_size: u32,
    /// Which states are there.
    pub xfeatures: u64,
    /// Size without the `FP_XSTATE_MAGIC2`.
    pub xstate_size: u32,
    /// Padding.
    pub padding: [u32; 7],
}

/// In [`FpxSwBytes`]: extended state follows.
pub const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// Behind the extended state, to tell that all of it is there.
pub const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
/// Size of `FP_XSTATE_MAGIC2`.
pub const FP_XSTATE_MAGIC2_SIZE: usize = 4;

/// The 512 bytes of `FXSAVE64` (`struct _fpstate`), also `struct user_fpregs_struct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the fields are registers")]
pub struct FxsaveArea {
    pub cwd: u16,
    pub swd: u16,
    /// The abridged tag word.
    pub twd: u16,
    pub fop: u16,
    pub rip: u64,
    pub rdp: u64,
    pub mxcsr: u32,
    pub mxcsr_mask: u32,
    /// ST0 to ST7, 16 bytes each.
    pub st_space: [u32; 32],
    /// XMM0 to XMM15, 16 bytes each.
    pub xmm_space: [u32; 64],
    pub reserved: [u32; 12],
    pub sw_reserved: FpxSwBytes,
}

/// The header of an `XSAVE` area, 64 bytes behind the legacy area (Intel SDM volume 1, 13.4.2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct XsaveHeader {
    /// Which states are not in their initial configuration.
    pub xstate_bv: u64,
    /// The compacted format's states; 0 in the standard format, which is what user space sees.
    pub xcomp_bv: u64,
    /// Must be 0.
    pub reserved: [u64; 6],
}
