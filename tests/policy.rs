//! The policy as auditors and other Casbin programs see it, its revisions, and the news of them.

mod ends;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};
use crate::common::operations::{automatic, document, keys, merged, open};
use crate::common::socket::Socket;

/// Makes a tenant with something of everything.
async fn furnish(alice: &Client) {
    alice.register("voice/queues", &["sales", "support"]).await;
    let masking = json!({ "name": "Night", "permissionType": "READ_EDIT", "maskSensitiveData": true });
    alice.make("ProfileCreate", masking).await;
    alice
        .save_sections("night", "voice", json!([open("voice/queues", &["sales"]), automatic("voice/recordings")]))
        .await;
    alice.save_sections("night", "contacts", json!([automatic("contacts/contacts")])).await;
    let grants = json!([{ "object": "voice/queues/support", "action": "*", "effect": "ALLOW" },
        { "object": "voice/queues/*", "action": "delete", "effect": "DENY" }]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grants })).await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    alice.add_user("mia", "MANAGER", json!({ "customRole": "analyst" })).await;
    alice.add_user("max", "MANAGER", json!({})).await;
    alice.add_user("ann", "AGENT", json!({})).await;
    alice.add_user("off", "ADMIN", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["analyst"], "members": ["dana", "ann"] })).await;
}

both!(r42_casbin_itself_decides_the_same_from_the_csv_and_the_model);
async fn r42_casbin_itself_decides_the_same_from_the_csv_and_the_model(instance: Instance) {
    let alice = instance.tenant_with("acme", &["voice", "contacts", "reports"]).await;
    furnish(&alice).await;
    let policy = alice.get("Policy", json!({})).await;
    assert_eq!(policy["revision"], alice.revision().await);
    let enforcer = enforcer(&policy).await;
    let mut asked = Vec::new();
    for subject in ["alice", "dana", "mia", "max", "ann", "off", "nobody"] {
        for object in [
            "voice/queues",
            "voice/queues/sales",
            "voice/queues/support",
            "voice/recordings/any",
            "voice/contexts/from-sip",
            "contacts/contacts",
            "chat/queues",
            "reports/activity",
            "reports/supervision",
            "data/contacts",
            "data/dialer",
            "admin/users",
            "admin",
            "voice",
            "nothing/at/all",
        ] {
            for action in ["show", "read", "edit", "delete", "link", "unmask", "dance"] {
                asked.push((subject, object, action));
            }
        }
    }
    let input = |(subject, object, action): &(&str, &str, &str)| json!({ "subject": subject, "object": object, "action": action });
    let inputs: Vec<_> = asked.iter().map(input).collect();
    let answers = alice.get("Decisions", json!({ "inputs": inputs })).await;
    let (mut allowed, mut denied) = (0, 0);
    for ((subject, object, action), answer) in asked.iter().zip(answers.as_array().unwrap()) {
        let ours = answer["allowed"].as_bool().unwrap();
        let theirs = enforcer.enforce((format!("user:{subject}"), "acme", *object, *action)).unwrap();
        assert_eq!(ours, theirs, "{subject} {action} {object}");
        *(if ours { &mut allowed } else { &mut denied }) += 1;
    }
    assert!(allowed > 50 && denied > 50, "{allowed} {denied}");
}

/// Builds casbin's own engine over an exported policy.
async fn enforcer(policy: &Value) -> Enforcer {
    let model = DefaultModel::from_str(policy["model"].as_str().unwrap()).await.unwrap();
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.unwrap();
    for line in policy["csv"].as_str().unwrap().lines() {
        let mut values = line.split(", ").map(str::to_owned);
        match values.next().as_deref() {
            Some("p") => assert!(enforcer.add_policy(values.collect()).await.unwrap(), "{line}"),
            Some("g") => assert!(enforcer.add_grouping_policy(values.collect()).await.unwrap(), "{line}"),
            other => panic!("{other:?}"),
        }
    }
    enforcer
}

