//! Asks a world the questions of its table.

use bailiwick::engine::MODEL;
use casbin::{Adapter, CoreApi, DefaultModel, Enforcer, MemoryAdapter};
use serde_json::{Value, json};

use super::form::{ItemList, World};
use super::make::at_present;
use crate::common::app::Client;

/// Every action that the platform itself knows, in the order in which tables name them.
const ACTIONS: [&str; 8] = ["show", "read", "edit", "delete", "link", "download", "unmask", "identify"];
/// The contact that all users are shown.
const CONTACT: [&str; 3] = ["Anna Rossi", "+39 02 1234-5678", "anna.rossi@example.com"];

/// The statements of a table that the world does not fulfil.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: &T, said: &T) {
        if is != said {
            self.0.push(format!("{what}: {is:?}, not {said:?}"));
        }
    }
}

/// Asks all that the table says, and fails with all differences.
pub(super) async fn check(alice: &Client, name: &str, world: &World) {
    let mut found = Findings::default();
    let enforcer = enforcer(alice).await;
    for (user, table) in &world.may {
        for (object, allowed) in table {
            let is = may(alice, &enforcer, name, user, object).await;
            found.same(&format!("{user} on {object}"), &is, allowed);
        }
    }
    for (user, table) in &world.why {
        for (asked, reason) in table {
            let answer = decision(alice, user, asked).await;
            found.same(&format!("why not {user} {asked}"), &answer["reason"], &json!(reason));
        }
    }
    for (user, table) in &world.explained {
        for (asked, ways) in table {
            found.same(&format!("why {user} {asked}"), &explained(alice, user, asked).await, ways);
        }
    }
    for (user, table) in &world.obliged {
        for (asked, obliged) in table {
            let answer = decision(alice, user, asked).await;
            found.same(&format!("{user} {asked}"), &answer["allowed"], &json!(true));
            found.same(&format!("obliged {user} {asked}"), &obligations(&answer), obliged);
        }
    }
    shown(&mut found, alice, world).await;
    for (user, lists) in &world.lists {
        for list in lists {
            found.same(
                &format!("{user} at {} {}", list.owner, list.items),
                &items(alice, user, list).await,
                &list.sees,
            );
        }
    }
    for (user, views) in &world.contact {
        for (view, seen) in views {
            found.same(&format!("{user} in {view}"), &contact(alice, user, view).await, seen);
        }
    }
    refused(&mut found, alice, world).await;
    assert!(found.0.is_empty(), "{name} is otherwise:\n{}", found.0.join("\n"));
}

/// Menus, homes, and the states of modules.
async fn shown(found: &mut Findings, alice: &Client, world: &World) {
    for (user, menu) in &world.menu {
        found.same(&format!("menu of {user}"), &self::menu(&alice.get("User", json!({ "key": user })).await), menu);
    }
    for (user, table) in &world.flags {
        let menu = alice.get("User", json!({ "key": user })).await["menu"].clone();
        for (section, flags) in table {
            found.same(&format!("{section} in the menu of {user}"), &self::flags(&menu, section), flags);
        }
    }
    for (user, home) in &world.home {
        let is = alice.get("User", json!({ "key": user })).await["home"].clone();
        found.same(&format!("home of {user}"), &is, &json!(home));
    }
    for (profile, states) in &world.states {
        for (module, state) in states {
            let asked = json!({ "profile": profile, "module": module });
            let is = alice.get("ProfileModule", asked).await["module"]["state"].clone();
            found.same(&format!("{module} for {profile}"), &is, &json!(state));
        }
    }
}

async fn refused(found: &mut Findings, alice: &Client, world: &World) {
    let before = (alice.revision().await, alice.rules().await);
    for refused in &world.refused {
        let with = refused["with"].as_str().unwrap();
        let (operation, input) = refused.iter().find(|(operation, _)| *operation != "with").unwrap();
        let (code, field) = alice.refuse(operation, at_present(alice, operation, input.clone()).await).await;
        found.same(&format!("{operation} {input}"), &format!("{code} {field}").as_str(), &with);
    }
    found.same("after refusals", &(alice.revision().await, alice.rules().await), &before);
}

/// Returns all that the user may do on the object, as Bailiwick and casbin's Enforcer agree.
async fn may(alice: &Client, enforcer: &Enforcer, name: &str, user: &str, object: &str) -> String {
    let inputs = ACTIONS.map(|action| json!({ "subject": user, "action": action, "object": object }));
    let answers = alice.get("Decisions", json!({ "inputs": inputs })).await;
    let mut allowed = Vec::new();
    for (action, answer) in ACTIONS.into_iter().zip(answers.as_array().unwrap()) {
        let theirs = enforcer.enforce((&format!("user:{user}"), name, object, action)).unwrap();
        assert_eq!(answer["allowed"], theirs, "{name}: {user} {action} {object}, and casbin");
        allowed.extend(theirs.then_some(action));
    }
    allowed.join(" ")
}

