//! Casbin in other languages, over our export: every decision equals ours.

use std::path::Path;

use bailiwick::demo;
use bailiwick::domain::key::TenantKey;
use bailiwick::engine::MODEL;
use bailiwick::store::TenantAdapter;
use casbin::{CoreApi as _, DefaultModel, Enforcer};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, both};
use crate::common::program;

/// Number of requests of either kind, allowed and denied, that each is asked.
const OF_EACH: usize = 1500;
const PYTHON: &str = "target/test-tools/python/bin/python";
const ACTIONS: [&str; 9] = ["show", "read", "edit", "delete", "link", "download", "unmask", "identify", "unheard-of"];

/// A request, as all Casbins take it, with our answer.
struct Asked {
    user: String,
    object: String,
    action: String,
    allowed: bool,
}

/// Makes the demo's tenant, and returns its admin.
async fn furnish(instance: &Instance) -> Client {
    demo::load(&instance.platform).await.unwrap();
    let alice = instance.stranger().signed_in("demo", "alice", demo::PASSWORD).await;
    alice.add_user("off", "ADMIN", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
    let grants = json!([
        { "object": "record/*", "action": "*" }, { "object": "record/secret", "action": "*", "effect": "DENY" },
        { "object": "voice/queues/*", "action": "read", "effect": "DENY" },
    ]);
    alice.make("RoleCreate", json!({ "name": "Odd", "permissions": ["reports"], "grants": grants })).await;
    alice.make("GroupCreate", json!({ "name": "Odd Ones", "roles": ["odd"], "members": ["dana", "priya"] })).await;
    alice
}

/// Returns all users, and some names that no user has.
async fn users(alice: &Client) -> Vec<String> {
    let page = alice.get("Users", json!({ "first": 100 })).await;
    let known = page["nodes"].as_array().unwrap().iter().map(|user| user["key"].as_str().unwrap().to_owned());
    known.chain(["nobody", "admin", "role"].map(str::to_owned)).collect()
}

/// Returns objects that the catalogue names, resources, and objects of no catalogue.
async fn objects(alice: &Client) -> Vec<String> {
    let mut all: Vec<String> = [
        "data/contacts",
        "data/performance",
        "data/dialer",
        "admin/users",
        "admin/rules",
        "admin",
        "record/x",
        "record/secret",
        "record",
        "fax/queues",
        "voice/queues/unregistered",
        "nowhere/at/all",
    ]
    .map(str::to_owned)
    .into();
    let catalogue = alice.get("Catalogue", json!({})).await;
    for module in catalogue["modules"].as_array().unwrap() {
        all.push(module["key"].as_str().unwrap().to_owned());
        for section in module["sections"].as_array().unwrap() {
            let section = section["key"].as_str().unwrap();
            all.push(section.to_owned());
            let resources = alice.get("Resources", json!({ "section": section, "first": 3 })).await;
            let keys = resources["nodes"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap());
            all.extend(keys.map(|key| format!("{section}/{key}")));
        }
    }
    all
}

/// Returns our answers to all that can be asked, in a random order that is the same each time.
async fn answers(alice: &Client, instance: &Instance) -> Vec<Asked> {
    let (users, objects) = (users(alice).await, objects(alice).await);
    let mut all = Vec::new();
    for user in &users {
        for object in &objects {
            all.extend(ACTIONS.map(|action| (user.as_str(), object.as_str(), action)));
        }
    }
    // Far apart, so that all users, objects and actions are among the first.
    let apart = 7919 % all.len();
    let spread = (0..all.len()).map(|n| all[n * apart % all.len()]);
    let spread: Vec<_> = spread.take(24 * OF_EACH).collect();
    let mut asked = Vec::new();
    for some in spread.chunks(1000) {
        let one = |(user, object, action): &(&str, &str, &str)| {
            json!({ "subject": { "type": "user", "id": user }, "action": { "name": action },
                "resource": { "type": "section", "id": object } })
        };
        let request = reqwest::Client::new().post(format!("{}/access/v1/evaluations", instance.url));
        let request = request.bearer_auth(alice.token.as_deref().unwrap());
        let evaluations: Vec<Value> = some.iter().map(one).collect();
        let answer: Value =
            request.json(&json!({ "evaluations": evaluations })).send().await.unwrap().json().await.unwrap();
        for ((user, object, action), decided) in some.iter().zip(answer["evaluations"].as_array().unwrap()) {
            let [user, object, action] = [user, object, action].map(|text| (*text).to_owned());
            asked.push(Asked { user, object, action, allowed: decided["decision"].as_bool().unwrap() });
        }
    }
    asked
}

/// Returns so many requests of either kind.
fn balanced(asked: &[Asked], of_each: usize) -> Vec<&Asked> {
    let of = |allowed: bool| asked.iter().filter(move |one| one.allowed == allowed).take(of_each);
    let both: Vec<_> = of(true).chain(of(false)).collect();
    assert_eq!(both.len(), 2 * of_each, "too few of one kind");
    both
}

async fn save(alice: &Client, path: &str, to: &Path) {
    let answer = alice.fetch(path, &[]).await;
    assert_eq!(answer.status(), 200, "{path}");
    std::fs::write(to, answer.bytes().await.unwrap()).unwrap();
}

/// Asks a program, and compares each of its answers.
async fn compare(line: &[&str], folder: &Path, asked: &[&Asked]) {
    let requests: Vec<_> = asked
        .iter()
        .map(|one| [&one.user, "demo", &one.object, &one.action].map(String::from))
        .map(|[user, dom, obj, act]| [format!("user:{user}"), dom, obj, act])
        .collect();
    let path = folder.join("requests.json");
    std::fs::write(&path, json!(requests).to_string()).unwrap();
    let [model, policy] = ["model.conf", "policy.csv"].map(|name| folder.join(name).display().to_string());
    let out = program::run(&[line, &[&model, &policy, &path.display().to_string()]].concat(), &[]).await;
    let theirs: Vec<bool> = serde_json::from_str(&out).unwrap();
    assert_eq!(theirs.len(), asked.len());
    for (one, theirs) in asked.iter().zip(theirs) {
        assert_eq!(theirs, one.allowed, "{line:?}: {} {} {}", one.user, one.action, one.object);
    }
    println!("{line:?}: {} decisions compared", asked.len());
}

both!(casbins_of_other_languages_decide_as_we_do_over_our_export);
async fn casbins_of_other_languages_decide_as_we_do_over_our_export(instance: Instance) {
    let alice = furnish(&instance).await;
    let folder = tempfile::tempdir().unwrap();
    save(&alice, "/casbin/model.conf", &folder.path().join("model.conf")).await;
    save(&alice, "/casbin/policy.csv", &folder.path().join("policy.csv")).await;
    let asked = answers(&alice, &instance).await;
    compare(&["node", "tests/interop/casbin.mjs"], folder.path(), &balanced(&asked, OF_EACH)).await;
    compare(&[PYTHON, "tests/interop/casbin_py.py"], folder.path(), &balanced(&asked, OF_EACH)).await;
}

both!(a_browser_decides_for_its_user_by_casbin_js_as_we_do);
async fn a_browser_decides_for_its_user_by_casbin_js_as_we_do(instance: Instance) {
    let alice = furnish(&instance).await;
    let asked = answers(&alice, &instance).await;
    let folder = tempfile::tempdir().unwrap();
    let (answer, requests) = (folder.path().join("answer.json"), folder.path().join("requests.json"));
    for user in ["dana", "priya", "alice", "off"] {
        save(&alice, &format!("/casbin/js/{user}"), &answer).await;
        let own: Vec<_> = asked.iter().filter(|one| one.user == user).take(200).collect();
        assert!(own.len() > 50, "{user}");
        let lines: Vec<_> = own.iter().map(|one| ["demo", &one.object, &one.action]).collect();
        std::fs::write(&requests, json!(lines).to_string()).unwrap();
        let [answer, requests] = [&answer, &requests].map(|path| path.display().to_string());
        let subject = format!("user:{user}");
        let out = program::run(&["node", "tests/interop/casbin_js.mjs", &answer, &subject, &requests], &[]).await;
        let theirs: Vec<bool> = serde_json::from_str(&out).unwrap();
        let ours: Vec<bool> = own.iter().map(|one| one.allowed).collect();
        assert_eq!(theirs, ours, "{user}");
    }
}

both!(casbins_own_enforcer_decides_as_we_do_over_the_adapter);
async fn casbins_own_enforcer_decides_as_we_do_over_the_adapter(instance: Instance) {
    let alice = furnish(&instance).await;
    let asked = answers(&alice, &instance).await;
    let tenant = instance.store.tenant_by_key(&TenantKey::parse("demo").unwrap()).await.unwrap().unwrap();
    let adapter = TenantAdapter::new(instance.store.scope(tenant.id));
    let enforcer = Enforcer::new(DefaultModel::from_str(MODEL).await.unwrap(), adapter).await.unwrap();
    for one in balanced(&asked, 200) {
        let Asked { user, object, action, allowed } = one;
        let request = (format!("user:{user}"), "demo", object.as_str(), action.as_str());
        assert_eq!(enforcer.enforce(request).unwrap(), *allowed, "{user} {action} {object}");
    }
}
