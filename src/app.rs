//! Puts an instance together: the only place that knows the database, the bus, the engine and
//! the router at once. Nothing here is global, so a test runs several instances in one process.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use secrecy::SecretString;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::domain::catalogue::Catalogue;
use crate::domain::name::Timestamp;
use crate::engine::plan::Plan;
use crate::error::{Error, Result};
use crate::http::admit::{PlatformGate, PlatformReadiness};
use crate::http::client::TrustedProxies;
use crate::http::metrics::{Connections, Requests};
use crate::http::server::{Bounds, Server};
use crate::mail::Mailer;
use crate::service::metrics::{Metrics, Moment};
use crate::service::tenants::Limits;
use crate::service::{Clock, Foundation, Platform, promises};
use crate::store::Store;
use crate::sync::{Bus, BusStatus, listener, sweep};
use crate::{config, engine, graphql, http, store};

/// How often sessions and links that have run out are deleted.
const TIDY_EVERY: Duration = Duration::from_mins(10);
/// The time in which failed sign-ins are gathered to one audit event.
const FAILURES_EVERY: Duration = Duration::from_secs(20);
/// A day.
const DAY_SECONDS: i64 = 24 * 3600;
/// How long a shutdown waits for requests under way.
const GRACE: Duration = Duration::from_secs(10);
/// How long it waits for commits, mails and other work, once the requests are done.
const WORK: Duration = Duration::from_secs(6);
/// Whatever hangs, an instance has ended so long after it was told to close its listener.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(20);
/// How many connections the listener of metrics has: Prometheus and those who look after it.
const METRICS_CONNECTIONS: usize = 64;
/// Descriptors that are for other things than connections: the database, Redis, mails, files.
const DESCRIPTORS_KEPT: u64 = 128;

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
            failures_every: FAILURES_EVERY,
            installation: settings.installation().map_err(|error| Error::invalid(error.to_string()))?,
            mailer: mailer(settings)?,
            clock: system_clock(),
        })
    }
}

/// One instance, ready to serve.
pub struct App {
    platform: Platform,
    status: Arc<BusStatus>,
    registry: Registry,
    /// Where metrics are served.
    metrics: Option<TcpListener>,
    sweep_every: Duration,
    tidy_every: Duration,
    connections: Bounds,
    failures_every: Duration,
    trusted_proxies: TrustedProxies,
    transport: http::Options,
    /// Cancelled when the instance is told to stop, before its listener closes.
    stopping: CancellationToken,
}

impl App {
    /// Plans the model and puts the instance together. It loads no tenant yet.
    pub fn new(parts: Parts) -> Result<Self> {
        let plan =
            Plan::from_model(&parts.model).map_err(|error| Error::invalid(format!("the model is refused: {error}")))?;
        promises::check(&plan)?;
        let mut registry = Registry::with_prefix("bailiwick");
        let platform = Platform::new(Foundation {
            store: parts.store,
            catalogue: parts.catalogue,
            model: parts.model,
            plan,
            bus: parts.bus,
            max_staleness: parts.max_staleness,
            limits: parts.limits,
            state_in_memory: parts.state_in_memory,
            revisions_kept_seconds: parts.revisions_kept_seconds,
            clock_skew_max: parts.clock_skew_max,
            shadow_one_in: parts.shadow_one_in,
            metrics: Metrics::new(&mut registry),
            mailer: parts.mailer,
            installation: parts.installation,
            clock: parts.clock,
        })?;
        let status = Arc::new(BusStatus::new());
        let moment = Moment { tenants: Arc::clone(&platform.tenants), bus: Arc::clone(&status) };
        registry.register_collector(Box::new(moment));
        let Parts { sweep_every, tidy_every, failures_every, trusted_proxies, connections, .. } = parts;
        let Parts { public_url, graphiql, introspection, .. } = parts;
        let transport = http::Options { public_url, graphiql, introspection, ..http::Options::default() };
        let stopping = CancellationToken::new();
        Ok(Self {
            platform,
            status,
            registry,
            metrics: None,
            sweep_every,
            tidy_every,
            failures_every,
            trusted_proxies,
            connections,
            transport,
            stopping,
        })
    }

    /// The same instance, which is not ready any more once this is cancelled.
    #[must_use]
    pub fn stopping_with(self, stopping: CancellationToken) -> Self {
        Self { stopping, ..self }
    }

    /// The same instance, with no more connections than so many descriptors allow, beside what
    /// else needs some.
    #[must_use]
    pub fn with_descriptors(mut self, descriptors: u64) -> Self {
        let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
        let allowed = usize::try_from(descriptors - kept).unwrap_or(usize::MAX).max(1);
        if allowed < self.connections.connections {
            tracing::warn!(
                descriptors,
                "the system's limit of descriptors allows {allowed} connections, less than `connections_max`"
            );
            self.connections.connections = allowed;
        }
        self
    }

    /// The same instance, serving its metrics here: to anyone who can reach it.
    #[must_use]
    pub fn with_metrics(self, listener: TcpListener) -> Self {
        Self { metrics: Some(listener), ..self }
    }

