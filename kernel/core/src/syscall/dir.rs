//! Calls on directories: reading them, making and removing entries, moving about.

use alloc::vec::Vec;

use abi::stat::DeviceNumber;
use abi::{AT_FDCWD, AtFlags, Errno};
use machine::addr::UserAddr;
use zerocopy::IntoBytes;

use super::args::Fd;
use super::path::{at_flags, read_path, resolve, with_walker};
use crate::error::Result;
use crate::fs::file::DirSink;
use crate::fs::inode::{FileType, NewKind, S_IFMT};
use crate::fs::path::{Path, Reach};
use crate::fs::permission::{self, CAP_DAC_READ_SEARCH, CAP_MKNOD, CAP_SYS_CHROOT, May};
use crate::fs::walk::Follow;
use crate::fs::{edit, rename as renames};
use crate::mm::user;
use crate::task::CurrentThread;

/// The two layouts of a directory entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// getdents(2): the type is the last byte of the record.
    Old,
    /// getdents64(2): the type stands before the name.
    New,
}

/// Directory entries as user space sees them, in words: every record is aligned to eight bytes.
struct Records {
    layout: Layout,
    words: Vec<u64>,
    /// As many words fit into the user's buffer.
    room: usize,
    /// An entry did not fit.
    full: bool,
}

/// One call returns this many bytes at most, however big the buffer.
const MOST: usize = 64 << 10;
/// Words that are made room for at once.
const STEP: usize = 512;

impl Layout {
    /// Where the name begins in the third word, after length and perhaps type.
    fn name_offset(self) -> usize {
        match self {
            Self::New => 3,
            Self::Old => 2,
        }
    }
}

impl DirSink for Records {
    fn entry(&mut self, ino: u64, next: u64, kind: FileType, name: &[u8]) -> bool {
        let offset = self.layout.name_offset();
        // The name, its NUL and, in the old layout, the type in the last byte.
        let tail = offset + name.len() + 1 + usize::from(self.layout == Layout::Old);
        let words = 2 + tail.div_ceil(8);
        if self.words.len() + words > self.room {
            self.full = true;
            return false;
        }
        let free = self.words.capacity() - self.words.len();
        if free < words && self.words.try_reserve(words.max(STEP)).is_err() {
            self.full = true;
            return false;
        }
        let end = self.words.len() + words;
        self.words.push(ino);
        self.words.push(next);
        let mut third = words as u64 * 8;
        if self.layout == Layout::New {
            third |= u64::from(kind.dirent_type()) << 16;
        }
        // The head of the name shares the third word; the rest follows in words of its own.
        let (head, rest) = name.split_at(name.len().min(8 - offset));
        self.words.push(third | word(head) << (8 * offset));
        let mut chunks = rest.chunks_exact(8);
        for chunk in &mut chunks {
            self.words.push(word(chunk));
        }
        // What is left of the name, and what NUL and type need beyond that.
        let mut left = word(chunks.remainder());
        while self.words.len() < end {
            self.words.push(left);
            left = 0;
        }
        if self.layout == Layout::Old
            && let Some(last) = self.words.last_mut()
        {
            *last |= u64::from(kind.dirent_type()) << 56;
        }
        true
    }
}

/// Up to eight bytes as a word, in memory order.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Ok(bytes) = bytes.try_into() {
        return u64::from_le_bytes(bytes);
    }
    let (mut word, mut shift, mut rest) = (0, 0, bytes);
    if let Some((four, more)) = rest.split_first_chunk() {
        word = u64::from(u32::from_le_bytes(*four));
        (shift, rest) = (32, more);
    }
    if let Some((two, more)) = rest.split_first_chunk() {
        word |= u64::from(u16::from_le_bytes(*two)) << shift;
        (shift, rest) = (shift + 16, more);
    }
    if let Some(&one) = rest.first() {
        word |= u64::from(one) << shift;
    }
    word
}

