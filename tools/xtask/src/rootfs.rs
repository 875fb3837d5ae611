//! A file tree in memory, which becomes an initrd.
//!
//! Trees are laid one over another: a later file replaces an earlier one of
//! the same name. The archive depends on nothing but the content: names are
//! sorted, times are `SOURCE_DATE_EPOCH` or 0, owners are root.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cpio;

const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;
const PERMISSIONS: u32 = 0o7777;

/// One file of the tree.
#[derive(Clone, Debug)]
struct Node {
    mode: u32,
    data: Vec<u8>,
    device: (u32, u32),
    /// Nodes with the same number are hard links of one file.
    linked: Option<u32>,
}

/// The tree: paths without a leading slash.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    link_groups: u32,
}

impl Tree {
    /// Adds a directory.
    pub fn dir(&mut self, path: &str, permissions: u32) {
        self.put(path, S_IFDIR | permissions, Vec::new(), (0, 0));
    }

    /// Adds a regular file.
    pub fn file(&mut self, path: &str, permissions: u32, data: Vec<u8>) {
        self.put(path, S_IFREG | permissions, data, (0, 0));
    }

    /// Adds a copy of a file of the host, with the permissions given.
    pub fn host_file(&mut self, path: &str, permissions: u32, source: &Path) -> Result<()> {
        let data = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        self.file(path, permissions, data);
        Ok(())
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) {
        self.put(path, S_IFLNK | 0o777, target.as_bytes().to_vec(), (0, 0));
    }

    /// Adds a character device.
    pub fn char_device(&mut self, path: &str, permissions: u32, major: u32, minor: u32) {
        self.put(path, 0o020_000 | permissions, Vec::new(), (major, minor));
    }

    /// Whether there is a file, or anything else, of this name.
    pub fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Lays a directory of the host over the tree.
    pub fn overlay(&mut self, dir: &Path) -> Result<()> {
        let mut links = HashMap::new();
        self.overlay_below(dir, "", &mut links)
            .with_context(|| format!("cannot pack {}", dir.display()))
    }

    /// Lays a directory of the source tree over this one. Git keeps only the
    /// executable bit; the rest of the permissions is the umask's of whoever
    /// cloned, and is put right here.
    pub fn overlay_source(&mut self, dir: &Path) -> Result<()> {
        let mut tree = Self::default();
        tree.overlay(dir)?;
        for (path, mut node) in tree.nodes {
            if node.mode & !PERMISSIONS != S_IFLNK {
                let permissions = if node.mode & 0o100 != 0 { 0o755 } else { 0o644 };
                node.mode = node.mode & !PERMISSIONS | permissions;
            }
            self.nodes.insert(path, node);
        }
        Ok(())
    }

    fn overlay_below(
        &mut self,
        dir: &Path,
        prefix: &str,
        links: &mut HashMap<(u64, u64), u32>,
    ) -> Result<()> {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name =
                name.with_context(|| format!("{}: the name is not UTF-8", path.display()))?;
            let inner = format!("{prefix}{name}");
            self.add_host(&path, &inner, links).with_context(|| path.display().to_string())?;
            if path.symlink_metadata()?.is_dir() {
                self.overlay_below(&path, &format!("{inner}/"), links)?;
            }
        }
        Ok(())
    }

    fn add_host(
        &mut self,
        path: &Path,
        inner: &str,
        links: &mut HashMap<(u64, u64), u32>,
    ) -> Result<()> {
        let meta = path.symlink_metadata()?;
        let kind = meta.file_type();
        if kind.is_socket() {
            eprintln!("xtask: {} is a socket; left out", path.display());
            return Ok(());
        }
        let data = match kind {
            _ if kind.is_file() => fs::read(path)?,
            _ if kind.is_symlink() => fs::read_link(path)?.into_os_string().into_encoded_bytes(),
            _ => Vec::new(),
        };
        let is_device = kind.is_char_device() || kind.is_block_device();
        let device = if is_device { device_numbers(meta.rdev()) } else { (0, 0) };
        self.put(inner, meta.mode(), data, device);
        if kind.is_file() && meta.nlink() > 1 {
            let next = self.link_groups;
            let group = *links.entry((meta.dev(), meta.ino())).or_insert(next);
            self.link_groups = self.link_groups.max(group + 1);
            if let Some(node) = self.nodes.get_mut(inner) {
                node.linked = Some(group);
            }
        }
        Ok(())
    }

    fn put(&mut self, path: &str, mode: u32, data: Vec<u8>, device: (u32, u32)) {
        debug_assert!(!path.starts_with('/') && !path.is_empty());
        let is_dir = mode & !PERMISSIONS == S_IFDIR;
        if !is_dir {
            // A file in the place of a directory takes its content away too.
            let below = format!("{path}/");
            self.nodes.retain(|name, _| !name.starts_with(&below));
        }
        self.nodes.insert(path.to_owned(), Node { mode, data, device, linked: None });
    }

    /// Makes the directories that files lie in but that nobody added.
    fn with_parents(&self) -> BTreeMap<String, Node> {
        let mut nodes = self.nodes.clone();
        for path in self.nodes.keys() {
            for (at, _) in path.match_indices('/') {
                let parent =
                    Node { mode: S_IFDIR | 0o755, data: Vec::new(), device: (0, 0), linked: None };
                nodes.entry(path[..at].to_owned()).or_insert(parent);
            }
        }
        nodes
    }

    /// The tree as a cpio archive.
    pub fn to_cpio(&self) -> Result<Vec<u8>> {
        let mtime = source_date()?;
        let nodes = self.with_parents();
        let mut names: HashMap<u32, u32> = HashMap::new();
        for group in nodes.values().filter_map(|node| node.linked) {
            *names.entry(group).or_default() += 1;
        }
        let mut left = names.clone();
        let mut inodes: HashMap<u32, u32> = HashMap::new();
        let mut writer = cpio::Writer::default();
        for (number, (path, node)) in (1u32..).zip(&nodes) {
            let mut header = cpio::Header {
                inode: number,
                mode: node.mode,
                links: 1,
                mtime,
                device: node.device,
            };
            let mut data = node.data.as_slice();
            if let Some(group) = node.linked {
                header.inode = *inodes.entry(group).or_insert(number);
                header.links = names[&group];
                let left = left.entry(group).or_default();
                *left -= 1;
                if *left > 0 {
                    data = &[];
                }
            } else if node.mode & !PERMISSIONS == S_IFDIR {
                header.links = 2;
            }
            writer.entry(path, &header, data)?;
        }
        writer.finish()
    }
}

