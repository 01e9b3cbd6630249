//! The scenario in which an API gateway asks who may call which route, of the `OpenID` `AuthZEN` working
//! group (`interop/authzen-api-gateways/test-harness/test/decisions.json` of `openid/authzen`): its
//! subjects are identities, its actions the methods of HTTP, its resources the templates of paths.

use serde_json::{Value, json};

use super::{PATH, asked_at};
use crate::common::app::{Client, Instance, both};

/// The routes, each with its method.
const ROUTES: [(&str, &str); 5] = [
    ("GET", "/users/{userId}"),
    ("GET", "/todos"),
    ("POST", "/todos"),
    ("PUT", "/todos/{todoId}"),
    ("DELETE", "/todos/{todoId}"),
];
/// The users with their roles in the scenario, and for each route `true` if it is expected to be open to them.
const EXPECTED: [(&str, &[&str], [bool; 5]); 5] = [
    ("rick", &["admin", "evil-genius"], [true; 5]),
    ("morty", &["editor"], [true; 5]),
    ("summer", &["editor"], [true; 5]),
    ("beth", &["viewer"], [true, true, false, false, false]),
    ("jerry", &["viewer"], [true, true, false, false, false]),
];
/// The routes that each role may call; `admin` and `evil-genius` have no more than an editor, who has all.
const ROLES: [(&str, &[usize]); 4] =
    [("viewer", &[0, 1]), ("editor", &[0, 1, 2, 3, 4]), ("admin", &[0, 1, 2, 3, 4]), ("evil-genius", &[0, 1, 2, 3, 4])];

/// The object of a route, as it stands in rules.
fn object(route: &str) -> String {
    let encoded = route.replace('/', "%2F").replace('{', "%7B").replace('}', "%7D");
    format!("route/{encoded}")
}

/// A tenant with the scenario's users and roles. Gives the gateway.
async fn scenario(instance: &Instance) -> Client {
    let alice = instance.tenant("acme").await;
    for (user, ..) in EXPECTED {
        alice.add_user(user, "AGENT", json!({})).await;
    }
    for (role, routes) in ROLES {
        let grant = |route: &usize| {
            let (method, route) = ROUTES[*route];
            json!({ "object": object(route), "action": method, "effect": "ALLOW" })
        };
        let grants: Vec<_> = routes.iter().map(grant).collect();
        let made = alice.make("RoleCreate", json!({ "name": role, "permissions": [], "grants": grants })).await;
        let members: Vec<_> =
            EXPECTED.iter().filter(|(_, roles, _)| roles.contains(&role)).map(|(user, ..)| user).collect();
        let group = json!({ "name": format!("{role}s"), "roles": [made["role"]["key"]], "members": members });
        alice.make("GroupCreate", group).await;
    }
    alice.new_service("gateway").await
}

fn asked(kind: &str, subject: &str, (method, route): (&str, &str)) -> Value {
    json!({
        "subject": { "type": kind, "id": subject },
        "action": { "name": method },
        "resource": { "type": "route", "id": route },
    })
}

both!(a_gateway_gets_the_scenarios_decisions_on_methods_and_routes);
async fn a_gateway_gets_the_scenarios_decisions_on_methods_and_routes(instance: Instance) {
    let gateway = scenario(&instance).await;
    let mut evaluations = Vec::new();
    for (subject, _, expected) in EXPECTED {
        for (route, allowed) in ROUTES.into_iter().zip(expected) {
            let request = asked("identity", subject, route);
            let answer = asked_at(PATH, &instance, &gateway, &request).await;
            assert_eq!(answer["decision"], allowed, "{request}");
            evaluations.push(request);
        }
    }
    let batch = asked_at("/access/v1/evaluations", &instance, &gateway, &json!({ "evaluations": evaluations })).await;
    let decisions: Vec<_> =
        batch["evaluations"].as_array().unwrap().iter().map(|one| one["decision"] == true).collect();
    assert_eq!(decisions, EXPECTED.map(|(_, _, expected)| expected).concat());
    // Another type is nobody here, and a method is its own in either case.
    for request in [asked("person", "rick", ROUTES[0]), asked("identity", "rick", ("get", "/todos"))] {
        assert_eq!(asked_at(PATH, &instance, &gateway, &request).await["decision"], false, "{request}");
    }
}

both!(a_gateway_finds_by_the_names_that_it_uses_itself);
async fn a_gateway_finds_by_the_names_that_it_uses_itself(instance: Instance) {
    let gateway = scenario(&instance).await;
    let find = async |sought: &str, request: &Value| {
        asked_at(&format!("/access/v1/search/{sought}"), &instance, &gateway, request).await["results"].clone()
    };
    let (beth, todos) = (json!({ "type": "identity", "id": "beth" }), json!({ "type": "route", "id": "/todos" }));
    assert_eq!(find("action", &json!({ "subject": beth, "resource": todos })).await, json!([{ "name": "GET" }]));
    let routes =
        find("resource", &json!({ "subject": beth, "action": { "name": "GET" }, "resource": { "type": "route" } }))
            .await;
    assert_eq!(routes, json!([todos, { "type": "route", "id": "/users/{userId}" }]));
    let request = json!({ "subject": { "type": "identity" }, "action": { "name": "PUT" }, "resource": { "type": "route", "id": "/todos/{todoId}" } });
    let editors = ["morty", "rick", "summer"].map(|id| json!({ "type": "identity", "id": id }));
    assert_eq!(find("subject", &request).await, json!(editors));
    let strangers = json!({ "subject": { "type": "person" }, "action": { "name": "PUT" }, "resource": todos });
    assert_eq!(find("subject", &strangers).await, json!([]));
}

both!(a_name_that_no_rule_can_hold_is_denied_and_found_nowhere);
async fn a_name_that_no_rule_can_hold_is_denied_and_found_nowhere(instance: Instance) {
    let gateway = scenario(&instance).await;
    let (long, many) = ("x".repeat(200), "ä".repeat(40));
    for (action, kind, id) in [
        ("", "route", "/todos"),
        ("*", "route", "/todos"),
        (many.as_str(), "route", "/todos"),
        ("GET", "", "/todos"),
        ("GET", "/route/", "/todos"),
        ("GET", "route", ""),
        ("GET", "route", long.as_str()),
        ("GET", "section", "voice/*"),
    ] {
        let mut request = asked("identity", "rick", (action, id));
        request["resource"]["type"] = json!(kind);
        let answer = asked_at(PATH, &instance, &gateway, &request).await;
        assert_eq!((&answer["decision"], &answer["context"]["reason"]), (&json!(false), &json!("NO_MATCHING_RULE")));
        request["subject"]["id"] = json!("nobody");
        let answer = asked_at(PATH, &instance, &gateway, &request).await;
        assert_eq!(answer["context"]["reason"], "UNKNOWN_SUBJECT", "{request}");
        let found = asked_at("/access/v1/search/subject", &instance, &gateway, &request).await;
        assert_eq!(found["results"], json!([]), "{request}");
    }
}
