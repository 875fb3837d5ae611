//! Path walking, permissions and the flags of open.

use abi::file::ResolveFlags;
use abi::{Errno, OpenFlags};

use super::{World, e};
use crate::fs::attr;
use crate::fs::path::Reach;
use crate::fs::walk::{Follow, WalkCx, Walker};

#[test]
fn chains_of_links_end_at_forty() {
    let world = World::new();
    world.create("l0").unwrap();
    for n in 1..=41 {
        world.symlink(&std::format!("l{}", n - 1), &std::format!("l{n}")).unwrap();
    }
    assert!(world.find("l40", Follow::Yes).is_ok());
    assert_eq!(world.find("l41", Follow::Yes).map(drop), e(Errno::ELOOP));
    world.symlink("me", "me").unwrap();
    assert_eq!(world.find("me", Follow::Yes).map(drop), e(Errno::ELOOP));
    assert!(world.find("me", Follow::No).is_ok());
}

#[test]
fn what_is_wrong_first_is_reported() {
    let world = World::new();
    world.create("file").unwrap();
    world.mkdir("dir").unwrap();
    let long = "x".repeat(256);
    assert_eq!(world.find(&long, Follow::Yes).map(drop), e(Errno::ENAMETOOLONG));
    assert_eq!(world.find(&"x".repeat(255), Follow::Yes).map(drop), e(Errno::ENOENT));
    assert_eq!(world.find("", Follow::Yes).map(drop), e(Errno::ENOENT));
    assert_eq!(world.find("file/x", Follow::Yes).map(drop), e(Errno::ENOTDIR));
    assert_eq!(world.find("file/", Follow::Yes).map(drop), e(Errno::ENOTDIR));
    assert_eq!(world.find("none/x", Follow::Yes).map(drop), e(Errno::ENOENT));
    assert_eq!(world.find("dir/none/..", Follow::Yes).map(drop), e(Errno::ENOENT));
    assert!(world.find("/../dir/../../dir/.", Follow::Yes).is_ok());
}

#[test]
fn a_directory_that_cannot_be_searched_hides_all() {
    let world = World::new();
    world.mkdir("secret").unwrap();
    world.create("secret/file").unwrap();
    let secret = world.find("secret", Follow::Yes).unwrap();
    attr::chmod(&secret, 0o600, &world.cred).unwrap();
    let user = world.user(1000);
    // EACCES comes before ENOENT and ENAMETOOLONG.
    for name in ["secret/file", "secret/none", &std::format!("secret/{}", "x".repeat(300))] {
        assert_eq!(user.find(name, Follow::Yes).map(drop), e(Errno::EACCES), "{name}");
    }
    assert_eq!(user.open("secret", OpenFlags::empty()).map(drop), e(Errno::EACCES));
    attr::chmod(&secret, 0o711, &world.cred).unwrap();
    assert!(user.open("secret/file", OpenFlags::empty()).is_ok());
    assert_eq!(user.open("secret/file", OpenFlags::O_RDWR).map(drop), e(Errno::EACCES));
    assert_eq!(user.unlink("secret/file"), e(Errno::EACCES));
    assert_eq!(user.create("secret/new"), e(Errno::EACCES));
}

#[test]
fn open_checks_flags_and_types() {
    let world = World::new();
    world.create("file").unwrap();
    world.mkdir("dir").unwrap();
    world.symlink("file", "link").unwrap();
    let open = |path: &str, flags| world.open(path, flags).map(drop);
    use OpenFlags as O;
    assert_eq!(open("dir", O::O_WRONLY), e(Errno::EISDIR));
    assert_eq!(open("dir", O::O_CREAT), e(Errno::EISDIR));
    assert_eq!(open("file", O::O_DIRECTORY), e(Errno::ENOTDIR));
    assert_eq!(open("link", O::O_NOFOLLOW), e(Errno::ELOOP));
    assert_eq!(open("link", O::O_CREAT | O::O_EXCL), e(Errno::EEXIST));
    assert_eq!(open("new/", O::O_CREAT), e(Errno::EISDIR));
    assert_eq!(open("dir", O::O_CREAT | O::O_DIRECTORY), e(Errno::EINVAL));
    assert_eq!(open("dir", O::O_TMPFILE), e(Errno::EINVAL));
    let link = world.open("link", O::O_PATH | O::O_NOFOLLOW).unwrap();
    assert!(link.inode().meta().is_symlink() && link.access().path_only);
    let file = world.open("link", O::O_CREAT | O::O_RDWR).unwrap();
    assert!(file.inode().meta().is_regular());
}

#[test]
fn a_file_without_a_name_can_get_one() {
    let world = World::new();
    let file = world.open(".", OpenFlags::O_TMPFILE | OpenFlags::O_RDWR).unwrap();
    assert_eq!(file.inode().meta().nlink(), 0);
    world.with("named", |walker| crate::fs::edit::link(file.path(), walker)).unwrap();
    assert_eq!(world.find("named", Follow::Yes).unwrap().inode().meta().nlink(), 1);
    world.unlink("named").unwrap();
    let again = world.with("again", |walker| crate::fs::edit::link(file.path(), walker));
    assert_eq!(again, e(Errno::ENOENT));
}

