//! Address spaces: mmap(2) and its family.

use abi::cap::CAP_IPC_LOCK;
use abi::file::MountFlags;
use abi::mman::{MlockFlags, MlockallFlags};
use abi::{Errno, MapFlags, MremapFlags, MsyncFlags, ProtFlags};
use machine::addr::{PAGE_SHIFT, PAGE_SIZE, UserAddr};

use super::args::Fd;
use crate::error::Result;
use crate::fs::file::Mappable;
use crate::mm::{Advice, LockMode, MapRequest, MapSource, RemapRequest, SourceObject, user};
use crate::task::CurrentThread;

fn may_lock(cx: &CurrentThread) -> bool {
    cx.cred().capable(CAP_IPC_LOCK)
}

/// `mmap(2)`. Rights that `prot` does not know are ignored, and so are unknown flags unless the
/// kind is `MAP_SHARED_VALIDATE`: that is what this kind was made for.
pub fn mmap(
    cx: &mut CurrentThread,
    addr: UserAddr,
    len: u64,
    prot: u32,
    flags: u32,
    fd: Fd,
    offset: u64,
) -> Result<usize> {
    if !offset.is_multiple_of(PAGE_SIZE as u64) {
        return Err(Errno::EINVAL.into());
    }
    let flags = MapFlags::from_bits_retain(flags);
    let huge = flags.contains(MapFlags::MAP_HUGETLB);
    let source = if flags.contains(MapFlags::MAP_ANONYMOUS) {
        if huge {
            return Err(no_huge_pages(flags).into());
        }
        MapSource::Anonymous
    } else {
        let source = file_source(cx, fd)?;
        if huge {
            // Only files of hugetlbfs have them.
            return Err(Errno::EINVAL.into());
        }
        source
    };
    let prot = ProtFlags::from_bits_retain(prot);
    let may_lock = may_lock(cx);
    let request = MapRequest { addr, len, prot, flags, source, offset, may_lock };
    Ok(cx.space.map(request)?.as_u64() as usize)
}

/// There is no pool of huge pages: `ENOMEM` as for an empty one, `EINVAL` for sizes that x86-64
/// does not have.
fn no_huge_pages(flags: MapFlags) -> Errno {
    match flags.bits() >> MapFlags::MAP_HUGE_SHIFT & MapFlags::MAP_HUGE_MASK {
        0 | 21 | 30 => Errno::ENOMEM,
        _ => Errno::EINVAL,
    }
}

fn file_source(cx: &CurrentThread, fd: Fd) -> Result<MapSource> {
    let file = cx.files.get_usable(fd.0)?;
    // That a file can not be mapped is only said after the checks of what it is open for.
    let object = match file.ops().mappable(&file) {
        Ok(Mappable::Cache(cache)) => SourceObject::Cache(cache),
        Ok(Mappable::Zero) => SourceObject::Zero,
        Err(_) => SourceObject::Nothing,
    };
    let access = file.access();
    let noexec = file.path().mount.options().contains(MountFlags::NOEXEC);
    Ok(MapSource::File { object, readable: access.read, writable: access.write, noexec, file })
}

/// `munmap(2)`.
pub fn munmap(cx: &mut CurrentThread, addr: UserAddr, len: u64) -> Result<usize> {
    cx.space.unmap(addr, len)?;
    Ok(0)
}

/// `mprotect(2)`.
pub fn mprotect(cx: &mut CurrentThread, addr: UserAddr, len: u64, prot: u64) -> Result<usize> {
    // Bits above 32 are unknown rights, like those below.
    let prot = ProtFlags::from_bits_retain(u32::try_from(prot).unwrap_or(u32::MAX));
    cx.space.protect(addr, len, prot)?;
    Ok(0)
}

/// `pkey_mprotect(2)`. The processor's protection keys are off, so there is only "no key".
pub fn pkey_mprotect(
    cx: &mut CurrentThread,
    addr: UserAddr,
    len: u64,
    prot: u64,
    key: i32,
) -> Result<usize> {
    if key != -1 {
        return Err(Errno::EINVAL.into());
    }
    mprotect(cx, addr, len, prot)
}

/// `pkey_alloc(2)`: there is none (`ENOSPC`, as on Linux without the feature).
pub fn pkey_alloc(_cx: &mut CurrentThread, flags: u64, rights: u64) -> Result<usize> {
    const KNOWN: u64 = 3;
    if flags != 0 || rights & !KNOWN != 0 {
        return Err(Errno::EINVAL.into());
    }
    Err(Errno::ENOSPC.into())
}

