//! The table of actions, as small as a program's use of it.
//!
//! Most programs change a handful of signals' actions. The table holds those, in the order of the
//! signals, and a set that says which they are: so fork copies a few words, not 64 entries.

use alloc::vec::Vec;

use abi::{SigSet, Signal};

use super::action::Action;

/// The actions that were set, at their signal's rank within `present`.
#[derive(Clone, Default)]
pub(super) struct ActionTable {
    present: SigSet,
    actions: Vec<Action>,
}

impl ActionTable {
    /// How many signals in the table come before `signal`.
    fn rank(&self, signal: Signal) -> usize {
        let below = (1u64 << signal.index()) - 1;
        (self.present.0 & below).count_ones() as usize
    }

    /// The action for `signal`.
    #[inline]
    pub(super) fn get(&self, signal: Signal) -> Action {
        if self.present.contains(signal) {
            self.actions[self.rank(signal)]
        } else {
            Action::DEFAULT
        }
    }

    /// Sets the action for `signal`, and returns the old one.
    pub(super) fn replace(&mut self, signal: Signal, action: Action) -> Action {
        let rank = self.rank(signal);
        if self.present.contains(signal) {
            return core::mem::replace(&mut self.actions[rank], action);
        }
        if action != Action::DEFAULT {
            self.actions.insert(rank, action);
            self.present.insert(signal);
        }
        Action::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::signal::Handler;

    #[test]
    fn behaves_like_an_array() {
        let mut table = ActionTable::default();
        let mut model = [Action::DEFAULT; Signal::COUNT];
        let mut seed = 1u32;
        for _ in 0..2000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let signal = Signal::new(1 + (seed >> 16) % 64).expect("1 to 64");
            let handler = if seed & 256 == 0 { Handler::Ignore } else { Handler::Default };
            let action = Action { handler, ..Action::DEFAULT };
            let old = core::mem::replace(&mut model[signal.index()], action);
            assert_eq!(table.replace(signal, action), old);
            for signal in Signal::all() {
                assert_eq!(table.get(signal), model[signal.index()]);
            }
        }
    }
}
