//! poll(2), select(2) and their forms with a signal mask.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::poll::{PollEvents, PollFd};
use abi::time::{Timespec, Timeval};
use abi::{Errno, SigSet};
use machine::addr::UserAddr;
use zerocopy::IntoBytes;

use crate::clock;
use crate::error::{Error, Restart, RestartBlock, Result};
use crate::fs::epoll::Deadline;
use crate::fs::file::OpenFile;
use crate::mm::user;
use crate::sched::{Poller, Sleep, TaskFlags, Woken};
use crate::task::CurrentThread;

/// A timeout in milliseconds: negative is for ever.
pub(super) fn deadline_in_millis(timeout: i32) -> Deadline {
    match u64::try_from(timeout) {
        Err(_) => Deadline::Never,
        Ok(millis) => deadline_in_nanos(millis * 1_000_000),
    }
}

/// A timeout in nanoseconds.
pub(super) fn deadline_in_nanos(nanos: u64) -> Deadline {
    match nanos {
        0 => Deadline::Now,
        _ => Deadline::At(clock::monotonic().saturating_add(nanos)),
    }
}

/// Reads the optional signal mask of ppoll(2) and its kin.
///
/// # Errors
/// `EINVAL` for a mask of another size, `EFAULT`.
pub(super) fn read_mask(cx: &CurrentThread, mask: UserAddr, size: usize) -> Result<Option<SigSet>> {
    if mask.is_null() {
        return Ok(None);
    }
    if size != size_of::<u64>() {
        return Err(Errno::EINVAL.into());
    }
    Ok(Some(user::read(&cx.space, mask)?))
}

/// Runs `call` with `mask` as the set of blocked signals. If a signal ends it, the handler still
/// runs under `mask`, and the old one comes back after that.
pub(super) fn with_mask(
    cx: &mut CurrentThread,
    mask: Option<SigSet>,
    call: impl FnOnce(&mut CurrentThread) -> Result<usize>,
) -> Result<usize> {
    let Some(mask) = mask else { return call(cx) };
    let slot = cx.thread.slot;
    let old = cx.process.signals.set_blocked(slot, mask);
    let result = call(cx);
    if matches!(result, Err(Error::Restart(_) | Error::Errno(Errno::EINTR))) {
        cx.own_signals.saved_mask = Some(old);
        cx.task.set_flags(TaskFlags::RESTART);
    } else {
        cx.process.signals.set_blocked(slot, old);
    }
    result
}

/// One file that is waited for.
struct Watched {
    /// `None`: skipped, or not open.
    file: Option<Arc<OpenFile>>,
    wanted: PollEvents,
    ready: PollEvents,
}

impl Watched {
    fn new(cx: &CurrentThread, fd: i32, wanted: PollEvents) -> Self {
        if fd < 0 {
            return Self { file: None, wanted, ready: PollEvents::empty() };
        }
        match cx.files.get_usable(fd) {
            Ok(file) => Self { file: Some(file), wanted, ready: PollEvents::empty() },
            Err(_) => Self { file: None, wanted, ready: PollEvents::NVAL },
        }
    }
}

/// Looks at all files, registering with `poller` if there is one; how many are ready.
fn scan(watched: &mut [Watched], mut poller: Option<&mut Poller>) -> usize {
    let mut count = 0;
    for item in watched {
        if let Some(file) = &item.file {
            let table = poller.as_deref_mut().map(|poller| &mut poller.table);
            item.ready = file.poll(table) & (item.wanted | PollEvents::ALWAYS);
        }
        count += usize::from(!item.ready.is_empty());
    }
    count
}

/// Waits until something is ready; how many are.
///
/// # Errors
/// [`Woken::Interrupted`]; the deadline is no error.
fn wait(watched: &mut [Watched], deadline: Deadline) -> Result<usize, Woken> {
    // Most calls find something at once, and registering costs more than looking.
    let count = scan(watched, None);
    if count > 0 || deadline == Deadline::Now {
        return Ok(count);
    }
    let until = match deadline {
        Deadline::At(at) => Some(at),
        _ => None,
    };
    let mut poller = Poller::new();
    let mut count = scan(watched, Some(&mut poller));
    while count == 0 {
        match poller.wait(Sleep::Interruptible, until) {
            Ok(()) => count = scan(watched, None),
            Err(Woken::TimedOut) => return Ok(scan(watched, None)),
            Err(Woken::Interrupted) => {
                count = scan(watched, None);
                if count == 0 {
                    return Err(Woken::Interrupted);
                }
            }
        }
    }
    Ok(count)
}

