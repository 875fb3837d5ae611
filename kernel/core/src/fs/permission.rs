//! Who may do what to a file (path_resolution(7), "Permissions"; capabilities(7)).

use abi::Errno;

use super::inode::{FileType, Inode, Metadata, S_ISGID, S_ISVTX};
use crate::cred::Cred;

bitflags::bitflags! {
    /// What is to be done. The bits are those of access(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct May: u32 {
        /// Execute a file, search a directory.
        const EXEC = 1;
        /// Change it.
        const WRITE = 2;
        /// Read it.
        const READ = 4;
    }
}

/// `CAP_CHOWN`.
pub const CAP_CHOWN: u32 = 0;
/// `CAP_DAC_OVERRIDE`.
pub const CAP_DAC_OVERRIDE: u32 = 1;
/// `CAP_DAC_READ_SEARCH`.
pub const CAP_DAC_READ_SEARCH: u32 = 2;
/// `CAP_FOWNER`.
pub const CAP_FOWNER: u32 = 3;
/// `CAP_FSETID`.
pub const CAP_FSETID: u32 = 4;
/// `CAP_LINUX_IMMUTABLE` and others up to 17 are not asked for here; this is `CAP_SYS_CHROOT`.
pub const CAP_SYS_CHROOT: u32 = 18;
/// `CAP_SYS_ADMIN`.
pub const CAP_SYS_ADMIN: u32 = 21;
/// `CAP_SYS_RESOURCE`.
pub const CAP_SYS_RESOURCE: u32 = 24;
/// `CAP_MKNOD`.
pub const CAP_MKNOD: u32 = 27;

/// Checks `want` against the permission bits and the capabilities that override them.
///
/// # Errors
/// `EACCES`.
#[inline]
pub fn check(meta: &Metadata, cred: &Cred, want: May) -> Result<(), Errno> {
    let mode = meta.mode();
    let bits = if cred.fsuid == meta.uid() {
        mode >> 6
    } else if mode & 0o070 == (mode & 0o007) << 3 {
        // The group has what everybody has: no need to look for it among the groups.
        mode
    } else if cred.in_group(meta.gid()) {
        mode >> 3
    } else {
        mode
    };
    if want.bits() & !bits & 7 == 0 { Ok(()) } else { override_by_capability(mode, cred, want) }
}

#[cold]
fn override_by_capability(mode: u32, cred: &Cred, want: May) -> Result<(), Errno> {
    let is_dir = FileType::from_mode(mode) == Some(FileType::Directory);
    let allowed = if is_dir {
        (!want.contains(May::WRITE) && cred.capable(CAP_DAC_READ_SEARCH))
            || cred.capable(CAP_DAC_OVERRIDE)
    } else {
        (want == May::READ && cred.capable(CAP_DAC_READ_SEARCH))
            || ((!want.contains(May::EXEC) || mode & 0o111 != 0) && cred.capable(CAP_DAC_OVERRIDE))
    };
    if allowed { Ok(()) } else { Err(Errno::EACCES) }
}

/// Whether `cred` owns the inode or may act as if.
pub fn is_owner(meta: &Metadata, cred: &Cred) -> bool {
    cred.fsuid == meta.uid() || cred.capable(CAP_FOWNER)
}

/// Checks that an entry may be made in `dir`.
///
/// # Errors
/// `EACCES`.
pub fn may_create(dir: &dyn Inode, cred: &Cred) -> Result<(), Errno> {
    check(dir.meta(), cred, May::WRITE | May::EXEC)
}

/// Checks that the entry for `victim` may be taken out of `dir`; `as_dir` says whether the caller
/// wants a directory.
///
/// # Errors
/// `EACCES`; `EPERM` in a sticky directory; `ENOTDIR`; `EISDIR`.
pub fn may_delete(
    dir: &dyn Inode,
    victim: &dyn Inode,
    cred: &Cred,
    as_dir: bool,
) -> Result<(), Errno> {
    check(dir.meta(), cred, May::WRITE | May::EXEC)?;
    let sticky = dir.meta().mode() & S_ISVTX != 0;
    if sticky
        && cred.fsuid != victim.meta().uid()
        && cred.fsuid != dir.meta().uid()
        && !cred.capable(CAP_FOWNER)
    {
        return Err(Errno::EPERM);
    }
    match (as_dir, victim.meta().is_dir()) {
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        _ => Ok(()),
    }
}

