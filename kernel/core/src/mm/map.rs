//! mmap: finding a place, and making a mapping there.

use abi::{Errno, MapFlags, ProtFlags};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use machine::addr::{PAGE_SHIFT, PAGE_SIZE, USER_END, UserAddr};
use machine::frame;

use super::address_space::{AddressSpace, Inner, MAX_MAPPINGS, Totals};
use super::commit;
use super::layout::{MIN_ADDR, MemoryLimit};
use super::page_cache::PageCache;
use super::vma::{FileMapping, MappedFile, VmFlags, Vma};
use super::vma_set::Removed;

const PAGE: u64 = PAGE_SIZE as u64;

/// What is to be mapped.
pub enum MapSource {
    /// Memory of no file.
    Anonymous,
    /// A file, with what its description and its mount allow.
    File {
        /// What its driver gives to map.
        object: SourceObject,
        /// The open file description.
        file: Arc<dyn MappedFile>,
        /// It is open for reading.
        readable: bool,
        /// It is open for writing.
        writable: bool,
        /// Its mount forbids execution.
        noexec: bool,
    },
}

/// What a file's driver gives to map.
pub enum SourceObject {
    /// Pages.
    Cache(Arc<PageCache>),
    /// Zeroes: `/dev/zero`. Private, that is anonymous memory; shared, an object of its own.
    Zero,
    /// Nothing.
    Nothing,
}

/// The arguments of mmap(2).
pub struct MapRequest {
    /// Where, or a hint.
    pub addr: UserAddr,
    /// Bytes.
    pub len: u64,
    /// Rights.
    pub prot: ProtFlags,
    /// Kind and options.
    pub flags: MapFlags,
    /// What.
    pub source: MapSource,
    /// Offset into the file in bytes.
    pub offset: u64,
    /// The caller has `CAP_IPC_LOCK`.
    pub may_lock: bool,
}

/// A mapping that was checked and has a place.
struct Plan {
    start: u64,
    len: u64,
    flags: VmFlags,
    page: u64,
    object: Option<Arc<FileMapping>>,
}

/// Shared anonymous memory, as `/proc/PID/maps` shows it.
struct SharedAnonymous {
    ino: u64,
}

impl MappedFile for SharedAnonymous {
    fn path(&self) -> Vec<u8> {
        b"/dev/zero (deleted)".to_vec()
    }

