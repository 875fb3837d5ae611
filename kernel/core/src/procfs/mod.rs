//! /proc (proc(5)): what the kernel tells about processes and itself, as files.
//!
//! [`node`] turns tables of names into inodes. [`root`] has the files of the whole system,
//! [`process`] those of each process and thread, [`sysctl`] the settings below /proc/sys. Nothing
//! is stored here: all of it is asked for when somebody looks.

mod fds;
mod maps;
mod memory;
mod mounts;
mod node;
mod pagemap;
mod process;
mod root;
mod stat;
mod status;
mod sysctl;
mod system;
mod text;

use alloc::sync::Arc;

use abi::stat::magic;
use machine::sync::Once;

use crate::fs::mount::{FsStat, SuperBlock, SuperOps};
use crate::fs::registry::{self, FileSystem};

pub use system::set_command_line;

/// What `mount -t proc` shows. There is one instance.
static PROC: FileSystem = FileSystem {
    name: "proc",
    mount: |_| {
        static INSTANCE: Once<Arc<SuperBlock>> = Once::new();
        let instance =
            INSTANCE.call_once(|| SuperBlock::new(&PROC, root::inode(), Arc::new(Super)));
        Ok(instance.clone())
    },
};

struct Super;

impl SuperOps for Super {
    fn stat(&self) -> FsStat {
        FsStat { magic: magic::PROC.unsigned_abs(), block_size: 4096, ..FsStat::default() }
    }
}

/// Makes /proc known as a file system. Called once at start.
pub fn init() {
    registry::register_filesystem(&PROC);
}
