//! The Linux ABI for x86_64: numbers, flags, structures and errors.
#![no_std]
#![forbid(unsafe_code)]
