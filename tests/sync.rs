//! The exchange of changes between instances, over a real Redis and within one process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailiwick::sync::{Applier, Bus, BusStatus, CHANNEL, MemoryBus, News, listener, sweep};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::common::not_hung;
use crate::common::servers::RedisServer;

/// Maximum time of anything here on a busy machine.
const BOUND: Duration = Duration::from_secs(20);

/// The calls to the applier.
#[derive(Debug, Clone, Default)]
struct Record {
    heard: Vec<News>,
    checks: usize,
    checks_at_once: usize,
    most_checks_at_once: usize,
}

/// An applier that writes down its calls, and can be held up.
struct Recorder {
    record: watch::Sender<Record>,
    /// Tenants whose calls do not end until they are taken out; the nil one stands for checks.
    held: watch::Sender<HashSet<Uuid>>,
    /// News of this revision make the applier panic.
    poison: Option<u64>,
}

impl Recorder {
    fn new(poison: Option<u64>) -> Arc<Self> {
        Arc::new(Self { record: watch::Sender::default(), held: watch::Sender::default(), poison })
    }

    fn hold(&self, tenant: Uuid) {
        self.held.send_modify(|held| {
            held.insert(tenant);
        });
    }

    fn release(&self, tenant: Uuid) {
        self.held.send_modify(|held| {
            held.remove(&tenant);
        });
    }

    async fn pass(&self, tenant: Uuid) {
        self.held.subscribe().wait_for(|held| !held.contains(&tenant)).await.unwrap();
    }

    /// Waits until the record is as it should be, and returns it.
    async fn until(&self, holds: impl Fn(&Record) -> bool) -> Record {
        let mut record = self.record.subscribe();
        let found = timeout(BOUND, record.wait_for(holds)).await;
        found.unwrap_or_else(|_| panic!("waited in vain: {:?}", self.record.borrow())).unwrap().clone()
    }
}

impl Applier for Recorder {
    async fn heard(&self, news: News) {
        self.record.send_modify(|record| record.heard.push(news));
        assert_ne!(Some(news.revision), self.poison, "poison");
        self.pass(news.tenant).await;
    }

    async fn check_all(&self) {
        self.record.send_modify(|record| {
            record.checks += 1;
            record.checks_at_once += 1;
            record.most_checks_at_once = record.most_checks_at_once.max(record.checks_at_once);
        });
        self.pass(Uuid::nil()).await;
        self.record.send_modify(|record| record.checks_at_once -= 1);
    }
}

/// The listening half of an instance.
struct Instance {
    applier: Arc<Recorder>,
    status: Arc<BusStatus>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Instance {
    fn listen(bus: &Bus) -> Self {
        Self::listen_with(bus, Recorder::new(None))
    }

    fn listen_with(bus: &Bus, applier: Arc<Recorder>) -> Self {
        let (status, shutdown) = (Arc::new(BusStatus::new()), CancellationToken::new());
        let listening = listener::run(bus.clone(), Arc::clone(&applier), shutdown.clone(), Arc::clone(&status));
        Self { applier, status, shutdown, task: tokio::spawn(listening) }
    }

    /// Waits for the check that follows the subscription.
    async fn is_listening(&self) {
        self.applier.until(|record| record.checks > 0).await;
        assert!(self.status.connected());
    }

    async fn hears(&self, news: News) -> Record {
        self.applier.until(|record| record.heard.contains(&news)).await
    }

    async fn ends(self) {
        self.shutdown.cancel();
        timeout(BOUND, self.task).await.expect("the listener ends").unwrap();
        assert!(!self.status.connected());
    }
}

fn news(tenant: Uuid, revision: u64) -> News {
    News { tenant, revision, credential_epoch: 1, policy_change: None, credential_change: None }
}

/// Looks until the condition holds, within the bound.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(BOUND, looking).await.is_ok(), "waited in vain until {what}");
}

/// Publishes until it works: after an outage the bus pauses for a moment between attempts.
async fn publish_at_last(bus: &Bus, news: News) {
    let publishing = async {
        while bus.publish(&news).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, publishing).await.expect("a publish works in the end");
}

