//! Signals that were sent and not taken yet.
//!
//! A standard signal is pending once, whatever was sent; instances of a real-time signal queue in
//! order. The lowest number is taken first, except that a fault of the thread's own instruction
//! goes before everything (signal(7)).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::siginfo as code;
use abi::{SigSet, Signal};

use super::account::Charge;
use super::info::SigInfo;

/// Where a queued signal came from, if that has to know when it is taken.
pub trait SignalSource: Send + Sync {
    /// The signal is about to be taken: the last chance to fill in `info` (a timer's overrun).
    fn taken(self: Arc<Self>, info: &mut SigInfo);
    /// The signal was discarded without being taken.
    fn discarded(self: Arc<Self>);
}

/// One queued instance.
pub struct Queued {
    /// What comes with it.
    pub info: SigInfo,
    /// Who wants to know when it is taken.
    pub source: Option<Arc<dyn SignalSource>>,
    /// What it counts against RLIMIT_SIGPENDING.
    pub charge: Option<Charge>,
}

impl Queued {
    /// A signal without a source.
    pub fn new(info: SigInfo, charge: Option<Charge>) -> Self {
        Self { info, source: None, charge }
    }
}

/// A signal could not be queued for lack of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The signal is queued.
    Queued,
    /// It was pending already, and instances of it do not queue.
    Coalesced,
}

type RealtimeQueues = [VecDeque<Queued>; 33];

/// The pending signals of one thread, or of one process.
#[derive(Default)]
pub struct Pending {
    set: SigSet,
    /// At most one entry for each standard signal.
    standard: Vec<Queued>,
    /// Made when the first real-time signal comes.
    realtime: Option<Box<RealtimeQueues>>,
}

impl Pending {
    /// Which signals are pending.
    #[inline]
    pub fn set(&self) -> SigSet {
        self.set
    }

    /// Queues a signal.
    ///
    /// # Errors
    /// [`NoMemory`] when there is none for it.
    pub fn push(&mut self, queued: Queued) -> Result<Pushed, NoMemory> {
        let signal = queued.info.signal;
        if !signal.is_realtime() {
            if self.set.contains(signal) {
                return Ok(Pushed::Coalesced);
            }
            if self.standard.try_reserve(1).is_err() {
                return Err(NoMemory);
            }
            self.standard.push(queued);
        } else {
            let queues = self
                .realtime
                .get_or_insert_with(|| Box::new(core::array::from_fn(|_| VecDeque::new())));
            let queue = &mut queues[realtime_index(signal)];
            if queue.try_reserve(1).is_err() {
                return Err(NoMemory);
            }
            queue.push_back(queued);
        }
        self.set.insert(signal);
        Ok(Pushed::Queued)
    }

    /// Makes a signal pending although nothing could be queued for it: it will be taken with
    /// nothing but its number.
    pub fn push_bare(&mut self, signal: Signal) {
        self.set.insert(signal);
    }

    /// Takes the next signal that is not in `blocked`.
    pub fn pop(&mut self, blocked: SigSet) -> Option<Queued> {
        let signal = self.next(blocked)?;
        self.take(signal)
    }

    /// Takes the pending fault of an own instruction that is not in `blocked`, if there is one.
    pub fn pop_synchronous(&mut self, blocked: SigSet) -> Option<Queued> {
        let candidates = self.set.intersection(SigSet::SYNCHRONOUS).difference(blocked);
        if candidates.is_empty() {
            return None;
        }
        let fits = |queued: &&Queued| {
            queued.info.is_synchronous() && candidates.contains(queued.info.signal)
        };
        let signal = self.standard.iter().find(fits)?.info.signal;
        self.take(signal)
    }

