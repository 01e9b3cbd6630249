//! A tenant's policy for other Casbin programs: over HTTP, and by the adapter over what is stored.

use std::collections::BTreeSet;

use bailiwick::domain::key::TenantKey;
use bailiwick::engine::MODEL;
use bailiwick::store::TenantAdapter;
use casbin::{CoreApi, DefaultModel, Enforcer, Filter, MemoryAdapter, MgmtApi};
use serde_json::{Value, json};

use crate::common::app::{Client, Instance, PASSWORD, both};

/// Makes a tenant with something of every kind that a rule can come from.
async fn furnish(alice: &Client) {
    alice.register("voice/queues", &["sales", "support"]).await;
    alice.add_profile("Night", "READ_EDIT").await;
    let open = crate::common::operations::open("voice/queues", &["sales"]);
    alice.save_sections("night", "voice", json!([open])).await;
    let grants = json!([{ "object": "voice/queues/*", "action": "delete", "effect": "DENY" },
        { "object": "crm/deals", "action": "*" }]);
    alice.make("RoleCreate", json!({ "name": "Analyst", "permissions": ["reports"], "grants": grants })).await;
    alice.make("GroupCreate", json!({ "name": "Staff", "roles": ["analyst"] })).await;
    alice.add_user("dana", "USER", json!({ "profile": "night", "groups": ["staff"] })).await;
    alice.add_user("mia", "MANAGER", json!({ "customRole": "analyst" })).await;
    alice.add_user("off", "ADMIN", json!({})).await;
    alice.make("UserUpdate", json!({ "key": "off", "version": 1, "enabled": false })).await;
}

async fn text(client: &Client, path: &str) -> String {
    let answer = client.fetch(path, &[]).await;
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Returns the status of an address, and the code of its error.
async fn refused(client: &Client, path: &str) -> (u16, String) {
    let answer = client.fetch(path, &[]).await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{path}: {body:#}")).to_owned())
}

both!(the_policy_is_the_same_file_everywhere_and_read_again_only_when_it_changed);
async fn the_policy_is_the_same_file_everywhere_and_read_again_only_when_it_changed(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    assert_eq!(text(&alice, "/casbin/model.conf").await, MODEL);
    let answer = alice.fetch("/casbin/policy.csv", &[]).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("x-policy-revision"), alice.revision().await.to_string());
    assert_eq!(
        (header("cache-control"), header("vary")),
        ("private, no-cache".into(), "Authorization, X-Tenant".into())
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    let etag = header("etag");
    let policy = alice.get("Policy", json!({})).await;
    assert_eq!(answer.text().await.unwrap(), policy["csv"].as_str().unwrap());

    let known = [("if-none-match", etag.as_str())];
    let again = alice.fetch("/casbin/policy.csv", &known).await;
    assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, etag.as_str()));
    alice.add_profile("Day", "READ").await;
    assert_eq!(alice.fetch("/casbin/policy.csv", &known).await.status().as_u16(), 200);
    let model = alice.fetch("/casbin/model.conf", &[]).await.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(alice.fetch("/casbin/model.conf", &[("if-none-match", &model)]).await.status().as_u16(), 304);
}

both!(a_policy_of_many_pieces_arrives_whole);
async fn a_policy_of_many_pieces_arrives_whole(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let lines = (0..4_000).map(|n| format!("p, desk, crm/deals/{n}, read\n")).collect::<Vec<_>>().concat();
    alice.make("PolicyImport", json!({ "csv": lines })).await;
    let csv = text(&alice, "/casbin/policy.csv").await;
    assert!(csv.len() > 3 * 64 * 1024, "{} bytes", csv.len());
    let policy = alice.get("Policy", json!({})).await;
    assert_eq!(csv, policy["csv"].as_str().unwrap());
    assert_eq!(csv.lines().filter(|line| line.starts_with("p, custom:desk, acme, crm/deals/")).count(), 4_000);
}

