//! Archives made here, whole, damaged and mutated.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::fs::inode::FileType;
use crate::fs::kernel::KernelCaller;
use crate::fs::walk::WalkCx;
use crate::mm::user::Sink;

/// Builds archives.
#[derive(Clone, Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn put(mut self, name: &str, mode: u32, ino: u32, nlink: u32, data: &[u8]) -> Self {
        let sum = data.iter().fold(0u32, |sum, &byte| sum.wrapping_add(byte.into()));
        let fields = [
            ino,
            mode,
            7,
            8,
            nlink,
            1_000_000,
            data.len() as u32,
            0,
            1,
            4,
            64,
            name.len() as u32 + 1,
            sum,
        ];
        self.0.extend_from_slice(b"070702");
        for field in fields {
            self.0.extend_from_slice(alloc::format!("{field:08x}").as_bytes());
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(0);
        self.pad();
        self.0.extend_from_slice(data);
        self.pad();
        self
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn end(self) -> Self {
        self.put("TRAILER!!!", 0, 0, 1, b"")
    }
}

fn root() -> Path {
    let options = Options { mode: Some(0o755), size: Some(64 << 20), ..Options::default() };
    let superblock = tmpfs::new_instance(&tmpfs::TMPFS, &options).unwrap();
    let root = superblock.root().clone();
    Mount::new(superblock, root, b"test", abi::file::MountFlags::empty()).root_path()
}

fn find(root: &Path, name: &str) -> Option<Path> {
    let caller = KernelCaller::new(FsInfo::new(root.clone())).unwrap();
    WalkCx::of(&caller).lookup(name.as_bytes()).ok()
}

fn contents(path: &Path) -> Vec<u8> {
    let cache = path.inode().page_cache().unwrap();
    let mut bytes = alloc::vec![0; cache.size() as usize];
    cache.read(0, &mut Sink::kernel(&mut bytes)).unwrap();
    bytes
}

fn sample() -> Archive {
    Archive::default()
        .put(".", 0o040750, 1, 3, b"")
        .put("bin", 0o040755, 2, 2, b"")
        .put("./bin/busybox", 0o104755, 3, 1, &[b'x'; 5000])
        .put("/bin/sh", 0o120777, 4, 1, b"busybox")
        .put("dev", 0o040755, 5, 2, b"")
        .put("dev/console", 0o020600, 6, 1, b"")
        .put("run", 0o010644, 7, 1, b"")
        .put("one", 0o100644, 9, 2, b"")
        .put("two", 0o100644, 9, 2, b"shared")
        .put("missing/dir", 0o100644, 10, 1, b"lost")
        .end()
}

#[test]
fn an_archive_becomes_a_tree() {
    let root = root();
    let summary = unpack(&root, &sample().0).unwrap();
    assert_eq!(summary.entries, 9);
    assert_eq!(summary.skipped, 1);
    let busybox = find(&root, "/bin/sh").unwrap();
    assert_eq!(contents(&busybox), [b'x'; 5000]);
    let meta = busybox.inode().meta();
    assert_eq!((meta.mode(), meta.uid(), meta.gid()), (0o104755, 7, 8));
    assert_eq!(meta.times().mtime.sec, 1_000_000);
    let console = find(&root, "dev/console").unwrap();
    let rdev = console.inode().meta().rdev();
    assert_eq!((rdev.major, rdev.minor), (4, 64));
    assert_eq!(find(&root, "run").unwrap().inode().meta().file_type(), FileType::Fifo);
    let one = find(&root, "one").unwrap();
    assert_eq!(contents(&one), b"shared");
    assert_eq!(one.inode().meta().nlink(), 2);
    assert_eq!(find(&root, "two").unwrap().inode().meta().ino(), one.inode().meta().ino());
    assert_eq!(root.inode().meta().mode(), 0o040750);
    assert_eq!(find(&root, "bin").unwrap().inode().meta().times().mtime.sec, 1_000_000);
}

#[test]
fn the_built_in_archive_has_a_console() {
    let root = root();
    assert_eq!(unpack(&root, &default_archive()).unwrap().entries, 3);
    let console = find(&root, "dev/console").unwrap();
    assert_eq!(console.inode().meta().mode(), 0o020600);
}

/// A gzip member with stored blocks, which needs no compressor.
fn gzip(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut out = Vec::from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    let deflated = miniz_oxide::deflate::compress_to_vec(bytes, 6);
    out.extend_from_slice(&deflated);
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 != 0 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    out.extend_from_slice(&(!crc).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

#[test]
fn several_archives_add_up_compressed_or_not() {
    let root = root();
    let big: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    let mut image = sample().0;
    image.resize(image.len() + 512, 0);
    image.extend(gzip(&Archive::default().put("big", 0o100600, 3, 1, &big).end().0, "a.cpio"));
    image.resize(image.len() + 3, 0);
    // Later archives replace what earlier ones made, whatever it was.
    image.extend(Archive::default().put("dev/console", 0o100644, 1, 1, b"file").end().0);
    unpack(&root, &image).unwrap();
    assert_eq!(contents(&find(&root, "big").unwrap()), big);
    assert_eq!(contents(&find(&root, "dev/console").unwrap()), b"file");
    assert!(find(&root, "bin/busybox").is_some());
}

fn error(image: &[u8]) -> UnpackError {
    unpack(&root(), image).unwrap_err()
}

#[test]
fn what_is_no_archive_is_named() {
    assert_eq!(error(b"garbage in here"), UnpackError::NoMagic(0));
    assert_eq!(error(&[0xfd, b'7', b'z', b'X', b'Z', 0, 0]), UnpackError::Compression("xz"));
    assert_eq!(error(&[0x1f, 0x8b, 8, 0]), UnpackError::TruncatedGzip);
    let image = sample().0;
    assert_eq!(error(&image[..400]), UnpackError::Truncated);
    assert_eq!(error(&image[..50]), UnpackError::Truncated);
    let packed = gzip(&image, "x");
    assert_eq!(error(&packed[..packed.len() / 2]), UnpackError::TruncatedGzip);
    assert_eq!(error(&packed[..packed.len() - 1]), UnpackError::TruncatedGzip);
    let mut damaged = packed.clone();
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    assert_eq!(error(&damaged), UnpackError::BadGzip("wrong checksum"));
    let mut wrong = image.clone();
    let at = wrong.iter().position(|&byte| byte == b'x').unwrap();
    wrong[at + 100] ^= 0x40;
    assert_eq!(error(&wrong), UnpackError::BadChecksum);
    let text = alloc::format!("{}", UnpackError::NoMagic(3));
    assert_eq!(text, String::from("no cpio or gzip magic at byte 3"));
}

proptest! {
    /// Whatever the bytes are: an answer, no panic, no endless loop.
    #[test]
    fn mutated_archives_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        packed in any::<bool>(),
    ) {
        let mut image = sample().0;
        if packed {
            image = gzip(&image, "n");
        }
        for (at, value) in flips {
            let at = at.index(image.len());
            image[at] = value;
        }
        image.truncate(cut.index(image.len()) + 1);
        let _ = unpack(&root(), &image);
    }

    #[test]
    fn headers_with_random_fields_never_panic(fields in prop::collection::vec(any::<u32>(), 13)) {
        let mut image = Vec::from(&b"070701"[..]);
        for field in fields {
            image.extend_from_slice(alloc::format!("{:08x}", field >> (field & 31)).as_bytes());
        }
        image.extend_from_slice(&[b'a'; 64]);
        let _ = unpack(&root(), &image);
    }
}
