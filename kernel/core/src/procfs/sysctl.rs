//! /proc/sys (sysctl(5)): the settings of the kernel. What cannot be changed here is read-only.

use alloc::boxed::Box;

use abi::Errno;

use super::node::{self, Dir, Entry, Kind, Table};
use super::process::parse_number;
use super::text::{Text, put};
use crate::error::Result;
use crate::fs::caller::Caller;
use crate::fs::file;
use crate::fs::tty::pty;
use crate::mm::commit;
use crate::task::tree;
use crate::utsname::{self, Which};

type Entries = &'static [Entry<()>];

const fn fixed(name: &'static str, show: node::Show<()>) -> Entry<()> {
    Entry { name, mode: 0o444, kind: Kind::Text(show) }
}

const fn setting(name: &'static str, show: node::Show<()>, store: node::Store<()>) -> Entry<()> {
    Entry { name, mode: 0o644, kind: Kind::Setting(show, store) }
}

const fn dir(name: &'static str, make: fn(&()) -> Box<dyn Dir>) -> Entry<()> {
    Entry { name, mode: 0o555, kind: Kind::Dir(make) }
}

/// A directory of settings; `number` tells its inodes from those of the others.
fn table(entries: Entries, number: u64) -> Box<dyn Dir> {
    Box::new(Table { subject: (), entries, first: 0x2000 + 0x100 * number })
}

/// Shows a number that does not change.
macro_rules! constant {
    ($value:expr) => {
        |&(), out| {
            put!(out, "{}\n", $value);
            Ok(())
        }
    };
}

static TOP: [Entry<()>; 4] = [dir("kernel", kernel), dir("vm", vm), dir("fs", fs), dir("net", net)];

static KERNEL: [Entry<()>; 27] = [
    setting("hostname", hostname, set_hostname),
    setting("domainname", domainname, set_domainname),
    fixed("ostype", constant!(utsname::SYSNAME)),
    fixed("osrelease", constant!(utsname::RELEASE)),
    fixed("version", constant!(utsname::VERSION)),
    setting("pid_max", constant!(tree::pid_max()), set_pid_max),
    fixed("threads-max", constant!(tree::PID_MAX_LIMIT)),
    dir("random", random),
    dir("pty", ptys),
    fixed("randomize_va_space", constant!(2)),
    setting("printk", printk, set_printk),
    fixed("cap_last_cap", constant!(40)),
    fixed("ngroups_max", constant!(65536)),
    fixed("core_pattern", constant!("core")),
    fixed("core_uses_pid", constant!(0)),
    fixed("overflowuid", constant!(65534)),
    fixed("overflowgid", constant!(65534)),
    fixed("tainted", constant!(0)),
    fixed("sysrq", constant!(0)),
    fixed("dmesg_restrict", constant!(0)),
    fixed("kptr_restrict", constant!(1)),
    fixed("perf_event_paranoid", constant!(4)),
    fixed("modules_disabled", constant!(1)),
    fixed("sched_rr_timeslice_ms", constant!(crate::sched::RR_SLICE_NS / 1_000_000)),
    fixed("sched_child_runs_first", constant!(0)),
    fixed("unprivileged_bpf_disabled", constant!(2)),
    fixed("print-fatal-signals", constant!(0)),
];

static RANDOM: [Entry<()>; 4] = [
    fixed("boot_id", boot_id),
    fixed("uuid", uuid),
    fixed("entropy_avail", constant!(256)),
    fixed("poolsize", constant!(256)),
];

static PTYS: [Entry<()>; 2] =
    [fixed("max", constant!(pty::MAX)), fixed("nr", constant!(pty::slaves().len()))];

static VM: [Entry<()>; 9] = [
    setting("overcommit_memory", constant!(commit::mode()), set_overcommit),
    setting("overcommit_ratio", constant!(commit::ratio()), set_overcommit_ratio),
    fixed("max_map_count", constant!(crate::mm::address_space::MAX_MAPPINGS)),
    fixed("mmap_min_addr", constant!(crate::mm::layout::MIN_ADDR)),
    fixed("swappiness", constant!(0)),
    fixed("panic_on_oom", constant!(0)),
    fixed("oom_kill_allocating_task", constant!(0)),
    fixed("nr_hugepages", constant!(0)),
    fixed("page-cluster", constant!(0)),
];

static FS: [Entry<()>; 5] = [
    fixed("file-max", constant!(i64::MAX)),
    fixed("file-nr", file_nr),
    fixed("nr_open", constant!(crate::fs::fd_table::NR_OPEN)),
    fixed("pipe-max-size", constant!(crate::fs::pipe::PIPE_MAX_SIZE)),
    fixed("suid_dumpable", constant!(0)),
];