both!(the_policy_is_for_those_who_may_read_the_rules_of_their_own_tenant);
async fn the_policy_is_for_those_who_may_read_the_rules_of_their_own_tenant(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let globex = instance.tenant("globex").await;
    let mia = alice.new_user("acme", "mia", "MANAGER", json!({})).await;
    let desk = alice.new_service("desk").await;
    let auditor = alice.new_delegate("acme", "auditor", &[("admin/rules", "read")]).await;
    for path in ["/casbin/model.conf", "/casbin/policy.csv"] {
        for client in [&mia, &desk] {
            assert_eq!(refused(client, path).await, (403, "FORBIDDEN".to_owned()), "{path}");
        }
        assert_eq!(refused(&instance.stranger(), path).await, (401, "UNAUTHENTICATED".to_owned()), "{path}");
        assert_eq!(refused(&alice.in_tenant("globex"), path).await.0, 403, "{path}");
        text(&auditor, path).await;
        text(&instance.operator().await.in_tenant("acme"), path).await;
    }
    let key = alice.make("ApiKeyGenerate", json!({})).await;
    let by_key = alice.with_token(key["token"].as_str().unwrap());
    let csv = text(&by_key, "/casbin/policy.csv").await;
    assert!(csv.lines().all(|line| line.contains(", acme")), "{csv}");
    assert!(text(&globex, "/casbin/policy.csv").await.lines().all(|line| line.contains(", globex")));
}

/// Returns the model and the rules in the answer of `/casbin/js/KEY`.
async fn rules_of(client: &Client, user: &str) -> (String, Vec<Vec<String>>) {
    let answer: Value = serde_json::from_str(&text(client, &format!("/casbin/js/{user}")).await).unwrap();
    let data: Value = serde_json::from_str(answer["data"].as_str().unwrap()).unwrap();
    (data["m"].as_str().unwrap().to_owned(), serde_json::from_value(data["p"].clone()).unwrap())
}

both!(a_browser_gets_the_rules_of_its_user_alone_and_they_decide_the_same_for_it);
async fn a_browser_gets_the_rules_of_its_user_alone_and_they_decide_the_same_for_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let dana = alice.stranger_of(&instance, "dana").await;
    let (model, lines) = rules_of(&dana, "dana").await;
    let holders: BTreeSet<&str> = lines.iter().map(|line| line[1].as_str()).collect();
    let own = BTreeSet::from(["user:dana", "profile:night", "group:staff", "custom:analyst", "role:member"]);
    assert!(holders.is_subset(&own) && holders.contains("custom:analyst"), "{holders:?}");
    assert_eq!(rules_of(&alice, "dana").await.1, lines, "an admin sees the same of her");

    let mut enforcer =
        Enforcer::new(DefaultModel::from_str(&model).await.unwrap(), MemoryAdapter::default()).await.unwrap();
    for mut line in lines {
        let added = match line.remove(0).as_str() {
            "p" => enforcer.add_policy(line).await,
            _ => enforcer.add_grouping_policy(line).await,
        };
        assert!(added.unwrap());
    }
    let (mut allowed, mut denied) = (0, 0);
    for object in [
        "voice",
        "voice/queues",
        "voice/queues/sales",
        "voice/queues/support",
        "crm/deals",
        "data/contacts",
        "admin/users",
    ] {
        for action in ["show", "read", "edit", "delete", "link", "unmask"] {
            let theirs = enforcer.enforce(("user:dana", "acme", object, action)).unwrap();
            assert_eq!(dana.can(action, object).await, theirs, "{action} {object}");
            *(if theirs { &mut allowed } else { &mut denied }) += 1;
        }
    }
    assert!(allowed > 10 && denied > 10, "{allowed} {denied}");
    assert!(rules_of(&alice, "off").await.1.is_empty(), "who is disabled has none");
}

both!(r1_the_rules_of_others_are_for_auditors_and_a_foreign_user_is_as_unknown_as_none);
async fn r1_the_rules_of_others_are_for_auditors_and_a_foreign_user_is_as_unknown_as_none(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    instance.tenant("globex").await.add_user("gus", "AGENT", json!({})).await;
    let dana = alice.stranger_of(&instance, "dana").await;
    for other in ["mia", "gus", "nobody", "No%20key"] {
        assert_eq!(refused(&dana, &format!("/casbin/js/{other}")).await, (403, "FORBIDDEN".to_owned()), "{other}");
    }
    for unknown in ["gus", "nobody", "No%20key", "user%3Adana"] {
        assert_eq!(refused(&alice, &format!("/casbin/js/{unknown}")).await, (404, "NOT_FOUND".to_owned()), "{unknown}");
    }
    assert_eq!(refused(&instance.stranger(), "/casbin/js/dana").await.0, 401);
    // casbin.js names the subject again, and then asks about that.
    text(&dana, "/casbin/js/dana?subject=user:dana").await;
    for wrong in ["dana", "user:mia", "role:admin", ""] {
        let path = format!("/casbin/js/dana?subject={wrong}");
        assert_eq!(refused(&dana, &path).await, (400, "BAD_INPUT".to_owned()), "{wrong}");
    }
    let answer = dana.fetch("/casbin/js/dana", &[]).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["x-policy-revision"].to_str().unwrap(), alice.revision().await.to_string());
}

