//! A bus that fails: it delays, and never loses a change.

use std::time::{Duration, Instant};

use bailiwick::sync::{Bus, News};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::{acme, all_end_equal, arrives, sees_queues, set_voice, sweeping};
use crate::common::app::{Choices, Client, Database, Instance, eventually};
use crate::common::not_hung;
use crate::common::servers::RedisServer;

async fn hearing(database: &Database, redis: &RedisServer) -> Instance {
    Instance::start(database, Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() }).await
}

/// Waits until the instance can publish again: news that it publishes while it takes Redis to be away are lost, and
/// without a sweep no instance would find them.
async fn publishes_again(instance: &Instance) {
    let news =
        News { tenant: Uuid::nil(), revision: 0, credential_epoch: 0, policy_change: None, credential_change: None };
    eventually("it publishes again", async || instance.bus.publish(&news).await.is_ok()).await;
}

/// Changes the module and sees the news arrive, both ways.
async fn news_travel(alice: &Client, there: &Client) {
    for open in [true, false] {
        set_voice(alice, open).await;
        eventually("news arrive", async || sees_queues(there).await == open).await;
    }
}

/// Makes a way to a Redis as if it were far away: each piece takes 150 milliseconds in each direction.
async fn far_from(redis: &RedisServer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = redis.url().trim_start_matches("redis://").trim_end_matches('/').to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (here, out) = client.into_split();
            let (back, there) = TcpStream::connect(&upstream).await.unwrap().into_split();
            tokio::spawn(carry(here, there));
            tokio::spawn(carry(back, out));
        }
    });
    format!("redis://127.0.0.1:{port}/")
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut bytes = vec![0; 65536];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        tokio::time::sleep(Duration::from_millis(150)).await;
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_redis_that_is_slow_is_not_one_that_is_away() {
    let redis = RedisServer::start();
    let bus = Bus::redis(&far_from(&redis).await).unwrap();
    let database = Database::postgres().await;
    let start = || Instance::start(&database, Choices { bus: bus.clone(), ..Choices::default() });
    let (one, other) = (start().await, start().await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    publishes_again(&one).await;
    // The news of the first change may come before the other instance listens.
    arrives(&other, set_voice(&alice, false).await).await;
    for _ in 0..3 {
        news_travel(&alice, &there).await;
    }
    let metrics = reqwest::get(format!("{}/metrics", one.metrics)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("bailiwick_publishes_failed_total 0"), "{metrics}");
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

    // News published meanwhile are given up in time, and may be lost: the sweep makes up for them.
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
