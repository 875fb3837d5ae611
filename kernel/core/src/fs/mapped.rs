//! Open files as `mm` sees them behind a mapping.

use alloc::vec::Vec;
use core::any::Any;

use super::file::OpenFile;
use super::mount;
use crate::mm::MappedFile;

impl MappedFile for OpenFile {
    fn path(&self) -> Vec<u8> {
        match mount::root() {
            Some(root) => Self::path(self).display_from(&root),
            None => Vec::new(),
        }
    }

    fn dev_ino(&self) -> (u64, u64) {
        let meta = self.inode().meta();
        (meta.dev().to_user(), meta.ino())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
