//! Threads that fault, fork, unmap and write in one address space at once.

use core::sync::atomic::{AtomicBool, Ordering};

use abi::{MapFlags, ProtFlags};
use alloc::sync::Arc;
use machine::frame::stats;
use machine::sim::Machine;

use super::{ANON, BYTES, PAGE, RW, SHARED, after, map, read, request, write};
use crate::mm::AddressSpace;
use crate::mm::user::{self, copy_in};

const ROUNDS: u32 = if cfg!(miri) { 3 } else { 300 };

/// Runs `job(n)` on `count` processors of this machine until all are done.
fn on_processors(machine: &Machine, count: u8, job: impl Fn(u8) + Sync) {
    std::thread::scope(|scope| {
        for n in 0..count {
            let (handle, job) = (machine.handle(), &job);
            scope.spawn(move || {
                let _machine = handle.enter();
                job(n);
            });
        }
    });
}

/// Tells the other threads to stop when it is dropped, also by a failing assertion.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_thread_keeps_its_own_bytes_while_others_fork_and_unmap() {
    let machine = Machine::new(BYTES);
    let before = stats();
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 64, ANON);
    let done = AtomicBool::new(false);
    on_processors(&machine, 5, |n| {
        space.activate();
        let _stop = Stop(&done);
        match n {
            0 => {
                for _ in 0..ROUNDS {
                    let child = space.fork().unwrap();
                    // What the child sees of a thread's pair of pages was written in that order.
                    check_pairs(&child, at);
                    child.check();
                    space.activate();
                }
            }
            1 => {
                while !done.load(Ordering::Relaxed) {
                    let scratch = map(&space, 5, ANON);
                    assert!(write(&space, after(scratch, 2), 1));
                    space.protect(after(scratch, 1), 2 * PAGE, ProtFlags::PROT_READ).unwrap();
                    assert!(!write(&space, after(scratch, 2), 2));
                    space.unmap(scratch, 5 * PAGE).unwrap();
                }
            }
            _ => {
                let (low, high) = (after(at, 2 * u64::from(n)), after(at, 2 * u64::from(n) + 1));
                let mut value = 0_u32;
                while !done.load(Ordering::Relaxed) {
                    value += 1;
                    user::store_u32(&space, low, value).unwrap();
                    user::store_u32(&space, high, value).unwrap();
                    assert_eq!(user::load_u32(&space, low).unwrap(), value);
                    assert_eq!(user::load_u32(&space, high).unwrap(), value);
                }
            }
        }
    });
    space.check();
    drop(space);
    assert_eq!(stats(), before);
}

/// The first page of a pair is written before the second, so it is never older.
fn check_pairs(child: &AddressSpace, at: machine::addr::UserAddr) {
    child.activate();
    for n in 2..5 {
        let high = user::load_u32(child, after(at, 2 * n + 1)).unwrap();
        let low = user::load_u32(child, after(at, 2 * n)).unwrap();
        assert!(low == high || low == high + 1, "the snapshot is torn: {low} {high}");
        // And what the child writes stays with it.
        user::store_u32(child, after(at, 2 * n), 0).unwrap();
    }
}

#[test]
fn two_writers_of_one_shared_page_make_one_copy() {
    let machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 4, ANON);
    let barrier = std::sync::Barrier::new(4);
    for _ in 0..ROUNDS {
        assert!(write(&space, at, 0));
        let child = space.fork().unwrap();
        let free = stats().free;
        on_processors(&machine, 4, |n| {
            space.activate();
            // Every processor remembers the old frame; two of them only read.
            assert_eq!(user::load_u32(&space, at).unwrap(), 0);
            barrier.wait();
            let own = at.wrapping_add(8 * u64::from(n));
            if n < 2 {
                user::store_u32(&space, own, u32::from(n) + 1).unwrap();
            }
            barrier.wait();
            for n in 0..2 {
                let there = user::load_u32(&space, at.wrapping_add(8 * n)).unwrap();
                assert_eq!(there, n as u32 + 1);
            }
        });
        assert_eq!(stats().free, free - 1);
        assert_eq!(read(&child, at), Some(0));
        drop(child);
        space.check();
    }
}

#[test]
fn shared_memory_counts_exactly_across_forks() {
    let machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 1, SHARED);
    let children: std::vec::Vec<Arc<AddressSpace>> =
        (0..4).map(|_| space.fork().unwrap()).collect();
    on_processors(&machine, 4, |n| {
        let space = &children[usize::from(n)];
        space.activate();
        for _ in 0..ROUNDS {
            user::fetch_op_u32(space, at, user::FetchOp::Add, 1).unwrap();
        }
    });
    space.activate();
    assert_eq!(user::load_u32(&space, at).unwrap(), 4 * ROUNDS);
}

#[test]
fn truncation_and_faults_race_without_a_leak() {
    let machine = Machine::new(BYTES);
    let before = stats();
    let space = AddressSpace::new().unwrap();
    let (cache, file) = super::file(8);
    let at = super::map_file(&space, &cache, &file, MapFlags::MAP_PRIVATE);
    let done = AtomicBool::new(false);
    on_processors(&machine, 4, |n| {
        space.activate();
        let _stop = Stop(&done);
        if n == 0 {
            for round in 0..u64::from(ROUNDS) {
                cache.truncate(round % 8 * PAGE);
                let mut byte = [0];
                let beyond = after(at, round % 8);
                assert!(
                    copy_in(&space, &mut byte, beyond).is_err(),
                    "a page past the end is mapped"
                );
                cache.truncate(8 * PAGE);
            }
            return;
        }
        while !done.load(Ordering::Relaxed) {
            let page = after(at, u64::from(n) * 2);
            let mut byte = [0];
            let _ = copy_in(&space, &mut byte, page);
            let _ = user::store_u32(&space, page, 1);
        }
    });
    space.check();
    drop((space, cache, file));
    assert_eq!(stats(), before);
}

#[test]
fn mapping_in_parallel_never_overlaps() {
    let machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    on_processors(&machine, 4, |n| {
        space.activate();
        for _ in 0..ROUNDS {
            let at = space.map(request(0, 3, RW, ANON)).unwrap();
            assert_eq!(user::load_u32(&space, after(at, 1)).unwrap(), 0);
            user::store_u32(&space, after(at, 1), u32::from(n)).unwrap();
            assert_eq!(user::load_u32(&space, after(at, 1)).unwrap(), u32::from(n));
            space.unmap(at, 3 * PAGE).unwrap();
        }
    });
    space.check();
    assert_eq!(space.stats().mappings, 0);
}
