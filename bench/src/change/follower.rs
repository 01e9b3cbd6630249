//! Another instance, in a process of its own. It reports each revision as soon as it decides by it, and each bare
//! message as soon as it has it and has read one row.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bailiwick::domain::key::{Action, Object};
use bailiwick::policy::rule::Subject;
use futures_util::StreamExt as _;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use crate::child::{say, until_alone};
use crate::database::Database;
use crate::instance;
use crate::result::Result;

/// The channel of the floor.
pub(super) const CHANNEL: &str = "floor";

/// The instance to follow, and the request to decide.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The database.
    pub(crate) database: String,
    /// Redis.
    pub(crate) redis: String,
    /// The subject to decide about.
    pub(crate) subject: Subject,
    /// The object to read.
    pub(crate) object: Object,
}

/// The reports to the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// It listens.
    Ready,
    /// It decides by a revision.
    Follows { revision: u64, allowed: bool, at: u64 },
    /// It has a bare message, and a row after it.
    Heard { at: u64 },
}

/// Returns nanoseconds of the clock that all processes of a machine share.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Follows until the parent ends.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(start(settings))?;
    until_alone();
    Ok(())
}

async fn start(settings: &Settings) -> Result<()> {
    let app = instance::open(&settings.database, Some(&settings.redis)).await?;
    let policies = Arc::clone(app.policies());
    instance::serve(app).await?;
    let tenant = policies.get_by_key(&instance::tenant()?).await?.ok_or("a tenant that is not there")?;
    let (subject, object) = (settings.subject.clone(), settings.object.clone());
    let mut changes = tenant.changes();
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            let policy = tenant.policy();
            let allowed = policy.allows(&subject, &object, &Action::read());
            let _ = say(&Said::Follows { revision: policy.counters.revision, allowed, at: now() });
        }
    });
    let database = Database::at(&settings.database).connect().await?;
    let select = select(&database).await?;
    let mut heard = redis::Client::open(settings.redis.as_str())?.get_async_pubsub().await?;
    heard.subscribe(CHANNEL).await?;
    tokio::spawn(async move {
        let mut messages = heard.into_on_message();
        while messages.next().await.is_some() {
            if database.query_one_raw(select.clone()).await.is_ok_and(|row| row.is_some()) {
                let _ = say(&Said::Heard { at: now() });
            }
        }
    });
    say(&Said::Ready)
}

/// Prepares a read of the tenant's counters by its primary key.
async fn select(database: &DatabaseConnection) -> Result<Statement> {
    let backend = database.get_database_backend();
    let id = format!("SELECT id FROM tenants WHERE key = '{}'", instance::tenant()?);
    let row = database.query_one_raw(Statement::from_string(backend, id)).await?.ok_or("a tenant that is not there")?;
    let id: uuid::Uuid = row.try_get("", "id")?;
    let select = "SELECT revision, credential_epoch FROM tenants WHERE id = $1";
    Ok(Statement::from_sql_and_values(backend, select, [id.into()]))
}
