//! Terminals as programs see them, through a pty, without ever sleeping.

use alloc::sync::Arc;
use core::cell::RefCell;

use abi::poll::PollEvents;
use abi::{Errno, OpenFlags, Signal};

use super::file::{TtyFile, TtyOpen};
use super::pty::{self, Master};
use super::{controlling_terminal, job, session_ends};
use crate::cred::Cred;
use crate::error::{Error, Restart};
use crate::fs::caller::Caller;
use crate::fs::file::{FileOps, Io, OpenFile};
use crate::fs::kernel::KernelCaller;
use crate::fs::mount::Mount;
use crate::fs::tmpfs::{self, Options};
use crate::fs::{FdTable, FsInfo, anon};
use crate::mm::AddressSpace;
use crate::mm::user::{Sink, Source};

/// A process with the ids that a test gives it, which remembers what it sent.
struct Somebody {
    kernel: KernelCaller,
    pid: u32,
    group: u32,
    session: u32,
    orphaned: bool,
    ignores: bool,
    sent: RefCell<Vec<(u32, Signal)>>,
}

impl Somebody {
    fn new(pid: u32, group: u32, session: u32) -> Self {
        let superblock = tmpfs::new_instance(&tmpfs::TMPFS, &Options::default()).expect("memory");
        let root = superblock.root().clone();
        let mount = Mount::new(superblock, root, b"test", abi::file::MountFlags::empty());
        let kernel = KernelCaller::new(FsInfo::new(mount.root_path())).expect("memory");
        let sent = RefCell::default();
        Self { kernel, pid, group, session, orphaned: false, ignores: false, sent }
    }
}

impl Caller for Somebody {
    fn cred(&self) -> &Arc<Cred> {
        self.kernel.cred()
    }
    fn tid(&self) -> u32 {
        self.pid
    }
    fn tgid(&self) -> u32 {
        self.pid
    }
    fn pgid(&self) -> u32 {
        self.group
    }
    fn sid(&self) -> u32 {
        self.session
    }
    fn fs(&self) -> &Arc<FsInfo> {
        self.kernel.fs()
    }
    fn files(&self) -> &Arc<FdTable> {
        self.kernel.files()
    }
    fn space(&self) -> &AddressSpace {
        self.kernel.space()
    }
    fn soft_limit(&self, _: u32) -> u64 {
        u64::MAX
    }
    fn signal_pending(&self) -> bool {
        false
    }
    fn signal_self(&self, _: Signal) {}
    fn signal_group(&self, group: u32, signal: Signal) {
        self.sent.borrow_mut().push((group, signal));
    }
    fn blocks_or_ignores(&self, _: Signal) -> bool {
        self.ignores
    }
    fn group_is_orphaned(&self) -> bool {
        self.orphaned
    }
    fn is_session_leader(&self) -> bool {
        self.pid == self.session
    }
}

/// Groups as numbers: group n belongs to session n / 100 * 100.
struct Numbers;

impl job::ProcessGroups for Numbers {
    fn signal_group(&self, _: u32, _: u32, _: Signal) {}
    fn signal_leader(&self, _: u32, _: Signal) {}
    fn session_of(&self, group: u32) -> Option<u32> {
        (group < 1_000_000).then_some(group / 100 * 100)
    }
}

/// An open file over `ops`.
fn file(ops: Arc<dyn FileOps>, caller: &dyn Caller) -> Arc<OpenFile> {
    anon::open("[test]", ops, OpenFlags::O_RDWR, caller)
}

fn code(error: Error) -> Result<Errno, Restart> {
    match error {
        Error::Errno(errno) => Ok(errno),
        Error::Restart(restart) => Err(restart),
    }
}

struct Pair {
    master: Arc<OpenFile>,
    slave: Arc<OpenFile>,
}

impl Pair {
    fn new(caller: &dyn Caller, flags: OpenFlags) -> Self {
        let master = Master::create(caller).expect("room");
        let tty = master.tty.clone();
        let how = TtyOpen { flags, console: false, by_session: false };
        let locked = TtyFile::open(tty.clone(), how, caller).map(drop).map_err(code);
        assert!(matches!(locked, Err(Ok(Errno::EIO))));
        tty.state.lock().pty.set_locked(false);
        let slave = TtyFile::open(tty, how, caller).unwrap_or_else(|_| panic!("unlocked"));
        Self { master: file(master, caller), slave: file(slave, caller) }
    }

