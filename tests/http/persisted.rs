//! Queries by their hash, over HTTP.

use sha2::{Digest, Sha256};

use super::*;

const GENERAL: &str = "query Double($n: Int!) {double(n: $n)}";
const ACME: &str = "Bearer of-acme";
const GLOBEX: &str = "Bearer of-globex";

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn extensions(text: &str) -> Value {
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash(text)}})
}

async fn send(app: &Router, bearer: &str, body: &Value) -> Answer {
    let request = HttpRequest::post("/graphql").header("content-type", JSON).header("authorization", bearer);
    call(app, request.body(body.to_string().into()).unwrap()).await
}

/// Sends the text with its hash.
async fn teach(app: &Router, bearer: &str, text: &str) -> Answer {
    send(app, bearer, &json!({"query": text, "extensions": extensions(text), "variables": {"n": 2}})).await
}

/// Sends the hash alone.
async fn name(app: &Router, bearer: &str, text: &str) -> Answer {
    send(app, bearer, &json!({"extensions": extensions(text), "variables": {"n": 3}})).await
}

/// Sends the query by GET, with the text or without.
async fn get(app: &Router, text: &str, with_text: bool) -> Answer {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("extensions", &extensions(text).to_string()).append_pair("variables", r#"{"n": 4}"#);
    if with_text {
        query.append_pair("query", text);
    }
    let request = HttpRequest::get(format!("/graphql?{}", query.finish())).header("authorization", ACME);
    call(app, request.header("accept", NEWER).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_query_that_came_with_its_hash_comes_by_it_alone_from_then_on() {
    let app = app();
    let unknown = name(&app, ACME, GENERAL).await;
    unknown.is(200, "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(unknown.message(), "PersistedQueryNotFound");
    get(&app, GENERAL, false).await.is(400, "PERSISTED_QUERY_NOT_FOUND");

    assert_eq!(teach(&app, ACME, GENERAL).await.json(), json!({"data": {"double": 4}}));
    assert_eq!(name(&app, ACME, GENERAL).await.json(), json!({"data": {"double": 6}}));
    assert_eq!(get(&app, GENERAL, false).await.json(), json!({"data": {"double": 8}}));
    let batch = json!([{"extensions": extensions(GENERAL), "variables": {"n": 5}}, {"query": "{hello}"}]);
    assert_eq!(send(&app, ACME, &batch).await.json()[0], json!({"data": {"double": 10}}));
}

#[tokio::test]
async fn a_query_that_was_sent_before_without_its_hash_is_learnt_with_it() {
    let app = app();
    send(&app, GLOBEX, &json!({"query": GENERAL, "variables": {"n": 1}})).await;
    teach(&app, ACME, GENERAL).await;
    assert_eq!(name(&app, ACME, GENERAL).await.json(), json!({"data": {"double": 6}}));
}

#[tokio::test]
async fn a_hash_of_another_text_is_refused_and_leads_nowhere() {
    let app = app();
    let body = json!({"query": "{hello}", "extensions": extensions(GENERAL)});
    send(&app, ACME, &body).await.is(200, "BAD_INPUT");
    name(&app, ACME, GENERAL).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
    name(&app, ACME, "{hello}").await.is(200, "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn a_mutation_is_run_with_its_hash_but_never_kept_and_never_by_get() {
    let app = app();
    for mutation in ["mutation {touch}", "query A {hello} mutation B {touch}"] {
        let body = json!({"query": mutation, "operationName": mutation.contains('B').then_some("B"), "extensions": extensions(mutation)});
        assert_eq!(send(&app, ACME, &body).await.header("x-touched"), "yes");
        name(&app, ACME, mutation).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
        let named = get(&app, mutation, false).await;
        named.is(400, "PERSISTED_QUERY_NOT_FOUND");
        assert_eq!(named.header("x-touched"), "");
    }
    let taught = get(&app, "mutation {touch}", true).await;
    taught.is(405, "BAD_INPUT");
    assert_eq!(taught.header("x-touched"), "");
}

#[tokio::test]
async fn r1_a_hash_is_known_in_the_tenant_alone_that_taught_it() {
    let app = app();
    teach(&app, ACME, GENERAL).await;
    name(&app, GLOBEX, GENERAL).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
    teach(&app, GLOBEX, GENERAL).await;
    assert_eq!(name(&app, GLOBEX, GENERAL).await.json(), json!({"data": {"double": 6}}));
}

#[tokio::test]
async fn who_has_not_signed_in_is_answered_and_leaves_nothing_behind() {
    let app = app();
    let stranger = "Bearer of-nobody";
    assert_eq!(teach(&app, stranger, GENERAL).await.json(), json!({"data": {"double": 4}}));
    name(&app, stranger, GENERAL).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
    name(&app, ACME, GENERAL).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
    teach(&app, ACME, GENERAL).await;
    name(&app, stranger, GENERAL).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn a_document_with_somebodys_data_in_it_is_not_kept_under_its_hash() {
    let app = app();
    let text = r#"query($n: Int!) {double(n: $n) hello @skip(if: false) __type(name: "Query") {name}}"#;
    assert_eq!(teach(&app, ACME, text).await.json()["data"]["double"], 4);
    name(&app, ACME, text).await.is(200, "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn extensions_that_name_no_hash_as_they_should_are_refused() {
    let app = app();
    for wrong in [
        json!(true),
        json!({"version": 1}),
        json!({"version": 2, "sha256Hash": hash("{hello}")}),
        json!({"version": 1, "sha256Hash": "abc"}),
    ] {
        let body = json!({"query": "{hello}", "extensions": {"persistedQuery": wrong}});
        send(&app, ACME, &body).await.is(400, "BAD_INPUT");
    }
    let other = json!({"query": "{hello}", "extensions": {"persistedQuery": null, "tracing": {}}});
    assert_eq!(send(&app, ACME, &other).await.json(), json!({"data": {"hello": "hello"}}));
}
