//! The use cases, a file per concept. Only they open a transaction, and each asks first who
//! calls. They know nothing of HTTP, GraphQL or Redis.

pub mod api_key;
pub mod audit;
pub mod avatar;
pub mod casbin;
pub mod change;
mod conflict;
mod credential;
pub mod decision;
pub mod difference;
pub mod explain;
mod failure;
pub mod grant;
pub mod group;
pub mod guess;
mod health;
pub mod history;
pub mod import;
pub mod link;
pub mod mask;
pub mod measure;
pub mod menu;
pub mod metrics;
pub mod pace;
pub mod password;
pub mod permit;
mod places;
pub mod policy;
pub mod profile;
pub mod promises;
pub mod pseudonym;
mod rehearsal;
pub mod resource;
pub mod rights;
pub mod role;
pub mod search;
pub mod session;
pub mod shadow;
mod staff;
pub mod tenant;
pub mod tenants;
mod tidy;
pub mod transfer;
mod unseen;
pub mod user;
pub mod verify;
mod working;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;
use url::Url;

use crate::auth::address::Network;
use crate::auth::password::Passwords;
use crate::domain::catalogue::Catalogue;
use crate::domain::key::TenantId;
use crate::domain::name::Timestamp;
use crate::engine::plan::Plan;
use crate::error::Result;
use crate::mail::Mailer;
use crate::store::{Store, hex};
use crate::sync::Bus;
use crate::sync::tally::Tallies;
use crate::turns::Turns;

// What the transports need of the layers below: they know this layer alone.
pub use self::health::Found;
pub use crate::store::opaque;
pub use crate::store::page::{PAGE_DEFAULT, PAGE_MAX, Page, PageOf};
pub use crate::sync::BusStatus;

/// Tells the time. A parameter, so that a test can say what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the use cases work with. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Platform(Arc<Parts>);

/// The parts of a [`Platform`].
pub struct Parts {
    /// Where everything is stored.
    pub store: Store,
    /// What can be granted.
    pub catalogue: Arc<Catalogue>,
    /// The text of the Casbin model.
    pub model: String,
    /// The hex digest of the model.
    pub model_hash: String,
    /// The tenants in memory.
    pub tenants: Arc<tenants::Tenants>,
    workings: working::Workings,
    /// How instances hear of each other's changes.
    pub bus: Bus,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Sends mails.
    pub mailer: Mailer,
    /// The installation, as people reach it: where links in mails and to pictures lead.
    pub installation: Url,
    /// Commits and mails under way; a shutdown waits for them.
    pub tasks: TaskTracker,
    /// How old what is in memory may be to decide from.
    pub max_staleness: Option<Duration>,
    /// What tenants share.
    places: places::Places,
    /// What is counted.
    pub metrics: metrics::Metrics,
    /// Makes some decisions again.
    pub shadow: shadow::Shadow,
    /// Policies of the past that were asked about.
    pasts: history::Pasts,
    /// Differences of policies that were asked for.
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

/// What a [`Platform`] is made of.
pub struct Foundation {
    /// Where everything is stored.
    pub store: Store,
    /// What can be granted.
    pub catalogue: Catalogue,
    /// The text of the Casbin model.
    pub model: String,
    /// The plan made from it.
    pub plan: Plan,
    /// How instances hear of each other's changes.
    pub bus: Bus,
    /// How old what is in memory may be to decide from.
    pub max_staleness: Option<Duration>,
    /// Sends mails.
    pub mailer: Mailer,
    /// The installation, as people reach it.
    pub installation: Url,
    /// How much may be in memory to decide from.
    pub limits: tenants::Limits,
    /// How many users, profiles, custom roles, groups and resources may be in memory to change.
    pub state_in_memory: u64,
    /// For how many seconds revisions are kept at least; for good without it.
    pub revisions_kept_seconds: Option<i64>,
    /// How far the clock may be from the database's.
    pub clock_skew_max: Duration,
    /// One decision in how many is made again by casbin's Enforcer; none with 0.
    pub shadow_one_in: u32,
    /// What is counted.
    pub metrics: metrics::Metrics,
    /// Tells the time.
    pub clock: Clock,
}

impl Deref for Platform {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Platform {
    /// Puts the parts together.
    pub fn new(foundation: Foundation) -> Result<Self> {
        let Foundation { store, catalogue, model, plan, bus, max_staleness, limits, state_in_memory, .. } = foundation;
        let Foundation { revisions_kept_seconds, clock_skew_max, shadow_one_in, metrics, mailer, .. } = foundation;
        let Foundation { installation, clock, .. } = foundation;
        let tenants = tenants::Tenants::new(store.clone(), Arc::new(plan), limits);
        let workings = working::Workings::new(state_in_memory);
        let model_hash = hex(&Sha256::digest(model.as_bytes()));
        let tallies = Tallies::new(&bus);
        Ok(Self(Arc::new(Parts {
            store,
            catalogue: Arc::new(catalogue),
            model,
            model_hash,
            tenants,
            workings,
            bus,
            passwords: Passwords::new()?,
            mailer,
            installation,
            tasks: TaskTracker::new(),
            max_staleness,
            places: places::Places::new(),
            shadow: shadow::Shadow::new(shadow_one_in, metrics.shadow.clone()),
            metrics,
            pasts: history::Pasts::new(),
            differences: difference::Differences::new(),
            revisions_kept_seconds,
            health: health::Health::new(clock_skew_max),
            credentials: session::Credentials::new(),
            tallies,
            failures: failure::Failures::new(),
            placings: Turns::new(credential::PLACINGS),
            resets: Turns::shared_by(password::RESETS, Network::site),
            clock,
        })))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
