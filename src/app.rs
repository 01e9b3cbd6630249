//! The assembly of an instance: the only place that knows the database, the bus, the engine and the router at once.
//! Nothing here is global, so a test can run several instances in one process.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::plan::Plan;
use crate::error::{Error, Result};
use crate::http::admit::{PlatformGate, PlatformReadiness};
use crate::http::authzen::SubjectTypes;
use crate::http::client::TrustedProxies;
use crate::http::metrics::{Connections, Requests};
use crate::http::server::{Bounds, Server};
use crate::service::policy::promises;
use crate::service::runtime::metrics::{Metrics, Moment};
use crate::service::runtime::policy_cache::PolicyCache;
use crate::service::{Platform, PlatformConfig};
use crate::store::Store;
use crate::sync::{Bus, BusStatus, listener, sweep};
use crate::{graphql, http};

mod config;

pub use config::{AppConfig, limits, system_clock};

/// Time that a shutdown waits for requests under way.
const GRACE: Duration = Duration::from_secs(10);
/// Time that it waits for commits, mails and other work, once the requests are done.
const WORK: Duration = Duration::from_secs(6);
/// Time after which an instance that was told to close its listener has ended, whatever hangs.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(20);
/// Maximum number of connections to the listener of metrics, for Prometheus and its operators.
const METRICS_CONNECTIONS: usize = 64;
/// Number of descriptors for things other than connections: the database, Redis, mails, files.
const DESCRIPTORS_KEPT: u64 = 128;

/// One instance, ready to serve.
pub struct App {
    platform: Platform,
    store: Store,
    bus: Bus,
    policies: Arc<PolicyCache>,
    status: Arc<BusStatus>,
    registry: Registry,
    /// The listener for metrics.
    metrics: Option<TcpListener>,
    sweep_every: Duration,
    tidy_every: Duration,
    connections: Bounds,
    failures_every: Duration,
    trusted_proxies: TrustedProxies,
    subject_types: SubjectTypes,
    transport: http::Options,
    /// A token that is cancelled when the instance is told to stop, before its listener closes.
    stopping: CancellationToken,
}

