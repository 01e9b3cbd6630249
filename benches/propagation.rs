//! How long a change takes until another instance decides by it, from the moment at which its
//! COMMIT has answered; beside the floor, measured in turns with it: a bare publish and receive
//! over the same Redis, and one select by primary key in the same `PostgreSQL`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "it stops at the first fault")]

#[path = "../tests/common"]
mod common {
    #[expect(dead_code, reason = "the tests also kill and restart servers")]
    pub(crate) mod servers;
}

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bailiwick::app::{App, Parts, system_clock};
use bailiwick::auth::caller::Caller;
use bailiwick::config::catalogue;
use bailiwick::domain::Change;
use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::key::{Action, ModuleKey, Object, ProfileKey, TenantKey, UserKey};
use bailiwick::domain::name::Name;
use bailiwick::domain::profile::{ModuleSave, NewProfile, PermissionType};
use bailiwick::domain::user::{BaseRole, Telephony, Username};
use bailiwick::mail::Mailer;
use bailiwick::policy::rule::Subject;
use bailiwick::service::Platform;
use bailiwick::service::tenant::{NewAdmin, NewTenant};
use bailiwick::service::tenants::Limits;
use bailiwick::service::user::NewUser;
use bailiwick::store::Store;
use bailiwick::sync::Bus;
use common::servers::{PostgresServer, RedisServer};
use futures_util::StreamExt as _;
use redis::aio::{MultiplexedConnection, PubSub};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use uuid::Uuid;

const CHANGES: usize = 1_000;
const WARM_UP: usize = 50;
/// Nothing here takes this long, unless it is lost.
const BOUND: Duration = Duration::from_secs(10);

/// Notes when a COMMIT has answered, by the event that the service leaves there.
#[derive(Clone, Default)]
struct Committed(Arc<Mutex<Option<Instant>>>);

impl<S: tracing::Subscriber> Layer<S> for Committed {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.fields().any(|field| field.name() == "revision") {
            *self.0.lock().unwrap() = Some(Instant::now());
        }
    }
}

#[tokio::main]
async fn main() {
    let committed = Committed::default();
    let only = Targets::new().with_target("bailiwick::service::change", Level::DEBUG);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(committed.clone().with_filter(only)))
        .unwrap();
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let url = postgres.create_database().await;
    let (one, other) = (instance(&url, &redis.url()).await, instance(&url, &redis.url()).await);
    let writer = Writer::new(one, committed).await;
    let mut follower = Follower::new(&other).await;
    let mut floor = Floor::new(&url, &redis.url()).await;
    let (mut changes, mut floors) = (Vec::new(), Vec::new());
    for n in 0..WARM_UP + CHANGES {
        let open = n % 2 == 0;
        let (revision, at) = writer.save(open).await;
        let arrived = follower.arrives(revision, open).await;
        let bare = floor.measure().await;
        if n >= WARM_UP {
            changes.push(arrived.saturating_duration_since(at));
            floors.push(bare);
        }
    }
    report(changes, floors);
}

/// Starts an instance that hears of changes over Redis alone.
async fn instance(database: &str, redis: &str) -> Platform {
    let store = Store::connect(database, 8).await.unwrap();
    store.migrate().await.unwrap();
    let parts = Parts {
        store,
        bus: Bus::redis(redis).unwrap(),
        catalogue: catalogue::built_in().unwrap(),
        model: bailiwick::engine::MODEL.to_owned(),
        max_staleness: None,
        sweep_every: Duration::from_hours(1),
        tidy_every: Duration::from_hours(1),
        state_in_memory: 1_000_000,
        limits: Limits { tenants: 1000, rules: 10_000_000 },
        shadow_one_in: 1000,
        public_url: None,
        installation: "http://localhost".parse().unwrap(),
        mailer: Mailer::folder(std::env::temp_dir(), "bailiwick@localhost".parse().unwrap()),
        clock: system_clock(),
    };
    let app = App::new(parts).unwrap();
    app.first_start(Some("Operator-1".into())).await.unwrap();
    let platform = app.platform().clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tokio::spawn(app.serve(listener, CancellationToken::new()));
    platform
}

fn acme() -> TenantKey {
    TenantKey::parse("acme").unwrap()
}

/// Opens and closes a module of a profile at one instance.
struct Writer {
    platform: Platform,
    caller: Caller,
    profile: ProfileKey,
    committed: Committed,
}

impl Writer {
    /// Makes a tenant with all modules and a user `uma` that holds the profile.
    async fn new(platform: Platform, committed: Committed) -> Self {
        let system = platform.system_caller(&TenantKey::parse(TenantKey::PLATFORM).unwrap()).await.unwrap();
        platform.create_tenant(&system, tenant(&platform.catalogue), None).await.unwrap();
        let caller = platform.system_caller(&acme()).await.unwrap();
        let profile = NewProfile {
            id: Uuid::now_v7(),
            key: None,
            name: Name::parse("Desk").unwrap(),
            description: String::new(),
            permission_type: PermissionType::Read,
            mask_sensitive_data: false,
        };
        let profile = platform.create_profile(&caller, profile, None).await.unwrap().value;
        let user = NewUser {
            username: Username::parse("uma").unwrap(),
            full_name: Name::parse("Uma").unwrap(),
            email: None,
            password: None,
            base_role: BaseRole::User,
            profile: Some(profile.clone()),
            role: None,
            groups: std::collections::BTreeSet::new(),
            extension: None,
            telephony: Telephony::default(),
        };
        platform.create_user(&caller, user, None).await.unwrap();
        Self { platform, caller, profile, committed }
    }

