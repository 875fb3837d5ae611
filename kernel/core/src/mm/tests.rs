//! Address spaces as programs see them, on the simulated machine.

mod oracle;
mod stress;

use abi::{Errno, MapFlags, MremapFlags, ProtFlags, Signal};
use alloc::sync::Arc;
use machine::addr::{PAGE_SIZE, UserAddr};
use machine::frame::stats;
use machine::sim::Machine;

use super::*;
use crate::mm::user::{copy_in, copy_out};

/// Memory of a test. (Miri is slow with much of it.)
const BYTES: usize = if cfg!(miri) { 2 << 20 } else { 32 << 20 };
const PAGE: u64 = PAGE_SIZE as u64;
const RW: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);
const ANON: MapFlags = MapFlags::MAP_PRIVATE.union(MapFlags::MAP_ANONYMOUS);
const SHARED: MapFlags = MapFlags::MAP_SHARED.union(MapFlags::MAP_ANONYMOUS);

pub(super) fn request(addr: u64, pages: u64, prot: ProtFlags, flags: MapFlags) -> MapRequest {
    MapRequest {
        addr: UserAddr::new(addr),
        len: pages * PAGE,
        prot,
        flags,
        source: MapSource::Anonymous,
        offset: 0,
        may_lock: false,
    }
}

fn map(space: &AddressSpace, pages: u64, flags: MapFlags) -> UserAddr {
    space.map(request(0, pages, RW, flags)).unwrap()
}

fn read(space: &AddressSpace, addr: UserAddr) -> Option<u8> {
    space.activate();
    let mut byte = [0];
    copy_in(space, &mut byte, addr).is_ok().then_some(byte[0])
}

fn write(space: &AddressSpace, addr: UserAddr, value: u8) -> bool {
    space.activate();
    copy_out(space, addr, &[value]).is_ok()
}

/// A file with the byte n in its page n.
fn file(pages: u64) -> (Arc<PageCache>, Arc<dyn MappedFile>) {
    struct Named;
    impl MappedFile for Named {
        fn path(&self) -> alloc::vec::Vec<u8> {
            b"/file".to_vec()
        }
        fn dev_ino(&self) -> (u64, u64) {
            (8, 1)
        }
        fn as_any(&self) -> &dyn core::any::Any {
            self
        }
    }
    let cache = PageCache::new(None);
    for page in 0..pages {
        cache.write_bytes(page * PAGE, &[page as u8; PAGE_SIZE]).unwrap();
    }
    (cache, Arc::new(Named))
}

fn map_file(
    space: &AddressSpace,
    cache: &Arc<PageCache>,
    file: &Arc<dyn MappedFile>,
    flags: MapFlags,
) -> UserAddr {
    let source = MapSource::File {
        object: SourceObject::Cache(cache.clone()),
        file: file.clone(),
        readable: true,
        writable: true,
        noexec: false,
    };
    let pages = cache.size().div_ceil(PAGE);
    space.map(MapRequest { source, ..request(0, pages, RW, flags) }).unwrap()
}

fn after(addr: UserAddr, pages: u64) -> UserAddr {
    addr.wrapping_add(pages * PAGE)
}

#[test]
fn anonymous_memory_reads_zero_and_keeps_what_is_written() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 100, ANON);
    assert_eq!(read(&space, after(at, 50)), Some(0));
    assert_eq!(space.resident(), 0);
    assert!(write(&space, after(at, 50), 7));
    assert_eq!(read(&space, after(at, 50)), Some(7));
    assert_eq!(space.resident(), 1);
    assert_eq!(read(&space, after(at, 100)), None);
    space.check();
    space.unmap(after(at, 50), PAGE).unwrap();
    assert_eq!(read(&space, after(at, 50)), None);
    assert_eq!(space.stats().mappings, 2);
    space.check();
    drop(space);
    assert_eq!(stats(), before);
}

