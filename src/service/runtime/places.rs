//! Turns at work that only a few can do together, by tenant: a caller who searches much, or reads and sends slowly,
//! takes from the places of their own tenant, and finds the others' free.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::domain::key::TenantId;
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;
use crate::service::ask::search::blocking;
use crate::turns::{Bounds, Crowded, Turn, Turns};

/// Whole policies on their way.
const EXPORTS: Bounds = Bounds { together: 8, each: 2, waiting: 64, waiting_each: 8, patience: Duration::from_secs(5) };
/// The rules of one user on their way: these may be some megabytes.
const USER_RULES: Bounds =
    Bounds { together: 32, each: 8, waiting: 256, waiting_each: 64, patience: Duration::from_secs(5) };
/// Pictures that are looked at: each takes a core, and memory for its pixels.
const PICTURES: Bounds =
    Bounds { together: 2, each: 1, waiting: 128, waiting_each: 16, patience: Duration::from_secs(20) };
/// Searches that wait, of all tenants and of one: an operation may begin fifty at once.
const SEARCHES_WAITING: (usize, usize) = (1024, 128);
/// Longest wait of a search for its turn.
const SEARCH_PATIENCE: Duration = Duration::from_secs(20);

/// The places of an instance.
pub(in crate::service) struct Places {
    searches: Turns<TenantId>,
    exports: Turns<TenantId>,
    user_rules: Turns<TenantId>,
    pictures: Turns<TenantId>,
}

impl Places {
    /// Returns places of which none is taken. Searches have as many as there are cores, and one
    /// tenant half of them: the rest is for others, and for decisions.
    pub(in crate::service) fn new() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let (waiting, waiting_each) = SEARCHES_WAITING;
        let (together, each) = (cores.max(2), (cores / 2).max(1));
        let searches = Bounds { together, each, waiting, waiting_each, patience: SEARCH_PATIENCE };
        Self {
            searches: Turns::new(searches),
            exports: Turns::new(EXPORTS),
            user_rules: Turns::new(USER_RULES),
            pictures: Turns::new(PICTURES),
        }
    }
}

impl Platform {
    /// Takes a turn at what may go over all of a tenant.
    pub(in crate::service) async fn search_turn(&self, tenant: TenantId) -> Result<Turn<TenantId>> {
        self.parts.places.searches.take(tenant).await.map_err(|crowded| full("searches", crowded))
    }

    /// Walks over a tenant in a turn of its own, off the threads that serve requests. The walk itself
    /// holds the turn: it goes on when the caller goes away.
    pub(in crate::service) async fn search<T: Send + 'static>(
        &self,
        tenant: TenantId,
        walk: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = self.search_turn(tenant).await?;
        blocking(move || {
            let _held = turn;
            walk()
        })
        .await
    }

    /// Takes a place for a whole policy.
    pub(in crate::service) async fn export_place(&self, tenant: TenantId) -> Result<Turn<TenantId>> {
        self.parts.places.exports.take(tenant).await.map_err(|crowded| full("whole policies", crowded))
    }

    /// Takes a place for the rules of a user.
    pub(in crate::service) async fn user_rules_place(&self, tenant: TenantId) -> Result<Turn<TenantId>> {
        self.parts.places.user_rules.take(tenant).await.map_err(|crowded| full("rules of users", crowded))
    }

    /// Takes a turn at looking at a picture.
    pub(in crate::service) async fn picture_turn(&self, tenant: TenantId) -> Result<Turn<TenantId>> {
        self.parts.places.pictures.take(tenant).await.map_err(|crowded| full("pictures", crowded))
    }
}

fn full(what: &str, crowded: Crowded) -> Error {
    let message = format!("too many {what} of this tenant are under way: try again in a moment");
    Error::new(ErrorCode::RateLimited, message).because(crowded)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn one_tenant_with_all_that_it_may_have_under_way_leaves_each_kind_of_place_to_others() {
        let places = Places::new();
        let (busy, other) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        for turns in [&places.searches, &places.exports, &places.user_rules, &places.pictures] {
            let mut held = Vec::new();
            while let Some(turn) = turns.take(busy).now_or_never() {
                held.push(turn.unwrap());
            }
            assert!(!held.is_empty() && held.len() == turns.count().0);
            assert!(turns.take(other).now_or_never().is_some_and(|turn| turn.is_ok()), "{turns:?}");
        }
    }
}