impl App {
    /// Plans the model and puts the instance together. It loads no tenant yet.
    pub fn new(parts: AppConfig) -> Result<Self> {
        let plan =
            Plan::from_model(&parts.model).map_err(|error| Error::invalid(format!("the model is refused: {error}")))?;
        promises::check(&plan)?;
        let mut registry = Registry::with_prefix("bailiwick");
        let policies = PolicyCache::new(parts.store.clone(), Arc::new(plan), parts.limits);
        let platform = Platform::new(PlatformConfig {
            store: parts.store.clone(),
            catalogue: parts.catalogue,
            model: parts.model,
            policies: Arc::clone(&policies),
            bus: parts.bus.clone(),
            max_staleness: parts.max_staleness,
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
        let moment = Moment { policies: Arc::clone(&policies), bus: Arc::clone(&status) };
        registry.register_collector(Box::new(moment));
        let AppConfig { sweep_every, tidy_every, failures_every, trusted_proxies, connections, .. } = parts;
        let AppConfig { subject_types, .. } = parts;
        let AppConfig { public_url, graphiql, introspection, .. } = parts;
        let transport = http::Options { public_url, graphiql, introspection, ..http::Options::default() };
        let stopping = CancellationToken::new();
        Ok(Self {
            platform,
            store: parts.store,
            bus: parts.bus,
            policies,
            status,
            registry,
            metrics: None,
            sweep_every,
            tidy_every,
            failures_every,
            trusted_proxies,
            subject_types,
            connections,
            transport,
            stopping,
        })
    }

    /// Returns the instance with this token; once it is cancelled, the instance is not ready any more.
    #[must_use]
    pub fn stopping_with(self, stopping: CancellationToken) -> Self {
        Self { stopping, ..self }
    }

    /// Returns the instance with no more connections than so many descriptors allow, beside other uses of them.
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

    /// Returns the instance with its metrics served on this listener, to anyone who can reach it.
    #[must_use]
    pub fn with_metrics(self, listener: TcpListener) -> Self {
        Self { metrics: Some(listener), ..self }
    }

    /// Returns the use cases, for the command line and for tests.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Returns the store, for benchmarks, which fill it and close it.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the policies in memory.
    pub fn policies(&self) -> &Arc<PolicyCache> {
        &self.policies
    }

    /// Makes the platform's own tenant at the first start. Returns the operator's password if one had to be made; it is
    /// shown this once.
    pub async fn first_start(&self, password: Option<SecretString>) -> Result<Option<SecretString>> {
        let made = password.is_none();
        let password = match password {
            Some(password) => password,
            None => generated_password()?,
        };
        let first = self.platform.ensure_platform(password.clone()).await?;
        Ok((first && made).then_some(password))
    }

    /// Serves until `shutdown`, then lets the requests under way finish.
    pub async fn serve(mut self, listener: TcpListener, shutdown: CancellationToken) -> Result<()> {
        let background = self.start_background(&shutdown);
        let requests = Requests::new(&mut self.registry);
        let counted = Connections::new(&mut self.registry);
        let runner = http::Runner::new(|| self.schema(), graphql::Sizes::of(self.platform.catalogue()))?;
        let options = http::Options { shutdown: shutdown.clone(), ..self.transport.clone() };
        let readiness = PlatformReadiness {
            platform: self.platform.clone(),
            bus: Arc::clone(&self.status),
            stopping: self.stopping.clone(),
        };
        let gate = PlatformGate(self.platform.clone());
        let routes = http::graphql_routes(runner, gate.clone(), options)
            .merge(http::health_routes(readiness))
            .merge(http::authzen::routes(self.platform.clone(), self.subject_types.clone()))
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
        // A proxy brings the connections of many clients.
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

    /// Lets the work behind the requests finish, and closes the database.
    async fn finish(&self, background: &TaskTracker) -> Result<()> {
        self.policies.stop().await;
        self.platform.tasks().close();
        if timeout(WORK, async { tokio::join!(self.platform.tasks().wait(), background.wait()) }).await.is_err() {
            tracing::warn!("work was still under way after {} s", WORK.as_secs());
        }
        self.store.close().await;
        Ok(())
    }

    fn schema(&self) -> async_graphql::SchemaBuilder<graphql::Query, graphql::Mutation, graphql::Subscription> {
        let schema = graphql::build(self.platform.clone());
        // An error that suggests a name would reveal the schema piece by piece.
        if self.transport.introspection { schema } else { schema.disable_suggestions() }
    }

    /// Starts the tasks that run beside the requests.
    fn start_background(&self, shutdown: &CancellationToken) -> TaskTracker {
        let background = TaskTracker::new();
        let applier = Arc::clone(&self.policies);
        background.spawn(listener::run(
            self.bus.clone(),
            Arc::clone(&applier),
            shutdown.clone(),
            Arc::clone(&self.status),
        ));
        background.spawn(sweep::run(applier, self.sweep_every, shutdown.clone()));
        let (platform, until) = (self.platform.clone(), shutdown.clone());
        background.spawn(async move { platform.shadow().run(platform.model().to_owned(), until).await });
        background.spawn(tell_failures(self.platform.clone(), self.failures_every, shutdown.clone()));
        background.spawn(shutdown.clone().run_until_cancelled_owned(tidy(self.platform.clone(), self.tidy_every)));
        background
    }
}

/// Deletes expired data at an interval, and compares the clock with the database's. Each instance does so for all: a
/// second time is cheap.
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

/// Reports failed sign-ins, gathered for a while after the first, and the last ones at the end.
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

/// Makes a password of 144 random bits, with a character of each kind that the security suite asks for.
fn generated_password() -> Result<SecretString> {
    let mut bytes = [0_u8; 18];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    let random = data_encoding::BASE64URL_NOPAD.encode(&bytes);
    Ok(format!("{random}-aA1").into())
}
