//! /proc/PID/maps and smaps: the mappings of a process.

use alloc::vec::Vec;

use machine::addr::PAGE_SIZE;
use machine::paging::{Mapping, PageFlags};

use super::process::Task;
use super::text::{Text, put};
use crate::error::Result;
use crate::mm::AddressSpace;
use crate::mm::layout::Layout;
use crate::mm::vma::{VmFlags, Vma};

/// The column in which names begin, as Linux pads on 64-bit machines.
const NAME_COLUMN: usize = 72;

/// The mappings as they are now, copied, so that files can be asked for their names without locks.
fn mappings(space: &AddressSpace) -> Result<Vec<Vma>> {
    let mut all = Vec::new();
    // Room is made outside of the lock; mappings made meanwhile are left out.
    all.try_reserve(space.stats().mappings)?;
    let room = all.capacity();
    space.for_each_vma(|vma| {
        if all.len() < room {
            all.push(vma.clone());
        }
    });
    Ok(all)
}

/// The name of a mapping without a file, if it has one.
fn special_name(vma: &Vma, layout: &Layout) -> Option<&'static [u8]> {
    let (start, end) = (vma.start().as_u64(), vma.end().as_u64());
    if start <= layout.brk && end > layout.start_brk && layout.brk > layout.start_brk {
        return Some(b"[heap]");
    }
    (start <= layout.start_stack && end > layout.start_stack).then_some(b"[stack]")
}

/// The line of one mapping, with its newline.
fn put_line(vma: &Vma, layout: &Layout, out: &mut Text) {
    let start = out.len();
    let flags = vma.flags();
    let letter = |flag, letter| if flags.contains(flag) { letter } else { '-' };
    put!(out, "{:08x}-{:08x} ", vma.start().as_u64(), vma.end().as_u64());
    put!(out, "{}{}", letter(VmFlags::READ, 'r'), letter(VmFlags::WRITE, 'w'));
    let shared = if flags.contains(VmFlags::MAY_SHARE) { 's' } else { 'p' };
    put!(out, "{}{shared} ", letter(VmFlags::EXEC, 'x'));
    let file = vma.object().map(|object| &object.file);
    let (dev, ino) = file.map_or((0, 0), |file| file.dev_ino());
    // The form of stat(2): minor 0-7, major 8-19, the rest of minor above.
    let (major, minor) = (dev >> 8 & 0xfff, dev & 0xff | dev >> 12 & 0xf_ff00);
    put!(out, "{:08x} {major:02x}:{minor:02x} {ino} ", vma.offset());
    let path = file.map(|file| file.path());
    let name = path.as_deref().or_else(|| special_name(vma, layout));
    if let Some(name) = name {
        out.pad(start, NAME_COLUMN);
        out.push(b" ");
        out.push_escaped(name, b"\n");
    }
    out.push(b"\n");
}

/// /proc/PID/maps.
pub fn maps(task: &Task, out: &mut Text) -> Result<()> {
    let Some(space) = task.space() else { return Ok(()) };
    let layout = space.layout();
    for vma in mappings(&space)? {
        put_line(&vma, &layout, out);
    }
    Ok(())
}

/// What the resident pages of a mapping come to, in bytes.
#[derive(Clone, Copy, Default)]
struct Resident {
    size: u64,
    rss: u64,
    /// Shared pages count a fraction each, in 1/4096 bytes as Linux keeps it.
    pss: u64,
    pss_dirty: u64,
    shared_clean: u64,
    shared_dirty: u64,
    private_clean: u64,
    private_dirty: u64,
    referenced: u64,
    anonymous: u64,
    locked: u64,
}

/// The fraction bits of `pss`.
const PSS_SHIFT: u32 = 12;

impl Resident {
    fn of(space: &AddressSpace, vma: &Vma) -> Self {
        let mut sum = Self { size: vma.size(), ..Self::default() };
        space.for_each_page(vma.start(), vma.end(), |_, page| sum.add_page(page));
        if vma.flags().contains(VmFlags::LOCKED) {
            sum.locked = sum.pss;
        }
        sum
    }

    fn add_page(&mut self, page: Mapping) {
        // The zero page belongs to nobody.
        if page.is_special() {
            return;
        }
        let bytes = PAGE_SIZE as u64;
        let cached = page.is_cached();
        // The page cache holds one reference of its own.
        let mappers = u64::from(page.ref_count()).saturating_sub(u64::from(cached)).max(1);
        let dirty = page.flags().contains(PageFlags::DIRTY);
        let share = (bytes << PSS_SHIFT) / mappers;
        self.rss += bytes;
        self.pss += share;
        self.pss_dirty += if dirty { share } else { 0 };
        self.referenced += if page.flags().contains(PageFlags::ACCESSED) { bytes } else { 0 };
        self.anonymous += if cached { 0 } else { bytes };
        let kind = match (mappers > 1, dirty) {
            (true, true) => &mut self.shared_dirty,
            (true, false) => &mut self.shared_clean,
            (false, true) => &mut self.private_dirty,
            (false, false) => &mut self.private_clean,
        };
        *kind += bytes;
    }

