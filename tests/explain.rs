//! The reasons of decisions, through the API (R41, R42).

mod nearest;

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, open};

async fn furnish(alice: &Client) -> Client {
    alice.register("voice/queues", &["sales", "closed"]).await;
    alice
        .make("ProfileCreate", json!({ "name": "Night Shift", "permissionType": "READ", "maskSensitiveData": true }))
        .await;
    alice.save_sections("night-shift", "voice", json!([open("voice/queues", &["sales", "closed"])])).await;
    alice.save_sections("night-shift", "contacts", json!([open("contacts/lists", &[])])).await;
    let grants = json!([{ "object": "voice/queues/*", "action": "read" },
        { "object": "voice/queues/closed", "action": "*", "effect": "DENY" }]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [], "grants": grants })).await;
    for name in ["Staff", "Crew"] {
        alice.make("GroupCreate", json!({ "name": name, "roles": ["analyst"] })).await;
    }
    alice.new_user("acme", "dana", "USER", json!({ "profile": "night-shift", "groups": ["staff", "crew"] })).await
}

async fn explain(caller: &Client, subject: &str, action: &str, object: &str) -> Value {
    let input = json!({ "subject": subject, "action": action, "object": object });
    caller.get("Explain", json!({ "input": input })).await
}

/// Returns the subject of each rule that matches, and what is held on the way to it.
fn ways(explanation: &Value) -> Vec<String> {
    let way = |matched: &Value| {
        let links = matched["via"].as_array().unwrap();
        let held: Vec<&str> = links.iter().map(|link| link["to"].as_str().unwrap()).collect();
        assert_eq!(links[0]["from"], "user:dana");
        assert_eq!(held.last(), matched["rule"]["values"][0].as_str().as_ref());
        format!("{} {}", matched["rule"]["values"][4].as_str().unwrap(), held.join(" "))
    };
    explanation["matched"].as_array().unwrap().iter().map(way).collect()
}

both!(r41_an_explanation_names_every_rule_with_each_way_to_it_and_where_it_comes_from);
async fn r41_an_explanation_names_every_rule_with_each_way_to_it_and_where_it_comes_from(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let why = explain(&alice, "dana", "read", "voice/queues/sales").await;
    assert_eq!(why["decision"], merged_decision(&alice.decision("dana", "read", "voice/queues/sales").await));
    let held = ["allow profile:night-shift", "allow group:crew custom:analyst", "allow group:staff custom:analyst"];
    assert_eq!(ways(&why), held);
    let origin = json!({ "kind": "PROFILE", "key": "night-shift", "name": "Night Shift", "module": "voice",
        "section": "voice/queues", "note": "associated",
        "text": "User profile Night Shift: Voice → Voice Queues, associated" });
    assert_eq!(why["matched"][0]["origin"], origin);
    assert_eq!(why["matched"][2]["rule"]["origins"][0]["name"], "Analyst");
    let revision = alice.revision().await;
    assert_eq!(
        why["text"],
        format!(
            "dana may read voice/queues/sales. \
            The profile Night Shift allows read on voice/queues/sales (Voice → Voice Queues, associated), held directly. \
            The role Analyst allows read on all below voice/queues (grant), held through the group crew and through the group staff. \
            This is so at revision {revision}."
        )
    );
}