both!(rules_are_listed_searched_and_paged_with_where_they_come_from);
async fn rules_are_listed_searched_and_paged_with_where_they_come_from(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let csv = alice.rules().await;
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = alice.get("Rules", json!({ "first": 40, "after": after })).await["rules"].clone();
        assert_eq!(page["totalCount"].as_u64().unwrap(), csv.len() as u64);
        for rule in page["nodes"].as_array().unwrap() {
            let values = rule["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap());
            let line: Vec<_> = std::iter::once(rule["ptype"].as_str().unwrap()).chain(values).collect();
            seen.push(line.join(", "));
            assert_eq!(rule["origin"]["key"], rule["origins"][0]["key"]);
        }
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, csv);
    let one = alice.get("Rules", json!({ "ptype": "g", "search": "profile:night" })).await["rules"].clone();
    assert_eq!(one["nodes"][0]["values"], json!(["user:dana", "profile:night", "acme"]));
    let origin = json!({ "kind": "USER", "key": "dana", "name": "dana", "module": null, "section": null, "note": "user profile" });
    assert_eq!((&one["totalCount"], &one["nodes"][0]["origin"]), (&json!(1), &origin));
    let listed = alice.get("Rules", json!({ "search": "voice/recordings/*" })).await["rules"]["nodes"][0].clone();
    assert_eq!((&listed["origin"]["kind"], &listed["origin"]["name"]), (&json!("PROFILE"), &json!("Night")));
    assert_eq!(listed["origin"]["note"], "AUTOMATIC association of Voice Recordings");
    let none = alice.get("Rules", json!({ "search": "acme" })).await["rules"]["totalCount"].clone();
    assert_eq!(none, 0, "the tenant's own key is no find");
}

