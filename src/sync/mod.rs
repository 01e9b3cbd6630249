//! How instances hear of each other's changes: a [`Bus`] that carries [`News`], the
//! [`listener`] that hands them to an [`Applier`], and the [`sweep`] that finds what got lost.
//!
//! The database is the truth; the bus only says that there is something new. News hold counters
//! and never rules, so a bus can delay a change but neither lose nor forge one. Nothing here
//! knows the database: what an instance does about news is the applier's business.

mod backoff;
mod bus;
mod inbox;
pub mod listener;
mod memory;
mod redis;
mod status;
pub mod sweep;

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::bus::{Bus, BusError};
pub use self::memory::MemoryBus;
pub use self::redis::RedisBus;
pub use self::status::BusStatus;

/// The channel on which instances that share a Redis tell each other their news.
pub const CHANNEL: &str = "bailiwick:news";

/// "This tenant is now at these counters": all that instances tell each other.
///
/// On the wire it is JSON. Fields that a later version adds are passed over, so that old and new
/// instances can run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The tenant's internal id; keys can be used again, ids cannot.
    pub tenant: Uuid,
    /// The tenant's policy version.
    pub revision: u64,
    /// The version of its sessions, API keys, passwords and enabled flags.
    pub credential_epoch: u64,
}

impl News {
    /// What both together say of one tenant: the higher of each counter, because messages may
    /// come doubled and out of order while counters only grow.
    #[must_use]
    fn merged(self, other: Self) -> Self {
        Self {
            tenant: self.tenant,
            revision: self.revision.max(other.revision),
            credential_epoch: self.credential_epoch.max(other.credential_epoch),
        }
    }
}

/// Brings this instance up to date. The service layer implements it.
///
/// Both calls may be dropped at any await when the instance shuts down, may come at the same
/// time, and must end by themselves: give each database query its own time limit. Errors are
/// the applier's to log; the next news or sweep tries again.
pub trait Applier: Send + Sync + 'static {
    /// A tenant may have changed: apply the change or catch up, if the tenant is loaded and
    /// older than the news. There is at most one call at a time for each tenant.
    fn heard(&self, news: News) -> impl Future<Output = ()> + Send;

    /// Anything may have been missed: compare the counters of all loaded tenants, in chunks, and
    /// catch up those that are behind.
    fn check_all(&self) -> impl Future<Output = ()> + Send;
}

/// Runs a call of the applier and outlives its panic: one fault must not leave an instance deaf,
/// because a deaf instance goes on allowing what was taken away.
async fn outlive_panics(call: impl Future<Output = ()>) {
    if AssertUnwindSafe(call).catch_unwind().await.is_err() {
        tracing::error!("bringing tenants up to date panicked; the next sweep tries again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(revision: u64, credential_epoch: u64) -> News {
        News { tenant: Uuid::nil(), revision, credential_epoch }
    }

    #[test]
    fn merging_keeps_the_higher_of_each_counter_whatever_the_order() {
        assert_eq!(news(7, 1).merged(news(3, 2)), news(7, 2));
        assert_eq!(news(3, 2).merged(news(7, 1)), news(7, 2));
    }

    #[test]
    fn the_wire_form_is_counters_in_json_and_fields_of_later_versions_are_passed_over() {
        let wire = r#"{"tenant":"00000000-0000-0000-0000-000000000000","revision":7,"credential_epoch":1}"#;
        assert_eq!(serde_json::to_string(&news(7, 1)).unwrap(), wire);
        let later = wire.replace('}', r#","shard":"b"}"#);
        assert_eq!(serde_json::from_str::<News>(&later).unwrap(), news(7, 1));
    }
}