    fn dev_ino(&self) -> (u64, u64) {
        (1, self.ino)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn shared_anonymous(bytes: u64) -> Result<Arc<FileMapping>, Errno> {
    use core::sync::atomic::{AtomicU64, Ordering};
    static NEXT_INO: AtomicU64 = AtomicU64::new(1);
    let file = Arc::new(SharedAnonymous { ino: NEXT_INO.fetch_add(1, Ordering::Relaxed) });
    let cache = PageCache::with_size(bytes);
    let writer = Some(cache.add_writer()?);
    Ok(Arc::new(FileMapping { cache, file, _writer: writer }))
}

/// Rounds up to pages; `None` past 64 bits.
pub(super) fn round_up(len: u64) -> Option<u64> {
    len.checked_next_multiple_of(PAGE)
}

impl AddressSpace {
    /// mmap(2). The checks come in Linux's order.
    ///
    /// # Errors
    /// As the man page says. With `MAP_POPULATE` or locked memory the pages are there when this
    /// returns, as far as that worked.
    pub fn map(&self, request: MapRequest) -> Result<UserAddr, Errno> {
        if request.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = round_up(request.len).filter(|&len| len != 0).ok_or(Errno::ENOMEM)?;
        let first = request.offset >> PAGE_SHIFT;
        first.checked_add(len >> PAGE_SHIFT).ok_or(Errno::EOVERFLOW)?;
        frame::check_reserve().map_err(|_| Errno::ENOMEM)?;
        let (flags, prot) = (request.flags, request.prot);

        let mut inner = self.inner.write();
        if inner.vmas.len() > MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        let fixed = flags.intersects(MapFlags::MAP_FIXED | MapFlags::MAP_FIXED_NOREPLACE);
        let mut hint = request.addr.as_u64();
        if !fixed && hint != 0 {
            hint = (hint & !(PAGE - 1)).max(MIN_ADDR);
        }
        let start = inner.place(hint, len, flags, fixed)?;
        if flags.contains(MapFlags::MAP_FIXED_NOREPLACE) && inner.vmas.overlaps(start, start + len)
        {
            return Err(Errno::EEXIST);
        }
        let mut vm = VmFlags::from_prot(prot) | VmFlags::MAY_ACCESS | inner.future;
        vm.set(VmFlags::GROWS_DOWN, flags.contains(MapFlags::MAP_GROWSDOWN));
        if flags.contains(MapFlags::MAP_LOCKED) {
            vm |= VmFlags::LOCKED;
            if !request.may_lock && self.limits().get(MemoryLimit::Locked) == 0 {
                return Err(Errno::EPERM);
            }
        }
        self.check_locked(&inner, vm, len >> PAGE_SHIFT, request.may_lock)?;
        vm.set(VmFlags::NO_RESERVE, flags.contains(MapFlags::MAP_NORESERVE) && commit::mode() != 2);
        let plan = plan(request, start, len, vm)?;
        let populate = vm.contains(VmFlags::LOCKED) && !vm.contains(VmFlags::LOCK_ON_FAULT)
            || flags.contains(MapFlags::MAP_POPULATE) && !flags.contains(MapFlags::MAP_NONBLOCK);
        let mut removed = Removed::default();
        let inserted = self.insert_mapping(&mut inner, plan, &mut removed);
        drop(inner);
        drop(removed);
        inserted?;
        if populate {
            // What can not be had now faults later, or never.
            let _ = self.populate(UserAddr::new(start), UserAddr::new(start + len));
        }
        Ok(UserAddr::new(start))
    }

    /// Refuses when locked memory would exceed its limit.
    pub(super) fn check_locked(
        &self,
        inner: &Inner,
        flags: VmFlags,
        pages: u64,
        may_lock: bool,
    ) -> Result<(), Errno> {
        let limit = self.limits().get(MemoryLimit::Locked) >> PAGE_SHIFT;
        let locked = inner.totals.locked + pages;
        if flags.contains(VmFlags::LOCKED) && !may_lock && locked > limit {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// Refuses when the mappings would exceed `RLIMIT_AS` or `RLIMIT_DATA`.
    pub(super) fn may_grow(&self, inner: &Inner, more: Totals) -> Result<(), Errno> {
        let limit = |which| self.limits().get(which) >> PAGE_SHIFT;
        let data = more.data != 0 && inner.totals.data + more.data > limit(MemoryLimit::Data);
        if inner.totals.total + more.total > limit(MemoryLimit::AddressSpace) || data {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Puts the planned mapping in its place, over what is there; what that was is put aside.
    fn insert_mapping(
        &self,
        inner: &mut Inner,
        plan: Plan,
        removed: &mut Removed,
    ) -> Result<(), Errno> {
        let Plan { start, len, mut flags, page, object } = plan;
        let end = start + len;
        flags.set(VmFlags::ACCOUNT, Vma::accountable(flags));
        let more = Totals::of(flags, len >> PAGE_SHIFT);
        let replaced = inner.totals_in(start, end);
        let mut net = more;
        net.total = net.total.saturating_sub(replaced.total);
        net.data = net.data.saturating_sub(replaced.data);
        self.may_grow(inner, net)?;
        commit::charge(more.committed)?;
        if let Err(errno) = self.remove_range(inner, start, end, removed) {
            commit::uncharge(more.committed);
            return Err(errno);
        }
        if let Some(object) = &object {
            object.cache.add_mapper(self.weak());
        }
        inner.totals.add(more);
        inner.vmas.insert(Vma { start, end, flags, page, object });
        Ok(())
    }
}

impl Inner {
    /// The totals of what is mapped in `start .. end`.
    pub(super) fn totals_in(&self, start: u64, end: u64) -> Totals {
        let mut totals = Totals::default();
        for vma in self.vmas.range(start, end) {
            let pages = (vma.end.min(end) - vma.start.max(start)) >> PAGE_SHIFT;
            totals.add(Totals::of(vma.flags, pages));
        }
        totals
    }

    /// Where `len` bytes go (Linux's `get_unmapped_area`).
    pub(super) fn place(
        &mut self,
        hint: u64,
        len: u64,
        flags: MapFlags,
        fixed: bool,
    ) -> Result<u64, Errno> {
        let end = USER_END.as_u64();
        if len > end {
            return Err(Errno::ENOMEM);
        }
        if fixed {
            if hint > end - len {
                return Err(Errno::ENOMEM);
            }
            return match hint {
                hint if hint % PAGE != 0 => Err(Errno::EINVAL),
                hint if hint < MIN_ADDR => Err(Errno::EPERM),
                hint => Ok(hint),
            };
        }
        if flags.contains(MapFlags::MAP_32BIT) {
            // Linux: a legacy of the first x86-64 X servers, which wanted code near code.
            return self.vmas.find_gap_up(len, 0x4000_0000, 0x8000_0000).ok_or(Errno::ENOMEM);
        }
        if hint != 0 && hint <= end - len && hint >= MIN_ADDR {
            let free = match self.vmas.find(hint) {
                Some(vma) => vma.start_with_gap() >= hint + len,
                None => true,
            };
            if free {
                return Ok(hint);
            }
        }
        let base = self.layout.base();
        match self.vmas.find_gap_down(len, MIN_ADDR, base) {
            Some(addr) => Ok(addr),
            // Between the top and the stack, from below: as Linux's fall-back.
            None => self.vmas.find_gap_up(len, (end / 3) & !(PAGE - 1), end).ok_or(Errno::ENOMEM),
        }
    }
}

/// The largest file size, which a mapping may not go beyond.
const MAX_FILE_SIZE: u64 = i64::MAX as u64;

/// The checks of mmap(2) that depend on what is mapped.
fn plan(request: MapRequest, start: u64, len: u64, mut vm: VmFlags) -> Result<Plan, Errno> {
    let flags = request.flags;
    let kind = flags.kind();
    let shared = kind == MapFlags::MAP_SHARED || kind == MapFlags::MAP_SHARED_VALIDATE;
    let page = request.offset >> PAGE_SHIFT;
    let anonymous = |vm| Plan { start, len, flags: vm, page: start >> PAGE_SHIFT, object: None };
    match request.source {
        MapSource::Anonymous if shared && kind == MapFlags::MAP_SHARED => {
            if vm.contains(VmFlags::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            vm |= VmFlags::SHARED | VmFlags::MAY_SHARE;
            Ok(Plan { start, len, flags: vm, page: 0, object: Some(shared_anonymous(len)?) })
        }
        MapSource::Anonymous if kind == MapFlags::MAP_PRIVATE => Ok(anonymous(vm)),
        MapSource::Anonymous => Err(Errno::EINVAL),
        MapSource::File { object, file, readable, writable, noexec } => {
            if page > (MAX_FILE_SIZE - len) >> PAGE_SHIFT {
                return Err(Errno::EOVERFLOW);
            }
            if shared {
                let unknown = flags.difference(MapFlags::LEGACY);
                if kind == MapFlags::MAP_SHARED_VALIDATE && !unknown.is_empty() {
                    return Err(Errno::EOPNOTSUPP);
                }
                if vm.contains(VmFlags::WRITE) && !writable {
                    return Err(Errno::EACCES);
                }
                vm |= VmFlags::SHARED | VmFlags::MAY_SHARE;
                if !writable {
                    vm -= VmFlags::MAY_WRITE | VmFlags::SHARED;
                }
            } else if kind != MapFlags::MAP_PRIVATE {
                return Err(Errno::EINVAL);
            }
            if !readable {
                return Err(Errno::EACCES);
            }
            if noexec {
                if vm.contains(VmFlags::EXEC) {
                    return Err(Errno::EPERM);
                }
                vm -= VmFlags::MAY_EXEC;
            }
            if matches!(object, SourceObject::Nothing) {
                return Err(Errno::ENODEV);
            }
            if vm.contains(VmFlags::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            let object = match object {
                SourceObject::Zero if shared => shared_anonymous(len)?,
                SourceObject::Zero | SourceObject::Nothing => return Ok(anonymous(vm)),
                SourceObject::Cache(cache) => file_mapping(cache, file, &mut vm)?,
            };
            Ok(Plan { start, len, flags: vm, page, object: Some(object) })
        }
    }
}

/// The object for a mapping of a file; write access to a sealed one is refused, or never possible.
fn file_mapping(
    cache: Arc<PageCache>,
    file: Arc<dyn MappedFile>,
    vm: &mut VmFlags,
) -> Result<Arc<FileMapping>, Errno> {
    let writer = match vm.contains(VmFlags::SHARED | VmFlags::MAY_WRITE) {
        false => None,
        true => match cache.add_writer() {
            Ok(token) => Some(token),
            Err(errno) if vm.contains(VmFlags::WRITE) => return Err(errno),
            Err(_) => {
                *vm -= VmFlags::MAY_WRITE;
                None
            }
        },
    };
    Ok(Arc::new(FileMapping { cache, file, _writer: writer }))
}
