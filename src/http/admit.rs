//! Lets operations in by the platform's own sessions and API keys.

use std::sync::Arc;

use async_graphql::Data;
use tokio_util::sync::CancellationToken;

use super::context::RequestContext;
use super::gate::{ActingIn, Credentials, Gate};
use super::health::{CHANGES, Check, Held, Readiness};
use crate::auth::caller::Caller;
use crate::error::Result;
use crate::graphql::request_data;
use crate::service::{BusStatus, Platform, ProbeResult};

/// The gate of the platform.
#[derive(Clone)]
pub struct PlatformGate(pub Platform);

impl PlatformGate {
    /// Returns the caller; none without a bearer token.
    pub(super) async fn caller(&self, credentials: &Credentials, context: &RequestContext) -> Result<Option<Caller>> {
        let Some(bearer) = &credentials.bearer else { return Ok(None) };
        let tenant = credentials.tenant_header.as_deref();
        self.0.authenticate(bearer, tenant, context.info()).await.map(Some)
    }
}

impl Gate for PlatformGate {
    async fn admit(&self, credentials: &Credentials, context: &RequestContext) -> Result<Data> {
        let caller = self.caller(credentials, context).await?;
        let tenant = caller.as_ref().map(|caller| ActingIn(caller.tenant().id.0));
        let mut data = request_data(&self.0, caller);
        if let Some(tenant) = tenant {
            data.insert(tenant);
        }
        data.insert(context.info());
        Ok(data)
    }

    async fn changed(&self, credentials: &Credentials) {
        match &credentials.bearer {
            Some(bearer) => self.0.wait_for_change(bearer).await,
            None => std::future::pending().await,
        }
    }
}

/// Readiness of the platform to serve.
#[derive(Clone)]
pub struct PlatformReadiness {
    /// The platform.
    pub platform: Platform,
    /// State of the bus.
    pub bus: Arc<BusStatus>,
    /// Cancelled once the instance is told to stop.
    pub stopping: CancellationToken,
}

impl Readiness for PlatformReadiness {
    /// Checks that the instance can decide: from memory that is not older than the settings allow, by a clock that is
    /// right. The database is needed for that no more than Redis is; changes are a part of their own.
    async fn ready(&self) -> Vec<Check> {
        if self.stopping.is_cancelled() {
            // Whoever asks is told at once: no other part changes that.
            let detail = "the instance was told to stop".to_owned();
            return vec![Check { name: "running".to_owned(), ok: false, required: true, detail }];
        }
        let (database, changes) = tokio::join!(self.platform.try_database(), self.platform.try_change());
        let stale = self.platform.check_age();
        let detail = |found: &ProbeResult| {
            let words = found.outcome.as_ref().err().map_or_else(|| "ok".to_owned(), ToString::to_string);
            match found.age().as_secs() {
                0 => words,
                seconds => format!("{words}, {seconds} s ago"),
            }
        };
        let since = self.bus.unchanged_for().as_secs();
        let connected = self.bus.connected();
        let word = if connected { "connected" } else { "away, news travel with the sweep," };
        let (is_right, off) = self.platform.clock();
        let check = |name: &str, ok, required, detail| Check { name: name.to_owned(), ok, required, detail };
        vec![
            check("database", database.outcome.is_ok(), false, detail(&database)),
            check(CHANGES, changes.outcome.is_ok(), false, detail(&changes)),
            check("bus", connected, false, format!("{word} for {since} s")),
            check(
                "policy",
                stale.is_ok(),
                true,
                format!("confirmed by the database {} s ago", self.platform.policy_age().as_secs()),
            ),
            check("clock", is_right, true, format!("{off} s from the database's")),
        ]
    }

    async fn held(&self) -> Option<Held> {
        let memory = self.platform.memory().await.ok()?;
        Some(Held { tenants: memory.tenants, digest: memory.digest })
    }
}
