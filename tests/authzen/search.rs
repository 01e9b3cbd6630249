//! The searches, compared with evaluations: on random policies, and page by page.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{asked, asked_at, fixture, refused_at};
use crate::common::app::{Client, Instance, both};
use crate::common::operations::{automatic, merged, open};

/// Actions with names such as hosts choose: `GET` and `get` are two, and the last two stand encoded in rules.
const ACTIONS: [&str; 8] = ["read", "edit", "link", "write", "unheard-of", "GET", "get", "do it/now"];

/// Numbers that look random, and are the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.below(these.len())]
    }
}

/// Returns the types of resources that are searched, each with its known ids.
fn universe() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("record", vec!["a", "b", "c d"]),
        ("deep/record", vec!["a"]),
        ("Odd Type/*", vec!["/users/{userId}"]),
        ("voice/queues", vec!["sales", "support", "Büro 1", "zeta"]),
        ("voice/voicemails", vec!["box"]),
        ("data", vec!["contacts", "performance"]),
        ("section", vec!["voice", "voice/queues", "voice/voicemails", "data/contacts"]),
    ]
}

/// Makes a tenant with random grants, in groups of users. Every object of the universe is known: it is registered, in
/// the catalogue, or named by the rules of a group.
async fn furnish(alice: &Client, chance: &mut Chance) -> Vec<&'static str> {
    alice.register("voice/queues", &["sales", "support", "B%C3%BCro%201", "zeta"]).await;
    alice.register("voice/voicemails", &["box"]).await;
    let sections = json!([open("voice/queues", &["sales", "zeta"]), automatic("voice/voicemails")]);
    alice.make("ProfileCreate", json!({ "name": "Night", "permissionType": "READ_EDIT" })).await;
    alice.save_sections("night", "voice", sections).await;
    alice.add_user("ed", "USER", json!({ "profile": "night" })).await;
    for agent in ["ann", "ben"] {
        alice.add_user(agent, "AGENT", json!({})).await;
    }
    let named = ["record/a", "record/b", "record/c%20d", "deep/record/a", "Odd%20Type/%2A/%2Fusers%2F%7BuserId%7D"];
    let told = named.map(|object| [(object, "unheard-of"), (object, "get")]).concat();
    let told =
        told.into_iter().map(|(object, action)| json!({ "object": object, "action": action })).collect::<Vec<_>>();
    alice.make("RoleCreate", json!({ "name": "Told", "permissions": [], "grants": told })).await;
    let objects =
        [&named[..], &["record/*", "voice/queues/*", "voice/queues/support", "voice/queues", "voice/*"]].concat();
    let users = ["alice", "ann", "ben", "ed"];
    for group in 0..4 {
        let mut grants = BTreeSet::new();
        for _ in 0..5 {
            let effect = if chance.below(4) == 0 { "DENY" } else { "ALLOW" };
            grants.insert((
                *chance.of(&objects),
                *chance.of(&["read", "edit", "write", "GET", "do%20it%2Fnow", "*"]),
                effect,
            ));
        }
        let grant = |(object, action, effect)| json!({ "object": object, "action": action, "effect": effect });
        let grants: Vec<_> = grants.into_iter().map(grant).collect();
        let name = format!("Chance {group}");
        let role = alice.make("RoleCreate", json!({ "name": name, "permissions": [], "grants": grants })).await;
        let members = [chance.of(&users), chance.of(&users)];
        let group = json!({ "name": name, "roles": [role["role"]["key"]], "members": members });
        alice.make("GroupCreate", group).await;
    }
    users.to_vec()
}

/// Returns all results of a search, in pages of this size.
async fn walk(instance: &Instance, client: &Client, kind: &str, request: &Value, size: usize) -> Vec<Value> {
    let path = format!("/access/v1/search/{kind}");
    let (mut all, mut page) = (Vec::new(), json!({ "limit": size }));
    loop {
        let answer = asked_at(&path, instance, client, &merged(request.clone(), json!({ "page": page }))).await;
        let results = answer["results"].as_array().unwrap();
        assert_eq!(answer["page"]["count"], results.len());
        assert!(results.len() <= size);
        all.extend(results.iter().cloned());
        match answer["page"]["next_token"].as_str().unwrap() {
            "" => return all,
            token => page = json!({ "token": token }),
        }
        assert_eq!(results.len(), size, "a page that is followed by another is full");
    }
}

