//! State, rules and revisions, through transactions.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::domain::Change;
use bailiwick::domain::key::{ActionPattern, ObjectPattern, ProfileKey, TenantId};
use bailiwick::domain::name::Timestamp;
use bailiwick::domain::profile::{Association, PermissionType};
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::{BaseRole, Email};
use bailiwick::error::ErrorCode;
use bailiwick::policy::diff::{PolicyDiff, StatePatch};
use bailiwick::policy::revision::Counters;
use bailiwick::policy::rule::{BuiltIn, Origin, OriginKind, Rule, Subject};
use bailiwick::store::Store;
use bailiwick::store::audit::chain::Break;
use bailiwick::store::audit::{Actor, ActorKind, AuditEvent};
use bailiwick::store::policy::RevisionEntry;
use bailiwick::store::session::NewSession;
use bailiwick::store::tenant::TenantRow;
use bailiwick::store::user::AccountChange;
use sea_orm::{ConnectionTrait as _, Database};
use uuid::Uuid;

use super::harness::{Fresh, both_stores};
use super::world::{
    account, add_resource, change, group, make, name, profile, resource, rich, tenant_row, user, user_key,
};

both_stores! {
    a_state_reads_back_as_it_was_written,
    only_what_differs_is_written,
    names_can_be_swapped_in_one_change,
    a_profile_can_be_replaced_by_one_of_the_same_name,
    many_users_change_in_one_go,
    what_is_not_committed_is_not_there,
    changes_of_one_tenant_wait_for_each_other,
    rules_and_their_origins_read_back,
    a_policy_loads_with_its_counters,
    revisions_follow_each_other,
    the_events_of_sign_ins_wait_for_their_places_and_show_when_they_are_changed,
    a_committed_change_is_known_by_its_id,
    the_state_of_a_newer_program_is_refused,
    a_taken_tenant_key_is_refused,
    extensions_are_given_out_once,
    a_taken_email_is_refused_by_its_field,
    an_account_changes_and_a_user_takes_it_along,
    migrations_run_once_however_many_start,
    counters_of_many_tenants_come_together,
    each_counter_is_named_by_the_change_that_moved_it,
}

async fn read(store: &Store, tenant: TenantId) -> TenantState {
    store.scope(tenant).state().await.unwrap().unwrap().1
}

async fn a_state_reads_back_as_it_was_written(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    assert_eq!(read(&fresh.store, tenant).await, state);
    let tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    assert_eq!(tx.state().await.unwrap(), state);
}

async fn only_what_differs_is_written(fresh: Fresh) {
    let mut state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    state.settings.masked_characters = 3;
    state.licensed.pop_first();
    let support = state.profiles.get_mut("support").unwrap();
    support.version += 1;
    support.permission_type = PermissionType::Read;
    support.modules.clear();
    let queues = support.sections.get_mut("voice/queues").unwrap();
    let Association::Manual(list) = &mut queues.association else { panic!("a manual list") };
    list.pop_first();
    list.insert("Gamma%20x".to_owned().try_into().unwrap());
    support.sections.remove("staff/teams");
    state.profiles.remove("empty");
    state.resources.remove("voice/queues/alpha");
    state.resources.get_mut("staff/teams/night").unwrap().members.clear();
    add_resource(&mut state, resource("voice/queues", "delta"));
    state.groups.remove("none");
    state.groups.get_mut("day").unwrap().members.pop_first();
    state.users.remove("dan");
    let eve = user("eve", BaseRole::Agent);
    state.users.insert(eve.key.clone(), eve);
    state.roles.get_mut("desk").unwrap().grants.pop_first();
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    assert_eq!(read(&fresh.store, tenant).await, state);
}

async fn names_can_be_swapped_in_one_change(fresh: Fresh) {
    let mut state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let (one, other) = (state.groups["day"].name.clone(), state.groups["none"].name.clone());
    state.groups.get_mut("day").unwrap().name = other;
    state.groups.get_mut("none").unwrap().name = one;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    assert_eq!(read(&fresh.store, tenant).await, state);
}