fn read_entries(
    cx: &CurrentThread,
    fd: Fd,
    buf: UserAddr,
    count: u32,
    layout: Layout,
) -> Result<usize> {
    let file = cx.files.get_usable(fd.0)?;
    let room = (count as usize).min(MOST) / 8;
    let mut records = Records { layout, words: Vec::new(), room, full: false };
    let _pass = file.lock_offset();
    let mut pos = file.offset();
    file.ops().read_dir(&file, &mut pos, &mut records, cx)?;
    if records.words.is_empty() && records.full {
        return Err(Errno::EINVAL.into());
    }
    user::copy_out(&cx.space, buf, records.words.as_bytes())?;
    file.set_offset(pos);
    Ok(records.words.len() * 8)
}

/// getdents64(2).
pub fn getdents64(cx: &mut CurrentThread, fd: Fd, buf: UserAddr, count: u32) -> Result<usize> {
    read_entries(cx, fd, buf, count, Layout::New)
}

/// getdents(2).
pub fn getdents(cx: &mut CurrentThread, fd: Fd, buf: UserAddr, count: u32) -> Result<usize> {
    read_entries(cx, fd, buf, count, Layout::Old)
}

/// mkdir(2).
pub fn mkdir(cx: &mut CurrentThread, path: UserAddr, mode: u32) -> Result<usize> {
    mkdirat(cx, Fd(AT_FDCWD), path, mode)
}

/// mkdirat(2).
pub fn mkdirat(cx: &mut CurrentThread, dirfd: Fd, path: UserAddr, mode: u32) -> Result<usize> {
    let path = read_path(cx, path)?;
    let mode = mode & 0o1777 & !cx.fs.umask();
    with_walker(cx, dirfd, &path, |walker| edit::create(walker, NewKind::Directory, mode))?;
    Ok(0)
}

/// mknod(2).
pub fn mknod(cx: &mut CurrentThread, path: UserAddr, mode: u32, dev: u32) -> Result<usize> {
    mknodat(cx, Fd(AT_FDCWD), path, mode, dev)
}

/// mknodat(2).
pub fn mknodat(
    cx: &mut CurrentThread,
    dirfd: Fd,
    path: UserAddr,
    mode: u32,
    dev: u32,
) -> Result<usize> {
    let device = DeviceNumber::from_user(dev);
    let kind = match FileType::from_mode(mode & S_IFMT) {
        Some(FileType::Regular | FileType::Anonymous) => NewKind::Regular,
        Some(FileType::Fifo) => NewKind::Fifo,
        Some(FileType::Socket) => NewKind::Socket,
        Some(FileType::Char) => NewKind::Char(device),
        Some(FileType::Block) => NewKind::Block(device),
        Some(FileType::Directory) => return Err(Errno::EPERM.into()),
        _ => return Err(Errno::EINVAL.into()),
    };
    let path = read_path(cx, path)?;
    let mode = mode & 0o7777 & !cx.fs.umask();
    let is_device = matches!(kind, NewKind::Char(_) | NewKind::Block(_));
    let may = !is_device || cx.cred().capable(CAP_MKNOD);
    with_walker(cx, dirfd, &path, |walker| {
        if may {
            return edit::create(walker, kind, mode).map(|_| ());
        }
        // Whether the name is free and the directory writable comes before the privilege.
        edit::check_create(walker, kind.file_type())?;
        Err(Errno::EPERM.into())
    })?;
    Ok(0)
}

/// symlink(2).
pub fn symlink(cx: &mut CurrentThread, target: UserAddr, path: UserAddr) -> Result<usize> {
    symlinkat(cx, target, Fd(AT_FDCWD), path)
}

/// symlinkat(2).
pub fn symlinkat(
    cx: &mut CurrentThread,
    target: UserAddr,
    dirfd: Fd,
    path: UserAddr,
) -> Result<usize> {
    let target = read_path(cx, target)?;
    if target.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    let path = read_path(cx, path)?;
    with_walker(cx, dirfd, &path, |walker| edit::create(walker, NewKind::Symlink(&target), 0o777))?;
    Ok(0)
}

