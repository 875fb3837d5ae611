//! Files: the VFS, the file systems in memory, pipes, devices and what can be polled.
//!
//! Reading path: [`walk`] turns text into a [`path::Path`], [`open`] makes an [`file::OpenFile`] of
//! it, [`fd_table`] gives that a number. [`inode`] and [`file`] hold the two traits that a file
//! system implements; [`edit`], [`rename`] and [`attr`] change trees; [`mount`] joins them.
//!
//! Nothing in here names a process: what must be known of the caller comes through
//! [`caller::Caller`].

pub mod anon;
pub mod attr;
pub mod caller;
pub mod clock;
pub mod dentry;
pub mod device;
pub mod devtmpfs;
pub mod dir_file;
pub mod edit;
pub mod epoll;
pub mod eventfd;
pub mod fd_table;
pub mod fifo;
pub mod file;
pub mod file_lock;
pub mod gate;
pub mod host_link;
pub mod info;
pub mod initramfs;
pub mod inode;
pub mod ioctl;
pub mod kernel;
pub mod kmsg;
pub mod mapped;
pub mod mem_device;
pub mod memfd;
pub mod metadata;
pub mod mount;
pub mod open;
pub mod path;
pub mod permission;
pub mod pipe;
pub mod pipe_ends;
pub mod pipe_ring;
pub mod range_locks;
pub mod registry;
pub mod rename;
pub mod seek;
pub mod sysfs;
pub mod tmpfs;
pub mod tty;
pub mod walk;

use crate::error::Result;
use crate::mm::user::Sink;

pub use caller::Caller;
pub use fd_table::FdTable;
pub use file::{FileOps, Io, OpenFile};
pub use info::FsInfo;
pub use inode::{FileType, Inode, Metadata};
pub use path::Path;
pub use walk::WalkCx;

/// Registers what can be mounted and the devices that every machine has. Called once.
pub fn init() {
    for kind in [&sysfs::SYSFS, &tmpfs::TMPFS, &tmpfs::RAMFS, &devtmpfs::DEVTMPFS] {
        registry::register_filesystem(kind);
    }
    mem_device::init();
    tty::init();
}

/// Reads from text that is there as a whole: the part at `io.pos`.
///
/// # Errors
/// `EFAULT`.
pub fn fill(text: &[u8], dst: &mut Sink<'_>, io: &mut Io<'_>) -> Result<usize> {
    let start = usize::try_from(io.pos).unwrap_or(usize::MAX).min(text.len());
    let count = dst.write(&text[start..])?;
    io.pos += count as u64;
    Ok(count)
}

#[cfg(test)]
mod tests;
