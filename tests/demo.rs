//! The demo tenant: it loads, once, and its people get what their access says.

use bailiwick::auth::token::Token;
use bailiwick::demo::{PASSWORD, load};
use bailiwick::domain::key::{TenantKey, UserKey};
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::BaseRole;
use bailiwick::policy::compile::compile;
use bailiwick::policy::revision::Counters;
use serde_json::json;
use strum::VariantArray as _;

use crate::common::app::{Choices, Database, Instance, both};

/// Returns the demo's counters and state, as the database has them.
async fn stored(instance: &Instance) -> (Counters, TenantState) {
    let tenant = instance.store.tenant_by_key(&TenantKey::parse("demo").unwrap()).await.unwrap().unwrap();
    instance.store.scope(tenant.id).state().await.unwrap().unwrap()
}

both!(the_demo_loads_with_all_that_a_call_centre_has_and_a_second_time_changes_nothing);
async fn the_demo_loads_with_all_that_a_call_centre_has_and_a_second_time_changes_nothing(instance: Instance) {
    let text = load(&instance.platform).await.unwrap();
    let loaded = stored(&instance).await;
    let state = &loaded.1;
    assert!(state.users.len() >= 40, "{}", state.users.len());
    assert_eq!((state.profiles.len(), state.roles.len(), state.groups.len()), (8, 3, 4));
    assert!(state.resources.len() >= 190, "{}", state.resources.len());
    for &role in BaseRole::VARIANTS {
        assert!(state.users.values().any(|user| user.base_role == role), "nobody is {role:?}");
    }
    assert!(!state.licensed.contains("whatsapp") && !state.licensed.contains("fax"));
    assert!(text.contains("`demo`") && text.contains("dana") && text.contains(PASSWORD), "{text}");
    let again = load(&instance.platform).await.unwrap();
    assert!(again.contains("nothing was changed"), "{again}");
    assert_eq!(stored(&instance).await, loaded);
}

both!(r44_the_demo_compiled_anew_gives_the_rules_that_are_stored);
async fn r44_the_demo_compiled_anew_gives_the_rules_that_are_stored(instance: Instance) {
    load(&instance.platform).await.unwrap();
    let tenant = instance.store.tenant_by_key(&TenantKey::parse("demo").unwrap()).await.unwrap().unwrap();
    let tx = instance.store.begin(tenant.id).await.unwrap().unwrap();
    let compiled = compile(instance.platform.catalogue(), &tx.state().await.unwrap()).unwrap();
    assert_eq!(tx.stored_rules().await.unwrap(), compiled);
    assert!(compiled.len() > 500, "{} rules", compiled.len());
}

#[tokio::test]
async fn the_people_of_the_demo_get_what_their_access_says() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    load(&instance.platform).await.unwrap();
    let admin = instance.stranger().signed_in("demo", "alice", PASSWORD).await;
    for (user, action, object, allowed, reason) in [
        ("dana", "read", "voice/queues/sales", true, "ALLOWED"),
        ("dana", "edit", "voice/queues/sales", true, "ALLOWED"),
        ("dana", "delete", "voice/queues/sales", false, "NO_MATCHING_RULE"),
        ("dana", "read", "voice/queues/reception", false, "NO_MATCHING_RULE"),
        ("dana", "link", "voice/voicemails/billing-desk", true, "ALLOWED"),
        ("dana", "show", "voice/voicemails", false, "NO_MATCHING_RULE"),
        ("dana", "show", "voice/internal-routes", false, "NO_MATCHING_RULE"),
        ("dana", "edit", "voice/internal-routes/between-sites", true, "ALLOWED"),
        // From the group of the team leads.
        ("dana", "read", "reports/supervision", true, "ALLOWED"),
        // Of her teams, but of no list.
        ("dana", "edit", "staff/agents/rosa", true, "ALLOWED"),
        ("dana", "edit", "staff/agents/yusuf", false, "NO_MATCHING_RULE"),
        ("partner_atlas", "read", "voice/queues/sales", true, "ALLOWED"),
        ("partner_atlas", "edit", "voice/queues/sales", false, "NO_MATCHING_RULE"),
        ("partner_atlas", "read", "voice/queues/billing", false, "NO_MATCHING_RULE"),
        ("marco", "read", "reports/production", true, "ALLOWED"),
        ("marco", "read", "data/website-sales", false, "NO_MATCHING_RULE"),
        ("helena", "read", "data/website-sales", true, "ALLOWED"),
        ("grace", "read", "reports/activity/payroll-hours", false, "DENIED_BY_RULE"),
        // A deny that comes with the role of a group.
        ("mei", "edit", "reports/activity/payroll-hours", false, "DENIED_BY_RULE"),
        ("ravi", "edit", "ivr/projects/pay-by-phone", true, "ALLOWED"),
        ("alice", "delete", "voice/queues/sales", true, "ALLOWED"),
        ("alice", "read", "fax/queues/fax-orders", false, "UNLICENSED"),
        ("newcomer", "read", "voice/queues/sales", false, "NO_MATCHING_RULE"),
        ("rupert", "read", "voice/queues/sales", false, "SUBJECT_DISABLED"),
        ("tom", "read", "voice/queues/sales", false, "NO_MATCHING_RULE"),
    ] {
        let decision = admin.decision(user, action, object).await;
        let expected = (json!(allowed), json!(reason));
        assert_eq!((decision["allowed"].clone(), decision["reason"].clone()), expected, "{user} {action} {object}");
    }
}

#[tokio::test]
async fn the_demos_masked_and_anonymised_people_come_with_obligations() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    load(&instance.platform).await.unwrap();
    let admin = instance.stranger().signed_in("demo", "alice", PASSWORD).await;
    let mask = |view: &str| json!([{ "kind": "MASK", "view": view, "characters": 4 }]);
    for (user, object, obligations) in [
        ("priya", "contacts/contacts/c-1002", mask("contacts")),
        ("priya", "contacts/companies/harbour", mask("dialer")),
        ("priya", "voice/recordings/r-20484", mask("voice-recordings")),
        ("amina", "contacts/contacts/c-1002", json!([])),
        ("marco", "reports/production", json!([{ "kind": "ANONYMISE", "view": "performance", "characters": null }])),
        ("helena", "reports/production", json!([])),
    ] {
        let decision = admin.decision(user, "read", object).await;
        assert_eq!(decision["allowed"], true, "{user} {object}");
        assert_eq!(decision["obligations"], obligations, "{user} {object}");
    }
}

#[tokio::test]
async fn the_demos_host_application_decides_by_the_api_key_that_is_shown_once() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let text = load(&instance.platform).await.unwrap();
    let key = text.split_whitespace().find(|word| Token::parse(word).is_some()).unwrap();
    let host = instance.stranger().with_token(key);
    assert!(host.allowed("dana", "read", "voice/queues/sales").await);
    assert!(!host.allowed("dana", "delete", "voice/queues/sales").await);
    assert!(!load(&instance.platform).await.unwrap().contains("bwk_"));
    let crm = UserKey::parse("crm").unwrap();
    let caller = instance.platform.system_caller(&TenantKey::parse("demo").unwrap()).await.unwrap();
    let keys = instance.platform.api_keys(&caller, std::slice::from_ref(&crm)).await.unwrap();
    assert!(key.starts_with(&keys[&crm].prefix), "the second load made another key");
}
