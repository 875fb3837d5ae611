use super::*;
use crate::error::Error;
use crate::mm::{MapRequest, MapSource};
use abi::{MapFlags, ProtFlags};
use alloc::sync::Arc;
use machine::sim::Machine;

const BYTES: usize = if cfg!(miri) { 1 << 20 } else { 4 << 20 };
const PAGE: u64 = PAGE_SIZE as u64;

/// A space with `pages` writable pages and nothing around them.
fn space(pages: u64) -> (Arc<AddressSpace>, UserAddr) {
    let space = AddressSpace::new().unwrap();
    let request = MapRequest {
        addr: UserAddr::new(0x5000_0000),
        len: pages * PAGE,
        prot: ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        flags: MapFlags::MAP_PRIVATE | MapFlags::MAP_ANONYMOUS,
        source: MapSource::Anonymous,
        offset: 0,
        may_lock: false,
    };
    let at = space.map(request).unwrap();
    space.activate();
    (space, at)
}

fn errno<T>(result: Result<T>) -> Errno {
    match result {
        Err(Error::Errno(errno)) => errno,
        _ => panic!("no errno"),
    }
}

#[test]
fn copies_fault_pages_in_and_stop_at_the_end() {
    let _machine = Machine::new(BYTES);
    let (space, at) = space(2);
    let bytes: [u8; 32] = core::array::from_fn(|i| i as u8 + 1);
    let straddling = at.wrapping_add(PAGE - 16);
    copy_out(&space, straddling, &bytes).unwrap();
    let mut back = [0; 32];
    copy_in(&space, &mut back, straddling).unwrap();
    assert_eq!(back, bytes);
    let last = at.wrapping_add(2 * PAGE - 8);
    assert_eq!(copy_out_partial(&space, last, &bytes), 8);
    assert_eq!(errno(copy_out(&space, last, &bytes)), Errno::EFAULT);
    assert_eq!(errno(copy_in(&space, &mut back, UserAddr::new(u64::MAX - 4))), Errno::EFAULT);
    // A range that leaves user space copies nothing at all.
    assert_eq!(zero_partial(&space, at, usize::MAX / 2), 0);
    let value: u64 = read(&space, straddling).unwrap();
    assert_eq!(value, u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]));
    UserPtr::<u64>::new(at).at(3).write(&space, &77).unwrap();
    assert_eq!(UserPtr::<u64>::new(at.wrapping_add(24)).read(&space).unwrap(), 77);
    assert_eq!(read_array::<u16>(&space, at.wrapping_add(24), 2).unwrap(), [77, 0]);
}

#[test]
fn strings_end_at_their_nul() {
    let _machine = Machine::new(BYTES);
    let (space, at) = space(2);
    let text = [b'a'; 600];
    let straddling = at.wrapping_add(PAGE - 300);
    copy_out(&space, straddling, &text).unwrap();
    assert_eq!(read_cstr(&space, straddling, 4096).unwrap(), text);
    assert_eq!(read_cstr(&space, straddling, 601).unwrap().len(), 600);
    assert_eq!(errno(read_cstr(&space, straddling, 600)), Errno::ENAMETOOLONG);
    let end = at.wrapping_add(2 * PAGE - 3);
    copy_out(&space, end, b"xyz").unwrap();
    assert_eq!(errno(read_cstr(&space, end, 4096)), Errno::EFAULT);
    assert_eq!(errno(read_cstr(&space, UserAddr::NULL, 4096)), Errno::EFAULT);
    assert_eq!(read_cstr(&space, at, 4096).unwrap(), b"");
}

