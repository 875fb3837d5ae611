//! epoll(7).

use alloc::sync::Arc;

use abi::poll::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EpollEvent, EpollFlags, PollEvents};
use abi::time::Timespec;
use abi::{Errno, OpenFlags};
use core::any::Any;
use machine::addr::UserAddr;
use zerocopy::IntoBytes;

use super::args::Fd;
use super::file::{fd_limit, to_value};
use super::poll::{deadline_in_millis, deadline_in_nanos, read_mask, with_mask};
use crate::error::Result;
use crate::fs::epoll::{self, Deadline, Epoll};
use crate::mm::user;
use crate::task::CurrentThread;

/// epoll_create(2): the size only has to be positive.
pub fn epoll_create(cx: &mut CurrentThread, size: i32) -> Result<usize> {
    if size <= 0 {
        return Err(Errno::EINVAL.into());
    }
    epoll_create1(cx, 0)
}

/// epoll_create1(2).
pub fn epoll_create1(cx: &mut CurrentThread, flags: u32) -> Result<usize> {
    let flags = OpenFlags::from_bits_retain(flags);
    if !OpenFlags::O_CLOEXEC.contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    machine::frame::check_reserve()?;
    let reserved = cx.files.reserve(fd_limit(cx), flags.contains(OpenFlags::O_CLOEXEC))?;
    Ok(to_value(reserved.install(epoll::create(flags, cx))))
}

/// The instance behind a descriptor.
fn instance(cx: &CurrentThread, fd: Fd) -> Result<Arc<Epoll>> {
    let file = cx.files.get_usable(fd.0)?;
    let any: Arc<dyn Any + Send + Sync> = file.ops().clone();
    Ok(any.downcast().map_err(|_| Errno::EINVAL)?)
}

/// What may be asked together with `EPOLLEXCLUSIVE`.
const WITH_EXCLUSIVE: u32 = PollEvents::IN.bits()
    | PollEvents::OUT.bits()
    | PollEvents::ERR.bits()
    | PollEvents::HUP.bits()
    | EpollFlags::WAKEUP.bits()
    | EpollFlags::ET.bits()
    | EpollFlags::EXCLUSIVE.bits();

/// epoll_ctl(2).
pub fn epoll_ctl(
    cx: &mut CurrentThread,
    epfd: Fd,
    op: i32,
    fd: Fd,
    event: UserAddr,
) -> Result<usize> {
    let event = if op == EPOLL_CTL_DEL {
        EpollEvent { events: 0, data: 0 }
    } else {
        user::read(&cx.space, event)?
    };
    let outer = cx.files.get_usable(epfd.0)?;
    let file = cx.files.get_usable(fd.0)?;
    if !file.ops().can_poll() {
        return Err(Errno::EPERM.into());
    }
    if Arc::ptr_eq(&outer, &file) {
        return Err(Errno::EINVAL.into());
    }
    let instance = instance(cx, epfd)?;
    let asked = event.events;
    if asked & EpollFlags::EXCLUSIVE.bits() != 0 {
        let nested = file.ops_as::<Epoll>().is_some();
        if op == EPOLL_CTL_MOD || nested || asked & !WITH_EXCLUSIVE != 0 {
            return Err(Errno::EINVAL.into());
        }
    }
    match op {
        EPOLL_CTL_ADD => instance.add(fd.0, &file, event)?,
        EPOLL_CTL_MOD => instance.modify(fd.0, &file, event)?,
        EPOLL_CTL_DEL => instance.remove(fd.0, &file)?,
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(0)
}

fn wait(
    cx: &CurrentThread,
    epfd: Fd,
    events: UserAddr,
    most: i32,
    deadline: Deadline,
) -> Result<usize> {
    const MOST: usize = i32::MAX as usize / size_of::<EpollEvent>();
    let most = usize::try_from(most).ok().filter(|&most| most > 0 && most <= MOST);
    let most = most.ok_or(Errno::EINVAL)?;
    let instance = instance(cx, epfd)?;
    let ready = instance.wait(most, deadline)?;
    user::copy_out(&cx.space, events, ready.as_bytes())?;
    Ok(ready.len())
}

/// epoll_wait(2).
pub fn epoll_wait(
    cx: &mut CurrentThread,
    epfd: Fd,
    events: UserAddr,
    most: i32,
    timeout: i32,
) -> Result<usize> {
    wait(cx, epfd, events, most, deadline_in_millis(timeout))
}

/// epoll_pwait(2).
pub fn epoll_pwait(
    cx: &mut CurrentThread,
    epfd: Fd,
    events: UserAddr,
    most: i32,
    timeout: i32,
    mask: UserAddr,
    mask_size: usize,
) -> Result<usize> {
    let mask = read_mask(cx, mask, mask_size)?;
    let deadline = deadline_in_millis(timeout);
    with_mask(cx, mask, |cx| wait(cx, epfd, events, most, deadline))
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(
    cx: &mut CurrentThread,
    epfd: Fd,
    events: UserAddr,
    most: i32,
    timeout: UserAddr,
    mask: UserAddr,
    mask_size: usize,
) -> Result<usize> {
    let deadline = if timeout.is_null() {
        Deadline::Never
    } else {
        deadline_in_nanos(user::read::<Timespec>(&cx.space, timeout)?.to_nanos()?)
    };
    let mask = read_mask(cx, mask, mask_size)?;
    with_mask(cx, mask, |cx| wait(cx, epfd, events, most, deadline))
}
