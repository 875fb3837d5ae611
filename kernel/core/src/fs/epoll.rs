//! epoll(7).
//!
//! An [`Item`] is one registration: it hangs in the wait queues of its file and, when one of them
//! is woken, puts itself on the ready list of its [`Epoll`]. Waiting takes items off the list, asks
//! their files what is really ready, and reports that; a level-triggered item then goes back to the
//! end of the list, where the next wait looks again.
//!
//! An item ends when the epoll instance or its file goes away; the file knows its items for that.
//!
//! Locks: the interest list (`EPOLL`), then the ready list (`EPOLL_READY`, also taken by wake-ups).
//! Files are asked without any of them. Adding is serialised by one lock for all instances
//! (`EPOLL_NESTING`), because it looks for circles.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::poll::{EpollEvent, EpollFlags, PollEvents};
use abi::{Errno, OpenFlags};
use machine::sync::SpinLock;

use super::anon;
use super::caller::Caller;
use super::file::{FileOps, OpenFile};
use crate::error::Result;
use crate::locks;
use crate::sched::{PollTable, Registration, Sleep, WaitQueue, Wake, Woken};

/// How deep instances may watch each other.
const NESTING_MAX: u32 = 5;

/// What names a registration: the descriptor, and the description behind it at that time.
type Key = (i32, usize);

/// An epoll instance.
pub struct Epoll {
    interest: SpinLock<BTreeMap<Key, Arc<Item>>>,
    ready: SpinLock<VecDeque<Arc<Item>>>,
    queue: WaitQueue,
}

/// One file that an instance watches.
pub struct Item {
    key: Key,
    epoll: Weak<Epoll>,
    file: Weak<OpenFile>,
    /// Events and flags that are asked for; no events at all after `EPOLLONESHOT` fired.
    events: AtomicU32,
    data: AtomicU64,
    /// On the ready list, so that it is there once.
    listed: AtomicBool,
    /// Taken out of the interest list: wake-ups no longer count.
    dead: AtomicBool,
    registrations: SpinLock<Vec<Registration>>,
}

/// The items that watch one open file description.
#[derive(Default)]
pub struct Watchers(Vec<Weak<Item>>);

static NESTING: SpinLock<()> = SpinLock::new(locks::EPOLL_NESTING, ());

/// A new instance.
pub fn create(flags: OpenFlags, caller: &dyn Caller) -> Arc<OpenFile> {
    anon::open("[eventpoll]", Epoll::new(), flags | OpenFlags::O_RDWR, caller)
}

impl Wake for Item {
    fn wake(&self) {
        let Some(epoll) = self.epoll.upgrade() else {
            return;
        };
        epoll.mark_ready(self.key);
    }
}

impl Item {
    fn wanted(&self) -> u32 {
        self.events.load(Ordering::Acquire)
    }

    /// What of the events asked for is ready now.
    fn ready_events(&self) -> PollEvents {
        let wanted = self.wanted();
        let poll = PollEvents::from_bits_truncate(wanted);
        if self.dead.load(Ordering::Acquire) || poll.is_empty() {
            return PollEvents::empty();
        }
        let Some(file) = self.file.upgrade() else {
            return PollEvents::empty();
        };
        file.poll(None) & (poll | PollEvents::ALWAYS)
    }

    fn has(&self, flag: EpollFlags) -> bool {
        self.wanted() & flag.bits() != 0
    }

    /// Fired with `EPOLLONESHOT`: nothing until it is armed again. The flags stay.
    fn disarm(&self) {
        let flags = EpollFlags::all().bits();
        self.events.fetch_and(flags, Ordering::AcqRel);
    }
}

