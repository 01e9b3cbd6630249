//! Several evaluations at once.

use serde_json::{Value, json};

use super::{Method, asked, asked_at, at, fixture, refused_at, said, sent};
use crate::common::app::{Instance, both};

const BATCH: &str = "/access/v1/evaluations";

fn decisions(answer: &Value) -> Vec<bool> {
    let evaluations = answer["evaluations"].as_array().unwrap();
    evaluations.iter().map(|evaluation| evaluation["decision"].as_bool().unwrap()).collect()
}

both!(a_batch_goes_as_far_as_its_semantic_says);
async fn a_batch_goes_as_far_as_its_semantic_says(instance: Instance) {
    let desk = fixture(&instance).await;
    let may = asked("alice", "read", "record", "record-1");
    let may_not = asked("bob", "write", "record", "record-1");
    let wrong = json!({ "subject": "alice" });
    for (evaluations, semantic, expected) in [
        (vec![&may, &may_not, &may], None, vec![true, false, true]),
        (vec![&may, &may_not, &may], Some("execute_all"), vec![true, false, true]),
        (vec![&may, &may_not, &may], Some("deny_on_first_deny"), vec![true, false]),
        (vec![&may, &may], Some("deny_on_first_deny"), vec![true, true]),
        (vec![&may_not, &may, &may_not], Some("permit_on_first_permit"), vec![false, true]),
        (vec![&may_not, &may_not], Some("permit_on_first_permit"), vec![false, false]),
        (vec![&may, &wrong, &may], None, vec![true, false, true]),
        (vec![&may, &wrong, &may], Some("deny_on_first_deny"), vec![true, false]),
        (vec![&wrong, &may, &may], Some("permit_on_first_permit"), vec![false, true]),
    ] {
        let mut request = json!({ "evaluations": evaluations });
        if let Some(semantic) = semantic {
            request["options"] = json!({ "evaluations_semantic": semantic, "another_option": 1 });
        }
        let answer = asked_at(BATCH, &instance, &desk, &request).await;
        assert_eq!(decisions(&answer), expected, "{request}");
        assert!(answer.get("decision").is_none(), "{answer}");
    }
    let answer = asked_at(BATCH, &instance, &desk, &json!({ "evaluations": [may, wrong] })).await;
    let error = &answer["evaluations"][1]["context"]["error"];
    assert_eq!((&error["status"], &error["field"]), (&json!(400), &json!(["evaluations", "1", "subject"])));
    assert_eq!(answer["evaluations"][0]["context"]["reason"], "ALLOWED");
}

both!(what_stands_at_the_top_is_for_those_that_lack_it_and_is_never_mixed);
async fn what_stands_at_the_top_is_for_those_that_lack_it_and_is_never_mixed(instance: Instance) {
    let desk = fixture(&instance).await;
    let (alice, bob) = (json!({ "type": "user", "id": "alice" }), json!({ "type": "user", "id": "bob" }));
    let (read, write) = (json!({ "name": "read" }), json!({ "name": "write" }));
    let record = |id: &str| json!({ "type": "record", "id": id });
    let request = json!({
        "subject": alice, "action": write, "resource": record("record-1"), "context": {},
        "evaluations": [
            {}, { "subject": bob }, { "action": read, "subject": bob }, { "resource": record("record-2") },
            { "context": { "time": "now" } },
            // Half a subject is no subject, whatever stands at the top.
            { "subject": { "id": "bob" } },
        ],
    });
    let answer = asked_at(BATCH, &instance, &desk, &request).await;
    assert_eq!(decisions(&answer), [true, false, true, false, true, false]);
    assert_eq!(answer["evaluations"][5]["context"]["error"]["field"], json!(["evaluations", "5", "subject", "type"]));
    let halves = json!({ "subject": alice, "evaluations": [{ "action": read }, { "resource": record("record-1") }] });
    assert_eq!(decisions(&asked_at(BATCH, &instance, &desk, &halves).await), [false, false]);
    for alone in [json!([]), Value::Null] {
        let mut request = asked("alice", "read", "record", "record-1");
        if !alone.is_null() {
            request["evaluations"] = alone;
        }
        assert_eq!(asked_at(BATCH, &instance, &desk, &request).await["decision"], true);
    }
}

both!(a_batch_that_is_wrong_as_a_whole_is_refused_at_its_field);
async fn a_batch_that_is_wrong_as_a_whole_is_refused_at_its_field(instance: Instance) {
    let desk = fixture(&instance).await;
    let one = asked("alice", "read", "record", "record-1");
    for (request, field) in [
        (json!({ "evaluations": "all" }), "evaluations"),
        (json!({ "evaluations": { "0": one } }), "evaluations"),
        (json!({ "evaluations": vec![&one; 1001] }), "evaluations"),
        (json!({ "evaluations": [one], "options": "fast" }), "options"),
        (
            json!({ "evaluations": [one], "options": { "evaluations_semantic": "guess" } }),
            "options.evaluations_semantic",
        ),
        (json!({ "evaluations": [one], "options": { "evaluations_semantic": 1 } }), "options.evaluations_semantic"),
        (json!({ "evaluations": [one], "subject": "alice" }), "subject"),
        (json!({ "evaluations": [one], "context": [] }), "context"),
        (json!({ "evaluations": [] }), "subject"),
        (json!({}), "subject"),
        (json!([]), ""),
    ] {
        let refused = refused_at(BATCH, &instance, &desk, &request).await;
        assert_eq!(refused, ("BAD_INPUT".to_owned(), field.to_owned()), "{field}");
    }
    let thousand = asked_at(BATCH, &instance, &desk, &json!({ "evaluations": vec![&one; 1000] })).await;
    assert_eq!(decisions(&thousand), [true; 1000]);
    let revision = &thousand["evaluations"][0]["context"]["revision"];
    let all = thousand["evaluations"].as_array().unwrap();
    assert!(all.iter().all(|one| one["context"]["revision"] == *revision), "one snapshot answers all");
}

both!(r1_a_batch_about_others_needs_the_permit_for_all_of_it);
async fn r1_a_batch_about_others_needs_the_permit_for_all_of_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let about = |name: &str| asked(name, "unmask", "data", "contacts");
    let own = json!({ "evaluations": [about("ann"), about("ann")] });
    assert_eq!(decisions(&asked_at(BATCH, &instance, &ann, &own).await), [true, true]);
    for other in ["alice", "nobody", "No Body"] {
        let request = json!({ "evaluations": [about("ann"), about(other)] });
        let (status, refusal) = sent(at(BATCH, &instance, Method::POST, &ann).json(&request)).await;
        assert_eq!((status.as_u16(), said(&refusal).0), (403, "FORBIDDEN"), "{other}");
    }
}
