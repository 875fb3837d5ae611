//! Descriptor tables (`CLONE_FILES`).
//!
//! Invariants: a descriptor with a file is marked used; a used one without a file is reserved by an
//! open that is under way, and closed as far as others can see. `next_free` is not above the lowest
//! free descriptor.
//!
//! Locks: one spin lock (`FD_TABLE`). Files are dropped after it is released, since dropping the
//! last reference runs the file's own code.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;
use machine::sync::SpinLock;

use super::file::OpenFile;
use crate::locks;

/// The most descriptors that any limit allows (`/proc/sys/fs/nr_open`).
pub const NR_OPEN: u64 = 1 << 20;

/// The open files of a process.
pub struct FdTable {
    slots: SpinLock<Slots>,
}

#[derive(Default)]
struct Slots {
    files: Vec<Option<Arc<OpenFile>>>,
    /// One bit per descriptor, as many as `files` has, rounded up.
    used: Vec<u64>,
    cloexec: Vec<u64>,
    next_free: usize,
}

/// Room for this many descriptors is made at least.
const STEP: usize = 64;

fn index(fd: i32) -> Option<usize> {
    usize::try_from(fd).ok()
}

impl Slots {
    #[inline]
    fn get(&self, fd: i32) -> Option<&Arc<OpenFile>> {
        self.files.get(index(fd)?)?.as_ref()
    }

    fn is_used(&self, fd: usize) -> bool {
        self.used.get(fd / 64).is_some_and(|word| word & 1 << (fd % 64) != 0)
    }

    fn mark(&mut self, fd: usize, cloexec: bool) {
        self.used[fd / 64] |= 1 << (fd % 64);
        self.set_cloexec(fd, cloexec);
    }

    fn set_cloexec(&mut self, fd: usize, cloexec: bool) {
        let bit = 1 << (fd % 64);
        if cloexec {
            self.cloexec[fd / 64] |= bit;
        } else {
            self.cloexec[fd / 64] &= !bit;
        }
    }

    fn is_cloexec(&self, fd: usize) -> bool {
        self.cloexec.get(fd / 64).is_some_and(|word| word & 1 << (fd % 64) != 0)
    }

    fn clear(&mut self, fd: usize) -> Option<Arc<OpenFile>> {
        self.used[fd / 64] &= !(1 << (fd % 64));
        self.set_cloexec(fd, false);
        self.next_free = self.next_free.min(fd);
        self.files[fd].take()
    }

    /// The lowest free descriptor from `min` on; it may lie beyond the table.
    fn lowest_free(&self, min: usize) -> usize {
        let start = min.max(self.next_free);
        let mut word = start / 64;
        let mut ignore = (1u64 << (start % 64)) - 1;
        while let Some(&bits) = self.used.get(word) {
            let free = !(bits | ignore);
            if free != 0 {
                return word * 64 + free.trailing_zeros() as usize;
            }
            ignore = 0;
            word += 1;
        }
        start.max(word * 64)
    }

    /// Makes room for descriptor `fd`.
    fn grow(&mut self, fd: usize) -> Result<(), Errno> {
        if fd < self.files.len() {
            return Ok(());
        }
        let len = (fd + 1)
            .next_multiple_of(STEP)
            .max(self.files.len().saturating_mul(2).min(NR_OPEN as usize));
        let more = len - self.files.len();
        self.files.try_reserve_exact(more).map_err(|_| Errno::ENOMEM)?;
        let words = len.div_ceil(64);
        self.used.try_reserve_exact(words - self.used.len()).map_err(|_| Errno::ENOMEM)?;
        self.cloexec.try_reserve_exact(words - self.cloexec.len()).map_err(|_| Errno::ENOMEM)?;
        self.files.resize_with(len, || None);
        self.used.resize(words, 0);
        self.cloexec.resize(words, 0);
        Ok(())
    }

    /// Takes the lowest free descriptor from `min` on that is below `limit`.
    fn take_lowest(&mut self, min: usize, limit: u64, cloexec: bool) -> Result<usize, Errno> {
        let fd = self.lowest_free(min);
        if fd as u64 >= limit.min(NR_OPEN) {
            return Err(Errno::EMFILE);
        }
        self.grow(fd)?;
        self.mark(fd, cloexec);
        if min <= self.next_free {
            self.next_free = fd + 1;
        }
        Ok(fd)
    }

    /// A file that is to be closed on exec.
    fn next_cloexec(&self) -> Option<usize> {
        let mut words = self.cloexec.iter().enumerate().filter(|(_, word)| **word != 0);
        words.find_map(|(at, &word)| {
            (0..64)
                .filter(|bit| word & 1 << bit != 0)
                .map(|bit| at * 64 + bit)
                .find(|&fd| self.files.get(fd).is_some_and(Option::is_some))
        })
    }

