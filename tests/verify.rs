//! Verifications (R44): a sound tenant is clean, and anything that was tampered with is named.

use bailiwick::demo;
use bailiwick::domain::key::{ActionPattern, ObjectPattern, ProfileKey, TenantKey};
use bailiwick::error::ErrorCode;
use bailiwick::policy::COMPILER_VERSION;
use bailiwick::policy::rule::{Rule, Subject};
use bailiwick::service::policy::verify::{Kind, Place, Report};
use serde_json::json;

use crate::common::app::{Choices, Client, Database, Instance, both_databases};
use crate::common::operations::{automatic, open};
use crate::common::tables::Tables;

/// A tenant on a database that a test can reach into.
struct World {
    database: Database,
    instance: Instance,
    alice: Client,
    tables: Tables,
}

impl World {
    async fn new(database: Database) -> Self {
        let instance = Instance::start(&database, Choices::default()).await;
        let alice = instance.tenant("acme").await;
        alice.register("voice/queues", &["sales", "support"]).await;
        alice.add_profile("Night", "READ_EDIT").await;
        alice.save_sections("night", "voice", json!([open("voice/queues", &["sales"])])).await;
        alice.add_user("dana", "USER", json!({ "profile": "night" })).await;
        Self { tables: Tables::of(&database).await, database, instance, alice }
    }

    /// Starts an instance that has read everything anew.
    async fn fresh(&self) -> Instance {
        Instance::start(&self.database, Choices::default()).await
    }
}

async fn verify(instance: &Instance, tenant: &str) -> bailiwick::error::Result<Option<Report>> {
    let platform = &instance.platform;
    let system = platform.system_caller(&TenantKey::parse(TenantKey::PLATFORM).unwrap()).await.unwrap();
    platform.verify(&system, &TenantKey::parse(tenant).unwrap()).await
}

/// Returns the differences that a verification of `acme` finds, a line for each.
async fn differences(instance: &Instance) -> Vec<String> {
    let report = verify(instance, "acme").await.unwrap().unwrap();
    let line = |place: Place, kind: Kind, what: &str| format!("{} {}: {what}", kind.as_ref(), place.as_ref());
    report.differences.iter().map(|one| line(one.place, one.kind, &one.what)).collect()
}

const NIGHT: &str = "p, profile:night, acme, voice/queues/sales, edit, allow";
const FORGED: &str = "p, profile:night, acme, staff/*, *, allow";

both_databases!(r44_what_administrators_make_is_clean);
async fn r44_what_administrators_make_is_clean(database: Database) {
    let world = World::new(database).await;
    demo::load(&world.instance.platform).await.unwrap();
    for tenant in ["acme", "platform", "demo"] {
        for instance in [&world.instance, &world.fresh().await] {
            let report = verify(instance, tenant).await.unwrap().unwrap();
            assert_eq!(report.differences, [], "{tenant}");
            assert!(report.rules > 0 && report.requests > 0, "{report:?}");
        }
    }
    assert_eq!(verify(&world.instance, "nowhere").await.unwrap(), None);
}

both_databases!(r44_a_rule_that_went_is_named_where_it_is_missing);
async fn r44_a_rule_that_went_is_named_where_it_is_missing(database: Database) {
    let world = World::new(database).await;
    assert_eq!(differences(&world.instance).await, [""; 0]);
    let gone = "DELETE FROM casbin_rule WHERE v0 = 'profile:night' AND v2 = 'voice/queues/sales' AND v3 = 'edit'";
    world.tables.run(gone).await;
    let origin = format!("missing origins: profile night, associated, of {NIGHT}");
    let stored = [format!("missing stored rules: {NIGHT}"), origin];
    assert_eq!(differences(&world.instance).await, stored, "the snapshot here is older than the harm");
    let everywhere = [&stored[..], &[format!("missing snapshot: {NIGHT}")]].concat();
    assert_eq!(differences(&world.fresh().await).await, everywhere);
}

/// Writes a row that was not compiled, with the digest of the rule that it would be.
async fn forge(tables: &Tables, domain: &str) {
    forge_rule(tables, domain, "staff/*", "*").await;
}

