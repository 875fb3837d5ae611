//! Scheduling policies, nice levels and their weights (sched(7)).
//!
//! Real-time tasks are not throttled (Linux leaves 5 % to the others by default): one that never
//! sleeps keeps its processor, as sched(7) describes it for `sched_rt_runtime_us` of -1.

/// The lowest and the highest nice value.
pub const NICE_MIN: i32 = -20;
/// The weakest nice value.
pub const NICE_MAX: i32 = 19;
/// The highest real-time priority of `SCHED_FIFO` and `SCHED_RR`.
pub const RT_PRIORITY_MAX: u8 = 99;
/// The time slice of `SCHED_RR`, as `sched_rr_get_interval` reports it.
pub const RR_SLICE_NS: u64 = 100_000_000;
/// The weight of nice 0; virtual time runs at the speed of real time for it.
pub const NICE_0_WEIGHT: u64 = 1024;
/// The weight of `SCHED_IDLE`: less than nice 19's.
const IDLE_WEIGHT: u64 = 3;

/// How a task competes for its processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Shares the processor by weight (`SCHED_OTHER`).
    Other,
    /// As `Other`, but never preempts by waking up (`SCHED_BATCH`).
    Batch,
    /// Only what the others leave (`SCHED_IDLE`).
    Idle,
    /// Runs until it blocks, yields or a higher priority wakes (`SCHED_FIFO`).
    Fifo(u8),
    /// As `Fifo`, taking turns with its equals (`SCHED_RR`).
    RoundRobin(u8),
}

impl Policy {
    /// The real-time priority, 1 to 99, or `None` for the fair policies.
    pub fn rt_priority(self) -> Option<u8> {
        match self {
            Self::Fifo(priority) | Self::RoundRobin(priority) => Some(priority),
            Self::Other | Self::Batch | Self::Idle => None,
        }
    }

    /// Packs the policy into a word, so that a task can keep it in an atomic.
    pub(super) fn to_bits(self) -> u32 {
        match self {
            Self::Other => 0,
            Self::Batch => 1,
            Self::Idle => 2,
            Self::Fifo(priority) => 3 | u32::from(priority) << 8,
            Self::RoundRobin(priority) => 4 | u32::from(priority) << 8,
        }
    }

    /// The inverse of `to_bits`.
    pub(super) fn from_bits(bits: u32) -> Self {
        let priority = bits.to_le_bytes()[1];
        match bits & 0xff {
            0 => Self::Other,
            1 => Self::Batch,
            2 => Self::Idle,
            3 => Self::Fifo(priority),
            _ => Self::RoundRobin(priority),
        }
    }
}

/// The weight of each nice level: one step is about 10 % of a processor against an equal, that is a
/// factor of 1.25 in weight. Rounded so that nice 0 is 1024.
const WEIGHTS: [u64; 40] = nice_weights();

const fn nice_weights() -> [u64; 40] {
    let mut weights = [NICE_0_WEIGHT; 40];
    // Fixed point with 20 fraction bits, from nice 0 outwards.
    let mut up = NICE_0_WEIGHT << 20;
    let mut down = NICE_0_WEIGHT << 20;
    let mut step = 1;
    while step <= 20 {
        up = up * 5 / 4;
        weights[20 - step] = (up + (1 << 19)) >> 20;
        if step < 20 {
            down = down * 4 / 5;
            weights[20 + step] = (down + (1 << 19)) >> 20;
        }
        step += 1;
    }
    weights
}

/// The weight of a fair task with this policy and nice value.
pub fn weight(policy: Policy, nice: i32) -> u64 {
    if policy == Policy::Idle {
        return IDLE_WEIGHT;
    }
    let nice = nice.clamp(NICE_MIN, NICE_MAX);
    let index = usize::try_from(nice - NICE_MIN).expect("invariant: nice was clamped");
    WEIGHTS[index]
}

/// Real time as virtual time of a task with `weight`.
pub(super) fn virtual_time(ns: u64, weight: u64) -> u64 {
    if weight == NICE_0_WEIGHT {
        return ns;
    }
    // Runs are far shorter than 2^54 ns (200 days), so the product does not overflow.
    ns.saturating_mul(NICE_0_WEIGHT) / weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_step_by_a_quarter() {
        assert_eq!(weight(Policy::Other, 0), 1024);
        assert_eq!(weight(Policy::Other, 1), 819);
        assert_eq!(weight(Policy::Other, -1), 1280);
        for nice in NICE_MIN..NICE_MAX {
            assert!(weight(Policy::Other, nice) > weight(Policy::Other, nice + 1));
        }
        assert!(weight(Policy::Idle, -20) < weight(Policy::Other, 19));
    }

    #[test]
    fn policies_survive_packing() {
        for policy in
            [Policy::Other, Policy::Batch, Policy::Idle, Policy::Fifo(1), Policy::RoundRobin(99)]
        {
            assert_eq!(Policy::from_bits(policy.to_bits()), policy);
        }
    }
}
