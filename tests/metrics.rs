//! The metrics that an instance shows to Prometheus.

use std::collections::BTreeMap;

use bailiwick::sync::Bus;
use serde_json::json;

use crate::common::app::{Choices, Client, Database, Instance, PASSWORD, both, eventually};
use crate::common::operations::document;
use crate::common::servers::RedisServer;

/// Returns the text that Prometheus reads.
async fn text(instance: &Instance) -> String {
    let answer = reqwest::get(format!("{}/metrics", instance.metrics)).await.unwrap();
    assert_eq!(answer.status(), 200);
    let form = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(form.starts_with("application/openmetrics-text; version=1.0.0"), "{form}");
    answer.text().await.unwrap()
}

/// Returns the values by name and labels, as they are written: counts are whole, and gauges are not.
async fn shown(instance: &Instance) -> BTreeMap<String, String> {
    let text = text(instance).await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let value = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
    lines.map(|line| value(line).unwrap()).collect()
}

async fn sign_in(client: &Client, password: &str) {
    let input = json!({ "tenant": "acme", "username": "alice", "password": password });
    client.ask(&document("SignIn"), json!({ "input": input })).await;
}

both!(an_instance_counts_its_work_and_shows_no_key_of_anybody);
async fn an_instance_counts_its_work_and_shows_no_key_of_anybody(instance: Instance) {
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
    let value = |name: &str| {
        let value = shown.get(&format!("bailiwick_{name}"));
        value.unwrap_or_else(|| panic!("{name} in {shown:#?}")).as_str()
    };
    for (name, expected) in [
        (r#"decisions_total{face="graphql",result="allow"}"#, "1"),
        (r#"decisions_total{face="graphql",result="deny"}"#, "1"),
        (r#"decisions_total{face="graphql",result="refused"}"#, "1"),
        (r#"decisions_total{face="authzen",result="allow"}"#, "1"),
        (r#"decisions_total{face="cli",result="allow"}"#, "0"),
        (r#"sign_ins_total{result="wrong"}"#, "1"),
        (r#"http_requests_total{route="/access/v1/evaluation",status="200"}"#, "1"),
        (r#"http_requests_total{route="/healthz",status="200"}"#, "1"),
        // The metrics are not where users are.
        (r#"http_requests_total{route="other",status="404"}"#, "2"),
        ("tenants_in_memory", "2.0"),
        ("bus_connected", "1.0"),
        ("bus_reconnects_total", "0"),
        ("publishes_failed_total", "0"),
        ("shadow_disagreed_total", "0"),
        // The first decision of each face is timed.
        ("decision_seconds_count", "2"),
        (r#"decision_seconds_bucket{le="+Inf"}"#, "2"),
    ] {
        assert_eq!(value(name), expected, "{name}");
    }
    let number = |name| value(name).parse::<f64>().unwrap();
    assert!(number(r#"sign_ins_total{result="ok"}"#) >= 3.0);
    assert!(number("rules_in_memory") > 10.0 && number("policies_applied_total") >= 1.0);
    assert!(number("policy_age_seconds") >= 0.0 && number("decision_seconds_sum") > 0.0);
    let text = text(&instance).await;
    for key in ["acme", "alice", "ann", "secret"] {
        assert!(!text.contains(key), "{key} in {text}");
    }
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
    let (ours, theirs) = (shown(&one).await, shown(&other).await);
    assert_eq!((ours[allowed].as_str(), theirs[allowed].as_str()), ("3", "0"));
}

#[tokio::test]
async fn a_bus_that_is_away_is_seen() {
    let mut redis = RedisServer::start();
    let choices = Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let instance = Instance::start(&Database::postgres().await, choices).await;
    let alice = instance.tenant("acme").await;
    let is = async |name: &str, expected: &str| shown(&instance).await[&format!("bailiwick_{name}")] == expected;
    eventually("it hears", async || is("bus_connected", "1.0").await).await;
    assert!(is("publishes_failed_total", "0").await);
    redis.kill();
    eventually("it hears nothing", async || is("bus_connected", "0.0").await).await;
    alice.add_profile("Night", "READ").await;
    assert!(is("publishes_failed_total", "1").await);
    redis.restart();
    eventually("it hears again", async || is("bus_connected", "1.0").await).await;
    assert!(!is("bus_reconnects_total", "0").await);
}
