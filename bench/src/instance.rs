//! An instance of the product, put together as `bailiwick serve` does it; and tenants put into its database as one
//! change would.

use std::collections::BTreeMap;

use bailiwick::app::{App, AppConfig};
use bailiwick::auth::address::ClientAddress;
use bailiwick::auth::password::Passwords;
use bailiwick::config::Settings;
use bailiwick::domain::key::{TenantId, TenantKey, UserKey};
use bailiwick::domain::name::{Name, Timestamp};
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::Telephony;
use bailiwick::policy::COMPILER_VERSION;
use bailiwick::policy::compile::Compiled;
use bailiwick::policy::diff::{PolicyDiff, RuleDiff, StatePatch};
use bailiwick::policy::revision::Counters;
use bailiwick::service::Platform;
use bailiwick::store::audit::chain::ChainHead;
use bailiwick::store::audit::{Actor, ActorKind};
use bailiwick::store::policy::RevisionEntry;
use bailiwick::store::tenant::TenantRow;
use bailiwick::store::user::NewAccount;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::result::Result;
use crate::world::World;

/// The password of the operator and of every user who signs in.
pub(crate) const PASSWORD: &str = "Operator-1";

/// Opens an instance over a database, and over Redis if one is named.
pub(crate) async fn open(database: &str, redis: Option<&str>) -> Result<App> {
    let mut environment = vec![("BAILIWICK_DATABASE_URL".to_owned(), database.to_owned())];
    environment.extend(redis.map(|redis| ("BAILIWICK_REDIS_URL".to_owned(), redis.to_owned())));
    let app = App::new(AppConfig::from_settings(&Settings::load(None, environment)?).await?)?;
    app.first_start(Some(PASSWORD.into())).await?;
    Ok(app)
}

/// Serves on a free port of loopback; returns the address.
pub(crate) async fn serve(app: App) -> Result<(std::net::SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        if let Err(error) = app.serve(listener, CancellationToken::new()).await {
            eprintln!("error: {error}");
        }
    });
    Ok((address, serving))
}

/// Puts a tenant with its rules into the database, in one transaction.
pub(crate) async fn put(app: &App, world: &World) -> Result<TenantId> {
    let platform = app.platform();
    let key = &world.state.key;
    let row = TenantRow {
        id: TenantId(Uuid::now_v7()),
        key: key.clone(),
        name: Name::parse(key.as_str())?,
        counters: Counters::default(),
        compiler_version: COMPILER_VERSION,
        last_change: None,
        audit: ChainHead::default(),
        settings: world.state.settings,
        created_at: platform.now(),
    };
    let (id, hash) = (row.id, Passwords::new()?.hash(PASSWORD.into(), ClientAddress::UNKNOWN.network()).await?);
    let mut tx = app.store().begin_new(row).await?;
    let account = |key: &UserKey| Ok((key.clone(), account(key, hash.clone(), platform.now())?));
    let accounts = world.state.users.keys().map(account).collect::<Result<BTreeMap<_, _>>>()?;
    tx.write_state(&TenantState::empty(key.clone()), &world.state, &accounts).await?;
    tx.write_rules(&PolicyDiff::between(&Compiled::new(), &world.compiled)).await?;
    let counters = tx.bump(Uuid::now_v7(), true, true).await?;
    tx.log_revision(&first_revision(platform, counters.revision), Some(&world.state)).await?;
    tx.commit().await?;
    Ok(id)
}

fn account(key: &UserKey, password_hash: String, created_at: Timestamp) -> Result<NewAccount> {
    Ok(NewAccount {
        username: key.to_string(),
        full_name: Name::parse(key.as_str())?,
        email: None,
        password_hash: Some(password_hash),
        extension: None,
        telephony: Telephony::default(),
        created_at,
    })
}

fn first_revision(platform: &Platform, revision: u64) -> RevisionEntry {
    RevisionEntry {
        revision,
        change_id: Uuid::now_v7(),
        at: platform.now(),
        author: Actor { kind: ActorKind::System, key: "bench".to_owned(), name: "bench".to_owned() },
        reason: "made to be measured".to_owned(),
        rules: RuleDiff::default(),
        patch: StatePatch::default(),
        model_hash: platform.model_hash().to_owned(),
        catalogue_hash: platform.catalogue().hash().to_owned(),
        compiler_version: COMPILER_VERSION,
    }
}

/// Returns the tenant that parts measure on.
pub(crate) fn tenant() -> Result<TenantKey> {
    Ok(TenantKey::parse("acme")?)
}
