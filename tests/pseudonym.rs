//! Users by name or by pseudonym (R37), through the API.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, both, both_databases};

/// Returns the names of users as `subject` sees them, or their pseudonyms.
async fn names(client: &Client, users: &[&str], subject: Option<&str>) -> Vec<(String, bool)> {
    let named = client.get("Pseudonyms", json!({ "users": users, "subject": subject })).await;
    let named = named.as_array().unwrap();
    assert!(named.iter().map(|one| one["user"].as_str().unwrap()).eq(users.iter().copied()), "{named:?}");
    let name = |one: &Value| (one["name"].as_str().unwrap().to_owned(), one["anonymised"].as_bool().unwrap());
    named.iter().map(name).collect()
}

async fn pseudonym(client: &Client, user: &str) -> String {
    let (name, anonymised) = names(client, &[user], None).await.remove(0);
    assert!(anonymised);
    name
}

/// Makes two managers, `mia`, who may see who did what, and `max`, who may not; and `dana`, a USER.
async fn people(alice: &Client) {
    alice.make("RoleCreate", json!({ "name": "Blind", "permissions": ["reports"] })).await;
    for (name, base_role, more) in [
        ("mia", "MANAGER", json!({ "fullName": "Mia Stone" })),
        ("max", "MANAGER", json!({ "fullName": "Max Winter", "customRole": "blind" })),
        ("dana", "USER", json!({ "fullName": "Dana Field", "profile": "default" })),
    ] {
        alice.add_user(name, base_role, more).await;
    }
}

both!(r37_without_performance_data_everyone_but_oneself_is_a_pseudonym);
async fn r37_without_performance_data_everyone_but_oneself_is_a_pseudonym(instance: Instance) {
    let alice = instance.tenant("acme").await;
    people(&alice).await;
    let users = ["mia", "max", "dana"];
    let hidden = names(&alice, &users, None).await;
    assert!(hidden.iter().all(|(name, anonymised)| *anonymised && name.starts_with("User ")), "{hidden:?}");
    assert_eq!(hidden.iter().collect::<BTreeSet<_>>().len(), 3, "{hidden:?}");
    let full = ["Mia Stone", "Max Winter", "Dana Field"].map(|name| (name.to_owned(), false));
    for subject in ["mia", "dana", "alice"] {
        assert_eq!(names(&alice, &users, Some(subject)).await, full, "{subject}");
    }
    let seen = names(&alice, &users, Some("max")).await;
    assert_eq!(seen, [hidden[0].clone(), full[1].clone(), hidden[2].clone()]);
    assert_eq!(names(&alice, &users, Some("nobody")).await, hidden);

    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "enabled": false })).await;
    assert_eq!(names(&alice, &users, Some("mia")).await, [full[0].clone(), hidden[1].clone(), hidden[2].clone()]);
    let role = json!({ "key": "blind", "version": 1, "permissions": ["reports", "performance-data"] });
    alice.make("RoleUpdate", role).await;
    assert_eq!(names(&alice, &users, Some("max")).await, full);
}

both!(r37_a_pseudonym_stays_with_its_user_and_is_never_given_again);
async fn r37_a_pseudonym_stays_with_its_user_and_is_never_given_again(instance: Instance) {
    let alice = instance.tenant("acme").await;
    people(&alice).await;
    let before = pseudonym(&alice, "dana").await;
    let change = json!({ "key": "dana", "version": 1, "fullName": "Dana Other", "baseRole": "AGENT" });
    alice.make("UserUpdate", change).await;
    assert_eq!(pseudonym(&alice, "dana").await, before);
    assert_eq!(names(&alice, &["dana", "max", "dana"], None).await[2].0, before);
    alice.make("UserDelete", json!({ "key": "dana" })).await;
    alice.add_user("dana", "AGENT", json!({})).await;
    assert_ne!(pseudonym(&alice, "dana").await, before, "somebody else");
    let there = instance.tenant("globex").await;
    assert_ne!(pseudonym(&there, "alice").await, pseudonym(&alice, "alice").await, "another tenant");
}

