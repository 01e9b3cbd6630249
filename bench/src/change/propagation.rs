//! The time that a change takes until another instance, in another process, decides by it, from the moment at which its
//! COMMIT has answered. The floor takes turns with it: a bare message over the same Redis to that process, and one row
//! that it then reads from the same `PostgreSQL`.

use std::sync::{Arc, Mutex};

use bailiwick::auth::caller::Caller;
use bailiwick::domain::Change;
use bailiwick::domain::key::{Object, ProfileKey};
use bailiwick::domain::profile::ModuleSave;
use bailiwick::policy::rule::Subject;
use bailiwick::service::Platform;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::follower::{self, CHANNEL, Said, now};
use crate::child::{Child, Running};
use crate::database::Database;
use crate::engine::ours;
use crate::random::as_f64;
use crate::result::{Findings, Result, Row, Unit, quantile};
use crate::servers::{PostgresServer, RedisServer};
use crate::world::{World, built_in};
use crate::{Options, instance, progress};

/// The cases in the report.
pub(crate) const P50: &str = "propagation";
pub(crate) const P99: &str = "propagation.p99";
/// The floor in the report.
pub(crate) const FLOOR: &str = "floor: publish, receive, one indexed select";
/// The tenant's rules.
pub(crate) const RULES: usize = 1_000;
const WARM_UP: usize = 50;
/// The profile that changes, and the module that opens and closes in it.
const PROFILE: &str = "profile-000";
const MODULE: &str = "voice";
const OBJECT: &str = "voice/queues";

/// The time of the last COMMIT's answer, from the event that the service emits there.
#[derive(Clone, Default)]
struct Committed(Arc<Mutex<Option<u64>>>);

impl<S: tracing::Subscriber> Layer<S> for Committed {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.fields().any(|field| field.name() == "revision")
            && let Ok(mut at) = self.0.lock()
        {
            *at = Some(now());
        }
    }
}

impl Committed {
    fn take(&self) -> Result<u64> {
        let at = self.0.lock().map_err(|error| error.to_string())?.take();
        at.ok_or_else(|| "the service did not say when it had committed".into())
    }
}

/// Makes changes at one instance and waits for each at the other, with a bare message after each.
pub(super) async fn run(
    options: &Options,
    postgres: &PostgresServer,
    redis: &RedisServer,
    findings: &mut Findings,
) -> Result<()> {
    let times = if options.quick { 50 } else { 1_000 };
    progress(&format!("change: {times} changes, until another instance decides by them"));
    let committed = Committed::default();
    let only = Targets::new().with_target("bailiwick::service::change", Level::DEBUG);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(committed.clone().with_filter(only)))?;
    let database = Database::postgres(postgres).await;
    let (writer, subject) = Writer::new(&database.url, &redis.url(), committed).await?;
    let object = Object::parse(OBJECT)?;
    let settings = follower::Settings { database: database.url.clone(), redis: redis.url(), subject, object };
    let mut other = Child::Follow(settings).start()?;
    other.says::<Said>()?;
    let mut publisher = redis::Client::open(redis.url())?.get_multiplexed_async_connection().await?;
    let (mut changes, mut floors) = (Vec::new(), Vec::new());
    for n in 0..WARM_UP + times {
        let changed = writer.change(n % 2 == 0, &mut other).await?;
        let from = now();
        redis::cmd("PUBLISH").arg(CHANNEL).arg([b'x'; 96].as_slice()).exec_async(&mut publisher).await?;
        let Said::Heard { at } = said(&mut other)? else { return Err("not what was published".into()) };
        if n >= WARM_UP {
            changes.push(changed);
            floors.push(elapsed(from, at));
        }
    }
    add(findings, ours::NAME, changes);
    add(findings, FLOOR, floors);
    Ok(())
}

/// A writer that opens and closes a module of a profile at one instance.
struct Writer {
    platform: Platform,
    caller: Caller,
    profile: ProfileKey,
    committed: Committed,
}

impl Writer {
    /// Serves over a new tenant; also returns a user who holds the profile.
    async fn new(database: &str, redis: &str, committed: Committed) -> Result<(Self, Subject)> {
        let app = instance::open(database, Some(redis)).await?;
        let platform = app.platform().clone();
        let world = World::of_size(&built_in()?, instance::tenant()?.as_str(), RULES)?;
        instance::put(&app, &world).await?;
        let profile = ProfileKey::parse(PROFILE)?;
        let holder = world.state.users.values().find(|user| user.enabled && user.profile.as_ref() == Some(&profile));
        let subject = Subject::User(holder.ok_or("a profile that nobody holds")?.key.clone());
        instance::serve(app).await?;
        let caller = platform.system_caller(&instance::tenant()?).await?;
        Ok((Self { platform, caller, profile, committed }, subject))
    }

    /// Makes a change; returns the time from its COMMIT until the other instance decided by it.
    async fn change(&self, open: bool, other: &mut Running) -> Result<f64> {
        let row = self.platform.profile_get(&self.caller, &self.profile).await?.ok_or("a profile that is not there")?;
        let save = ModuleSave { all: Some(open), rights: Change::Keep, sections: None };
        let version = row.profile.version;
        let saved = self.platform.profile_save_module(&self.caller, &self.profile, MODULE, version, save, None).await?;
        let from = self.committed.take()?;
        let Said::Follows { revision, allowed, at } = said(other)? else { return Err("not what was asked".into()) };
        if (revision, allowed) != (saved.revision, open) {
            return Err(format!("revision {revision} came, allowed {allowed}: not {}, {open}", saved.revision).into());
        }
        Ok(elapsed(from, at))
    }
}

/// Waits for the next report of the other process; this process goes on with its own work meanwhile.
fn said(other: &mut Running) -> Result<Said> {
    tokio::task::block_in_place(|| other.says())
}

fn elapsed(from: u64, to: u64) -> f64 {
    as_f64(usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX))
}

fn add(findings: &mut Findings, of: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let p99 = quantile(&times, 0.99);
    let samples = times.len();
    findings.add(P50, of, RULES, Unit::Nanoseconds, times);
    findings.rows.extend(
        p99.and_then(|p99| Row::of(P99, of, RULES, Unit::Nanoseconds, vec![p99])).map(|row| Row { samples, ..row }),
    );
}