async fn forge_rule(tables: &Tables, domain: &str, object: &str, action: &str) {
    let profile = ProfileKey::parse("night").unwrap();
    let (on, may) = (ObjectPattern::parse(object).unwrap(), ActionPattern::parse(action).unwrap());
    let rule = Rule::allow(Subject::Profile(profile), on, may);
    let digest = tables.bytes(&format!("{:032x}", u128::from_be_bytes(rule.hash().0)));
    tables
        .run(&format!(
            "INSERT INTO casbin_rule (ptype, v0, v1, v2, v3, v4, tenant_id, hash) \
             SELECT 'p', 'profile:night', '{domain}', '{object}', '{action}', 'allow', id, {digest} FROM tenants WHERE key = 'acme'"
        ))
        .await;
}

both_databases!(r44_a_rule_that_nobody_compiled_is_named_where_it_is);
async fn r44_a_rule_that_nobody_compiled_is_named_where_it_is(database: Database) {
    let world = World::new(database).await;
    forge(&world.tables, "acme").await;
    assert_eq!(differences(&world.instance).await, [format!("extra stored rules: {FORGED}")]);
    let fresh = world.fresh().await;
    let everywhere = [format!("extra stored rules: {FORGED}"), format!("extra snapshot: {FORGED}")];
    assert_eq!(differences(&fresh).await, everywhere);
    assert!(world.alice.at(&fresh).allowed("dana", "delete", "staff/agents").await, "it would be decided by");
    // The first change that an instance makes of a tenant compiles it anew, and mends it.
    world.alice.at(&world.fresh().await).save_sections("night", "staff", json!([automatic("staff/teams")])).await;
    assert_eq!(differences(&world.fresh().await).await, [""; 0]);
}

both_databases!(r44_a_change_looks_at_all_rules_unless_this_program_is_known_to_have_left_them_so);
async fn r44_a_change_looks_at_all_rules_unless_this_program_is_known_to_have_left_them_so(database: Database) {
    let newest = "WHERE revision = (SELECT revision FROM tenants WHERE key = 'acme') \
                  AND tenant_id = (SELECT id FROM tenants WHERE key = 'acme')";
    let nobodys = "UPDATE tenants SET last_change = NULL WHERE key = 'acme'";
    let older = "UPDATE tenants SET compiler_version = 1 WHERE key = 'acme'";
    let unknown = "UPDATE audit_events SET change_id = tenant_id \
                   WHERE tenant_id = (SELECT id FROM tenants WHERE key = 'acme')";
    let otherwise = format!("UPDATE revisions SET catalogue_hash = 'another' {newest}");
    let world = World::new(database).await;
    let change = async |sections| drop(world.alice.save_sections("night", "staff", sections).await);
    let both = [json!([automatic("staff/teams")]), json!([open("staff/teams", &[])])];
    // The state is remembered, or the log leads to it from there: no rule is looked at.
    for (done, sections) in [&[][..], &[nobodys]].into_iter().zip(both.clone()) {
        forge(&world.tables, "acme").await;
        for statement in done {
            world.tables.run(statement).await;
        }
        change(sections).await;
        let fresh = world.fresh().await;
        assert!(differences(&fresh).await.contains(&format!("extra stored rules: {FORGED}")), "{done:?}");
        world.tables.run("DELETE FROM casbin_rule WHERE v2 = 'staff/*' AND v0 = 'profile:night'").await;
    }
    for done in [&[older][..], &[nobodys, unknown], &[nobodys, &otherwise]] {
        forge(&world.tables, "acme").await;
        for statement in done {
            world.tables.run(statement).await;
        }
        for sections in both.clone() {
            change(sections).await;
        }
        assert_eq!(differences(&world.fresh().await).await, [""; 0], "{done:?}");
    }
}

both_databases!(r44_a_write_that_the_database_refuses_lets_the_next_change_look_at_all_rules);
async fn r44_a_write_that_the_database_refuses_lets_the_next_change_look_at_all_rules(database: Database) {
    let world = World::new(database).await;
    let change = async |sections| {
        let version = world.alice.get("Profile", json!({ "key": "night" })).await["version"].clone();
        let input = json!({ "profile": "night", "module": "staff", "version": version, "sections": sections });
        let answer = world.alice.answer("ProfileSaveModule", json!({ "input": input })).await;
        answer["data"]["profileSaveModule"]["userErrors"] == json!([])
    };
    // The rule that the change adds is there already, so that it cannot be added.
    forge_rule(&world.tables, "acme", "staff/teams/*", "read").await;
    assert!(!change(json!([automatic("staff/teams")])).await);
    assert!(change(json!([automatic("staff/teams")])).await);
    assert_eq!(differences(&world.fresh().await).await, [""; 0]);
}

