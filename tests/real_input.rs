//! The access data of whole organisations, loaded through the API: each user may do exactly what the data say, at every
//! instance.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bailiwick::sync::Bus;
use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance};
use crate::common::servers::RedisServer;

/// Maximum number of requests that one call decides.
const BATCH: usize = 1000;

/// A user's number and a permission's.
type Pair = (u32, u32);

/// One role of an organisation.
#[derive(Debug, Default)]
struct Role {
    number: u32,
    permissions: Vec<u32>,
    users: Vec<u32>,
}

/// An organisation as role mining data have it: roles that explain who may do what, and the
/// pairs that they explain.
struct Organisation {
    name: String,
    roles: Vec<Role>,
    pairs: BTreeSet<Pair>,
}

impl Organisation {
    /// Reads `NAME.roles.txt` and `NAME.pairs.txt`.
    fn read(folder: &Path, name: &str) -> Self {
        let text = |kind: &str| std::fs::read_to_string(folder.join(format!("{name}.{kind}.txt"))).unwrap();
        let mut roles: Vec<Role> = Vec::new();
        for line in text("roles").lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once(':').unwrap() {
                ("role", number) => roles.push(Role { number: number.trim().parse().unwrap(), ..Role::default() }),
                ("permissions", list) => roles.last_mut().unwrap().permissions = numbers(list, ','),
                ("users", list) => roles.last_mut().unwrap().users = numbers(list, ','),
                other => panic!("{name}: {other:?}"),
            }
        }
        let pairs = text("pairs").lines().map(|line| numbers(line, ' ')).map(|pair| (pair[0], pair[1])).collect();
        Self { name: name.to_owned(), roles, pairs }
    }

    fn users(&self) -> BTreeSet<u32> {
        self.pairs.iter().map(|pair| pair.0).collect()
    }

    /// Returns as many absent pairs as there are pairs, from all over the organisation.
    fn non_pairs(&self) -> Vec<Pair> {
        let permissions: BTreeSet<u32> = self.pairs.iter().map(|pair| pair.1).collect();
        let all =
            self.users().into_iter().flat_map(|user| permissions.iter().map(move |permission| (user, *permission)));
        let absent: Vec<Pair> = all.filter(|pair| !self.pairs.contains(pair)).collect();
        let step = (absent.len() / self.pairs.len()).max(1);
        absent.into_iter().step_by(step).take(self.pairs.len()).collect()
    }
}

fn numbers(list: &str, separator: char) -> Vec<u32> {
    list.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().unwrap()).collect()
}

/// Returns the organisations at hand: real ones if there are any, and else a small one of our own.
fn organisations() -> Vec<Organisation> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chosen = std::env::var_os("BAILIWICK_TEST_DATA").map(PathBuf::from);
    let real = chosen.unwrap_or_else(|| here.join("../shared/data/rolemining"));
    let (folder, names) = if real.join("domino.roles.txt").is_file() {
        (real, ["domino", "hc"].as_slice())
    } else {
        (here.join("tests/data/rolemining"), ["office"].as_slice())
    };
    names.iter().map(|name| Organisation::read(&folder, name)).collect()
}

/// Loads an organisation into the tenant of its name: each role is a custom role with grants on the host's own objects,
/// and a group carries it to its users, who are agents and have nothing of their own. Returns the tenant's admin, and
/// the revision at which all is there.
async fn load(organisation: &Organisation, instance: &Instance) -> (Client, u64) {
    let admin = instance.tenant(&organisation.name).await;
    for user in organisation.users() {
        let input = json!({
            "username": format!("u{user}"), "fullName": format!("User {user}"),
            "email": format!("u{user}@example.com"), "baseRole": "AGENT",
        });
        make(&admin, "userCreate", "UserCreateInput", input).await;
    }
    let mut revision = 0;
    for role in &organisation.roles {
        let grant = |permission| json!({ "object": format!("host/permission-{permission}"), "action": "use" });
        let grants: Vec<Value> = role.permissions.iter().map(grant).collect();
        let name = format!("role-{}", role.number);
        let input = json!({ "key": name, "name": name, "permissions": [], "grants": grants });
        make(&admin, "roleCreate", "RoleCreateInput", input).await;
        let members: Vec<String> = role.users.iter().map(|user| format!("u{user}")).collect();
        let input = json!({ "name": format!("group-{}", role.number), "roles": [name], "members": members });
        revision = make(&admin, "groupCreate", "GroupCreateInput", input).await;
    }
    (admin, revision)
}

/// Calls a mutation that makes something; returns the revision.
async fn make(admin: &Client, mutation: &str, input_type: &str, input: Value) -> u64 {
    let document = format!(
        "mutation($input: {input_type}!) {{ {mutation}(input: $input) {{ revision userErrors {{ code message }} }} }}"
    );
    admin.done(&document, json!({ "input": input })).await["revision"].as_u64().unwrap()
}

/// Returns the pairs that are not decided as they should be.
async fn wrong(client: &Client, revision: u64, pairs: &[Pair], allowed: bool) -> Vec<Pair> {
    let query = "query($inputs: [DecisionInput!]!) { decisions(inputs: $inputs) { allowed } }";
    let mut wrong = Vec::new();
    for batch in pairs.chunks(BATCH) {
        let input = |(user, permission): &Pair| {
            let object = format!("host/permission-{permission}");
            json!({ "subject": format!("u{user}"), "action": "use", "object": object, "atLeastRevision": revision })
        };
        let inputs: Vec<Value> = batch.iter().map(input).collect();
        let answer = client.data(query, json!({ "inputs": inputs })).await;
        let decisions = answer["decisions"].as_array().unwrap();
        assert_eq!(decisions.len(), batch.len());
        let differs = |decision: &Value| decision["allowed"] != allowed;
        wrong.extend(batch.iter().zip(decisions).filter(|(_, decision)| differs(decision)).map(|(pair, _)| *pair));
    }
    wrong
}

#[tokio::test]
async fn the_users_of_an_organisation_may_do_exactly_what_its_data_say_at_every_instance() {
    let (redis, database) = (RedisServer::start(), Database::postgres().await);
    let choices = || Choices { bus: Bus::redis(&redis.url()).unwrap(), ..Choices::default() };
    let (one, other) = (Instance::start(&database, choices()).await, Instance::start(&database, choices()).await);
    for organisation in organisations() {
        let (admin, revision) = load(&organisation, &one).await;
        let pairs: Vec<Pair> = organisation.pairs.iter().copied().collect();
        let non_pairs = organisation.non_pairs();
        assert!(!pairs.is_empty() && !non_pairs.is_empty());
        for client in [&admin, &admin.at(&other)] {
            let name = &organisation.name;
            assert_eq!(wrong(client, revision, &pairs, true).await, [], "{name}: denied");
            assert_eq!(wrong(client, revision, &non_pairs, false).await, [], "{name}: allowed");
        }
    }
}
