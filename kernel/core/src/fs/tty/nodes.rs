//! The device numbers of terminals, and what opening each of them means.

use alloc::format;
use alloc::sync::Arc;

use abi::Errno;
use abi::stat::DeviceNumber;

use super::devpts::DEVPTS;
use super::file::{TtyFile, TtyOpen};
use super::pty::{self, Master};
use super::{control, serial};
use crate::error::Result;
use crate::fs::device::{self, CharDriver};
use crate::fs::file::FileOps;
use crate::fs::open::OpenCx;
use crate::fs::{devtmpfs, registry};

/// Major number of serial lines (and of virtual consoles, which there are none of).
const TTY_MAJOR: u32 = 4;
/// The minor number of ttyS0.
const SERIAL_BASE: u32 = 64;
/// Major number of /dev/tty, /dev/console and /dev/ptmx.
const AUX_MAJOR: u32 = 5;
const AUX_TTY: u32 = 0;
const AUX_CONSOLE: u32 = 1;
const AUX_PTMX: u32 = 2;
/// Major number of the slaves of pseudo-terminals.
pub const PTS_MAJOR: u32 = 136;
/// How many slaves there can be numbers for.
const PTS_COUNT: u32 = 1 << 20;

/// The number of /dev/ptmx.
pub(super) fn ptmx_number() -> DeviceNumber {
    DeviceNumber::new(AUX_MAJOR, AUX_PTMX)
}

/// The number of the terminal on a serial port.
pub(super) fn serial_number(port: usize) -> DeviceNumber {
    let port = u32::try_from(port).unwrap_or(0);
    DeviceNumber::new(TTY_MAJOR, SERIAL_BASE + port)
}

/// Makes the terminals known as devices and puts them into /dev. Called once at start.
pub fn init() {
    registry::register_filesystem(&DEVPTS);
    let driver: Arc<dyn CharDriver> = Arc::new(Driver);
    let register = |major: u32, minor: u32, count: u32, name: &'static str| {
        device::register_char(DeviceNumber::new(major, minor), count, name, driver.clone());
    };
    let ports = u32::try_from(machine::serial::ports()).unwrap_or(0);
    register(TTY_MAJOR, SERIAL_BASE, ports, "ttyS");
    register(AUX_MAJOR, AUX_TTY, 1, "/dev/tty");
    register(AUX_MAJOR, AUX_CONSOLE, 1, "/dev/console");
    register(AUX_MAJOR, AUX_PTMX, 1, "/dev/ptmx");
    register(PTS_MAJOR, 0, PTS_COUNT, "pts");
    for port in 0..ports {
        let number = DeviceNumber::new(TTY_MAJOR, SERIAL_BASE + port);
        devtmpfs::announce(&format!("ttyS{port}"), number, 0o600);
    }
    devtmpfs::announce("tty", DeviceNumber::new(AUX_MAJOR, AUX_TTY), 0o666);
    devtmpfs::announce("console", DeviceNumber::new(AUX_MAJOR, AUX_CONSOLE), 0o600);
    devtmpfs::announce("ptmx", DeviceNumber::new(AUX_MAJOR, AUX_PTMX), 0o666);
}

struct Driver;

impl CharDriver for Driver {
    fn open(&self, dev: DeviceNumber, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
        let caller = cx.caller;
        let mut how = TtyOpen { flags: cx.flags, console: false, by_session: false };
        let tty = match (dev.major, dev.minor) {
            (TTY_MAJOR, minor) => {
                let port = minor.checked_sub(SERIAL_BASE).and_then(|port| port.try_into().ok());
                port.and_then(serial::line).ok_or(Errno::ENXIO)?
            }
            (AUX_MAJOR, AUX_TTY) => {
                how.by_session = true;
                control::controlling_terminal(caller.sid()).ok_or(Errno::ENXIO)?
            }
            (AUX_MAJOR, AUX_CONSOLE) => {
                how.console = true;
                serial::console().ok_or(Errno::ENODEV)?
            }
            (AUX_MAJOR, AUX_PTMX) => return Ok(Master::create(caller)?),
            (PTS_MAJOR, index) => pty::slave(index).ok_or(Errno::EIO)?,
            _ => return Err(Errno::ENXIO.into()),
        };
        Ok(TtyFile::open(tty, how, caller)?)
    }
}
