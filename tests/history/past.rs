//! The policy of the past: rules, decisions and differences at each revision, compared with what was written down at
//! the time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, open};

/// The answers at a revision when it was the newest.
struct Then {
    revision: i64,
    csv: String,
    decisions: Vec<Value>,
}

const ASKED: [(&str, &str, &str); 7] = [
    ("dana", "read", "voice/queues/sales"),
    ("dana", "edit", "voice/queues/sales"),
    ("dana", "read", "contacts/contacts"),
    ("mia", "read", "reports/activity"),
    ("ann", "unmask", "data/contacts"),
    ("alice", "edit", "admin/users"),
    ("nobody", "read", "voice"),
];

async fn decided(alice: &Client, at: Option<i64>) -> Vec<Value> {
    let inputs: Vec<Value> = ASKED
        .iter()
        .map(|(subject, action, object)| json!({ "subject": subject, "action": action, "object": object, "atRevision": at }))
        .collect();
    alice.get("Decisions", json!({ "inputs": inputs })).await.as_array().unwrap().clone()
}

async fn now(alice: &Client) -> Then {
    let policy = alice.get("Policy", json!({})).await;
    let revision = policy["revision"].as_i64().unwrap();
    Then { revision, csv: policy["csv"].as_str().unwrap().to_owned(), decisions: decided(alice, None).await }
}

/// Makes a tenant's past, and returns what held after each of its changes.
async fn live(alice: &Client) -> Vec<Then> {
    let mut past = vec![now(alice).await];
    let changes: Vec<(&str, Value)> = vec![
        ("ResourceRegister", json!({ "section": "voice/queues", "resources": [{ "key": "sales", "name": "Sales" }] })),
        ("ProfileCreate", json!({ "name": "Night", "permissionType": "READ_EDIT", "maskSensitiveData": true })),
        (
            "ProfileSaveModule",
            json!({ "profile": "night", "module": "voice", "version": 1, "sections": [open("voice/queues", &["sales"])] }),
        ),
        (
            "UserCreate",
            json!({ "username": "dana", "fullName": "Dana", "email": "dana@example.com", "baseRole": "USER", "profile": "night" }),
        ),
        (
            "ProfileSaveModule",
            json!({ "profile": "night", "module": "contacts", "version": 2, "sections": [automatic("contacts/contacts")] }),
        ),
        ("SettingsUpdate", json!({ "maskedCharacters": 7 })),
        ("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"] })),
        (
            "UserCreate",
            json!({ "username": "mia", "fullName": "Mia", "email": "mia@example.com", "baseRole": "MANAGER", "customRole": "analyst" }),
        ),
        (
            "UserCreate",
            json!({ "username": "ann", "fullName": "Ann", "email": "ann@example.com", "baseRole": "AGENT" }),
        ),
        ("UserUpdate", json!({ "key": "dana", "version": 1, "enabled": false })),
        ("ProfileUpdate", json!({ "key": "night", "version": 3, "permissionType": "READ" })),
        ("UserUpdate", json!({ "key": "dana", "version": 2, "enabled": true })),
        ("RoleUpdate", json!({ "key": "analyst", "version": 1, "permissions": [] })),
        ("ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })),
        ("UserDelete", json!({ "key": "ann" })),
    ];
    for (name, input) in changes {
        let last = past.last().unwrap().revision;
        alice.make(name, input).await;
        let then = now(alice).await;
        if then.revision > last {
            past.push(then);
        }
    }
    past
}

fn lines(csv: &str) -> BTreeSet<&str> {
    csv.lines().collect()
}

fn rules(diff: &Value) -> BTreeSet<String> {
    let line = |rule: &Value| {
        let values: Vec<&str> =
            rule["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
        format!("{}, {}", rule["ptype"].as_str().unwrap(), values.join(", "))
    };
    diff.as_array().unwrap().iter().map(line).collect()
}

/// Returns the rules on one side of a difference, page by page.
async fn differing(alice: &Client, (from, to): (i64, i64), side: &str) -> BTreeSet<String> {
    let (mut after, mut walked, mut pages) = (Value::Null, BTreeSet::new(), 0);
    loop {
        let mut asked = json!({ "from": from, "to": to, "first": 7 });
        asked[format!("{side}After")] = after;
        let page = alice.get("PolicyDiff", asked).await[side].clone();
        walked.extend(rules(&page["nodes"]));
        pages += 1;
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            assert_eq!((&page["totalCount"], pages), (&json!(walked.len()), walked.len().div_ceil(7).max(1)));
            return walked;
        }
    }
}

