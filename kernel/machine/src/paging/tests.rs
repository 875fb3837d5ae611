use super::*;
use crate::frame::{alloc_zeroed, stats, zero_frame};
use crate::sim::{Machine, fail_allocation_after};
use crate::user::{copy_in, copy_out};
use std::vec::Vec;

const RW: PageFlags = PageFlags::READ.union(PageFlags::WRITE);
const BYTES: usize = if cfg!(miri) { 1 << 20 } else { 8 << 20 };
const BASE: u64 = 0x40_0000;

fn page(n: u64) -> UserAddr {
    UserAddr::new(BASE + n * PAGE_SIZE as u64)
}

fn map(table: &PageTable, n: u64, tag: u8) {
    let mut frame = alloc_zeroed().unwrap();
    frame[0] = tag;
    table.lock_leaf(page(n)).unwrap().map(page(n), frame.into_shared(), RW);
}

fn read(n: u64) -> Option<u8> {
    let mut byte = [0];
    (copy_in(&mut byte, page(n)) == 0).then_some(byte[0])
}

fn write(n: u64, value: u8) -> bool {
    copy_out(page(n), &[value]) == 0
}

#[test]
fn pages_are_mapped_read_and_unmapped() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let mut table = PageTable::new().unwrap();
    for n in [0, 1, 511, 512, 100_000] {
        map(&table, n, (n as u8).wrapping_add(1));
    }
    activate(table.root());
    assert_eq!(read(0), Some(1));
    assert_eq!(read(512), Some(1));
    assert_eq!(read(2), None);
    assert!(write(1, 77));
    assert_eq!(read(1), Some(77));
    let mut seen = Vec::new();
    table.for_each(UserAddr::NULL, USER_END, |addr, _| seen.push(addr));
    assert_eq!(seen, [0, 1, 511, 512, 100_000].map(page));
    let counts = table.edit().unmap(page(1), page(512));
    assert_eq!(counts, Counts { anon: 2, file: 0 });
    assert_eq!([read(0), read(1), read(511), read(512)], [Some(1), None, None, Some(1)]);
    drop(table);
    assert_eq!(read(0), None);
    assert_eq!(stats(), before);
}

#[test]
fn empty_tables_are_freed_with_their_pages() {
    let _machine = Machine::new(BYTES);
    let mut table = PageTable::new().unwrap();
    let before = (stats(), table.table_bytes());
    map(&table, 5, 1);
    map(&table, 1 << 30, 1);
    assert!(table.table_bytes() > before.1);
    table.edit().unmap(page(5), page(6));
    table.edit().unmap(page(1 << 30), page((1 << 30) + 1));
    assert_eq!((stats(), table.table_bytes()), before);
}

#[test]
fn rights_are_taken_at_once() {
    let _machine = Machine::new(BYTES);
    let mut table = PageTable::new().unwrap();
    map(&table, 0, 1);
    map(&table, 1, 2);
    activate(table.root());
    assert!(write(0, 5) && write(1, 6));
    table.edit().update(page(0), page(1), |_, old| old.flags().difference(PageFlags::WRITE));
    assert!(!write(0, 7));
    assert_eq!(read(0), Some(5));
    assert!(write(1, 8));
    table.edit().update(page(0), page(2), |_, old| old.flags().difference(RW));
    assert_eq!((read(0), read(1)), (None, None));
    // The frame is still there, only out of reach.
    table.edit().update(page(0), page(2), |_, old| old.flags().union(RW));
    assert_eq!((read(0), read(1)), (Some(5), Some(8)));
}

#[test]
fn replacing_shows_the_new_frame_and_drops_the_old() {
    let _machine = Machine::new(BYTES);
    let table = PageTable::new().unwrap();
    map(&table, 3, 1);
    activate(table.root());
    assert_eq!(read(3), Some(1));
    let free = stats().free;
    let mut leaf = table.lock_leaf(page(3)).unwrap();
    let old = leaf.frame(page(3)).unwrap();
    leaf.replace(page(3), alloc_zeroed().unwrap().into_shared(), RW);
    drop(leaf);
    assert_eq!(read(3), Some(0));
    assert!(old.is_unique());
    drop(old);
    assert_eq!(stats().free, free);
}

#[test]
fn the_page_of_zeroes_is_not_counted() {
    let _machine = Machine::new(BYTES);
    let mut table = PageTable::new().unwrap();
    let count = zero_frame().ref_count();
    for n in 0..20 {
        table.lock_leaf(page(n)).unwrap().map_zero(page(n), RW);
    }
    activate(table.root());
    assert_eq!(read(7), Some(0));
    assert!(!write(7, 1));
    assert_eq!(zero_frame().ref_count(), count);
    let mut child = PageTable::new().unwrap();
    let shared = table.edit().share_into(&mut child, page(0), page(20), Share::Cow).unwrap();
    assert_eq!(shared, Counts::default());
    assert_eq!(table.edit().unmap(page(0), page(20)), Counts::default());
}