#[test]
fn executed_files_are_not_written_to() {
    let world = World::new();
    world.create("program").unwrap();
    let path = world.find("program", Follow::Yes).unwrap();
    path.inode().meta().deny_write().unwrap();
    assert_eq!(world.open("program", OpenFlags::O_WRONLY).map(drop), e(Errno::ETXTBSY));
    path.inode().meta().allow_write();
    let file = world.open("program", OpenFlags::O_WRONLY).unwrap();
    assert_eq!(path.inode().meta().deny_write(), Err(Errno::ETXTBSY));
    drop(file);
    assert_eq!(path.inode().meta().deny_write(), Ok(()));
}

#[test]
fn openat2_keeps_walks_where_they_belong() {
    let world = World::new();
    world.mkdir("jail").unwrap();
    world.create("jail/in").unwrap();
    world.create("out").unwrap();
    world.symlink("../out", "jail/up").unwrap();
    world.symlink("/out", "jail/abs").unwrap();
    world.symlink("in", "jail/fine").unwrap();
    world.fs.set_cwd(world.find("jail", Follow::Yes).unwrap());
    let open = |path: &str, how| world.open_how(path, OpenFlags::empty(), how).map(drop);
    let beneath = ResolveFlags::BENEATH;
    assert_eq!(open("fine", beneath), Ok(()));
    for path in ["up", "abs", "../out", "/out"] {
        assert_eq!(open(path, beneath), e(Errno::EXDEV), "{path}");
    }
    let in_root = ResolveFlags::IN_ROOT;
    assert_eq!(open("/in", in_root), Ok(()));
    assert_eq!(open("../../in", in_root), Ok(()));
    assert_eq!(open("up", in_root), e(Errno::ENOENT));
    assert_eq!(open("fine", ResolveFlags::NO_SYMLINKS), e(Errno::ELOOP));
}

#[test]
fn a_chroot_has_nothing_above_it() {
    let world = World::new();
    world.mkdir("jail").unwrap();
    world.mkdir("jail/home").unwrap();
    world.mkdir("outside").unwrap();
    let outside = world.find("outside", Follow::Yes).unwrap();
    world.fs.set_root(world.find("jail", Follow::Yes).unwrap());
    world.fs.set_cwd(world.find("/home", Follow::Yes).unwrap());
    assert_eq!(world.find("../../outside", Follow::Yes).map(drop), e(Errno::ENOENT));
    let (path, reach) = world.fs.cwd().absolute(&world.fs.root());
    assert_eq!((path.as_slice(), reach), (&b"/home"[..], Reach::Inside));
    assert_eq!(outside.absolute(&world.fs.root()).1, Reach::Outside);
}

#[test]
fn exchanging_renames_swap_even_directories() {
    let world = World::new();
    world.mkdir("dir").unwrap();
    world.mkdir("dir/inner").unwrap();
    world.create("file").unwrap();
    world.rename("dir", "file", 2).unwrap();
    assert!(world.find("file/inner", Follow::Yes).is_ok());
    assert!(world.find("dir", Follow::Yes).unwrap().inode().meta().is_regular());
    assert_eq!(world.rename("dir", "file", 1), e(Errno::EEXIST));
    assert_eq!(world.rename("dir", "none", 2), e(Errno::ENOENT));
    assert_eq!(world.rename("file", "file/inner", 2), e(Errno::EINVAL));
    assert_eq!(world.rename("dir", "new", 4), e(Errno::EINVAL));
}

#[test]
fn deep_trees_are_dropped_without_recursion() {
    let world = World::new();
    let top = world.fs.cwd();
    for _ in 0..50_000 {
        world.mkdir("d").unwrap();
        world.fs.set_cwd(world.find("d", Follow::Yes).unwrap());
    }
    // Removed from the bottom up while the deepest one is still in use.
    let deepest = world.fs.cwd();
    for _ in 0..50_000 {
        world.fs.set_cwd(world.find("..", Follow::Yes).unwrap());
        world.rmdir("d").unwrap();
    }
    assert!(world.fs.cwd().same(&top));
    drop(deepest);
    // And a whole tree at once.
    for _ in 0..50_000 {
        world.mkdir("d").unwrap();
        world.fs.set_cwd(world.find("d", Follow::Yes).unwrap());
    }
    world.fs.set_cwd(top);
}

#[test]
fn nothing_is_made_in_a_removed_directory() {
    let world = World::new();
    world.mkdir("gone").unwrap();
    world.fs.set_cwd(world.find("gone", Follow::Yes).unwrap());
    world.rmdir("/gone").unwrap();
    assert_eq!(world.create("file"), e(Errno::ENOENT));
    assert_eq!(world.mkdir("dir"), e(Errno::ENOENT));
    assert!(world.find("..", Follow::Yes).unwrap().same(&world.fs.root()));
    assert!(world.fs.cwd().dentry.is_unlinked());
}

#[test]
fn walkers_say_where_they_stop() {
    let world = World::new();
    world.mkdir("dir").unwrap();
    let cx: WalkCx<'_> = world.cx();
    let start = crate::fs::walk::Start::Cwd;
    let mut walker = Walker::new(&cx, &start, b"dir//name///", ResolveFlags::empty()).unwrap();
    assert_eq!(walker.to_last().unwrap(), crate::fs::walk::Last::Name);
    assert_eq!(walker.name(), b"name");
    assert!(walker.trailing_slash());
}
