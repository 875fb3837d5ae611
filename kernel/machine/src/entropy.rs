//! Random bytes.

pub use crate::backend::entropy::{fill, is_hardware};
