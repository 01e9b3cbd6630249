//! What the tests have in common.

pub(crate) mod app;
pub(crate) mod operations;
pub(crate) mod servers;
pub(crate) mod socket;
