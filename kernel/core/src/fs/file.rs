//! Open file descriptions: what open(2) makes and descriptors point to.
//!
//! [`OpenFile`] has what is the same for all (path, status flags, offset, owner of signals);
//! [`FileOps`] is what differs. Offsets of regular files and directories are guarded by a gate, so
//! that two threads that read one description get different parts, as POSIX demands.
//!
//! Locks: the gate of the offset, then the owner (`OPEN_FILE`). No operation is called with a spin
//! lock held; operations may sleep.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::poll::PollEvents;
use abi::{Errno, OpenFlags};
use machine::sync::{Once, SpinLock};

use super::caller::Caller;
use super::dentry::Name;
use super::epoll::{self, Watchers};
use super::gate::{Gate, Pass};
use super::inode::{FileType, Inode, StatInfo};
use super::path::Path;
pub use super::seek::{Seek, seek_in};
use crate::cred::Cred;
use crate::error::Result;
use crate::locks;
use crate::mm::PageCache;
use crate::mm::user::{Sink, Source};
use crate::sched::{PollTable, Sleep};

/// Who moves bytes, where and how: the part of a read or write that is not the buffer.
pub struct Io<'a> {
    /// The calling thread.
    pub caller: &'a dyn Caller,
    /// Where to start; operations on files with an offset move it on.
    pub pos: u64,
    /// Do not sleep: `O_NONBLOCK` or `RWF_NOWAIT`.
    pub nonblock: bool,
    /// Write at the end: `O_APPEND` or `RWF_APPEND`.
    pub append: bool,
}

/// Takes the entries of a directory one by one.
pub trait DirSink {
    /// Offers an entry; `next` is the position after it. False: it does not fit, stop here.
    fn entry(&mut self, ino: u64, next: u64, kind: FileType, name: &[u8]) -> bool;
}

/// An entry that is already counted for, for directories that compute theirs.
#[derive(Clone, Debug)]
pub struct DirItem {
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileType,
    /// Name.
    pub name: Name,
}

/// What mmap(2) maps of a file.
pub enum Mappable {
    /// Its page cache.
    Cache(Arc<PageCache>),
    /// Nothing but zeroes: `/dev/zero`, that is anonymous memory.
    Zero,
}

/// The operations of one kind of open file.
pub trait FileOps: Any + Send + Sync {
    /// Reads at `io.pos`, returns how much; 0 is the end.
    ///
    /// # Errors
    /// `EINVAL` when it cannot be read.
    fn read(&self, file: &OpenFile, dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
        let _ = (file, dst, io);
        Err(Errno::EINVAL.into())
    }

    /// Writes at `io.pos`, returns how much.
    ///
    /// # Errors
    /// `EINVAL` when it cannot be written.
    fn write(&self, file: &OpenFile, src: &mut Source<'_>, io: &mut Io<'_>) -> Result<usize> {
        let _ = (file, src, io);
        Err(Errno::EINVAL.into())
    }

    /// What is ready now; with a table, the caller wants to be woken when that changes.
    fn poll(&self, file: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        let _ = (file, table);
        PollEvents::READABLE | PollEvents::WRITABLE
    }

    /// Whether poll ever says anything but "ready"; epoll(7) refuses files without (`EPERM`).
    fn can_poll(&self) -> bool {
        false
    }

    /// Device control. The calls that work on all files were already done.
    ///
    /// # Errors
    /// `ENOTTY` for a command that it does not know.
    fn ioctl(&self, file: &OpenFile, cmd: u32, arg: u64, caller: &dyn Caller) -> Result<usize> {
        let _ = (file, cmd, arg, caller);
        Err(Errno::ENOTTY.into())
    }

    /// Whether it has an offset at all; else lseek(2), pread(2) and pwrite(2) say `ESPIPE`.
    fn seekable(&self) -> bool {
        false
    }

    /// Where a seek leads, for seekable files. The default knows sizes and has no holes.
    ///
    /// # Errors
    /// `EINVAL` for a negative result, `ENXIO` for data or holes beyond the end.
    fn seek(&self, file: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        seek_in(file.inode().size(), now, to)
    }

    /// Emits directory entries from position `pos` on; moves `pos` past what was taken.
    ///
    /// # Errors
    /// `ENOTDIR` when this is no directory.
    fn read_dir(
        &self,
        file: &OpenFile,
        pos: &mut u64,
        sink: &mut dyn DirSink,
        caller: &dyn Caller,
    ) -> Result<()> {
        let _ = (file, pos, sink, caller);
        Err(Errno::ENOTDIR.into())
    }