#[test]
fn sharing_takes_write_permission_from_both() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let mut parent = PageTable::new().unwrap();
    for n in [0, 1, 600] {
        map(&parent, n, n as u8);
    }
    activate(parent.root());
    assert!(write(0, 9));
    let mut child = PageTable::new().unwrap();
    let mut edit = parent.edit();
    edit.share_into(&mut child, page(0), page(1), Share::Cow).unwrap();
    edit.share_into(&mut child, page(1), page(700), Share::Shared).unwrap();
    drop(edit);
    assert!(!write(0, 10));
    assert!(write(1, 11));
    activate(child.root());
    assert_eq!([read(0), read(1), read(600)], [Some(9), Some(11), Some(600_u16 as u8)]);
    assert!(!write(0, 12));
    assert!(write(1, 13));
    let mapping = child.lock_leaf(page(0)).unwrap().get(page(0)).unwrap();
    assert!(!mapping.is_unique());
    drop(parent);
    assert!(child.lock_leaf(page(0)).unwrap().get(page(0)).unwrap().is_unique());
    assert_eq!(read(1), Some(13));
    drop(child);
    assert_eq!(stats(), before);
}

#[test]
fn a_failed_share_leaves_no_frame_behind() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let mut parent = PageTable::new().unwrap();
    for n in [0, 1000, 1 << 20] {
        map(&parent, n, 1);
    }
    let with_parent = stats();
    let mut failures = 0;
    loop {
        fail_allocation_after(Some(failures));
        let shared = PageTable::new().and_then(|mut child| {
            parent.edit().share_into(&mut child, UserAddr::NULL, USER_END, Share::Cow)
        });
        fail_allocation_after(None);
        assert_eq!(stats(), with_parent);
        match shared {
            Ok(counts) => break assert_eq!(counts.anon, 3),
            Err(OutOfFrames) => failures += 1,
        }
    }
    assert!(failures > 5);
    drop(parent);
    assert_eq!(stats(), before);
}

#[test]
fn moving_keeps_the_frames_and_empties_the_source() {
    let _machine = Machine::new(BYTES);
    let mut table = PageTable::new().unwrap();
    for n in [10, 11, 530] {
        map(&table, n, n as u8);
    }
    activate(table.root());
    assert_eq!(read(10), Some(10));
    let far = 1 << 21;
    let len = 600 * PAGE_SIZE as u64;
    let before = stats();
    fail_allocation_after(Some(1));
    assert!(table.edit().move_range(page(10), page(far), len).is_err());
    assert_eq!(read(11), Some(11));
    table.edit().move_range(page(10), page(far), len).unwrap();
    assert_eq!([read(10), read(11), read(530)], [None; 3]);
    assert_eq!(
        [read(far), read(far + 1), read(far + 520)],
        [Some(10), Some(11), Some(530_u16 as u8)]
    );
    table.edit().move_range(page(far), page(10), len).unwrap();
    assert_eq!(read(530), Some(530_u16 as u8));
    table.edit().unmap(page(far), page(far + 600));
    assert_eq!(stats().free, before.free);
}

#[test]
fn faults_and_forks_of_several_processors() {
    let machine = Machine::new(BYTES);
    let before = stats();
    let table = PageTable::new().unwrap();
    std::thread::scope(|scope| {
        for cpu in 0..4_u64 {
            let (handle, table) = (machine.handle(), &table);
            scope.spawn(move || {
                let _machine = handle.enter();
                activate(table.root());
                for n in 0..if cfg!(miri) { 6 } else { 400 } {
                    let at = page(n * 64 + cpu);
                    let mut leaf = table.lock_leaf(at).unwrap();
                    leaf.map(at, alloc_zeroed().unwrap().into_shared(), RW);
                    drop(leaf);
                    assert!(copy_out(at, &[cpu as u8 + 1]) == 0);
                    let mut leaf = table.lock_leaf(at).unwrap();
                    leaf.replace(at, alloc_zeroed().unwrap().into_shared(), RW);
                    drop(leaf);
                    assert_eq!(read(n * 64 + cpu), Some(0));
                }
            });
        }
    });
    drop(table);
    assert_eq!(stats(), before);
}

#[test]
fn a_dropped_table_is_unloaded_everywhere() {
    let machine = Machine::new(BYTES);
    let table = PageTable::new().unwrap();
    map(&table, 0, 1);
    let (handle, root) = (machine.handle(), table.root().clone());
    let (to, from) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _machine = handle.enter();
            activate(&root);
            assert_eq!(read(0), Some(1));
            to.wait();
            from.wait();
            assert_eq!(read(0), None);
            assert!(!is_active(&root));
        });
        to.wait();
        drop(table);
        from.wait();
    });
}

#[test]
#[should_panic(expected = "not a user address")]
fn kernel_addresses_are_refused() {
    let table = PageTable::new().unwrap();
    let _ = table.lock_leaf(USER_END);
}

#[test]
fn dropped_tables_come_back_zeroed_already() {
    let _machine = Machine::new(BYTES);
    let zeroed = || crate::frame::physical().zeroed_in_stock();
    let table = PageTable::new().unwrap();
    map(&table, 0, 1);
    map(&table, 1 << 20, 1);
    let before = zeroed();
    drop(table);
    // The root, and two of each other level but the topmost, which they share.
    assert_eq!(zeroed(), before + 6);
}
