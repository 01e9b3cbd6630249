//! Instances that change one tenant in turn: each goes on from what it remembers and what the others have written into
//! the log.

use super::*;
use crate::common::app::{Database, both_databases};

const DESCRIBE: &str =
    "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { revision userErrors { code message } } }";
const USER_UPDATE: &str =
    "mutation($input: UserUpdateInput!) { userUpdate(input: $input) { revision userErrors { code message } } }";
const GROUP: &str =
    "mutation($input: GroupCreateInput!) { groupCreate(input: $input) { revision userErrors { code message } } }";

/// Makes one of several changes: some make a revision, some only add to the newest.
async fn change(alice: &Client, round: u64) {
    let profile = alice.data(r#"{ profile(key: "desk") { version } }"#, json!({})).await["profile"]["version"].clone();
    let user = alice.data(r#"{ user(key: "uma") { version } }"#, json!({})).await["user"]["version"].clone();
    match round % 4 {
        0 => drop(set_voice(alice, round.is_multiple_of(8)).await),
        1 => {
            let text = format!("in round {round}");
            let described = json!({ "key": "desk", "version": profile, "description": text });
            alice.done(DESCRIBE, json!({ "input": described })).await;
        }
        2 => {
            let input = json!({ "key": "uma", "version": user, "enabled": round % 8 == 2 });
            alice.done(USER_UPDATE, json!({ "input": input })).await;
        }
        _ => {
            let input = json!({ "key": format!("g{round}"), "name": format!("G{round}"), "members": ["uma"] });
            alice.done(GROUP, json!({ "input": input })).await;
        }
    }
}

/// Returns the differences of `acme` as stored, and as an instance has it in memory.
async fn wrong(instance: &Instance) -> Vec<String> {
    let system = instance.platform.system_caller(&TenantKey::parse(TenantKey::PLATFORM).unwrap()).await.unwrap();
    let report = instance.platform.verify(&system, &TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
    report.differences.iter().map(|difference| format!("{difference:?}")).collect()
}

#[tokio::test]
async fn r44_what_instances_change_in_turn_is_what_the_whole_compiles_to() {
    on_pairs(async |database, one, other| {
        let alice = acme(&one).await;
        // In runs of different lengths, so that each comes after its own and after the other's.
        for round in 0..32_u64 {
            let instance = if (round / 3) % 2 == 0 || round % 5 == 0 { &one } else { &other };
            change(&alice.at(instance), round).await;
        }
        assert_eq!(wrong(&one).await, [""; 0]);
        assert_eq!(wrong(&other).await, [""; 0]);
        all_end_equal(&database, &[&one, &other]).await;
    })
    .await;
}

both_databases!(r44_an_instance_that_remembers_nothing_changes_tenants_all_the_same);
async fn r44_an_instance_that_remembers_nothing_changes_tenants_all_the_same(database: Database) {
    let forgetful = Choices { state_in_memory: 0, ..Choices::default() };
    let instance = Instance::start(&database, forgetful).await;
    let alice = acme(&instance).await;
    for round in 0..8 {
        change(&alice, round).await;
    }
    assert_eq!(wrong(&instance).await, [""; 0]);
}
