//! Mounting over directories and walking across.

use abi::Errno;

use super::{World, e, tmpfs_mount};
use crate::fs::mount::{self, Detach};
use crate::fs::walk::Follow;

#[test]
fn walks_cross_mounts_both_ways() {
    let world = World::new();
    world.mkdir("mnt").unwrap();
    world.create("mnt/hidden").unwrap();
    let at = world.find("mnt", Follow::Yes).unwrap();
    mount::attach(&tmpfs_mount(), &at).unwrap();
    drop(at);
    assert_eq!(world.find("mnt/hidden", Follow::Yes).map(drop), e(Errno::ENOENT));
    world.mkdir("mnt/sub").unwrap();
    let sub = world.find("mnt/sub", Follow::Yes).unwrap();
    assert_ne!(sub.inode().meta().dev(), world.fs.root().inode().meta().dev());
    assert_eq!(sub.absolute(&world.fs.root()).0, b"/mnt/sub");
    assert!(world.find("mnt/sub/../..", Follow::Yes).unwrap().same(&world.fs.root()));
    // Names do not cross file systems, and mount points stay.
    world.create("file").unwrap();
    assert_eq!(world.link("file", "mnt/link"), e(Errno::EXDEV));
    assert_eq!(world.rename("file", "mnt/file", 0), e(Errno::EXDEV));
    assert_eq!(world.rmdir("mnt"), e(Errno::EBUSY));
    assert_eq!(world.rename("mnt", "other", 0), e(Errno::EBUSY));
    let root = |world: &World| world.find("mnt", Follow::Yes).unwrap();
    assert_eq!(mount::detach(root(&world), Detach::IfIdle).map_err(super::code), e(Errno::EBUSY));
    drop(sub);
    mount::detach(root(&world), Detach::IfIdle).unwrap();
    assert!(world.find("mnt/hidden", Follow::Yes).is_ok());
    assert_eq!(mount::detach(root(&world), Detach::IfIdle).map_err(super::code), e(Errno::EINVAL));
}

#[test]
fn mounts_stack_and_lazy_ones_go_later() {
    let world = World::new();
    world.mkdir("mnt").unwrap();
    let find = || world.find("mnt", Follow::Yes).unwrap();
    mount::attach(&tmpfs_mount(), &find()).unwrap();
    world.create("mnt/lower").unwrap();
    mount::attach(&tmpfs_mount(), &find()).unwrap();
    world.create("mnt/upper").unwrap();
    world.mkdir("mnt/inner").unwrap();
    mount::attach(&tmpfs_mount(), &world.find("mnt/inner", Follow::Yes).unwrap()).unwrap();
    let used = world.find("mnt/upper", Follow::Yes).unwrap();
    mount::detach(find(), Detach::Lazy).unwrap();
    assert!(world.find("mnt/lower", Follow::Yes).is_ok());
    assert!(used.inode().meta().is_regular());
    mount::detach(find(), Detach::IfIdle).unwrap();
    assert_eq!(world.find("mnt/lower", Follow::Yes).map(drop), e(Errno::ENOENT));
}

#[test]
fn binds_show_the_same_tree_and_moves_refuse_circles() {
    let world = World::new();
    for dir in ["a", "b", "c"] {
        world.mkdir(dir).unwrap();
    }
    let find = |path: &str| world.find(path, Follow::Yes).unwrap();
    mount::attach(&tmpfs_mount(), &find("a")).unwrap();
    world.create("a/file").unwrap();
    mount::bind(&find("a"), &find("b"), false).unwrap();
    let same = find("a/file").inode().meta().ino() == find("b/file").inode().meta().ino();
    assert!(same);
    // The two are different mounts all the same.
    assert_eq!(world.link("a/file", "b/link"), e(Errno::EXDEV));
    world.mkdir("a/sub").unwrap();
    let looped = mount::relocate(&find("a"), &find("a/sub")).map_err(super::code);
    assert_eq!(looped, e(Errno::ELOOP));
    mount::relocate(&find("a"), &find("c")).unwrap();
    assert!(world.find("c/file", Follow::Yes).is_ok());
    assert_eq!(world.find("a/file", Follow::Yes).map(drop), e(Errno::ENOENT));
    for dir in ["b", "c"] {
        mount::detach(find(dir), Detach::IfIdle).unwrap();
    }
}

#[test]
fn read_only_mounts_refuse_changes_only() {
    let world = World::new();
    world.mkdir("mnt").unwrap();
    let mount = tmpfs_mount();
    mount::attach(&mount, &world.find("mnt", Follow::Yes).unwrap()).unwrap();
    world.create("mnt/file").unwrap();
    mount.set_options(abi::file::MountFlags::RDONLY);
    assert_eq!(world.create("mnt/new"), e(Errno::EROFS));
    assert_eq!(world.unlink("mnt/file"), e(Errno::EROFS));
    let open = |flags| world.open("mnt/file", flags).map(drop);
    assert_eq!(open(abi::OpenFlags::O_WRONLY), e(Errno::EROFS));
    assert_eq!(open(abi::OpenFlags::O_CREAT), Ok(()));
    // What exists is reported before the mount is asked.
    assert_eq!(world.mkdir("mnt/file"), e(Errno::EEXIST));
    drop(mount);
    mount::detach(world.find("mnt", Follow::Yes).unwrap(), Detach::IfIdle).unwrap();
}
