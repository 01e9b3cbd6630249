//! Lets operations in by the platform's own sessions and API keys.

use std::sync::Arc;

use async_graphql::Data;
use tokio_util::sync::CancellationToken;

use super::context::RequestContext;
use super::gate::{ActingIn, Credentials, Gate};
use super::health::{Check, Readiness};
use crate::auth::caller::Caller;
use crate::error::Result;
use crate::graphql::request_data;
use crate::service::{BusStatus, Platform};

/// The gate of the platform.
#[derive(Clone)]
pub struct PlatformGate(pub Platform);

impl PlatformGate {
    /// Who calls; nobody yet without a bearer token.
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

/// Whether the platform can serve.
#[derive(Clone)]
pub struct PlatformReadiness {
    /// The platform.
    pub platform: Platform,
    /// How the bus is.
    pub bus: Arc<BusStatus>,
    /// Cancelled once the instance is told to stop.
    pub stopping: CancellationToken,
}

impl Readiness for PlatformReadiness {
    /// The database and the age of what is in memory are required where the settings limit that
    /// age; Redis never is: without it, news travel with the sweep.
    async fn ready(&self) -> Vec<Check> {
        if self.stopping.is_cancelled() {
            // Whoever asks is told at once: no other part changes that.
            let detail = "the instance was told to stop".to_owned();
            return vec![Check { name: "running".to_owned(), ok: false, required: true, detail }];
        }
        let database = self.platform.store.ping().await;
        let stale = self.platform.check_age();
        let detail = |result: &Result<()>| result.as_ref().err().map_or_else(|| "ok".to_owned(), ToString::to_string);
        let since = self.bus.unchanged_for().as_secs();
        let connected = self.bus.connected();
        let word = if connected { "connected" } else { "away, news travel with the sweep," };
        vec![
            Check { name: "database".to_owned(), ok: database.is_ok(), required: true, detail: detail(&database) },
            Check { name: "bus".to_owned(), ok: connected, required: false, detail: format!("{word} for {since} s") },
            Check {
                name: "policy".to_owned(),
                ok: stale.is_ok(),
                required: true,
                detail: format!("confirmed by the database {} s ago", self.platform.tenants.age().as_secs()),
            },
        ]
    }
}