async fn a_profile_can_be_replaced_by_one_of_the_same_name(fresh: Fresh) {
    let mut state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let old = state.profiles.remove("support").unwrap();
    let mut new = profile("support-2");
    new.name = old.name;
    state.users.get_mut("ben").unwrap().profile = Some(new.key.clone());
    state.profiles.insert(new.key.clone(), new);
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    assert_eq!(read(&fresh.store, tenant).await, state);
}

async fn many_users_change_in_one_go(fresh: Fresh) {
    let mut state = rich("acme");
    for i in 0..1100 {
        let mut user = user(&format!("user{i}"), BaseRole::User);
        user.profile = Some(ProfileKey::parse("empty").unwrap());
        state.users.insert(user.key.clone(), user);
    }
    let all = state.users.keys().cloned().collect();
    let mut everyone = group("everyone", &[]);
    everyone.members = all;
    state.groups.insert(everyone.key.clone(), everyone);
    for i in 0..700 {
        add_resource(&mut state, resource("voice/queues", &format!("queue{i}")));
    }
    let tenant = make(&fresh.store, &state).await;
    state.users.change(
        |user| user.base_role == BaseRole::User,
        |user| {
            user.profile = Some(ProfileKey::parse("support").unwrap());
            user.version += 1;
        },
    );
    state.groups.get_mut("everyone").unwrap().members.clear();
    for i in 0..700 {
        state.resources.remove(format!("voice/queues/queue{i}").as_str()).unwrap();
    }
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    assert_eq!(read(&fresh.store, tenant).await, state);
}

async fn what_is_not_committed_is_not_there(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &TenantState::empty(state.key.clone())).await;
    tx.bump(Uuid::now_v7(), true, true).await.unwrap();
    drop(tx);
    assert_eq!(fresh.store.scope(tenant).state().await.unwrap(), Some((Counters::default(), state)));
    let new = fresh.store.begin_new(tenant_row("other")).await.unwrap();
    let other = new.tenant().id;
    drop(new);
    assert_eq!(fresh.store.tenant_by_id(other).await.unwrap(), None);
    assert!(fresh.store.begin(other).await.unwrap().is_none());
}

async fn changes_of_one_tenant_wait_for_each_other(fresh: Fresh) {
    let tenant = make(&fresh.store, &TenantState::empty(tenant_row("acme").key)).await;
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let store = fresh.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut tx = store.begin(tenant).await.unwrap().unwrap();
            let before = tx.counters();
            let after = tx.bump(Uuid::now_v7(), true, false).await.unwrap();
            assert_eq!(after.revision, before.revision + 1);
            tx.commit().await.unwrap();
            after.revision
        }));
    }
    let mut seen = BTreeSet::new();
    for task in tasks {
        assert!(seen.insert(task.await.unwrap()));
    }
    assert_eq!(seen, (1..=10).collect());
}

fn origin(note: &str) -> Origin {
    Origin {
        kind: OriginKind::Profile,
        key: "support".to_owned(),
        module: None,
        section: Some("voice/queues".to_owned()),
        note: note.to_owned(),
    }
}

pub(super) fn rules() -> BTreeMap<Rule, BTreeSet<Origin>> {
    let member = Subject::Role(BuiltIn::Member);
    let read = ActionPattern::parse("read").unwrap();
    let mut rules = BTreeMap::from([
        (Rule::membership(Subject::User(user_key("ben")), member.clone()), [origin("of ben")].into()),
        (Rule::deny(member.clone(), ObjectPattern::parse("chat/*").unwrap(), ActionPattern::any()), BTreeSet::new()),
    ]);
    for i in 0..1200 {
        let object = ObjectPattern::parse(&format!("voice/queues/q{i}")).unwrap();
        rules.insert(Rule::allow(member.clone(), object, read.clone()), [origin("a"), origin("b")].into());
    }
    rules
}

