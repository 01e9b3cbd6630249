//! A bus that fails: it delays, and never loses a change.

use std::time::{Duration, Instant};

use bailiwick::sync::{Bus, News};
use uuid::Uuid;

use super::{acme, all_end_equal, arrives, sees_queues, set_voice, sweeping};
use crate::common::app::{Choices, Client, Database, Instance, eventually};
use crate::common::not_hung;
use crate::common::servers::RedisServer;

async fn hearing(database: &Database, redis: &RedisServer) -> Instance {
    Instance::start(database, Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() }).await
}

/// Waits until the instance can publish again: what it publishes while it takes Redis to be away
/// is lost, and without a sweep nobody would find it.
async fn publishes_again(instance: &Instance) {
    let news =
        News { tenant: Uuid::nil(), revision: 0, credential_epoch: 0, policy_change: None, credential_change: None };
    eventually("it publishes again", async || instance.platform.bus.publish(&news).await.is_ok()).await;
}

/// Changes the module and sees the news arrive, both ways.
async fn news_travel(alice: &Client, there: &Client) {
    for open in [true, false] {
        set_voice(alice, open).await;
        eventually("news arrive", async || sees_queues(there).await == open).await;
    }
}

#[tokio::test]
async fn while_redis_is_away_the_sweep_brings_the_changes_and_after_its_return_the_news_do() {
    let mut redis = RedisServer::start();
    let database = Database::postgres().await;
    let (one, other) = (hearing(&database, &redis).await, hearing(&database, &redis).await);
    let both = Choices {
        bus: Bus::redis(&redis.url()).unwrap(),
        sweep_every: Duration::from_millis(50),
        ..Choices::default()
    };
    let swept = Instance::start(&database, both).await;
    let alice = acme(&one).await;
    news_travel(&alice, &alice.at(&other)).await;
    let heard = super::counters(&other).await;

    redis.kill();
    let asked = Instant::now();
    let revision = set_voice(&alice, true).await;
    not_hung(asked);
    eventually("the sweep brings it", async || sees_queues(&alice.at(&swept)).await).await;
    assert_eq!(super::counters(&other).await, heard, "there is neither news nor a sweep");

    redis.restart();
    arrives(&other, revision).await;
    publishes_again(&one).await;
    news_travel(&alice, &alice.at(&other)).await;
    all_end_equal(&database, &[&one, &other, &swept]).await;
}

#[tokio::test]
async fn a_redis_that_hangs_holds_up_no_change_for_long_and_loses_none() {
    let redis = RedisServer::start();
    let database = Database::postgres().await;
    let bus = Bus::redis(&redis.url()).unwrap();
    let sweep_every = Duration::from_millis(200);
    let other = Instance::start(&database, Choices { bus, sweep_every, ..Choices::default() }).await;
    let one = hearing(&database, &redis).await;
    let alice = acme(&one).await;
    news_travel(&alice, &alice.at(&other)).await;

    // What is published meanwhile is given up in time, and may be lost: that is the sweep's part.
    redis.freeze();
    let asked = Instant::now();
    let mut revision = 0;
    for round in 0..5 {
        revision = set_voice(&alice, round % 2 == 0).await;
    }
    not_hung(asked);
    redis.thaw();
    arrives(&other, revision).await;
    publishes_again(&one).await;
    news_travel(&alice, &alice.at(&other)).await;
    all_end_equal(&database, &[&one, &other]).await;
}

#[tokio::test]
async fn changes_whose_news_never_get_out_arrive_with_the_sweep() {
    // The writer's Redis was never there: as if it had been killed after each commit.
    let dead = RedisServer::reserve();
    let database = Database::postgres().await;
    let (one, other) = (hearing(&database, &dead).await, sweeping(&database).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    for open in [true, false, true] {
        set_voice(&alice, open).await;
        eventually("the sweep brings it", async || sees_queues(&there).await == open).await;
    }
    all_end_equal(&database, &[&one, &other]).await;
}

#[tokio::test]
async fn an_instance_that_ends_after_its_commit_leaves_the_change_to_the_others_sweep() {
    let redis = RedisServer::start();
    let dead = RedisServer::reserve();
    let database = Database::postgres().await;
    let (one, other) = (hearing(&database, &dead).await, sweeping(&database).await);
    let alice = acme(&one).await;
    assert!(!sees_queues(&alice.at(&other)).await);
    let revision = set_voice(&alice, true).await;
    one.stop().await;
    arrives(&other, revision).await;
    assert!(sees_queues(&alice.at(&other)).await);
    let next = hearing(&database, &redis).await;
    assert!(sees_queues(&alice.at(&next)).await);
    all_end_equal(&database, &[&other, &next]).await;
}