impl Epoll {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            interest: SpinLock::new(locks::EPOLL, BTreeMap::new()),
            ready: SpinLock::new(locks::EPOLL_READY, VecDeque::new()),
            queue: WaitQueue::new(),
        })
    }

    /// A wake-up reached the item `key`.
    fn mark_ready(&self, key: Key) {
        let item = self.interest.lock().get(&key).cloned();
        if let Some(item) = item
            && self.enlist(&item)
        {
            self.queue.wake_one();
        }
    }

    /// Puts the item on the ready list; false if it is there.
    fn enlist(&self, item: &Arc<Item>) -> bool {
        if item.dead.load(Ordering::Acquire) || item.listed.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.ready.lock().push_back(item.clone());
        true
    }

    /// Watches `file`, known to the caller as `fd`.
    ///
    /// # Errors
    /// `EEXIST`; `EPERM` when the file cannot be polled; `ELOOP` for circles and too deep nests.
    pub fn add(self: &Arc<Self>, fd: i32, file: &Arc<OpenFile>, event: EpollEvent) -> Result<()> {
        if !file.ops().can_poll() {
            return Err(Errno::EPERM.into());
        }
        machine::frame::check_reserve()?;
        let key = (fd, Arc::as_ptr(file).addr());
        let item = Arc::new(Item {
            key,
            epoll: Arc::downgrade(self),
            file: Arc::downgrade(file),
            events: AtomicU32::new(event.events),
            data: AtomicU64::new(event.data),
            listed: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            registrations: SpinLock::new(locks::EPOLL, Vec::new()),
        });
        {
            // Whoever was looked at is let go only after the locks: it may be the last reference.
            let mut seen = Vec::new();
            let _nesting = NESTING.lock();
            if let Some(inner) = file.ops_as::<Epoll>() {
                inner.check_nesting(self, 1, &mut seen)?;
            }
            let mut interest = self.interest.lock();
            if interest.contains_key(&key) {
                return Err(Errno::EEXIST.into());
            }
            interest.insert(key, item.clone());
        }
        {
            let mut watchers = file.watchers().lock();
            watchers.tidy();
            watchers.0.push(Arc::downgrade(&item));
        }
        let mut table = PollTable::new(item.clone());
        let events = file.poll(Some(&mut table));
        *item.registrations.lock() = table.into_registrations();
        if item.dead.load(Ordering::SeqCst) {
            // Removed meanwhile, before there was anything to take back.
            let registrations = core::mem::take(&mut *item.registrations.lock());
            drop(registrations);
            return Ok(());
        }
        let wanted = PollEvents::from_bits_truncate(item.wanted()) | PollEvents::ALWAYS;
        if events.intersects(wanted) && self.enlist(&item) {
            self.queue.wake_one();
        }
        Ok(())
    }

    /// Whether `outer` may watch this instance: it must not be below it, nor too far above.
    fn check_nesting(
        &self,
        outer: &Arc<Epoll>,
        depth: u32,
        seen: &mut Vec<Arc<OpenFile>>,
    ) -> Result<(), Errno> {
        if core::ptr::eq(self, Arc::as_ptr(outer)) || depth >= NESTING_MAX {
            return Err(Errno::ELOOP);
        }
        let files: Vec<_> =
            self.interest.lock().values().filter_map(|item| item.file.upgrade()).collect();
        seen.extend(files.iter().cloned());
        for file in files {
            if let Some(inner) = file.ops_as::<Epoll>() {
                inner.check_nesting(outer, depth + 1, seen)?;
            }
        }
        Ok(())
    }

    fn find(&self, fd: i32, file: &Arc<OpenFile>) -> Result<Arc<Item>, Errno> {
        let key = (fd, Arc::as_ptr(file).addr());
        self.interest.lock().get(&key).cloned().ok_or(Errno::ENOENT)
    }

    /// Changes what is asked of `file`; arms it again after `EPOLLONESHOT`.
    ///
    /// # Errors
    /// `ENOENT`; `EINVAL` for an exclusive one, which cannot be changed.
    pub fn modify(&self, fd: i32, file: &Arc<OpenFile>, event: EpollEvent) -> Result<()> {
        let item = self.find(fd, file)?;
        if item.has(EpollFlags::EXCLUSIVE) {
            return Err(Errno::EINVAL.into());
        }
        item.data.store(event.data, Ordering::Release);
        item.events.store(event.events, Ordering::Release);
        if !item.ready_events().is_empty() && self.enlist(&item) {
            self.queue.wake_one();
        }
        Ok(())
    }

    /// Stops watching `file`.
    ///
    /// # Errors
    /// `ENOENT`.
    pub fn remove(&self, fd: i32, file: &Arc<OpenFile>) -> Result<()> {
        let item = self.find(fd, file)?;
        self.drop_item(&item);
        Ok(())
    }

    fn drop_item(&self, item: &Arc<Item>) {
        item.dead.store(true, Ordering::SeqCst);
        let owned = self.interest.lock().remove(&item.key);
        if item.listed.load(Ordering::Acquire) {
            self.ready.lock().retain(|other| !Arc::ptr_eq(other, item));
        }
        let registrations = core::mem::take(&mut *item.registrations.lock());
        drop((owned, registrations));
    }

    /// Takes up to `most` events off the ready list.
    fn harvest(&self, most: usize, out: &mut Vec<EpollEvent>) {
        // Each item is looked at once: level-triggered ones go back to the end.
        let count = self.ready.lock().len();
        for _ in 0..count {
            if out.len() == most {
                break;
            }
            let Some(item) = self.ready.lock().pop_front() else {
                break;
            };
            // From here on a wake-up lists it again.
            item.listed.store(false, Ordering::SeqCst);
            let events = item.ready_events();
            if events.is_empty() {
                continue;
            }
            out.push(EpollEvent { events: events.bits(), data: item.data.load(Ordering::Acquire) });
            if item.has(EpollFlags::ONESHOT) {
                item.disarm();
            } else if !item.has(EpollFlags::ET) {
                self.enlist(&item);
            }
        }
    }

    /// Waits for events and takes up to `most` of them.
    ///
    /// # Errors
    /// `EINTR` when a signal came before anything was ready: never restarted (signal(7)). An empty list: the deadline passed.
    pub fn wait(&self, most: usize, deadline: Deadline) -> Result<Vec<EpollEvent>> {
        let mut out = Vec::new();
        loop {
            self.harvest(most, &mut out);
            if !out.is_empty() || deadline == Deadline::Now {
                return Ok(out);
            }
            let until = match deadline {
                Deadline::At(at) => Some(at),
                _ => None,
            };
            let listed = || (!self.ready.lock().is_empty()).then_some(());
            match self.queue.wait_until(Sleep::Interruptible, until, listed) {
                Ok(()) => {}
                Err(Woken::TimedOut) => return Ok(out),
                Err(Woken::Interrupted) => return Err(Errno::EINTR.into()),
            }
        }
    }
}