/// poll(2) that a signal has interrupted.
#[derive(Debug)]
pub struct PollRestart {
    fds: UserAddr,
    count: u32,
    deadline: Deadline,
}

impl RestartBlock for PollRestart {
    fn into_any(self: Box<Self>) -> Box<dyn core::any::Any + Send> {
        self
    }
}

impl PollRestart {
    /// Goes on with what is left of the timeout.
    ///
    /// # Errors
    /// As poll(2).
    pub fn resume(self, cx: &mut CurrentThread) -> Result<usize> {
        poll_until(cx, self.fds, self.count, self.deadline)
    }
}

fn poll_fds(cx: &CurrentThread, fds: UserAddr, count: u32, deadline: Deadline) -> Result<usize> {
    if u64::from(count) > cx.process.limits.soft(abi::limits::RLIMIT_NOFILE) {
        return Err(Errno::EINVAL.into());
    }
    let mut list: Vec<PollFd> = user::read_array(&cx.space, fds, count as usize)?;
    let mut watched = Vec::new();
    watched.try_reserve_exact(list.len())?;
    watched.extend(
        list.iter().map(|item| {
            Watched::new(cx, item.fd, PollEvents::from_bits_truncate(item.events.into()))
        }),
    );
    let ready = wait(&mut watched, deadline).map_err(|_| Restart::IfNoHandler)?;
    for (item, found) in list.iter_mut().zip(&watched) {
        item.revents = u16::try_from(found.ready.bits()).unwrap_or(0);
    }
    user::copy_out(&cx.space, fds, list.as_bytes())?;
    Ok(ready)
}

fn poll_until(cx: &CurrentThread, fds: UserAddr, count: u32, deadline: Deadline) -> Result<usize> {
    match poll_fds(cx, fds, count, deadline) {
        Err(Error::Restart(_)) => {
            let block = PollRestart { fds, count, deadline };
            Err(Restart::Block(Box::new(block)).into())
        }
        result => result,
    }
}

/// poll(2).
pub fn poll(cx: &mut CurrentThread, fds: UserAddr, count: u32, timeout: i32) -> Result<usize> {
    poll_until(cx, fds, count, deadline_in_millis(timeout))
}

/// The timeout argument of ppoll(2) and pselect(2), which gets what is left of it.
struct TimeLeft {
    addr: UserAddr,
    deadline: Deadline,
}

impl TimeLeft {
    fn read(cx: &CurrentThread, addr: UserAddr) -> Result<Self> {
        let deadline = if addr.is_null() {
            Deadline::Never
        } else {
            deadline_in_nanos(user::read::<Timespec>(&cx.space, addr)?.to_nanos()?)
        };
        Ok(Self { addr, deadline })
    }

    fn nanos(&self) -> Option<u64> {
        match self.deadline {
            Deadline::At(at) => Some(at.saturating_sub(clock::monotonic())),
            Deadline::Now => Some(0),
            Deadline::Never => None,
        }
    }

    /// Stores what is left. A timeout in read-only memory is not worth an error: the call is done.
    fn store(&self, cx: &CurrentThread) {
        if let Some(nanos) = self.nanos() {
            let _ = user::write(&cx.space, self.addr, &Timespec::from_nanos(nanos));
        }
    }
}

/// ppoll(2).
pub fn ppoll(
    cx: &mut CurrentThread,
    fds: UserAddr,
    count: u32,
    timeout: UserAddr,
    mask: UserAddr,
    mask_size: usize,
) -> Result<usize> {
    let left = TimeLeft::read(cx, timeout)?;
    let mask = read_mask(cx, mask, mask_size)?;
    let deadline = left.deadline;
    let result = with_mask(cx, mask, |cx| poll_fds(cx, fds, count, deadline));
    left.store(cx);
    result
}

/// The three sets of select(2).
struct Sets {
    addrs: [UserAddr; 3],
    /// Bits per set, in bytes as user space has them.
    wanted: [Vec<u8>; 3],
}

/// What puts a descriptor into each set.
const CLASSES: [PollEvents; 3] = [
    PollEvents::IN
        .union(PollEvents::RDNORM)
        .union(PollEvents::RDBAND)
        .union(PollEvents::HUP)
        .union(PollEvents::ERR),
    PollEvents::OUT.union(PollEvents::WRNORM).union(PollEvents::WRBAND).union(PollEvents::ERR),
    PollEvents::PRI,
];