/// `pkey_free(2)`: no key was ever given.
pub fn pkey_free(_cx: &mut CurrentThread, _key: i32) -> Result<usize> {
    Err(Errno::EINVAL.into())
}

/// `mremap(2)`.
pub fn mremap(
    cx: &mut CurrentThread,
    addr: UserAddr,
    old_len: u64,
    new_len: u64,
    flags: u64,
    new_addr: UserAddr,
) -> Result<usize> {
    let flags = MremapFlags::from_bits_retain(u32::try_from(flags).unwrap_or(u32::MAX));
    let may_lock = may_lock(cx);
    let request = RemapRequest { addr, old_len, new_len, flags, new_addr, may_lock };
    Ok(cx.space.remap(request)?.as_u64() as usize)
}

/// `brk(2)`.
pub fn brk(cx: &mut CurrentThread, to: UserAddr) -> Result<usize> {
    Ok(cx.space.brk(to, may_lock(cx)).as_u64() as usize)
}

/// `madvise(2)`.
pub fn madvise(cx: &mut CurrentThread, addr: UserAddr, len: u64, advice: i32) -> Result<usize> {
    cx.space.advise(addr, len, Advice::decode(advice)?)?;
    Ok(0)
}

/// `msync(2)`.
pub fn msync(cx: &mut CurrentThread, addr: UserAddr, len: u64, flags: u32) -> Result<usize> {
    let flags = MsyncFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if !addr.is_page_aligned() || flags.contains(MsyncFlags::MS_ASYNC | MsyncFlags::MS_SYNC) {
        return Err(Errno::EINVAL.into());
    }
    cx.space.sync(addr, len, flags.contains(MsyncFlags::MS_INVALIDATE))?;
    Ok(0)
}

/// `mincore(2)`.
pub fn mincore(cx: &mut CurrentThread, addr: UserAddr, len: u64, out: UserAddr) -> Result<usize> {
    if !addr.is_page_aligned() {
        return Err(Errno::EINVAL.into());
    }
    if !addr.range_ok(len) {
        return Err(Errno::ENOMEM.into());
    }
    let pages = len.div_ceil(PAGE_SIZE as u64);
    if !out.range_ok(pages) {
        return Err(Errno::EFAULT.into());
    }
    // In pieces, so that any length needs little memory here.
    let mut buffer = [0; 512];
    let mut done = 0;
    while done < pages {
        let piece = &mut buffer[..(pages - done).min(512) as usize];
        cx.space.residency(addr.wrapping_add(done << PAGE_SHIFT), piece)?;
        user::copy_out(&cx.space, out.wrapping_add(done), piece)?;
        done += piece.len() as u64;
    }
    Ok(0)
}

/// `mlock(2)`.
pub fn mlock(cx: &mut CurrentThread, addr: UserAddr, len: u64) -> Result<usize> {
    cx.space.lock(addr, len, LockMode::Now, may_lock(cx))?;
    Ok(0)
}

/// `mlock2(2)`.
pub fn mlock2(cx: &mut CurrentThread, addr: UserAddr, len: u64, flags: u32) -> Result<usize> {
    let flags = MlockFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let on_fault = flags.contains(MlockFlags::MLOCK_ONFAULT);
    let mode = if on_fault { LockMode::OnFault } else { LockMode::Now };
    cx.space.lock(addr, len, mode, may_lock(cx))?;
    Ok(0)
}

/// `munlock(2)`.
pub fn munlock(cx: &mut CurrentThread, addr: UserAddr, len: u64) -> Result<usize> {
    cx.space.unlock(addr, len)?;
    Ok(0)
}

/// `mlockall(2)`.
pub fn mlockall(cx: &mut CurrentThread, flags: u32) -> Result<usize> {
    let flags = MlockallFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if flags.is_empty() || flags == MlockallFlags::MCL_ONFAULT {
        return Err(Errno::EINVAL.into());
    }
    let on_fault = flags.contains(MlockallFlags::MCL_ONFAULT);
    let mode = if on_fault { LockMode::OnFault } else { LockMode::Now };
    let (current, future) =
        (flags.contains(MlockallFlags::MCL_CURRENT), flags.contains(MlockallFlags::MCL_FUTURE));
    cx.space.lock_all(current, future, mode, may_lock(cx))?;
    Ok(0)
}

/// `munlockall(2)`.
pub fn munlockall(cx: &mut CurrentThread) -> Result<usize> {
    cx.space.unlock_all();
    Ok(0)
}