    /// Makes a change; gives its revision, and when its COMMIT had answered.
    async fn save(&self, open: bool) -> (u64, Instant) {
        let row = self.platform.profile(&self.caller, &self.profile).await.unwrap().unwrap();
        let save = ModuleSave { all: Some(open), rights: Change::Keep, sections: None };
        let saved = self.platform.save_module(&self.caller, &self.profile, "voice", row.profile.version, save, None);
        let revision = saved.await.unwrap().revision;
        (revision, self.committed.0.lock().unwrap().take().expect("the service says when it has committed"))
    }
}

fn tenant(catalogue: &Catalogue) -> NewTenant {
    let modules = catalogue.modules().iter().filter(|module| !module.platform);
    let modules: std::collections::BTreeSet<ModuleKey> = modules.map(|module| module.key.clone()).collect();
    let admin = NewAdmin {
        username: Username::parse("alice").unwrap(),
        full_name: Name::parse("Alice").unwrap(),
        email: None,
        password: "Secret-12".into(),
    };
    NewTenant { key: acme(), name: Name::parse("Acme").unwrap(), modules, admin }
}

/// Decides at the other instance, as soon as a revision is there.
struct Follower {
    seen: mpsc::UnboundedReceiver<(u64, bool, Instant)>,
}

impl Follower {
    async fn new(platform: &Platform) -> Self {
        let tenant = platform.tenants.get_by_key(&acme()).await.unwrap().unwrap();
        let subject = Subject::User(UserKey::parse("uma").unwrap());
        let object = Object::parse("voice/queues").unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let mut changes = tenant.changes();
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let policy = tenant.policy();
                let allowed = policy.allows(&subject, &object, &Action::read());
                let _ = sender.send((policy.counters.revision, allowed, Instant::now()));
            }
        });
        Self { seen }
    }

    /// When the revision was there and decided as it should.
    async fn arrives(&mut self, revision: u64, expected: bool) -> Instant {
        loop {
            let next = tokio::time::timeout(BOUND, self.seen.recv()).await;
            let (seen, allowed, at) = next.unwrap_or_else(|_| panic!("revision {revision} never arrived")).unwrap();
            if seen >= revision {
                assert_eq!((seen, allowed), (revision, expected));
                return at;
            }
        }
    }
}

/// What no way of telling another instance can be faster than.
struct Floor {
    publisher: MultiplexedConnection,
    subscriber: PubSub,
    database: DatabaseConnection,
    select: Statement,
}

impl Floor {
    const CHANNEL: &str = "floor";

    async fn new(database: &str, redis: &str) -> Self {
        let client = redis::Client::open(redis).unwrap();
        let mut subscriber = client.get_async_pubsub().await.unwrap();
        subscriber.subscribe(Self::CHANNEL).await.unwrap();
        let publisher = client.get_multiplexed_async_connection().await.unwrap();
        let options = ConnectOptions::new(database).max_connections(2).sqlx_logging(false).to_owned();
        let database = Database::connect(options).await.unwrap();
        let id = "SELECT id FROM tenants WHERE key = 'acme'";
        let id = database.query_one_raw(Statement::from_string(database.get_database_backend(), id)).await.unwrap();
        let id: Uuid = id.unwrap().try_get("", "id").unwrap();
        let select = Statement::from_sql_and_values(
            database.get_database_backend(),
            "SELECT revision, credential_epoch FROM tenants WHERE id = $1",
            [id.into()],
        );
        Self { publisher, subscriber, database, select }
    }

    async fn measure(&mut self) -> Duration {
        let from = Instant::now();
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(Self::CHANNEL).arg([b'x'; 96].as_slice());
        let mut messages = self.subscriber.on_message();
        let (published, heard) = tokio::join!(publish.exec_async(&mut self.publisher), messages.next());
        published.unwrap();
        heard.expect("a message");
        self.database.query_one_raw(self.select.clone()).await.unwrap().expect("a row");
        from.elapsed()
    }
}

fn report(changes: Vec<Duration>, floors: Vec<Duration>) {
    let (change, floor) = (Percentiles::of(changes), Percentiles::of(floors));
    println!("{:<44} {:>9} {:>9}", format!("{CHANGES} times"), "p50", "p99");
    for (what, times) in
        [("change -> enforced on another instance", &change), ("publish -> receive, and one select", &floor)]
    {
        println!("{what:<44} {:>6} µs {:>6} µs", times.p50.as_micros(), times.p99.as_micros());
    }
    let ratio = |time: Duration, floor: Duration| time.as_secs_f64() / floor.as_secs_f64();
    println!("{:<44} {:>7.2} × {:>7.2} ×", "ratio", ratio(change.p50, floor.p50), ratio(change.p99, floor.p99));
}

struct Percentiles {
    p50: Duration,
    p99: Duration,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| *times.get((times.len() - 1) * percent / 100).expect("there are times");
        Self { p50: at(50), p99: at(99) }
    }
}
