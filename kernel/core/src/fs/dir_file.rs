//! Open directories whose entries are dentries.

use alloc::sync::Arc;

use machine::sync::Lazy;

use super::caller::Caller;
use super::dentry::FIRST_COOKIE;
use super::file::{DirSink, FileOps, OpenFile, Seek, seek_in};
use super::inode::FileType;
use super::path::Path;
use crate::error::Result;
use abi::Errno;

/// The operations of every open cached directory; the state is in the description's offset.
struct CachedDir;

/// The operations for open directories of cached file systems.
pub fn ops() -> Arc<dyn FileOps> {
    static OPS: Lazy<Arc<CachedDir>> = Lazy::new(|| Arc::new(CachedDir));
    OPS.clone()
}

/// The inode number of the directory above `path`, as `..` shows it.
fn parent_ino(path: &Path) -> u64 {
    let at_mount_root = Arc::ptr_eq(&path.dentry, path.mount.root());
    let above = if at_mount_root {
        path.mount.place().and_then(|place| place.dentry.parent())
    } else {
        path.dentry.parent()
    };
    above.unwrap_or_else(|| path.dentry.clone()).inode().meta().ino()
}

/// Emits `.` and `..` if `pos` is before them. False: the sink is full.
pub fn emit_dots(path: &Path, pos: &mut u64, sink: &mut dyn DirSink) -> bool {
    if *pos == 0 {
        if !sink.entry(path.inode().meta().ino(), 1, FileType::Directory, b".") {
            return false;
        }
        *pos = 1;
    }
    if *pos == 1 {
        if !sink.entry(parent_ino(path), 2, FileType::Directory, b"..") {
            return false;
        }
        *pos = 2;
    }
    true
}

impl FileOps for CachedDir {
    fn read(
        &self,
        _file: &OpenFile,
        _dst: &mut crate::mm::user::Sink<'_>,
        _io: &mut super::file::Io<'_>,
    ) -> Result<usize> {
        Err(Errno::EISDIR.into())
    }

    fn seekable(&self) -> bool {
        true
    }

    fn seek(&self, file: &OpenFile, now: u64, to: Seek) -> Result<u64> {
        match (to, file.path().dentry.children()) {
            (Seek::Data(_) | Seek::Hole(_), _) => Err(Errno::EINVAL.into()),
            (Seek::End(_), Some(children)) => {
                let end = children.lock().end();
                seek_in(end, now, to)
            }
            _ => seek_in(0, now, to),
        }
    }

    fn sync(&self, _file: &OpenFile) -> Result<()> {
        Ok(())
    }

    fn read_dir(
        &self,
        file: &OpenFile,
        pos: &mut u64,
        sink: &mut dyn DirSink,
        _caller: &dyn Caller,
    ) -> Result<()> {
        let Some(children) = file.path().dentry.children() else {
            return Err(Errno::ENOTDIR.into());
        };
        file.path().mount.touch_accessed(file.inode().meta());
        if !emit_dots(file.path(), pos, sink) {
            return Ok(());
        }
        // The sink writes to kernel memory, so this is one short pass under the lock.
        let children = children.lock();
        if children.is_dead() && *pos <= FIRST_COOKIE {
            return Err(Errno::ENOENT.into());
        }
        for (cookie, name, dentry) in children.range(*pos) {
            let meta = dentry.inode().meta();
            if !sink.entry(meta.ino(), cookie + 1, meta.file_type(), name) {
                break;
            }
            *pos = cookie + 1;
        }
        Ok(())
    }
}