#[test]
fn fork_shares_until_a_write() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let parent = AddressSpace::new().unwrap();
    let (private, shared) = (map(&parent, 20, ANON), map(&parent, 20, SHARED));
    assert!(write(&parent, private, 1) && write(&parent, shared, 2));
    let child = parent.fork().unwrap();
    let used = stats().free;
    assert_eq!((read(&child, private), read(&child, shared)), (Some(1), Some(2)));
    assert!(write(&child, private, 10) && write(&child, shared, 20));
    assert_eq!((read(&parent, private), read(&parent, shared)), (Some(1), Some(20)));
    assert!(used - stats().free >= 1);
    // The parent is alone with its page now: it is used again without a copy.
    let free = stats().free;
    assert!(write(&parent, private, 5));
    assert_eq!(stats().free, free);
    assert_eq!(read(&child, private), Some(10));
    parent.check();
    child.check();
    drop(parent);
    assert!(write(&child, after(private, 3), 3));
    drop(child);
    assert_eq!(stats(), before);
}

#[test]
fn a_page_read_only_at_fork_is_still_copied_later() {
    let _machine = Machine::new(BYTES);
    let parent = AddressSpace::new().unwrap();
    let at = map(&parent, 1, ANON);
    assert!(write(&parent, at, 1));
    parent.protect(at, PAGE, ProtFlags::PROT_READ).unwrap();
    assert!(!write(&parent, at, 2));
    let child = parent.fork().unwrap();
    parent.protect(at, PAGE, RW).unwrap();
    assert!(write(&parent, at, 3));
    assert_eq!(read(&child, at), Some(1));
    child.protect(at, PAGE, RW).unwrap();
    assert!(write(&child, at, 4));
    assert_eq!((read(&parent, at), read(&child, at)), (Some(3), Some(4)));
}

#[test]
fn wrong_accesses_are_told_apart() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 2, ANON);
    space.protect(at, PAGE, ProtFlags::PROT_READ).unwrap();
    space.protect(after(at, 1), PAGE, ProtFlags::PROT_NONE).unwrap();
    let code = |addr, access| match space.resolve(addr, access) {
        FaultOutcome::Signal(FaultSignal { signal: Signal::SIGSEGV, code, addr: at }) => {
            assert_eq!(at, addr);
            code
        }
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(code(UserAddr::new(8), Access::Read), 1);
    assert_eq!(code(at.wrapping_add(5), Access::Write), 2);
    assert_eq!(code(at, Access::Exec), 2);
    assert_eq!(code(after(at, 1), Access::Read), 2);
    assert_eq!(code(UserAddr::new(u64::MAX), Access::Read), 1);
    assert_eq!(space.resolve(at, Access::Read), FaultOutcome::Resolved);
}

#[test]
fn files_are_shared_private_and_end() {
    let _machine = Machine::new(BYTES);
    let before = stats();
    let space = AddressSpace::new().unwrap();
    let (cache, file) = file(40);
    let shared = map_file(&space, &cache, &file, MapFlags::MAP_SHARED);
    let private = map_file(&space, &cache, &file, MapFlags::MAP_PRIVATE);
    assert_eq!(read(&space, after(shared, 33)), Some(33));
    assert!(write(&space, after(private, 7), 70));
    assert!(write(&space, after(shared, 8), 80));
    let mut byte = [0];
    assert_eq!(cache.read_bytes(7 * PAGE, &mut byte), 1);
    assert_eq!(byte, [7]);
    assert_eq!(read(&space, after(private, 8)), Some(80));
    space.check();
    cache.truncate(8 * PAGE + 1);
    assert_eq!(read(&space, after(private, 8)), Some(80));
    assert_eq!(read(&space, after(shared, 8).wrapping_add(1)), Some(0));
    assert_eq!(read(&space, after(shared, 9)), None);
    match space.resolve(after(private, 9), Access::Read) {
        FaultOutcome::Signal(FaultSignal { signal: Signal::SIGBUS, code: 2, .. }) => {}
        outcome => panic!("{outcome:?}"),
    }
    space.check();
    cache.truncate(7 * PAGE);
    assert_eq!(read(&space, after(private, 7)), None);
    cache.truncate(9 * PAGE);
    assert_eq!(read(&space, after(private, 7)), Some(0));
    space.check();
    drop(space);
    drop(cache);
    drop(file);
    assert_eq!(stats(), before);
}

