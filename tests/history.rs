//! The revision log: it leads to the tenant's whole state at each revision.

mod kept;
mod past;
mod restore;

use bailiwick::domain::key::TenantKey;
use serde_json::json;

use crate::common::app::{Instance, both};

both!(r45_the_log_leads_to_the_whole_state_also_after_changes_that_make_no_revision);
async fn r45_the_log_leads_to_the_whole_state_also_after_changes_that_make_no_revision(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let create =
        "mutation { profileCreate(input: { name: \"Night\", permissionType: READ }) { revision userErrors { code } } }";
    let made = alice.done(create, json!({})).await["revision"].as_u64().unwrap();
    let describe = "mutation { profileUpdate(input: { key: \"night\", version: 1, description: \"after ten\" }) { revision userErrors { code } } }";
    assert_eq!(alice.done(describe, json!({})).await["revision"], made, "a description alters no answer");
    let group = "mutation { groupCreate(input: { name: \"Empty\" }) { revision userErrors { code } } }";
    assert_eq!(alice.done(group, json!({})).await["revision"], made, "nor does a group of nobody with nothing");

    let key = TenantKey::parse("acme").unwrap();
    let tenant = instance.policies.get_by_key(&key).await.unwrap().unwrap();
    let store = &instance.store;
    let scope = store.scope(tenant.id);
    let (counters, now) = scope.state().await.unwrap().unwrap();
    let (from, mut state) = scope.checkpoint(counters.revision).await.unwrap().unwrap();
    for entry in store.revisions_since(tenant.id, from, 100).await.unwrap() {
        entry.patch.apply(&mut state);
    }
    assert_eq!(state, now);
    assert_eq!(state.profiles["night"].description, "after ten");
}