    /// Discards every instance of the signals in `signals`, and says whether there was one.
    pub fn discard(&mut self, signals: SigSet) -> bool {
        let hit = self.set.intersection(signals);
        if hit.is_empty() {
            return false;
        }
        self.set = self.set.difference(hit);
        self.standard.retain_mut(|queued| {
            let gone = hit.contains(queued.info.signal);
            if gone && let Some(source) = queued.source.take() {
                source.discarded();
            }
            !gone
        });
        for signal in hit.iter().filter(|signal| signal.is_realtime()) {
            if let Some(queues) = &mut self.realtime {
                for queued in queues[realtime_index(signal)].drain(..) {
                    if let Some(source) = queued.source {
                        source.discarded();
                    }
                }
            }
        }
        true
    }

    /// Discards the instances that `source` queued (a deleted timer).
    pub fn discard_source(&mut self, source: &Arc<dyn SignalSource>) {
        let from_it = |queued: &Queued| {
            queued.source.as_ref().is_some_and(|other| Arc::ptr_eq(other, source))
        };
        self.standard.retain(|queued| {
            let gone = from_it(queued);
            if gone {
                self.set.remove(queued.info.signal);
            }
            !gone
        });
        let Some(queues) = &mut self.realtime else {
            return;
        };
        for signal in self.set.iter().filter(|signal| signal.is_realtime()) {
            let queue = &mut queues[realtime_index(signal)];
            let before = queue.len();
            queue.retain(|queued| !from_it(queued));
            if before != 0 && queue.is_empty() {
                self.set.remove(signal);
            }
        }
    }

    fn next(&self, blocked: SigSet) -> Option<Signal> {
        let ready = self.set.difference(blocked);
        ready.intersection(SigSet::SYNCHRONOUS).first().or(ready.first())
    }

    fn take(&mut self, signal: Signal) -> Option<Queued> {
        let queued = if signal.is_realtime() {
            let queue = self.realtime.as_mut().map(|queues| &mut queues[realtime_index(signal)]);
            let queued = queue.and_then(VecDeque::pop_front);
            let more = self
                .realtime
                .as_ref()
                .is_some_and(|queues| !queues[realtime_index(signal)].is_empty());
            if !more {
                self.set.remove(signal);
            }
            queued
        } else {
            self.set.remove(signal);
            let index = self.standard.iter().position(|queued| queued.info.signal == signal);
            index.map(|index| self.standard.swap_remove(index))
        };
        // What lost its details for lack of memory looks like a kill(2) from nowhere.
        let bare = || Queued::new(SigInfo::from_process(signal, code::SI_USER, 0, 0), None);
        Some(queued.unwrap_or_else(bare))
    }
}