async fn rules_and_their_origins_read_back(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let first = rules();
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    tx.write_rules(&PolicyDiff::between(&BTreeMap::new(), &first)).await.unwrap();
    assert_eq!(tx.stored_rules().await.unwrap(), first);
    let mut second = first.clone();
    second.pop_first();
    second.pop_last();
    second.entry(second.keys().next().unwrap().clone()).or_default().insert(origin("c"));
    tx.write_rules(&PolicyDiff::between(&first, &second)).await.unwrap();
    tx.commit().await.unwrap();
    let tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    assert_eq!(tx.stored_rules().await.unwrap(), second);
}

async fn a_policy_loads_with_its_counters(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let other = make(&fresh.store, &rich("globex")).await;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    tx.write_rules(&PolicyDiff::between(&BTreeMap::new(), &rules())).await.unwrap();
    let counters = tx.bump(Uuid::now_v7(), true, true).await.unwrap();
    tx.commit().await.unwrap();
    let loaded = fresh.store.load_policy(tenant).await.unwrap().unwrap();
    assert_eq!((loaded.key, loaded.counters, loaded.settings), (state.key, counters, state.settings));
    assert_eq!(loaded.disabled, [user_key("dan")]);
    assert_eq!(loaded.rules.iter().cloned().collect::<BTreeSet<_>>(), rules().into_keys().collect());
    assert_eq!(loaded.rules.len(), rules().len());
    assert!(fresh.store.load_policy(other).await.unwrap().unwrap().rules.is_empty());
    assert!(fresh.store.load_policy(TenantId(Uuid::nil())).await.unwrap().is_none());
}

pub(super) fn actor() -> Actor {
    Actor { kind: ActorKind::User, key: "ann".to_owned(), name: "Ann".to_owned() }
}

pub(super) fn entry(revision: u64, diff: &PolicyDiff) -> RevisionEntry {
    RevisionEntry {
        revision,
        change_id: Uuid::now_v7(),
        at: Timestamp(9),
        author: actor(),
        reason: "because".to_owned(),
        rules: diff.rules(),
        patch: StatePatch { licensed: Some(BTreeSet::new()), ..StatePatch::default() },
        model_hash: "m".to_owned(),
        catalogue_hash: "c".to_owned(),
        compiler_version: 1,
    }
}

async fn revisions_follow_each_other(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let diff = PolicyDiff::between(&BTreeMap::new(), &rules());
    let mut written = Vec::new();
    for _ in 0..3 {
        let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
        let entry = entry(tx.bump(Uuid::now_v7(), true, false).await.unwrap().revision, &diff);
        tx.log_revision(&entry, Some(&state)).await.unwrap();
        tx.commit().await.unwrap();
        written.push(entry);
    }
    assert_eq!(fresh.store.revisions_since(tenant, 0, 10).await.unwrap(), written);
    assert_eq!(fresh.store.revisions_since(tenant, 1, 1).await.unwrap(), written[1..2]);
    assert_eq!(fresh.store.revisions_since(TenantId(Uuid::nil()), 0, 10).await.unwrap(), []);
}

pub(super) fn event(change_id: Uuid, at: i64) -> AuditEvent {
    AuditEvent {
        id: Uuid::now_v7(),
        change_id,
        at: Timestamp(at),
        actor: actor(),
        action: "profile.update".to_owned(),
        target: "profile:support".to_owned(),
        before: Some(serde_json::json!({ "name": "a" })),
        after: None,
        request_id: Some("r".to_owned()),
        address: None,
        reason: String::new(),
        revision: Some(3),
    }
}

