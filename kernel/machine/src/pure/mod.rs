//! Small pure functions of the hardware backend, apart so that the host's tests reach them.

pub(crate) mod aml;
pub(crate) mod calendar;
pub(crate) mod chacha;
pub(crate) mod symbols;