/// link(2).
pub fn link(cx: &mut CurrentThread, old: UserAddr, new: UserAddr) -> Result<usize> {
    linkat(cx, Fd(AT_FDCWD), old, Fd(AT_FDCWD), new, 0)
}

/// linkat(2).
pub fn linkat(
    cx: &mut CurrentThread,
    old_dirfd: Fd,
    old: UserAddr,
    new_dirfd: Fd,
    new: UserAddr,
    flags: u32,
) -> Result<usize> {
    let flags = at_flags(flags, AtFlags::AT_SYMLINK_FOLLOW.union(AtFlags::AT_EMPTY_PATH))?;
    let old = read_path(cx, old)?;
    let follow = if flags.contains(AtFlags::AT_SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No };
    if old.is_empty() && flags.contains(AtFlags::AT_EMPTY_PATH) {
        may_link_by_descriptor(cx, old_dirfd)?;
    }
    let found = resolve(cx, old_dirfd, &old, flags, follow)?;
    let new = read_path(cx, new)?;
    with_walker(cx, new_dirfd, &new, |walker| edit::link(&found, walker))?;
    Ok(0)
}

/// Linking a bare descriptor needs privilege, or the credentials that opened it.
fn may_link_by_descriptor(cx: &CurrentThread, fd: Fd) -> Result<()> {
    if cx.cred().capable(CAP_DAC_READ_SEARCH) {
        return Ok(());
    }
    let opened_by_us = cx.files.get(fd.0).is_ok_and(|file| {
        let (theirs, ours) = (file.cred(), cx.cred());
        theirs.fsuid == ours.fsuid && theirs.fsgid == ours.fsgid
    });
    if opened_by_us { Ok(()) } else { Err(Errno::ENOENT.into()) }
}

/// unlink(2).
pub fn unlink(cx: &mut CurrentThread, path: UserAddr) -> Result<usize> {
    unlinkat(cx, Fd(AT_FDCWD), path, 0)
}

/// rmdir(2).
pub fn rmdir(cx: &mut CurrentThread, path: UserAddr) -> Result<usize> {
    unlinkat(cx, Fd(AT_FDCWD), path, AtFlags::AT_REMOVEDIR.bits())
}

/// unlinkat(2).
pub fn unlinkat(cx: &mut CurrentThread, dirfd: Fd, path: UserAddr, flags: u32) -> Result<usize> {
    let flags = at_flags(flags, AtFlags::AT_REMOVEDIR)?;
    let path = read_path(cx, path)?;
    let remove = if flags.is_empty() { edit::unlink } else { edit::rmdir };
    with_walker(cx, dirfd, &path, remove)?;
    Ok(0)
}

/// rename(2).
pub fn rename(cx: &mut CurrentThread, old: UserAddr, new: UserAddr) -> Result<usize> {
    renameat2(cx, Fd(AT_FDCWD), old, Fd(AT_FDCWD), new, 0)
}

/// renameat(2).
pub fn renameat(
    cx: &mut CurrentThread,
    old_dirfd: Fd,
    old: UserAddr,
    new_dirfd: Fd,
    new: UserAddr,
) -> Result<usize> {
    renameat2(cx, old_dirfd, old, new_dirfd, new, 0)
}

/// renameat2(2).
pub fn renameat2(
    cx: &mut CurrentThread,
    old_dirfd: Fd,
    old: UserAddr,
    new_dirfd: Fd,
    new: UserAddr,
    flags: u32,
) -> Result<usize> {
    let old = read_path(cx, old)?;
    let new = read_path(cx, new)?;
    with_walker(cx, old_dirfd, &old, |from| {
        with_walker(cx, new_dirfd, &new, |to| renames::rename(from, to, flags))
    })?;
    Ok(0)
}

