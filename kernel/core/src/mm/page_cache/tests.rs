use super::*;
use crate::mm::user::{Sink, Source};
use machine::frame::stats;
use machine::sim::{Machine, fail_allocation_after};
use std::vec::Vec;

const BYTES: usize = if cfg!(miri) { 1 << 20 } else { 4 << 20 };
const PAGE: u64 = PAGE_SIZE as u64;

fn content(cache: &PageCache) -> Vec<u8> {
    let mut bytes = std::vec![0xee; cache.size() as usize + 10];
    let len = cache.read_bytes(0, &mut bytes);
    bytes.truncate(len);
    bytes
}

#[test]
fn what_is_written_is_read_and_holes_are_zero() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let cache = PageCache::new(None);
    cache.write_bytes(5, b"hello").unwrap();
    assert_eq!(content(&cache), b"\0\0\0\0\0hello");
    cache.write_bytes(3 * PAGE - 2, b"straddle").unwrap();
    assert_eq!((cache.size(), cache.pages()), (3 * PAGE + 6, 3));
    let bytes = content(&cache);
    assert_eq!(&bytes[5..12], b"hello\0\0");
    assert_eq!(&bytes[3 * PAGE_SIZE - 3..], b"\0straddle");
    assert_eq!(cache.read_bytes(3 * PAGE + 6, &mut [0; 4]), 0);
    drop(cache);
    assert_eq!(stats(), before);
}

#[test]
fn cutting_and_growing_leaves_zeroes() {
    let _machine = Machine::new(BYTES);
    let cache = PageCache::new(None);
    cache.write_bytes(0, &[7; 3 * PAGE_SIZE]).unwrap();
    cache.truncate(PAGE + 100);
    assert_eq!(cache.pages(), 2);
    cache.truncate(3 * PAGE);
    let bytes = content(&cache);
    assert!(bytes[..PAGE_SIZE + 100].iter().all(|&byte| byte == 7));
    assert!(bytes[PAGE_SIZE + 100..].iter().all(|&byte| byte == 0));
    assert_eq!(bytes.len(), 3 * PAGE_SIZE);
}

#[test]
fn holes_are_punched_and_found() {
    let _machine = Machine::new(BYTES);
    let cache = PageCache::new(None);
    cache.write_bytes(0, &[7; 6 * PAGE_SIZE]).unwrap();
    cache.punch_hole(PAGE - 10, 3 * PAGE + 10);
    assert_eq!(cache.pages(), 4);
    let bytes = content(&cache);
    let zeroes = PAGE_SIZE - 10..3 * PAGE_SIZE + 10;
    for (i, &byte) in bytes.iter().enumerate() {
        assert_eq!(byte == 0, zeroes.contains(&i), "byte {i}");
    }
    cache.punch_hole(20, 30);
    assert_eq!(content(&cache)[18..32], [7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7]);
    assert_eq!((cache.next_data(0), cache.next_hole(0)), (Some(0), PAGE));
    assert_eq!((cache.next_data(PAGE), cache.next_hole(PAGE + 5)), (Some(3 * PAGE), PAGE + 5));
    assert_eq!((cache.next_data(6 * PAGE), cache.next_hole(4 * PAGE)), (None, 6 * PAGE));
}

#[test]
fn space_is_allocated_within_the_quota() {
    let _machine = Machine::new(BYTES);
    let quota = Arc::new(PageQuota::new(5));
    let cache = PageCache::new(Some(quota.clone()));
    cache.allocate(PAGE, 3 * PAGE, true).unwrap();
    assert_eq!((cache.size(), cache.pages(), quota.used()), (0, 2, 2));
    cache.allocate(0, 3 * PAGE, false).unwrap();
    assert_eq!((cache.size(), quota.used()), (3 * PAGE, 3));
    assert_eq!(cache.allocate(0, 6 * PAGE, false), Err(Errno::ENOSPC));
    assert_eq!((cache.size(), quota.used()), (3 * PAGE, 5));
    let mut source = Source::kernel(&[1; 2 * PAGE_SIZE]);
    assert_eq!(cache.write(4 * PAGE, &mut source).unwrap(), PAGE_SIZE);
    assert!(!quota.set_limit(4));
    cache.truncate(PAGE);
    assert_eq!(quota.used(), 1);
    drop(cache);
    assert_eq!(quota.used(), 0);
}

#[test]
fn writes_fail_as_a_whole_or_count_what_was_done() {
    let _machine = Machine::new(BYTES);
    let cache = PageCache::new(None);
    fail_allocation_after(Some(0));
    assert!(cache.write_bytes(0, b"x").is_err());
    fail_allocation_after(Some(1));
    let written = cache.write(0, &mut Source::kernel(&[1; 2 * PAGE_SIZE]));
    fail_allocation_after(None);
    assert_eq!(written.unwrap(), PAGE_SIZE);
    assert_eq!(cache.size(), PAGE);
    let mut small = [0; 10];
    let mut sink = Sink::kernel(&mut small);
    assert_eq!(cache.read(PAGE - 4, &mut sink).unwrap(), 4);
    assert_eq!((sink.copied(), sink.remaining()), (4, 6));
}

#[test]
fn writers_are_sealed_off() {
    let cache = PageCache::new(None);
    let token = cache.add_writer().unwrap();
    assert_eq!(cache.deny_writers(), Err(Errno::EBUSY));
    drop(token);
    assert_eq!(cache.deny_writers(), Ok(()));
    assert!(matches!(cache.add_writer(), Err(Errno::EPERM)));
}
