//! How a register becomes an argument.
//!
//! Linux's entry code hands over six 64-bit registers and each call takes from them what its C
//! prototype says: an `int` is the low 32 bits, whatever the upper half holds. [`FromReg`] is that
//! rule, once per type.

use machine::addr::UserAddr;
use machine::user::Registers;

/// A value that a system call takes from one register.
pub trait FromReg {
    /// The value as Linux would read it; never fails, validation is the handler's.
    fn from_reg(reg: u64) -> Self;
}

macro_rules! truncating {
    ($($ty:ty),*) => {$(
        impl FromReg for $ty {
            #[inline(always)]
            fn from_reg(reg: u64) -> Self {
                reg as $ty
            }
        }
    )*};
}
truncating!(i32, u32, i64, u64, usize, u16);

impl FromReg for UserAddr {
    #[inline(always)]
    fn from_reg(reg: u64) -> Self {
        UserAddr::new(reg)
    }
}

/// A file descriptor argument: the low 32 bits, negative ones are simply not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

impl FromReg for Fd {
    #[inline(always)]
    fn from_reg(reg: u64) -> Self {
        Self(reg as i32)
    }
}

/// The argument registers in calling order; each [`Args::take`] moves on by one.
pub struct Args<'a> {
    regs: &'a Registers,
    next: u8,
}

impl<'a> Args<'a> {
    /// The arguments of the call in `regs`.
    #[inline(always)]
    pub fn new(regs: &'a Registers) -> Self {
        Self { regs, next: 0 }
    }

    /// The next argument. The ABI has six; a seventh is a mistake in the table.
    #[inline(always)]
    pub fn take<T: FromReg>(&mut self) -> T {
        let regs = self.regs;
        let reg = match self.next {
            0 => regs.rdi,
            1 => regs.rsi,
            2 => regs.rdx,
            3 => regs.r10,
            4 => regs.r8,
            _ => regs.r9,
        };
        self.next += 1;
        T::from_reg(reg)
    }
}