/// Returns for each of these evaluations whether it is permitted.
async fn permitted(instance: &Instance, client: &Client, evaluations: &[Value]) -> Vec<bool> {
    let mut all = Vec::new();
    for some in evaluations.chunks(1000) {
        let request = json!({ "evaluations": some });
        let answer = asked_at("/access/v1/evaluations", instance, client, &request).await;
        let decided = answer["evaluations"].as_array().unwrap().iter().map(|one| one["decision"].as_bool().unwrap());
        all.extend(decided);
    }
    all
}

fn texts(results: &[Value], member: &str) -> BTreeSet<String> {
    let texts: BTreeSet<_> = results.iter().map(|one| one[member].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), results.len(), "each once");
    texts
}

/// Returns the candidates whose evaluations are permitted.
async fn expected(
    instance: &Instance,
    desk: &Client,
    candidates: &[&str],
    request: impl Fn(&str) -> Value,
) -> BTreeSet<String> {
    let evaluations: Vec<_> = candidates.iter().map(|one| request(one)).collect();
    let verdicts = permitted(instance, desk, &evaluations).await;
    candidates.iter().zip(verdicts).filter(|(_, permitted)| *permitted).map(|(one, _)| (*one).to_owned()).collect()
}

both!(r41_each_result_evaluates_to_true_and_each_that_is_left_out_to_false);
async fn r41_each_result_evaluates_to_true_and_each_that_is_left_out_to_false(instance: Instance) {
    let (mut found, mut left_out) = (0, 0);
    for seed in 0..2 {
        let alice = instance.tenant(&format!("acme{seed}")).await;
        let users = furnish(&alice, &mut Chance(seed)).await;
        let desk = alice.new_service("desk").await;
        let everybody = [&users[..], &["desk"]].concat();
        for (kind, ids) in universe() {
            for user in &users {
                let subject = json!({ "type": "user", "id": user });
                for action in ACTIONS {
                    let request =
                        json!({ "subject": subject, "action": { "name": action }, "resource": { "type": kind } });
                    let results = walk(&instance, &desk, "resource", &request, 2).await;
                    assert!(results.iter().all(|one| one["type"] == kind));
                    // Of the catalogue more is found than the universe holds: it is asked about too.
                    let results = texts(&results, "id");
                    let all: Vec<&str> = results.iter().map(String::as_str).chain(ids.iter().copied()).collect();
                    let all: Vec<&str> = all.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
                    let may = expected(&instance, &desk, &all, |id| asked(user, action, kind, id)).await;
                    assert_eq!(results, may, "{user} {action} {kind}");
                    found += may.len();
                    left_out += all.len() - may.len();
                }
                let id = ids[0];
                let request = json!({ "subject": subject, "resource": { "type": kind, "id": id } });
                let results = texts(&walk(&instance, &desk, "action", &request, 1).await, "name");
                let all: Vec<&str> =
                    ACTIONS.iter().copied().chain(["show", "delete", "download", "unmask", "identify"]).collect();
                assert_eq!(results, expected(&instance, &desk, &all, |action| asked(user, action, kind, id)).await);
            }
            for action in ACTIONS {
                let request = json!({ "subject": { "type": "user" }, "action": { "name": action }, "resource": { "type": kind, "id": ids[0] } });
                let results = texts(&walk(&instance, &desk, "subject", &request, 3).await, "id");
                let may = expected(&instance, &desk, &everybody, |user| asked(user, action, kind, ids[0])).await;
                assert_eq!(results, may, "{action} {kind}");
            }
        }
    }
    assert!(found > 200 && left_out > 200, "{found} found, {left_out} left out: one-sided");
}

