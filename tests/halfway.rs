//! Changes that fail half-way: at each place where something is written, and at the commit. All
//! of it is then as it was before, here and in the database, and the next change works (R43).

use bailiwick::domain::key::TenantKey;
use bailiwick::policy::revision::Counters;
use serde_json::{Value, json};

use crate::common::app::{Choices, Client, Database, Instance, OPERATOR_PASSWORD, PASSWORD, both_databases};
use crate::common::operations::{document, open};
use crate::common::tables::{Rows, Tables};

/// The ways in which the database fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// The statement, or the commit, is refused.
    Refuses,
    /// `SQLite` gives the whole transaction up by itself.
    RollsBack,
    /// `PostgreSQL` ends the connection.
    HangsUp,
}

/// The place in a change at which the database fails: the write to this table in this way.
#[derive(Debug, Clone, Copy)]
struct Place {
    table: &'static str,
    event: &'static str,
    /// The condition on the row.
    when: &'static str,
    /// `true` if it fails at the commit, and not at once.
    at_commit: bool,
}

const fn place(event: &'static str, table: &'static str) -> Place {
    Place { table, event, when: "1 = 1", at_commit: false }
}

/// The places at which every change of a policy writes, from its state to its commit.
const POLICY: [Place; 9] = [
    place("DELETE", "profile_resources"),
    place("INSERT", "profile_resources"),
    place("DELETE", "casbin_rule"),
    place("INSERT", "casbin_rule"),
    place("INSERT", "rule_origins"),
    // To take the tenant writes its revision as it is: only its counting is meant.
    Place { when: "NEW.revision <> OLD.revision", ..place("UPDATE", "tenants") },
    place("INSERT", "audit_events"),
    place("INSERT", "revisions"),
    COMMIT,
];
/// The end of every change, whatever else it writes.
const COMMIT: Place = Place { at_commit: true, ..place("INSERT", "audit_events") };

/// A tenant on a database that a test can break.
struct World {
    instance: Instance,
    tables: Tables,
    alice: Client,
    operator: Client,
}

impl World {
    async fn new(database: &Database) -> Self {
        let instance = Instance::start(database, Choices::default()).await;
        let alice = instance.tenant("acme").await;
        alice.register("voice/queues", &["sales", "support"]).await;
        alice.add_profile("Night", "READ_EDIT").await;
        alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
        alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
        let operator = instance.operator().await;
        Self { tables: Tables::of(database).await, instance, alice, operator }
    }

    /// Returns the ways in which this database can fail at this place.
    fn harms(&self, place: Place) -> &'static [Harm] {
        match (self.tables.is_postgres(), place.at_commit) {
            (true, _) => &[Harm::Refuses, Harm::HangsUp],
            (false, false) => &[Harm::Refuses, Harm::RollsBack],
            (false, true) => &[Harm::Refuses],
        }
    }

    /// Returns the code that the caller is told.
    fn code(&self, place: Place, harm: Harm) -> &'static str {
        match harm {
            Harm::HangsUp => "UNAVAILABLE",
            // The harm done there is a reference to nothing, and told as one.
            Harm::Refuses if place.at_commit && !self.tables.is_postgres() => "CONFLICT",
            Harm::Refuses | Harm::RollsBack => "INTERNAL",
        }
    }

    /// Makes the database fail at the place, until it is mended.
    async fn break_at(&self, Place { table, event, when, at_commit }: Place, harm: Harm) {
        let sql = if self.tables.is_postgres() {
            let harm = if harm == Harm::HangsUp {
                "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)"
            } else {
                "RAISE EXCEPTION 'broken'"
            };
            let trigger = if at_commit {
                format!("CREATE CONSTRAINT TRIGGER broken AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED")
            } else {
                format!("CREATE TRIGGER broken BEFORE {event} ON {table}")
            };
            format!(
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {harm}; RETURN NULL; END $$; \
                 {trigger} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION broken()"
            )
        } else if at_commit {
            // A reference to nothing that is checked at the commit alone.
            format!(
                "CREATE TABLE broken_to (id INTEGER PRIMARY KEY); \
                 CREATE TABLE broken (id INTEGER REFERENCES broken_to DEFERRABLE INITIALLY DEFERRED); \
                 CREATE TRIGGER broken AFTER {event} ON {table} BEGIN INSERT INTO broken VALUES (1); END"
            )
        } else {
            let harm = if harm == Harm::RollsBack { "ROLLBACK" } else { "ABORT" };
            format!(
                "CREATE TRIGGER broken BEFORE {event} ON {table} WHEN ({when}) \
                 BEGIN SELECT RAISE({harm}, 'broken'); END"
            )
        };
        self.tables.run(&sql).await;
    }

    async fn mend(&self, place: Place) {
        self.tables
            .run(&if self.tables.is_postgres() {
                format!("DROP TRIGGER broken ON {}; DROP FUNCTION broken()", place.table)
            } else {
                "DROP TRIGGER broken; DROP TABLE IF EXISTS broken; DROP TABLE IF EXISTS broken_to".to_owned()
            })
            .await;
    }

    /// Returns all that must be as it was: the tables, and what this instance decides by.
    async fn all(&self) -> (Rows, Counters, Vec<String>, Vec<bool>) {
        let key = TenantKey::parse("acme").unwrap();
        let tenant = self.instance.policies.get_by_key(&key).await.unwrap().unwrap();
        let counters = tenant.policy().counters;
        let mut decisions = Vec::new();
        for object in ["voice/queues/sales", "voice/queues/support"] {
            decisions.push(self.alice.allowed("dana", "edit", object).await);
        }
        (self.tables.all().await, counters, self.alice.rules().await, decisions)
    }

    /// Breaks the database at the place in each way, and checks that a mutation then fails and
    /// leaves nothing.
    async fn fails_at(&self, client: &Client, mutation: &str, input: &Value, place: Place) {
        for harm in self.harms(place) {
            let told = format!("{mutation}, {harm:?} at {place:?}");
            let before = self.all().await;
            self.break_at(place, *harm).await;
            let answer = client.ask(&document(mutation), json!({ "input": input })).await;
            self.mend(place).await;
            let failed = answer["errors"][0]["extensions"]["code"].as_str();
            let refused = answer["data"].as_object().and_then(|data| data.values().next());
            let code = failed.or_else(|| refused?["userErrors"][0]["code"].as_str());
            assert_eq!(code, Some(self.code(place, *harm)), "{told}: {answer:#}");
            assert_eq!(self.all().await, before, "{told}");
        }
    }

    async fn is_clean(&self) {
        let platform = &self.instance.platform;
        let system = platform.system_caller(&TenantKey::parse(TenantKey::PLATFORM).unwrap()).await.unwrap();
        let report = platform.verify(&system, &TenantKey::parse("acme").unwrap()).await.unwrap().unwrap();
        assert_eq!(report.differences, []);
    }
}

