//! Helpers that the tests have in common.

pub(crate) mod app;
pub(crate) mod catalogues;
pub(crate) mod counted;
pub(crate) mod log;
pub(crate) mod mail;
pub(crate) mod operations;
pub(crate) mod picture;
pub(crate) mod program;
pub(crate) mod servers;
pub(crate) mod socket;
pub(crate) mod tables;
pub(crate) mod upload;

use std::time::{Duration, Instant};

/// Checks that something ended by itself, and not by a limit of the test: within half a minute, however busy the
/// machine is. No measure of speed.
pub(crate) fn not_hung(since: Instant) {
    assert!(since.elapsed() < Duration::from_secs(30), "it took {:?}", since.elapsed());
}
