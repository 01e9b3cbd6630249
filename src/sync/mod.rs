//! The exchange of changes between instances: a [`Bus`] that carries [`News`], the [`listener`] that hands them to an
//! [`Applier`], and the [`sweep`] that finds what got lost.
//!
//! The database is the truth; the bus only says that there is something new. News hold counters and never rules, so a
//! bus can delay a change but neither lose nor forge one. Nothing here knows the database: the applier decides what an
//! instance does about news.
//!
//! [`tally`] keeps the counts that instances share.

mod backoff;
mod bus;
mod inbox;
pub mod listener;
mod memory;
mod redis;
mod status;
pub mod sweep;
pub mod tally;

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

/// "This tenant is now at these counters, which these changes have made": all that instances tell each other.
///
/// On the wire it is JSON. Fields that a later version adds are ignored, and an earlier version names no change, so
/// that old and new instances can run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The tenant's internal id; a key can be used again, an id cannot.
    pub tenant: Uuid,
    /// The tenant's policy version.
    pub revision: u64,
    /// The version of its sessions, API keys, passwords and enabled flags.
    pub credential_epoch: u64,
    /// The change that made the revision; `None` in news that only say that there is something to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_change: Option<Uuid>,
    /// The change that began the credential epoch; `None` in the same case as [`policy_change`](Self::policy_change).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_change: Option<Uuid>,
}

impl News {
    /// Merges two news of one tenant. News that differ keep no change: messages come doubled and out of order, and
    /// numbers are given out twice after a database has lost some, so neither of the two tells which is the newer.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        Self {
            tenant: self.tenant,
            revision: self.revision.max(other.revision),
            credential_epoch: self.credential_epoch.max(other.credential_epoch),
            policy_change: None,
            credential_change: None,
        }
    }
}

/// The side that brings this instance up to date. The service layer implements it.
///
/// Both calls can be dropped at any await when the instance shuts down, can come at the same time, and must end by
/// themselves: give each database query its own time limit. The applier logs its own errors; the next news or sweep
/// tries again.
pub trait Applier: Send + Sync + 'static {
    /// Applies one tenant's change or catches up, if the tenant is loaded and not where the news are. There is at most
    /// one call at a time for each tenant.
    fn heard(&self, news: News) -> impl Future<Output = ()> + Send;

    /// Compares the counters of all loaded tenants, in chunks, and brings those that differ to where the database is,
    /// because any news may have been missed.
    fn check_all(&self) -> impl Future<Output = ()> + Send;
}

/// Runs a call of the applier and outlives its panic: one fault must not leave an instance deaf, because a deaf
/// instance goes on allowing what was taken away.
async fn outlive_panics(call: impl Future<Output = ()>) {
    if AssertUnwindSafe(call).catch_unwind().await.is_err() {
        tracing::error!("bringing tenants up to date panicked; the next sweep tries again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(revision: u64, credential_epoch: u64) -> News {
        News { tenant: Uuid::nil(), revision, credential_epoch, policy_change: None, credential_change: None }
    }

    fn named(revision: u64, change: u128) -> News {
        let change = Some(Uuid::from_u128(change));
        News { policy_change: change, credential_change: change, ..news(revision, 1) }
    }

    #[test]
    fn merging_keeps_the_higher_of_each_counter_whatever_the_order() {
        assert_eq!(news(7, 1).merged(news(3, 2)), news(7, 2));
        assert_eq!(news(3, 2).merged(news(7, 1)), news(7, 2));
    }

    #[test]
    fn news_that_differ_name_no_change_together_and_the_same_twice_still_do() {
        assert_eq!(named(7, 1).merged(named(7, 1)), named(7, 1));
        // Either may be of what a database has lost.
        assert_eq!(named(7, 1).merged(named(6, 2)), news(7, 1));
        assert_eq!(named(6, 2).merged(named(7, 1)), news(7, 1));
        assert_eq!(named(7, 1).merged(named(7, 2)), news(7, 1));
    }

    #[test]
    fn the_wire_form_is_json_that_earlier_and_later_versions_read() {
        let wire = r#"{"tenant":"00000000-0000-0000-0000-000000000000","revision":7,"credential_epoch":1}"#;
        assert_eq!(serde_json::to_string(&news(7, 1)).unwrap(), wire);
        let later = wire.replace('}', r#","shard":"b"}"#);
        assert_eq!(serde_json::from_str::<News>(&later).unwrap(), news(7, 1));
        let change = r#""00000000-0000-0000-0000-000000000005""#;
        let named_wire = wire.replace('}', &format!(r#","policy_change":{change},"credential_change":{change}}}"#));
        assert_eq!(serde_json::to_string(&named(7, 5)).unwrap(), named_wire);
        assert_eq!(serde_json::from_str::<News>(&named_wire).unwrap(), named(7, 5));
    }
}