#[test]
fn neighbours_join_and_split() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let count = || space.stats().mappings;
    let second = map(&space, 4, ANON);
    let first = map(&space, 4, ANON);
    assert_eq!(after(first, 4), second);
    assert_eq!(count(), 1);
    space.protect(after(first, 2), 2 * PAGE, ProtFlags::PROT_READ).unwrap();
    assert_eq!(count(), 3);
    space.protect(after(first, 2), 2 * PAGE, RW).unwrap();
    assert_eq!(count(), 1);
    space.unmap(after(first, 3), PAGE).unwrap();
    assert_eq!(count(), 2);
    assert_eq!(map(&space, 1, ANON), after(first, 3));
    assert_eq!(count(), 1);
    space.check();
}

#[test]
fn the_stack_grows_to_its_limit_and_keeps_the_gap() {
    // More than a stack may be: growing is refused for what could never be there.
    let _machine = Machine::new(16 << 20);
    let space = AddressSpace::new().unwrap();
    let top = 0x7000_0000_0000;
    let flags = ANON | MapFlags::MAP_FIXED | MapFlags::MAP_GROWSDOWN;
    let stack = space.map(request(top, 2, RW, flags)).unwrap();
    assert!(write(&space, UserAddr::new(top - 100 * PAGE), 1));
    assert_eq!(space.stats().totals.stack, 102);
    assert_eq!(read(&space, stack.wrapping_add(2 * PAGE)), None);
    // Limit: 8 MiB.
    assert!(!write(&space, UserAddr::new(top - 2047 * PAGE), 1));
    assert!(write(&space, UserAddr::new(top - 2046 * PAGE), 1));
    let below = top - 3000 * PAGE;
    space.limits().set(MemoryLimit::Stack, 1 << 40);
    space.map(request(below, 1, RW, ANON | MapFlags::MAP_FIXED)).unwrap();
    assert!(!write(&space, UserAddr::new(below + 256 * PAGE), 1));
    assert!(write(&space, UserAddr::new(below + 257 * PAGE), 1));
    space.check();
}

#[test]
fn the_break_moves() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let start = UserAddr::new(0x1000_0100);
    space.set_layout(|layout| {
        (layout.start_brk, layout.brk) = (start.as_u64(), start.as_u64());
    });
    assert_eq!(space.brk(UserAddr::NULL, false), start);
    let end = start.wrapping_add(10 * PAGE);
    assert_eq!(space.brk(end, false), end);
    assert!(write(&space, end.wrapping_add(0u64.wrapping_sub(1)), 1));
    assert_eq!(space.stats().mappings, 1);
    assert_eq!(space.brk(start.wrapping_add(PAGE), false), start.wrapping_add(PAGE));
    assert_eq!(space.resident(), 0);
    for beyond in [u64::MAX, u64::MAX - PAGE, 0u64.wrapping_sub(PAGE), 1 << 47] {
        assert_eq!(space.brk(UserAddr::new(beyond), false), start.wrapping_add(PAGE));
    }
    let beyond = UserAddr::new(1 << 46);
    space.limits().set(MemoryLimit::Data, 100 * PAGE);
    assert_eq!(space.brk(beyond, false), start.wrapping_add(PAGE));
    space.check();
}

