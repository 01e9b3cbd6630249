//! Several writers, and several first readers, at the same moment.

use std::sync::Arc;

use bailiwick::domain::key::TenantKey;
use serde_json::{Value, json};

use super::proxy::{Proxy, Wire};
use super::{SAVE, acme, all_end_equal, arrives, counters, on_pairs, sees_queues, set_voice, voice_input};
use crate::common::app::{Choices, Client, Database, Instance, eventually};

/// Makes a role with a grant of its own; returns the revision.
async fn make_role(alice: &Client, name: &str) -> u64 {
    let grants = json!([{ "object": format!("host/{name}"), "action": "use" }]);
    let input = json!({ "name": name, "permissions": [], "grants": grants });
    let create =
        "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { revision userErrors { code message } } }";
    let made = alice.done(create, json!({ "input": input })).await;
    made["revision"].as_u64().unwrap()
}

#[tokio::test]
async fn two_writers_on_one_tenant_at_two_instances_take_turns() {
    on_pairs(async |database, one, other| {
        let alice = acme(&one).await;
        let before = counters(&one).await.revision;
        let write = async |client: Client, who: &str| {
            let mut revisions = Vec::new();
            for n in 0..20 {
                revisions.push(make_role(&client, &format!("{who}-{n}")).await);
            }
            revisions
        };
        let (mut all, theirs) = tokio::join!(write(alice.clone(), "one"), write(alice.at(&other), "other"));
        all.extend(theirs);
        all.sort_unstable();
        assert!(all.iter().copied().eq(before + 1..=before + 40), "{all:?}");
        all_end_equal(&database, &[&one, &other]).await;
    })
    .await;
}

#[tokio::test]
async fn more_writers_on_one_tenant_than_connections_do_not_keep_each_other_from_catching_up() {
    on_pairs(async |database, one, other| {
        let alice = acme(&one).await;
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..16 {
            for (who, client) in [("one", alice.clone()), ("other", alice.at(&other))] {
                writers.spawn(async move { make_role(&client, &format!("{who}-{n}")).await });
            }
        }
        let revisions: std::collections::BTreeSet<u64> = writers.join_all().await.into_iter().collect();
        assert_eq!(revisions.len(), 32);
        all_end_equal(&database, &[&one, &other]).await;
    })
    .await;
}

#[tokio::test]
async fn many_first_uses_of_a_tenant_at_the_same_time_load_it_once() {
    let database = Database::postgres().await;
    let one = Instance::start(&database, Choices::default()).await;
    set_voice(&acme(&one).await, true).await;
    let (wire, wired) = Proxy::before(&database).await;
    let other = Instance::start(&wired, Choices::default()).await;
    let (key, before) = (TenantKey::parse("acme").unwrap(), wire.loads());
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (policies, key) = (Arc::clone(&other.policies), key.clone());
        uses.spawn(async move { policies.get_by_key(&key).await.unwrap().unwrap() });
    }
    let tenants = uses.join_all().await;
    assert!(tenants.iter().all(|tenant| Arc::ptr_eq(tenant, &tenants[0])));
    // A connection shows its first load alone, and the start has loaded the platform's tenant on
    // one. Loads at the same time are on several.
    assert!(wire.loads() - before <= 1, "{} connections have loaded it", wire.loads() - before);
}

/// Sends a mutation, and hangs up once `until` is done.
async fn hang_up(client: &Client, variables: Value, until: impl Future<Output = ()>) {
    tokio::select! {
        answer = client.ask(SAVE, variables) => panic!("answered: {answer}"),
        () = until => {}
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_during_the_commit_does_not_stop_the_change_half_way() {
    let database = Database::postgres().await;
    let redis = crate::common::servers::RedisServer::start();
    let choices = || Choices { bus: super::Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let (wire, wired) = Proxy::before(&database).await;
    let (one, other) = (Instance::start(&wired, choices()).await, Instance::start(&database, choices()).await);
    let alice = acme(&one).await;
    let there = alice.at(&other);
    assert!(!sees_queues(&there).await);
    let input = voice_input(&alice, true).await;
    wire.set(Wire::HoldsCommit);
    hang_up(&alice, input, wire.is(Wire::Holding)).await;
    assert!(!sees_queues(&alice).await);
    wire.set(Wire::Open);
    eventually("the change holds here", async || sees_queues(&alice).await).await;
    eventually("and there", async || sees_queues(&there).await).await;
    all_end_equal(&database, &[&one, &other]).await;
}

#[tokio::test]
async fn clients_that_hang_up_at_any_moment_leave_whole_changes_or_none() {
    on_pairs(async |database, one, other| {
        let alice = acme(&one).await;
        sees_queues(&alice.at(&other)).await;
        for round in 0..30_u64 {
            let input = voice_input(&alice, round % 2 == 0).await;
            let hang_up = tokio::time::sleep(std::time::Duration::from_micros(400 * round));
            tokio::select! {
                _ = alice.ask(SAVE, input) => {}
                () = hang_up => {}
            }
        }
        // Changes that were begun may still be at work: a last one goes behind them.
        let last = make_role(&alice, "last").await;
        arrives(&other, last).await;
        all_end_equal(&database, &[&one, &other]).await;
    })
    .await;
}