/// How long a wait may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Not at all.
    Now,
    /// Until this monotonic time in nanoseconds.
    At(u64),
    /// For ever.
    Never,
}

impl FileOps for Epoll {
    fn poll(&self, _file: &OpenFile, table: Option<&mut PollTable>) -> PollEvents {
        if let Some(table) = table {
            table.wait_on(&self.queue);
        }
        let items: Vec<_> = self.ready.lock().iter().cloned().collect();
        let ready = items.iter().any(|item| !item.ready_events().is_empty());
        if ready { PollEvents::READABLE } else { PollEvents::empty() }
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn info(&self, _file: &OpenFile, out: &mut Vec<u8>) {
        let items: Vec<_> = self.interest.lock().values().cloned().collect();
        for item in items {
            let Some(file) = item.file.upgrade() else {
                continue;
            };
            let meta = file.inode().meta();
            let line = alloc::format!(
                "tfd: {:8} events: {:8x} data: {:16x}  pos:{} ino:{:x} sdev:{:x}\n",
                item.key.0,
                item.wanted(),
                item.data.load(Ordering::Relaxed),
                file.offset(),
                meta.ino(),
                meta.dev().to_user(),
            );
            out.extend_from_slice(line.as_bytes());
        }
    }

    fn release(&self, _file: &OpenFile) {
        let items = core::mem::take(&mut *self.interest.lock());
        for item in items.into_values() {
            self.drop_item(&item);
        }
    }
}

/// `file` goes away: nobody watches it any longer.
pub fn forget(watchers: &SpinLock<Watchers>) {
    let watchers = core::mem::take(&mut *watchers.lock());
    for item in watchers.0.iter().filter_map(Weak::upgrade) {
        if let Some(epoll) = item.epoll.upgrade() {
            epoll.drop_item(&item);
        }
    }
}

impl Watchers {
    /// Nobody.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Forgets items that are gone, so that add and remove in turns do not grow the list.
    pub fn tidy(&mut self) {
        self.0.retain(|item| item.strong_count() > 0);
    }
}
