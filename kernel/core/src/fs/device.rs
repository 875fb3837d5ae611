//! Character devices: which driver a device number means, and how they get into `/dev`.
//!
//! A driver registers a range of numbers; [`super::devtmpfs`] has a node for each device that was
//! announced. Nodes made by mknod(2) anywhere reach the same driver.
//!
//! Locks: one table (`OPEN_FILE`), read at open only.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Errno;
use abi::stat::DeviceNumber;
use machine::sync::RwSpinLock;

use super::file::FileOps;
use super::open::OpenCx;
use crate::error::Result;
use crate::locks;

/// A driver of character devices.
pub trait CharDriver: Send + Sync {
    /// Opens the device `dev`.
    ///
    /// # Errors
    /// `ENXIO` when there is no such device; what else the device has to say.
    fn open(&self, dev: DeviceNumber, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>>;
}

/// A range of minor numbers of one major number.
struct Range {
    last: u32,
    name: &'static str,
    driver: Arc<dyn CharDriver>,
}

static DRIVERS: RwSpinLock<BTreeMap<DeviceNumber, Range>> =
    RwSpinLock::new(locks::OPEN_FILE, BTreeMap::new());

/// Makes `driver` the one for `count` devices from `first` on; `name` is for `/proc/devices`.
pub fn register_char(
    first: DeviceNumber,
    count: u32,
    name: &'static str,
    driver: Arc<dyn CharDriver>,
) {
    let last = first.minor + count.max(1) - 1;
    let old = DRIVERS.write().insert(first, Range { last, name, driver });
    drop(old);
}

/// Opens the character device `dev`.
///
/// # Errors
/// `ENXIO` when no driver has it.
pub fn open_char(dev: DeviceNumber, cx: &OpenCx<'_>) -> Result<Arc<dyn FileOps>> {
    let driver = {
        let drivers = DRIVERS.read();
        let (first, range) = drivers.range(..=dev).next_back().ok_or(Errno::ENXIO)?;
        if first.major != dev.major || dev.minor > range.last {
            return Err(Errno::ENXIO.into());
        }
        range.driver.clone()
    };
    driver.open(dev, cx)
}

/// The major numbers in use and their names, as `/proc/devices` lists them.
pub fn majors() -> Vec<(u32, &'static str)> {
    let mut majors: Vec<_> =
        DRIVERS.read().iter().map(|(first, range)| (first.major, range.name)).collect();
    majors.dedup();
    majors
}