/// Owner, group and mode of a new entry of `dir`: a setgid directory hands on its group, and to
/// directories the bit itself.
pub fn new_entry(dir: &Metadata, cred: &Cred, mode: u32) -> (u32, u32, u32) {
    if dir.mode() & S_ISGID == 0 {
        return (cred.fsuid, cred.fsgid, mode);
    }
    let gid = dir.gid();
    let is_dir = FileType::from_mode(mode) == Some(FileType::Directory);
    let mode = if is_dir {
        mode | S_ISGID
    } else if mode & (S_ISGID | 0o010) == S_ISGID | 0o010
        && !cred.in_group(gid)
        && !cred.capable(CAP_FSETID)
    {
        // Nobody makes a setgid program for a group that is not theirs.
        mode & !S_ISGID
    } else {
        mode
    };
    (cred.fsuid, gid, mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::inode::NewMetadata;
    use abi::stat::DeviceNumber;

    fn meta(mode: u32, uid: u32, gid: u32) -> Metadata {
        Metadata::new(NewMetadata {
            dev: DeviceNumber::new(0, 1),
            ino: 1,
            mode,
            uid,
            gid,
            rdev: DeviceNumber::default(),
        })
    }

    fn user(uid: u32, gid: u32, groups: &[u32]) -> Cred {
        let mut cred = Cred::root();
        cred.fsuid = uid;
        cred.fsgid = gid;
        cred.groups = groups.to_vec();
        cred.caps.effective = 0;
        cred
    }

    #[test]
    fn the_first_class_that_matches_decides() {
        // The owner is refused although the group and others would be let in.
        let file = meta(0o100077, 1, 2);
        assert_eq!(check(&file, &user(1, 2, &[]), May::READ), Err(Errno::EACCES));
        assert_eq!(check(&file, &user(3, 2, &[]), May::READ), Ok(()));
        let file = meta(0o100704, 1, 2);
        assert_eq!(check(&file, &user(3, 9, &[2, 5]), May::READ), Err(Errno::EACCES));
        assert_eq!(check(&file, &user(3, 9, &[5]), May::READ), Ok(()));
        assert_eq!(check(&file, &user(3, 9, &[5]), May::READ | May::EXEC), Err(Errno::EACCES));
    }

    #[test]
    fn root_executes_only_what_somebody_may_execute() {
        let root = Cred::root();
        assert_eq!(check(&meta(0o100000, 1, 1), &root, May::READ | May::WRITE), Ok(()));
        assert_eq!(check(&meta(0o100600, 1, 1), &root, May::EXEC), Err(Errno::EACCES));
        assert_eq!(check(&meta(0o100601, 1, 1), &root, May::EXEC), Ok(()));
        assert_eq!(check(&meta(0o040000, 1, 1), &root, May::EXEC), Ok(()));
    }

    #[test]
    fn sticky_directories_protect_entries_of_others() {
        struct Node(Metadata);
        impl Inode for Node {
            fn meta(&self) -> &Metadata {
                &self.0
            }
        }
        let tmp = Node(meta(0o041777, 0, 0));
        let file = Node(meta(0o100644, 7, 7));
        assert_eq!(may_delete(&tmp, &file, &user(8, 8, &[]), false), Err(Errno::EPERM));
        assert_eq!(may_delete(&tmp, &file, &user(7, 7, &[]), false), Ok(()));
        assert_eq!(may_delete(&tmp, &file, &user(7, 7, &[]), true), Err(Errno::ENOTDIR));
    }

    #[test]
    fn setgid_directories_hand_on_their_group() {
        let dir = meta(0o042755, 0, 50);
        assert_eq!(new_entry(&dir, &user(1, 1, &[]), 0o100644), (1, 50, 0o100644));
        assert_eq!(new_entry(&dir, &user(1, 1, &[]), 0o040755), (1, 50, 0o042755));
        assert_eq!(new_entry(&dir, &user(1, 1, &[]), 0o102755), (1, 50, 0o100755));
    }
}