#[tokio::test]
async fn news_published_by_one_instance_arrive_at_all_over_redis() {
    let redis = RedisServer::start();
    let (one, other) = (Bus::redis(&redis.url()).unwrap(), Bus::redis(&redis.url()).unwrap());
    let (first, second) = (Instance::listen(&one), Instance::listen(&other));
    first.is_listening().await;
    second.is_listening().await;
    assert_eq!(second.status.last_message_age(), None);

    let news = news(Uuid::new_v4(), 7);
    one.publish(&news).await.unwrap();
    second.hears(news).await;
    first.hears(news).await;
    assert!(second.status.last_message_age().is_some());
}

#[tokio::test]
async fn everything_is_checked_after_the_first_subscription_and_after_redis_was_killed() {
    let mut redis = RedisServer::start();
    let bus = Bus::redis(&redis.url()).unwrap();
    let instance = Instance::listen(&bus);
    instance.is_listening().await;
    bus.publish(&news(Uuid::new_v4(), 1)).await.unwrap();

    redis.kill();
    eventually("the loss is noticed", || !instance.status.connected()).await;
    redis.restart();
    instance.applier.until(|record| record.checks == 2).await;
    assert!(instance.status.connected());
    assert_eq!(instance.status.reconnects(), 1);

    let later = news(Uuid::new_v4(), 2);
    bus.publish(&later).await.expect("the first publish after a restart does not fall to the dead connection");
    instance.hears(later).await;
}

