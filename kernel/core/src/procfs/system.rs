//! The files of /proc that tell about the whole system.

use alloc::sync::Arc;
use machine::addr::PAGE_SIZE;
use machine::sync::Once;

use abi::Errno;
use abi::cap::{CAP_SYS_ADMIN, CAP_SYSLOG};
use abi::time::nanos_to_ticks;

use super::text::{Text, put};
use crate::clock;
use crate::error::Result;
use crate::fs::file::{self, FileOps};
use crate::fs::open::OpenCx;
use crate::fs::tty::serial;
use crate::fs::{device, kmsg, registry};
use crate::mm::commit;
use crate::sched::{self, ProcessorStats};
use crate::task::tree;
use crate::utsname;

/// A list that is empty here: there are no such things.
pub fn nothing((): &(), _: &mut Text) -> Result<()> {
    Ok(())
}

/// /proc/meminfo.
pub fn meminfo((): &(), out: &mut Text) -> Result<()> {
    let frames = machine::frame::stats();
    let kib = |pages: u64| pages * (PAGE_SIZE as u64 / 1024);
    let usage = MemoryUsage::now();
    let lines = [
        ("MemTotal", kib(frames.total)),
        ("MemFree", kib(frames.free)),
        ("MemAvailable", kib(frames.free.saturating_sub(frames.reserve))),
        ("Buffers", 0),
        ("Cached", kib(usage.file)),
        ("SwapCached", 0),
        ("Active", kib(usage.anon)),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", kib(usage.anon)),
        ("Mapped", kib(usage.file)),
        ("PageTables", usage.table_bytes / 1024),
        ("CommitLimit", kib(commit::limit())),
        ("Committed_AS", kib(commit::committed())),
        ("VmallocTotal", 34_359_738_367),
        ("VmallocUsed", 0),
    ];
    for (name, value) in lines {
        let start = out.len();
        put!(out, "{name}:");
        out.pad(start, 16);
        put!(out, "{value:>8} kB\n");
    }
    Ok(())
}

/// What all processes have resident. Pages that several map count for each of them.
#[derive(Default)]
struct MemoryUsage {
    anon: u64,
    file: u64,
    table_bytes: u64,
}

impl MemoryUsage {
    fn now() -> Self {
        let mut sum = Self::default();
        let pids = tree::read().pids();
        for pid in pids {
            let Some(space) = tree::thread(pid).and_then(|thread| thread.files().space) else {
                continue;
            };
            let stats = space.stats();
            sum.anon += stats.anon;
            sum.file += stats.file;
            sum.table_bytes += stats.table_bytes;
        }
        sum
    }
}

fn processors() -> impl Iterator<Item = (usize, ProcessorStats)> {
    (0..machine::cpu::count()).filter_map(|index| Some((index, sched::stats(index)?)))
}

/// /proc/stat.
pub fn stat((): &(), out: &mut Text) -> Result<()> {
    let mut sum = ProcessorStats::default();
    for (_, stats) in processors() {
        sum.user_ns += stats.user_ns;
        sum.nice_ns += stats.nice_ns;
        sum.system_ns += stats.system_ns;
        sum.idle_ns += stats.idle_ns;
        sum.switches += stats.switches;
    }
    out.push(b"cpu  ");
    put_times(&sum, out);
    for (index, stats) in processors() {
        put!(out, "cpu{index} ");
        put_times(&stats, out);
    }
    let (created, runnable) = (tree::read().last_pid(), sched::runnable());
    let booted = clock::realtime_offset().div_euclid(1_000_000_000);
    put!(out, "intr 0\nctxt {}\nbtime {booted}\n", sum.switches);
    put!(out, "processes {created}\nprocs_running {runnable}\nprocs_blocked 0\n");
    out.push(b"softirq 0 0 0 0 0 0 0 0 0 0 0\n");
    Ok(())
}

fn put_times(stats: &ProcessorStats, out: &mut Text) {
    let ticks = nanos_to_ticks;
    put!(out, "{} {} ", ticks(stats.user_ns), ticks(stats.nice_ns));
    put!(out, "{} {} 0 0 0 0 0 0\n", ticks(stats.system_ns), ticks(stats.idle_ns));
}

/// /proc/uptime: since boot, and how long all processors together were idle.
pub fn uptime((): &(), out: &mut Text) -> Result<()> {
    let idle: u64 = processors().map(|(_, stats)| stats.idle_ns).sum();
    let pair = |ns: u64| (ns / 1_000_000_000, ns / 10_000_000 % 100);
    let ((up, up_cs), (idle, idle_cs)) = (pair(clock::monotonic()), pair(idle));
    put!(out, "{up}.{up_cs:02} {idle}.{idle_cs:02}\n");
    Ok(())
}

/// /proc/loadavg.
pub fn loadavg((): &(), out: &mut Text) -> Result<()> {
    for load in sched::load_average().hundredths() {
        put!(out, "{}.{:02} ", load / 100, load % 100);
    }
    let (threads, last) = {
        let tree = tree::read();
        (tree.thread_count(), tree.last_pid())
    };
    put!(out, "{}/{threads} {last}\n", sched::runnable());
    Ok(())
}

/// /proc/version.
pub fn version((): &(), out: &mut Text) -> Result<()> {
    put!(out, "{} version {} (rustc) {}\n", utsname::SYSNAME, utsname::RELEASE, utsname::VERSION);
    Ok(())
}

