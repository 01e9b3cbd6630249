//! The parts of an instance, made from its settings.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use crate::domain::catalogue::Catalogue;
use crate::domain::name::Timestamp;
use crate::error::{Error, Result};
use crate::http::authzen::SubjectTypes;
use crate::http::client::TrustedProxies;
use crate::http::server::Bounds;
use crate::mail::Mailer;
use crate::service::Clock;
use crate::service::runtime::policy_cache::Limits;
use crate::store::Store;
use crate::sync::Bus;
use crate::{config, engine, store};

/// Interval at which expired sessions and links are deleted.
const TIDY_EVERY: Duration = Duration::from_mins(10);
/// Time for which failed sign-ins are gathered into one audit event.
const FAILURES_EVERY: Duration = Duration::from_secs(20);
/// The seconds of a day.
const DAY_SECONDS: i64 = 24 * 3600;

/// The parts that an instance is made from.
pub struct AppConfig {
    /// The database.
    pub store: Store,
    /// The bus on which it hears of the other instances.
    pub bus: Bus,
    /// The catalogue of modules and permissions.
    pub catalogue: Catalogue,
    /// The text of the Casbin model.
    pub model: String,
    /// Maximum age of the policies in memory for a decision; `None` for no limit.
    pub max_staleness: Option<Duration>,
    /// Interval at which counters are compared with the database's.
    pub sweep_every: Duration,
    /// Interval at which expired data is deleted.
    pub tidy_every: Duration,
    /// Maximum number of tenants and of rules in memory.
    pub limits: Limits,
    /// Maximum number of users, profiles, custom roles, groups and resources in memory for changes.
    pub state_in_memory: u64,
    /// Minimum number of seconds for which revisions are kept; `None` for good.
    pub revisions_kept_seconds: Option<i64>,
    /// Maximum difference between the clock and the database's.
    pub clock_skew_max: Duration,
    /// Number of decisions of which casbin's Enforcer makes one again; 0 for none.
    pub shadow_one_in: u32,
    /// Maximum number of connections, and the times that each can keep us waiting.
    pub connections: Bounds,
    /// `true` if a browser that opens `/graphql` gets the `GraphiQL` page.
    pub graphiql: bool,
    /// `true` if clients can ask for the GraphQL schema.
    pub introspection: bool,
    /// The address by which people reach the installation, if it is set; pages from there are its own.
    pub public_url: Option<Url>,
    /// The proxies that are trusted to name a request's client.
    pub trusted_proxies: TrustedProxies,
    /// The types of `AuthZEN` subjects that stand for users.
    pub subject_types: SubjectTypes,
    /// The time in which failed sign-ins are gathered to one audit event.
    pub failures_every: Duration,
    /// The address to which the links in mails lead.
    pub installation: Url,
    /// The sender of mails.
    pub mailer: Mailer,
    /// The clock.
    pub clock: Clock,
}

impl AppConfig {
    /// Makes the parts that the settings name: opens the database and brings its schema up to date.
    pub async fn from_settings(settings: &config::Settings) -> Result<Self> {
        let open = async {
            let store = open(settings).await?;
            warn_of_open_files(settings.database_url.expose());
            store.migrate().await.map(|()| store)
        };
        Self::with_store(settings, open).await
    }

    /// Makes the parts for a command that only reads: the database has to exist, with a schema that is new enough, and
    /// stays as it is.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the database or its schema has to be made first.
    pub async fn to_read(settings: &config::Settings) -> Result<Self> {
        let open = async {
            if store::file::is_missing(settings.database_url.expose()) {
                let message = "the database that `database_url` names is not there: run `bailiwick migrate`";
                return Err(Error::unavailable(message));
            }
            let store = open(settings).await?;
            store.check_schema().await.map(|()| store)
        };
        Self::with_store(settings, open).await
    }

