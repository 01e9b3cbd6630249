//! The way from a tenant's state to its Casbin rules, and from one revision to the next. Pure.

pub mod compile;
pub mod diff;
pub mod impact;
pub mod reach;
pub mod revision;
pub mod rule;
pub mod source;

/// The version of the compiler, kept in each tenant's row. An instance refuses to write a policy that a newer compiler
/// has compiled, and recompiles that of an older one with the next change.
pub const COMPILER_VERSION: i32 = 4;