#[test]
fn remapping_grows_moves_and_duplicates() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let remap = |addr, old: u64, new: u64, flags, new_addr| {
        let (old_len, new_len) = (old * PAGE, new * PAGE);
        space.remap(RemapRequest { addr, old_len, new_len, flags, new_addr, may_lock: false })
    };
    let none = MremapFlags::empty();
    map(&space, 1, SHARED);
    let at = map(&space, 4, ANON);
    assert!(write(&space, after(at, 1), 1));
    // Something is right above, so it can not grow in place.
    assert_eq!(remap(at, 4, 8, none, UserAddr::NULL).unwrap_err(), Errno::ENOMEM);
    let moved = remap(at, 4, 8, MremapFlags::MREMAP_MAYMOVE, UserAddr::NULL).unwrap();
    assert_eq!((read(&space, at), read(&space, after(moved, 1))), (None, Some(1)));
    assert_eq!(remap(moved, 8, 2, none, UserAddr::NULL).unwrap(), moved);
    assert_eq!(remap(moved, 2, 6, none, UserAddr::NULL).unwrap(), moved);
    assert_eq!(read(&space, after(moved, 1)), Some(1));
    let fixed = MremapFlags::MREMAP_MAYMOVE | MremapFlags::MREMAP_FIXED;
    let target = UserAddr::new(0x2000_0000);
    assert_eq!(remap(moved, 6, 3, fixed, target).unwrap(), target);
    assert_eq!(read(&space, after(target, 1)), Some(1));
    let keep = MremapFlags::MREMAP_MAYMOVE | MremapFlags::MREMAP_DONTUNMAP;
    let kept = remap(target, 3, 3, keep, UserAddr::NULL).unwrap();
    assert_eq!((read(&space, after(target, 1)), read(&space, after(kept, 1))), (Some(0), Some(1)));
    assert_eq!(
        remap(target, 0, 1, MremapFlags::MREMAP_MAYMOVE, UserAddr::NULL),
        Err(Errno::EINVAL)
    );
    let shared = map(&space, 2, SHARED);
    let twin = remap(shared, 0, 2, MremapFlags::MREMAP_MAYMOVE, UserAddr::NULL).unwrap();
    assert!(write(&space, twin, 9));
    assert_eq!(read(&space, shared), Some(9));
    assert_eq!(remap(UserAddr::new(PAGE), 1, 1, none, UserAddr::NULL), Err(Errno::EFAULT));
    // Lengths that leave user space, and 64 bits.
    for old in [1 << 40, u64::MAX / PAGE] {
        assert_eq!(remap(twin, old, 1, none, UserAddr::NULL), Err(Errno::EINVAL));
        assert_eq!(remap(twin, old, 1, fixed, UserAddr::new(0x10_0000)), Err(Errno::EINVAL));
        assert_eq!(remap(twin, 1, old, none, UserAddr::NULL), Err(Errno::EINVAL));
    }
    space.check();
}

#[test]
fn advice_is_taken() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 4, ANON);
    assert!(
        write(&space, at, 1) && write(&space, after(at, 1), 2) && write(&space, after(at, 2), 3)
    );
    space.advise(at, PAGE, Advice::DontNeed { locked: false }).unwrap();
    assert_eq!(read(&space, at), Some(0));
    space.advise(after(at, 1), PAGE, Advice::WipeOnFork).unwrap();
    let dont_copy = Advice::decode(abi::mman::MADV_DONTFORK).unwrap();
    space.advise(after(at, 2), PAGE, dont_copy).unwrap();
    let child = space.fork().unwrap();
    assert_eq!([read(&child, after(at, 1)), read(&child, after(at, 2))], [Some(0), None]);
    assert_eq!([read(&space, after(at, 1)), read(&space, after(at, 2))], [Some(2), Some(3)]);
    assert_eq!(space.advise(at, 5 * PAGE, Advice::WillNeed), Err(Errno::ENOMEM));
    let shared = map(&space, 3, SHARED);
    assert!(write(&space, after(shared, 1), 5));
    space.advise(after(shared, 1), PAGE, Advice::Remove).unwrap();
    assert_eq!(read(&space, after(shared, 1)), Some(0));
    let mut cores = [9; 4];
    space.residency(at, &mut cores).unwrap();
    assert_eq!(cores, [1, 1, 1, 0]);
    space.check();
    child.check();
}

