//! The kernel binary.
fn main() {}