both_databases!(r43_a_change_that_fails_at_any_place_leaves_nothing_and_the_next_one_works);
async fn r43_a_change_that_fails_at_any_place_leaves_nothing_and_the_next_one_works(database: Database) {
    let world = World::new(&database).await;
    let mut held = "sales";
    for place in POLICY {
        let other = if held == "sales" { "support" } else { "sales" };
        let version = world.alice.get("Profile", json!({ "key": "night" })).await["version"].clone();
        let sections = json!([open("voice/queues", &[other])]);
        let input = json!({ "profile": "night", "module": "voice", "version": version, "sections": sections });
        world.fails_at(&world.alice, "ProfileSaveModule", &input, place).await;
        let before = world.alice.revision().await;
        let saved = world.alice.make("ProfileSaveModule", input).await;
        assert_eq!(saved["revision"], before + 1, "{place:?}");
        held = other;
        assert!(world.alice.allowed("dana", "edit", &format!("voice/queues/{held}")).await, "{place:?}");
    }
    world.is_clean().await;
}

both_databases!(r43_whatever_the_mutation_without_its_audit_event_and_its_commit_it_is_not_made);
async fn r43_whatever_the_mutation_without_its_audit_event_and_its_commit_it_is_not_made(database: Database) {
    let world = World::new(&database).await;
    let World { alice, operator, .. } = &world;
    let admin = json!({ "username": "gil", "fullName": "Gil", "email": "gil@example.com", "password": PASSWORD });
    let session = json!({ "tenant": "platform", "username": "operator", "password": OPERATOR_PASSWORD });
    let user = json!({ "username": "eve", "fullName": "Eve", "email": "eve@example.com", "baseRole": "AGENT" });
    for (client, mutation, input) in [
        (operator, "TenantCreate", json!({ "key": "globex", "name": "Globex", "modules": [], "admin": admin })),
        (operator, "TenantSetLicence", json!({ "tenant": "acme", "modules": ["voice"] })),
        (&world.instance.stranger(), "SignIn", session),
        (alice, "SettingsUpdate", json!({ "maskedCharacters": 7 })),
        (alice, "UserCreate", user),
        (alice, "UserUpdate", json!({ "key": "dana", "version": 1, "enabled": false })),
        (alice, "ApiKeyGenerate", json!({ "user": "dana" })),
        (alice, "ApiKeyRemove", json!({ "user": "dana" })),
        (alice, "ProfileUpdate", json!({ "key": "default", "version": 1, "description": "quiet" })),
        (alice, "UserDelete", json!({ "key": "dana" })),
        (alice, "ResourceRemove", json!({ "section": "voice/queues", "keys": ["sales"] })),
    ] {
        for place in [place("INSERT", "audit_events"), COMMIT] {
            world.fails_at(client, mutation, &input, place).await;
        }
        client.make(mutation, input).await;
    }
    world.is_clean().await;
}

both_databases!(r43_what_a_lost_change_without_a_revision_would_have_given_nobody_ever_gets);
async fn r43_what_a_lost_change_without_a_revision_would_have_given_nobody_ever_gets(database: Database) {
    let world = World::new(&database).await;
    let alice = &world.alice;
    let group = json!({ "key": "night", "name": "Night", "permissions": ["people"] });
    alice.make("GroupCreate", group).await;
    alice.make("UserUpdate", json!({ "key": "dana", "version": 1, "enabled": false })).await;
    // A member that is disabled changes no answer, so this makes no revision.
    let add = json!({ "group": "night", "users": ["dana"] });
    world.fails_at(alice, "GroupAddMembers", &add, COMMIT).await;
    alice.make("UserUpdate", json!({ "key": "dana", "version": 2, "enabled": true })).await;
    assert!(!alice.rules().await.contains(&"g, user:dana, group:night, acme".to_owned()));
    world.is_clean().await;
}
