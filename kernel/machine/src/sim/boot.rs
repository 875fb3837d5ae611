//! What a boot loader would have told.

use alloc::vec::Vec;

/// The boot protocol that started the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// None: a test.
    Host,
}

/// A command line and images made up by a test.
#[derive(Debug)]
pub struct BootInfo {
    cmdline: Vec<u8>,
    initrds: Vec<&'static [u8]>,
}

impl BootInfo {
    /// As a boot loader would have given them.
    pub fn new(cmdline: &[u8], initrds: &[&'static [u8]]) -> Self {
        Self { cmdline: cmdline.to_vec(), initrds: initrds.to_vec() }
    }

    /// The kernel command line.
    pub fn cmdline(&self) -> &[u8] {
        &self.cmdline
    }

    /// The initial file system images.
    pub fn take_initrds(&self) -> Option<Initrds> {
        Some(Initrds(self.initrds.clone()))
    }

    /// How the kernel was started.
    pub fn protocol(&self) -> Protocol {
        Protocol::Host
    }
}

/// The initial file system images.
#[derive(Debug)]
pub struct Initrds(Vec<&'static [u8]>);

impl Initrds {
    /// The bytes of each.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().copied()
    }
}
