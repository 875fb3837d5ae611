//! Oxbow's build tool.
fn main() {}
