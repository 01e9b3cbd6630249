//! The running instance: the policies it holds in memory, its health and metrics, and how it shares its time.

pub mod benchmark;
pub(in crate::service) mod health;
pub mod metrics;
pub mod pace;
pub(in crate::service) mod places;
pub mod policy_cache;
pub(in crate::service) mod retention;
