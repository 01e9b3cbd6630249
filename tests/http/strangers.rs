//! Callers who have not signed in: their requests are small, and come one at a time.

use super::*;

const BEARER: (&str, &str) = ("authorization", "Bearer of-acme");

async fn send_json(headers: &[(&str, &str)], body: String) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("content-type", JSON), ("accept", NEWER)]).collect();
    send(Method::POST, "/graphql", &headers, body).await
}

#[tokio::test]
async fn a_stranger_sends_short_documents() {
    let of = |bytes: usize| json!({ "query": format!("{{hello}}{}", " ".repeat(bytes - 7)) }).to_string();
    assert_eq!(send_json(&[], of(limits::STRANGERS_DOCUMENT)).await.status, 200);
    let answer = send_json(&[], of(limits::STRANGERS_DOCUMENT + 1)).await;
    answer.is(400, "BAD_INPUT");
    assert!(answer.message().contains("sign in first") && answer.message().contains("4096"), "{}", answer.text);
    assert_eq!(send_json(&[BEARER], of(limits::STRANGERS_DOCUMENT + 1)).await.status, 200);
    // A token that stands for nobody makes nobody known.
    send_json(&[("authorization", "Bearer nobody")], of(limits::STRANGERS_DOCUMENT + 1)).await.is(400, "BAD_INPUT");
}

#[tokio::test]
async fn a_stranger_sends_one_operation_at_a_time() {
    let batch = json!([{ "query": "{hello}" }, { "query": "{hello}" }]).to_string();
    let answer = send_json(&[], batch.clone()).await;
    answer.is(401, "UNAUTHENTICATED");
    assert!(answer.message().contains("several operations"), "{}", answer.text);
    assert_eq!(send_json(&[BEARER], batch).await.json()[1]["data"]["hello"], "hello");
}

#[tokio::test]
async fn a_stranger_sends_small_bodies() {
    let of = |bytes: usize| format!("{}{}", json!({ "query": "{hello}" }), " ".repeat(bytes - 19));
    assert_eq!(send_json(&[], of(limits::STRANGERS_BODY)).await.status, 200);
    send_json(&[], of(limits::STRANGERS_BODY + 1)).await.is(413, "TOO_LARGE");
    assert_eq!(send_json(&[BEARER], of(limits::STRANGERS_BODY + 1)).await.status, 200);
}

#[tokio::test]
async fn a_large_body_is_read_only_behind_a_credential_that_holds() {
    // Of this body nothing ever comes: whoever waits for it waits for its time limit.
    let never = || Body::from_stream(stream::pending::<std::io::Result<String>>());
    let request = |bearer: &str| {
        HttpRequest::post("/graphql").header("content-type", JSON).header("authorization", format!("Bearer {bearer}"))
    };
    call(&app(), request("unauthenticated").body(never()).unwrap()).await.is(401, "UNAUTHENTICATED");
    call(&app(), request("rate-limited").body(never()).unwrap()).await.is(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_stranger_is_told_the_schema_and_told_the_same_again() {
    let app = app();
    let query = "query Told { __schema { queryType { name fields { name } } } }";
    let mut told = Vec::new();
    for _ in 0..2 {
        let body = json!({ "query": query }).to_string();
        let request = HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap();
        told.push(call(&app, request).await.json());
    }
    assert_eq!(told[0]["data"]["__schema"]["queryType"]["name"], "Query");
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn introspection_that_asks_for_more_than_the_schema_twice_is_refused() {
    let usual = include_str!("introspection.graphql");
    assert_eq!(ask(usual).await.json().get("errors"), None);
    let twice = format!("{usual} fragment Again on Query {{ again: __schema {{ types {{ ...Type }} }} }}");
    let again = twice.replacen("__schema {", "...Again __schema {", 1);
    let answer = ask(&again).await;
    assert!(answer.message().contains("too many values"), "{}", answer.text);
}
