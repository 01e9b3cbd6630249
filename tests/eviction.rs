//! Tenants that make room for others: a dropped tenant is loaded again, and no caller notices.

use std::sync::{Arc, Weak};

use bailiwick::domain::key::{Action, Object, TenantKey};
use bailiwick::service::ask::decision::{About, Interface, Query};
use bailiwick::service::runtime::policy_cache::{Limits, PolicyCache, Tenant};
use bailiwick::sync::Bus;
use futures_util::StreamExt;
use serde_json::json;
use tokio::task::JoinSet;

use crate::common::app::{Choices, Client, Database, Instance, both_databases};

/// Number of tenants that fit into memory here.
const FIT: usize = 2;

/// Starts an instance that has room for two tenants.
async fn small(database: &Database, bus: &Bus) -> Instance {
    let limits = Limits { tenants: FIT, rules: 1_000_000 };
    Instance::start(database, Choices { bus: bus.clone(), limits, ..Choices::default() }).await
}

/// Starts two small instances over one database.
async fn two_small(database: &Database) -> (Instance, Instance) {
    let bus = Bus::memory();
    (small(database, &bus).await, small(database, &bus).await)
}

fn key(name: &str) -> TenantKey {
    TenantKey::parse(name).unwrap()
}

async fn tenant(policies: &PolicyCache, name: &str) -> Arc<Tenant> {
    policies.get_by_key(&key(name)).await.unwrap().unwrap()
}

/// Returns the tenant as it is in memory, without holding it.
async fn watched(policies: &PolicyCache, name: &str) -> Weak<Tenant> {
    Arc::downgrade(&tenant(policies, name).await)
}

/// Uses more tenants than fit, one after the other.
async fn crowd_out(policies: &PolicyCache, others: &[&str]) {
    assert!(others.len() > FIT);
    for name in others {
        tenant(policies, name).await;
    }
}

/// Makes a tenant whose user `dana` holds the profile `night`; returns its admin.
async fn tenant_with_dana(instance: &Instance, name: &str) -> Client {
    let alice = instance.tenant(name).await;
    alice.add_profile("Night", "READ").await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    alice
}

/// Opens or closes Voice for `dana`; returns the revision.
async fn set_voice(alice: &Client, open: bool) -> i64 {
    let version = alice.get("Profile", json!({ "key": "night" })).await["version"].clone();
    let input = json!({ "profile": "night", "module": "voice", "version": version, "all": open });
    alice.make("ProfileSaveModule", input).await["revision"].as_i64().unwrap()
}

async fn may(alice: &Client) -> bool {
    alice.allowed("dana", "read", "voice/queues").await
}

both_databases!(r1_many_tenants_in_turn_are_each_decided_by_their_own_rules);
async fn r1_many_tenants_in_turn_are_each_decided_by_their_own_rules(database: Database) {
    let (one, _) = two_small(&database).await;
    let mut tenants = Vec::new();
    for n in 0..6 {
        let alice = tenant_with_dana(&one, &format!("t{n}")).await;
        let open = n % 2 == 0;
        set_voice(&alice, open).await;
        tenants.push((alice, open));
    }
    for _ in 0..3 {
        for (alice, open) in &tenants {
            assert_eq!(may(alice).await, *open);
        }
    }
    // All are idle now, and the next that comes makes room.
    let held = one.policies.held();
    drop(tenant(&one.policies, "t0").await);
    assert!(held.tenants() <= FIT, "{held:?}");
    let rules: usize = held.rules();
    assert!((1..10_000).contains(&rules), "{held:?}");
}

both_databases!(an_acknowledged_change_holds_at_once_while_tenants_come_and_go);
async fn an_acknowledged_change_holds_at_once_while_tenants_come_and_go(database: Database) {
    let (one, other) = two_small(&database).await;
    let mut writers = JoinSet::new();
    for n in 0..6 {
        let alice = tenant_with_dana(&one, &format!("t{n}")).await;
        let there = alice.at(&other);
        writers.spawn(async move {
            for round in 0..6 {
                let open = round % 2 == 0;
                let revision = set_voice(&alice, open).await;
                assert_eq!(may(&alice).await, open, "here, at once");
                let query = "query($input: DecisionInput!) { decision(input: $input) { allowed revision } }";
                let asked = json!({ "subject": "dana", "action": "read", "object": "voice/queues", "atLeastRevision": revision });
                let answer = there.data(query, json!({ "input": asked })).await;
                assert_eq!(answer["decision"], json!({ "allowed": open, "revision": revision }), "there, at that revision");
            }
        });
    }
    // Others look all the while, so that tenants are in use when room is made.
    let readers: Vec<_> = (0..6).map(|n| (Arc::clone(&one.policies), format!("t{n}"))).collect();
    for (policies, name) in readers {
        writers.spawn(async move {
            for _ in 0..50 {
                let held = tenant(&policies, &name).await;
                tokio::task::yield_now().await;
                let again = tenant(&policies, &name).await;
                assert!(Arc::ptr_eq(&held, &again), "one that is held stays the only one");
            }
        });
    }
    writers.join_all().await;
}

