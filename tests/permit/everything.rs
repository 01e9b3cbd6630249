//! Everything that an instance answers, asked by callers without any right: each field of the schema's roots and each
//! route is refused to them, or stands in a list of what is open to all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{DocumentOperations, OperationType, Selection};
use serde_json::{Value, json};

use super::{mutations, queries};
use crate::architecture::rust_files;
use crate::common::app::{Client, Instance, both};
use crate::common::operations::document;
use crate::common::picture::png;
use crate::common::socket::Socket;

/// The fields that need no right: signing in and the way back to it, callers' own things, and what every user of a
/// tenant is shown. `node` asks for the permit of what the id stands for; [`super`] shows that.
const OPEN_FIELDS: [&str; 10] = [
    "mutation sessionCreate",
    "mutation passwordResetRequest",
    "mutation passwordReset",
    "mutation sessionEnd",
    "mutation passwordChange",
    "query viewer",
    "query change",
    "query tenant",
    "query catalogue",
    "query node",
];

/// A request that a route is asked by.
struct Route {
    /// The route as the sources write it.
    written: &'static str,
    path: &'static str,
    /// The body of a POST; a GET has none.
    body: Option<Value>,
    answer: Answer,
}

/// An answer to callers without any right.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    /// It is open to all; what it does asks for itself.
    Open,
    /// `UNAUTHENTICATED` to strangers, and `FORBIDDEN` to the others.
    Refused,
    /// `UNAUTHENTICATED` to strangers; to the others it is as if nothing were there.
    Hidden,
}

fn routes() -> Vec<Route> {
    let get = |written, path, answer| Route { written, path, body: None, answer };
    let post = |written, path, body, answer| Route { written, path, body: Some(body), answer };
    let (alice, user) = (json!({ "type": "user", "id": "alice" }), json!({ "type": "user" }));
    let (read, voice) = (json!({ "name": "read" }), json!({ "type": "section", "id": "voice" }));
    let asked = json!({ "subject": alice, "action": read, "resource": voice });
    vec![
        post("\"/graphql\"", "/graphql", json!({ "query": "{ __typename }" }), Answer::Open),
        get("\"/graphql/ws\"", "/graphql/ws", Answer::Open),
        get("\"/assets/{*file}\"", "/assets/index.js", Answer::Open),
        get("\"/icon.svg\"", "/icon.svg", Answer::Open),
        get("\"/healthz\"", "/healthz", Answer::Open),
        get("\"/readyz\"", "/readyz", Answer::Open),
        get("&format!(\"{}{{key}}\", avatar::PLACE)", "/avatars/alice", Answer::Hidden),
        get("\"/casbin/model.conf\"", "/casbin/model.conf", Answer::Refused),
        get("\"/casbin/policy.csv\"", "/casbin/policy.csv", Answer::Refused),
        get("\"/casbin/js/{user}\"", "/casbin/js/alice", Answer::Refused),
        get("\"/audit.csv\"", "/audit.csv", Answer::Refused),
        get("\"/audit.jsonl\"", "/audit.jsonl", Answer::Refused),
        post("\"/access/v1/evaluation\"", "/access/v1/evaluation", asked.clone(), Answer::Refused),
        post(
            "\"/access/v1/evaluations\"",
            "/access/v1/evaluations",
            json!({ "evaluations": [asked] }),
            Answer::Refused,
        ),
        post(
            "\"/access/v1/search/subject\"",
            "/access/v1/search/subject",
            json!({ "subject": user, "action": read, "resource": voice }),
            Answer::Refused,
        ),
        post(
            "\"/access/v1/search/resource\"",
            "/access/v1/search/resource",
            json!({ "subject": alice, "action": read, "resource": { "type": "section" } }),
            Answer::Refused,
        ),
        post(
            "\"/access/v1/search/action\"",
            "/access/v1/search/action",
            json!({ "subject": alice, "resource": voice }),
            Answer::Refused,
        ),
        get("metadata::WELL_KNOWN", "/.well-known/authzen-configuration", Answer::Open),
        get(
            "&format!(\"{}/{{*path}}\", metadata::WELL_KNOWN)",
            "/.well-known/authzen-configuration/acme",
            Answer::Open,
        ),
    ]
}

/// The route of the listener for metrics, which has no callers.
const ELSEWHERE: &str = "\"/metrics\"";

