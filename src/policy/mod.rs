//! The way from a tenant's state to its Casbin rules, and from one revision to the next. Pure.

pub mod compile;
pub mod diff;
pub mod impact;
pub mod reach;
pub mod revision;
pub mod rule;
pub mod source;

/// The version of the compiler. It stands in each tenant's row: an instance refuses to write
/// what a newer compiler has compiled, and compiles anew what an older one has with the next change.
pub const COMPILER_VERSION: i32 = 5;