#[test]
fn locks_count_against_their_limit() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    space.limits().set(MemoryLimit::Locked, 4 * PAGE);
    let at = map(&space, 8, ANON);
    space.lock(at, 4 * PAGE, LockMode::Now, false).unwrap();
    assert_eq!(space.resident(), 4);
    assert_eq!(space.lock(after(at, 4), PAGE, LockMode::Now, false), Err(Errno::ENOMEM));
    space.lock(after(at, 1), PAGE, LockMode::OnFault, false).unwrap();
    let drop_all = Advice::DontNeed { locked: false };
    assert_eq!(space.advise(at, PAGE, drop_all), Err(Errno::EINVAL));
    space.unlock(at, 8 * PAGE).unwrap();
    assert_eq!(space.stats().totals.locked, 0);
    assert_eq!(space.stats().mappings, 1);
    space.limits().set(MemoryLimit::Locked, 0);
    assert_eq!(space.lock(at, PAGE, LockMode::Now, false), Err(Errno::EPERM));
    space.check();
}

#[test]
fn another_process_is_read_and_written() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let at = map(&space, 3, ANON);
    let from = after(at, 1).wrapping_add(0u64.wrapping_sub(2));
    assert_eq!(space.write_remote(from, b"abcd", false), 4);
    let child = space.fork().unwrap();
    assert_eq!(child.write_remote(from, b"x", false), 1);
    let mut bytes = [0; 4];
    assert_eq!(space.read_remote(from, &mut bytes, false), 4);
    assert_eq!(&bytes, b"abcd");
    space.protect(at, 3 * PAGE, ProtFlags::PROT_READ).unwrap();
    assert_eq!(space.write_remote(from, b"y", false), 0);
    assert_eq!(space.write_remote(from, b"y", true), 1);
    assert_eq!(read(&space, from), Some(b'y'));
    assert_eq!(read(&child, from), Some(b'x'));
    assert!(!write(&space, from, 1));
    assert_eq!(space.read_remote(UserAddr::new(PAGE), &mut bytes, true), 0);
    space.check();
    child.check();
}

#[test]
fn the_call_checks_are_in_order() {
    let _machine = Machine::new(BYTES);
    let space = AddressSpace::new().unwrap();
    let fixed = ANON | MapFlags::MAP_FIXED;
    let fails = |addr, pages, flags| space.map(request(addr, pages, RW, flags)).unwrap_err();
    assert_eq!(fails(0, 0, ANON), Errno::EINVAL);
    assert_eq!(fails(0x1001, 1, fixed), Errno::EINVAL);
    assert_eq!(fails(0x1000, 1, fixed), Errno::EPERM);
    assert_eq!(fails(0x7fff_ffff_f000, 1, fixed), Errno::ENOMEM);
    assert_eq!(fails(0, 1 << 40, ANON), Errno::ENOMEM);
    assert_eq!(fails(0, 1, MapFlags::MAP_ANONYMOUS), Errno::EINVAL);
    let at = map(&space, 2, ANON);
    let noreplace = ANON | MapFlags::MAP_FIXED_NOREPLACE;
    assert_eq!(fails(at.as_u64() + PAGE, 1, noreplace), Errno::EEXIST);
    assert_eq!(space.unmap(at.wrapping_add(1), PAGE), Err(Errno::EINVAL));
    assert_eq!(space.unmap(at, 0), Err(Errno::EINVAL));
    assert_eq!(space.protect(at, 3 * PAGE, RW), Err(Errno::ENOMEM));
    assert_eq!(space.protect(at, PAGE, ProtFlags::from_bits_retain(0x100)), Err(Errno::EINVAL));
    assert_eq!(space.protect(at, 0, RW), Ok(()));
    assert_eq!(space.sync(at, 3 * PAGE, false), Err(Errno::ENOMEM));
    space.check();
}
