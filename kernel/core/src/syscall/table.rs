//! The system-call table: one row per call that Oxbow has.
//!
//! A row names the call, its parameters as Linux's prototype has them, the handler, and how much of
//! Linux's behaviour is there. `SYSCALLS.md` in this folder is generated from it
//! (`cargo xtask syscalls`), and what has no row answers `ENOSYS`.

use super::args::{Args, Fd};
use crate::error::Result;
use crate::task::CurrentThread;
use machine::addr::UserAddr;

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything that its man page describes.
    Full,
    /// What is written here is missing and refused.
    Partial(&'static str),
}

/// One row of the table, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Linux's number.
    pub number: u64,
    /// Linux's name.
    pub name: &'static str,
    /// `name: type` of each parameter.
    pub parameters: &'static [&'static str],
    /// How complete it is.
    pub status: Status,
}

macro_rules! syscalls {
    ($($name:ident($($arg:ident: $ty:ty),*) => $family:ident, $status:expr;)*) => {
        #[expect(non_upper_case_globals, reason = "these are the names of the calls")]
        mod numbers {
            $(pub const $name: u64 = abi::Sysno::$name as u64;)*
        }

        /// Calls the handler of system call `number` with the arguments in `cx`'s registers.
        ///
        /// # Errors
        /// `ENOSYS` when the table has no such row; else what the handler says.
        pub fn call(cx: &mut CurrentThread, number: u64) -> Result<usize> {
            match number {
                $(numbers::$name => {
                    #[allow(unused_mut, unused_variables, reason = "calls without parameters")]
                    let mut args = Args::new(&cx.user.regs);
                    $(let $arg = args.take::<$ty>();)*
                    super::$family::$name(cx, $($arg),*)
                })*
                _ => super::absent(number),
            }
        }

        /// Every call that Oxbow has, in the order of the table.
        pub const TABLE: &[Row] = &[
            $(Row {
                number: numbers::$name,
                name: stringify!($name),
                parameters: &[$(concat!(stringify!($arg), ": ", stringify!($ty))),*],
                status: $status,
            },)*
        ];
    };
}

use Status::{Full, Partial};
