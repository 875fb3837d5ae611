//! The time that files are stamped with.

/// A point in time as inodes keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileTime {
    /// Seconds since 1970, negative before.
    pub sec: i64,
    /// Nanoseconds within the second.
    pub nsec: u32,
}

/// Now, by the real-time clock.
pub fn now() -> FileTime {
    let ns = crate::clock::realtime();
    FileTime {
        sec: ns.div_euclid(1_000_000_000),
        nsec: u32::try_from(ns.rem_euclid(1_000_000_000)).unwrap_or(0),
    }
}