    /// The use cases, for the command line and for tests.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Makes the platform's own tenant at the first start. Gives the operator's password when
    /// one had to be made: it is shown this once.
    pub async fn first_start(&self, password: Option<SecretString>) -> Result<Option<SecretString>> {
        let made = password.is_none();
        let password = match password {
            Some(password) => password,
            None => generated_password()?,
        };
        let first = self.platform.ensure_platform(password.clone()).await?;
        Ok((first && made).then_some(password))
    }

    /// Serves until `shutdown`, then lets what is under way come to its end.
    pub async fn serve(mut self, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
        let background = self.start_background(&shutdown);
        let requests = Requests::new(&mut self.registry);
        let counted = Connections::new(&mut self.registry);
        let runner = http::Runner::new(|| self.schema(), graphql::Sizes::of(&self.platform.catalogue))?;
        let options = http::Options { shutdown: shutdown.clone(), ..self.transport.clone() };
        let readiness = PlatformReadiness {
            platform: self.platform.clone(),
            bus: Arc::clone(&self.status),
            stopping: self.stopping.clone(),
        };
        let gate = PlatformGate(self.platform.clone());
        let routes = http::graphql_routes(runner, gate.clone(), options)
            .merge(http::health_routes(readiness))
            .merge(http::authzen::routes(self.platform.clone()))
            .merge(http::casbin::routes(gate.clone()))
            .merge(http::audit::routes(gate.clone()))
            .merge(http::avatar_routes(gate));
        let router = http::surround(routes, requests, self.trusted_proxies.clone());
        if let Some(listener) = self.metrics.take() {
            let routes = http::metrics::routes(Arc::new(std::mem::take(&mut self.registry)));
            let bounds = Bounds { connections: METRICS_CONNECTIONS, ..self.connections };
            let server = Server::new(bounds, Arc::new(|_| false), counted.clone());
            background.spawn(server.serve(listener, routes, shutdown.clone()));
        }
        background.close();
        // A proxy brings the connections of many.
        let proxies = self.trusted_proxies.clone();
        let uncounted = Arc::new(move |address| proxies.trusts(address));
        let serving = Server::new(self.connections, uncounted, counted).serve(listener, router, shutdown.clone());
        let late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = serving => {}
            () = late => tracing::warn!("requests were still under way after {} s", GRACE.as_secs()),
        }
        self.finish(&background).await
    }

    /// Lets the work behind the requests come to its end, and takes leave of the database.
    async fn finish(&self, background: &TaskTracker) -> Result<()> {
        self.platform.tenants.stop().await;
        self.platform.tasks.close();
        if timeout(WORK, async { tokio::join!(self.platform.tasks.wait(), background.wait()) }).await.is_err() {
            tracing::warn!("work was still under way after {} s", WORK.as_secs());
        }
        self.platform.store.close().await;
        Ok(())
    }

    fn schema(&self) -> async_graphql::SchemaBuilder<graphql::Query, graphql::Mutation, graphql::Subscription> {
        let schema = graphql::build(self.platform.clone());
        // An error that suggests a name tells the schema piece by piece.
        if self.transport.introspection { schema } else { schema.disable_suggestions() }
    }

    /// Starts what runs beside the requests.
    fn start_background(&self, shutdown: &CancellationToken) -> TaskTracker {
        let background = TaskTracker::new();
        let applier = Arc::clone(&self.platform.tenants);
        background.spawn(listener::run(
            self.platform.bus.clone(),
            Arc::clone(&applier),
            shutdown.clone(),
            Arc::clone(&self.status),
        ));
        background.spawn(sweep::run(applier, self.sweep_every, shutdown.clone()));
        let (platform, until) = (self.platform.clone(), shutdown.clone());
        background.spawn(async move { platform.shadow.run(platform.model.clone(), until).await });
        background.spawn(tell_failures(self.platform.clone(), self.failures_every, shutdown.clone()));
        background.spawn(shutdown.clone().run_until_cancelled_owned(tidy(self.platform.clone(), self.tidy_every)));
        background
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

/// Deletes what has run out, every so often, and compares the clock with the database's. Each instance does,
/// for all: a second time is cheap.
async fn tidy(platform: Platform, every: Duration) {
    loop {
        if let Err(error) = platform.compare_clock().await {
            tracing::debug!(%error, "the clock was not compared with the database's");
        }
        tokio::time::sleep(every).await;
        if let Err(error) = platform.delete_expired().await {
            tracing::warn!(%error, cause = error.source_text(), "what has run out was not deleted; the next time tries again");
        }
    }
}

/// Tells of failed sign-ins, a while after the first together, and of the last at the end.
async fn tell_failures(platform: Platform, every: Duration, shutdown: CancellationToken) {
    let gathered = async || {
        platform.failures_noted().await;
        tokio::time::sleep(every).await;
    };
    while shutdown.run_until_cancelled(gathered()).await.is_some() {
        platform.tell_failures().await;
    }
    platform.tell_last_failures().await;
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

/// 144 random bits, with a character of each kind that the security suite asks for.
fn generated_password() -> Result<SecretString> {
    use base64::Engine as _;
    let mut bytes = [0_u8; 18];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    let random = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    Ok(format!("{random}-aA1").into())
}
