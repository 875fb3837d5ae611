//! Memory of processes: address spaces, faults, page caches, and the way to user memory.
//!
//! Read in this order: [`vma`] (the promise), [`address_space`], [`fault`] (how promises are kept),
//! [`fork`], then the calls: [`map`], [`unmap`], [`protect`], [`remap`], [`brk`], [`advise`],
//! [`lock`]. [`page_cache`] has the pages of files; [`user`] copies from and to user memory.
//!
//! Who may do what is decided to the right of here; `mm` knows neither processes nor paths.

pub mod address_space;
mod advise;
mod brk;
pub mod commit;
pub mod fault;
mod fork;
pub mod layout;
mod lock;
mod map;
pub mod oom;
pub mod page_cache;
mod protect;
mod remap;
mod remote;
mod unmap;
pub mod user;
pub mod vma;
mod vma_set;

pub use address_space::{AddressSpace, SpaceStats};
pub use advise::Advice;
pub use fault::{Access, FaultOutcome, FaultSignal};
pub use layout::{Layout, MemoryLimit, MemoryLimits};
pub use lock::LockMode;
pub use map::{MapRequest, MapSource, SourceObject};
pub use page_cache::{PageCache, PageQuota};
pub use remap::RemapRequest;
pub use vma::{MappedFile, VmFlags, Vma};

#[cfg(test)]
mod tests;
