//! Processors; see the public module.

use raw_cpuid::CpuId as Leaves;
use x86_64::instructions::interrupts;

use super::percpu::{self, attention};
use super::{deferred, features, fpu, irq, smp};
use crate::cpu::CpuSet;

pub use smp::start_others;

/// The processors that run.
pub fn online() -> CpuSet {
    smp::online()
}

/// See the public function.
pub fn halt_until_interrupt(skip: impl FnOnce() -> bool) {
    crate::sync::assert_may_sleep();
    interrupts::disable();
    if percpu::attention() & attention::PENDING != 0 || skip() {
        interrupts::enable();
    } else {
        // The instruction after sti still belongs to it, so that no interrupt gets lost in between.
        interrupts::enable_and_hlt();
    }
    deferred::run_if_pending();
}

/// Sends the interrupt that makes processors look at their TLB requests.
pub(super) fn send_flush(cpus: CpuSet) {
    for cpu in cpus.iter() {
        irq::send(cpu, irq::FLUSH_USER);
    }
}

/// The processor's name, as /proc/cpuinfo shows it, into `f`.
pub fn with_brand<R>(f: impl FnOnce(&str) -> R) -> R {
    match Leaves::new().get_processor_brand_string() {
        Some(brand) => f(brand.as_str().trim()),
        None => f("unknown"),
    }
}

/// The maker's name, such as `GenuineIntel`, into `f`.
pub fn with_vendor<R>(f: impl FnOnce(&str) -> R) -> R {
    match Leaves::new().get_vendor_info() {
        Some(vendor) => f(vendor.as_str()),
        None => f("unknown"),
    }
}

/// Family, model and stepping.
pub fn family_model_stepping() -> (u8, u8, u8) {
    Leaves::new()
        .get_feature_info()
        .map_or((0, 0, 0), |info| (info.family_id(), info.model_id(), info.stepping_id()))
}

/// The names of the features that matter to user programs, as Linux writes them in /proc/cpuinfo.
pub fn feature_names() -> impl Iterator<Item = &'static str> {
    let leaves = Leaves::new();
    let basic = leaves.get_feature_info();
    let extended = leaves.get_extended_feature_info();
    let amd = leaves.get_extended_processor_and_feature_identifiers();
    let avx = fpu::xfeatures() & 4 != 0;
    let basic = move |name, has: fn(&raw_cpuid::FeatureInfo) -> bool| {
        basic.as_ref().is_some_and(has).then_some(name)
    };
    let extended = move |name, has: fn(&raw_cpuid::ExtendedFeatures) -> bool| {
        extended.as_ref().is_some_and(has).then_some(name)
    };
    let amd = move |name, has: fn(&raw_cpuid::ExtendedProcessorFeatureIdentifiers) -> bool| {
        amd.as_ref().is_some_and(has).then_some(name)
    };
    [
        basic("fpu", |info| info.has_fpu()),
        basic("tsc", |info| info.has_tsc()),
        basic("msr", |info| info.has_msr()),
        basic("pae", |info| info.has_pae()),
        basic("cx8", |info| info.has_cmpxchg8b()),
        basic("apic", |info| info.has_apic()),
        basic("pge", |info| info.has_pge()),
        basic("cmov", |info| info.has_cmov()),
        basic("mmx", |info| info.has_mmx()),
        basic("fxsr", |info| info.has_fxsave_fxstor()),
        basic("sse", |info| info.has_sse()),
        basic("sse2", |info| info.has_sse2()),
        amd("syscall", |info| info.has_syscall_sysret()),
        amd("nx", |info| info.has_execute_disable()),
        amd("pdpe1gb", |info| info.has_1gib_pages()),
        amd("rdtscp", |info| info.has_rdtscp()),
        amd("lm", |info| info.has_64bit_mode()),
        basic("pni", |info| info.has_sse3()),
        basic("pclmulqdq", |info| info.has_pclmulqdq()),
        basic("ssse3", |info| info.has_ssse3()),
        basic("fma", |info| info.has_fma()).filter(|_| avx),
        basic("cx16", |info| info.has_cmpxchg16b()),
        basic("sse4_1", |info| info.has_sse41()),
        basic("sse4_2", |info| info.has_sse42()),
        basic("x2apic", |info| info.has_x2apic()),
        basic("movbe", |info| info.has_movbe()),
        basic("popcnt", |info| info.has_popcnt()),
        basic("aes", |info| info.has_aesni()),
        basic("xsave", |info| info.has_xsave()),
        basic("avx", |info| info.has_avx()).filter(|_| avx),
        basic("rdrand", |info| info.has_rdrand()),
        basic("hypervisor", |info| info.has_hypervisor()),
        amd("lahf_lm", |info| info.has_lahf_sahf()),
        extended("fsgsbase", |info| info.has_fsgsbase()),
        extended("bmi1", |info| info.has_bmi1()),
        extended("avx2", |info| info.has_avx2()).filter(|_| avx),
        extended("smep", |info| info.has_smep()),
        extended("bmi2", |info| info.has_bmi2()),
        extended("erms", |info| info.has_rep_movsb_stosb()),
        extended("rdseed", |info| info.has_rdseed()),
        extended("adx", |info| info.has_adx()),
        extended("smap", |info| info.has_smap()),
        extended("umip", |info| info.has_umip()),
    ]
    .into_iter()
    .flatten()
}

/// `AT_HWCAP`: the feature bits of CPUID leaf 1 in edx, as on Linux.
pub fn hwcap() -> u64 {
    u64::from(core::arch::x86_64::__cpuid(1).edx)
}

/// `AT_HWCAP2`: bit 1 says that user mode may use the FSGSBASE instructions.
pub fn hwcap2() -> u64 {
    if features::get().fsgsbase { 2 } else { 0 }
}

/// `AT_MINSIGSTKSZ`: the most bytes that delivering a signal puts on the stack. The frame itself, the
/// extended state with its trailing magic, and the alignment of both.
pub fn min_sigstack() -> usize {
    const FRAME: usize = 8 + 304 + 128;
    (FRAME + 63 + fpu::size() + 4 + 15).next_multiple_of(16)
}