/// getcwd(2): the length with the NUL.
pub fn getcwd(cx: &mut CurrentThread, buf: UserAddr, size: usize) -> Result<usize> {
    let (root, cwd) = cx.fs.root_and_cwd();
    if cwd.dentry.is_unlinked() {
        return Err(Errno::ENOENT.into());
    }
    let (path, reach) = cwd.absolute(&root);
    let mut out = Vec::new();
    if reach == Reach::Outside {
        out.extend_from_slice(b"(unreachable)");
    }
    out.extend_from_slice(&path);
    out.push(0);
    if out.len() > abi::file::PATH_MAX {
        return Err(Errno::ENAMETOOLONG.into());
    }
    if out.len() > size {
        return Err(Errno::ERANGE.into());
    }
    user::copy_out(&cx.space, buf, &out)?;
    Ok(out.len())
}

/// Checks that the caller can go to `path`.
fn check_enter(cx: &CurrentThread, path: &Path) -> Result<()> {
    let meta = path.inode().meta();
    if !meta.is_dir() {
        return Err(Errno::ENOTDIR.into());
    }
    Ok(permission::check(meta, cx.cred(), May::EXEC)?)
}

/// chdir(2).
pub fn chdir(cx: &mut CurrentThread, path: UserAddr) -> Result<usize> {
    let path = read_path(cx, path)?;
    let found = resolve(cx, Fd(AT_FDCWD), &path, AtFlags::empty(), Follow::Yes)?;
    check_enter(cx, &found)?;
    cx.fs.set_cwd(found);
    Ok(0)
}

/// fchdir(2).
pub fn fchdir(cx: &mut CurrentThread, fd: Fd) -> Result<usize> {
    let path = cx.files.get(fd.0)?.path().clone();
    check_enter(cx, &path)?;
    cx.fs.set_cwd(path);
    Ok(0)
}

/// chroot(2).
pub fn chroot(cx: &mut CurrentThread, path: UserAddr) -> Result<usize> {
    let path = read_path(cx, path)?;
    let found = resolve(cx, Fd(AT_FDCWD), &path, AtFlags::empty(), Follow::Yes)?;
    check_enter(cx, &found)?;
    if !cx.cred().capable(CAP_SYS_CHROOT) {
        return Err(Errno::EPERM.into());
    }
    cx.fs.set_root(found);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records as bytes, by the description in getdents(2).
    fn expected(layout: Layout, entries: &[(u64, u64, FileType, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (ino, next, kind, name) in entries {
            let start = out.len();
            // Header and type come to 19 bytes in both, only the type's place differs.
            let len = (19 + name.len() + 1).next_multiple_of(8);
            out.extend(ino.to_ne_bytes());
            out.extend(next.to_ne_bytes());
            out.extend((len as u16).to_ne_bytes());
            if layout == Layout::New {
                out.push(kind.dirent_type());
            }
            out.extend_from_slice(name);
            out.resize(start + len, 0);
            if layout == Layout::Old {
                out[start + len - 1] = kind.dirent_type();
            }
        }
        out
    }

    #[test]
    fn records_have_linuxs_layout_for_every_length_of_name() {
        let name = [b'n'; 255];
        for layout in [Layout::New, Layout::Old] {
            for len in 1..=255 {
                let entries = [
                    (7, 1, FileType::Directory, &name[..len]),
                    (u64::MAX, 9, FileType::Symlink, &b"last"[..]),
                ];
                let mut records = Records { layout, words: Vec::new(), room: 8192, full: false };
                for (ino, next, kind, name) in entries {
                    assert!(records.entry(ino, next, kind, name));
                }
                assert_eq!(records.words.as_bytes(), expected(layout, &entries), "{len}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_stays_out() {
        let mut records = Records { layout: Layout::New, words: Vec::new(), room: 5, full: false };
        assert!(records.entry(1, 1, FileType::Regular, b"abcd"));
        assert!(!records.entry(2, 2, FileType::Regular, b"x"));
        assert!(records.full && records.words.len() == 3);
    }
}