/// /proc/cpuinfo.
pub fn cpuinfo((): &(), out: &mut Text) -> Result<()> {
    let (family, model, stepping) = machine::cpu::family_model_stepping();
    let hertz = machine::time::cycles_per_second();
    let (mhz, khz) = (hertz / 1_000_000, hertz / 1000 % 1000);
    for index in 0..machine::cpu::count() {
        put!(out, "processor\t: {index}\nvendor_id\t: ");
        machine::cpu::with_vendor(|vendor| out.push(vendor.as_bytes()));
        put!(out, "\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: ");
        machine::cpu::with_brand(|brand| out.push(brand.as_bytes()));
        put!(out, "\nstepping\t: {stepping}\ncpu MHz\t\t: {mhz}.{khz:03}\n");
        put!(out, "physical id\t: {index}\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\n");
        put!(
            out,
            "apicid\t\t: {index}\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t:"
        );
        for name in machine::cpu::feature_names() {
            put!(out, " {name}");
        }
        // Twice the frequency, as Linux computes it from a known clock.
        put!(out, "\nbogomips\t: {}.{:02}\n", hertz / 500_000, hertz / 5000 % 100);
        out.push(b"clflush size\t: 64\ncache_alignment\t: 64\n");
        out.push(b"address sizes\t: 46 bits physical, 48 bits virtual\n\n");
    }
    Ok(())
}

/// /proc/filesystems. None of them needs a block device.
pub fn filesystems((): &(), out: &mut Text) -> Result<()> {
    for kind in registry::all() {
        put!(out, "nodev\t{}\n", kind.name);
    }
    Ok(())
}

static COMMAND_LINE: Once<&'static [u8]> = Once::new();

/// Remembers the kernel's command line. Called once at start.
pub fn set_command_line(line: &'static [u8]) {
    COMMAND_LINE.call_once(|| line);
}

/// /proc/cmdline.
pub fn cmdline((): &(), out: &mut Text) -> Result<()> {
    out.push(COMMAND_LINE.get().copied().unwrap_or_default());
    out.push(b"\n");
    Ok(())
}

/// /proc/vmstat.
pub fn vmstat((): &(), out: &mut Text) -> Result<()> {
    let usage = MemoryUsage::now();
    put!(out, "nr_free_pages {}\n", machine::frame::stats().free);
    put!(out, "nr_anon_pages {}\nnr_file_pages {}\n", usage.anon, usage.file);
    put!(out, "nr_page_table_pages {}\n", usage.table_bytes / PAGE_SIZE as u64);
    Ok(())
}

/// /proc/interrupts: interrupts are not counted.
pub fn interrupts((): &(), out: &mut Text) -> Result<()> {
    out.push(b"    ");
    for index in 0..machine::cpu::count() {
        put!(out, "       CPU{index}");
    }
    out.push(b"\n");
    Ok(())
}

/// /proc/partitions: no block devices.
pub fn partitions((): &(), out: &mut Text) -> Result<()> {
    out.push(b"major minor  #blocks  name\n\n");
    Ok(())
}

/// /proc/swaps: no swapping.
pub fn swaps((): &(), out: &mut Text) -> Result<()> {
    out.push(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    Ok(())
}

/// /proc/devices.
pub fn devices((): &(), out: &mut Text) -> Result<()> {
    out.push(b"Character devices:\n");
    for (major, name) in device::majors() {
        put!(out, "{major:>3} {name}\n");
    }
    out.push(b"\nBlock devices:\n");
    Ok(())
}

/// /proc/consoles.
pub fn consoles((): &(), out: &mut Text) -> Result<()> {
    let port = serial::console_port();
    put!(out, "ttyS{port:<16} -W- (EC   )    4:{}\n", 64 + port);
    Ok(())
}

/// /proc/cgroups: no controllers.
pub fn cgroups((): &(), out: &mut Text) -> Result<()> {
    out.push(b"#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    Ok(())
}

/// /proc/buddyinfo: the allocator does not tell its orders apart here.
pub fn buddyinfo((): &(), out: &mut Text) -> Result<()> {
    put!(out, "Node 0, zone   Normal {:>6}\n", machine::frame::stats().free);
    Ok(())
}

/// /proc/zoneinfo.
pub fn zoneinfo((): &(), out: &mut Text) -> Result<()> {
    let frames = machine::frame::stats();
    put!(out, "Node 0, zone   Normal\n  pages free     {}\n", frames.free);
    put!(out, "        min      {}\n        spanned  {}\n", frames.reserve, frames.total);
    put!(out, "        present  {}\n        managed  {}\n", frames.total, frames.total);
    Ok(())
}

/// /proc/tty/drivers.
pub fn tty_drivers((): &(), out: &mut Text) -> Result<()> {
    out.push(b"/dev/tty             /dev/tty        5       0 system:/dev/tty\n");
    out.push(b"/dev/console         /dev/console    5       1 system:console\n");
    out.push(b"/dev/ptmx            /dev/ptmx       5       2 system\n");
    out.push(b"serial               /dev/ttyS       4 64-95 serial\n");
    out.push(b"pty_slave            /dev/pts      136 0-1048575 pty:slave\n");
    Ok(())
}

/// Opens /proc/kmsg: the records of /dev/kmsg.
pub fn open_kmsg((): &(), cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
    let cred = cx.caller.cred();
    if !cred.capable(CAP_SYSLOG) && !cred.capable(CAP_SYS_ADMIN) {
        return Err(Errno::EPERM.into());
    }
    Ok(kmsg::open())
}

/// /proc/oxbow/ledger: what tests compare before and after.
pub fn ledger((): &(), out: &mut Text) -> Result<()> {
    put!(out, "frames_free {}\n", machine::frame::stats().free);
    put!(out, "tasks {}\n", tree::read().thread_count());
    put!(out, "files {}\n", file::open_count());
    Ok(())
}