async fn the_events_of_sign_ins_wait_for_their_places_and_show_when_they_are_changed(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let scope = fresh.store.scope(tenant);
    let sign_in = async |number: u8| {
        let user = user_key("ann");
        let (sign_in, _) = fresh.store.begin_sign_in(tenant, &user).await.unwrap().unwrap();
        let (id, token) = (Uuid::now_v7(), [number; 32]);
        let new = NewSession { id, user, token, created_at: Timestamp(1), expires_at: Timestamp(2) };
        sign_in.commit(&new, &event(Uuid::now_v7(), i64::from(number))).await.unwrap();
    };
    let place = async || {
        fresh.store.begin(tenant).await.unwrap().unwrap().commit().await.unwrap();
        scope.audit_chain(|_| ()).await.unwrap().unwrap()
    };
    let before = scope.audit_chain(|_| ()).await.unwrap().unwrap();
    sign_in(1).await;
    sign_in(2).await;
    assert_eq!(fresh.store.tenants_with_waiting().await.unwrap(), [tenant]);
    drop(fresh.store.begin(tenant).await.unwrap());
    assert_eq!(scope.audit_chain(|_| ()).await.unwrap().unwrap(), before, "those that wait are no part of it yet");
    let after = place().await;
    assert_eq!((after.events, after.broken), (before.events + 2, None));
    assert!(fresh.store.tenants_with_waiting().await.unwrap().is_empty());
    sign_in(3).await;
    let raw = Database::connect(&fresh.url).await.unwrap();
    raw.execute_unprepared("UPDATE audit_events SET target = 'user:eve' WHERE place < 0").await.unwrap();
    let changed = place().await;
    assert_eq!((changed.events, changed.broken), (after.events, Some(Break::Outside(1))));
}

async fn a_committed_change_is_known_by_its_id(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let change = Uuid::now_v7();
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    tx.audit(&event(change, 1)).await.unwrap();
    assert!(!fresh.store.change_committed(change).await.unwrap());
    tx.commit().await.unwrap();
    assert!(fresh.store.change_committed(change).await.unwrap());
}

async fn the_state_of_a_newer_program_is_refused(fresh: Fresh) {
    let row = TenantRow { compiler_version: i32::MAX, ..tenant_row("acme") };
    let tenant = row.id;
    fresh.store.begin_new(row).await.unwrap().commit().await.unwrap();
    let error = fresh.store.begin(tenant).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(error.message.contains("upgrade"));
}

async fn a_taken_tenant_key_is_refused(fresh: Fresh) {
    make(&fresh.store, &rich("acme")).await;
    let error = fresh.store.begin_new(tenant_row("acme")).await.unwrap_err();
    assert_eq!((error.code, error.field), (ErrorCode::AlreadyExists, vec!["key".to_owned()]));
}

async fn extensions_are_given_out_once(fresh: Fresh) {
    let mut state = TenantState::empty(tenant_row("acme").key);
    let tenant = make(&fresh.store, &state).await;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    let before = state.clone();
    let mut accounts = BTreeMap::new();
    for (key, extension) in [("ann", None), ("ben", Some("1000")), ("cat", None), ("dan", Some("01001"))] {
        state.users.insert(user_key(key), user(key, BaseRole::Agent));
        let account = bailiwick::store::user::NewAccount { extension: extension.map(str::to_owned), ..account(key) };
        accounts.insert(user_key(key), account);
    }
    tx.write_state(&before, &state, &accounts).await.unwrap();
    assert_eq!(tx.next_extension().await.unwrap(), "1003");
    tx.commit().await.unwrap();
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    assert_eq!(tx.next_extension().await.unwrap(), "1003");
    let taken = AccountChange { extension: Change::Set("1002".to_owned()), ..AccountChange::default() };
    let error = tx.update_account(&user_key("ann"), &taken).await.unwrap_err();
    assert_eq!((error.code, error.field), (ErrorCode::AlreadyExists, vec!["extension".to_owned()]));
}

