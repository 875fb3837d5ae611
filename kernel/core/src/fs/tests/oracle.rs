//! The same random operations on a real directory of the host's Linux and on a tmpfs of ours: every
//! result and the trees at the end must agree.
//!
//! Paths are relative and go up two directories at most, links have no `..` at all, and the working
//! directory lies deep enough: nothing outside of the scratch directory is ever named.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path as HostPath, PathBuf};
use std::string::String;
use std::vec::Vec;

use abi::OpenFlags;
use proptest::prelude::*;

use super::World;
use crate::fs::walk::{Follow, WalkCx};

#[derive(Clone, Debug)]
enum Step {
    Mkdir(String),
    Rmdir(String),
    Unlink(String),
    Open(String, u32),
    Symlink(String, String),
    Link(String, String),
    Rename(String, String),
    Stat(String),
    Lstat(String),
    Readlink(String),
}

const DEEP: &str = "p/q/r/s/top";

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => Just("a"), 6 => Just("b"), 4 => Just("c"), 1 => Just("."), 1 => Just(".."),
    ];
    let limit = |parts: &Vec<&str>| parts.iter().filter(|part| **part == "..").count() <= 2;
    (prop::collection::vec(part, 1..4).prop_filter("too far up", limit), 0u8..8).prop_map(
        |(parts, tail)| {
            let mut path = parts.join("/");
            match tail {
                0 => path.push('/'),
                1 => path.push_str("//"),
                _ => {}
            }
            path
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("a/b"), Just("b/"), Just("."), Just("none")]
        .prop_map(String::from)
}

fn step() -> impl Strategy<Value = Step> {
    let flags = prop_oneof![
        4 => Just(OpenFlags::O_CREAT | OpenFlags::O_WRONLY),
        1 => Just(OpenFlags::O_CREAT | OpenFlags::O_EXCL | OpenFlags::O_WRONLY),
        1 => Just(OpenFlags::O_CREAT | OpenFlags::O_WRONLY | OpenFlags::O_NOFOLLOW),
        1 => Just(OpenFlags::O_WRONLY | OpenFlags::O_TRUNC),
        1 => Just(OpenFlags::empty()),
        1 => Just(OpenFlags::O_DIRECTORY),
        1 => Just(OpenFlags::O_NOFOLLOW),
        1 => Just(OpenFlags::O_DIRECTORY | OpenFlags::O_NOFOLLOW),
        1 => Just(OpenFlags::O_PATH | OpenFlags::O_NOFOLLOW),
    ];
    prop_oneof![
        4 => path().prop_map(Step::Mkdir),
        2 => path().prop_map(Step::Rmdir),
        2 => path().prop_map(Step::Unlink),
        4 => (path(), flags).prop_map(|(path, flags)| Step::Open(path, flags.bits())),
        3 => (text(), path()).prop_map(|(text, path)| Step::Symlink(text, path)),
        2 => (path(), path()).prop_map(|(old, new)| Step::Link(old, new)),
        5 => (path(), path()).prop_map(|(old, new)| Step::Rename(old, new)),
        1 => path().prop_map(Step::Stat),
        1 => path().prop_map(Step::Lstat),
        1 => path().prop_map(Step::Readlink),
    ]
}

type Outcome = Result<String, i32>;

fn host(base: &HostPath, step: &Step) -> Outcome {
    let at = |path: &str| -> PathBuf {
        // `PathBuf::join` would tidy the path up; the kernel is to see it as it is.
        PathBuf::from(std::format!("{}/{path}", base.display()))
    };
    let done = match step {
        Step::Mkdir(path) => fs::create_dir(at(path)).map(|()| String::new()),
        Step::Rmdir(path) => fs::remove_dir(at(path)).map(|()| String::new()),
        Step::Unlink(path) => fs::remove_file(at(path)).map(|()| String::new()),
        Step::Open(path, flags) => {
            let flags = OpenFlags::from_bits_retain(*flags);
            let mut options = OpenOptions::new();
            options.read(!flags.is_writable()).write(flags.is_writable());
            // Rust refuses O_CREAT without O_WRONLY, and O_TRUNC and O_EXCL by these names only.
            options.create(flags.contains(OpenFlags::O_CREAT));
            options.create_new(flags.contains(OpenFlags::O_EXCL));
            options.truncate(flags.contains(OpenFlags::O_TRUNC));
            let rest = flags & (OpenFlags::O_DIRECTORY | OpenFlags::O_NOFOLLOW | OpenFlags::O_PATH);
            options.custom_flags(rest.bits() as i32).open(at(path)).map(|_| String::new())
        }
        Step::Symlink(text, path) => {
            std::os::unix::fs::symlink(text, at(path)).map(|()| String::new())
        }
        Step::Link(old, new) => fs::hard_link(at(old), at(new)).map(|()| String::new()),
        Step::Rename(old, new) => fs::rename(at(old), at(new)).map(|()| String::new()),
        Step::Stat(path) => fs::metadata(at(path)).map(|meta| describe(meta.mode(), meta.nlink())),
        Step::Lstat(path) => {
            fs::symlink_metadata(at(path)).map(|meta| describe(meta.mode(), meta.nlink()))
        }
        Step::Readlink(path) => fs::read_link(at(path)).map(|text| text.display().to_string()),
    };
    done.map_err(|error| error.raw_os_error().unwrap_or(0))
}