/// Returns changes, each with `true` if it makes a revision.
fn changes() -> Vec<(&'static str, Value, bool)> {
    let user = |name: &str, more: Value| {
        let email = format!("{name}@example.com");
        merged(json!({ "username": name, "fullName": name, "email": email, "password": PASSWORD }), more)
    };
    let resources = |name: &str| json!({ "section": "voice/queues", "resources": [{ "key": "sales", "name": name }] });
    vec![
        ("ProfileCreate", json!({ "name": "Night", "permissionType": "READ" }), true),
        ("ProfileUpdate", json!({ "key": "night", "version": 1, "description": "After ten" }), false),
        ("ProfileUpdate", json!({ "key": "night", "version": 2, "maskSensitiveData": true }), true),
        ("ProfileUpdate", json!({ "key": "night", "version": 3, "permissionType": "READ_EDIT" }), false),
        ("ResourceRegister", resources("Sales"), true),
        ("ResourceRegister", resources("Sales"), false),
        ("ResourceRegister", resources("Sales Europe"), true),
        ("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "version": 4, "all": true }), true),
        ("ProfileSaveModule", json!({ "profile": "night", "module": "voice", "version": 5, "all": true }), false),
        ("ProfileClone", json!({ "key": "night", "newName": "Day" }), true),
        ("ProfileDelete", json!({ "key": "day" }), true),
        ("RoleCreate", json!({ "name": "Analyst", "permissions": [] }), false),
        ("RoleUpdate", json!({ "key": "analyst", "version": 1, "permissions": ["people"] }), true),
        ("RoleUpdate", json!({ "key": "analyst", "version": 2, "name": "Analysts", "description": "x" }), false),
        ("UserCreate", user("dana", json!({ "baseRole": "USER", "profile": "night" })), true),
        (
            "UserUpdate",
            json!({ "key": "dana", "version": 1, "fullName": "D", "email": null, "extension": "7777" }),
            false,
        ),
        ("UserUpdate", json!({ "key": "dana", "version": 2, "baseRole": "MANAGER", "customRole": "analyst" }), true),
        ("UserUpdate", json!({ "key": "dana", "version": 3, "enabled": false }), true),
        ("UserUpdate", json!({ "key": "dana", "version": 4, "enabled": true }), true),
        ("GroupCreate", json!({ "name": "Staff" }), false),
        ("GroupUpdate", json!({ "key": "staff", "version": 1, "name": "Crew" }), false),
        ("GroupUpdate", json!({ "key": "staff", "version": 2, "permissions": ["automation"] }), true),
        ("GroupAddMembers", json!({ "group": "staff", "users": ["dana", "alice"] }), true),
        ("GroupAddMembers", json!({ "group": "staff", "users": ["dana"] }), false),
        ("GroupRemoveMembers", json!({ "group": "staff", "users": ["dana", "alice"] }), true),
        ("GroupDelete", json!({ "key": "staff" }), true),
        ("UserDelete", json!({ "key": "dana" }), true),
        ("RoleDelete", json!({ "key": "analyst" }), true),
        ("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] }), true),
        ("SettingsUpdate", json!({ "sessionHours": 6 }), true),
        ("SettingsUpdate", json!({ "sessionHours": 6 }), false),
    ]
}

both!(r43_what_can_change_an_answer_makes_one_revision_and_nothing_else_makes_any);
async fn r43_what_can_change_an_answer_makes_one_revision_and_nothing_else_makes_any(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let mut revision = alice.revision().await;
    for (name, input, revises) in changes() {
        let before = alice.rules().await;
        let done = alice.make(name, input.clone()).await;
        revision += i64::from(revises);
        assert_eq!(done["revision"], revision, "{name} {input}");
        assert_eq!(alice.revision().await, revision, "{name} {input}");
        if !revises {
            assert_eq!(alice.rules().await, before, "{name} {input}");
        }
    }
    for account in ["ApiKeyGenerate", "ApiKeyRemove"] {
        alice.make(account, json!({})).await;
        assert_eq!(alice.revision().await, revision, "{account}");
    }
    let operator = instance.operator().await;
    for (modules, revises) in [(vec!["voice"], true), (vec!["voice"], false), (vec!["voice", "chat"], true)] {
        revision += i64::from(revises);
        let done = operator.make("TenantSetLicence", json!({ "tenant": "acme", "modules": modules })).await;
        assert_eq!(done["revision"], revision, "{modules:?}");
    }
    assert_eq!(alice.revision().await, revision);
}

both!(changes_are_told_as_they_happen_and_what_was_missed_first);
async fn changes_are_told_as_they_happen_and_what_was_missed_first(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let before = alice.revision().await;
    let input = json!({ "name": "Night", "permissionType": "READ", "reason": "a new shift" });
    alice.make("ProfileCreate", input).await;
    let mut late = Socket::open(&instance.url, &alice).await;
    late.subscribe("1", &document("PolicyChanged"), json!({ "since": before })).await;
    let missed = late.next("1").await["data"]["policyChanged"].clone();
    assert_eq!((&missed["revision"], &missed["reason"]), (&json!(before + 1), &json!("a new shift")));
    assert_eq!(missed["author"], json!({ "kind": "USER", "key": "alice", "name": "Alice Admin" }));
    assert_eq!(missed["addedCount"], missed["diff"]["added"]["nodes"].as_array().unwrap().len());
    let added = &missed["diff"]["added"]["nodes"][0];
    assert_eq!((&added["origin"]["kind"], &added["origin"]["key"]), (&json!("PROFILE"), &json!("night")));

    let mut fresh = Socket::open(&instance.url, &alice).await;
    fresh.subscribe("2", &document("PolicyChanged"), json!({})).await;
    assert!(fresh.is_silent(200).await, "what was before is not asked for");
    alice.make("ProfileUpdate", json!({ "key": "night", "version": 1, "description": "no news" })).await;
    alice.make("ProfileDelete", json!({ "key": "night" })).await;
    for (socket, id) in [(&mut late, "1"), (&mut fresh, "2")] {
        let news = socket.next(id).await["data"]["policyChanged"].clone();
        assert_eq!((&news["revision"], &news["addedCount"]), (&json!(before + 2), &json!(0)));
        let gone = &news["diff"]["removed"]["nodes"][0];
        assert_eq!((&gone["origin"]["kind"], &gone["origin"]["key"]), (&json!("PROFILE"), &json!("night")));
    }
}

both!(who_loses_the_right_hears_no_more_and_who_has_it_not_hears_nothing);
async fn who_loses_the_right_hears_no_more_and_who_has_it_not_hears_nothing(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let globex = instance.tenant("globex").await;
    let grants = json!([{ "object": "admin/rules", "action": "read" }]);
    alice.make("RoleCreate", json!({ "name": "Auditor", "permissions": [], "grants": grants })).await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({ "customRole": "auditor" })).await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let mut without = Socket::open(&instance.url, &ann).await;
    without.subscribe("1", &document("PolicyChanged"), json!({ "since": 1 })).await;
    assert!(without.hear().await.to_string().contains("FORBIDDEN"));

    let mut socket = Socket::open(&instance.url, &mia).await;
    socket.subscribe("1", &document("PolicyChanged"), json!({})).await;
    globex.add_profile("Foreign", "READ").await;
    assert!(socket.is_silent(200).await, "another tenant's change is none of hers");
    alice.add_profile("Night", "READ").await;
    assert!(socket.next("1").await["data"]["policyChanged"]["revision"].is_i64());
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "customRole": null })).await;
    let refused = socket.hear().await.to_string();
    assert!(refused.contains("FORBIDDEN") && !refused.contains("addedCount"), "{refused}");
}

both!(the_rules_are_for_those_who_may_read_them);
async fn the_rules_are_for_those_who_may_read_them(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    let desk = alice.new_service("desk").await;
    for client in [&mia, &desk] {
        assert_eq!(client.fail("Policy", json!({})).await, "FORBIDDEN");
        assert_eq!(client.fail("Rules", json!({})).await, "FORBIDDEN");
    }
    let tenants = instance.operator().await.in_tenant("acme").get("Policy", json!({})).await;
    assert_eq!(tenants["csv"], alice.get("Policy", json!({})).await["csv"]);
    assert_eq!(keys(&alice.get("Groups", json!({})).await["nodes"]), Vec::<String>::new());
}
