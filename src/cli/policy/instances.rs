//! A comparison of what running instances hold in memory with what is stored.

use std::time::Duration;

use crate::app::App;
use crate::auth::caller::Caller;
use crate::domain::key::TenantKey;
use crate::error::{Error, Result};
use crate::service::policy::verify::{Difference, Kind, Place};
use serde_json::{Value, json};
use url::Url;

use crate::cli::api_key;
use crate::cli::remote::Server;

const DIGEST: &str = "{ policy { digest revision } }";
/// Number of times that an instance is asked while it holds something else: it can be just about to learn of a change.
const ATTEMPTS: u32 = 5;
/// Time between two attempts.
const BETWEEN: Duration = Duration::from_secs(1);

/// Running instances, each at its own address.
pub(super) struct Instances(Vec<(Url, Server)>);

impl Instances {
    pub(super) fn new(urls: &[Url]) -> Result<Self> {
        if urls.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let unset =
            || Error::invalid("set BAILIWICK_API_KEY to the API key, or to the token of a session, of an operator");
        let key = api_key()?.ok_or_else(unset)?;
        let server = |url: &Url| Ok((url.clone(), Server::new(url, key.clone())?));
        urls.iter().map(server).collect::<Result<_>>().map(Self)
    }

    /// Returns the differences of the instances that hold something else of a tenant than what is stored.
    pub(super) async fn compare(&self, app: &App, system: &Caller, tenant: &TenantKey) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for (url, server) in &self.0 {
            differences.extend(held_otherwise(app, system, tenant, url, server).await?);
        }
        Ok(differences)
    }
}

async fn held_otherwise(
    app: &App,
    system: &Caller,
    tenant: &TenantKey,
    url: &Url,
    server: &Server,
) -> Result<Option<Difference>> {
    let mut revision = Value::Null;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        let answer = server.run(Some(tenant), DIGEST, json!({})).await?;
        let held = answer.get("policy");
        let digest = held.and_then(|held| held.get("digest")).and_then(Value::as_str);
        // Read after the answer: a change in between makes the two differ, and they are compared again.
        match app.platform().stored_digest(system, tenant).await? {
            Some(stored) if digest != Some(stored.as_str()) => {
                revision = held.and_then(|held| held.get("revision")).cloned().unwrap_or_default();
            }
            _ => return Ok(None),
        }
    }
    let what = format!("{url} holds something else than what is stored, at revision {revision}");
    Ok(Some(Difference { place: Place::Memory, kind: Kind::Wrong, what }))
}