both!(r41_an_origin_is_told_in_the_words_of_administrators);
async fn r41_an_origin_is_told_in_the_words_of_administrators(instance: Instance) {
    let alice = instance.tenant_with("acme", &["voice", "staff"]).await;
    alice.register("voice/queues", &["sales"]).await;
    alice.add_profile("Supervisors", "READ").await;
    let mut queues = open("voice/queues", &["sales"]);
    queues["override"] = json!({ "read": true, "edit": false, "delete": true });
    alice.save_sections("supervisors", "voice", json!([queues, automatic("voice/recordings")])).await;
    let grants = json!([{ "object": "staff/agents", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grants })).await;
    alice.make("GroupCreate", json!({ "name": "Crew", "roles": ["analyst"] })).await;
    alice.add_user("dana", "USER", json!({ "profile": "supervisors", "groups": ["crew"] })).await;
    for (subject, action, object, text) in [
        (
            "dana",
            "delete",
            "voice/queues",
            "User profile Supervisors: Voice → Voice Queues, own permission read and delete",
        ),
        (
            "dana",
            "read",
            "voice/recordings",
            "User profile Supervisors: Voice → Voice Recordings, the profile's permission read",
        ),
        ("dana", "read", "voice/queues/sales", "User profile Supervisors: Voice → Voice Queues, associated"),
        (
            "dana",
            "link",
            "voice/recordings/one",
            "User profile Supervisors: Voice → Voice Recordings, AUTOMATIC association of Voice Recordings",
        ),
        ("dana", "read", "staff/agents", "Custom role Analyst: grant"),
        ("alice", "edit", "voice/queues", "Built-in role admin: Voice, admins may do everything"),
        ("alice", "read", "chat/queues", "Licence of Chat: not in the licence"),
    ] {
        let told = explain(&alice, subject, action, object).await;
        let texts: Vec<_> = told["matched"].as_array().unwrap().iter().map(|it| &it["origin"]["text"]).collect();
        assert!(texts.contains(&&json!(text)), "{object}: {texts:#?}");
    }
}

both!(r45_an_explanation_says_since_which_revision_each_way_has_been_open);
async fn r45_an_explanation_says_since_which_revision_each_way_has_been_open(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = furnish(&alice).await;
    let since = async |caller: &Client, subject: &str, at: Option<i64>| {
        let input = json!({ "subject": subject, "action": "read", "object": "voice/queues/sales", "atRevision": at });
        let told = caller.get("Explain", json!({ "input": input })).await;
        let found = |it: &Value| it["since"]["revision"].as_i64();
        told["matched"].as_array().unwrap().iter().map(found).collect::<Vec<_>>()
    };
    // The last link made each of them: Dana herself came last.
    let came = alice.revision().await;
    assert_eq!(since(&alice, "dana", None).await, [Some(came); 3]);
    let out = json!({ "group": "crew", "users": ["dana"], "reason": "elsewhere" });
    alice.make("GroupRemoveMembers", out.clone()).await;
    let back = json!({ "group": "crew", "users": ["dana"], "reason": "and back" });
    let back = alice.make("GroupAddMembers", back).await["revision"].as_i64().unwrap();
    assert_eq!(since(&alice, "dana", None).await, [Some(came), Some(back), Some(came)]);
    assert_eq!(since(&alice, "dana", Some(came)).await, [Some(came); 3], "what came later is not of the past");
    let told = explain(&alice, "dana", "read", "voice/queues/sales").await;
    let made = &told["matched"][1]["since"];
    assert_eq!((&made["author"]["key"], &made["reason"]), (&json!("alice"), &json!("and back")));
    // It shows who changed what: about oneself only for who may read the rules.
    assert_eq!(since(&dana, "dana", None).await, [None; 3]);
    let admin = instance.tenant("globex").await;
    let first = explain(&admin, "alice", "edit", "admin/users").await;
    assert_eq!(first["matched"][0]["since"]["revision"], 1);
}

/// Returns a decision's fields as an explanation shows them.
fn merged_decision(decision: &Value) -> Value {
    json!({ "allowed": decision["allowed"], "reason": decision["reason"], "revision": decision["revision"],
        "obligations": decision["obligations"] })
}

