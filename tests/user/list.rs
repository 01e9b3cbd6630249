//! Lists of users: filters, searches, orders and pages.

use super::*;
use crate::common::app::{Choices, Client, Database, Instance, both};

both!(users_are_found_filtered_ordered_and_paged);
async fn users_are_found_filtered_ordered_and_paged(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.make("GroupCreate", json!({ "name": "Staff", "permissions": ["people"] })).await;
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": [] })).await;
    for (name, more) in [
        ("dana", json!({ "fullName": "Dana Delta", "baseRole": "USER", "profile": "default", "extension": "7001" })),
        ("bob", json!({ "fullName": "Zed Bob", "groups": ["staff"] })),
        ("mia", json!({ "fullName": "Mia", "baseRole": "MANAGER", "customRole": "analyst" })),
    ] {
        alice.make("UserCreate", new_user(name, more)).await;
    }
    alice.make("UserUpdate", json!({ "key": "mia", "version": 1, "enabled": false })).await;
    let found = async |variables: Value| keys(&alice.get("Users", variables).await["nodes"]);
    for (filter, expected) in [
        (json!({ "search": "delta" }), vec!["dana"]),
        (json!({ "search": "7001" }), vec!["dana"]),
        (json!({ "search": "BOB@" }), vec!["bob"]),
        (json!({ "baseRole": "MANAGER" }), vec!["mia"]),
        (json!({ "profile": "default" }), vec!["dana"]),
        (json!({ "role": "analyst" }), vec!["mia"]),
        (json!({ "group": "staff" }), vec!["bob"]),
        (json!({ "enabled": false }), vec!["mia"]),
        (json!({ "profile": "No Key" }), vec![]),
        (json!({ "search": "%" }), vec![]),
    ] {
        assert_eq!(found(json!({ "filter": filter })).await, expected, "{filter}");
    }
    assert_eq!(found(json!({})).await, ["alice", "dana", "mia", "bob"]);
    assert_eq!(found(json!({ "orderBy": "NAME_DESCENDING" })).await, ["bob", "mia", "dana", "alice"]);
    assert_eq!(found(json!({ "orderBy": "OLDEST_FIRST" })).await, ["alice", "dana", "bob", "mia"]);
    assert_eq!(found(json!({ "orderBy": "NEWEST_FIRST", "first": 1 })).await, ["mia"]);
    pages_meet(&alice).await;
}

#[tokio::test]
async fn a_place_in_a_list_shows_nobodys_name() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    alice.make("UserCreate", new_user("dana", json!({ "fullName": "Dana Delta" }))).await;
    let page = alice.get("Users", json!({ "first": 2 })).await;
    for edge in page["edges"].as_array().unwrap() {
        let cursor = edge["cursor"].as_str().unwrap();
        let bytes = data_encoding::BASE64URL_NOPAD.decode(cursor.as_bytes()).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(["dana", "delta", "alice", "name", "key"].iter().all(|word| !text.contains(word)), "{text}");
    }
    assert_eq!(alice.fail("Users", json!({ "after": "W3sibmFtZSI6IkRhbmEifV0" })).await, "BAD_INPUT");
}

/// Checks that both ways through a list, one by one, meet every user once.
async fn pages_meet(alice: &Client) {
    for (size, from, cursor) in [("first", "after", "endCursor"), ("last", "before", "startCursor")] {
        let (mut seen, mut place) = (Vec::new(), Value::Null);
        loop {
            let page = alice.get("Users", json!({ size: 1, from: place })).await;
            assert_eq!(page["totalCount"], 4);
            assert_eq!(page["edges"][0]["cursor"], page["pageInfo"][cursor]);
            seen.extend(keys(&page["nodes"]));
            place = page["pageInfo"][cursor].clone();
            let more = if size == "first" { "hasNextPage" } else { "hasPreviousPage" };
            if page["pageInfo"][more] == false {
                break;
            }
        }
        if size == "last" {
            seen.reverse();
        }
        assert_eq!(seen, ["alice", "dana", "mia", "bob"]);
    }
    for wrong in [
        json!({ "first": 101 }),
        json!({ "first": 0 }),
        json!({ "first": -1 }),
        json!({ "last": 101 }),
        json!({ "first": 1, "last": 1 }),
        json!({ "after": "nonsense" }),
        json!({ "before": "bm8" }),
        json!({ "after": "e30" }),
    ] {
        assert_eq!(alice.fail("Users", wrong.clone()).await, "BAD_INPUT", "{wrong}");
    }
}