impl Sets {
    fn read(cx: &CurrentThread, count: usize, addrs: [UserAddr; 3]) -> Result<Self> {
        // User space counts in words of 64 bits.
        let bytes = count.div_ceil(64) * 8;
        let mut wanted = [Vec::new(), Vec::new(), Vec::new()];
        for (set, &addr) in wanted.iter_mut().zip(&addrs) {
            if !addr.is_null() {
                *set = user::read_array(&cx.space, addr, bytes)?;
            }
        }
        Ok(Self { addrs, wanted })
    }

    fn has(&self, set: usize, fd: usize) -> bool {
        self.wanted[set].get(fd / 8).is_some_and(|byte| byte & 1 << (fd % 8) != 0)
    }

    /// The events that descriptor `fd` is watched for; none: it is not.
    fn events(&self, fd: usize) -> PollEvents {
        let sets = (0..3).filter(|&set| self.has(set, fd));
        sets.fold(PollEvents::empty(), |events, set| events | CLASSES[set])
    }

    /// Stores the ready ones; how many bits are set.
    fn store(&mut self, cx: &CurrentThread, fds: &[usize], watched: &[Watched]) -> Result<usize> {
        let mut bits = 0;
        let mut out: [Vec<u8>; 3] =
            core::array::from_fn(|set| alloc::vec![0; self.wanted[set].len()]);
        for (&fd, item) in fds.iter().zip(watched) {
            for (set, class) in CLASSES.iter().enumerate() {
                if self.has(set, fd) && item.ready.intersects(*class) {
                    out[set][fd / 8] |= 1 << (fd % 8);
                    bits += 1;
                }
            }
        }
        for (set, &addr) in out.iter().zip(&self.addrs) {
            if !addr.is_null() {
                user::copy_out(&cx.space, addr, set)?;
            }
        }
        Ok(bits)
    }
}

fn select_fds(
    cx: &CurrentThread,
    count: i32,
    addrs: [UserAddr; 3],
    deadline: Deadline,
) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    // Bits beyond the table cannot name anything.
    let count = count.min(cx.files.capacity());
    let mut sets = Sets::read(cx, count, addrs)?;
    let fds: Vec<usize> = (0..count).filter(|&fd| !sets.events(fd).is_empty()).collect();
    let mut watched = Vec::new();
    for &fd in &fds {
        let number = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        let item = Watched::new(cx, number, sets.events(fd));
        if item.file.is_none() {
            return Err(Errno::EBADF.into());
        }
        watched.push(item);
    }
    wait(&mut watched, deadline).map_err(|_| Restart::IfNoHandler)?;
    sets.store(cx, &fds, &watched)
}

/// select(2).
pub fn select(
    cx: &mut CurrentThread,
    count: i32,
    read: UserAddr,
    write: UserAddr,
    except: UserAddr,
    timeout: UserAddr,
) -> Result<usize> {
    let deadline = if timeout.is_null() {
        Deadline::Never
    } else {
        deadline_in_nanos(select_timeout(user::read(&cx.space, timeout)?)?)
    };
    let result = select_fds(cx, count, [read, write, except], deadline);
    let left = TimeLeft { addr: timeout, deadline };
    if let Some(nanos) = left.nanos() {
        let _ = user::write(&cx.space, timeout, &Timeval::from_nanos(nanos));
    }
    result
}

/// select(2) takes more than a million microseconds, as Linux does.
fn select_timeout(time: Timeval) -> Result<u64> {
    let seconds = time.tv_sec.checked_add(time.tv_usec / 1_000_000).ok_or(Errno::EINVAL)?;
    let nanos = (time.tv_usec % 1_000_000).checked_mul(1000).ok_or(Errno::EINVAL)?;
    Ok(Timespec { tv_sec: seconds, tv_nsec: nanos }.to_nanos()?)
}

/// pselect(2): the last argument is the address of a pair (mask, size).
pub fn pselect6(
    cx: &mut CurrentThread,
    count: i32,
    read: UserAddr,
    write: UserAddr,
    except: UserAddr,
    timeout: UserAddr,
    mask: UserAddr,
) -> Result<usize> {
    let (mask, size) = if mask.is_null() {
        (UserAddr::new(0), 0)
    } else {
        let [addr, size]: [u64; 2] = user::read(&cx.space, mask)?;
        (UserAddr::new(addr), size as usize)
    };
    let left = TimeLeft::read(cx, timeout)?;
    let mask = read_mask(cx, mask, size)?;
    let deadline = left.deadline;
    let result = with_mask(cx, mask, |cx| select_fds(cx, count, [read, write, except], deadline));
    left.store(cx);
    result
}
