//! The cost of requests in statements of the database: a page costs a fixed number, however long it is; and a refusal
//! the same, whatever is wrong.

use std::sync::Mutex;

use bailiwick::service::access::throttle::WRONG_FOR_NAME;
use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Instance, PASSWORD, eventually};
use crate::common::counted::Counted;

const USER: &str =
    "mutation($input: UserCreateInput!) { userCreate(input: $input) { revision userErrors { code message field } } }";

/// Fills the pages: so many of everything, with all that hangs on each.
async fn fill(alice: &Client, from: usize, to: usize) {
    let role =
        "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { revision userErrors { code message } } }";
    let group =
        "mutation($input: GroupCreateInput!) { groupCreate(input: $input) { revision userErrors { code message } } }";
    let profile = "mutation($input: ProfileCreateInput!) { profileCreate(input: $input) { revision userErrors { code message } } }";
    let open_module = "mutation($input: ProfileSaveModuleInput!) { profileSaveModule(input: $input) { revision userErrors { code message } } }";
    for n in from..to {
        let (r, g, p) = (format!("r{n}"), format!("g{n}"), format!("p{n}"));
        alice.done(role, json!({ "input": { "key": r, "name": r, "permissions": ["people"] } })).await;
        alice.done(group, json!({ "input": { "key": g, "name": g, "roles": [r, "manager"] } })).await;
        let new = json!({ "key": p, "name": p, "permissionType": "READ" });
        alice.done(profile, json!({ "input": new })).await;
        let open = json!({ "profile": p, "module": "dashboards", "version": 1, "all": true });
        alice.done(open_module, json!({ "input": open })).await;
        let name = format!("u{n}");
        let mut user = json!({
            "username": name, "fullName": name, "email": format!("{name}@example.com"), "baseRole": "USER",
            "profile": p, "groups": [g],
        });
        alice.done(USER, json!({ "input": user })).await;
        let (agent, email) = (format!("a{n}"), format!("a{n}@example.com"));
        let agent = json!({ "username": agent, "fullName": agent, "email": email, "baseRole": "AGENT" });
        alice.done(USER, json!({ "input": agent })).await;
        user["username"] = json!(format!("m{n}"));
        user["email"] = json!(format!("m{n}@example.com"));
        user["baseRole"] = json!("MANAGER");
        user["profile"] = Value::Null;
        user["customRole"] = json!(r);
        alice.done(USER, json!({ "input": user })).await;
    }
}

const PAGES: [(&str, &str); 9] = [
    (
        "users",
        "{ users(first: 100) { totalCount nodes { key avatarUrl profile { key } customRole { key userCount } apiKey { prefix } groups(first: 10) { nodes { key memberCount } } } } }",
    ),
    ("menus", "{ users(first: 40) { nodes { home menu { key sections { key entries { key } } } } } }"),
    ("profiles", "{ profiles(first: 50) { nodes { key userCount modules { state sections { resourceCount } } } } }"),
    (
        "groups",
        "{ groups(first: 100) { nodes { key memberCount roles(first: 5) { nodes { key userCount } } effectivePermissions { key } } } }",
    ),
    (
        "items",
        "{ linkableItems(first: 100, input: { owner: \"staff/teams/t\", itemSection: \"staff/agents\", mode: EDIT }) { totalCount nodes { linked resource { key createdBy { key } } } } }",
    ),
    ("roles", "{ roles(first: 100) { nodes { key userCount permissions { key } } } }"),
    (
        "who can",
        "{ whoCan(action: \"unmask\", object: \"data/contacts\", first: 100) { totalCount nodes { user { key } via { rule { values } origin { name } via { from to } since { revision } } } } }",
    ),
    (
        "what can",
        "{ whatCan(subject: \"alice\", module: \"staff\", first: 100) { totalCount nodes { object action via { origin { name } } } } }",
    ),
    ("rules", "{ policy { rules(first: 100) { nodes { values origins { name } } } } }"),
];

#[tokio::test]
async fn a_page_costs_a_fixed_number_of_queries_however_long_it_is() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let mut costs = Vec::new();
    for (from, to) in [(0, 2), (2, 9)] {
        fill(&alice, from, to).await;
        let mut cost = Vec::new();
        for (_, page) in PAGES {
            cost.push(least_reads(&counted, &alice, page).await);
        }
        costs.push(cost);
    }
    for (i, (page, _)) in PAGES.iter().enumerate() {
        let (short, long) = (&costs[0][i], &costs[1][i]);
        // One question for each thing would be seven more.
        assert!(long.len() < short.len() + 4, "{page}\n{short:#?}\n{long:#?}");
    }
}

/// Returns the reads of a page when nothing gets in its way. A loader that has waited long enough asks for what it has
/// by then: on a busy machine one question comes in parts, as many as it happens.
async fn least_reads(counted: &Counted, client: &Client, page: &str) -> Vec<String> {
    let mut least = counted.reads_of(async { drop(client.data(page, json!({})).await) }).await;
    for _ in 1..5 {
        let reads = counted.reads_of(async { drop(client.data(page, json!({})).await) }).await;
        if reads.len() < least.len() {
            least = reads;
        }
    }
    least
}