both_databases!(r44_a_row_that_is_no_rule_of_the_tenant_is_named_although_nobody_can_load_it);
async fn r44_a_row_that_is_no_rule_of_the_tenant_is_named_although_nobody_can_load_it(database: Database) {
    let world = World::new(database).await;
    forge(&world.tables, "globex").await;
    let found = differences(&world.fresh().await).await;
    assert_eq!(found[0], "extra stored rules: p, profile:night, globex, staff/*, *, allow");
    assert!(found[1].starts_with("wrong snapshot: it cannot be loaded: "), "{found:?}");
    assert!(found[1].contains("is not a rule of tenant `acme`"), "{found:?}");
    assert_eq!(found.len(), 2);
}

both_databases!(r44_a_state_that_was_changed_behind_the_compiler_is_named_by_its_rules);
async fn r44_a_state_that_was_changed_behind_the_compiler_is_named_by_its_rules(database: Database) {
    let world = World::new(database).await;
    let disabled = format!(
        "UPDATE users SET enabled = {} WHERE key = 'dana'",
        if world.tables.is_postgres() { "false" } else { "0" }
    );
    world.tables.run(&disabled).await;
    let rules = ["g, user:dana, profile:night, acme", "g, user:dana, role:member, acme"];
    let found = differences(&world.instance).await;
    for rule in rules {
        assert!(found.contains(&format!("extra stored rules: {rule}")), "{found:?}");
        assert!(found.contains(&format!("extra snapshot: {rule}")), "{found:?}");
    }
    assert!(found.contains(&"wrong snapshot: who is disabled".to_owned()), "{found:?}");
    world.tables.run("UPDATE tenants SET masked_characters = 9 WHERE key = 'acme'").await;
    let found = differences(&world.instance).await;
    assert!(found.contains(&"wrong snapshot: the settings".to_owned()), "{found:?}");
}

both_databases!(r44_another_version_of_the_compiler_a_wrong_digest_and_a_lost_origin_are_named);
async fn r44_another_version_of_the_compiler_a_wrong_digest_and_a_lost_origin_are_named(database: Database) {
    let world = World::new(database).await;
    world.tables.run("UPDATE tenants SET compiler_version = 0 WHERE key = 'acme'").await;
    let version =
        format!("wrong stored rules: compiled by version 0 of the compiler, and this program's is {COMPILER_VERSION}");
    assert_eq!(differences(&world.instance).await, [version]);
    let back = format!("UPDATE tenants SET compiler_version = {COMPILER_VERSION} WHERE key = 'acme'");
    world.tables.run(&back).await;
    let rule = "v0 = 'profile:night' AND v2 = 'voice/queues/sales' AND v3 = 'edit'";
    let lost = format!("DELETE FROM rule_origins WHERE rule_hash = (SELECT hash FROM casbin_rule WHERE {rule})");
    world.tables.run(&lost).await;
    let origin = format!("missing origins: profile night, associated, of {NIGHT}");
    assert_eq!(differences(&world.instance).await, std::slice::from_ref(&origin));
    let hash = world.tables.bytes("00112233445566778899aabbccddeeff");
    world.tables.run(&format!("UPDATE casbin_rule SET hash = {hash} WHERE {rule}")).await;
    assert_eq!(differences(&world.instance).await, [format!("wrong stored rules: the digest of {NIGHT}"), origin]);
}

both_databases!(r44_a_tenant_that_changes_meanwhile_is_no_difference);
async fn r44_a_tenant_that_changes_meanwhile_is_no_difference(database: Database) {
    let world = World::new(database).await;
    let alice = world.alice.clone();
    let changes = tokio::spawn(async move {
        for round in 0..20 {
            let section = if round % 2 == 0 { automatic("voice/queues") } else { open("voice/queues", &["sales"]) };
            alice.save_sections("night", "voice", json!([section])).await;
        }
    });
    let fresh = world.fresh().await;
    let mut clean = 0;
    while !changes.is_finished() || clean == 0 {
        for instance in [&world.instance, &fresh] {
            match verify(instance, "acme").await {
                Ok(report) => {
                    assert_eq!(report.unwrap().differences, []);
                    clean += 1;
                }
                Err(error) => assert_eq!(error.code, ErrorCode::Unavailable, "{error}"),
            }
        }
    }
    changes.await.unwrap();
}
