//! Extensions and telephones (R31).

use super::*;
use crate::common::app::{Choices, Client, Database, Instance, both};

both!(r31_an_extension_is_the_next_free_number_or_the_one_given_by_hand);
async fn r31_an_extension_is_the_next_free_number_or_the_one_given_by_hand(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let extension = async |username: &str, more: Value| {
        let made = alice.make("UserCreate", new_user(username, more)).await;
        made["user"]["extension"].as_str().unwrap().to_owned()
    };
    // The default admin has the first.
    assert_eq!(alice.get("User", json!({ "key": "alice" })).await["extension"], "1000");
    assert_eq!(extension("u1", json!({})).await, "1001");
    assert_eq!(extension("u2", json!({ "extension": "1003" })).await, "1003");
    assert_eq!(extension("u3", json!({ "extension": "0042" })).await, "0042");
    assert_eq!(extension("u4", json!({})).await, "1002");
    assert_eq!(extension("u5", json!({})).await, "1004", "1003 is taken by hand");
    alice.make("UserDelete", json!({ "key": "u1" })).await;
    assert_eq!(extension("u6", json!({})).await, "1001", "it is free again");
    let globex = instance.tenant("globex").await;
    let made = globex.make("UserCreate", new_user("u1", json!({ "extension": "1004" }))).await;
    assert_eq!(made["user"]["extension"], "1004", "each tenant has its own numbers");
}

both!(r31_a_taken_or_wrong_extension_is_refused);
async fn r31_a_taken_or_wrong_extension_is_refused(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("UserCreate", new_user("dana", json!({ "extension": "2001" }))).await;
    alice.make("UserCreate", new_user("eve", json!({}))).await;
    let taken = refusal("ALREADY_EXISTS", "extension");
    assert_eq!(alice.refuse("UserCreate", new_user("x", json!({ "extension": "2001" }))).await, taken);
    assert_eq!(alice.refuse("UserCreate", new_user("x", json!({ "extension": "1000" }))).await, taken, "generated");
    let change = |extension: &str| json!({ "key": "eve", "version": 1, "extension": extension });
    assert_eq!(alice.refuse("UserUpdate", change("2001")).await, taken);
    for wrong in ["", "2 001", "20a", "+49", "12345678901234567"] {
        assert_eq!(alice.refuse("UserUpdate", change(wrong)).await, refusal("INVALID", "extension"), "{wrong}");
    }
    assert_eq!(alice.get("User", json!({ "key": "eve" })).await["version"], 1);
    alice.make("UserUpdate", change("1001")).await;
}

both!(r31_an_extension_given_by_hand_is_generated_again_by_null);
async fn r31_an_extension_given_by_hand_is_generated_again_by_null(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let made = json!({ "extension": "2001" });
    alice.make("UserCreate", new_user("dana", made)).await;
    alice.make("UserCreate", new_user("eve", json!({}))).await;
    let change = |key: &str, version: i64| json!({ "key": key, "version": version, "extension": null });
    assert_eq!(alice.make("UserUpdate", change("dana", 1)).await["user"]["extension"], "1002");
    alice.make("UserCreate", new_user("fay", json!({ "extension": "2001" }))).await;
    // A number that is generated already is the next free one of its user.
    assert_eq!(alice.make("UserUpdate", change("eve", 1)).await["user"]["extension"], "1001");
    let tried = merged(change("fay", 1), json!({ "dryRun": true }));
    alice.make("UserUpdate", tried).await;
    assert_eq!(alice.get("User", json!({ "key": "fay" })).await["extension"], "2001");
}

both!(r31_codecs_are_kept_in_the_order_of_preference);
async fn r31_codecs_are_kept_in_the_order_of_preference(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let with = |codecs: &[&str]| json!({ "telephony": { "codecs": codecs } });
    alice.make("UserCreate", new_user("dana", with(&["OPUS", "ULAW", "G722", "OPUS"]))).await;
    let stored = alice.get("User", json!({ "key": "dana" })).await["telephony"]["codecs"].clone();
    assert_eq!(stored, json!(["OPUS", "ULAW", "G722"]), "each once");
    let turned = merged(json!({ "key": "dana", "version": 1 }), with(&["G722", "ULAW", "OPUS"]));
    let changed = alice.make("UserUpdate", turned).await["user"].clone();
    assert_eq!((&changed["telephony"]["codecs"], &changed["version"]), (&json!(["G722", "ULAW", "OPUS"]), &json!(2)));
}