    /// Makes the parts; the database is opened once the files that the settings name have been read.
    async fn with_store(settings: &config::Settings, open: impl Future<Output = Result<Store>>) -> Result<Self> {
        let catalogue = read_catalogue(settings)?;
        let model = match &settings.model {
            Some(path) => read(path)?,
            None => engine::MODEL.to_owned(),
        };
        let bus = match &settings.redis_url {
            Some(url) => Bus::redis(url.expose()).map_err(|error| Error::invalid(error.to_string()))?,
            None => Bus::memory(),
        };
        let store = open.await?;
        Ok(Self {
            store,
            bus,
            catalogue,
            model,
            max_staleness: settings.max_staleness_seconds.map(config::Seconds::duration),
            sweep_every: settings.sweep_seconds.duration(),
            tidy_every: TIDY_EVERY,
            limits: Limits {
                tenants: in_memory(settings.tenants_in_memory),
                rules: in_memory(settings.rules_in_memory),
            },
            state_in_memory: settings.state_in_memory.get().into(),
            revisions_kept_seconds: settings.revisions_kept_days.map(|days| i64::from(days.get()) * DAY_SECONDS),
            clock_skew_max: settings.clock_skew_max_seconds.duration(),
            shadow_one_in: settings.shadow_one_in.get(),
            connections: Bounds {
                connections: in_memory(settings.connections_max),
                per_address: in_memory(settings.connections_per_address),
                header: settings.header_seconds.duration(),
                idle: settings.idle_seconds.duration(),
                write: settings.write_seconds.duration(),
            },
            graphiql: settings.graphiql,
            introspection: settings.introspection,
            public_url: settings.public_url.clone(),
            trusted_proxies: settings.trusted_proxies.iter().flatten().copied().collect(),
            subject_types: SubjectTypes::of(settings.authzen_subject_types.iter().flatten()),
            failures_every: FAILURES_EVERY,
            installation: settings.installation().map_err(|error| Error::invalid(error.to_string()))?,
            mailer: mailer(settings)?,
            clock: system_clock(),
        })
    }
}

/// Warns of files of the database that users other than their owner can read or write. They can have been made by hand,
/// or by an older version; changing them here could take away a right that another program counts on.
fn warn_of_open_files(url: &str) {
    for (path, mode) in store::file::open_to_others(url) {
        let path = path.display();
        tracing::warn!(
            "`{path}` holds secrets and has the mode {mode:04o}: others can read or write it; `chmod 600` it"
        );
    }
}

/// Opens the database that the settings name, within the limits and the wait that they set.
async fn open(settings: &config::Settings) -> Result<Store> {
    let wait = Duration::from_secs(settings.start_wait_seconds.get().into());
    Store::open_within(wait, settings.database_url.expose(), limits(settings)).await
}

/// Returns the limits that the settings put on an instance's use of its database.
pub fn limits(settings: &config::Settings) -> store::Limits {
    store::Limits {
        connections: settings.database_connections.get(),
        statement: settings.database_statement_seconds.duration(),
        idle: settings.database_idle_seconds.duration(),
        transaction: settings.database_transaction_seconds.duration(),
        prepared: settings.database_statement_cache.get(),
    }
}

fn in_memory(count: config::Count<1>) -> usize {
    usize::try_from(count.get()).unwrap_or(usize::MAX)
}

fn mailer(settings: &config::Settings) -> Result<Mailer> {
    let from = settings.mail_from.clone();
    match &settings.smtp_url {
        Some(url) => Mailer::smtp(url.expose(), from),
        None => Ok(Mailer::folder(settings.mail_dir.clone(), from)),
    }
}

fn read_catalogue(settings: &config::Settings) -> Result<Catalogue> {
    let parsed = match &settings.catalogue {
        Some(path) => config::catalogue::parse(&read(path)?, &path.display().to_string()),
        None => config::catalogue::built_in(),
    };
    parsed.map_err(|error| Error::invalid(error.to_string()))
}

/// Reads a file. Only the start reads files, and only its own terminal sees the path.
fn read(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(format!("`{}` cannot be read: {error}", path.display())))
}

/// Returns the machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let micros = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
    })
}