/// Type and, for what is no directory (file systems count differently there), the links.
fn describe(mode: u32, nlink: u64) -> String {
    let kind = mode & 0o170000;
    let nlink = if kind == 0o040000 { 0 } else { nlink };
    std::format!("{kind:o} {nlink}")
}

fn ours(world: &World, step: &Step) -> Outcome {
    let done = |result: Result<(), i32>| result.map(|()| String::new());
    let stat = |path: &str, follow: Follow| {
        world.find(path, follow).map(|found| {
            let meta = found.inode().meta();
            describe(meta.mode(), meta.nlink().into())
        })
    };
    match step {
        Step::Mkdir(path) => done(world.mkdir(path)),
        Step::Rmdir(path) => done(world.rmdir(path)),
        Step::Unlink(path) => done(world.unlink(path)),
        Step::Open(path, flags) => {
            world.open(path, OpenFlags::from_bits_retain(*flags)).map(|_| String::new())
        }
        Step::Symlink(text, path) => done(world.symlink(text, path)),
        Step::Link(old, new) => done(world.link(old, new)),
        Step::Rename(old, new) => done(world.rename(old, new, 0)),
        Step::Stat(path) => stat(path, Follow::Yes),
        Step::Lstat(path) => stat(path, Follow::No),
        Step::Readlink(path) => {
            let found = world.find(path, Follow::No)?;
            let cx: WalkCx<'_> = world.cx();
            let text = found.inode().link_text(&cx).map_err(super::code)?;
            Ok(String::from_utf8(text).expect("links are ASCII here"))
        }
    }
}

fn host_tree(dir: &HostPath, prefix: &str, out: &mut Vec<String>) {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let path = dir.join(&name);
        let meta = fs::symlink_metadata(&path).unwrap();
        let shown = std::format!("{prefix}/{}", name.display());
        out.push(std::format!("{shown} {}", describe(meta.mode(), meta.nlink())));
        if meta.is_dir() {
            host_tree(&path, &shown, out);
        }
    }
}

fn our_tree(dir: &crate::fs::Path, prefix: &str, out: &mut Vec<String>) {
    let Some(children) = dir.dentry.children() else { return };
    let mut entries: Vec<_> = children
        .lock()
        .range(0)
        .map(|(_, name, dentry)| (String::from_utf8_lossy(name).into_owned(), dentry.clone()))
        .collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, dentry) in entries {
        let meta = dentry.inode().meta();
        let shown = std::format!("{prefix}/{name}");
        out.push(std::format!("{shown} {}", describe(meta.mode(), meta.nlink().into())));
        our_tree(&crate::fs::Path { mount: dir.mount.clone(), dentry }, &shown, out);
    }
}

/// How many subdirectories each directory of ours counts must be what it has.
fn check_link_counts(dir: &crate::fs::Path) {
    let Some(children) = dir.dentry.children() else { return };
    let entries: Vec<_> = children.lock().range(0).map(|(_, _, dentry)| dentry.clone()).collect();
    let below = entries.iter().filter(|dentry| dentry.inode().meta().is_dir()).count();
    assert_eq!(dir.inode().meta().nlink() as usize, 2 + below);
    for dentry in entries {
        assert!(dentry.parent().is_some_and(|p| alloc::sync::Arc::ptr_eq(&p, &dir.dentry)));
        check_link_counts(&crate::fs::Path { mount: dir.mount.clone(), dentry });
    }
}

fn make_dirs(world: &World) {
    let mut path = String::new();
    for name in DEEP.split('/') {
        path.push('/');
        path.push_str(name);
        world.mkdir(&path).unwrap();
    }
    world.fs.set_cwd(world.find(&path, Follow::Yes).unwrap());
}

/// A directory of the host that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = std::format!("oxbow-oracle-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join(DEEP)).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn trees_change_as_on_linux(steps in prop::collection::vec(step(), 1..60)) {
        let scratch = Scratch::new();
        let base = scratch.0.join(DEEP);
        let world = World::new();
        make_dirs(&world);
        for (number, step) in steps.iter().enumerate() {
            let theirs = host(&base, step);
            let ours = ours(&world, step);
            prop_assert_eq!(&ours, &theirs, "step {} {:?} of {:?}", number, step, steps);
            if !base.is_dir() {
                // The working directory is gone, which the host's paths cannot express.
                break;
            }
        }
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        host_tree(&scratch.0, "", &mut theirs);
        our_tree(&world.fs.root(), "", &mut ours);
        prop_assert_eq!(ours, theirs);
        check_link_counts(&world.fs.root());
    }
}