#[tokio::test]
async fn who_asks_for_a_revision_of_the_future_does_not_make_others_wait_for_as_many_reads() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let future = alice.revision().await + 1_000;
    let ask = format!(
        "{{ decision(input: {{ action: \"read\", object: \"voice\", atLeastRevision: {future} }}) {{ allowed }} }}"
    );
    let asked = async { futures_util::future::join_all((0..100).map(|_| alice.failed(&ask, json!({})))).await };
    let reads = counted.reads_of(async { assert!(asked.await.iter().all(|code| code == "UNAVAILABLE")) }).await;
    let looks = reads.iter().filter(|read| read.contains("log_revision")).count();
    assert!((1..50).contains(&looks), "{looks} looks for 100 questions");
}

#[tokio::test]
async fn r33_an_export_costs_a_fixed_number_of_queries_however_many_users_it_is_of() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    fill(&alice, 0, 4).await;
    let export =
        "mutation($input: UsersExportInput!) { usersExport(input: $input) { csv userErrors { code message } } }";
    let mut costs = Vec::new();
    for keys in [vec!["u0"], vec!["u0", "u1", "u2", "u3", "m0", "m1", "m2", "m3"]] {
        let exported = async { drop(alice.done(export, json!({ "input": { "keys": keys } })).await) };
        costs.push(counted.reads_of(exported).await.len());
    }
    assert!(costs[0] > 0 && costs[0] == costs[1], "{costs:?}");
}

#[tokio::test]
async fn links_are_read_by_the_lists_that_are_told_and_by_no_other_change() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    alice.register("voice/queues", &["q"]).await;
    let told = |count: usize| {
        let links = json!([{ "itemSection": "voice/queues", "items": ["q"] }]);
        let agents = (0..count).map(|n| json!({ "key": format!("a{n}"), "name": "A", "links": links }));
        json!({ "section": "staff/agents", "resources": agents.collect::<Vec<_>>() })
    };
    let of_links = |reads: &[String]| reads.iter().filter(|read| read.contains("FROM \"resource_links\"")).count();
    let mut costs = Vec::new();
    for count in [1, 150] {
        let reads = counted.reads_of(async { drop(alice.make("ResourceRegister", told(count)).await) }).await;
        costs.push((of_links(&reads), reads.len()));
    }
    assert_eq!((costs[0], costs[1].0), (costs[1], 2), "one for the lists, one to count");
    let one = json!({ "owner": "staff/agents/a7", "itemSection": "voice/queues", "removeItems": ["q"] });
    let reads = counted.reads_of(async { drop(alice.make("ResourceLinksSet", one).await) }).await;
    assert_eq!(of_links(&reads), 1, "{reads:#?}");
    let others = async {
        alice.register("staff/agents", &["a7"]).await;
        alice.make("ResourceRemove", json!({ "section": "staff/agents", "keys": ["a8"] })).await;
        alice.add_profile("Night", "READ").await;
    };
    assert_eq!(of_links(&counted.reads_of(others).await), 0);
}

#[tokio::test]
async fn a_change_reads_the_same_however_large_the_tenant_is_and_never_its_rules() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let other = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let disable = "mutation($input: UserUpdateInput!) { userUpdate(input: $input) { userErrors { code message } } }";
    let describe =
        "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { userErrors { code message } } }";
    let mut costs = Vec::new();
    for (round, (from, to)) in (1..).zip([(0, 2), (2, 9)]) {
        fill(&alice, from, to).await;
        let own = json!({ "input": { "key": "u0", "version": 2 * round - 1, "enabled": false } });
        let own = counted.reads_of(async { drop(alice.done(disable, own).await) }).await;
        // Changes that another instance has made meanwhile come by the log.
        let back = json!({ "input": { "key": "u0", "version": 2 * round, "enabled": true } });
        alice.at(&other).done(disable, back).await;
        let after = json!({ "input": { "key": "p0", "version": round + 1, "description": format!("again {round}") } });
        let after = counted.reads_of(async { drop(alice.done(describe, after).await) }).await;
        costs.push([own, after]);
    }
    assert_eq!(costs[0].each_ref().map(Vec::len), costs[1].each_ref().map(Vec::len), "{costs:#?}");
    let reads = costs.iter().flatten().flatten();
    assert!(reads.clone().count() > 0);
    for whole in ["FROM \"casbin_rule\"", "FROM \"rule_origins\"", "FROM \"resources\""] {
        assert!(reads.clone().all(|read| !read.contains(whole)), "{whole}: {costs:#?}");
    }
}