/// Makes twelve users: each second a USER of the profile, each third in the group, each fourth disabled.
async fn a_dozen(alice: &Client) {
    alice.make("GroupCreate", json!({ "name": "Staff" })).await;
    let user = |n: i32| {
        let role = if n % 2 == 0 { json!({ "baseRole": "USER", "profile": "default" }) } else { json!({}) };
        let groups = if n % 3 == 0 { json!({ "groups": ["staff"] }) } else { json!({}) };
        new_user(&format!("u{n:02}"), merged(role, groups))
    };
    let users: Vec<_> = (0..12).map(user).collect();
    alice.make("UsersImport", json!({ "users": users })).await;
    for n in (0..12).filter(|n| n % 4 == 0) {
        let change = json!({ "key": format!("u{n:02}"), "version": 1, "enabled": false });
        alice.make("UserUpdate", change).await;
    }
}

/// Returns all users that a filter finds, page by page.
async fn in_pages(alice: &Client, filter: &Value, size: usize) -> Vec<String> {
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = alice.get("Users", json!({ "filter": filter, "first": size, "after": after })).await;
        seen.extend(keys(&page["nodes"]));
        if page["pageInfo"]["hasNextPage"] == false {
            assert_eq!(page["totalCount"], seen.len(), "{filter}");
            return seen;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

both!(filters_fit_together_on_every_page);
async fn filters_fit_together_on_every_page(instance: Instance) {
    let alice = instance.tenant("acme").await;
    a_dozen(&alice).await;
    for (filter, expected) in [
        (json!({ "profile": "default", "enabled": true }), "u02 u06 u10"),
        (json!({ "group": "staff", "baseRole": "USER" }), "u00 u06"),
        (json!({ "group": "staff", "baseRole": "AGENT", "enabled": true }), "u03 u09"),
        (json!({ "group": "staff", "enabled": false }), "u00"),
        (json!({ "search": "U0", "profile": "default", "enabled": true }), "u02 u06"),
        (json!({ "search": "@example.com", "enabled": false }), "u00 u04 u08"),
        (json!({ "baseRole": "AGENT", "profile": "default" }), ""),
        (json!({ "group": "staff", "role": "nothing" }), ""),
    ] {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        for size in [1, 2, 100] {
            assert_eq!(in_pages(&alice, &filter, size).await, expected, "{filter} by {size}");
        }
    }
}

both!(a_search_looks_at_name_username_and_email_without_regard_to_case);
async fn a_search_looks_at_name_username_and_email_without_regard_to_case(instance: Instance) {
    let alice = instance.tenant("acme").await;
    for (username, more) in [
        ("Emil.M", json!({ "fullName": "Émile Müller", "email": "post@Example.org" })),
        ("strasse_1", json!({ "fullName": "Große Straße" })),
        ("odd", json!({ "fullName": "100% [a-z] (x|y) ^$.*+?\\" })),
        ("aab", json!({ "fullName": "Ωmega" })),
    ] {
        alice.make("UserCreate", new_user(username, more)).await;
    }
    for (search, expected) in [
        ("ÉMILE MÜLLER", "emil.m"),
        ("émile mü", "emil.m"),
        ("EMIL.", "emil.m"),
        ("POST@example.ORG", "emil.m"),
        ("GROSSE", "strasse_1"),
        ("GROße", "strasse_1"),
        ("ωMEGA", "aab"),
        ("strasse_", "strasse_1"),
        ("strassex1", ""),
        ("%", "odd"),
        ("100% [A-Z] (X|Y) ^$.*+?\\", "odd"),
        ("[a-z]", "odd"),
        ("a.b", ""),
        ("?", "odd"),
        ("*", "odd"),
        ("\\", "odd"),
        ("(x|", "odd"),
        ("\u{0}odd", "odd"),
    ] {
        let found = alice.get("Users", json!({ "filter": { "search": search } })).await;
        assert_eq!(keys(&found["nodes"]).join(" "), expected, "{search}");
    }
}
