//! The use cases, one file per concept, in rooms by what they are for. Only they open a transaction, and each first
//! checks the caller's permission. They know nothing of HTTP, GraphQL or Redis.
//!
//! - [`access`]: who calls, and what they can do: sign-in, passwords, permits, escalation
//! - [`change`]: the one way in which a tenant changes, and its dry run
//! - [`ask`]: decisions, their reasons, searches, and what follows from them: menus, masks, links
//! - [`policy`]: the compiled rules, their history, and other Casbin programs
//! - [`admin`]: what administrators keep: users, profiles, groups, roles, resources, tenants
//! - [`runtime`]: what an instance holds in memory, how it fares, and how it shares its time

pub mod access;
pub mod admin;
pub mod ask;
pub mod change;
pub mod policy;
pub mod runtime;

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;
use url::Url;

use self::access::permit::Vault;
use self::access::{credential, failure, password, session};
use self::ask::shadow;
use self::change::state_cache;
use self::policy::{difference, history};
use self::runtime::{health, metrics, places, policy_cache};
use crate::auth::address::Network;
use crate::auth::password::Passwords;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::TenantId;
use crate::domain::name::Timestamp;
use crate::error::Result;
use crate::mail::Mailer;
use crate::store::Store;
use crate::sync::Bus;
use crate::sync::tally::Tallies;
use crate::turns::Turns;

// Types of the layers below that the transports need: they depend on this layer alone.
pub use self::runtime::health::ProbeResult;
pub use crate::store::opaque;
pub use crate::store::page::{PAGE_DEFAULT, PAGE_MAX, Page, PageOf};
pub use crate::sync::BusStatus;

/// Function that returns the current time. It is a parameter so that tests can set the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that the use cases work with. Cheap to clone: all clones share the same parts.
#[derive(Clone)]
pub struct Platform {
    parts: Arc<Parts>,
}

/// Parts of a [`Platform`].
struct Parts {
    /// Store of everything that lasts, behind its doors.
    vault: Vault,
    /// Catalogue of everything that can be granted.
    catalogue: Arc<Catalogue>,
    /// Text of the Casbin model.
    model: String,
    /// Hex digest of the model.
    model_hash: String,
    /// Policies in memory.
    policies: Arc<policy_cache::PolicyCache>,
    states: state_cache::StateCache,
    /// Bus on which instances tell each other of changes.
    bus: Bus,
    /// Hasher and verifier of passwords.
    passwords: Passwords,
    /// Sender of mails.
    mailer: Mailer,
    /// Public URL of the installation, which links in mails and to pictures lead to.
    installation: Url,
    /// Commits and mails under way; a shutdown waits for them.
    tasks: TaskTracker,
    /// Maximum age of the policies in memory that decisions are made from; without it, there is no maximum.
    max_staleness: Option<Duration>,
    /// Places that the tenants share.
    places: places::Places,
    /// Metrics of the instance.
    metrics: metrics::Metrics,
    /// Shadow check, which repeats some decisions.
    shadow: shadow::Shadow,
    /// Cache of past policies.
    historical: history::HistoricalPolicies,
    /// Cache of differences between policies.
    differences: difference::Differences,
    revisions_kept_seconds: Option<i64>,
    health: health::Health,
    credentials: session::Credentials,
    tallies: Tallies,
    failures: failure::Failures,
    placings: Turns<TenantId>,
    resets: Turns<Network>,
    clock: Clock,
}

/// Parts that a [`Platform`] is built from.
pub struct PlatformConfig {
    /// Store of everything that lasts.
    pub store: Store,
    /// Catalogue of everything that can be granted.
    pub catalogue: Catalogue,
    /// Text of the Casbin model.
    pub model: String,
    /// Policies in memory, of the same store and model.
    pub policies: Arc<policy_cache::PolicyCache>,
    /// Bus on which instances tell each other of changes.
    pub bus: Bus,
    /// Maximum age of the policies in memory that decisions are made from; without it, there is no maximum.
    pub max_staleness: Option<Duration>,
    /// Sender of mails.
    pub mailer: Mailer,
    /// Public URL of the installation.
    pub installation: Url,
    /// Maximum number of users, profiles, custom roles, groups and resources in memory to change, of all tenants
    /// together.
    pub state_in_memory: u64,
    /// Minimum number of seconds for which revisions are kept; without it, they are kept for good.
    pub revisions_kept_seconds: Option<i64>,
    /// Maximum difference between the clock and the database's.
    pub clock_skew_max: Duration,
    /// Casbin's Enforcer repeats one decision in this number; none if it is 0.
    pub shadow_one_in: u32,
    /// Metrics of the instance.
    pub metrics: metrics::Metrics,
    /// Source of the current time.
    pub clock: Clock,
}

impl Platform {
    /// Builds the platform from its parts.
    pub fn new(config: PlatformConfig) -> Result<Self> {
        let PlatformConfig { store, catalogue, model, policies, bus, max_staleness, state_in_memory, .. } = config;
        let PlatformConfig { revisions_kept_seconds, clock_skew_max, shadow_one_in, metrics, mailer, .. } = config;
        let PlatformConfig { installation, clock, .. } = config;
        let states = state_cache::StateCache::new(state_in_memory);
        let model_hash = HEXLOWER.encode(&Sha256::digest(model.as_bytes()));
        let tallies = Tallies::new(&bus);
        Ok(Self {
            parts: Arc::new(Parts {
                vault: Vault::new(store),
                catalogue: Arc::new(catalogue),
                model,
                model_hash,
                policies,
                states,
                bus,
                passwords: Passwords::new()?,
                mailer,
                installation,
                tasks: TaskTracker::new(),
                max_staleness,
                places: places::Places::new(),
                shadow: shadow::Shadow::new(shadow_one_in, metrics.shadow.clone()),
                metrics,
                historical: history::HistoricalPolicies::new(),
                differences: difference::Differences::new(),
                revisions_kept_seconds,
                health: health::Health::new(clock_skew_max),
                credentials: session::Credentials::new(),
                tallies,
                failures: failure::Failures::new(),
                placings: Turns::new(credential::PLACINGS),
                resets: Turns::shared_by(password::RESETS, Network::site),
                clock,
            }),
        })
    }

    /// Returns the catalogue of everything that can be granted.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.parts.catalogue
    }

    /// Returns the text of the Casbin model.
    pub fn model(&self) -> &str {
        &self.parts.model
    }

    /// Returns the hex digest of the model.
    pub fn model_hash(&self) -> &str {
        &self.parts.model_hash
    }

    /// Returns the public URL of the installation, which links in mails and to pictures lead to.
    pub fn installation(&self) -> &Url {
        &self.parts.installation
    }

    /// Returns the counters of the instance.
    pub fn metrics(&self) -> &metrics::Metrics {
        &self.parts.metrics
    }

    /// Returns the shadow check, which repeats some decisions.
    pub fn shadow(&self) -> &shadow::Shadow {
        &self.parts.shadow
    }

    /// Returns the time since the database confirmed what is in memory.
    pub fn policy_age(&self) -> Duration {
        self.parts.policies.age()
    }

    /// Returns the tracker of the commits and mails under way; a shutdown closes it and waits.
    pub fn tasks(&self) -> &TaskTracker {
        &self.parts.tasks
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }
}
