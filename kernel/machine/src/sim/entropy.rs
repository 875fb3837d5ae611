//! Random bytes of the host's hash seeds: enough for tests.

use std::hash::{BuildHasher, RandomState};

/// Fills `to`.
pub fn fill(to: &mut [u8]) {
    let state = RandomState::new();
    for (i, chunk) in to.chunks_mut(8).enumerate() {
        let bytes = state.hash_one(i).to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
}

/// It is not from a generator.
pub fn is_hardware() -> bool {
    false
}
