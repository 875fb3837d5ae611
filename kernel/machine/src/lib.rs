//! The machine: all unsafe code of Oxbow.
#![cfg_attr(target_os = "none", no_std)]