    /// What mmap(2) gets.
    ///
    /// # Errors
    /// `ENODEV` when it cannot be mapped.
    fn mappable(&self, file: &OpenFile) -> Result<Mappable> {
        let _ = file;
        Err(Errno::ENODEV.into())
    }

    /// Allocates or frees space (fallocate(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP` when it cannot, `ENODEV` when it has no space at all.
    fn allocate(
        &self,
        file: &OpenFile,
        request: AllocateRequest,
        caller: &dyn Caller,
    ) -> Result<()> {
        let _ = (file, request, caller);
        Err(Errno::ENODEV.into())
    }

    /// Writes everything to its device, for fsync(2).
    ///
    /// # Errors
    /// `EINVAL` when this is not something that is stored.
    fn sync(&self, file: &OpenFile) -> Result<()> {
        let _ = file;
        Err(Errno::EINVAL.into())
    }

    /// The status flags are about to change; `O_DIRECT` and `O_ASYNC` may be refused.
    ///
    /// # Errors
    /// `EINVAL` when the file cannot have one of them.
    fn check_flags(&self, flags: OpenFlags) -> Result<()> {
        if flags.contains(OpenFlags::O_DIRECT) { Err(Errno::EINVAL.into()) } else { Ok(()) }
    }

    /// The lines that `/proc/PID/fdinfo` shows after the common ones.
    fn info(&self, file: &OpenFile, out: &mut alloc::vec::Vec<u8>) {
        let _ = (file, out);
    }

    /// A description of it was made by open(2).
    fn opened(&self, file: &OpenFile) {
        let _ = file;
    }

    /// The description goes away.
    fn release(&self, file: &OpenFile) {
        let _ = file;
    }
}

/// What fallocate(2) is asked, already validated.
#[derive(Clone, Copy, Debug)]
pub struct AllocateRequest {
    /// Where.
    pub start: u64,
    /// How much.
    pub len: u64,
    /// What to do there.
    pub mode: Allocate,
    /// Whether the size stays although the range lies beyond it.
    pub keep_size: bool,
}

/// The kinds of fallocate(2) that exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocate {
    /// Make sure that there is space.
    Reserve,
    /// Free it; the range reads as zeroes.
    PunchHole,
}

/// Who gets `SIGIO` (fcntl(2) `F_SETOWN_EX`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Nobody.
    #[default]
    None,
    /// A thread.
    Thread(u32),
    /// A process.
    Process(u32),
    /// A process group.
    Group(u32),
}

#[derive(Clone, Copy, Default)]
struct OwnerState {
    owner: Owner,
    signal: u32,
}

/// An open file description.
pub struct OpenFile {
    // Immutable.
    path: Path,
    ops: Arc<dyn FileOps>,
    cred: Arc<Cred>,
    /// `O_ACCMODE` as two bits, `O_PATH` gives none.
    access: Access,
    counted_writer: bool,

    // Atomic.
    flags: AtomicU32,
    offset: AtomicU64,

    gate: Gate,
    /// What few descriptions need; made when first used.
    extra: Once<Box<Extra>>,
}

struct Extra {
    owner: SpinLock<OwnerState>,
    watchers: SpinLock<Watchers>,
}

/// What an open file description may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// read(2) and the like.
    pub read: bool,
    /// write(2) and the like.
    pub write: bool,
    /// `O_PATH`: only a place in the tree.
    pub path_only: bool,
    /// It has an offset at all.
    pub seekable: bool,
    /// Calls that use the offset keep others from it meanwhile (regular files, directories).
    pub atomic_offset: bool,
}

/// The flags that only matter while opening and that `F_GETFL` does not show.
const OPENING: OpenFlags = OpenFlags::O_CREAT
    .union(OpenFlags::O_EXCL)
    .union(OpenFlags::O_NOCTTY)
    .union(OpenFlags::O_TRUNC)
    .union(OpenFlags::O_CLOEXEC);

/// How many descriptions there are.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// How many open file descriptions there are in the whole system.
pub fn open_count() -> u64 {
    OPEN.load(Ordering::Relaxed)
}