fn realtime_index(signal: Signal) -> usize {
    signal.index() - Signal::SIGRTMIN.index()
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::addr::UserAddr;
    use proptest::prelude::*;

    fn signal(number: u32) -> Signal {
        Signal::new(number).expect("1 to 64")
    }

    fn sent(number: u32, pid: u32) -> Queued {
        let code = if number < 32 { code::SI_USER } else { code::SI_QUEUE };
        Queued::new(SigInfo::from_process(signal(number), code, pid, 0), None)
    }

    fn pushed(pending: &mut Pending, number: u32, pid: u32) -> Pushed {
        pending.push(sent(number, pid)).expect("memory")
    }

    fn taken(pending: &mut Pending, blocked: SigSet) -> Option<(u32, u32)> {
        pending.pop(blocked).map(|queued| (queued.info.signal.number(), queued.info.pid()))
    }

    #[test]
    fn standard_signals_coalesce_and_keep_the_first_sender() {
        let mut pending = Pending::default();
        assert_eq!(pushed(&mut pending, 10, 1), Pushed::Queued);
        assert_eq!(pushed(&mut pending, 10, 2), Pushed::Coalesced);
        assert_eq!(taken(&mut pending, SigSet::EMPTY), Some((10, 1)));
        assert_eq!(taken(&mut pending, SigSet::EMPTY), None);
    }

    #[test]
    fn realtime_signals_queue_in_order_lowest_number_first() {
        let mut pending = Pending::default();
        for (number, pid) in [(40, 1), (35, 2), (40, 3), (35, 4), (64, 5), (32, 6)] {
            assert_eq!(pushed(&mut pending, number, pid), Pushed::Queued);
        }
        let order: Vec<_> = core::iter::from_fn(|| taken(&mut pending, SigSet::EMPTY)).collect();
        assert_eq!(order, [(32, 6), (35, 2), (35, 4), (40, 1), (40, 3), (64, 5)]);
        assert!(pending.set().is_empty());
    }

    #[test]
    fn blocked_signals_stay() {
        let mut pending = Pending::default();
        pushed(&mut pending, 1, 1);
        pushed(&mut pending, 2, 2);
        let blocked = SigSet::of(&[Signal::SIGHUP]);
        assert_eq!(taken(&mut pending, blocked), Some((2, 2)));
        assert_eq!(taken(&mut pending, blocked), None);
        assert_eq!(pending.set(), blocked);
    }

    #[test]
    fn an_own_fault_goes_first_and_a_sent_one_does_not() {
        let mut pending = Pending::default();
        pushed(&mut pending, 1, 1);
        pushed(&mut pending, 7, 1);
        assert!(pending.pop_synchronous(SigSet::EMPTY).is_none());
        let fault = SigInfo::fault(Signal::SIGSEGV, code::SEGV_MAPERR, UserAddr::new(4));
        assert!(pending.push(Queued::new(fault, None)).is_ok());
        let queued = pending.pop_synchronous(SigSet::EMPTY).expect("the fault");
        assert_eq!(queued.info, fault);
        assert!(pending.pop_synchronous(SigSet::EMPTY).is_none());
    }

    #[test]
    fn a_bare_signal_is_taken_like_a_kill_from_nowhere() {
        let mut pending = Pending::default();
        pending.push_bare(signal(12));
        pending.push_bare(signal(50));
        assert_eq!(taken(&mut pending, SigSet::EMPTY), Some((12, 0)));
        assert_eq!(taken(&mut pending, SigSet::EMPTY), Some((50, 0)));
        assert!(pending.set().is_empty());
    }

    #[test]
    fn discarding_takes_every_instance() {
        let mut pending = Pending::default();
        for number in [18, 20, 40, 40, 41] {
            pushed(&mut pending, number, 1);
        }
        assert!(pending.discard(SigSet::STOP.with(signal(40))));
        assert!(!pending.discard(SigSet::STOP));
        assert_eq!(pending.set(), SigSet::of(&[Signal::SIGCONT, signal(41)]));
    }

    proptest! {
        /// Against a list of everything sent: each pop is the oldest of the lowest signal (faults'
        /// signals first), and the set always tells the truth.
        #[test]
        fn behaves_like_a_sorted_list(
            steps in prop::collection::vec((0u8..4, 1u32..65, any::<u64>()), 0..200)
        ) {
            let mut pending = Pending::default();
            let mut model: Vec<(u32, u32)> = Vec::new();
            for (pid, (what, number, bits)) in (1..).zip(steps) {
                match what {
                    0 | 1 => {
                        pushed(&mut pending, number, pid);
                        if number >= 32 || model.iter().all(|&(other, _)| other != number) {
                            model.push((number, pid));
                        }
                    }
                    2 => {
                        let blocked = SigSet(bits);
                        let urgent = |n: u32| u8::from(!SigSet::SYNCHRONOUS.contains(signal(n)));
                        let expected = model
                            .iter()
                            .copied()
                            .filter(|&(n, _)| !blocked.contains(signal(n)))
                            .min_by_key(|&(n, pid)| (urgent(n), n, pid));
                        model.retain(|&entry| Some(entry) != expected);
                        prop_assert_eq!(taken(&mut pending, blocked), expected);
                    }
                    _ => {
                        let some = SigSet(bits & bits.rotate_left(7));
                        pending.discard(some);
                        model.retain(|&(n, _)| !some.contains(signal(n)));
                    }
                }
                let mut set = SigSet::EMPTY;
                model.iter().for_each(|&(n, _)| set.insert(signal(n)));
                prop_assert_eq!(pending.set(), set);
            }
        }
    }
}