    /// One more than the highest used descriptor.
    fn end(&self) -> usize {
        let Some(word) = self.used.iter().rposition(|&word| word != 0) else {
            return 0;
        };
        word * 64 + 64 - self.used[word].leading_zeros() as usize
    }
}

/// A number that is out of range of `i32` cannot be a descriptor: tables end at [`NR_OPEN`].
fn to_fd(index: usize) -> i32 {
    i32::try_from(index).expect("invariant: descriptors are below NR_OPEN")
}

impl FdTable {
    /// An empty table.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { slots: SpinLock::new(locks::FD_TABLE, Slots::default()) })
    }

    /// A copy that shares the open file descriptions, for fork. Reserved descriptors are not
    /// copied: the open that reserved them belongs to another thread.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate(&self) -> Result<Arc<Self>, Errno> {
        self.duplicate_below(usize::MAX)
    }

    /// A copy of the descriptors below `limit`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate_below(&self, limit: usize) -> Result<Arc<Self>, Errno> {
        let mut copy = Slots::default();
        let mut room = self.slots.lock().end().min(limit);
        loop {
            // Allocates without the lock and looks again whether it is still enough.
            if room > 0 {
                copy.grow(room - 1)?;
            }
            let slots = self.slots.lock();
            let end = slots.end().min(limit);
            if end > copy.files.len() {
                room = end;
                continue;
            }
            for fd in 0..end {
                if let Some(file) = &slots.files[fd] {
                    copy.files[fd] = Some(file.clone());
                    copy.mark(fd, slots.is_cloexec(fd));
                }
            }
            break;
        }
        Ok(Arc::new(Self { slots: SpinLock::new(locks::FD_TABLE, copy) }))
    }

    /// The file behind `fd`.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    #[inline]
    pub fn get(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        self.slots.lock().get(fd).cloned().ok_or(Errno::EBADF)
    }

    /// The file behind `fd`, if it is more than a place in the tree.
    ///
    /// # Errors
    /// `EBADF` when it is not open or was opened with `O_PATH`.
    #[inline]
    pub fn get_usable(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        let file = self.get(fd)?;
        if file.access().path_only { Err(Errno::EBADF) } else { Ok(file) }
    }

    /// Puts `file` at the lowest free descriptor from `min` on, below `limit` (`RLIMIT_NOFILE`).
    ///
    /// # Errors
    /// `EMFILE` at the limit, `ENOMEM`.
    pub fn add(
        &self,
        file: Arc<OpenFile>,
        min: usize,
        limit: u64,
        cloexec: bool,
    ) -> Result<i32, Errno> {
        let mut slots = self.slots.lock();
        let fd = slots.take_lowest(min, limit, cloexec)?;
        slots.files[fd] = Some(file);
        Ok(to_fd(fd))
    }

    /// Reserves a descriptor for a file that is still to be opened.
    ///
    /// # Errors
    /// As [`FdTable::add`].
    pub fn reserve(&self, limit: u64, cloexec: bool) -> Result<Reserved<'_>, Errno> {
        let fd = self.slots.lock().take_lowest(0, limit, cloexec)?;
        Ok(Reserved { table: self, fd })
    }

    /// Puts `file` at exactly `fd`, in one step with closing what was there (dup2(2)). Returns
    /// what was there.
    ///
    /// # Errors
    /// `EBADF` when `fd` is negative or not below `limit`; `EBUSY` when an open has reserved it.
    pub fn replace(
        &self,
        fd: i32,
        file: Arc<OpenFile>,
        limit: u64,
        cloexec: bool,
    ) -> Result<Option<Arc<OpenFile>>, Errno> {
        let at = index(fd).filter(|&at| (at as u64) < limit.min(NR_OPEN)).ok_or(Errno::EBADF)?;
        let mut slots = self.slots.lock();
        slots.grow(at)?;
        if slots.is_used(at) && slots.files[at].is_none() {
            return Err(Errno::EBUSY);
        }
        slots.mark(at, cloexec);
        Ok(slots.files[at].replace(file))
    }

    /// As [`FdTable::replace`], and closes what was there.
    ///
    /// # Errors
    /// As [`FdTable::replace`].
    pub fn dup_to(
        &self,
        fd: i32,
        file: Arc<OpenFile>,
        limit: u64,
        cloexec: bool,
    ) -> Result<(), Errno> {
        if let Some(old) = self.replace(fd, file, limit, cloexec)? {
            self.let_go(&old);
        }
        Ok(())
    }

    /// What POSIX record locks know this table by.
    pub fn owner_id(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// A descriptor of `file` is closed: POSIX takes the record locks of the process away.
    fn let_go(&self, file: &Arc<OpenFile>) {
        if let Some(locks) = file.inode().meta().locks_if_any() {
            locks.release_process(self.owner_id());
        }
    }

    /// Closes `fd`.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    #[inline]
    pub fn close(&self, fd: i32) -> Result<(), Errno> {
        let file = self.remove(fd)?;
        self.let_go(&file);
        Ok(())
    }

    /// Takes the file at `fd` out without closing it as far as locks are concerned.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn remove(&self, fd: i32) -> Result<Arc<OpenFile>, Errno> {
        let mut slots = self.slots.lock();
        if slots.get(fd).is_none() {
            return Err(Errno::EBADF);
        }
        let at = index(fd).ok_or(Errno::EBADF)?;
        slots.clear(at).ok_or(Errno::EBADF)
    }

    /// Closes everything from `first` to `last`.
    pub fn close_range(&self, first: u32, last: u32) {
        let mut from = first as usize;
        loop {
            let file = {
                let mut slots = self.slots.lock();
                let end = slots.end().min((last as usize).saturating_add(1));
                let Some(at) = (from..end).find(|&fd| slots.files[fd].is_some()) else {
                    return;
                };
                from = at + 1;
                slots.clear(at)
            };
            if let Some(file) = file {
                self.let_go(&file);
            }
        }
    }

    /// Closes what is marked for it: the last step of exec.
    pub fn close_on_exec(&self) {
        loop {
            let file = {
                let mut slots = self.slots.lock();
                let Some(at) = slots.next_cloexec() else {
                    return;
                };
                slots.clear(at)
            };
            if let Some(file) = file {
                self.let_go(&file);
            }
        }
    }

    /// Whether `fd` is closed on exec.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn cloexec(&self, fd: i32) -> Result<bool, Errno> {
        let slots = self.slots.lock();
        slots.get(fd).ok_or(Errno::EBADF)?;
        Ok(index(fd).is_some_and(|at| slots.is_cloexec(at)))
    }

    /// Says whether `fd` is closed on exec.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn set_cloexec(&self, fd: i32, cloexec: bool) -> Result<(), Errno> {
        let mut slots = self.slots.lock();
        slots.get(fd).ok_or(Errno::EBADF)?;
        slots.set_cloexec(index(fd).ok_or(Errno::EBADF)?, cloexec);
        Ok(())
    }

    /// Marks all open descriptors from `first` to `last` as closed on exec.
    pub fn set_cloexec_range(&self, first: u32, last: u32) {
        let mut slots = self.slots.lock();
        let end = slots.end().min((last as usize).saturating_add(1));
        for fd in first as usize..end {
            if slots.is_used(fd) {
                slots.set_cloexec(fd, true);
            }
        }
    }

    /// The first open descriptor from `from` on, for `/proc/PID/fd`.
    pub fn next_open(&self, from: u32) -> Option<(u32, Arc<OpenFile>)> {
        let slots = self.slots.lock();
        let at = (from as usize..slots.end()).find(|&fd| slots.files[fd].is_some())?;
        Some((u32::try_from(at).ok()?, slots.files[at].clone()?))
    }

    /// How many descriptors the table has room for (`FDSize` in `/proc/PID/status`).
    pub fn capacity(&self) -> usize {
        self.slots.lock().files.len().max(STEP)
    }

    /// How many descriptors are open.
    pub fn count(&self) -> usize {
        self.slots.lock().files.iter().flatten().count()
    }
}

impl Drop for FdTable {
    fn drop(&mut self) {
        let files = core::mem::take(&mut self.slots.get_mut().files);
        for file in files.into_iter().flatten() {
            self.let_go(&file);
        }
    }
}

/// A descriptor whose file is still to come. Dropping it gives the descriptor back.
#[must_use]
pub struct Reserved<'a> {
    table: &'a FdTable,
    fd: usize,
}

impl Reserved<'_> {
    /// Puts the file there.
    pub fn install(self, file: Arc<OpenFile>) -> i32 {
        let fd = self.fd;
        self.table.slots.lock().files[fd] = Some(file);
        core::mem::forget(self);
        to_fd(fd)
    }

    /// The number, for calls that report it before the file is visible.
    pub fn number(&self) -> i32 {
        to_fd(self.fd)
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let file = self.table.slots.lock().clear(self.fd);
        debug_assert!(file.is_none());
    }
}
