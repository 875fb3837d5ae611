//! Where the parts of a new program go: stack, mappings, programs that can be anywhere, heap.
//!
//! The numbers are Linux's for x86_64, with and without randomisation, since debuggers, sanitizers
//! and garbage collectors know them.

use machine::addr::{PAGE_SIZE, USER_END};

use crate::mm::vma::STACK_GUARD_GAP;

const PAGE: u64 = PAGE_SIZE as u64;
/// Programs with an interpreter go up from here (`ELF_ET_DYN_BASE`): two thirds of user space.
const DYN_BASE: u64 = (USER_END.as_u64() / 3 * 2) & !(PAGE - 1);
/// Bits of randomness of mappings and programs, in pages.
const MAP_BITS: u32 = 28;
/// Bits of randomness of the stack, in pages.
const STACK_BITS: u32 = 22;
/// How far the heap may be from the program.
const BRK_RANGE: u64 = 1 << 30;
/// How far the first stack pointer may be from the strings.
const STACK_GAP: u64 = 8192;
/// The least and the most room that is kept for the stack.
const STACK_ROOM: (u64, u64) = (128 << 20, USER_END.as_u64() / 6 * 5);

/// Where the parts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// One past the highest byte of the stack.
    pub stack_top: u64,
    /// Bytes to leave free on the stack.
    pub stack_gap: u64,
    /// Mappings go down from here.
    pub mmap_base: u64,
    /// Relocatable programs with an interpreter go up from here.
    pub dyn_base: u64,
    /// How far the heap begins behind the program.
    pub brk_gap: u64,
}

impl Places {
    /// Chooses for a stack that may grow to `stack_limit` bytes, at random unless `random` is
    /// `None`.
    pub fn choose(stack_limit: u64, random: Option<[u64; 2]>) -> Self {
        let bits = |word: u64, bits: u32| (word & ((1 << bits) - 1)) * PAGE;
        let Some([high, low]) = random else {
            return Self {
                stack_top: USER_END.as_u64(),
                stack_gap: 0,
                mmap_base: mmap_base(stack_limit, 0),
                dyn_base: DYN_BASE,
                brk_gap: 0,
            };
        };
        // Randomness is dear, so the words are cut up: 22 + 28 bits, and 28 + 13 + 18.
        let (stack, map) = (high, high >> STACK_BITS);
        let (dynamic, gap, brk) = (low, low >> MAP_BITS, low >> (MAP_BITS + 13));
        Self {
            stack_top: USER_END.as_u64() - bits(stack, STACK_BITS),
            stack_gap: gap % STACK_GAP,
            mmap_base: mmap_base(stack_limit, bits(u64::MAX, STACK_BITS)) - bits(map, MAP_BITS),
            dyn_base: DYN_BASE + bits(dynamic, MAP_BITS),
            brk_gap: (brk % BRK_RANGE) & !(PAGE - 1),
        }
    }
}

/// The top of the mappings: below the stack's room, its guard gap, and how far it may be moved.
fn mmap_base(stack_limit: u64, stack_random: u64) -> u64 {
    let pad = STACK_GUARD_GAP + stack_random;
    let room = stack_limit.checked_add(pad).unwrap_or(stack_limit);
    (USER_END.as_u64() - room.clamp(STACK_ROOM.0, STACK_ROOM.1)) & !(PAGE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_randomness_the_places_are_the_well_known_ones() {
        let places = Places::choose(8 << 20, None);
        assert_eq!(places.stack_top, 0x7fff_ffff_f000);
        assert_eq!(places.mmap_base, 0x7fff_f7ff_f000);
        assert_eq!(places.dyn_base, 0x5555_5555_4000);
        assert_eq!((places.brk_gap, places.stack_gap), (0, 0));
        let unlimited = Places::choose(u64::MAX, None);
        assert!(unlimited.mmap_base < 0x2000_0000_0000);
    }

    proptest! {
        #[test]
        fn parts_stay_apart(limit in any::<u64>(), random in any::<[u64; 2]>()) {
            let places = Places::choose(limit, Some(random));
            let lowest_stack = places.stack_top - limit.min(64 << 20);
            prop_assert!(places.stack_top <= USER_END.as_u64());
            prop_assert!(places.mmap_base + STACK_GUARD_GAP <= lowest_stack);
            for place in [places.stack_top, places.mmap_base, places.dyn_base, places.brk_gap] {
                prop_assert_eq!(place % PAGE, 0);
            }
            prop_assert!(places.dyn_base >= DYN_BASE && places.stack_gap < STACK_GAP);
        }
    }
}
