//! What an instance shows of itself to Prometheus.

use std::collections::BTreeMap;

use bailiwick::sync::Bus;
use serde_json::json;

use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, eventually, on_both};
use crate::common::operations::document;
use crate::common::servers::RedisServer;

/// The text that Prometheus reads.
async fn text(instance: &Instance) -> String {
    let answer = reqwest::get(format!("{}/metrics", instance.metrics)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let form = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(form.starts_with("application/openmetrics-text; version=1.0.0"), "{form}");
    answer.text().await.unwrap()
}

/// The values by name and labels.
async fn shown(instance: &Instance) -> BTreeMap<String, f64> {
    let text = text(instance).await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let value = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    lines.map(|line| value(line).unwrap()).collect()
}

async fn sign_in(client: &Client, password: &str) {
    let input = json!({ "tenant": "acme", "username": "alice", "password": password });
    client.ask(&document("SignIn"), json!({ "input": input })).await;
}

#[tokio::test]
async fn an_instance_counts_its_work_and_shows_no_key_of_anybody() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
        assert!(alice.allowed("alice", "read", "voice/queues").await);
        assert!(!alice.allowed("ann", "read", "voice/queues").await);
        let input = json!({ "subject": "alice", "action": "read", "object": "voice" });
        assert_eq!(ann.fail("Decision", json!({ "input": input })).await, "FORBIDDEN");
        let evaluation = json!({
            "subject": { "type": "user", "id": "alice" }, "action": { "name": "read" },
            "resource": { "type": "section", "id": "voice" },
        });
        let url = format!("{}/access/v1/evaluation", instance.url);
        let request = reqwest::Client::new().post(url).bearer_auth(alice.token.as_deref().unwrap());
        assert_eq!(request.json(&evaluation).send().await.unwrap().status(), 200);
        sign_in(&instance.stranger(), PASSWORD).await;
        sign_in(&instance.stranger(), "wrong").await;
        for path in ["/healthz", "/users/alice/secret", "/metrics"] {
            reqwest::get(format!("{}{path}", instance.url)).await.unwrap();
        }
        let shown = shown(&instance).await;
        let value =
            |name: &str| *shown.get(&format!("bailiwick_{name}")).unwrap_or_else(|| panic!("{name} in {shown:#?}"));
        for (name, expected) in [
            (r#"decisions_total{face="graphql",result="allow"}"#, 1.0),
            (r#"decisions_total{face="graphql",result="deny"}"#, 1.0),
            (r#"decisions_total{face="graphql",result="refused"}"#, 1.0),
            (r#"decisions_total{face="authzen",result="allow"}"#, 1.0),
            (r#"decisions_total{face="cli",result="allow"}"#, 0.0),
            (r#"sign_ins_total{result="wrong"}"#, 1.0),
            (r#"http_requests_total{route="/access/v1/evaluation",status="200"}"#, 1.0),
            (r#"http_requests_total{route="/healthz",status="200"}"#, 1.0),
            (r#"http_requests_total{route="other",status="404"}"#, 2.0),
            ("tenants_in_memory", 2.0),
            ("bus_connected", 1.0),
            ("bus_reconnects_total", 0.0),
            ("publishes_failed_total", 0.0),
            ("shadow_disagreed_total", 0.0),
            // The first decision of each face is timed.
            ("decision_seconds_count", 2.0),
            (r#"decision_seconds_bucket{le="+Inf"}"#, 2.0),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
        assert!(value(r#"sign_ins_total{result="ok"}"#) >= 3.0);
        assert!(value("rules_in_memory") > 10.0 && value("policies_applied_total") >= 1.0);
        assert!(value("policy_age_seconds") >= 0.0 && value("decision_seconds_sum") > 0.0);
        let text = text(&instance).await;
        for key in ["acme", "alice", "ann", "secret"] {
            assert!(!text.contains(key), "{key} in {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn instances_of_one_process_count_each_for_itself() {
    let database = Database::sqlite();
    let bus = Bus::memory();
    let choices = || Choices { bus: bus.clone(), ..Choices::default() };
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&database, choices()).await);
    let alice = one.tenant("acme").await;
    for _ in 0..3 {
        assert!(alice.allowed("alice", "read", "voice").await);
    }
    let allowed = r#"bailiwick_decisions_total{face="graphql",result="allow"}"#;
    assert_eq!((shown(&one).await[allowed], shown(&other).await[allowed]), (3.0, 0.0));
}

#[tokio::test]
async fn a_bus_that_is_away_is_seen() {
    let mut redis = RedisServer::start();
    let choices = Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let instance = Instance::start(&Database::postgres().await, choices).await;
    let alice = instance.tenant("acme").await;
    let is = async |name: &str, expected: f64| shown(&instance).await[&format!("bailiwick_{name}")] == expected;
    eventually("it hears", async || is("bus_connected", 1.0).await).await;
    assert!(is("publishes_failed_total", 0.0).await);
    redis.kill();
    eventually("it hears nothing", async || is("bus_connected", 0.0).await).await;
    alice.add_profile("Night", "READ").await;
    assert!(is("publishes_failed_total", 1.0).await);
    redis.restart();
    eventually("it hears again", async || is("bus_connected", 1.0).await).await;
    assert!(!is("bus_reconnects_total", 0.0).await);
}
