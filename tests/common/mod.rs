//! What the tests have in common.

pub(crate) mod app;
pub(crate) mod servers;