/// Creates users through one instance, and gives their extensions.
async fn extensions(client: Client, prefix: &'static str) -> Vec<String> {
    let mut made = Vec::new();
    for n in 0..8 {
        let user = client.make("UserCreate", new_user(&format!("{prefix}{n}"), json!({}))).await;
        made.push(user["user"]["extension"].as_str().unwrap().to_owned());
    }
    made
}

#[tokio::test]
async fn r31_two_instances_never_give_out_the_same_number() {
    let database = Database::postgres().await;
    let first = Instance::start(&database, Choices::default()).await;
    let second = Instance::start(&database, Choices::default()).await;
    let alice = first.tenant("acme").await;
    let tasks = [("a", &first), ("b", &second), ("c", &first), ("d", &second)];
    let tasks = tasks.map(|(prefix, instance)| tokio::spawn(extensions(alice.at(instance), prefix)));
    let mut given = Vec::new();
    for task in tasks {
        given.extend(task.await.unwrap());
    }
    given.sort();
    let expected: Vec<String> = (1001..1033).map(|number| number.to_string()).collect();
    assert_eq!(given, expected);
}

both!(r31_every_choice_of_a_telephone_is_kept_and_no_other_is_taken);
async fn r31_every_choice_of_a_telephone_is_kept_and_no_other_is_taken(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("UserCreate", new_user("dana", json!({}))).await;
    let mut version = 1;
    let mut chosen = Vec::new();
    chosen.extend(["UDP", "TCP", "WS", "WSS"].map(|one| json!({ "transport": one })));
    chosen.extend(["YES", "NO", "FORCE_RPORT", "COMEDIA", "NEVER", "ROUTE"].map(|one| json!({ "nat": one })));
    chosen.extend(["ULAW", "ALAW", "GSM", "G722", "G729", "OPUS"].map(|one| json!({ "codecs": [one] })));
    chosen.push(json!({ "context": "from-internal", "callGroups": ["1", "sales"], "pickupGroups": ["2"] }));
    for telephony in chosen {
        let change = json!({ "key": "dana", "version": version, "telephony": telephony });
        version = alice.make("UserUpdate", change).await["user"]["version"].as_i64().unwrap();
        let kept = alice.get("User", json!({ "key": "dana" })).await["telephony"].clone();
        for (field, value) in telephony.as_object().unwrap() {
            assert_eq!(kept[field], *value, "{field}");
        }
    }
    let change = |telephony: Value| json!({ "key": "dana", "version": version, "telephony": telephony });
    for (telephony, field) in [
        (json!({ "context": "" }), "telephony.context"),
        (json!({ "context": "x".repeat(65) }), "telephony.context"),
        (json!({ "callGroups": [""] }), "telephony.callGroups"),
        (json!({ "callGroups": vec!["1"; 65] }), "telephony.callGroups"),
        (json!({ "pickupGroups": ["a\nb"] }), "telephony.pickupGroups"),
        (json!({ "codecs": [] }), "telephony.codecs"),
    ] {
        let new = new_user("new", json!({ "telephony": telephony }));
        assert_eq!(alice.refuse("UserUpdate", change(telephony)).await, refusal("INVALID", field));
        assert_eq!(alice.refuse("UserCreate", new).await, refusal("INVALID", field));
    }
    for wrong in [json!({ "transport": "SCTP" }), json!({ "nat": "MAYBE" }), json!({ "codecs": ["MP3"] })] {
        let input = json!({ "input": change(wrong) });
        assert_eq!(alice.fail("UserUpdate", input).await, "BAD_INPUT");
    }
    assert_eq!(alice.get("User", json!({ "key": "dana" })).await["version"], version);
}

both!(r31_what_is_left_out_of_a_telephone_stays);
async fn r31_what_is_left_out_of_a_telephone_stays(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let all = json!({ "transport": "WSS", "nat": "YES", "codecs": ["OPUS"], "context": "inside", "callGroups": ["a"],
        "pickupGroups": ["b"] });
    alice.make("UserCreate", new_user("dana", json!({ "telephony": all.clone() }))).await;
    let change = |version: i64, telephony: Value| json!({ "key": "dana", "version": version, "telephony": telephony });
    alice.make("UserUpdate", change(1, json!({ "nat": "ROUTE" }))).await;
    let stored = alice.get("User", json!({ "key": "dana" })).await["telephony"].clone();
    assert_eq!(stored, merged(all, json!({ "nat": "ROUTE" })));
    alice.make("UserUpdate", change(2, Value::Null)).await;
    let stored = alice.get("User", json!({ "key": "dana" })).await["telephony"].clone();
    assert_eq!((&stored["transport"], &stored["context"]), (&json!("UDP"), &json!("from-sip")), "as by default");
}
