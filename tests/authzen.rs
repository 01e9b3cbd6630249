//! `AuthZEN` over HTTP: single evaluations with the certification scenario's fixture and ours, batches,
//! searches, metadata.

mod batch;
mod certification;
mod gateway;
mod metadata;
mod search;
mod shapes;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, merged};

const PATH: &str = "/access/v1/evaluation";

/// Prepares a request, for a test to change and send.
fn to(instance: &Instance, method: Method, client: &Client) -> RequestBuilder {
    at(PATH, instance, method, client)
}

/// Prepares a request to another path.
fn at(path: &str, instance: &Instance, method: Method, client: &Client) -> RequestBuilder {
    let request = reqwest::Client::new().request(method, format!("{}{path}", instance.url));
    match &client.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Sends a request, and returns the status and the body of the answer.
async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(answer.headers().contains_key("x-request-id"), "every answer has an id");
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
    (status, answer.json().await.unwrap())
}

/// Returns the answer to a request at a path that must be answered.
async fn asked_at(path: &str, instance: &Instance, client: &Client, body: &Value) -> Value {
    let (status, answer) = sent(at(path, instance, Method::POST, client).json(body)).await;
    assert_eq!(status, StatusCode::OK, "{path} {body}\n{answer:#}");
    answer
}

/// Returns the code and the field of a refusal at a path.
async fn refused_at(path: &str, instance: &Instance, client: &Client, body: &Value) -> (String, String) {
    let (status, refusal) = sent(at(path, instance, Method::POST, client).json(body)).await;
    let (code, field) = said(&refusal);
    let expected = if code == "FORBIDDEN" { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    assert_eq!(status, expected, "{path} {body}\n{refusal:#}");
    (code.to_owned(), field)
}

async fn evaluate(instance: &Instance, client: &Client, body: &Value) -> (StatusCode, Value) {
    sent(to(instance, Method::POST, client).json(body)).await
}

/// Returns the answer to a request that must be answered.
async fn answer(instance: &Instance, client: &Client, body: &Value) -> Value {
    let (status, answer) = evaluate(instance, client, body).await;
    assert_eq!(status, StatusCode::OK, "{body}\n{answer:#}");
    answer
}

/// Returns the code and the field of a refusal.
fn said(refusal: &Value) -> (&str, String) {
    let extensions = &refusal["errors"][0]["extensions"];
    assert!(extensions["requestId"].is_string() && refusal["errors"][0]["message"].is_string(), "{refusal:#}");
    let path = extensions["field"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path: Vec<_> = path.iter().filter_map(Value::as_str).collect();
    (extensions["code"].as_str().unwrap(), path.join("."))
}

fn asked(subject: &str, action: &str, kind: &str, id: &str) -> Value {
    json!({
        "subject": { "type": "user", "id": subject },
        "action": { "name": action },
        "resource": { "type": kind, "id": id },
    })
}

/// Makes the fixture of the certification scenario: alice reads and writes `record-1`, bob reads it. Returns the host
/// that asks.
async fn fixture(instance: &Instance) -> Client {
    let alice = instance.tenant("acme").await;
    alice.add_user("bob", "AGENT", json!({})).await;
    for (name, actions, member) in [("Readers", &["read"][..], "bob"), ("Writers", &["read", "write"], "alice")] {
        let grant = |action: &&str| json!({ "object": "record/record-1", "action": action, "effect": "ALLOW" });
        let grants: Vec<_> = actions.iter().map(grant).collect();
        alice.make("RoleCreate", json!({ "name": name, "permissions": [], "grants": grants })).await;
        let group = json!({ "name": name, "roles": [name.to_lowercase()], "members": [member] });
        alice.make("GroupCreate", group).await;
    }
    alice.new_service("desk").await
}

both!(the_core_of_the_certification_scenario_passes);
async fn the_core_of_the_certification_scenario_passes(instance: Instance) {
    let desk = fixture(&instance).await;
    let record = |subject, action| asked(subject, action, "record", "record-1");
    let properties = json!({ "role": "admin", "department": "Sales" });
    let mut described = record("bob", "write");
    described["subject"]["properties"] = properties;
    described["action"]["properties"] = json!({ "method": "GET", "soft": true });
    described["resource"]["properties"] = json!({ "owner": "bob", "status": "active" });
    let more = |more| merged(record("alice", "read"), more);
    for (request, decision) in [
        (record("alice", "read"), true),
        (record("alice", "write"), true),
        (record("alice", "delete"), false),
        (record("bob", "read"), true),
        (record("bob", "write"), false),
        (more(json!({ "context": { "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" } })), true),
        (more(json!({ "foo": "bar", "futureField": { "nested": true } })), true),
        (asked("alice", "write", "record", "record-2"), false),
        (asked("alice", "read", "spaceship", "record-1"), false),
        (asked("nonexistent-user", "read", "record", "record-1"), false),
        // Properties that the caller claims for a subject give no right.
        (described, false),
    ] {
        let first = answer(&instance, &desk, &request).await;
        assert_eq!(first["decision"], decision, "{request}");
        assert_eq!(answer(&instance, &desk, &request).await, first, "the same request gives the same answer");
    }
}

both!(the_answer_is_that_of_graphql_with_reason_revision_and_obligations_as_context);
async fn the_answer_is_that_of_graphql_with_reason_revision_and_obligations_as_context(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let masking = json!({ "name": "Masked", "permissionType": "READ", "maskSensitiveData": true });
    alice.make("ProfileCreate", masking).await;
    alice.save_sections("masked", "contacts", json!([automatic("contacts/contacts")])).await;
    alice.add_user("dana", "USER", json!({ "profile": "masked" })).await;
    alice.register("voice/queues", &["B%C3%BCro%201"]).await;
    let desk = alice.new_service("desk").await;
    for (subject, action, kind, id, object) in [
        ("dana", "read", "section", "contacts/contacts", "contacts/contacts"),
        ("dana", "edit", "contacts/contacts", "mia", "contacts/contacts/mia"),
        ("alice", "edit", "voice/queues", "Büro 1", "voice/queues/B%C3%BCro%201"),
        ("alice", "read", "section", "voice", "voice"),
        ("nobody", "read", "section", "voice", "voice"),
    ] {
        let ours = alice.decision(subject, action, object).await;
        let theirs = answer(&instance, &desk, &asked(subject, action, kind, id)).await;
        let context = &theirs["context"];
        assert_eq!(theirs["decision"], ours["allowed"], "{object}");
        assert_eq!((&context["reason"], &context["revision"]), (&ours["reason"], &ours["revision"]));
        assert_eq!(context["obligations"], ours["obligations"], "{object}");
    }
    for (kind, id) in [("service", "dana"), ("user", "role:admin"), ("user", "*"), ("user", "Alice")] {
        let mut request = asked("alice", "read", "section", "voice");
        request["subject"] = json!({ "type": kind, "id": id });
        let stranger = answer(&instance, &desk, &request).await;
        assert_eq!(stranger["decision"], false, "{kind} {id}");
        assert_eq!(stranger["context"]["reason"], "UNKNOWN_SUBJECT");
    }
}

both!(r1_who_may_not_ask_gets_no_answer_and_a_foreign_user_is_an_unknown_one);
async fn r1_who_may_not_ask_gets_no_answer_and_a_foreign_user_is_an_unknown_one(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let desk = alice.new_service("desk").await;
    let zoe = instance.tenant("globex").await;
    zoe.add_user("zoe", "AGENT", json!({})).await;

    let about = |name| asked(name, "unmask", "data", "contacts");
    assert_eq!(answer(&instance, &ann, &about("ann")).await["decision"], true, "about oneself");
    for name in ["alice", "zoe", "nobody", "No Body"] {
        let (status, refusal) = evaluate(&instance, &ann, &about(name)).await;
        assert_eq!((status, said(&refusal).0), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{name}");
    }
    let [foreign, unknown] = ["zoe", "nobody"].map(&about);
    assert_eq!(answer(&instance, &desk, &foreign).await, answer(&instance, &desk, &unknown).await);

    // An operator names the tenant, and nobody else does.
    let operator = instance.operator().await;
    let named = |client| to(&instance, Method::POST, client).header("X-Tenant", "acme").json(&about("ann"));
    assert_eq!(sent(named(&operator)).await.1["decision"], true);
    assert_eq!(sent(named(&desk)).await.0, StatusCode::FORBIDDEN);
}

both!(nobody_is_heard_without_a_credential_that_holds);
async fn nobody_is_heard_without_a_credential_that_holds(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let desk = alice.new_service("desk").await;
    let request = asked("alice", "read", "section", "voice");
    assert_eq!(evaluate(&instance, &desk, &request).await.0, StatusCode::OK);
    alice.make("ApiKeyRemove", json!({ "user": "desk" })).await;
    for client in [&desk, &instance.stranger(), &desk.with_token("nonsense")] {
        // Neither is the body looked at before.
        let request = to(&instance, Method::POST, client).body("{");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(said(&answer.json().await.unwrap()).0, "UNAUTHENTICATED");
    }
}

both!(bad_requests_are_refused_with_the_field_and_the_request_id_comes_back);
async fn bad_requests_are_refused_with_the_field_and_the_request_id_comes_back(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let good = asked("alice", "read", "section", "voice");
    let post = || to(&instance, Method::POST, &alice);
    let mut without = good.clone();
    without["subject"].as_object_mut().unwrap().remove("type");
    let mut number = good.clone();
    number["action"]["name"] = json!(123);
    for (body, field) in [
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        (without.to_string(), "subject.type"),
        (number.to_string(), "action.name"),
    ] {
        let (status, refusal) = sent(post().header("content-type", "application/json").body(body.clone())).await;
        assert_eq!((status, said(&refusal)), (StatusCode::BAD_REQUEST, ("BAD_INPUT", field.to_owned())), "{body}");
    }
    for kind in ["text/plain", "application/json; charset=latin1", "application/x-www-form-urlencoded"] {
        let (status, _) = sent(post().header("content-type", kind).body(good.to_string())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{kind}");
    }
    let large = merged(good.clone(), json!({ "context": { "x": "x".repeat(64 * 1024) } }));
    let (status, refusal) = sent(post().json(&large)).await;
    assert_eq!((status, said(&refusal).0), (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE"));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = to(&instance, method, &alice).json(&good).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["allow"], "POST");
    }
    for (request, status) in [(post().json(&good), 200), (post().body("x"), 400)] {
        let answer = request.header("X-Request-ID", "bfe9eb29-ab87-4ca3-be83").send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["x-request-id"], "bfe9eb29-ab87-4ca3-be83");
    }
}