#[tokio::test]
async fn r1_a_refused_sign_in_asks_the_database_the_same_whatever_is_wrong() {
    let counted = Counted::start().await;
    let first = Instance::start(&counted.database, Choices::default()).await;
    first.tenant("acme").await;
    // This one has not loaded the tenant yet.
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let sign_in =
        "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token userErrors { code } } }";
    let mut costs = Vec::new();
    for (tenant, username) in [("globex", "alice"), ("acme", "nobody"), ("acme", "alice")] {
        let input = json!({ "tenant": tenant, "username": username, "password": format!("not {PASSWORD}") });
        let refused = async {
            let (code, _) = instance.stranger().refused(sign_in, json!({ "input": input })).await;
            assert_eq!(code, "WRONG_PASSWORD");
        };
        costs.push(counted.reads_of(refused).await);
    }
    assert!(costs.iter().all(|cost| *cost == costs[0]), "{costs:#?}");
    // One too many asks nothing at all: without the time of a hash beside them look-ups would tell.
    for username in ["nobody", "alice"] {
        let input = json!({ "tenant": "acme", "username": username, "password": format!("not {PASSWORD}") });
        let guess = async || instance.stranger().ask(sign_in, json!({ "input": input })).await;
        for _ in 0..WRONG_FOR_NAME {
            guess().await;
        }
        let one_too_many =
            async { assert_eq!(guess().await["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{username}") };
        assert_eq!(counted.reads_of(one_too_many).await, Vec::<String>::new(), "{username}");
    }
}

#[tokio::test]
async fn a_start_asks_the_same_however_many_tenants_there_are() {
    let counted = Counted::start().await;
    let start = async || {
        let started = Box::pin(Instance::start(&counted.database, Choices::default()));
        counted.reads_of(async { started.await.stop().await }).await
    };
    let instance = Instance::start(&counted.database, Choices::default()).await;
    instance.tenant("acme").await;
    let with_one = start().await;
    for n in 0..9 {
        instance.tenant(&format!("more-{n}")).await;
    }
    assert_eq!(start().await, with_one);
}

/// Asks 20 times at once for a decision about one user, with one credential.
async fn many_decisions(desk: &Client) {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let desk = desk.clone();
        asking.spawn(async move { desk.allowed("alice", "read", "voice/queues").await });
    }
    assert!(asking.join_all().await.into_iter().all(|allowed| allowed));
}

#[tokio::test]
async fn decisions_by_a_remembered_credential_ask_nothing_and_by_a_voided_one_once() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    let foreign = instance.tenant("globex").await;
    let desk = alice.new_service("desk").await;
    alice.add_user("other", "SERVICE", json!({})).await;
    let reads = async || counted.reads_of(many_decisions(&desk)).await;
    // The first use of a key is written down beside the answer.
    eventually("all is in memory", async || reads().await.is_empty()).await;

    alice.add_profile("Night", "READ").await;
    alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
    assert_eq!(reads().await, [""; 0], "after a change of the rules");
    foreign.make("UserUpdate", json!({ "key": "alice", "version": 1, "fullName": "Zoe" })).await;
    foreign.get("SignOut", json!({})).await;
    assert_eq!(reads().await, [""; 0], "after credentials of another tenant changed");
    for _ in 0..3 {
        alice.make("ApiKeyGenerate", json!({ "user": "other" })).await;
        let reads = reads().await;
        assert_eq!(reads.len(), 1, "after somebody else's credentials changed: {reads:#?}");
        assert_eq!(counted.reads_of(many_decisions(&desk)).await, [""; 0]);
    }
}

#[tokio::test]
async fn the_log_is_read_once_for_all_pages_of_a_difference_and_never_for_a_list_of_revisions() {
    let counted = Counted::start().await;
    let instance = Instance::start(&counted.database, Choices::default()).await;
    let alice = instance.tenant("acme").await;
    fill(&alice, 0, 3).await;
    let newest = alice.revision().await;
    let page = "query($to: Int!, $after: String) { policyDiff(from: 0, to: $to) { added(first: 20, after: $after) {
        pageInfo { endCursor } nodes { values } } removed { totalCount } } }";
    let diffs = |reads: &[String]| reads.iter().filter(|read| read.contains("\"removed\" AS TEXT")).count();
    let after = Mutex::new(Value::Null);
    let mut costs = Vec::new();
    for _ in 0..3 {
        let asked = json!({ "to": newest, "after": *after.lock().unwrap() });
        let reads = counted.reads_of(async {
            let found = alice.data(page, asked).await["policyDiff"]["added"].clone();
            assert_eq!(found["nodes"].as_array().unwrap().len(), 20);
            *after.lock().unwrap() = found["pageInfo"]["endCursor"].clone();
        });
        costs.push(diffs(&reads.await));
    }
    assert_eq!(costs, [1, 0, 0]);
    let list = "{ policyRevisions(first: 100) { nodes { revision addedCount removedCount } } }";
    let reads = counted.reads_of(async { drop(alice.data(list, json!({})).await) }).await;
    assert_eq!(diffs(&reads), 0);
}