impl Client {
    /// Signs in another user of the tenant.
    async fn stranger_of(&self, instance: &Instance, user: &str) -> Self {
        instance.stranger().signed_in("acme", user, PASSWORD).await
    }
}

/// Returns the adapter over a tenant.
async fn adapter(instance: &Instance, tenant: &str) -> TenantAdapter {
    let store = &instance.store;
    let tenant = store.tenant_by_key(&TenantKey::parse(tenant).unwrap()).await.unwrap().unwrap();
    TenantAdapter::new(store.scope(tenant.id))
}

async fn model() -> DefaultModel {
    DefaultModel::from_str(MODEL).await.unwrap()
}

both!(the_adapter_loads_by_a_filter_what_fits_it);
async fn the_adapter_loads_by_a_filter_what_fits_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let mut enforcer = Enforcer::new(model().await, adapter(&instance, "acme").await).await.unwrap();
    assert!(!enforcer.is_filtered());
    let filter = |p: &[&'static str], g: &[&'static str]| Filter { p: p.to_vec(), g: g.to_vec() };
    let mut load = async |filter: Filter<'static>| {
        enforcer.load_filtered_policy(filter).await.unwrap();
        (enforcer.get_policy(), enforcer.get_grouping_policy(), enforcer.is_filtered())
    };
    let (p, g, is_filtered) = load(filter(&["custom:analyst", "", "", "", "deny"], &["user:dana"])).await;
    assert_eq!(p, [["custom:analyst", "acme", "voice/queues/*", "delete", "deny"].map(str::to_owned)]);
    assert_eq!((g.len(), is_filtered), (3, true), "{g:?}");
    assert!(g.iter().all(|link| link[0] == "user:dana"));
    let (p, g, _) = load(filter(&["nobody"], &["", "group:staff"])).await;
    assert_eq!((p.len(), g), (0, vec![["user:dana", "group:staff", "acme"].map(str::to_owned).to_vec()]));
    let (p, g, _) = load(filter(&["", "", "", "", "", "", "x"], &["", "", "", "x"])).await;
    assert_eq!((p.len(), g.len()), (0, 0), "no line has so many values");
    let (p, g, is_filtered) = load(filter(&[], &["", ""])).await;
    assert_eq!((p.len() + g.len(), is_filtered), (alice.rules().await.len(), false));
    enforcer.load_policy().await.unwrap();
    assert!(!enforcer.is_filtered());
}

both!(nothing_is_written_by_the_adapter);
async fn nothing_is_written_by_the_adapter(instance: Instance) {
    let alice = instance.tenant("acme").await;
    furnish(&alice).await;
    let before = alice.rules().await;
    let mut enforcer = Enforcer::new(model().await, adapter(&instance, "acme").await).await.unwrap();
    let rule = || ["user:mia", "acme", "voice", "read", "allow"].map(str::to_owned).to_vec();
    let link = || ["user:mia", "role:admin", "acme"].map(str::to_owned).to_vec();
    let refusals = [
        enforcer.add_policy(rule()).await.map(drop),
        enforcer.add_policies(vec![rule()]).await.map(drop),
        enforcer.add_grouping_policy(link()).await.map(drop),
        enforcer.remove_policy(enforcer.get_policy()[0].clone()).await.map(drop),
        enforcer.remove_policies(vec![enforcer.get_policy()[0].clone()]).await.map(drop),
        enforcer.remove_filtered_policy(0, vec!["custom:analyst".to_owned()]).await.map(drop),
        enforcer.clear_policy().await,
        enforcer.save_policy().await,
    ];
    for refusal in refusals {
        let said = refusal.unwrap_err().to_string();
        assert!(said.contains("change profiles, roles and groups through Bailiwick"), "{said}");
    }
    assert!(!enforcer.enforce(("user:mia", "acme", "voice", "read")).unwrap());
    assert_eq!(alice.rules().await, before);
}
