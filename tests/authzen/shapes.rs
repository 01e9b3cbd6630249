//! Bodies of every wrong shape: refused or denied, and never a fault of ours.

use serde_json::{Value, json};

use super::{Method, PATH, at, fixture, sent};
use crate::common::app::{Instance, both};

/// Collects the paths to all members of a body.
fn members(value: &Value, path: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                all.push(format!("{path}/{name}"));
                members(member, &format!("{path}/{name}"), all);
            }
        }
        Value::Array(list) => {
            for (place, member) in list.iter().enumerate() {
                all.push(format!("{path}/{place}"));
                members(member, &format!("{path}/{place}"), all);
            }
        }
        _ => {}
    }
}

fn wrong_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(-1),
        json!(1e300),
        json!(true),
        json!(""),
        json!("*"),
        json!("role:admin"),
        json!("a/../b"),
        json!("\u{0}"),
        json!("x".repeat(10_000)),
        json!([]),
        json!({}),
        json!([{ "type": "user", "id": "alice" }]),
        json!({ "type": "user", "id": ["alice"] }),
    ]
}

/// Returns whether an answer allows anything.
fn allows(answer: &Value) -> bool {
    answer["decision"] == true
        || answer["evaluations"].as_array().is_some_and(|all| all.iter().any(|one| one["decision"] == true))
}

both!(a_body_with_any_member_wrong_is_refused_or_denied);
async fn a_body_with_any_member_wrong_is_refused_or_denied(instance: Instance) {
    let desk = fixture(&instance).await;
    let entity = |kind: &str, id: &str| json!({ "type": kind, "id": id });
    let whole = json!({
        "subject": entity("user", "alice"), "action": { "name": "read" }, "resource": entity("record", "record-1"),
    });
    for (path, body) in [
        (PATH, whole.clone()),
        ("/access/v1/evaluations", json!({ "evaluations": [whole] })),
        ("/access/v1/search/subject", whole.clone()),
        ("/access/v1/search/resource", whole.clone()),
        ("/access/v1/search/action", whole.clone()),
    ] {
        let mut all = vec![String::new()];
        members(&body, "", &mut all);
        for member in &all {
            for wrong in wrong_values() {
                let mut body = body.clone();
                *body.pointer_mut(member).unwrap() = wrong;
                let (status, answer) = sent(at(path, &instance, Method::POST, &desk).json(&body)).await;
                assert!(matches!(status.as_u16(), 200 | 400), "{status} {path} {body}\n{answer:#}");
                assert!(!allows(&answer), "{path} {body}\n{answer:#}");
            }
        }
    }
}
