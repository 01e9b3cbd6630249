//! Every mutation: if it succeeds, it leaves one audit event and at most one revision; if it is refused, it leaves
//! nothing at all (R43). The schema says which mutations there are.

mod chain;
mod log;
mod refused;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::{DocumentOperations, OperationType, Selection, TypeKind, TypeSystemDefinition};
use async_graphql::parser::{parse_query, parse_schema};
use bailiwick::domain::key::TenantKey;
use bailiwick::domain::tenant::TenantState;
use bailiwick::policy::diff::StatePatch;
use bailiwick::policy::revision::Counters;
use bailiwick::store::audit::{AuditEvent, AuditFilter};
use bailiwick::store::page::Page;
use serde_json::{Value, json};

use crate::common::app::{Choices, Database, Instance, OPERATOR_PASSWORD, PASSWORD, both_databases};
use crate::common::mail::token_in;
use crate::common::operations::document;
use crate::common::picture::png;
use crate::common::tables::{Rows, Tables};
use crate::common::upload::{MULTIPART, with_file};
use step::{By, MAILED, PICTURE, Step, UNLOGGED, steps};

/// The options that a mutation's input takes beside the change.
#[derive(Debug, Clone, Copy, Default)]
struct Takes {
    reason: bool,
    dry_run: bool,
    /// `true` if the mutation changes access, so that a dry run returns an impact.
    impact: bool,
}

/// Returns the fields of the schema's type `Mutation`, each with the options of its input.
fn mutations() -> BTreeMap<String, Takes> {
    let schema = parse_schema(bailiwick::graphql::sdl()).unwrap();
    let types: BTreeMap<_, _> = schema
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), ty.node.kind)),
            _ => None,
        })
        .collect();
    let TypeKind::Object(mutation) = &types["Mutation"] else { panic!("mutations are an object") };
    let takes = |input: &str| match &types[input] {
        TypeKind::InputObject(input) => {
            let takes = |name: &str| input.fields.iter().any(|field| field.node.name.node == name);
            Takes { reason: takes("reason"), dry_run: takes("dryRun"), impact: false }
        }
        _ => panic!("{input} is an input"),
    };
    let field = |field: &async_graphql::Positioned<async_graphql::parser::types::FieldDefinition>| {
        let input = field.node.arguments.first().map(|input| input.node.ty.node.to_string());
        let takes = input.map(|input| takes(input.trim_end_matches('!'))).unwrap_or_default();
        let TypeKind::Object(payload) = &types[field.node.ty.node.to_string().trim_end_matches('!')] else {
            panic!("payloads are objects")
        };
        let impact = payload.fields.iter().any(|field| field.node.name.node == "impact");
        (field.node.name.node.to_string(), Takes { impact, ..takes })
    };
    mutation.fields.iter().map(field).collect()
}

/// Returns the document of each mutation.
fn documents() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/graphql/operations");
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let text = document(file.strip_suffix(".graphql").unwrap());
        let DocumentOperations::Multiple(operations) = parse_query(&text).unwrap().operations else { continue };
        for operation in operations.into_values().filter(|one| one.node.ty == OperationType::Mutation) {
            let Selection::Field(field) = &operation.node.selection_set.node.items[0].node else { continue };
            found.insert(field.node.name.node.to_string(), text.clone());
        }
    }
    found
}

/// An instance, its tables, and the documents of its mutations.
struct World {
    instance: Instance,
    tables: Tables,
    mutations: BTreeMap<String, Takes>,
    documents: BTreeMap<String, String>,
    http: reqwest::Client,
    /// The tokens of the callers who have signed in.
    tokens: BTreeMap<By, String>,
    /// Every token that was shown.
    shown: BTreeSet<String>,
}

impl World {
    async fn new(database: &Database) -> Self {
        Self {
            instance: Instance::start(database, Choices::default()).await,
            tables: Tables::of(database).await,
            mutations: mutations(),
            documents: documents(),
            http: reqwest::Client::new(),
            tokens: BTreeMap::new(),
            shown: BTreeSet::new(),
        }
    }

