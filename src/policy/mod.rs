//! From a tenant's state to its Casbin rules, and from one revision to the next. Pure.

pub mod rule;