async fn a_taken_email_is_refused_by_its_field(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    // An address may be taken in each tenant anew.
    make(&fresh.store, &rich("globex")).await;
    let tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    let email = Change::Set(Email::parse("ANN@example.com").unwrap());
    let taken = AccountChange { email, ..AccountChange::default() };
    let error = tx.credentials().update_account(&user_key("ben"), &taken).await.unwrap_err();
    assert_eq!((error.code, error.field), (ErrorCode::AlreadyExists, vec!["email".to_owned()]));
    assert!(!error.message.to_lowercase().contains("constraint"), "{}", error.message);
}

async fn an_account_changes_and_a_user_takes_it_along(fresh: Fresh) {
    let mut state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    let change_of_account = AccountChange {
        full_name: Some(name("Daniel")),
        email: Change::Clear,
        password_hash: Some("$argon2id$x".to_owned()),
        last_password_reset_at: Some(Timestamp(11)),
        ..AccountChange::default()
    };
    tx.credentials().update_account(&user_key("dan"), &change_of_account).await.unwrap();
    let error = tx.credentials().update_account(&user_key("nobody"), &change_of_account).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    tx.commit().await.unwrap();
    let row = fresh.store.scope(tenant).sign_in(&user_key("dan")).await.unwrap().unwrap();
    assert_eq!((row.full_name.as_str(), row.password_hash.as_deref()), ("Daniel", Some("$argon2id$x")));
    state.users.remove("dan");
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    assert!(fresh.store.scope(tenant).sign_in(&user_key("dan")).await.unwrap().is_none());
}

async fn migrations_run_once_however_many_start(fresh: Fresh) {
    let empty = fresh.empty().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let url = empty.clone();
        tasks.push(tokio::spawn(async move { Store::connect(&url, 2).await.unwrap().migrate().await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

async fn counters_of_many_tenants_come_together(fresh: Fresh) {
    let mut ids = Vec::new();
    for key in ["acme", "globex"] {
        ids.push(make(&fresh.store, &TenantState::empty(tenant_row(key).key)).await);
    }
    let mut tx = fresh.store.begin(ids[1]).await.unwrap().unwrap();
    let bumped = tx.bump(Uuid::now_v7(), true, true).await.unwrap();
    tx.commit().await.unwrap();
    ids.push(TenantId(Uuid::nil()));
    let mut found = fresh.store.counters(&ids).await.unwrap();
    found.sort_by_key(|(id, _)| *id);
    let mut expected = vec![(ids[0], Counters::default()), (ids[1], bumped)];
    expected.sort_by_key(|(id, _)| *id);
    assert_eq!(found, expected);
}

async fn each_counter_is_named_by_the_change_that_moved_it(fresh: Fresh) {
    let tenant = make(&fresh.store, &TenantState::empty(tenant_row("acme").key)).await;
    let (policy, credential) = (Uuid::now_v7(), Uuid::now_v7());
    let named = async || fresh.store.counters(&[tenant]).await.unwrap()[0].1;
    for (change, revises) in [(policy, true), (credential, false)] {
        let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
        let before = tx.taken_at();
        let after = tx.bump(change, revises, !revises).await.unwrap();
        assert_eq!(tx.taken_at(), before);
        tx.commit().await.unwrap();
        assert_eq!(named().await, after);
    }
    let counters = named().await;
    assert_eq!((counters.policy_change, counters.credential_change), (policy, credential));
    let ahead = fresh.store.counters_and_log(tenant, 0, 10).await.unwrap().unwrap();
    assert_eq!((ahead.counters, ahead.from), (counters, None));

    // An older program moves the number alone: what it leaves behind names nothing.
    let connection = sea_orm::Database::connect(&fresh.url).await.unwrap();
    connection.execute_unprepared("UPDATE tenants SET revision = revision + 1").await.unwrap();
    let counters = named().await;
    assert_eq!((counters.revision, counters.policy_change), (2, Uuid::nil()));
    assert_eq!(counters.credential_change, credential);
}