    /// Returns the answer to a mutation.
    async fn send(&self, by: By, mutation: &str, input: &Value, request_id: &str) -> Value {
        let variables = if input.is_null() { json!({}) } else { json!({ "input": input }) };
        let body = json!({ "query": self.documents[mutation], "variables": variables });
        let mut request = self.http.post(format!("{}/graphql", self.instance.url));
        request = if input["file"] == PICTURE {
            let file = with_file("UserSetAvatar", input.clone(), &png(1));
            request.header("Content-Type", MULTIPART).body(file)
        } else {
            request.json(&body)
        };
        request = request.header("X-Request-ID", request_id);
        if let Some(token) = self.tokens.get(&by) {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Asks for a link for Dana, and reads its token in the mail.
    async fn mailed_token(&mut self) -> String {
        let input = json!({ "tenant": "acme", "email": "dana@example.com" });
        let answer = self.send(By::Stranger, UNLOGGED[0], &input, "asked").await;
        assert!(answer["errors"].is_null(), "{answer:#}");
        let token = token_in(self.instance.mails().await.last().unwrap());
        self.shown.insert(token.clone());
        token
    }

    /// Returns a tenant's counters and state; both empty before it is made.
    async fn state(&self, tenant: &str) -> (Counters, TenantState) {
        let key = TenantKey::parse(tenant).unwrap();
        let store = &self.instance.store;
        match store.tenant_by_key(&key).await.unwrap() {
            Some(row) => store.scope(row.id).state().await.unwrap().unwrap(),
            None => (Counters::default(), TenantState::empty(key)),
        }
    }

    /// Returns the events of a tenant, newest first.
    async fn events(&self, tenant: &str) -> Vec<AuditEvent> {
        let store = &self.instance.store;
        let Some(row) = store.tenant_by_key(&TenantKey::parse(tenant).unwrap()).await.unwrap() else { return vec![] };
        let page = Page::parse(Some(100), None, None, None).unwrap();
        let found = store.scope(row.id).audit_events(&AuditFilter::default(), &page).await.unwrap();
        assert!(!found.has_next, "one page holds them all");
        found.items.into_iter().map(|(_, event)| event).collect()
    }

    /// Makes the step, and checks all that it leaves.
    async fn make(&mut self, number: usize, step: &Step) {
        let mut input = step.input.clone();
        if input["token"] == MAILED {
            input["token"] = json!(self.mailed_token().await);
        }
        let reason = if self.mutations[step.mutation].reason { format!("reason {number}") } else { String::new() };
        if !reason.is_empty() {
            input["reason"] = json!(reason);
        }
        let home = if step.by == By::Operator { "platform" } else { step.tenant };
        let (before, state) = self.state(step.tenant).await;
        let (events, at_home) = (self.events(step.tenant).await, self.events(home).await);
        let (rows, since) = (self.tables.all().await, self.instance.platform.now());
        if self.mutations[step.mutation].dry_run {
            self.tries(step, &input, &rows).await;
        }
        let request_id = format!("step-{number}");
        let answer = self.send(step.by, step.mutation, &input, &request_id).await;
        let payload = &answer["data"][step.mutation];
        assert!(answer["errors"].is_null(), "{number} {}: {answer:#}", step.mutation);
        assert_eq!(payload["userErrors"], json!([]), "{number} {}", step.mutation);
        if let Some(token) = payload["token"].as_str() {
            self.shown.insert(token.to_owned());
            self.tokens.extend(step.signs_in.map(|by| (by, token.to_owned())));
        }

        let (after, is) = self.state(step.tenant).await;
        let told = format!("{number} {}: {payload:#}", step.mutation);
        assert_eq!(after.revision - before.revision, u64::from(step.revises), "{told}");
        let new = self.events(step.tenant).await;
        assert_eq!(new.len(), events.len() + 1, "{told}");
        let event = &new[0];
        assert_eq!((event.action.as_str(), event.target.as_str()), (step.action, step.target.as_str()), "{told}");
        let (kind, key, name) = step.by.actor(step.tenant);
        assert_eq!(
            (event.actor.kind, event.actor.key.as_str(), event.actor.name.as_str()),
            (kind, key, name),
            "{told}"
        );
        assert!(since <= event.at && event.at <= self.instance.platform.now(), "{told}");
        assert_eq!(event.request_id.as_deref(), Some(request_id.as_str()), "{told}");
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"), "{told}");
        assert_eq!(event.reason, reason, "{told}");
        assert_eq!(event.revision, step.revises.then_some(after.revision), "{told}");
        tells_the_change(event, &state, &is);
        if home != step.tenant {
            self.is_told_at_home(step, event, at_home.len()).await;
        }
        self.leaves_one_revision(step, event, &rows, after.revision).await;
    }

    /// Checks that a dry run of the step is answered, and leaves nothing at all.
    async fn tries(&self, step: &Step, input: &Value, rows: &Rows) {
        let mut input = input.clone();
        input["dryRun"] = json!(true);
        let answer = self.send(step.by, step.mutation, &input, "dry").await;
        let payload = &answer["data"][step.mutation];
        assert_eq!(payload["userErrors"], json!([]), "{} {answer:#}", step.mutation);
        let told = payload["impact"]["affectedUsers"].is_number();
        assert_eq!(told, self.mutations[step.mutation].impact, "{} {payload:#}", step.mutation);
        assert_eq!(self.tables.all().await, *rows, "a dry run of {} left something", step.mutation);
    }

    /// Checks that an operator's act in another tenant is in their own log too, without what they saw.
    async fn is_told_at_home(&self, step: &Step, event: &AuditEvent, before: usize) {
        let there = self.events("platform").await;
        assert_eq!(there.len(), before + 1, "{}", step.mutation);
        let expected = AuditEvent {
            id: there[0].id,
            target: format!("tenant:{} {}", step.tenant, step.target),
            before: None,
            after: None,
            revision: None,
            ..event.clone()
        };
        assert_eq!(there[0], expected);
    }

    /// Checks that the log of revisions has one row more, that of this event; or none.
    async fn leaves_one_revision(&self, step: &Step, event: &AuditEvent, before: &Rows, revision: u64) {
        let rows = self.tables.rows("revisions").await;
        assert_eq!(rows.len() - before["revisions"].len(), usize::from(step.revises), "{}", step.mutation);
        if !step.revises {
            assert_eq!(self.tables.rows("casbin_rule").await, before["casbin_rule"], "{}", step.mutation);
            return;
        }
        let key = TenantKey::parse(step.tenant).unwrap();
        let store = &self.instance.store;
        let id = store.tenant_by_key(&key).await.unwrap().unwrap().id;
        let entry = store.scope(id).revision(revision).await.unwrap().unwrap();
        let told = (entry.change_id, entry.at, entry.author, entry.reason);
        assert_eq!(told, (event.change_id, event.at, event.actor.clone(), event.reason.clone()));
    }
}

/// Checks that the event has the states before and after: it leads from one to the other, and back.
fn tells_the_change(event: &AuditEvent, before: &TenantState, after: &TenantState) {
    let patch = |json: &Option<Value>| match json {
        Some(json) => serde_json::from_value(json.clone()).unwrap(),
        None => StatePatch::default(),
    };
    assert_eq!(patch(&event.after), StatePatch::between(before, after), "{}", event.action);
    assert_eq!(patch(&event.before), StatePatch::between(after, before), "{}", event.action);
}

#[test]
fn r43_no_mutation_is_left_out_here() {
    let all: BTreeSet<String> = mutations().into_keys().collect();
    let made = steps().into_iter().map(|step| step.mutation).chain(UNLOGGED);
    let made: BTreeSet<String> = made.map(str::to_owned).collect();
    let refused: BTreeSet<String> = refused::refusals().into_iter().map(|one| one.1.to_owned()).collect();
    assert_eq!(made, all, "each mutation is made in `audit/step.rs`");
    let takes = mutations();
    let revising = steps().into_iter().filter(|step| step.revises && !takes[step.mutation].dry_run);
    assert!(steps().iter().all(|step| !step.revises || !takes[step.mutation].dry_run || takes[step.mutation].impact));
    let untried: BTreeSet<&str> = revising.map(|step| step.mutation).collect();
    assert_eq!(untried, BTreeSet::from(["settingsUpdate", "tenantCreate"]), "what changes access can be tried");
    assert_eq!(refused, all, "each mutation is refused in `audit/refused.rs`");
}

both_databases!(r43_every_mutation_leaves_one_audit_event_and_a_revision_only_when_answers_can_change);
async fn r43_every_mutation_leaves_one_audit_event_and_a_revision_only_when_answers_can_change(database: Database) {
    let mut world = World::new(&database).await;
    for (number, step) in steps().iter().enumerate() {
        world.make(number, step).await;
    }
    tells_what_accounts_were(&world).await;
    tells_what_was_linked(&world).await;
    holds_no_secret(&world).await;
}

/// Checks that the events show the items that a list gained and lost, by whichever mutation.
async fn tells_what_was_linked(world: &World) {
    let events = world.events("acme").await.into_iter().rev();
    let linked = events.filter_map(|event| {
        let links = |side: &Option<Value>| side.as_ref().map(|side| side["links"].clone());
        let sides = (links(&event.before)?, links(&event.after)?);
        (event.action == "resource.setLinks" || !sides.0.is_null() || !sides.1.is_null()).then_some(sides)
    });
    let queues = |owner: &str| json!({ owner: { "voice/queues": ["sales"] } });
    let expected = [
        (json!({}), queues("staff/agents/ben")),
        (queues("staff/agents/ben"), json!({})),
        (Value::Null, queues("staff/agents/gus")),
    ];
    assert_eq!(linked.collect::<Vec<_>>(), expected);
}

/// An account that changed or went stands in the event as it was, as far as it changed.
async fn tells_what_accounts_were(world: &World) {
    let events = world.events("acme").await;
    let of_dana = |action: &str| {
        let event = events.iter().rev().find(|event| event.action == action && event.target == "user:dana").unwrap();
        let account = |side: &Option<Value>| side.as_ref().unwrap()["accounts"]["dana"].clone();
        (account(&event.before), account(&event.after))
    };
    assert_eq!(of_dana("user.update"), (json!({ "fullName": "Dana" }), json!({ "fullName": "Dana Field" })));
    assert_eq!(of_dana("user.setPassword"), (json!({}), json!({ "password": "set" })));
    let (was, is) = of_dana("user.delete");
    assert_eq!(
        (&was["email"], &was["fullName"], &is),
        (&json!("dana@example.com"), &json!("Dana Field"), &Value::Null)
    );
}

/// Checks that no password, hash, token or key is in what is kept of changes.
async fn holds_no_secret(world: &World) {
    let mut kept = world.tables.rows("audit_events").await.join("\n");
    kept += &world.tables.rows("revisions").await.join("\n");
    assert!(
        kept.contains("dana") && kept.contains("reason 3") && kept.contains("Dana Field"),
        "it is what was written"
    );
    let mut secrets = world.tables.secrets().await;
    secrets.extend([PASSWORD, OPERATOR_PASSWORD, "argon2", "bws_", "bwk_"].map(str::to_owned));
    for token in &world.shown {
        secrets.insert(token[4..].to_owned());
    }
    assert!(secrets.len() > 10, "{}", secrets.len());
    for secret in secrets {
        assert!(!kept.to_lowercase().contains(&secret.to_lowercase()), "`{secret}` is kept");
    }
}

both_databases!(r43_a_refused_mutation_leaves_nothing_at_all);
async fn r43_a_refused_mutation_leaves_nothing_at_all(database: Database) {
    let mut world = World::new(&database).await;
    refused::furnish(&mut world).await;
    let before = world.tables.all().await;
    let counters = world.state("acme").await.0;
    for (by, mutation, input, code) in refused::refusals() {
        let answer = world.send(by, mutation, &input, "refused").await;
        let told = &answer["data"][mutation]["userErrors"][0]["code"];
        let told = told.as_str().or(answer["errors"][0]["extensions"]["code"].as_str());
        assert_eq!(told, Some(code), "{mutation} {input}: {answer:#}");
        assert_eq!(world.tables.all().await, before, "{mutation} {input}");
    }
    for (mutation, input) in refused::forbidden() {
        let answer = world.send(By::Agent, mutation, &input, "refused").await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{mutation} {input}: {answer:#}");
    }
    for (mutation, _) in world.mutations.iter().filter(|(_, takes)| takes.reason) {
        let step = steps().into_iter().find(|step| step.mutation == mutation).unwrap();
        for reason in ["x".repeat(501), "a\nb".to_owned()] {
            let mut input = step.input.clone();
            input["reason"] = json!(reason);
            let answer = world.send(step.by, mutation, &input, "refused").await;
            let error = &answer["data"][mutation]["userErrors"][0];
            assert_eq!((&error["code"], &error["field"]), (&json!("INVALID"), &json!(["reason"])), "{answer:#}");
        }
    }
    assert_eq!(world.tables.all().await, before);
    assert_eq!(world.state("acme").await.0, counters);
}
