//! The host's processors, as far as anybody asks.

use crate::cpu::{CpuId, CpuSet, MAX_CPUS};

/// All of them: host threads come and go.
pub fn online() -> CpuSet {
    CpuSet::from_bits(u64::MAX >> (64 - MAX_CPUS))
}

/// See the public function.
pub fn halt_until_interrupt(skip: impl FnOnce() -> bool) {
    super::deferred::halt_until_interrupt(skip);
}

/// There are no others to start: host threads are processors.
pub fn start_others(_entry: fn(CpuId) -> !) {}

/// A name.
pub fn with_brand<R>(f: impl FnOnce(&str) -> R) -> R {
    f("simulated")
}

/// A maker.
pub fn with_vendor<R>(f: impl FnOnce(&str) -> R) -> R {
    f("Oxbow")
}

/// Family, model and stepping.
pub fn family_model_stepping() -> (u8, u8, u8) {
    (0, 0, 0)
}

/// None that matter.
pub fn feature_names() -> impl Iterator<Item = &'static str> {
    core::iter::empty()
}

/// No feature bits.
pub fn hwcap() -> u64 {
    0
}

/// No feature bits.
pub fn hwcap2() -> u64 {
    0
}

/// What an FXSAVE frame takes.
pub fn min_sigstack() -> usize {
    1040
}
