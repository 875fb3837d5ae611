//! The names of the system: what uname(2) says, and what can be changed of it.

use abi::system::Utsname;
use machine::sync::SpinLock;
use zerocopy::FromZeros;

use crate::locks;

/// `sysname`: programs look for Linux.
pub const SYSNAME: &str = "Linux";
/// `release`: C libraries refuse to run on kernels that claim to be too old, so this names the
/// Linux whose behaviour is meant.
pub const RELEASE: &str = "6.6.0-oxbow";
/// `version`.
pub const VERSION: &str = "#1 SMP Oxbow";
/// `machine`.
pub const MACHINE: &str = "x86_64";
/// The longest host or domain name (`__NEW_UTS_LEN`).
pub const NAME_MAX: usize = 64;

type Name = [u8; NAME_MAX + 1];

struct Names {
    host: Name,
    domain: Name,
}

static NAMES: SpinLock<Names> =
    SpinLock::new(locks::UTSNAME, Names { host: padded("(none)"), domain: padded("(none)") });

const fn padded(text: &str) -> Name {
    let bytes = text.as_bytes();
    let mut name = [0; NAME_MAX + 1];
    let mut at = 0;
    while at < bytes.len() && at < NAME_MAX {
        name[at] = bytes[at];
        at += 1;
    }
    name
}

/// What uname(2) reports.
pub fn utsname() -> Utsname {
    let mut all = Utsname::new_zeroed();
    all.sysname = padded(SYSNAME);
    all.release = padded(RELEASE);
    all.version = padded(VERSION);
    all.machine = padded(MACHINE);
    let names = NAMES.lock();
    all.nodename = names.host;
    all.domainname = names.domain;
    all
}

/// One of the two names that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// sethostname(2).
    Host,
    /// setdomainname(2).
    Domain,
}

/// Sets a name; what is over [`NAME_MAX`] bytes is cut.
pub fn set(which: Which, new: &[u8]) {
    let mut name = [0; NAME_MAX + 1];
    let len = new.len().min(NAME_MAX);
    name[..len].copy_from_slice(&new[..len]);
    let mut names = NAMES.lock();
    match which {
        Which::Host => names.host = name,
        Which::Domain => names.domain = name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_always_end() {
        set(Which::Domain, &[b'x'; 100]);
        let all = utsname();
        assert_eq!(all.domainname[63..], *b"x\0");
        assert_eq!(&all.sysname[..6], b"Linux\0");
        assert_eq!(&all.nodename[..7], b"(none)\0");
    }
}