both!(r45_each_revision_is_answered_as_it_was_at_the_time);
async fn r45_each_revision_is_answered_as_it_was_at_the_time(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let past = live(&alice).await;
    assert!(past.len() > 12);
    for then in &past {
        let policy = alice.get("Policy", json!({ "revision": then.revision })).await;
        assert_eq!((&policy["revision"], &policy["csv"]), (&json!(then.revision), &json!(then.csv)));
        assert_eq!(decided(&alice, Some(then.revision)).await, then.decisions, "at {}", then.revision);
        let (mut after, mut walked) = (Value::Null, BTreeSet::new());
        loop {
            let asked = json!({ "revision": then.revision, "first": 7, "after": after });
            let page = alice.get("Rules", asked).await["rules"].clone();
            walked.extend(rules(&page["nodes"]));
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                assert_eq!(page["totalCount"], walked.len());
                break;
            }
        }
        assert_eq!(walked.iter().map(String::as_str).collect::<BTreeSet<_>>(), lines(&then.csv));
    }
    let (first, last) = (&past[0], past.last().unwrap());
    for (one, other) in past.iter().zip(&past[1..]).chain([(first, last), (last, first), (last, last)]) {
        let (was, is) = (lines(&one.csv), lines(&other.csv));
        let without = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| -> BTreeSet<String> {
            these.difference(those).map(|line| (*line).to_owned()).collect()
        };
        let ends = (one.revision, other.revision);
        assert_eq!(differing(&alice, ends, "added").await, without(&is, &was), "{ends:?}");
        assert_eq!(differing(&alice, ends, "removed").await, without(&was, &is), "{ends:?}");
    }
    let filtered = alice.get("Rules", json!({ "revision": last.revision, "search": "NIGHT", "ptype": "g" })).await;
    assert_eq!(rules(&filtered["rules"]["nodes"]), BTreeSet::from(["g, user:dana, profile:night, acme".to_owned()]));
}

both!(r45_the_revisions_say_who_made_them_and_why_and_what_access_they_changed);
async fn r45_the_revisions_say_who_made_them_and_why_and_what_access_they_changed(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let past = live(&alice).await;
    alice
        .make(
            "GroupCreate",
            json!({ "name": "Staff", "permissions": ["reports"], "members": ["mia"], "reason": "a new office" }),
        )
        .await;
    let revisions = alice.get("PolicyRevisions", json!({ "first": 3 })).await;
    let newest = &revisions["nodes"][0];
    assert_eq!((&newest["reason"], &newest["author"]["key"]), (&json!("a new office"), &json!("alice")));
    let number = newest["revision"].as_i64().unwrap();
    assert_eq!((&revisions["totalCount"], number), (&json!(number), past.last().unwrap().revision + 1));
    let diff = json!({ "from": number - 1, "to": number, "access": true });
    let access = alice.get("PolicyDiff", diff).await["access"].clone();
    assert_eq!((&access["affectedUsers"], &access["lost"]), (&json!(1), &json!([])));
    let gained = access["gained"].as_array().unwrap();
    assert!(
        gained.contains(&json!({ "user": { "key": "mia" }, "object": "reports/activity", "action": "read" })),
        "{access}"
    );
    let back =
        alice.get("PolicyDiff", json!({ "from": number, "to": number - 1, "access": true })).await["access"].clone();
    assert_eq!((&back["lost"], &back["gained"]), (&access["gained"], &json!([])));
    let now = alice.get("Policy", json!({})).await;
    assert_eq!(differing(&alice, (0, number), "added").await.len(), now["csv"].as_str().unwrap().lines().count());
    let why =
        json!({ "subject": "dana", "action": "edit", "object": "voice/queues/sales", "atRevision": past[4].revision });
    let explained = alice.get("Explain", json!({ "input": why })).await;
    assert_eq!(explained["decision"]["allowed"], true, "{explained}");
    assert!(!explained["matched"].as_array().unwrap().is_empty());
}

both!(revisions_that_are_not_there_are_refused_and_so_is_who_may_not_see_rules);
async fn revisions_that_are_not_there_are_refused_and_so_is_who_may_not_see_rules(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    let desk = alice.new_service("desk").await;
    let newest = alice.revision().await;
    let asked = |at: i64| json!({ "subject": "ann", "action": "read", "object": "voice", "atRevision": at });
    for number in [newest + 1, i64::from(i32::MAX), -1] {
        let code = if number < 0 { "BAD_INPUT" } else { "NOT_FOUND" };
        assert_eq!(alice.fail("Policy", json!({ "revision": number })).await, code);
        assert_eq!(alice.fail("PolicyDiff", json!({ "from": number, "to": 1 })).await, code);
        assert_eq!(alice.fail("PolicyDiff", json!({ "from": 1, "to": number })).await, code);
        assert_eq!(alice.fail("Decision", json!({ "input": asked(number) })).await, code);
        assert_eq!(alice.fail("Explain", json!({ "input": asked(number) })).await, code);
    }
    let mut both = asked(1);
    both["atLeastRevision"] = json!(1);
    let two = json!({ "inputs": [asked(1), asked(newest)] });
    assert_eq!(alice.fail("Decisions", two).await, "BAD_INPUT", "each costs a whole policy");
    assert_eq!(alice.fail("Decision", json!({ "input": both })).await, "BAD_INPUT");
    // A host decides for everybody, and still sees no rules, nor what they were.
    assert_eq!(desk.fail("Decision", json!({ "input": asked(newest) })).await, "FORBIDDEN");
    assert_eq!(ann.fail("Decision", json!({ "input": asked(newest) })).await, "FORBIDDEN");
    let own = json!({ "action": "read", "object": "voice", "atRevision": newest });
    assert_eq!(ann.fail("Decision", json!({ "input": own })).await, "FORBIDDEN");
}
