//! The `GraphiQL` page in a real browser, and the switches for it and for the schema.

use std::collections::BTreeSet;

use bailiwick::demo;

use super::*;
use crate::common::app::{Choices, Database, Instance};
use crate::common::program::run;
use crate::common::socket::Socket;

#[tokio::test]
async fn a_browser_shows_the_page_and_every_example_answers() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    demo::load(&instance.platform).await.unwrap();
    let said = run(&["node", "tests/interop/graphiql.mjs", &instance.url, demo::PASSWORD], &[]).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["wrong"], json!([]), "the page's own policy let everything pass that it needs");
    assert_eq!(said["stored"], "{}", "a password may have been typed");
    let answers = said["answers"].as_array().unwrap();
    for answer in answers {
        assert!(answer["data"].is_object() && answer["errors"].is_null(), "{answer:#}");
    }
    let tabs: Vec<_> =
        answers.iter().map(|answer| answer["data"].as_object().unwrap().keys().next().unwrap()).collect();
    let expected = ["sessionCreate", "viewer", "decision", "explain", "whoCan", "policyImport", "policyChanged"];
    assert_eq!(tabs, expected);
    let data = |at: usize| &answers[at]["data"][tabs[at]];
    assert_eq!(data(1)["user"]["key"], "alice", "who signed in is asked as");
    assert_eq!(data(5)["impact"]["gainedCount"], 1);
    assert!(data(6)["revision"].is_number());
    assert_eq!(said["ended"]["data"]["sessionEnd"]["userErrors"], json!([]));
    assert_eq!(said["refused"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{}", said["refused"]);
    assert!(said["again"]["data"]["sessionCreate"]["token"].is_string(), "{}", said["again"]);
}

#[tokio::test]
async fn the_page_may_load_and_send_nowhere_else() {
    let page = HttpRequest::get("/graphql").header("accept", "text/html").body(Body::empty()).unwrap();
    let answer = call(&app_with(Options { graphiql: true, ..Options::default() }, vec![]), page).await;
    let policy = answer.header("content-security-policy");
    for rule in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", " 'sha256-"] {
        assert!(policy.contains(rule), "{policy}");
    }
    let loaded: Vec<&str> = answer.text.split('"').filter(|text| text.starts_with("https://")).collect();
    assert_eq!((loaded.len(), answer.text.matches("integrity=\"sha384-").count()), (4, 4));
    let allowed: Vec<&str> = policy.split([' ', ';']).filter(|word| word.starts_with("http")).collect();
    assert_eq!(BTreeSet::from_iter(allowed), BTreeSet::from_iter(loaded), "these files and no others");
}

#[tokio::test]
async fn the_schema_is_not_told_where_that_is_switched_off() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices { introspection: false, ..Choices::default() }).await;
    let alice = instance.tenant("acme").await;
    let typename = alice.data("{ __typename viewer { __typename } }", json!({})).await;
    assert_eq!(typename["viewer"]["__typename"], "Viewer");
    for (document, said) in [
        ("{ __schema { types { name } } }", "introspection is switched off"),
        ("{ viewer { user { key } } __type(name: \"User\") { name } }", "introspection is switched off"),
        ("{ viewr { user { key } } }", "Unknown field \"viewr\""),
    ] {
        let answer = alice.ask(document, json!({})).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(said) && !message.contains("mean"), "{message}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT");
        assert!(answer["data"].is_null());
    }
    let mut socket = Socket::open(&instance.url, &alice).await;
    socket.subscribe("1", "{ __schema { types { name } } }", json!({})).await;
    let refused = socket.hear().await;
    assert!(refused.to_string().contains("introspection is switched off"), "{refused}");
}
