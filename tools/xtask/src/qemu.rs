//! Starting QEMU, and what its end means.
//!
//! Every byte between host and guest travels over a socket pair whose far end
//! QEMU inherits: no names in the file system, nothing to clean up, and the
//! end of QEMU is an end of file.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use command_fds::CommandFdExt;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::exec;

/// What QEMU's machine is made of.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What it boots.
    pub boot: Boot,
    /// QEMU's `-machine`.
    pub machine: String,
    /// QEMU's `-cpu`.
    pub cpu: String,
    /// Number of processors.
    pub smp: u32,
    /// Memory in MiB.
    pub mem_mib: u32,
    /// Further words for QEMU.
    pub extra: Vec<String>,
}

/// Where the kernel comes from.
#[derive(Clone, Debug)]
pub enum Boot {
    /// QEMU loads the kernel itself, by the PVH protocol.
    Direct {
        /// The kernel.
        kernel: PathBuf,
        /// Its initrd.
        initrd: Option<PathBuf>,
        /// Its command line.
        command_line: String,
    },
    /// A boot loader on a CD loads it.
    Cdrom {
        /// The image.
        iso: PathBuf,
        /// UEFI firmware; without one it is the BIOS.
        firmware: Option<PathBuf>,
    },
}

/// The CPU that is used unless another one is asked for: all that TCG can do,
/// without five-level paging and protection keys, which Oxbow leaves off.
pub const DEFAULT_CPU: &str = "max,-la57,-pku";

/// The exit device turns a value `v` into QEMU's exit status `v << 1 | 1`.
mod exit_value {
    pub const PANIC: i32 = 0x2a << 1 | 1;
    pub const INIT_DIED: i32 = 0x2b << 1 | 1;
    pub const BAD_INITRD: i32 = 0x2c << 1 | 1;
}

/// Our ends of the guest's character devices.
#[derive(Debug)]
pub struct Wires {
    /// The first serial port: the console.
    pub serial: UnixStream,
    /// The kernel's log, from the debug console.
    pub log: UnixStream,
    /// The second serial port: /dev/hostin, and its credits.
    pub input: UnixStream,
    /// /dev/hostout.
    pub output: UnixStream,
    /// /dev/hosterr.
    pub error: UnixStream,
    /// /dev/hoststatus, and the kernel's own word on how it ends.
    pub status: UnixStream,
}

/// A running QEMU. It is killed when this is dropped.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    complaints: File,
    trace: tempfile::NamedTempFile,
}

impl Machine {
    /// Starts QEMU.
    pub fn start(&self) -> Result<(Guest, Wires)> {
        let trace = tempfile::Builder::new().prefix("oxbow-qemu-").tempfile()?;
        let complaints = tempfile::tempfile()?;
        let mut command = Command::new("qemu-system-x86_64");
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-accel",
            "tcg",
        ]);
        command.args(["-machine", &self.machine, "-cpu", &self.cpu]);
        command.args(["-smp", &self.smp.to_string(), "-m", &self.mem_mib.to_string()]);
        // The trace tells a triple fault from an ordinary reset.
        command.args(["-d", "cpu_reset", "-D"]).arg(trace.path());
        self.add_boot(&mut command);
        let wires = add_devices(&mut command)?;
        command.args(&self.extra);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaints.try_clone()?);
        // A Ctrl-C typed at a terminal in its usual mode is for us alone.
        command.process_group(0);
        die_with_parent(&mut command);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", exec::describe(&command)))?;
        Ok((Guest { child, complaints, trace }, wires))
    }

    fn add_boot(&self, command: &mut Command) {
        match &self.boot {
            Boot::Direct { kernel, initrd, command_line } => {
                command.arg("-kernel").arg(kernel).args(["-append", command_line]);
                if let Some(initrd) = initrd {
                    command.arg("-initrd").arg(initrd);
                }
            }
            Boot::Cdrom { iso, firmware } => {
                command.arg("-cdrom").arg(iso);
                if let Some(firmware) = firmware {
                    command.arg("-bios").arg(firmware);
                }
            }
        }
    }
}

/// The serial ports, the debug consoles that carry our channels, and the exit
/// device. `-device`, not `-serial`, so that every machine type takes them.
fn add_devices(command: &mut Command) -> Result<Wires> {
    let mut theirs = Vec::new();
    let mut pair = |command: &mut Command, id: &str| -> Result<UnixStream> {
        let (ours, other) = UnixStream::pair().context("cannot make a socket pair")?;
        let other = OwnedFd::from(other);
        command.args(["-chardev", &format!("socket,id={id},fd={}", other.as_raw_fd())]);
        theirs.push(other);
        Ok(ours)
    };
    let mut debugcon = |command: &mut Command, id: &str, port: u16| -> Result<UnixStream> {
        let ours = pair(command, id)?;
        command.args(["-device", &format!("isa-debugcon,iobase={port:#x},chardev={id}")]);
        Ok(ours)
    };
    let log = debugcon(command, "log", 0xe9)?;
    let output = debugcon(command, "hostout", 0x500)?;
    let error = debugcon(command, "hosterr", 0x504)?;
    let status = debugcon(command, "hoststatus", 0x508)?;
    let serial = pair(command, "console")?;
    command.args(["-serial", "chardev:console"]);
    let input = pair(command, "hostin")?;
    command.args(["-device", "isa-serial,index=1,chardev=hostin"]);
    command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]);
    command.preserved_fds(theirs);
    Ok(Wires { serial, log, input, output, error, status })
}