both!(r37_nobody_but_who_decides_for_others_can_collect_whose_pseudonyms_are);
async fn r37_nobody_but_who_decides_for_others_can_collect_whose_pseudonyms_are(instance: Instance) {
    let alice = instance.tenant("acme").await;
    people(&alice).await;
    let desk = alice.new_service("desk").await;
    let of_dana = pseudonym(&alice, "dana").await;
    assert_eq!(pseudonym(&desk, "dana").await, of_dana);
    // The right to decide for others can be granted, and does not unveil anybody.
    let grants = json!([{ "object": "admin/decisions", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Desk", "permissions": ["reports"], "grants": grants })).await;
    let rita = alice.new_user("acme", "rita", "MANAGER", json!({ "customRole": "desk" })).await;
    assert!(rita.allowed("dana", "unmask", "data/contacts").await);
    assert_eq!(rita.fail("Pseudonyms", json!({ "users": ["dana"] })).await, "FORBIDDEN");
    pseudonym(&rita, "rita").await;
    let mia = instance.stranger().signed_in("acme", "mia", crate::common::app::PASSWORD).await;
    let own = pseudonym(&mia, "mia").await;
    assert_eq!(own, pseudonym(&alice, "mia").await);
    assert_eq!(names(&mia, &["mia", "mia"], None).await, [(own.clone(), true), (own, true)]);
    assert_eq!(names(&mia, &["mia"], Some("mia")).await, [("Mia Stone".to_owned(), false)]);
    for (users, subject) in [
        (vec!["dana"], None),
        (vec!["mia", "dana"], None),
        (vec!["mia", "nobody"], None),
        (vec!["nobody"], None),
        // She may know who did what, but not under which pseudonym.
        (vec!["dana"], Some("mia")),
        (vec!["mia"], Some("dana")),
    ] {
        let asked = json!({ "users": users, "subject": subject });
        assert_eq!(mia.fail("Pseudonyms", asked.clone()).await, "FORBIDDEN", "{asked}");
    }
}

both_databases!(r37_all_instances_give_the_same_pseudonym_also_when_they_are_asked_first_at_once);
async fn r37_all_instances_give_the_same_pseudonym_also_when_they_are_asked_first_at_once(database: Database) {
    let start = async || Instance::start(&database, Choices::default()).await;
    let (one, other) = (start().await, start().await);
    let alice = one.tenant("acme").await;
    let there = alice.at(&other);
    let clients = (0..16).map(|n| if n % 2 == 0 { alice.clone() } else { there.clone() });
    let asked = clients.map(async |client| pseudonym(&client, "alice").await);
    let all = futures_util::future::join_all(asked).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1, "{all:?}");
    assert_eq!(pseudonym(&alice.at(&start().await), "alice").await, all[0], "after a restart");
}

both!(r37_a_pseudonym_tells_nothing_of_its_user);
async fn r37_a_pseudonym_tells_nothing_of_its_user(instance: Instance) {
    let alice = instance.tenant("acme").await;
    people(&alice).await;
    let hidden = pseudonym(&alice, "dana").await;
    let (word, characters) = hidden.split_once(' ').unwrap();
    assert_eq!((word, characters.len()), ("User", 10), "{hidden}");
    assert!(characters.chars().all(|it| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(it)), "{hidden}");
    let answer = alice.answer("Pseudonyms", json!({ "users": ["dana"] })).await.to_string();
    let id = alice.get("User", json!({ "key": "dana" })).await["id"].as_str().unwrap().to_owned();
    assert!(!answer.contains("Field") && !answer.contains(&id), "{answer}");
}

both!(a_wrong_question_names_what_is_wrong);
async fn a_wrong_question_names_what_is_wrong(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let there = instance.tenant("globex").await;
    there.add_user("gil", "AGENT", json!({})).await;
    let many = vec!["alice"; 1001];
    for (users, subject, field, said) in [
        (vec!["alice", "nobody"], None, json!(["users", "1"]), "there is no user `nobody`"),
        (vec!["gil"], None, json!(["users", "0"]), "there is no user `gil`"),
        (vec!["alice", "role:admin"], None, json!(["users", "1"]), "is not a user key"),
        (vec!["alice"], Some("a*"), json!(["subject"]), "is not a user key"),
        (vec![], None, json!(["users"]), "1 to 1000"),
        (many, None, json!(["users"]), "1 to 1000"),
    ] {
        let answer = alice.answer("Pseudonyms", json!({ "users": users, "subject": subject })).await;
        let error = &answer["errors"][0];
        assert_eq!((&error["extensions"]["code"], &error["extensions"]["field"]), (&json!("BAD_INPUT"), &field));
        assert!(error["message"].as_str().unwrap().contains(said), "{error:#}");
    }
    let most = vec!["alice"; 1000];
    assert_eq!(alice.get("Pseudonyms", json!({ "users": most })).await.as_array().unwrap().len(), 1000);
}
