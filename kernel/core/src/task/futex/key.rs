//! When two addresses are the same futex.

use alloc::sync::Arc;

use abi::Errno;
use machine::addr::UserAddr;

use crate::mm::{AddressSpace, PageCache, VmFlags};

/// Who may use a futex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Threads of one address space only (`FUTEX_PRIVATE_FLAG`): the address says it all.
    Private,
    /// Whoever has the memory mapped.
    Shared,
}

/// What a futex is recognised by.
#[derive(Clone)]
pub struct Key {
    object: Object,
    /// The address or the offset in the object; the two low bits tell the kinds apart.
    place: u64,
}

/// Whose memory the word is in. A key with an object keeps that alive, so that its identity is not
/// taken over by another; a space is alive as long as somebody in it sleeps.
#[derive(Clone)]
enum Object {
    Space(usize),
    Cache(Arc<PageCache>),
}

const PRIVATE: u64 = 0;
const UNSHARED: u64 = 1;
const SHARED: u64 = 2;

impl Key {
    /// The key of the word at `addr`.
    ///
    /// # Errors
    /// `EINVAL` when the address is not a multiple of four; `EFAULT` when it is outside of user
    /// memory, or, for shared futexes, nothing useful is mapped there.
    pub fn new(space: &AddressSpace, addr: UserAddr, sharing: Sharing) -> Result<Self, Errno> {
        if !addr.as_u64().is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        if !addr.range_ok(4) {
            return Err(Errno::EFAULT);
        }
        match sharing {
            Sharing::Private => Ok(Self::in_space(space, addr, PRIVATE)),
            Sharing::Shared => Self::of_memory(space, addr),
        }
    }

    fn in_space(space: &AddressSpace, addr: UserAddr, kind: u64) -> Self {
        let identity = core::ptr::from_ref(space).addr();
        Self { object: Object::Space(identity), place: addr.as_u64() | kind }
    }

    fn of_memory(space: &AddressSpace, addr: UserAddr) -> Result<Self, Errno> {
        let vma = space.vma_from(addr).filter(|vma| vma.start() <= addr).ok_or(Errno::EFAULT)?;
        let flags = vma.flags();
        if !flags.intersects(VmFlags::ACCESS) {
            return Err(Errno::EFAULT);
        }
        let shared = flags.contains(VmFlags::MAY_SHARE);
        let writable = flags.contains(VmFlags::WRITE);
        match vma.object() {
            // A private page that is written to is one's own, whatever file it came from.
            Some(object) if shared || !writable => {
                let offset = vma.offset() + (addr.as_u64() - vma.start().as_u64());
                Ok(Self { object: Object::Cache(object.cache.clone()), place: offset | SHARED })
            }
            // Nobody can ever change the word, so there is nothing to wait for.
            None if !writable => Err(Errno::EFAULT),
            _ => Ok(Self::in_space(space, addr, UNSHARED)),
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(space: usize, place: u64) -> Self {
        Self { object: Object::Space(space), place }
    }

    fn identity(&self) -> usize {
        match &self.object {
            Object::Space(identity) => *identity,
            Object::Cache(cache) => Arc::as_ptr(cache).addr(),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // The kind is part of the place, so a space and a cache never compare equal.
        self.place == other.place && self.identity() == other.identity()
    }
}

impl Eq for Key {}

impl Key {
    /// A number below `limit`, a power of two, the same for equal keys.
    pub(super) fn bucket(&self, limit: usize) -> usize {
        // Multiplicative hashing; the good bits are the high ones.
        let mixed = self.place.wrapping_add((self.identity() as u64) << 3);
        let hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 40) as usize & (limit - 1)
    }
}