both_databases!(a_subscriber_keeps_its_tenant_and_hears_of_each_change);
async fn a_subscriber_keeps_its_tenant_and_hears_of_each_change(database: Database) {
    let (one, other) = two_small(&database).await;
    let alice = tenant_with_dana(&one, "acme").await;
    for name in ["t0", "t1", "t2"] {
        one.tenant(name).await;
    }
    let caller = other.platform.system_caller(&key("acme")).await.unwrap();
    let changes = other.platform.clone().policy_changes(caller, None).await.unwrap();
    let mut changes = Box::pin(changes);
    let acme = watched(&other.policies, "acme").await;
    for open in [true, false] {
        crowd_out(&other.policies, &["t0", "t1", "t2"]).await;
        let revision = set_voice(&alice, open).await;
        assert_eq!(changes.next().await.unwrap().unwrap().revision, revision.cast_unsigned());
    }
    assert!(acme.upgrade().is_some(), "the same all the while");
    drop(changes);
    crowd_out(&other.policies, &["t0", "t1", "t2"]).await;
    assert!(acme.upgrade().is_none(), "nobody listens any more");
    assert!(!may(&alice.at(&other)).await);
}

both_databases!(who_waits_for_a_revision_gets_it_though_others_crowd_the_tenant_out);
async fn who_waits_for_a_revision_gets_it_though_others_crowd_the_tenant_out(database: Database) {
    let (one, other) = two_small(&database).await;
    let alice = tenant_with_dana(&one, "acme").await;
    for name in ["t0", "t1", "t2"] {
        one.tenant(name).await;
    }
    let platform = &other.platform;
    let caller = platform.system_caller(&key("acme")).await.unwrap();
    let (mut open, mut got) = (false, None);
    // Waiting ends after two seconds, and a busy machine may need longer for all this.
    for _ in 0..5 {
        open = !open;
        let next = tenant(&other.policies, "acme").await.policy().counters.revision + 1;
        let query = Query {
            subject: About::User("dana".to_owned().try_into().unwrap()),
            action: Action::read(),
            object: Object::parse("voice/queues").unwrap(),
            when: bailiwick::service::ask::decision::When::NotBefore(next),
        };
        let change = async {
            crowd_out(&other.policies, &["t0", "t1", "t2"]).await;
            set_voice(&alice, open).await
        };
        let (answer, revision) = tokio::join!(platform.decide(&caller, Interface::CommandLine, &query), change);
        assert_eq!(revision.cast_unsigned(), next);
        got = answer.ok();
        if got.is_some() {
            break;
        }
        tenant(&other.policies, "acme").await;
        assert_eq!(may(&alice.at(&other)).await, open);
    }
    assert_eq!(got.map(|decision| decision.allowed), Some(open));
}

#[tokio::test]
async fn rules_make_room_too_and_a_tenant_larger_than_the_limit_is_served() {
    let database = Database::sqlite();
    let limits = Limits { tenants: 1000, rules: 100 };
    let instance = Instance::start(&database, Choices { limits, ..Choices::default() }).await;
    let mut tenants = Vec::new();
    for n in 0..4 {
        let alice = tenant_with_dana(&instance, &format!("t{n}")).await;
        set_voice(&alice, true).await;
        tenants.push(alice);
    }
    for alice in &tenants {
        assert!(may(alice).await);
    }
    let (last, held) = (tenant(&instance.policies, "t0").await, instance.policies.held());
    let rules = last.policy().snapshot.len();
    assert!(rules > 100, "{rules}");
    assert_eq!((held.tenants(), held.rules()), (1, rules));
}
