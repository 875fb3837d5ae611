//! Random bytes: ChaCha20 keyed by the processor's generator; see the public module.
//!
//! Each request makes a fresh key first (fast key erasure), so that bytes given out before can not be
//! computed from the state. Where the processor has neither RDSEED nor RDRAND the key comes from the jitter of
//! the time stamp counter and the date, which is the best a machine without any device offers: good
//! against accidents, not against a determined attacker who controls the machine.

use core::arch::asm;

use super::{features, time};
use crate::pure::chacha;
use crate::sync::{Rank, SpinLock};

struct Generator {
    key: [u32; 8],
    seeded: bool,
    /// Blocks made since hardware was asked for fresh bits.
    age: u32,
}

static GENERATOR: SpinLock<Generator> =
    SpinLock::new(Rank(249), Generator { key: [0; 8], seeded: false, age: 0 });

/// Fresh bits of the hardware are mixed in after this many requests.
const RESEED: u32 = 256;

/// Fills `to` with random bytes.
pub fn fill(to: &mut [u8]) {
    // One key per request; the bytes are made without the lock.
    let mut key = [0; 8];
    {
        let mut generator = GENERATOR.lock();
        if !generator.seeded || generator.age >= RESEED {
            generator.reseed();
        }
        generator.age += 1;
        let block = chacha::block(&generator.key, 0);
        generator.key.copy_from_slice(&block[..8]);
        key.copy_from_slice(&block[8..]);
    }
    if to.len() <= size_of_val(&key) {
        // Few bytes: the key itself will do.
        return copy_words(to, &key);
    }
    for (counter, chunk) in to.chunks_mut(64).enumerate() {
        copy_words(chunk, &chacha::block(&key, counter as u64));
    }
}

fn copy_words(to: &mut [u8], words: &[u32]) {
    for (word, bytes) in words.iter().zip(to.chunks_mut(4)) {
        bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
    }
}

/// Whether the bits come from a hardware generator.
pub fn is_hardware() -> bool {
    features::get().rdseed || features::get().rdrand
}

impl Generator {
    fn reseed(&mut self) {
        for word in &mut self.key {
            let fresh = hardware().unwrap_or_else(jitter);
            *word = word.rotate_left(7) ^ fresh as u32 ^ (fresh >> 32) as u32;
        }
        let block = chacha::block(&self.key, time::cycles());
        self.key.copy_from_slice(&block[..8]);
        self.seeded = true;
        self.age = 0;
    }
}

/// 64 bits of the processor's generator. It may run dry for a moment, so it is asked a few times.
fn hardware() -> Option<u64> {
    let features = features::get();
    for _ in 0..32 {
        let (value, good): (u64, u8);
        // SAFETY: 1. CPUID says that the instruction exists.
        unsafe {
            if features.rdseed {
                asm!("rdseed {}", "setc {}", out(reg) value, out(reg_byte) good, options(nomem, nostack));
            } else if features.rdrand {
                asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) good, options(nomem, nostack));
            } else {
                return None;
            }
        }
        if good != 0 {
            return Some(value);
        }
    }
    None
}

/// The low bits of the counter over code whose speed depends on caches, interrupts and the host.
fn jitter() -> u64 {
    let mut pool = time::wall_at_boot() as u64;
    for _ in 0..256 {
        let before = time::cycles();
        let wait = before & 31;
        for _ in 0..wait {
            core::hint::spin_loop();
        }
        pool = pool.rotate_left(5) ^ time::cycles().wrapping_sub(before) ^ before;
    }
    pool
}