impl OpenFile {
    /// A description of what `ops` does, found at `path`. For files that may be written to, the
    /// caller has counted the writer with `Metadata::add_writer` if `counted_writer`.
    pub fn new(
        path: Path,
        ops: Arc<dyn FileOps>,
        flags: OpenFlags,
        cred: Arc<Cred>,
        counted_writer: bool,
    ) -> Arc<Self> {
        OPEN.fetch_add(1, Ordering::Relaxed);
        let path_only = flags.contains(OpenFlags::O_PATH);
        let kind = path.inode().meta().file_type();
        let access = Access {
            read: !path_only && flags.is_readable(),
            write: !path_only && flags.is_writable(),
            path_only,
            seekable: !path_only && ops.seekable(),
            atomic_offset: !path_only && matches!(kind, FileType::Regular | FileType::Directory),
        };
        Arc::new(Self {
            path,
            ops,
            cred,
            access,
            counted_writer,
            flags: AtomicU32::new((flags - OPENING).bits()),
            offset: AtomicU64::new(0),
            gate: Gate::new(),
            extra: Once::new(),
        })
    }

    /// Where it was found.
    #[inline]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The object.
    #[inline]
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.path.inode()
    }

    /// The operations.
    #[inline]
    pub fn ops(&self) -> &Arc<dyn FileOps> {
        &self.ops
    }

    /// The operations as the concrete type `T`, for calls that work on one kind of file only.
    pub fn ops_as<T: FileOps>(&self) -> Option<&T> {
        let any: &dyn Any = &*self.ops;
        any.downcast_ref()
    }

    /// The credentials of whoever opened it.
    pub fn cred(&self) -> &Arc<Cred> {
        &self.cred
    }

    /// What it may be used for.
    #[inline]
    pub fn access(&self) -> Access {
        self.access
    }

    /// The status flags with the access mode, as `F_GETFL` shows them.
    #[inline]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// Whether operations must not sleep.
    #[inline]
    pub fn nonblock(&self) -> bool {
        self.flags().contains(OpenFlags::O_NONBLOCK)
    }

    /// Changes the flags in `OpenFlags::SETTABLE`.
    pub fn set_flags(&self, new: OpenFlags) {
        let keep = !OpenFlags::SETTABLE.bits();
        let new = (new & OpenFlags::SETTABLE).bits();
        // `fetch_update` cannot fail: the closure always returns a value.
        let _ = self
            .flags
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old & keep | new));
    }

    /// The start of a read or write by `caller` at `pos`.
    #[inline]
    pub fn io<'a>(&self, caller: &'a dyn Caller, pos: u64) -> Io<'a> {
        let flags = self.flags();
        Io {
            caller,
            pos,
            nonblock: flags.contains(OpenFlags::O_NONBLOCK),
            append: flags.contains(OpenFlags::O_APPEND),
        }
    }

    /// The offset.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Sets the offset. The caller has passed [`OpenFile::lock_offset`].
    #[inline]
    pub fn set_offset(&self, offset: u64) {
        self.offset.store(offset, Ordering::Relaxed);
    }

    /// Keeps others from using the offset.
    #[inline]
    pub fn lock_offset(&self) -> Pass<'_> {
        match self.gate.pass(Sleep::Uninterruptible) {
            Ok(pass) => pass,
            Err(_) => unreachable!("invariant: nothing ends an uninterruptible wait early"),
        }
    }

    /// What is ready, for poll(2) and its kin.
    pub fn poll(&self, table: Option<&mut PollTable>) -> PollEvents {
        self.ops.poll(self, table)
    }

    /// What stat(2) reports.
    pub fn stat(&self) -> StatInfo {
        self.inode().stat()
    }

    /// The epoll registrations of this description.
    pub fn watchers(&self) -> &SpinLock<Watchers> {
        &self.extra().watchers
    }

    fn extra(&self) -> &Extra {
        self.extra.call_once(|| {
            Box::new(Extra {
                owner: SpinLock::new(locks::OPEN_FILE, OwnerState::default()),
                watchers: SpinLock::new(locks::OPEN_FILE, Watchers::new()),
            })
        })
    }

    /// Who gets `SIGIO`, and which signal instead (0: `SIGIO` itself).
    pub fn owner(&self) -> (Owner, u32) {
        let state = *self.extra().owner.lock();
        (state.owner, state.signal)
    }

    /// Sets who gets `SIGIO`.
    pub fn set_owner(&self, owner: Owner) {
        self.extra().owner.lock().owner = owner;
    }

    /// Sets the signal that is sent instead of `SIGIO`.
    pub fn set_owner_signal(&self, signal: u32) {
        self.extra().owner.lock().signal = signal;
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
        self.ops.release(self);
        if let Some(locks) = self.inode().meta().locks_if_any() {
            locks.release_file(core::ptr::from_ref(self).addr());
        }
        if let Some(extra) = self.extra.get() {
            epoll::forget(&extra.watchers);
        }
        if self.counted_writer {
            self.inode().meta().drop_writer();
        }
    }
}
