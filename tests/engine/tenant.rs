//! A tenant's policy from one revision to the next.

use std::collections::HashSet;

use bailiwick::domain::key::UserKey;
use bailiwick::domain::tenant::Settings;
use bailiwick::domain::user::{BaseRole, User};
use bailiwick::engine::tenant::TenantPolicy;
use bailiwick::policy::diff::{RuleDiff, StatePatch};
use bailiwick::policy::revision::Counters;
use bailiwick::policy::rule::BuiltIn;
use uuid::Uuid;

use super::*;

fn policy() -> TenantPolicy {
    TenantPolicy {
        counters: Counters { revision: 1, credential_epoch: 0, ..Counters::default() },
        snapshot: Arc::new(snapshot(MODEL, &[])),
        settings: Settings::default(),
        disabled: Arc::new(HashSet::from([key("dana")])),
    }
}

fn key(text: &str) -> UserKey {
    UserKey::parse(text).unwrap()
}

fn member(user: &str) -> Rule {
    Rule::membership(Subject::User(key(user)), Subject::Role(BuiltIn::Member))
}

/// Returns the patch that a revision keeps of the user `dana` when she is enabled, or not, or gone.
fn patch(enabled: Option<bool>) -> StatePatch {
    let user = |enabled| User {
        id: Uuid::nil(),
        key: key("dana"),
        base_role: BaseRole::User,
        enabled,
        default_admin: false,
        profile: None,
        role: None,
        version: 1,
        imported_from: None,
    };
    StatePatch { users: [(key("dana"), enabled.map(user))].into(), ..StatePatch::default() }
}

#[test]
fn several_revisions_are_applied_in_their_order() {
    let settings = Settings { session_hours: 1, ..Settings::default() };
    let changes = [
        (RuleDiff { added: vec![member("dana")], removed: vec![] }, patch(Some(true))),
        (RuleDiff::default(), StatePatch { settings: Some(settings), ..StatePatch::default() }),
        (RuleDiff { added: vec![member("ed")], removed: vec![member("dana")] }, patch(Some(false))),
    ];
    let counters = Counters { revision: 4, credential_epoch: 2, ..Counters::default() };
    let next = policy().after(counters, changes.iter().map(|(rules, patch)| (rules, patch)));
    assert_eq!((next.counters, next.snapshot.revision(), next.settings), (counters, 4, settings));
    assert!(next.snapshot.rules().eq([member("ed")]));
    assert_eq!(*next.disabled, HashSet::from([key("dana")]));
}

#[test]
fn who_is_disabled_is_copied_only_when_that_changes() {
    let before = policy();
    let after = |enabled| {
        let (rules, patch) = (RuleDiff::default(), patch(enabled));
        before.after(
            Counters { revision: 2, credential_epoch: 0, ..Counters::default() },
            std::iter::once((&rules, &patch)),
        )
    };
    assert!(Arc::ptr_eq(&before.disabled, &after(Some(false)).disabled));
    assert!(after(Some(true)).disabled.is_empty() && after(None).disabled.is_empty());
    assert_eq!(before.disabled.len(), 1);
}
