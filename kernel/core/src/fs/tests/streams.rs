//! Pipes, FIFOs, eventfds and epoll, as far as they go without sleeping.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::poll::{EpollEvent, EpollFlags, PollEvents};
use abi::{Errno, OpenFlags};

use super::{World, code, e};
use crate::fs::epoll::{self, Deadline, Epoll};
use crate::fs::file::OpenFile;
use crate::fs::open::{self, OpenRequest};
use crate::fs::pipe::Pipe;
use crate::fs::{eventfd, pipe};
use crate::mm::user::{Sink, Source};

fn write(world: &World, file: &OpenFile, bytes: &[u8]) -> Result<usize, i32> {
    let mut io = file.io(&world.caller, 0);
    file.ops().write(file, &mut Source::kernel(bytes), &mut io).map_err(code)
}

fn read(world: &World, file: &OpenFile, most: usize) -> Result<Vec<u8>, i32> {
    let mut bytes = std::vec![0; most];
    let mut io = file.io(&world.caller, 0);
    let count = file.ops().read(file, &mut Sink::kernel(&mut bytes), &mut io).map_err(code)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn make_pipe(world: &World) -> (Arc<OpenFile>, Arc<OpenFile>) {
    pipe::create(OpenFlags::O_NONBLOCK, &world.caller).unwrap()
}

#[test]
fn small_writes_are_whole_or_not_at_all() {
    let world = World::new();
    let (reader, writer) = make_pipe(&world);
    assert_eq!(read(&world, &reader, 10), e(Errno::EAGAIN));
    assert_eq!(write(&world, &writer, &[1; 65536 - 100]), Ok(65436));
    assert_eq!(write(&world, &writer, &[2; 101]), e(Errno::EAGAIN));
    assert_eq!(write(&world, &writer, &[2; 100]), Ok(100));
    assert_eq!(read(&world, &reader, 5000).map(|bytes| bytes.len()), Ok(5000));
    // More than PIPE_BUF goes in as far as it fits.
    assert_eq!(write(&world, &writer, &[3; 8000]), Ok(5000));
    assert_eq!(writer.poll(None), PollEvents::empty());
    assert_eq!(reader.poll(None), PollEvents::READABLE);
    let mut all = Vec::new();
    while let Ok(bytes) = read(&world, &reader, 7777) {
        all.extend(bytes);
    }
    assert_eq!(all.len(), 65536);
    assert_eq!(all.iter().filter(|&&byte| byte == 2).count(), 100);
    assert_eq!(all[65535], 3);
}

#[test]
fn the_last_end_that_closes_is_noticed() {
    let world = World::new();
    let (reader, writer) = make_pipe(&world);
    write(&world, &writer, b"left").unwrap();
    drop(writer);
    assert_eq!(reader.poll(None), PollEvents::READABLE | PollEvents::HUP);
    assert_eq!(read(&world, &reader, 10).as_deref(), Ok(&b"left"[..]));
    assert_eq!(read(&world, &reader, 10).as_deref(), Ok(&b""[..]));
    let (reader, writer) = make_pipe(&world);
    drop(reader);
    assert_eq!(writer.poll(None), PollEvents::WRITABLE | PollEvents::ERR);
    assert_eq!(write(&world, &writer, b"x"), e(Errno::EPIPE));
    assert_eq!(write(&world, &writer, b""), Ok(0));
}

#[test]
fn packets_are_read_one_by_one() {
    let world = World::new();
    let flags = OpenFlags::O_NONBLOCK | OpenFlags::O_DIRECT;
    let (reader, writer) = pipe::create(flags, &world.caller).unwrap();
    for packet in [&b"one"[..], b"second", b"third"] {
        assert_eq!(write(&world, &writer, packet), Ok(packet.len()));
    }
    assert_eq!(read(&world, &reader, 100).as_deref(), Ok(&b"one"[..]));
    assert_eq!(read(&world, &reader, 3).as_deref(), Ok(&b"sec"[..]));
    // Long writes are packets of a page; this one lies across two pages of the ring.
    assert_eq!(write(&world, &writer, &[1; 5000]), Ok(5000));
    writer.set_flags(OpenFlags::O_NONBLOCK);
    assert_eq!(write(&world, &writer, b"plain"), Ok(5));
    let pipe = reader.ops_as::<Pipe>().unwrap();
    pipe.resize(1 << 17, &world.caller).map_err(code).unwrap();
    assert_eq!(read(&world, &reader, 100).as_deref(), Ok(&b"third"[..]));
    assert_eq!(read(&world, &reader, 9000).map(|bytes| bytes.len()), Ok(4096));
    assert_eq!(read(&world, &reader, 9000).map(|bytes| bytes.len()), Ok(904));
    assert_eq!(read(&world, &reader, 9000).as_deref(), Ok(&b"plain"[..]));
}

#[test]
fn capacity_changes_keep_what_is_inside() {
    let world = World::new();
    let (reader, writer) = make_pipe(&world);
    let pipe = reader.ops_as::<Pipe>().unwrap();
    assert_eq!(pipe.capacity(), 65536);
    let resize = |bytes| pipe.resize(bytes, &world.caller).map_err(code);
    write(&world, &writer, &[7; 5000]).unwrap();
    assert_eq!(resize(4096), e(Errno::EBUSY));
    assert_eq!(resize(u32::MAX), e(Errno::EINVAL));
    assert_eq!(resize(5000), Ok(8192));
    assert_eq!(write(&world, &writer, &[8; 5000]), Ok(3192));
    assert_eq!(resize(1 << 20), Ok(1 << 20));
    assert_eq!(write(&world, &writer, &[9; 100_000]), Ok(100_000));
    let bytes = read(&world, &reader, 1 << 20).unwrap();
    assert_eq!(bytes.len(), 8192 + 100_000);
    assert_eq!((bytes[4999], bytes[5000], bytes[8191], bytes[8192]), (7, 8, 8, 9));
}

#[test]
fn fifos_open_without_waiting_as_fifo_7_says() {
    let world = World::new();
    let kind = crate::fs::inode::NewKind::Fifo;
    world.with("fifo", |walker| crate::fs::edit::create(walker, kind, 0o600)).unwrap();
    let nonblock = OpenFlags::O_NONBLOCK;
    assert_eq!(world.open("fifo", nonblock | OpenFlags::O_WRONLY).map(drop), e(Errno::ENXIO));
    let reader = world.open("fifo", nonblock).unwrap();
    // Nobody has written yet, so nobody has hung up.
    assert_eq!(reader.poll(None), PollEvents::empty());
    let writer = world.open("fifo", nonblock | OpenFlags::O_WRONLY).unwrap();
    write(&world, &writer, b"hello").unwrap();
    assert_eq!(read(&world, &reader, 10).as_deref(), Ok(&b"hello"[..]));
    drop(writer);
    assert_eq!(reader.poll(None), PollEvents::HUP);
    drop(reader);
    // What nobody read is gone with the last end.
    let both = world.open("fifo", nonblock | OpenFlags::O_RDWR).unwrap();
    write(&world, &both, b"lost").unwrap();
    drop(both);
    let reader = world.open("fifo", nonblock).unwrap();
    assert_eq!(read(&world, &reader, 10).as_deref(), Ok(&b""[..]));
}

#[test]
fn eventfds_count() {
    let world = World::new();
    let file = eventfd::create(3, false, OpenFlags::O_NONBLOCK, &world.caller);
    assert_eq!(file.poll(None), PollEvents::IN | PollEvents::OUT);
    assert_eq!(write(&world, &file, &4u64.to_ne_bytes()), Ok(8));
    assert_eq!(read(&world, &file, 8), Ok(7u64.to_ne_bytes().to_vec()));
    assert_eq!(read(&world, &file, 8), e(Errno::EAGAIN));
    assert_eq!(read(&world, &file, 7), e(Errno::EINVAL));
    assert_eq!(write(&world, &file, &u64::MAX.to_ne_bytes()), e(Errno::EINVAL));
    assert_eq!(write(&world, &file, &(u64::MAX - 1).to_ne_bytes()), Ok(8));
    assert_eq!(file.poll(None), PollEvents::IN);
    assert_eq!(write(&world, &file, &1u64.to_ne_bytes()), e(Errno::EAGAIN));
    let file = eventfd::create(2, true, OpenFlags::O_NONBLOCK, &world.caller);
    for left in [true, false] {
        assert_eq!(read(&world, &file, 8), Ok(1u64.to_ne_bytes().to_vec()));
        assert_eq!(file.poll(None).contains(PollEvents::IN), left);
    }
}

#[test]
fn a_pipe_can_be_opened_again_by_its_path() {
    let world = World::new();
    let (reader, writer) = make_pipe(&world);
    let request = OpenRequest::existing(OpenFlags::O_WRONLY);
    let again = open::reopen(&world.cx(), reader.path().clone(), &request).map_err(code).unwrap();
    drop(writer);
    assert_eq!(write(&world, &again, b"hi"), Ok(2));
    assert_eq!(read(&world, &reader, 9).as_deref(), Ok(&b"hi"[..]));
    assert_eq!(reader.poll(None), PollEvents::empty());
    drop(again);
    assert_eq!(reader.poll(None), PollEvents::HUP);
    // Without a writer left it is at its end at once.
    let request = OpenRequest::existing(OpenFlags::empty());
    let again = open::reopen(&world.cx(), reader.path().clone(), &request).map_err(code).unwrap();
    assert_eq!(read(&world, &again, 9).as_deref(), Ok(&b""[..]));
}

struct Watch {
    file: Arc<OpenFile>,
}

impl Watch {
    fn new(world: &World) -> Self {
        Self { file: epoll::create(OpenFlags::empty(), &world.caller) }
    }

    fn epoll(&self) -> Arc<Epoll> {
        let any: Arc<dyn core::any::Any + Send + Sync> = self.file.ops().clone();
        any.downcast().expect("it is an epoll instance")
    }

    fn ready(&self) -> Vec<(u64, u32)> {
        let events = self.epoll().wait(16, Deadline::Now).map_err(code).unwrap();
        events.iter().map(|event| (event.data, event.events)).collect()
    }

    fn add(&self, fd: i32, file: &Arc<OpenFile>, events: u32) -> Result<(), i32> {
        let event = EpollEvent { events, data: fd as u64 };
        self.epoll().add(fd, file, event).map_err(code)
    }
}

const IN: u32 = PollEvents::IN.bits();

#[test]
fn level_edge_and_oneshot() {
    let world = World::new();
    for (flags, rounds) in [
        (0, [true, true, true]),
        (EpollFlags::ET.bits(), [true, false, true]),
        (EpollFlags::ONESHOT.bits(), [true, false, false]),
    ] {
        let watch = Watch::new(&world);
        let (reader, writer) = make_pipe(&world);
        watch.add(3, &reader, IN | flags).unwrap();
        assert_eq!(watch.ready(), []);
        write(&world, &writer, b"x").unwrap();
        let want = |is: bool| if is { std::vec![(3, IN)] } else { std::vec![] };
        assert_eq!(watch.ready(), want(rounds[0]), "first, {flags:x}");
        assert_eq!(watch.ready(), want(rounds[1]), "again, {flags:x}");
        write(&world, &writer, b"y").unwrap();
        assert_eq!(watch.ready(), want(rounds[2]), "more data, {flags:x}");
        let event = EpollEvent { events: IN | flags, data: 9 };
        watch.epoll().modify(3, &reader, event).map_err(code).unwrap();
        assert_eq!(watch.ready(), [(9, IN)], "modified, {flags:x}");
    }
}

#[test]
fn registrations_end_with_the_file_or_by_hand() {
    let world = World::new();
    let watch = Watch::new(&world);
    let (reader, writer) = make_pipe(&world);
    write(&world, &writer, b"x").unwrap();
    watch.add(3, &reader, IN).unwrap();
    watch.add(4, &reader, IN).unwrap();
    assert_eq!(watch.add(3, &reader, IN), e(Errno::EEXIST));
    assert_eq!(watch.ready().len(), 2);
    watch.epoll().remove(3, &reader).map_err(code).unwrap();
    assert_eq!(watch.epoll().remove(3, &reader).map_err(code), e(Errno::ENOENT));
    assert_eq!(watch.ready(), [(4, IN)]);
    drop(reader);
    assert_eq!(watch.ready(), []);
    world.create("file").unwrap();
    let file = world.open("file", OpenFlags::empty()).unwrap();
    assert_eq!(watch.add(5, &file, IN), e(Errno::EPERM));
    // The pipe itself is not kept by the registration that is gone.
    let pipe = Arc::downgrade(writer.ops());
    drop(writer);
    assert!(pipe.upgrade().is_none());
}

#[test]
fn instances_watch_instances_but_not_in_circles() {
    let world = World::new();
    let (inner, outer) = (Watch::new(&world), Watch::new(&world));
    let (reader, writer) = make_pipe(&world);
    inner.add(3, &reader, IN).unwrap();
    outer.add(4, &inner.file, IN).unwrap();
    assert_eq!(inner.add(5, &outer.file, IN), e(Errno::ELOOP));
    assert_eq!(outer.ready(), []);
    write(&world, &writer, b"x").unwrap();
    assert_eq!(outer.ready(), [(4, IN)]);
    assert_eq!(inner.ready(), [(3, IN)]);
    read(&world, &reader, 1).unwrap();
    assert_eq!(outer.ready(), []);
}