#[tokio::test]
async fn a_redis_that_does_not_answer_at_start_stops_nobody_and_is_heard_once_it_does() {
    let mut redis = RedisServer::reserve();
    let bus = Bus::redis(&redis.url()).unwrap();
    let instance = Instance::listen(&bus);
    for revision in 1..=3 {
        let asked = Instant::now();
        assert!(bus.publish(&news(Uuid::new_v4(), revision)).await.is_err());
        not_hung(asked);
    }
    assert!(!instance.status.connected());

    redis.restart();
    instance.is_listening().await;
    assert_eq!(instance.status.reconnects(), 0);
    let news = news(Uuid::new_v4(), 4);
    publish_at_last(&bus, news).await;
    instance.hears(news).await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_noticed_and_publishes_fail_until_it_goes_on() {
    let redis = RedisServer::start();
    let bus = Bus::redis(&redis.url()).unwrap();
    let instance = Instance::listen(&bus);
    instance.is_listening().await;
    bus.publish(&news(Uuid::new_v4(), 1)).await.unwrap();

    redis.freeze();
    for revision in 2..=12 {
        let asked = Instant::now();
        assert!(bus.publish(&news(Uuid::new_v4(), revision)).await.is_err());
        not_hung(asked);
    }
    eventually("the silence is noticed", || !instance.status.connected()).await;

    redis.thaw();
    instance.applier.until(|record| record.checks == 2).await;
    let news = news(Uuid::new_v4(), 13);
    publish_at_last(&bus, news).await;
    instance.hears(news).await;
}

#[tokio::test]
async fn a_message_that_is_not_news_is_passed_over() {
    let redis = RedisServer::start();
    let bus = Bus::redis(&redis.url()).unwrap();
    let instance = Instance::listen(&bus);
    instance.is_listening().await;

    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for garbage in [&b"not json"[..], b"", b"\xff\xfe", br#"{"tenant":"acme","revision":1}"#, b"[1,2]"] {
        let () = redis::cmd("PUBLISH").arg(CHANNEL).arg(garbage).query_async(&mut connection).await.unwrap();
    }
    let news = news(Uuid::new_v4(), 3);
    bus.publish(&news).await.unwrap();
    let record = instance.hears(news).await;
    assert_eq!(record.heard, [news]);
    assert_eq!(instance.status.reconnects(), 0);
}

#[tokio::test]
async fn shutdown_ends_a_listener_that_hears_one_that_waits_for_redis_and_one_whose_applier_is_busy() {
    let redis = RedisServer::start();
    let listening = Instance::listen(&Bus::redis(&redis.url()).unwrap());
    listening.is_listening().await;
    listening.ends().await;

    let away = RedisServer::reserve();
    Instance::listen(&Bus::redis(&away.url()).unwrap()).ends().await;

    let bus = Bus::memory();
    let busy = Instance::listen(&bus);
    busy.is_listening().await;
    let news = news(Uuid::new_v4(), 1);
    busy.applier.hold(news.tenant);
    bus.publish(&news).await.unwrap();
    busy.hears(news).await;
    busy.ends().await;
}

#[tokio::test]
async fn news_of_a_busy_tenant_are_merged_into_the_highest_and_hold_up_no_other_tenant() {
    let redis = RedisServer::start();
    for bus in [Bus::memory(), Bus::redis(&redis.url()).unwrap()] {
        let instance = Instance::listen(&bus);
        instance.is_listening().await;
        let (busy, other) = (Uuid::new_v4(), Uuid::new_v4());
        instance.applier.hold(busy);
        bus.publish(&news(busy, 1)).await.unwrap();
        instance.hears(news(busy, 1)).await;

        for revision in [3, 100, 2, 57] {
            bus.publish(&news(busy, revision)).await.unwrap();
        }
        bus.publish(&News {
            tenant: busy,
            revision: 4,
            credential_epoch: 9,
            policy_change: None,
            credential_change: None,
        })
        .await
        .unwrap();
        // The bus keeps the order, so when these are heard, all of the above have come in.
        bus.publish(&news(other, 1)).await.unwrap();
        instance.hears(news(other, 1)).await;

        instance.applier.release(busy);
        let highest =
            News { tenant: busy, revision: 100, credential_epoch: 9, policy_change: None, credential_change: None };
        let record = instance.hears(highest).await;
        assert_eq!(record.heard, [news(busy, 1), news(other, 1), highest]);
    }
}

#[tokio::test]
async fn instances_of_one_process_hear_each_other_over_the_memory_bus() {
    let bus = Bus::memory();
    let (first, second) = (Instance::listen(&bus), Instance::listen(&bus.clone()));
    first.is_listening().await;
    second.is_listening().await;
    let news = news(Uuid::new_v4(), 5);
    bus.publish(&news).await.unwrap();
    first.hears(news).await;
    second.hears(news).await;
}

#[tokio::test]
async fn a_listener_that_lies_too_far_behind_checks_everything() {
    let bus = Bus::Memory(MemoryBus::with_capacity(2));
    let instance = Instance::listen(&bus);
    instance.is_listening().await;
    // This runs on one thread and publishing within a process does not wait, so the listener
    // has no turn before the channel overflows.
    let tenant = Uuid::new_v4();
    for revision in 1..=50 {
        bus.publish(&news(tenant, revision)).await.unwrap();
    }
    instance.applier.until(|record| record.checks == 2).await;
    instance.hears(news(tenant, 50)).await;
}

#[tokio::test]
async fn checks_asked_for_during_a_check_make_one_more() {
    let bus = Bus::Memory(MemoryBus::with_capacity(2));
    let applier = Recorder::new(None);
    applier.hold(Uuid::nil());
    let instance = Instance::listen_with(&bus, applier);
    instance.is_listening().await;
    for round in 1..=3 {
        let tenant = Uuid::new_v4();
        for revision in 1..=50 {
            bus.publish(&news(tenant, revision)).await.unwrap();
        }
        let record = instance.hears(news(tenant, 50)).await;
        assert_eq!(record.checks, 1, "in round {round}");
    }
    instance.applier.release(Uuid::nil());
    let record = instance.applier.until(|record| record.checks == 2 && record.checks_at_once == 0).await;
    assert_eq!(record.most_checks_at_once, 1);
    let news = news(Uuid::new_v4(), 1);
    bus.publish(&news).await.unwrap();
    assert_eq!(instance.hears(news).await.checks, 2);
}

#[tokio::test]
async fn a_fault_of_the_applier_makes_no_one_deaf() {
    let bus = Bus::memory();
    let instance = Instance::listen_with(&bus, Recorder::new(Some(13)));
    instance.is_listening().await;
    let tenant = Uuid::new_v4();
    bus.publish(&news(tenant, 13)).await.unwrap();
    instance.hears(news(tenant, 13)).await;
    bus.publish(&news(tenant, 14)).await.unwrap();
    instance.hears(news(tenant, 14)).await;
}

#[tokio::test]
async fn the_sweep_checks_again_and_again_one_at_a_time_until_shutdown() {
    let (applier, shutdown) = (Recorder::new(None), CancellationToken::new());
    applier.hold(Uuid::nil());
    let every = Duration::from_millis(2);
    let task = tokio::spawn(sweep::run(Arc::clone(&applier), every, shutdown.clone()));
    applier.until(|record| record.checks == 1).await;
    applier.release(Uuid::nil());
    let record = applier.until(|record| record.checks >= 5).await;
    assert_eq!(record.most_checks_at_once, 1);
    shutdown.cancel();
    timeout(BOUND, task).await.expect("the sweep ends").unwrap();
}