    fn read(file: &OpenFile, caller: &dyn Caller, room: usize) -> Result<Vec<u8>, Error> {
        let mut buffer = vec![0; room];
        let mut io = Io { caller, pos: 0, nonblock: true, append: false };
        let count = file.ops().read(file, &mut Sink::kernel(&mut buffer), &mut io)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    fn write(file: &OpenFile, caller: &dyn Caller, bytes: &[u8]) -> Result<usize, Error> {
        let mut io = Io { caller, pos: 0, nonblock: true, append: false };
        file.ops().write(file, &mut Source::kernel(bytes), &mut io)
    }

    fn slave_file(&self) -> &TtyFile {
        self.slave.ops_as::<TtyFile>().expect("it is one")
    }
}

#[test]
fn what_the_master_writes_is_typed_and_what_the_slave_writes_is_read() {
    let me = Somebody::new(7, 7, 7);
    let pair = Pair::new(&me, OpenFlags::O_RDWR | OpenFlags::O_NOCTTY);
    assert_eq!(Pair::write(&pair.master, &me, b"hi\r").expect("room"), 3);
    assert_eq!(Pair::read(&pair.slave, &me, 10).expect("a line"), b"hi\n");
    assert_eq!(Pair::read(&pair.master, &me, 10).expect("the echo"), b"hi\r\n");
    assert_eq!(Pair::write(&pair.slave, &me, b"x\n").expect("room"), 2);
    assert!(pair.master.poll(None).contains(PollEvents::IN));
    assert_eq!(Pair::read(&pair.master, &me, 10).expect("output"), b"x\r\n");
    let nothing = Pair::read(&pair.slave, &me, 10).map_err(code);
    assert!(matches!(nothing, Err(Ok(Errno::EAGAIN))));
}

#[test]
fn more_than_fits_is_taken_in_part() {
    let me = Somebody::new(7, 7, 7);
    let pair = Pair::new(&me, OpenFlags::O_RDWR | OpenFlags::O_NOCTTY);
    let much = vec![b'x'; 100_000];
    let taken = Pair::write(&pair.slave, &me, &much).expect("some");
    assert!(taken > 4096 && taken < much.len());
    assert!(!pair.slave.poll(None).contains(PollEvents::OUT));
    let got = Pair::read(&pair.master, &me, 100_000).expect("output");
    assert_eq!(got.len(), taken);
    assert!(pair.slave.poll(None).contains(PollEvents::OUT));
}

#[test]
fn the_masters_end_hangs_the_slave_up() {
    let me = Somebody::new(7, 7, 7);
    let pair = Pair::new(&me, OpenFlags::O_RDWR | OpenFlags::O_NOCTTY);
    drop(pair.master);
    assert_eq!(Pair::read(&pair.slave, &me, 10).expect("the end"), b"");
    let written = Pair::write(&pair.slave, &me, b"x").map_err(code);
    assert!(matches!(written, Err(Ok(Errno::EIO))));
    assert!(pair.slave.poll(None).contains(PollEvents::HUP));
}

#[test]
fn the_last_slaves_end_is_seen_by_the_master() {
    let me = Somebody::new(7, 7, 7);
    let pair = Pair::new(&me, OpenFlags::O_RDWR | OpenFlags::O_NOCTTY);
    Pair::write(&pair.slave, &me, b"last words").expect("room");
    drop(pair.slave);
    // What was written comes first.
    assert_eq!(Pair::read(&pair.master, &me, 100).expect("output"), b"last words");
    let read = Pair::read(&pair.master, &me, 100).map_err(code);
    assert!(matches!(read, Err(Ok(Errno::EIO))));
}

#[test]
fn a_session_leader_takes_a_terminal_by_opening_it() {
    job::set_process_groups(&Numbers);
    let leader = Somebody::new(500, 500, 500);
    let pair = Pair::new(&leader, OpenFlags::O_RDWR);
    let tty = pair.slave_file().tty().clone();
    assert_eq!(tty.owners(), (Some(500), Some(500)));
    assert!(controlling_terminal(500).is_some_and(|found| Arc::ptr_eq(&found, &tty)));
    // Another session cannot have it as well, not even by force without privilege.
    let other = Somebody::new(600, 600, 600);
    let taken = tty.set_controlling(&other, false, true).map_err(code);
    assert!(matches!(taken, Err(Ok(Errno::EPERM))));
    // Foreground groups must be of the session.
    let group = |number| tty.set_foreground(&leader, number).map_err(code);
    assert!(group(540).is_ok());
    assert!(matches!(group(640), Err(Ok(Errno::EPERM))));
    assert!(matches!(group(9_999_999), Err(Ok(Errno::ESRCH))));
    assert!(matches!(group(-1), Err(Ok(Errno::EINVAL))));
    assert!(matches!(tty.foreground_for(&other, false).map_err(code), Err(Ok(Errno::ENOTTY))));
    session_ends(500);
    assert_eq!(tty.owners(), (None, None));
    assert!(controlling_terminal(500).is_none());
}

#[test]
fn the_background_is_stopped_or_refused() {
    job::set_process_groups(&Numbers);
    let leader = Somebody::new(700, 700, 700);
    let pair = Pair::new(&leader, OpenFlags::O_RDWR);
    let mut job = Somebody::new(710, 710, 700);
    let read = Pair::read(&pair.slave, &job, 10).map_err(code);
    assert!(matches!(read, Err(Err(Restart::IfSaRestart))));
    assert_eq!(*job.sent.borrow(), [(710, Signal::SIGTTIN)]);
    // Writing is allowed as long as TOSTOP is off.
    assert_eq!(Pair::write(&pair.slave, &job, b"x").expect("room"), 1);
    job.orphaned = true;
    let read = Pair::read(&pair.slave, &job, 10).map_err(code);
    assert!(matches!(read, Err(Ok(Errno::EIO))));
    job.orphaned = false;
    job.ignores = true;
    let read = Pair::read(&pair.slave, &job, 10).map_err(code);
    assert!(matches!(read, Err(Ok(Errno::EIO))));
    session_ends(700);
}

#[test]
fn a_pair_is_forgotten_with_its_master() {
    let me = Somebody::new(7, 7, 7);
    let master = Master::create(&me).expect("room");
    let (index, tty) = (master.index, master.tty.clone());
    // Another test may be given the number at once.
    let is_there = || pty::slave(index).is_some_and(|slave| Arc::ptr_eq(&slave, &tty));
    assert!(is_there() && pty::slaves().contains(&index));
    drop(file(master, &me));
    assert!(!is_there());
}