both!(a_token_leads_on_in_its_own_search_alone);
async fn a_token_leads_on_in_its_own_search_alone(instance: Instance) {
    let desk = fixture(&instance).await;
    let path = "/access/v1/search/subject";
    let request = json!({ "subject": { "type": "user" }, "action": { "name": "read" }, "resource": { "type": "record", "id": "record-1" } });
    let paged = |page: Value| merged(request.clone(), json!({ "page": page }));
    let first = asked_at(path, &instance, &desk, &paged(json!({ "limit": 1 }))).await;
    let token = first["page"]["next_token"].as_str().unwrap();
    let second = asked_at(path, &instance, &desk, &paged(json!({ "token": token, "limit": 1 }))).await;
    assert_eq!((&first["results"][0]["id"], &second["results"][0]["id"]), (&json!("alice"), &json!("bob")));
    assert_eq!(second["page"]["next_token"], "");
    // A token after an empty page would lead on for ever.
    let none = asked_at(path, &instance, &desk, &paged(json!({ "limit": 0 }))).await;
    assert_eq!(none, json!({ "page": { "next_token": "", "count": 0 }, "results": [] }));
    let many = asked_at(path, &instance, &desk, &paged(json!({ "limit": 4_000_000_000_u64 }))).await;
    assert_eq!(many["results"].as_array().unwrap().len(), 2);

    let zoe = instance.tenant("globex").await;
    let elsewhere = zoe.new_service("desk").await;
    let another = zoe.new_service("other").await;
    let refused = async |client: &Client, path: &str, request: &Value| {
        let (code, field) = refused_at(path, &instance, client, request).await;
        assert_eq!((code.as_str(), field.split('.').next()), ("BAD_INPUT", Some("page")), "{request}");
        field
    };
    for foreign in [&elsewhere, &another] {
        assert_eq!(refused(foreign, path, &paged(json!({ "token": token }))).await, "page.token");
    }
    let mut other = paged(json!({ "token": token }));
    other["action"]["name"] = json!("write");
    assert_eq!(refused(&desk, path, &other).await, "page.token");
    let resources = merged(other, json!({ "subject": { "type": "user", "id": "alice" } }));
    assert_eq!(refused(&desk, "/access/v1/search/resource", &resources).await, "page.token");
    for (page, field) in [
        (json!({ "token": token, "limit": 2 }), "page.limit"),
        (json!({ "token": "nonsense" }), "page.token"),
        (json!({ "token": "e30" }), "page.token"),
        (json!({ "token": "x".repeat(5000) }), "page.token"),
        (json!({ "token": 1 }), "page.token"),
        (json!({ "limit": -1 }), "page.limit"),
        (json!({ "limit": 1.5 }), "page.limit"),
        (json!({ "limit": "1" }), "page.limit"),
        (json!("first"), "page"),
    ] {
        assert_eq!(refused(&desk, path, &paged(page)).await, field);
    }
}

both!(r1_who_may_search_is_who_may_ask_about_each);
async fn r1_who_may_search_is_who_may_ask_about_each(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
    instance.tenant("globex").await;
    let contacts = json!({ "type": "data", "id": "contacts" });
    let unmask = json!({ "name": "unmask" });
    let who = json!({ "subject": { "type": "user" }, "action": unmask, "resource": contacts });
    let on_what =
        |id: &str| json!({ "subject": { "type": "user", "id": id }, "action": unmask, "resource": { "type": "data" } });
    let what = |id: &str| json!({ "subject": { "type": "user", "id": id }, "resource": contacts });
    let found = asked_at("/access/v1/search/subject", &instance, &alice, &who).await;
    assert_eq!(texts(found["results"].as_array().unwrap(), "id"), ["alice", "ann"].map(str::to_owned).into());
    let own = asked_at("/access/v1/search/resource", &instance, &ann, &on_what("ann")).await;
    assert!(own["results"].as_array().unwrap().contains(&contacts), "{own}");
    let own = asked_at("/access/v1/search/action", &instance, &ann, &what("ann")).await;
    assert_eq!(own["results"], json!([{ "name": "unmask" }]));
    for (path, request) in [
        ("subject", who),
        ("resource", on_what("alice")),
        ("resource", on_what("nobody")),
        ("action", what("alice")),
        ("action", what("No Body")),
    ] {
        let path = format!("/access/v1/search/{path}");
        assert_eq!(refused_at(&path, &instance, &ann, &request).await.0, "FORBIDDEN", "{request}");
    }
}
