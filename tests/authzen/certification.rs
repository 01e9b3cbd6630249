//! The certification scenario of the working group, block by block.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Method, PATH, at, fixture, sent};
use crate::common::app::{Client, Instance, both};

const BLOCKS: &str = include_str!("../data/authzen/certification-blocks.json");

/// The sections in which a decision depends on `properties` of the request. Here only stored facts count, and what a
/// caller says of a user gives nothing: these sections belong to the levels "Properties", which are not aimed at.
const BY_PROPERTIES: [&str; 10] =
    ["c-2-2-4", "c-2-2-5", "c-2-2-6", "c-2-2-7", "c-3-2-3", "c-3-2-4", "c-3-2-7", "c-4-2-4", "c-4-3-4", "c-4-4-3"];

#[derive(Deserialize)]
struct Block {
    section: String,
    label: String,
    json: Value,
}

impl Block {
    fn number(&self) -> &str {
        self.section.split(' ').next().unwrap()
    }

    fn is_answer(&self) -> bool {
        self.label.starts_with("Expected") || self.label.starts_with("Example")
    }

    /// Returns the path that the request goes to.
    fn path(&self) -> &'static str {
        let (number, label) = (self.number(), self.label.as_str());
        match number {
            _ if number.starts_with("c-2") => PATH,
            _ if number.starts_with("c-3") => "/access/v1/evaluations",
            _ if number.starts_with("c-4-3") || label.starts_with("Resource") => "/access/v1/search/resource",
            "c-4-6-1" => "/access/v1/search/action",
            _ if number.starts_with("c-4-4") || label.starts_with("Action") => "/access/v1/search/action",
            _ => "/access/v1/search/subject",
        }
    }

    /// Returns whether the request lacks something or has it in a wrong form.
    fn is_wrong(&self) -> bool {
        ["c-2-4", "c-4-7"].iter().any(|errors| self.number().starts_with(errors))
    }
}

/// Checks that an answer holds what the scenario expects, and perhaps more.
fn assert_holds(answer: &Value, expected: &Value, section: &str) {
    if let Some(decision) = expected.get("decision") {
        assert_eq!(&answer["decision"], decision, "{section}\n{answer:#}");
    }
    for (place, evaluation) in expected["evaluations"].as_array().into_iter().flatten().enumerate() {
        assert_eq!(answer["evaluations"][place]["decision"], evaluation["decision"], "{section}\n{answer:#}");
    }
    for result in expected["results"].as_array().into_iter().flatten() {
        assert!(answer["results"].as_array().unwrap().contains(result), "{section}: {result}\n{answer:#}");
    }
}

/// Checks the shape of every answer at this path.
fn assert_formed(path: &str, request: &Value, answer: &Value) {
    let evaluations = request["evaluations"].as_array().filter(|all| !all.is_empty());
    if path.contains("search") {
        assert!(answer["results"].is_array() && answer["page"]["next_token"].is_string(), "{answer:#}");
    } else if let Some(asked) = evaluations {
        let answers = answer["evaluations"].as_array().unwrap();
        assert_eq!(answers.len(), asked.len());
        assert!(answers.iter().all(|one| one["decision"].is_boolean()), "{answer:#}");
    } else {
        assert!(answer["decision"].is_boolean(), "{answer:#}");
    }
}

/// Sends all requests of the scenario; returns the number of its blocks that were checked.
async fn run(instance: &Instance, desk: &Client, blocks: &[Block]) -> usize {
    let (mut passed, mut token) = (0, Value::Null);
    let mut blocks = blocks.iter().filter(|block| !BY_PROPERTIES.contains(&block.number())).peekable();
    while let Some(block) = blocks.next() {
        if block.number().starts_with("c-6") {
            // The metadata has a test of its own.
            continue;
        }
        assert!(!block.is_answer(), "an answer without a request: {}", block.section);
        let mut request = block.json.clone();
        if let Some(asked) = request.pointer_mut("/page/token") {
            *asked = token.clone();
        }
        let send = || sent(at(block.path(), instance, Method::POST, desk).json(&request));
        let (status, answer) = send().await;
        passed += 1;
        if block.is_wrong() {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{} {}\n{answer:#}", block.section, block.label);
            continue;
        }
        assert_eq!(status, StatusCode::OK, "{} {}\n{answer:#}", block.section, block.label);
        assert_formed(block.path(), &request, &answer);
        assert_eq!(send().await.1, answer, "the same request gives the same answer");
        token = answer["page"]["next_token"].clone();
        if let Some(expected) = blocks.next_if(|next| next.is_answer() && next.section == block.section) {
            assert_holds(&answer, &expected.json, &block.section);
            passed += 1;
        }
    }
    passed
}

both!(each_core_block_of_the_scenario_passes);
async fn each_core_block_of_the_scenario_passes(instance: Instance) {
    let blocks: Vec<Block> = serde_json::from_str(BLOCKS).unwrap();
    for section in BY_PROPERTIES {
        assert!(blocks.iter().any(|block| block.number() == section), "{section} is left out and not there");
    }
    let desk = fixture(&instance).await;
    assert_eq!(run(&instance, &desk, &blocks).await, 51);
}

both!(unknown_entities_are_found_nowhere_and_the_fixture_exactly);
async fn unknown_entities_are_found_nowhere_and_the_fixture_exactly(instance: Instance) {
    let desk = fixture(&instance).await;
    let (alice, record) = (json!({ "type": "user", "id": "alice" }), json!({ "type": "record", "id": "record-1" }));
    let read = json!({ "name": "read" });
    for (path, request, results) in [
        (
            "subject",
            json!({ "subject": { "type": "user" }, "action": read, "resource": record }),
            json!([{ "type": "user", "id": "alice" }, { "type": "user", "id": "bob" }]),
        ),
        (
            "resource",
            json!({ "subject": alice, "action": read, "resource": { "type": "record" } }),
            json!([{ "type": "record", "id": "record-1" }]),
        ),
        ("action", json!({ "subject": alice, "resource": record }), json!([{ "name": "read" }, { "name": "write" }])),
        (
            "subject",
            json!({ "subject": { "type": "user" }, "action": read, "resource": { "type": "record", "id": "gone" } }),
            json!([]),
        ),
        (
            "subject",
            json!({ "subject": { "type": "user" }, "action": read, "resource": { "type": "Space Ship", "id": "x" } }),
            json!([]),
        ),
        (
            "subject",
            json!({ "subject": { "type": "user" }, "action": { "name": "fly" }, "resource": record }),
            json!([]),
        ),
        (
            "resource",
            json!({ "subject": { "type": "user", "id": "gone" }, "action": read, "resource": { "type": "record" } }),
            json!([]),
        ),
        (
            "resource",
            json!({ "subject": { "type": "robot", "id": "alice" }, "action": read, "resource": { "type": "record" } }),
            json!([]),
        ),
        ("resource", json!({ "subject": alice, "action": read, "resource": { "type": "spaceship" } }), json!([])),
        ("resource", json!({ "subject": alice, "action": read, "resource": { "type": "*" } }), json!([])),
        ("action", json!({ "subject": alice, "resource": { "type": "spaceship", "id": "x" } }), json!([])),
        ("action", json!({ "subject": alice, "resource": { "type": "record", "id": "" } }), json!([])),
    ] {
        let answer = super::asked_at(&format!("/access/v1/search/{path}"), &instance, &desk, &request).await;
        assert_eq!(answer["results"], results, "{path} {request}");
        assert_eq!(answer["page"], json!({ "next_token": "", "count": results.as_array().unwrap().len() }));
    }
}