both!(r42_an_explanation_says_why_not);
async fn r42_an_explanation_says_why_not(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    alice.add_user("off", "ADMIN", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
    let denied = explain(&alice, "dana", "read", "voice/queues/closed").await;
    assert_eq!(denied["decision"]["reason"], "DENIED_BY_RULE");
    assert!(ways(&denied).contains(&"deny group:staff custom:analyst".to_owned()));
    let text = denied["text"].as_str().unwrap();
    assert!(text.starts_with("dana may not read voice/queues/closed, because a rule denies it. "), "{text}");
    assert!(text.contains("The role Analyst denies everything on voice/queues/closed (grant), held through"), "{text}");

    for (subject, object, says) in [
        ("dana", "voice/queues/other-module", "dana may read voice/queues/other-module."),
        ("dana", "staff/agents", "dana may not read staff/agents, because no rule allows it. This is so"),
        ("off", "voice", "off may not read voice, because this user is disabled. This is so"),
        ("nobody", "voice", "nobody may not read voice, because there is no such user. This is so"),
        ("dana", "contacts/lists", "Contacts are to be masked by 4 characters, as the data view dialer says."),
    ] {
        let text = explain(&alice, subject, "read", object).await["text"].as_str().unwrap().to_owned();
        assert!(text.contains(says), "{text}");
    }
    let operator = instance.operator().await;
    operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": ["staff"] })).await;
    let text = explain(&alice, "alice", "read", "voice/queues").await["text"].as_str().unwrap().to_owned();
    assert!(text.contains("because the module is not in the licence."), "{text}");
    assert!(text.contains("The licence denies everything on all below voice (not in the licence)."), "{text}");
}

both!(everybody_is_told_why_about_themselves_and_about_others_those_who_see_rules);
async fn everybody_is_told_why_about_themselves_and_about_others_those_who_see_rules(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let dana = furnish(&alice).await;
    let desk = alice.new_service("desk").await;
    let auditor = alice.new_delegate("acme", "auditor", &[("admin/rules", "read")]).await;
    let own = json!({ "input": { "action": "read", "object": "voice/queues/sales" } });
    let mut told = explain(&auditor, "dana", "read", "voice/queues/sales").await;
    for matched in told["matched"].as_array_mut().unwrap() {
        assert!(matched["since"]["revision"].is_number(), "{matched:#}");
        matched["since"] = Value::Null;
    }
    assert_eq!(dana.get("Explain", own).await, told);
    assert_eq!(explain(&dana, "dana", "read", "voice/queues/sales").await, told);
    for (caller, subject) in [(&dana, "alice"), (&dana, "nobody"), (&desk, "dana")] {
        let input = json!({ "subject": subject, "action": "read", "object": "voice" });
        assert_eq!(caller.fail("Explain", json!({ "input": input })).await, "FORBIDDEN");
    }
    for (input, field) in [
        (json!({ "subject": "No Key", "action": "read", "object": "voice" }), "subject"),
        (json!({ "subject": "dana", "action": "read", "object": "voice/*" }), "object"),
        (json!({ "subject": "dana", "action": "", "object": "voice" }), "action"),
    ] {
        let error = alice.answer("Explain", json!({ "input": input })).await["errors"][0]["extensions"].clone();
        assert_eq!((&error["code"], &error["field"]), (&json!("BAD_INPUT"), &json!(["input", field])));
    }
}

both!(a_rule_that_comes_from_very_many_things_names_the_first_and_counts_all);
async fn a_rule_that_comes_from_very_many_things_names_the_first_and_counts_all(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.register("staff/agents", &["ann"]).await;
    let team = |n: usize| {
        let key = format!("team-{n:02}");
        json!({ "key": key, "name": key, "members": ["staff/agents/ann"] })
    };
    let teams: Vec<Value> = (0..25).map(team).collect();
    alice.make("ResourceRegister", json!({ "section": "staff/teams", "resources": teams })).await;
    alice.add_profile("Lead", "READ").await;
    alice.save_sections("lead", "staff", json!([automatic("staff/teams")])).await;
    alice.add_user("dana", "USER", json!({ "profile": "lead" })).await;
    let told = explain(&alice, "dana", "read", "staff/agents/ann").await;
    let rule = &told["matched"][0]["rule"];
    let notes: Vec<_> = rule["origins"].as_array().unwrap().iter().map(|origin| origin["note"].clone()).collect();
    let expected: Vec<_> = (0..10).map(|n| json!(format!("member of team-{n:02}"))).collect();
    assert_eq!((notes, &rule["originCount"]), (expected, &json!(25)));
    assert!(told["text"].as_str().unwrap().contains("member of team-09; and 15 more)"), "{told}");
}
