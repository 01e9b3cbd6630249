//! News that are late, doubled, out of order or made up: they carry no rules, so all they can do is make an instance
//! look.

use bailiwick::domain::key::TenantKey;
use bailiwick::sync::{Bus, CHANNEL, News};
use serde_json::json;

use super::proxy::Proxy;
use super::{acme, all_end_equal, arrives, counters, rules, sees_queues, set_voice};
use crate::common::app::{Choices, Database, Instance, eventually};
use crate::common::servers::RedisServer;

async fn news(instance: &Instance, revision: u64, credential_epoch: u64) -> News {
    let key = TenantKey::parse("acme").unwrap();
    let tenant = instance.policies.get_by_key(&key).await.unwrap().unwrap().id.0;
    News { tenant, revision, credential_epoch, policy_change: None, credential_change: None }
}

#[tokio::test]
async fn news_that_come_twice_or_in_the_wrong_order_change_nothing() {
    let database = Database::postgres().await;
    let bus = Bus::memory();
    let choices = || Choices { bus: bus.clone(), ..Choices::default() };
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&database, choices()).await);
    let alice = acme(&one).await;
    for open in [true, false, true] {
        let revision = set_voice(&alice, open).await;
        arrives(&other, revision).await;
    }
    let (before, held) = (counters(&other).await, rules(&other).await);
    for revision in [before.revision, 1, before.revision - 1, 0, 2, before.revision, before.revision] {
        bus.publish(&news(&other, revision, 0).await).await.unwrap();
    }
    let revision = set_voice(&alice, false).await;
    arrives(&other, revision).await;
    assert_eq!(counters(&other).await.revision, before.revision + 1);
    assert!(!sees_queues(&alice.at(&other)).await);
    set_voice(&alice, true).await;
    eventually("the rules are those of before", async || rules(&other).await == held).await;
    all_end_equal(&database, &[&one, &other]).await;
}

#[tokio::test]
async fn news_made_up_far_ahead_neither_hold_an_instance_up_nor_make_it_ask_for_ever() {
    let database = Database::postgres().await;
    let bus = Bus::memory();
    let choices = || Choices { bus: bus.clone(), ..Choices::default() };
    let (wire, wired) = Proxy::before(&database).await;
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&wired, choices()).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    sees_queues(&there).await;
    for revision in [1_000, u64::MAX, i64::MAX as u64, 1 << 63] {
        bus.publish(&news(&other, revision, u64::MAX).await).await.unwrap();
    }
    let unknown = News { tenant: uuid::Uuid::new_v4(), ..news(&other, 7, 7).await };
    bus.publish(&unknown).await.unwrap();
    let revision = set_voice(&alice, true).await;
    eventually("real news arrive", async || sees_queues(&there).await).await;
    assert_eq!(counters(&other).await.revision, revision);

    // Its memory answers alone: sessions as well as decisions.
    let quiet = async || {
        let before = wire.asked();
        for _ in 0..20 {
            sees_queues(&there).await;
        }
        wire.asked() == before
    };
    eventually("it leaves the database alone", quiet).await;
    // A tenant that was not in memory when they came is loaded all the same.
    let late = Instance::start(&database, choices()).await;
    bus.publish(&news(&one, u64::MAX, u64::MAX).await).await.unwrap();
    assert!(sees_queues(&alice.at(&late)).await);
    all_end_equal(&database, &[&one, &other, &late]).await;
}

#[tokio::test]
async fn garbage_on_the_channel_is_passed_over() {
    let (redis, database) = (RedisServer::start(), Database::postgres().await);
    let choices = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&database, choices()).await);
    let alice = acme(&one).await;
    sees_queues(&alice.at(&other)).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let tenant = news(&one, 0, 0).await.tenant;
    let negative = json!({ "tenant": tenant, "revision": -1, "credential_epoch": 0 }).to_string();
    let huge = "x".repeat(1 << 20);
    for garbage in ["", "{}", "null", "\u{0}\u{1}", "[[[[", &negative, &huge] {
        let () = redis::cmd("PUBLISH").arg(CHANNEL).arg(garbage).query_async(&mut connection).await.unwrap();
    }
    set_voice(&alice, true).await;
    eventually("real news arrive", async || sees_queues(&alice.at(&other)).await).await;
    all_end_equal(&database, &[&one, &other]).await;
}