/// Linux's packing of a device number into `st_rdev`.
fn device_numbers(rdev: u64) -> (u32, u32) {
    (rustix::fs::major(rdev), rustix::fs::minor(rdev))
}

fn source_date() -> Result<u32> {
    match env::var("SOURCE_DATE_EPOCH") {
        Err(_) => Ok(0),
        Ok(text) => match text.parse() {
            Ok(seconds) => Ok(seconds),
            Err(_) => bail!("SOURCE_DATE_EPOCH={text} is not a number of seconds since 1970"),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::{Command, Stdio};

    use super::Tree;

    /// Feeds an archive to GNU cpio, the packer that everybody trusts.
    fn gnu_cpio(args: &[&str], archive: &[u8]) -> String {
        let mut child = Command::new("cpio")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("cpio is installed by `cargo xtask setup`");
        child.stdin.take().expect("piped").write_all(archive).expect("cpio reads");
        let output = child.wait_with_output().expect("cpio ends");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("names are UTF-8")
    }

    #[test]
    fn gnu_cpio_lists_what_was_packed() {
        let mut tree = Tree::default();
        tree.file("etc/deep/file", 0o640, b"hello".to_vec());
        tree.symlink("bin/sh", "busybox");
        tree.char_device("dev/console", 0o600, 5, 1);
        let archive = tree.to_cpio().expect("packs");
        let names = gnu_cpio(&["-it", "--quiet"], &archive);
        assert_eq!(names, "bin\nbin/sh\ndev\ndev/console\netc\netc/deep\netc/deep/file\n");
        let long = gnu_cpio(&["-itv", "--quiet"], &archive);
        assert!(long.contains("bin/sh -> busybox"), "{long}");
        assert!(
            long.lines().any(|line| line.starts_with("crw-------") && line.contains("5,   1")),
            "{long}"
        );
        assert!(
            long.lines().any(|line| line.starts_with("-rw-r-----") && line.contains("root")),
            "{long}"
        );
    }

    #[test]
    fn gnu_cpio_unpacks_hard_links_modes_and_content() {
        let from = tempfile::tempdir().expect("a temporary directory");
        let to = tempfile::tempdir().expect("a temporary directory");
        fs::write(from.path().join("one"), "shared").expect("writes");
        fs::hard_link(from.path().join("one"), from.path().join("two")).expect("links");
        fs::write(from.path().join("tool"), "#!/bin/sh\n").expect("writes");
        fs::set_permissions(from.path().join("tool"), fs::Permissions::from_mode(0o4755))
            .expect("chmod");
        symlink("nowhere", from.path().join("dangling")).expect("links");

        let mut tree = Tree::default();
        tree.overlay(from.path()).expect("packs");
        let archive = tree.to_cpio().expect("packs");
        let target = to.path().to_str().expect("UTF-8");
        gnu_cpio(&["-i", "--quiet", "-D", target], &archive);

        assert_eq!(fs::read(to.path().join("one")).expect("there"), b"shared");
        let inode = |name: &str| {
            std::os::unix::fs::MetadataExt::ino(&fs::metadata(to.path().join(name)).expect("there"))
        };
        assert_eq!(inode("one"), inode("two"));
        let mode = fs::metadata(to.path().join("tool")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o4755);
        assert_eq!(
            fs::read_link(to.path().join("dangling")).expect("there").to_str(),
            Some("nowhere")
        );
    }

    #[test]
    fn a_later_file_wins_over_an_earlier_directory() {
        let mut tree = Tree::default();
        tree.file("a/b", 0o644, Vec::new());
        tree.file("a", 0o644, b"x".to_vec());
        let names = gnu_cpio(&["-it", "--quiet"], &tree.to_cpio().expect("packs"));
        assert_eq!(names, "a\n");
    }

    #[test]
    fn the_same_tree_gives_the_same_archive() {
        let build = |order: [&str; 2]| {
            let mut tree = Tree::default();
            for name in order {
                tree.file(name, 0o644, name.as_bytes().to_vec());
            }
            tree.to_cpio().expect("packs")
        };
        assert_eq!(build(["x", "y"]), build(["y", "x"]));
    }
}