/// Builds casbin's own Enforcer over the tenant's exported rules.
async fn enforcer(alice: &Client) -> Enforcer {
    let mut adapter = MemoryAdapter::default();
    for line in alice.rules().await {
        let mut values = line.split(", ").map(str::to_owned);
        let ptype = values.next().unwrap();
        adapter.add_policy(&ptype, &ptype, values.collect()).await.unwrap();
    }
    Enforcer::new(DefaultModel::from_str(MODEL).await.unwrap(), adapter).await.unwrap()
}

async fn decision(alice: &Client, user: &str, asked: &str) -> Value {
    let (action, object) = asked.split_once(' ').unwrap();
    alice.decision(user, action, object).await
}

/// Returns each rule that matches, by its effect and what is held on the way to it.
async fn explained(alice: &Client, user: &str, asked: &str) -> Vec<String> {
    let (action, object) = asked.split_once(' ').unwrap();
    let input = json!({ "subject": user, "action": action, "object": object });
    let answer = alice.get("Explain", json!({ "input": input })).await;
    let way = |matched: &Value| {
        let links = matched["via"].as_array().unwrap().iter();
        let held: Vec<&str> = links.map(|link| link["to"].as_str().unwrap()).collect();
        format!("{} {}", matched["rule"]["values"][4].as_str().unwrap(), held.join(" "))
    };
    answer["matched"].as_array().unwrap().iter().map(way).collect()
}

/// Returns `MASK contacts 4`, or nothing.
fn obligations(decision: &Value) -> String {
    let one = |it: &Value| {
        let characters = it["characters"].as_i64().map(|count| format!(" {count}")).unwrap_or_default();
        format!("{} {}{characters}", it["kind"].as_str().unwrap(), it["view"].as_str().unwrap())
    };
    decision["obligations"].as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Returns lines such as `voice: queues realtime`, with the entries of a section in brackets.
fn menu(user: &Value) -> Vec<String> {
    let section = |section: &Value| {
        let key = section["key"].as_str().unwrap().split('/').nth(1).unwrap();
        let entries: Vec<_> =
            section["entries"].as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap()).collect();
        if entries.is_empty() { key.to_owned() } else { format!("{key}({})", entries.join(" ")) }
    };
    let module = |module: &Value| {
        let sections: Vec<_> = module["sections"].as_array().unwrap().iter().map(section).collect();
        format!("{}: {}", module["key"].as_str().unwrap(), sections.join(" "))
    };
    user["menu"].as_array().unwrap().iter().map(module).collect()
}

/// `edit delete`, as far as the menu says so of the section; `absent` where it is not in the menu.
fn flags(menu: &Value, section: &str) -> String {
    let modules = menu.as_array().unwrap().iter();
    let mut sections = modules.flat_map(|module| module["sections"].as_array().unwrap());
    let Some(section) = sections.find(|one| one["key"] == section) else { return "absent".to_owned() };
    let said = [("edit", "canEdit"), ("delete", "canDelete")].into_iter().filter(|(_, flag)| section[flag] == true);
    said.map(|(word, _)| word).collect::<Vec<_>>().join(" ")
}

async fn items(alice: &Client, user: &str, list: &ItemList) -> Vec<String> {
    let input = json!({ "subject": user, "owner": list.owner, "itemSection": list.items,
        "mode": if list.owner.matches('/').count() == 2 { "EDIT" } else { "CREATE" }, "linked": list.claimed });
    let answer = alice.get("LinkableItems", json!({ "input": input })).await;
    let item = |item: &Value| {
        let word = |field: &str| if item[field] == true { format!(" {field}") } else { String::new() };
        format!("{}{}{}", item["resource"]["key"].as_str().unwrap(), word("linked"), word("locked"))
    };
    answer["nodes"].as_array().unwrap().iter().map(item).collect()
}

async fn contact(alice: &Client, user: &str, view: &str) -> Vec<String> {
    let contact = json!({ "name": CONTACT[0], "phone": CONTACT[1], "email": CONTACT[2] });
    let input = json!({ "subject": user, "view": view, "contacts": [contact] });
    let seen = alice.get("Masked", json!({ "input": input })).await[0].clone();
    let fields = ["name", "phone", "email"].map(|field| seen[field].as_str().unwrap().to_owned());
    assert_eq!(seen["masked"], fields[..] != CONTACT[..], "{user} in {view}");
    fields.into()
}