    fn add(&mut self, other: &Self) {
        self.size += other.size;
        self.rss += other.rss;
        self.pss += other.pss;
        self.pss_dirty += other.pss_dirty;
        self.shared_clean += other.shared_clean;
        self.shared_dirty += other.shared_dirty;
        self.private_clean += other.private_clean;
        self.private_dirty += other.private_dirty;
        self.referenced += other.referenced;
        self.anonymous += other.anonymous;
        self.locked += other.locked;
    }

    fn put(&self, out: &mut Text) {
        let lines = [
            ("Rss", self.rss),
            ("Pss", self.pss >> PSS_SHIFT),
            ("Pss_Dirty", self.pss_dirty >> PSS_SHIFT),
            ("Shared_Clean", self.shared_clean),
            ("Shared_Dirty", self.shared_dirty),
            ("Private_Clean", self.private_clean),
            ("Private_Dirty", self.private_dirty),
            ("Referenced", self.referenced),
            ("Anonymous", self.anonymous),
            ("LazyFree", 0),
            ("AnonHugePages", 0),
            ("ShmemPmdMapped", 0),
            ("FilePmdMapped", 0),
            ("Shared_Hugetlb", 0),
            ("Private_Hugetlb", 0),
            ("Swap", 0),
            ("SwapPss", 0),
            ("Locked", self.locked >> PSS_SHIFT),
        ];
        for (name, bytes) in lines {
            put_size(name, bytes, out);
        }
    }
}

fn put_size(name: &str, bytes: u64, out: &mut Text) {
    let start = out.len();
    put!(out, "{name}:");
    out.pad(start, 16);
    put!(out, "{:>8} kB\n", bytes / 1024);
}

/// The two-letter codes of `VmFlags`, in Linux's order.
const FLAG_CODES: [(VmFlags, &str); 21] = [
    (VmFlags::READ, "rd"),
    (VmFlags::WRITE, "wr"),
    (VmFlags::EXEC, "ex"),
    (VmFlags::SHARED, "sh"),
    (VmFlags::MAY_READ, "mr"),
    (VmFlags::MAY_WRITE, "mw"),
    (VmFlags::MAY_EXEC, "me"),
    (VmFlags::MAY_SHARE, "ms"),
    (VmFlags::GROWS_DOWN, "gd"),
    (VmFlags::LOCKED, "lo"),
    (VmFlags::SEQUENTIAL, "sr"),
    (VmFlags::RANDOM, "rr"),
    (VmFlags::DONT_COPY, "dc"),
    (VmFlags::DONT_EXPAND, "de"),
    (VmFlags::ACCOUNT, "ac"),
    (VmFlags::NO_RESERVE, "nr"),
    (VmFlags::WIPE_ON_FORK, "wf"),
    (VmFlags::DONT_DUMP, "dd"),
    (VmFlags::HUGE_PAGE, "hg"),
    (VmFlags::NO_HUGE_PAGE, "nh"),
    (VmFlags::MERGEABLE, "mg"),
];

/// /proc/PID/smaps.
pub fn smaps(task: &Task, out: &mut Text) -> Result<()> {
    let Some(space) = task.space() else { return Ok(()) };
    let layout = space.layout();
    for vma in mappings(&space)? {
        put_line(&vma, &layout, out);
        put_size("Size", vma.size(), out);
        put_size("KernelPageSize", PAGE_SIZE as u64, out);
        put_size("MMUPageSize", PAGE_SIZE as u64, out);
        Resident::of(&space, &vma).put(out);
        put!(out, "THPeligible:           0\nVmFlags:");
        for (flag, code) in FLAG_CODES {
            if vma.flags().contains(flag) {
                put!(out, " {code}");
            }
        }
        out.push(b" \n");
    }
    Ok(())
}

/// /proc/PID/smaps_rollup: the sum of all mappings.
pub fn smaps_rollup(task: &Task, out: &mut Text) -> Result<()> {
    let Some(space) = task.space() else { return Ok(()) };
    let all = mappings(&space)?;
    let mut sum = Resident::default();
    for vma in &all {
        sum.add(&Resident::of(&space, vma));
    }
    let start = all.first().map_or(0, |vma| vma.start().as_u64());
    let end = all.last().map_or(0, |vma| vma.end().as_u64());
    let line = out.len();
    put!(out, "{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
    out.pad(line, NAME_COLUMN);
    out.push(b" [rollup]\n");
    sum.put(out);
    Ok(())
}
