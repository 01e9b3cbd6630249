//! Casbins of other languages, over our export: every decision equals ours.

use std::path::Path;

use bailiwick::demo;
use bailiwick::domain::key::TenantKey;
use bailiwick::engine::MODEL;
use bailiwick::store::TenantAdapter;
use casbin::{Adapter as _, CoreApi as _, DefaultModel, Enforcer, Filter, MgmtApi as _};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, on_both};
use crate::common::program;

/// How many requests each is asked of either kind, allowed and denied.
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

/// The demo's tenant, and its admin.
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

/// Everybody, and some who are nobody.
async fn users(alice: &Client) -> Vec<String> {
    let page = alice.get("Users", json!({ "first": 100 })).await;
    let known = page["nodes"].as_array().unwrap().iter().map(|user| user["key"].as_str().unwrap().to_owned());
    known.chain(["nobody", "admin", "role"].map(str::to_owned)).collect()
}

/// What the catalogue names, resources, and objects of no catalogue.
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

/// Our answers to all that can be asked, in the order of chance that is the same each time.
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

/// So many of either kind.
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

#[tokio::test]
async fn casbins_of_other_languages_decide_as_we_do_over_our_export() {
    on_both(async |instance| {
        let alice = furnish(&instance).await;
        let folder = tempfile::tempdir().unwrap();
        save(&alice, "/casbin/model.conf", &folder.path().join("model.conf")).await;
        save(&alice, "/casbin/policy.csv", &folder.path().join("policy.csv")).await;
        let asked = answers(&alice, &instance).await;
        compare(&["node", "tests/interop/casbin.mjs"], folder.path(), &balanced(&asked, OF_EACH)).await;
        compare(&[PYTHON, "tests/interop/casbin_py.py"], folder.path(), &balanced(&asked, OF_EACH)).await;
    })
    .await;
}

#[tokio::test]
async fn a_browser_decides_for_its_user_by_casbin_js_as_we_do() {
    on_both(async |instance| {
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
    })
    .await;
}

#[tokio::test]
async fn casbins_own_enforcer_decides_as_we_do_over_the_adapter_and_cannot_write() {
    on_both(async |instance| {
        let alice = furnish(&instance).await;
        let asked = answers(&alice, &instance).await;
        let tenant = instance.platform.store.tenant_by_key(&TenantKey::parse("demo").unwrap()).await.unwrap().unwrap();
        let adapter = || TenantAdapter::new(instance.platform.store.scope(tenant.id));
        let model = async || DefaultModel::from_str(MODEL).await.unwrap();
        let mut enforcer = Enforcer::new(model().await, adapter()).await.unwrap();
        for one in balanced(&asked, 200) {
            let Asked { user, object, action, allowed } = one;
            let request = (format!("user:{user}"), "demo", object.as_str(), action.as_str());
            assert_eq!(enforcer.enforce(request).unwrap(), *allowed, "{user} {action} {object}");
        }
        assert!(!enforcer.is_filtered());
        let rule = || ["user:dana", "demo", "voice", "read", "allow"].map(str::to_owned).to_vec();
        for written in [
            enforcer.add_policy(rule()).await.map(drop),
            enforcer.remove_policy(rule()).await.map(drop),
            enforcer.add_policies(vec![rule()]).await.map(drop),
            enforcer.remove_filtered_policy(0, vec!["user:dana".to_owned()]).await.map(drop),
            enforcer.save_policy().await,
            adapter().clear_policy().await,
        ] {
            let refused = written.unwrap_err().to_string();
            assert!(refused.contains("through Bailiwick"), "{refused}");
        }
        let filter = Filter { p: vec!["profile:supervisors-voice"], g: vec!["user:dana"] };
        enforcer.load_filtered_policy(filter).await.unwrap();
        assert!(enforcer.is_filtered());
        let rules = enforcer.get_policy();
        assert!(!rules.is_empty() && rules.iter().all(|rule| rule[0] == "profile:supervisors-voice"));
        assert!(enforcer.get_grouping_policy().iter().all(|link| link[0] == "user:dana"));
        assert!(enforcer.enforce(("user:dana", "demo", "voice/queues/billing", "read")).unwrap());
        enforcer.load_filtered_policy(Filter { p: vec!["", "", "", "", "", "x"], g: vec!["x"] }).await.unwrap();
        assert!(enforcer.get_policy().is_empty() && enforcer.get_grouping_policy().is_empty());
    })
    .await;
}

#[tokio::test]
async fn r1_rules_are_exported_to_those_who_may_see_them_and_of_their_own_tenant() {
    on_both(async |instance| {
        let alice = instance.tenant("acme").await;
        let zoe = instance.tenant("globex").await;
        zoe.add_user("zora", "AGENT", json!({})).await;
        let ann = alice.new_user("acme", "ann", "AGENT", json!({})).await;
        let desk = alice.new_service("desk").await;
        let policy = alice.fetch("/casbin/policy.csv", &[]).await;
        assert_eq!(policy.headers()["content-type"], "text/csv; charset=utf-8");
        assert_eq!(policy.headers()["x-policy-revision"].to_str().unwrap(), alice.revision().await.to_string());
        let tag = policy.headers()["etag"].to_str().unwrap().to_owned();
        let text = policy.text().await.unwrap();
        assert_eq!(text, alice.get("Policy", json!({})).await["csv"].as_str().unwrap());
        assert!(text.contains("user:ann") && !text.contains("globex") && !text.contains("zora"));
        let again = alice.fetch("/casbin/policy.csv", &[("If-None-Match", &tag)]).await;
        assert_eq!((again.status().as_u16(), again.text().await.unwrap().as_str()), (304, ""));
        alice.add_user("bob", "AGENT", json!({})).await;
        let changed = alice.fetch("/casbin/policy.csv", &[("If-None-Match", &tag)]).await;
        assert!(changed.status() == 200 && changed.text().await.unwrap().contains("user:bob"));
        let model = alice.fetch("/casbin/model.conf", &[]).await.text().await.unwrap();
        assert_eq!(model, bailiwick::engine::MODEL);

        for path in ["/casbin/model.conf", "/casbin/policy.csv", "/casbin/js/alice"] {
            assert_eq!(instance.stranger().fetch(path, &[]).await.status(), 401, "{path}");
            assert_eq!(ann.fetch(path, &[]).await.status(), 403, "{path}");
            assert_eq!(desk.fetch(path, &[]).await.status(), 403, "{path}");
        }
        let own: Value = ann.fetch("/casbin/js/ann", &[]).await.json().await.unwrap();
        let data: Value = serde_json::from_str(own["data"].as_str().unwrap()).unwrap();
        let subjects: Vec<&str> = data["p"].as_array().unwrap().iter().map(|line| line[1].as_str().unwrap()).collect();
        assert!(
            subjects.contains(&"user:ann") && !subjects.iter().any(|it| ["user:alice", "role:admin"].contains(it)),
            "{data}"
        );
        for nobody in ["zora", "nobody", "No%20Body", "role:admin"] {
            assert_eq!(alice.fetch(&format!("/casbin/js/{nobody}"), &[]).await.status(), 404, "{nobody}");
        }
        assert_eq!(ann.fetch("/casbin/js/ann?subject=user:alice", &[]).await.status(), 400);
        assert_eq!(ann.fetch("/casbin/js/ann?subject=user:ann", &[]).await.status(), 200);
    })
    .await;
}