#[test]
fn scattered_buffers_are_one_stream() {
    let _machine = Machine::new(BYTES);
    let (space, at) = space(3);
    let vec = |offset: u64, len| IoVec { base: at.as_u64() + offset, len };
    let list = [vec(PAGE + 10, 3), vec(PAGE, 0), vec(PAGE + 20, 5)];
    copy_out(&space, at, list.as_bytes()).unwrap();
    let vecs = IoVecs::read(&space, at, 3).unwrap();
    assert_eq!(vecs.total(), 8);
    let mut sink = Sink::user(&space, &vecs);
    assert_eq!(sink.write(b"abcd").unwrap(), 4);
    assert_eq!(sink.write_zeroes(1).unwrap(), 1);
    assert_eq!(sink.write(b"12345").unwrap(), 3);
    assert_eq!((sink.remaining(), sink.copied()), (0, 8));
    let mut bytes = [0; 15];
    copy_in(&space, &mut bytes, at.wrapping_add(PAGE + 10)).unwrap();
    assert_eq!(&bytes, b"abc\0\0\0\0\0\0\0d\x00123");
    let mut source = Source::user(&space, &vecs);
    let mut back = [0; 8];
    assert_eq!(source.read(&mut back[..2]).unwrap(), 2);
    assert_eq!(source.read(&mut back[2..]).unwrap(), 6);
    assert_eq!(&back, b"abcd\x00123");
}

#[test]
fn bad_buffers_are_refused_in_linux_order() {
    let _machine = Machine::new(BYTES);
    let (space, at) = space(2);
    let read = |list: &[IoVec]| {
        copy_out(&space, at, list.as_bytes()).unwrap();
        IoVecs::read(&space, at, list.len()).map(|vecs| vecs.total())
    };
    let good = IoVec { base: at.as_u64(), len: 8 };
    let kernel = IoVec { base: 0xffff_8000_0000_0000, len: 1 };
    assert_eq!(errno(read(&[good, IoVec { base: 0, len: 1 << 63 }])), Errno::EINVAL);
    assert_eq!(errno(read(&[good, kernel])), Errno::EFAULT);
    let big = IoVec { base: 0, len: 0x7000_0000 };
    assert_eq!(read(&[big, big]).unwrap(), MAX_BYTES);
    assert_eq!(errno(IoVecs::read(&space, at, 1025).map(|_| ())), Errno::EINVAL);
    assert_eq!(IoVecs::read(&space, at, 0).unwrap().total(), 0);
    assert_eq!(errno(IoVecs::single(UserAddr::new(u64::MAX), 8).map(|_| ())), Errno::EFAULT);
}

#[test]
fn a_stream_that_meets_a_bad_address_ends_there() {
    let _machine = Machine::new(BYTES);
    let (space, at) = space(1);
    let end = at.wrapping_add(PAGE - 4);
    let vecs = IoVecs::single(end, 10).unwrap();
    let mut sink = Sink::user(&space, &vecs);
    assert_eq!(sink.write(b"0123456789").unwrap(), 4);
    assert_eq!(errno(sink.write(b"4").map(|_| ())), Errno::EFAULT);
    let frame = machine::frame::alloc_zeroed().unwrap().into_shared();
    let mut source = Source::user(&space, &vecs);
    source.limit(6);
    assert_eq!(source.remaining(), 6);
    assert_eq!(source.read_frame(&frame, 100, 6).unwrap(), 4);
    let mut bytes = [9; 5];
    frame.read(100, &mut bytes);
    assert_eq!(&bytes, b"0123\0");
}

#[test]
fn words_are_changed_at_once() {
    let _machine = Machine::new(BYTES);
    let (space, at) = space(1);
    assert_eq!(load_u32(&space, at).unwrap(), 0);
    store_u32(&space, at, 5).unwrap();
    assert_eq!(cmpxchg_u32(&space, at, 4, 9).unwrap(), 5);
    assert_eq!(cmpxchg_u32(&space, at, 5, 9).unwrap(), 5);
    let steps = [
        (FetchOp::Add, 9),
        (FetchOp::Or, 10),
        (FetchOp::AndNot, 11),
        (FetchOp::Xor, 10),
        (FetchOp::Set, 11),
    ];
    for (op, before) in steps {
        assert_eq!(fetch_op_u32(&space, at, op, 1).unwrap(), before, "{op:?}");
    }
    assert_eq!(load_u32(&space, at).unwrap(), 1);
    assert_eq!(errno(load_u32(&space, UserAddr::new(4096))), Errno::EFAULT);
}