static NET: [Entry<()>; 1] = [dir("core", net_core)];
static NET_CORE: [Entry<()>; 1] = [fixed("somaxconn", constant!(4096))];

/// /proc/sys.
pub fn top((): &()) -> Box<dyn Dir> {
    table(&TOP, 0)
}

fn kernel((): &()) -> Box<dyn Dir> {
    table(&KERNEL, 1)
}

fn vm((): &()) -> Box<dyn Dir> {
    table(&VM, 2)
}

fn fs((): &()) -> Box<dyn Dir> {
    table(&FS, 3)
}

fn random((): &()) -> Box<dyn Dir> {
    table(&RANDOM, 4)
}

fn ptys((): &()) -> Box<dyn Dir> {
    table(&PTYS, 5)
}

fn net((): &()) -> Box<dyn Dir> {
    table(&NET, 6)
}

fn net_core((): &()) -> Box<dyn Dir> {
    table(&NET_CORE, 7)
}

fn put_name(name: &[u8], out: &mut Text) {
    out.push(name.split(|&byte| byte == 0).next().unwrap_or_default());
    out.push(b"\n");
}

fn hostname((): &(), out: &mut Text) -> Result<()> {
    put_name(&utsname::utsname().nodename, out);
    Ok(())
}

fn domainname((): &(), out: &mut Text) -> Result<()> {
    put_name(&utsname::utsname().domainname, out);
    Ok(())
}

fn set_hostname((): &(), text: &[u8], _: &dyn Caller) -> Result<()> {
    utsname::set(Which::Host, first_line(text));
    Ok(())
}

fn set_domainname((): &(), text: &[u8], _: &dyn Caller) -> Result<()> {
    utsname::set(Which::Domain, first_line(text));
    Ok(())
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// A number that fits into `T`.
fn number<T: TryFrom<i64>>(text: &[u8]) -> Result<T, Errno> {
    let number = parse_number(text).ok_or(Errno::EINVAL)?;
    T::try_from(number).map_err(|_| Errno::EINVAL)
}

fn set_pid_max((): &(), text: &[u8], _: &dyn Caller) -> Result<()> {
    Ok(tree::set_pid_max(number(text)?)?)
}

fn set_overcommit((): &(), text: &[u8], _: &dyn Caller) -> Result<()> {
    Ok(commit::set_mode(number(text)?)?)
}

fn set_overcommit_ratio((): &(), text: &[u8], _: &dyn Caller) -> Result<()> {
    commit::set_ratio(number(text)?);
    Ok(())
}

/// Console level, default message level, least and default console level.
fn printk((): &(), out: &mut Text) -> Result<()> {
    put!(out, "{}\t4\t1\t7\n", machine::log::console_level());
    Ok(())
}

fn set_printk((): &(), text: &[u8], _: &dyn Caller) -> Result<()> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    machine::log::set_console_level(number(words.next().ok_or(Errno::EINVAL)?)?);
    Ok(())
}

/// 16 random bytes as a version 4 UUID (RFC 9562).
fn put_uuid(mut bytes: [u8; 16], out: &mut Text) {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b"-");
        }
        put!(out, "{byte:02x}");
    }
    out.push(b"\n");
}

fn uuid((): &(), out: &mut Text) -> Result<()> {
    let mut bytes = [0; 16];
    machine::entropy::fill(&mut bytes);
    put_uuid(bytes, out);
    Ok(())
}

fn boot_id((): &(), out: &mut Text) -> Result<()> {
    static ID: machine::sync::Once<[u8; 16]> = machine::sync::Once::new();
    let id = ID.call_once(|| {
        let mut bytes = [0; 16];
        machine::entropy::fill(&mut bytes);
        bytes
    });
    put_uuid(*id, out);
    Ok(())
}

/// Open files, free ones (always 0), and the most there can be.
fn file_nr((): &(), out: &mut Text) -> Result<()> {
    put!(out, "{}\t0\t{}\n", file::open_count(), i64::MAX);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_version() {
        let mut text = Text::default();
        put_uuid([0xff; 16], &mut text);
        let expected = b"ffffffff-ffff-4fff-bfff-ffffffffffff\n";
        assert_eq!(text.finish().expect("memory"), expected);
    }

    #[test]
    fn numbers_must_fit() {
        assert_eq!(number::<u32>(b"12\n"), Ok(12));
        assert_eq!(number::<u32>(b"-1"), Err(Errno::EINVAL));
        assert_eq!(number::<u8>(b"300"), Err(Errno::EINVAL));
    }
}
