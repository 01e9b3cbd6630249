//! The shadow check: casbin's Enforcer makes a sample of the decisions again.

use std::sync::Arc;

use bailiwick::domain::key::{Action, Object, ObjectPattern, TenantKey, UserKey};
use bailiwick::engine::{self, Plan, Snapshot};
use bailiwick::policy::rule::{Rule, Subject};
use bailiwick::service::Platform;
use bailiwick::service::ask::decision::{About, Interface, Query};
use bailiwick::service::ask::shadow::{QUEUE, Sample};
use bailiwick::service::runtime::metrics::ShadowMetrics;
use bailiwick::service::runtime::policy_cache::PolicyCache;
use serde_json::json;

use crate::common::app::{Choices, Database, Instance, eventually};

/// Starts an instance that has each of its decisions checked.
async fn checked(database: &Database) -> Instance {
    Instance::start(database, Choices { shadow_one_in: 1, ..Choices::default() }).await
}

fn shadow(platform: &Platform) -> &ShadowMetrics {
    &platform.metrics().shadow
}

/// Returns the snapshot from which the tenant `acme` decides now.
async fn snapshot(policies: &PolicyCache) -> Arc<Snapshot> {
    let key = TenantKey::parse("acme").unwrap();
    let tenant = policies.get_by_key(&key).await.unwrap().unwrap();
    Arc::clone(&tenant.policy().snapshot)
}

/// Says that `alice` was answered so when she wanted to read the queues.
fn sample(snapshot: &Arc<Snapshot>, allowed: bool) -> Sample {
    Sample {
        snapshot: Arc::clone(snapshot),
        subject: Subject::User(UserKey::parse("alice").unwrap()),
        object: Object::parse("voice/queues").unwrap(),
        action: Action::read(),
        allowed,
    }
}

#[tokio::test]
async fn decisions_are_made_again_and_a_forged_answer_is_caught() {
    let database = Database::sqlite();
    let instance = checked(&database).await;
    let alice = instance.tenant("acme").await;
    let shadow = shadow(&instance.platform);
    for _ in 0..3 {
        assert!(alice.allowed("alice", "read", "voice/queues").await);
        assert!(!alice.allowed("nobody", "read", "voice/queues").await);
    }
    eventually("all are checked", async || shadow.checked.get() + shadow.dropped.get() == 6).await;
    assert!(shadow.checked.get() > 0);
    assert_eq!((shadow.disagreed.get(), shadow.failed.get()), (0, 0));

    let now = snapshot(&instance.policies).await;
    eventually("the forged one is caught", async || {
        instance.platform.shadow().offer(sample(&now, false));
        shadow.disagreed.get() > 0
    })
    .await;
}

#[tokio::test]
async fn a_decision_is_held_against_the_rules_that_it_was_made_from() {
    let database = Database::sqlite();
    let instance = checked(&database).await;
    let alice = instance.tenant("acme").await;
    let shadow = shadow(&instance.platform);
    let before = snapshot(&instance.policies).await;
    let unlicensed = json!({ "tenant": "acme", "modules": [] });
    instance.operator().await.make("TenantSetLicence", unlicensed).await;
    let after = snapshot(&instance.policies).await;
    assert!(!alice.allowed("alice", "read", "voice/queues").await);
    for (rules, allowed) in [(&before, true), (&after, false)] {
        let done = shadow.checked.get();
        eventually("it is checked", async || {
            instance.platform.shadow().offer(sample(rules, allowed));
            shadow.checked.get() > done
        })
        .await;
    }
    assert_eq!(shadow.disagreed.get(), 0);
    eventually("rules of another time are caught", async || {
        instance.platform.shadow().offer(sample(&after, true));
        shadow.disagreed.get() > 0
    })
    .await;
}

#[tokio::test]
async fn answers_do_not_wait_for_the_check() {
    let database = Database::sqlite();
    let instance = checked(&database).await;
    instance.tenant("acme").await;
    let platform = instance.platform.clone();
    let caller = platform.system_caller(&TenantKey::parse("acme").unwrap()).await.unwrap();
    // The worker ends with the instance; its memory still decides.
    instance.stop().await;
    let query = Query {
        subject: About::User(UserKey::parse("alice").unwrap()),
        action: Action::read(),
        object: Object::parse("voice/queues").unwrap(),
        when: bailiwick::service::ask::decision::When::Now,
    };
    let answers = platform.decide_all(&caller, Interface::CommandLine, &vec![query; 1000]).await.unwrap();
    assert!(answers.len() == 1000 && answers.iter().all(|answer| answer.allowed));
    assert_eq!(shadow(&platform).checked.get(), 0);
    assert_eq!(shadow(&platform).dropped.get(), 1000 - QUEUE as u64, "what does not fit is dropped");
}

#[tokio::test]
async fn a_tenant_that_casbin_would_take_too_long_for_is_left_out() {
    let database = Database::sqlite();
    let instance = checked(&database).await;
    let plan = Arc::new(Plan::from_model(engine::MODEL).unwrap());
    let subject = Subject::User(UserKey::parse("alice").unwrap());
    let rules = (0..20_001).map(|n| {
        let object = ObjectPattern::parse(&format!("voice/queues/{n}")).unwrap();
        Rule::allow(subject.clone(), object, (&Action::read()).into())
    });
    let large = Arc::new(Snapshot::build(&plan, &TenantKey::parse("acme").unwrap(), 1, rules));
    // Nothing else is decided here, and the answer is wrong: it would be caught.
    instance.platform.shadow().offer(sample(&large, true));
    let shadow = shadow(&instance.platform);
    assert_eq!((shadow.dropped.get(), shadow.checked.get(), Arc::strong_count(&large)), (1, 0, 1));
}