/// When xtask is killed in a way that runs no destructor, QEMU goes too.
fn die_with_parent(command: &mut Command) {
    let hook = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: between fork and exec only async-signal-safe calls are allowed;
    // the hook is one prctl system call and touches no memory.
    unsafe { command.pre_exec(hook) };
}

impl Guest {
    /// The exit status, if QEMU has ended.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Ends QEMU at once.
    pub fn kill(&mut self) {
        // It may have ended by itself: nothing is left to kill then.
        let _ = self.child.kill();
    }

    /// What the end means; `status` is what came over the status channel.
    pub fn judge(&mut self, exit: ExitStatus, status: &str) -> Ending {
        let trace = std::fs::read_to_string(self.trace.path()).unwrap_or_default();
        judge(exit, status, trace.contains("Triple fault"))
    }

    /// What QEMU itself had to say.
    pub fn complaints(&mut self) -> String {
        let mut text = String::new();
        let read =
            self.complaints.rewind().and_then(|()| self.complaints.read_to_string(&mut text));
        if read.is_err() {
            text.push_str("(QEMU's messages cannot be read)");
        }
        text
    }

    /// The processor's registers at a triple fault, as QEMU traced them.
    pub fn fault_registers(&self) -> String {
        let trace = std::fs::read_to_string(self.trace.path()).unwrap_or_default();
        trace.rsplit_once("Triple fault").map_or(String::new(), |(_, after)| {
            after.trim_start().lines().take(24).collect::<Vec<_>>().join("\n")
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// How a machine came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The job exited with this code.
    Exited(u8),
    /// The job died of this signal.
    Killed(u8),
    /// The guest powered off or rebooted, but nobody reported a job's end.
    NoResult,
    /// The kernel panicked.
    Panic,
    /// Process 1 ended, which is a panic on Linux too.
    InitDied,
    /// The kernel could not use its initrd.
    BadInitrd,
    /// The processor was reset without the kernel wanting it.
    Reset,
    /// QEMU did not start, or ended by itself.
    QemuFailed(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::NoResult => write!(f, "the guest ended without reporting a result"),
            Self::Panic => write!(f, "kernel panic"),
            Self::InitDied => write!(f, "process 1 ended"),
            Self::BadInitrd => write!(f, "the kernel cannot use the initrd"),
            Self::Reset => write!(f, "the machine ended unannounced (a triple fault, most likely)"),
            Self::QemuFailed(why) => write!(f, "QEMU failed: {why}"),
        }
    }
}

fn judge(exit: ExitStatus, status: &str, triple_fault: bool) -> Ending {
    match exit.code() {
        Some(exit_value::PANIC) => return Ending::Panic,
        Some(exit_value::INIT_DIED) => return Ending::InitDied,
        Some(exit_value::BAD_INITRD) => return Ending::BadInitrd,
        Some(0) => {}
        Some(code) => return Ending::QemuFailed(format!("exit status {code}")),
        None => {
            return Ending::QemuFailed(format!(
                "killed by signal {}",
                exit.signal().unwrap_or_default()
            ));
        }
    }
    if triple_fault {
        return Ending::Reset;
    }
    let word = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u8>().ok())
    };
    if let Some(code) = word("exit ") {
        return Ending::Exited(code);
    }
    if let Some(signal) = word("signal ") {
        return Ending::Killed(signal);
    }
    // The kernel says so on this channel before it powers off or reboots.
    let wanted = status.lines().any(|line| matches!(line.trim(), "poweroff" | "reboot"));
    if wanted { Ending::NoResult } else { Ending::Reset }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::{Ending, judge};

    fn after(code: i32, status: &str) -> Ending {
        judge(ExitStatus::from_raw(code << 8), status, false)
    }

    #[test]
    fn the_jobs_result_is_the_ending() {
        assert_eq!(after(0, "exit 7\npoweroff\n"), Ending::Exited(7));
        assert_eq!(after(0, "signal 11\npoweroff\n"), Ending::Killed(11));
        assert_eq!(after(0, "poweroff\n"), Ending::NoResult);
        assert_eq!(after(0, "reboot\n"), Ending::NoResult);
    }

    #[test]
    fn a_reset_nobody_wanted_is_told_from_a_wanted_one() {
        assert_eq!(after(0, ""), Ending::Reset);
        assert_eq!(judge(ExitStatus::from_raw(0), "exit 0\n", true), Ending::Reset);
    }

    #[test]
    fn the_kernels_exit_values_win_over_a_result() {
        assert_eq!(after(85, "exit 0\n"), Ending::Panic);
        assert_eq!(after(87, ""), Ending::InitDied);
        assert_eq!(after(89, ""), Ending::BadInitrd);
    }

    #[test]
    fn other_exit_codes_are_qemus_own() {
        assert_eq!(after(1, ""), Ending::QemuFailed("exit status 1".to_owned()));
        let killed = judge(ExitStatus::from_raw(9), "", false);
        assert_eq!(killed, Ending::QemuFailed("killed by signal 9".to_owned()));
    }
}
