//! The table without threads: who is woken, who is moved, who stays.

use alloc::sync::Arc;
use alloc::vec::Vec;
use proptest::prelude::*;

use super::key::Key;
use super::operations::Counts;
use super::table::{Requeued, Table, Waiter};

fn sleep_on(table: &Table, key: &Key, bitset: u32) -> Arc<Waiter> {
    table.enqueue(key, bitset, || Ok::<_, ()>(())).unwrap()
}

fn woken(waiters: &[Arc<Waiter>]) -> Vec<usize> {
    (0..waiters.len()).filter(|&index| waiters[index].is_woken()).collect()
}

#[test]
fn sleepers_are_woken_in_the_order_of_their_arrival() {
    let table = Table::new();
    let key = Key::for_test(1, 64);
    let other = Key::for_test(2, 64);
    let waiters: Vec<_> = (0..4).map(|_| sleep_on(&table, &key, u32::MAX)).collect();
    let stranger = sleep_on(&table, &other, u32::MAX);
    assert_eq!(table.wake(&key, 2, u32::MAX), 2);
    assert_eq!(woken(&waiters), [0, 1]);
    // Asking for nobody wakes one, as on Linux.
    assert_eq!(table.wake(&key, 0, u32::MAX), 1);
    assert_eq!(table.wake(&key, 9, u32::MAX), 1);
    assert!(!stranger.is_woken());
    assert!(table.remove(&stranger));
}

#[test]
fn a_bitset_selects() {
    let table = Table::new();
    let key = Key::for_test(1, 64);
    let waiters: Vec<_> = [1, 2, 4, 3].map(|bits| sleep_on(&table, &key, bits)).into();
    assert_eq!(table.wake(&key, 9, 2), 2);
    assert_eq!(woken(&waiters), [1, 3]);
    assert_eq!(table.wake(&key, 9, 8), 0);
}

#[test]
fn a_failed_check_leaves_nobody_behind() {
    let table = Table::new();
    let key = Key::for_test(1, 64);
    assert_eq!(table.enqueue(&key, 1, || Err(5)).unwrap_err(), 5);
    assert_eq!(table.sleepers(&key), 0);
}

#[test]
fn a_woken_sleeper_is_not_there_to_be_removed() {
    let table = Table::new();
    let key = Key::for_test(1, 64);
    let waiters = [sleep_on(&table, &key, 1), sleep_on(&table, &key, 1)];
    assert_eq!(table.wake(&key, 1, 1), 1);
    assert!(!table.remove(&waiters[0]));
    assert!(table.remove(&waiters[1]));
    assert!(!table.remove(&waiters[1]));
}

/// Some keys that share a bucket with the first, and some that do not.
fn keys() -> Vec<Key> {
    let first = Key::for_test(1, 64);
    let same =
        (1..).map(|n| Key::for_test(1, 64 + 4 * n)).filter(|k| k.bucket(256) == first.bucket(256));
    let other =
        (1..).map(|n| Key::for_test(1, 64 + 4 * n)).filter(|k| k.bucket(256) != first.bucket(256));
    let mut keys: Vec<_> = same.take(2).chain(other.take(3)).collect();
    keys.push(first);
    keys
}

#[test]
fn requeued_sleepers_are_woken_where_they_are_now() {
    for to in keys() {
        let table = Table::new();
        let from = Key::for_test(7, 128);
        let waiters: Vec<_> = (0..5).map(|_| sleep_on(&table, &from, u32::MAX)).collect();
        let done = table.lock_pair(&from, &to).requeue(&from, &to, Counts { first: 1, second: 2 });
        assert_eq!(done, Requeued { woken: 1, moved: 2 });
        assert_eq!((table.sleepers(&from), table.sleepers(&to)), (2, 2));
        assert!(table.remove(&waiters[1]));
        assert_eq!(table.wake(&to, 9, u32::MAX), 1);
        assert_eq!(woken(&waiters), [0, 2]);
        assert_eq!(table.wake(&from, 9, u32::MAX), 2);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Sleep(usize, u32),
    Wake(usize, usize, u32),
    Requeue(usize, usize, usize, usize),
    Leave(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0usize..6;
    prop_oneof![
        3 => (key.clone(), 1u32..8).prop_map(|(k, b)| Op::Sleep(k, b)),
        1 => (key.clone(), 1usize..4, 1u32..8).prop_map(|(k, n, b)| Op::Wake(k, n, b)),
        1 => (key.clone(), key, 0usize..3, 0usize..4).prop_map(|(a, b, w, r)| Op::Requeue(a, b, w, r)),
        1 => any::<prop::sample::Index>().prop_map(|i| Op::Leave(i.index(64))),
    ]
}

proptest! {
    /// The table against one plain list of (key, bitset, sleeper) in order of arrival per key.
    #[test]
    fn the_table_is_a_list_per_key(ops in proptest::collection::vec(op(), 0..60)) {
        let keys = keys();
        let table = Table::new();
        let mut lists: Vec<Vec<(u32, usize)>> = alloc::vec![Vec::new(); keys.len()];
        let mut waiters: Vec<Arc<Waiter>> = Vec::new();
        for op in ops {
            match op {
                Op::Sleep(key, bits) => {
                    lists[key].push((bits, waiters.len()));
                    waiters.push(sleep_on(&table, &keys[key], bits));
                }
                Op::Wake(key, count, bits) => {
                    let mut left = count;
                    let before = lists[key].len();
                    lists[key].retain(|&(b, _)| {
                        let wake = left > 0 && b & bits != 0;
                        left -= usize::from(wake);
                        !wake
                    });
                    let expected = before - lists[key].len();
                    prop_assert_eq!(table.wake(&keys[key], count, bits), expected);
                }
                Op::Requeue(from, to, wake, requeue) => {
                    let woken = wake.min(lists[from].len());
                    lists[from].drain(..woken);
                    let moved = requeue.min(lists[from].len());
                    if from != to {
                        let tail: Vec<_> = lists[from].drain(..moved).collect();
                        lists[to].extend(tail);
                    }
                    let mut pair = table.lock_pair(&keys[from], &keys[to]);
                    let done = pair.requeue(&keys[from], &keys[to], Counts { first: wake, second: requeue });
                    prop_assert_eq!(done, Requeued { woken, moved });
                }
                Op::Leave(index) if index < waiters.len() => {
                    let mut was_there = false;
                    for list in &mut lists {
                        let before = list.len();
                        list.retain(|&(_, sleeper)| sleeper != index);
                        was_there |= list.len() != before;
                    }
                    prop_assert_eq!(table.remove(&waiters[index]), was_there);
                }
                Op::Leave(_) => {}
            }
            let asleep: Vec<usize> = lists.iter().flatten().map(|&(_, s)| s).collect();
            for sleeper in asleep {
                prop_assert!(!waiters[sleeper].is_woken());
            }
        }
        for (key, list) in keys.iter().zip(&lists) {
            prop_assert_eq!(table.sleepers(key), list.len());
        }
    }
}
