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
use crate::service::tenants::Limits;
use crate::store::Store;
use crate::sync::Bus;
use crate::{config, engine, store};

/// How often sessions and links that have run out are deleted.
const TIDY_EVERY: Duration = Duration::from_mins(10);
/// The time in which failed sign-ins are gathered to one audit event.
const FAILURES_EVERY: Duration = Duration::from_secs(20);
/// A day.
const DAY_SECONDS: i64 = 24 * 3600;

/// What an instance is made from.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// How it hears of the other instances.
    pub bus: Bus,
    /// What can be granted.
    pub catalogue: Catalogue,
    /// The text of the Casbin model.
    pub model: String,
    /// How old what is in memory may be to decide from.
    pub max_staleness: Option<Duration>,
    /// How often counters are compared with the database's.
    pub sweep_every: Duration,
    /// How often what has run out is deleted.
    pub tidy_every: Duration,
    /// How much may be in memory.
    pub limits: Limits,
    /// How many users, profiles, custom roles, groups and resources may be in memory to change.
    pub state_in_memory: u64,
    /// For how many seconds revisions are kept at least; for good without it.
    pub revisions_kept_seconds: Option<i64>,
    /// How far the clock may be from the database's.
    pub clock_skew_max: Duration,
    /// One decision in how many is made again by casbin's Enforcer; none with 0.
    pub shadow_one_in: u32,
    /// How many connections there may be, and how long each may leave us waiting.
    pub connections: Bounds,
    /// Whether a browser that opens `/graphql` gets the `GraphiQL` page.
    pub graphiql: bool,
    /// Whether the GraphQL schema can be asked for.
    pub introspection: bool,
    /// Where people reach the installation, if that is told: pages from there are its own.
    pub public_url: Option<Url>,
    /// The proxies that are believed when they say whose a request is.
    pub trusted_proxies: TrustedProxies,
    /// The types of `AuthZEN` subjects that stand for users.
    pub subject_types: SubjectTypes,
    /// The time in which failed sign-ins are gathered to one audit event.
    pub failures_every: Duration,
    /// Where the links in mails lead.
    pub installation: Url,
    /// Sends mails.
    pub mailer: Mailer,
    /// Tells the time.
    pub clock: Clock,
}

impl Parts {
    /// Makes the parts that the settings name: opens the database and brings its schema up to date.
    pub async fn from_settings(settings: &config::Settings) -> Result<Self> {
        let open = async {
            let store = open(settings).await?;
            warn_of_open_files(settings.database_url.expose());
            store.migrate().await.map(|()| store)
        };
        Self::with_store(settings, open).await
    }

    /// Makes the parts for what only reads: the database has to be there, with a schema that is new enough, and
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

/// Says which files of the database others than their owner can read. They may have been made by hand, or by an
/// older version: changing them here could take a right away that somebody counts on.
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

/// What the settings say that an instance may take of its database.
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

/// Only the start reads files, and only its own terminal sees the path.
fn read(path: &std::path::Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::invalid(format!("`{}` cannot be read: {error}", path.display())))
}

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let micros = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
    })
}
