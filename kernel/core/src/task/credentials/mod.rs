//! Changing who a thread acts as (credentials(7), capabilities(7)).
//!
//! The rules are pure functions from old credentials to new ones: [`ids`] for the set*id family,
//! [`capabilities`] for capability sets and securebits, [`on_exec`] for programs with set-id bits.
//! [`commit`] puts the result in place, with what follows from it.

pub mod capabilities;
pub mod ids;
pub mod on_exec;
#[cfg(test)]
mod tests;
