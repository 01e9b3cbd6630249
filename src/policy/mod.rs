//! From a tenant's state to its Casbin rules, and from one revision to the next. Pure.

pub mod compile;
pub mod diff;
pub mod revision;
pub mod rule;

/// The version of the compiler: it grows whenever the same state gives other rules. A tenant's
/// row holds the version that compiled it, and an older program refuses to write there.
pub const COMPILER_VERSION: i32 = 1;