/// Returns the kind and the root field of each operation that a document has.
fn root_fields(text: &str) -> Vec<String> {
    let DocumentOperations::Multiple(operations) = parse_query(text).unwrap().operations else { panic!("{text}") };
    let fields = operations.values().flat_map(|operation| {
        let kind = match operation.node.ty {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        operation.node.selection_set.node.items.iter().map(move |item| match &item.node {
            Selection::Field(field) => format!("{kind} {}", field.node.name.node),
            other => panic!("{other:?}"),
        })
    });
    fields.collect()
}

/// Returns the documents that ask for each root field that needs a right, with their variables.
fn refused_fields() -> BTreeMap<String, (&'static str, Value)> {
    let changes = mutations().into_iter().map(|(name, input)| (name, json!({ "input": input })));
    let all = changes.chain(queries()).chain([("PolicyChanged", json!({}))]);
    let fields = all.flat_map(|(name, variables)| {
        let fields = root_fields(&document(name)).into_iter();
        fields.map(move |field| (field, (name, variables.clone())))
    });
    fields.collect()
}

/// Returns every field of the schema's roots, by the schema that runs.
async fn schema_fields(client: &Client) -> BTreeSet<String> {
    let of = "{ fields(includeDeprecated: true) { name } }";
    let query = format!(
        "{{ __schema {{ query: queryType {of} mutation: mutationType {of} subscription: subscriptionType {of} }} }}"
    );
    let schema = client.data(&query, json!({})).await["__schema"].clone();
    let roots = ["query", "mutation", "subscription"].into_iter();
    let fields = roots.flat_map(|root| {
        let fields = schema[root]["fields"].as_array().unwrap().iter();
        fields.map(move |field| format!("{root} {}", field["name"].as_str().unwrap())).collect::<Vec<_>>()
    });
    fields.collect()
}

/// Returns the code by which a field is refused.
async fn refusal_of(instance: &Instance, client: &Client, field: &str, name: &str, variables: Value) -> String {
    if !field.starts_with("subscription ") {
        return client.fail(name, variables).await;
    }
    let mut socket = match &client.token {
        Some(_) => Socket::open(&instance.url, client).await,
        None => Socket::stranger(&instance.url).await,
    };
    socket.subscribe("1", &document(name), variables).await;
    let message = socket.hear().await;
    let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
    errors[0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{field}: {message}")).to_owned()
}

both!(every_field_of_the_schema_is_refused_without_a_right_or_listed_as_open);
async fn every_field_of_the_schema_is_refused_without_a_right_or_listed_as_open(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let (refused, open) = (refused_fields(), BTreeSet::from(OPEN_FIELDS.map(str::to_owned)));
    let fields = schema_fields(&alice).await;
    let listed: BTreeSet<String> = refused.keys().cloned().chain(open.iter().cloned()).collect();
    assert_eq!(listed, fields, "each field needs a right, or is listed as open");
    assert_eq!(listed.len(), refused.len() + open.len(), "no field is both");
    for (field, (name, variables)) in refused {
        for (client, code) in [(&ann, "FORBIDDEN"), (&instance.stranger(), "UNAUTHENTICATED")] {
            assert_eq!(refusal_of(&instance, client, &field, name, variables.clone()).await, code, "{field}");
        }
    }
}

/// Returns the first argument of each `.route(` in a text.
fn routes_in(text: &str) -> Vec<String> {
    let ends = |rest: &str| match rest.strip_prefix("&format!(") {
        Some(inner) => inner.find(')').map(|at| at + "&format!()".len()),
        None => rest.find(','),
    };
    let calls = text.split(".route(").skip(1).map(str::trim_start);
    calls.filter_map(|rest| Some(rest[..ends(rest)?].to_owned())).collect()
}

#[test]
fn every_route_of_the_sources_is_asked_here() {
    let sources = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let written: BTreeSet<String> =
        sources.iter().flat_map(|file| routes_in(&fs::read_to_string(file).unwrap())).collect();
    let asked = routes().iter().map(|route| route.written).chain([ELSEWHERE]).map(str::to_owned).collect();
    assert_eq!(written, asked, "each route is asked here as a caller without any right");
    let text = "Router::new().route(\"/a\", get(a)).route(\n&format!(\"{}/b\", PLACE), get(b)).route(C, any(c))";
    assert_eq!(routes_in(text), ["\"/a\"", "&format!(\"{}/b\", PLACE)", "C"]);
}

both!(every_route_is_refused_without_a_right_or_open_to_all);
async fn every_route_is_refused_without_a_right_or_open_to_all(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.set_avatar(None, &png(1)).await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let http = reqwest::Client::new();
    for route in routes() {
        let ask = async |client: &Client| {
            let url = format!("{}{}", instance.url, route.path);
            let request = match &route.body {
                Some(body) => http.post(url).json(body),
                None => http.get(url),
            };
            let request = match &client.token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            request.send().await.unwrap().status().as_u16()
        };
        let (stranger, without) = (ask(&instance.stranger()).await, ask(&ann).await);
        match route.answer {
            Answer::Refused => assert_eq!((stranger, without), (401, 403), "{}", route.path),
            Answer::Hidden => assert_eq!((stranger, without), (401, 404), "{}", route.path),
            Answer::Open => assert!(![401, 403].contains(&stranger) && stranger == without, "{}", route.path),
        }
        // The request is one that is answered, were it not for the right.
        if route.answer != Answer::Open {
            assert_eq!(ask(&alice).await, 200, "{}", route.path);
        }
    }
    assert_eq!(alice.fetch("/metrics", &[]).await.status(), 404, "metrics have a listener of their own");
}
