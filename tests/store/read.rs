//! Lists, searches and look-ups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bailiwick::domain::key::{GroupKey, Object, ProfileKey, ResourceKey, RoleKey, SectionKey, TenantId, UserKey};
use bailiwick::domain::name::Timestamp;
use bailiwick::domain::profile::Association;
use bailiwick::domain::role::CustomRole;
use bailiwick::domain::tenant::TenantState;
use bailiwick::domain::user::{BaseRole, Email};
use bailiwick::error::ErrorCode;
use bailiwick::policy::diff::PolicyDiff;
use bailiwick::policy::rule::Rule;
use bailiwick::store::audit::AuditFilter;
use bailiwick::store::opaque;
use bailiwick::store::page::{Page, PageOf};
use bailiwick::store::policy::{FirstOrigins, RuleFilter};
use bailiwick::store::resource::ResourceCount;
use bailiwick::store::revision::{RevisionEntry, RevisionHead};
use bailiwick::store::session::{NewApiKey, NewSession};
use bailiwick::store::user::{UserFilter, UserOrder};
use uuid::Uuid;

use super::harness::{Fresh, both_stores};
use super::state::{entry, event, rules};
use super::world::{add_resource, change, make, name, resource, rich, tenant_row, user, user_key};

both_stores! {
    pages_go_forward_and_back_and_hold_still,
    a_page_refuses_what_does_not_fit,
    a_search_takes_the_signs_of_like_as_themselves,
    users_are_listed_by_filter_and_order,
    things_are_read_by_key_and_by_id,
    profiles_come_with_sections_and_their_lists_apart,
    resources_are_counted_by_section,
    groups_and_roles_come_whole,
    rules_are_listed_with_their_origins,
    revisions_and_events_are_listed_newest_first,
    a_checkpoint_is_the_last_whole_state_before_a_revision,
    credentials_lead_to_their_users,
    a_foreign_tenant_sees_nothing,
    tenants_are_listed_for_operators,
}

fn first(count: u64, after: Option<&str>) -> Page {
    Page::parse(Some(count), after, None, None).unwrap()
}

fn last(count: u64, before: Option<&str>) -> Page {
    Page::parse(None, None, Some(count), before).unwrap()
}

fn all() -> Page {
    Page::default()
}

fn items<T>(page: PageOf<T>) -> Vec<T> {
    page.items.into_iter().map(|(_, item)| item).collect()
}

fn profile_key(key: &str) -> ProfileKey {
    ProfileKey::parse(key).unwrap()
}

fn queues() -> SectionKey {
    SectionKey::parse("voice/queues").unwrap()
}

fn many_users() -> TenantState {
    let mut state = TenantState::empty(tenant_row("acme").key);
    for i in 0..25 {
        let user = user(&format!("user{i:02}"), BaseRole::Agent);
        state.users.insert(user.key.clone(), user);
    }
    state
}

async fn pages_go_forward_and_back_and_hold_still(fresh: Fresh) {
    let mut state = many_users();
    let tenant = make(&fresh.store, &state).await;
    let scope = fresh.store.scope(tenant);
    let (filter, order) = (UserFilter::default(), UserOrder::OldestFirst);
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = scope.users(&filter, order, &first(10, cursor.as_deref())).await.unwrap();
        assert_eq!(page.has_previous, cursor.is_some());
        cursor = page.items.last().map(|(cursor, _)| cursor.to_string());
        let more = page.has_next;
        seen.extend(items(page).into_iter().map(|row| row.user.key));
        if !more {
            break;
        }
    }
    assert_eq!(seen, state.users.keys().cloned().collect::<Vec<_>>());

    let page = scope.users(&filter, order, &last(10, None)).await.unwrap();
    assert!(page.has_previous && !page.has_next);
    assert_eq!(
        page.items.iter().map(|(_, row)| &row.user.key).collect::<Vec<_>>(),
        seen[15..].iter().collect::<Vec<_>>()
    );
    let page = scope.users(&filter, order, &last(10, Some(&page.items[0].0.to_string()))).await.unwrap();
    assert!(page.has_previous && page.has_next);
    let place = page.items[0].0.to_string();
    assert_eq!(items(page).first().map(|row| row.user.key.clone()), Some(seen[5].clone()));

    // Somebody before the place goes, somebody comes: the page after it stays the same.
    state.users.remove("user00");
    let new = user("user-1", BaseRole::Agent);
    state.users.insert(new.key.clone(), new);
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    let page = scope.users(&filter, order, &first(3, Some(&place))).await.unwrap();
    assert_eq!(items(page).into_iter().map(|row| row.user.key).collect::<Vec<_>>(), seen[6..9]);
    assert_eq!(scope.users_count(&filter).await.unwrap(), 25);
}

async fn a_page_refuses_what_does_not_fit(fresh: Fresh) {
    let tenant = make(&fresh.store, &many_users()).await;
    let scope = fresh.store.scope(tenant);
    for (a, b) in [(Some(0), None), (Some(101), None), (None, Some(101)), (Some(1), Some(1))] {
        assert_eq!(Page::parse(a, None, b, None).unwrap_err().code, ErrorCode::BadInput);
    }
    assert_eq!(Page::parse(None, Some("no cursor!"), None, None).unwrap_err().code, ErrorCode::BadInput);
    let filter = UserFilter::default();
    let page = scope.users(&filter, UserOrder::NameAscending, &all()).await.unwrap();
    let of_names = page.items[0].0.to_string();
    // A cursor of another list, and forged ones.
    let forged = ["[]", "[1,2]", r#"[{"full_name":1},{"key":1}]"#].map(|text| opaque::seal(text.as_bytes()));
    for cursor in [of_names].into_iter().chain(forged) {
        let error = scope.users(&filter, UserOrder::NewestFirst, &first(1, Some(&cursor))).await.unwrap_err();
        assert_eq!((error.code, error.field), (ErrorCode::BadInput, vec!["after".to_owned()]));
    }
}

async fn a_search_takes_the_signs_of_like_as_themselves(fresh: Fresh) {
    let mut state = rich("acme");
    for (key, text) in [("percent", "100% sure"), ("under", "a_b"), ("back", "a\\b"), ("plain", "axb Plain")] {
        let mut resource = resource("voice/queues", key);
        resource.name = name(text);
        add_resource(&mut state, resource);
    }
    let tenant = make(&fresh.store, &state).await;
    let scope = fresh.store.scope(tenant);
    for (text, found) in [
        ("0%", vec!["percent"]),
        ("%", vec!["Gamma%20x", "percent"]),
        ("a_b", vec!["under"]),
        ("a\\b", vec!["back"]),
        ("PLAIN", vec!["plain"]),
        ("' OR 1=1 --", vec![]),
        ("\0nothing", vec![]),
    ] {
        let page = scope.resources(Some(&queues()), Some(text), &all()).await.unwrap();
        let keys: BTreeSet<String> = items(page).iter().map(|resource| resource.key.to_string()).collect();
        assert_eq!(keys, found.iter().map(|key| (*key).to_owned()).collect(), "{text:?}");
        assert_eq!(scope.resources_count(Some(&queues()), Some(text)).await.unwrap(), found.len() as u64);
    }
    assert_eq!(scope.resources_count(None, Some("  ")).await.unwrap(), state.resources.len() as u64);
}

async fn users_are_listed_by_filter_and_order(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let scope = fresh.store.scope(tenant);
    let filters = [
        (UserFilter::default(), vec!["ann", "ben", "cat", "dan"]),
        (UserFilter { search: Some("BEN@example".to_owned()), ..UserFilter::default() }, vec!["ben"]),
        (UserFilter { base_role: Some(BaseRole::Manager), ..UserFilter::default() }, vec!["cat"]),
        (UserFilter { enabled: Some(false), ..UserFilter::default() }, vec!["dan"]),
        (UserFilter { profile: Some(profile_key("support")), ..UserFilter::default() }, vec!["ben"]),
        (UserFilter { role: Some(RoleKey::parse("desk").unwrap()), ..UserFilter::default() }, vec!["cat"]),
        (UserFilter { group: Some(GroupKey::parse("day").unwrap()), ..UserFilter::default() }, vec!["ben", "cat"]),
    ];
    for (filter, expected) in filters {
        for order in [UserOrder::NameAscending, UserOrder::OldestFirst] {
            let page = scope.users(&filter, order, &all()).await.unwrap();
            let keys: Vec<String> = items(page).iter().map(|row| row.user.key.to_string()).collect();
            assert_eq!(keys, expected, "{filter:?}");
        }
        for order in [UserOrder::NameDescending, UserOrder::NewestFirst] {
            let page = scope.users(&filter, order, &all()).await.unwrap();
            let keys: Vec<String> = items(page).iter().rev().map(|row| row.user.key.to_string()).collect();
            assert_eq!(keys, expected, "{filter:?}");
        }
        assert_eq!(scope.users_count(&filter).await.unwrap(), expected.len() as u64);
    }
}

async fn things_are_read_by_key_and_by_id(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let scope = fresh.store.scope(tenant);
    let ben = scope.user(&user_key("ben")).await.unwrap().unwrap();
    assert_eq!(ben.user, state.users["ben"]);
    assert_eq!((ben.email.as_deref(), ben.has_password), (Some("ben@example.com"), false));
    assert_eq!(scope.user_by_id(ben.user.id).await.unwrap().as_ref(), Some(&ben));
    assert_eq!(scope.user_by_email(&Email::parse("BEN@example.com").unwrap()).await.unwrap().as_ref(), Some(&ben));
    let found = scope.users_by_keys(&[user_key("nobody"), user_key("ben")]).await.unwrap();
    assert_eq!(found, [ben]);
    assert_eq!(scope.users_by_keys(&[]).await.unwrap(), []);
    let team = &state.resources["staff/teams/night"];
    assert_eq!(scope.resource_by_id(team.id).await.unwrap().as_ref(), Some(team));
    assert_eq!(scope.role_by_id(state.roles["desk"].id).await.unwrap(), Some(without_grants(&state, "desk")));
    assert_eq!(scope.group_by_id(state.groups["none"].id).await.unwrap().as_ref(), Some(&state.groups["none"]));
    assert_eq!(scope.profile_by_id(state.profiles["empty"].id).await.unwrap().as_ref(), Some(&state.profiles["empty"]));
    for id in [Uuid::nil(), team.id] {
        assert!(scope.user_by_id(id).await.unwrap().is_none());
        assert!(scope.audit_event_by_id(id).await.unwrap().is_none());
    }
    let objects = ["voice/queues/alpha", "staff/teams/night", "voice/queues/night", "voice"];
    let objects = objects.map(|object| Object::parse(object).unwrap());
    let found = scope.resources_by_objects(&objects).await.unwrap();
    let found: BTreeMap<Object, _> = found.into_iter().map(|resource| (resource.object(), resource)).collect();
    let expected = objects[..2].iter().map(|object| (object.clone(), state.resources[object].clone())).collect();
    assert_eq!(found, expected);
}

async fn profiles_come_with_sections_and_their_lists_apart(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let scope = fresh.store.scope(tenant);
    let mut support = state.profiles["support"].clone();
    support.sections.get_mut("voice/queues").unwrap().association = Association::Manual(BTreeSet::new());
    let listed = items(scope.profiles(None, &all()).await.unwrap());
    assert_eq!(listed, [state.profiles["empty"].clone(), support.clone()]);
    assert_eq!(scope.profiles_by_keys(&[profile_key("support")]).await.unwrap(), [support]);
    assert_eq!(scope.profiles_count(Some("SUPP")).await.unwrap(), 1);

    let counts = scope.association_counts(&[profile_key("support"), profile_key("empty")]).await.unwrap();
    assert_eq!(counts, HashMap::from([((profile_key("support"), queues()), 2)]));
    let keys = |page| {
        items(page)
            .iter()
            .map(|resource: &bailiwick::domain::resource::Resource| resource.key.to_string())
            .collect::<BTreeSet<_>>()
    };
    let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
    let teams = SectionKey::parse("staff/teams").unwrap();
    for (profile, section, associated, available) in [
        ("support", queues(), set(&["alpha", "beta"]), set(&["Gamma%20x"])),
        ("support", teams.clone(), set(&["night"]), set(&[])),
        // Protected: every profile has it.
        ("empty", teams, set(&["night"]), set(&[])),
        ("empty", queues(), set(&[]), set(&["alpha", "beta", "Gamma%20x"])),
    ] {
        let profile = profile_key(profile);
        let page = scope.profile_resources(&profile, &section, None, &all()).await.unwrap();
        assert_eq!(scope.profile_resources_count(&profile, &section, None).await.unwrap(), associated.len() as u64);
        assert_eq!(keys(page), associated);
        let page = scope.available_resources(&profile, &section, None, &all()).await.unwrap();
        assert_eq!(scope.available_resources_count(&profile, &section, None).await.unwrap(), available.len() as u64);
        assert_eq!(keys(page), available);
    }
    let asked = ["alpha", "Gamma%20x"].map(|key| ResourceKey::parse(key).unwrap());
    assert_eq!(scope.listed(&profile_key("support"), &queues(), &asked).await.unwrap(), asked[..1]);
    let holders = scope.profile_user_counts(&[profile_key("support"), profile_key("empty")]).await.unwrap();
    assert_eq!(holders, HashMap::from([(profile_key("support"), 1)]));
}

async fn resources_are_counted_by_section(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let scope = fresh.store.scope(tenant);
    let teams = SectionKey::parse("staff/teams").unwrap();
    let expected = HashMap::from([
        (queues(), ResourceCount { total: 3, protected: 0 }),
        (teams, ResourceCount { total: 1, protected: 1 }),
    ]);
    assert_eq!(scope.resource_counts().await.unwrap(), expected);
    let names: Vec<_> = scope.first_resources(&queues(), 2).await.unwrap();
    assert_eq!(names.len(), 2);
}

/// Returns a role as lists hold it.
fn without_grants(state: &TenantState, key: &str) -> CustomRole {
    CustomRole { grants: BTreeSet::new(), ..state.roles[key].clone() }
}

async fn groups_and_roles_come_whole(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let scope = fresh.store.scope(tenant);
    let mut groups: Vec<_> = state.groups.values().cloned().collect();
    for group in &mut groups {
        group.members.clear();
    }
    assert_eq!(items(scope.groups(None, &all()).await.unwrap()), groups);
    assert_eq!(items(scope.roles(Some("desk"), &all()).await.unwrap()), [without_grants(&state, "desk")]);
    assert_eq!((scope.groups_count(None).await.unwrap(), scope.roles_count(Some("x_")).await.unwrap()), (2, 0));
    let day = GroupKey::parse("day").unwrap();
    let desk = RoleKey::parse("desk").unwrap();
    let members = items(scope.members_of_group(&day, None, &all()).await.unwrap());
    assert_eq!(members.iter().map(|row| row.user.key.as_str()).collect::<Vec<_>>(), ["ben", "cat"]);
    assert_eq!(scope.member_counts(std::slice::from_ref(&day)).await.unwrap(), HashMap::from([(day.clone(), 2)]));
    let of_users = scope.groups_of_users(&[user_key("ann"), user_key("ben")]).await.unwrap();
    assert_eq!(of_users, HashMap::from([(user_key("ben"), vec![day.clone()])]));
    let pages = scope.group_pages_of_users(&[user_key("ann"), user_key("ben")], &all()).await.unwrap();
    let pages: HashMap<_, _> = pages.into_iter().map(|(user, page)| (user, items(page))).collect();
    assert_eq!(pages, of_users);
    assert_eq!(scope.groups_count_of_user(&user_key("ben")).await.unwrap(), 1);
    assert_eq!(scope.role_user_counts(std::slice::from_ref(&desk)).await.unwrap(), HashMap::from([(desk.clone(), 1)]));
    assert_eq!(scope.role_group_counts(std::slice::from_ref(&desk)).await.unwrap(), HashMap::from([(desk, 1)]));
}

async fn rules_are_listed_with_their_origins(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let written = rules();
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    tx.write_rules(&PolicyDiff::between(&BTreeMap::new(), &written)).await.unwrap();
    tx.commit().await.unwrap();
    let scope = fresh.store.scope(tenant);
    assert_eq!(scope.rules_count(&RuleFilter::default()).await.unwrap(), written.len() as u64);
    let filter = RuleFilter { ptype: Some("g".to_owned()), search: None };
    let found: Vec<Rule> = items(scope.rules(&filter, &all()).await.unwrap()).into_iter().map(|row| row.rule).collect();
    assert_eq!(found.len(), 1);
    let hash = found[0].hash();
    let origins = scope.origins(&[hash], 10).await.unwrap();
    let all: Vec<_> = written[&found[0]].iter().cloned().collect();
    let count = all.len() as u64;
    assert_eq!(origins, HashMap::from([(hash, FirstOrigins { first: all, count })]));
    // The tenant's own key stands in every rule and finds none.
    for (text, count) in [("q1199", 1), ("user:ben", 1), ("chat/*", 1), ("acme", 0)] {
        let filter = RuleFilter { ptype: None, search: Some(text.to_owned()) };
        assert_eq!(scope.rules_count(&filter).await.unwrap(), count, "{text}");
    }
}

/// Returns a revision as lists hold it.
fn head(entry: &RevisionEntry) -> RevisionHead {
    let RevisionEntry { revision, change_id, at, author, reason, rules, .. } = entry.clone();
    let (added, removed) = (rules.added.len() as u64, rules.removed.len() as u64);
    RevisionHead { revision, change_id, at, author, reason, added, removed }
}

async fn revisions_and_events_are_listed_newest_first(fresh: Fresh) {
    let tenant = make(&fresh.store, &rich("acme")).await;
    let diff = PolicyDiff::between(&BTreeMap::new(), &rules());
    let (mut entries, mut events) = (Vec::new(), Vec::new());
    for i in 0..5 {
        let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
        let entry = entry(tx.bump(Uuid::now_v7(), true, false).await.unwrap().revision, &diff);
        let event = event(entry.change_id, i);
        tx.log_revision(&entry, None).await.unwrap();
        tx.audit(&event).await.unwrap();
        tx.commit().await.unwrap();
        entries.insert(0, entry);
        events.insert(0, event);
    }
    let scope = fresh.store.scope(tenant);
    let page = scope.revisions(&first(2, None)).await.unwrap();
    let cursor = page.items[1].0.to_string();
    let heads: Vec<_> = entries.iter().map(head).collect();
    assert_eq!(items(page), heads[..2]);
    assert_eq!(items(scope.revisions(&first(9, Some(&cursor))).await.unwrap()), heads[2..]);
    assert_eq!(scope.revisions_from(4, 9).await.unwrap(), [heads[1].clone(), heads[0].clone()]);
    assert_eq!(scope.revisions_by_numbers(&[9, 2]).await.unwrap(), [heads[3].clone()]);
    let diffs = scope.diffs_after(3, 1).await.unwrap();
    assert_eq!(diffs.iter().map(|diff| diff.rules().unwrap()).collect::<Vec<_>>(), [entries[1].rules.clone()]);
    assert_eq!(scope.revision(3).await.unwrap(), Some(entries[2].clone()));
    assert_eq!((scope.revision(9).await.unwrap(), scope.revisions_count().await.unwrap()), (None, 5));
    let filter = AuditFilter::default();
    let page = scope.audit_events(&filter, &first(2, None)).await.unwrap();
    let cursor = page.items[1].0.to_string();
    assert_eq!(items(page), events[..2]);
    assert_eq!(items(scope.audit_events(&filter, &first(9, Some(&cursor))).await.unwrap()), events[2..]);
    assert_eq!(scope.audit_event_by_id(events[0].id).await.unwrap().as_ref(), Some(&events[0]));
    let filter = AuditFilter { since: Some(Timestamp(1)), until: Some(Timestamp(3)), ..AuditFilter::default() };
    assert_eq!(scope.audit_events_count(&filter).await.unwrap(), 2);
    let filter = AuditFilter { actor: Some("nobody".to_owned()), ..AuditFilter::default() };
    assert_eq!(scope.audit_events_count(&filter).await.unwrap(), 0);
}

async fn a_checkpoint_is_the_last_whole_state_before_a_revision(fresh: Fresh) {
    let mut state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let diff = PolicyDiff::default();
    for revision in 1..=4 {
        let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
        tx.bump(Uuid::now_v7(), true, false).await.unwrap();
        state.settings.session_hours = i32::try_from(revision).unwrap();
        let whole = (revision % 2 == 0).then_some(&state);
        tx.log_revision(&entry(revision, &diff), whole).await.unwrap();
        tx.commit().await.unwrap();
    }
    let scope = fresh.store.scope(tenant);
    assert_eq!(scope.checkpoint(1).await.unwrap(), None);
    let (revision, found) = scope.checkpoint(3).await.unwrap().unwrap();
    state.settings.session_hours = 2;
    assert_eq!((revision, found), (2, state));
}

async fn credentials_lead_to_their_users(fresh: Fresh) {
    let mut state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let (ann, ben) = (user_key("ann"), user_key("ben"));
    let session = |user: &UserKey, token: u8| NewSession {
        id: Uuid::now_v7(),
        user: user.clone(),
        token: [token; 32],
        created_at: Timestamp(1),
        expires_at: Timestamp(10 + i64::from(token)),
    };
    let kept = session(&ann, 1);
    for new in [&kept, &session(&ann, 2), &session(&ben, 3)] {
        let (sign_in, row) = fresh.store.begin_sign_in(tenant, &new.user).await.unwrap().unwrap();
        assert_eq!(row.user, new.user);
        sign_in.commit(new, &event(Uuid::now_v7(), 1)).await.unwrap();
    }
    assert!(fresh.store.begin_sign_in(tenant, &user_key("nobody")).await.unwrap().is_none());
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    for token in [7, 8] {
        let key = NewApiKey { token: [token; 32], prefix: "bw_x".to_owned(), created_at: Timestamp(1) };
        tx.credentials().put_api_key(&ben, &key).await.unwrap();
    }
    let counters = tx.bump(Uuid::now_v7(), false, true).await.unwrap();
    tx.commit().await.unwrap();

    let found = fresh.store.session_by_token(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.tenant, found.tenant_key.as_str(), found.counters), (tenant, "acme", counters));
    assert_eq!(
        (found.user.clone(), found.session, found.expires_at),
        (ann.clone(), Some(kept.id), Some(Timestamp(11)))
    );
    assert!(found.enabled && found.base_role == BaseRole::Admin);
    // The key before was replaced.
    assert_eq!(fresh.store.api_key_by_token(&[7; 32]).await.unwrap(), None);
    let scope = fresh.store.scope(tenant);
    scope.touch_api_key(&ben, Timestamp(5)).await.unwrap();
    let found = fresh.store.api_key_by_token(&[8; 32]).await.unwrap().unwrap();
    assert_eq!((found.user, found.session, found.last_used_at), (ben.clone(), None, Some(Timestamp(5))));
    assert_eq!(scope.api_keys(std::slice::from_ref(&ben)).await.unwrap()[&ben].last_used_at, Some(Timestamp(5)));

    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    assert_eq!(tx.credentials().end_sessions(&ann, Some(kept.id)).await.unwrap(), 1);
    assert!(
        tx.credentials().remove_api_key(&ben).await.unwrap() && !tx.credentials().remove_api_key(&ben).await.unwrap()
    );
    assert!(!tx.credentials().end_session(Uuid::nil()).await.unwrap());
    state.groups.get_mut("day").unwrap().members.remove(&ben);
    state.users.remove("ben");
    change(&mut tx, &state).await;
    tx.commit().await.unwrap();
    assert!(fresh.store.session_by_token(&[3; 32]).await.unwrap().is_none(), "gone with its user");
    assert!(fresh.store.session_by_token(&[2; 32]).await.unwrap().is_none());
    assert!(fresh.store.session_by_token(&[1; 32]).await.unwrap().is_some());
    assert_eq!(fresh.store.delete_expired_sessions(Timestamp(12)).await.unwrap(), 1);
}

async fn a_foreign_tenant_sees_nothing(fresh: Fresh) {
    let state = rich("acme");
    let tenant = make(&fresh.store, &state).await;
    let empty = make(&fresh.store, &TenantState::empty(tenant_row("globex").key)).await;
    let mut tx = fresh.store.begin(tenant).await.unwrap().unwrap();
    let event = event(Uuid::now_v7(), 1);
    tx.audit(&event).await.unwrap();
    tx.write_rules(&PolicyDiff::between(&BTreeMap::new(), &rules())).await.unwrap();
    tx.bump(Uuid::now_v7(), true, false).await.unwrap();
    tx.log_revision(&entry(1, &PolicyDiff::default()), Some(&state)).await.unwrap();
    tx.commit().await.unwrap();
    let other = fresh.store.scope(empty);
    let users: Vec<UserKey> = state.users.keys().cloned().collect();
    let hashes: Vec<_> = rules().keys().map(Rule::hash).collect();
    assert!(items(other.users(&UserFilter::default(), UserOrder::default(), &all()).await.unwrap()).is_empty());
    assert!(other.users_by_keys(&users).await.unwrap().is_empty());
    assert!(other.user_by_id(state.users["ben"].id).await.unwrap().is_none());
    assert!(other.sign_in(&user_key("ben")).await.unwrap().is_none());
    assert!(other.groups_of_users(&users).await.unwrap().is_empty());
    assert!(items(other.profiles(None, &all()).await.unwrap()).is_empty());
    assert!(items(other.profile_resources(&profile_key("support"), &queues(), None, &all()).await.unwrap()).is_empty());
    assert!(
        items(other.available_resources(&profile_key("support"), &queues(), None, &all()).await.unwrap()).is_empty()
    );
    assert!(other.association_counts(&[profile_key("support")]).await.unwrap().is_empty());
    assert!(other.profile_user_counts(&[profile_key("support")]).await.unwrap().is_empty());
    assert!(other.resource_counts().await.unwrap().is_empty());
    assert!(items(other.resources(None, None, &all()).await.unwrap()).is_empty());
    assert!(items(other.roles(None, &all()).await.unwrap()).is_empty());
    assert!(items(other.groups(None, &all()).await.unwrap()).is_empty());
    assert!(items(other.rules(&RuleFilter::default(), &all()).await.unwrap()).is_empty());
    assert!(other.origins(&hashes, 10).await.unwrap().is_empty());
    assert!(items(other.revisions(&all()).await.unwrap()).is_empty());
    assert!(other.checkpoint(9).await.unwrap().is_none());
    assert!(items(other.audit_events(&AuditFilter::default(), &all()).await.unwrap()).is_empty());
    assert!(other.audit_event_by_id(event.id).await.unwrap().is_none());
    // Nor does it write there: the same key of another tenant is another user.
    let tx = fresh.store.begin(empty).await.unwrap().unwrap();
    assert!(!tx.credentials().remove_api_key(&user_key("ben")).await.unwrap());
    let change = bailiwick::store::user::AccountChange { full_name: Some(name("X")), ..Default::default() };
    assert_eq!(tx.credentials().update_account(&user_key("ben"), &change).await.unwrap_err().code, ErrorCode::NotFound);
}

async fn tenants_are_listed_for_operators(fresh: Fresh) {
    let mut ids = Vec::new();
    for key in ["acme", "globex", "initech"] {
        ids.push(make(&fresh.store, &rich(key)).await);
    }
    let keys = |page| {
        items(page).into_iter().map(|row: bailiwick::store::tenant::TenantRow| row.key.to_string()).collect::<Vec<_>>()
    };
    let page = fresh.store.tenants(None, &first(2, None)).await.unwrap();
    let cursor = page.items[1].0.to_string();
    assert_eq!(keys(page), ["acme", "globex"]);
    assert_eq!(keys(fresh.store.tenants(None, &first(2, Some(&cursor))).await.unwrap()), ["initech"]);
    assert_eq!(keys(fresh.store.tenants(Some("GLOB"), &all()).await.unwrap()), ["globex"]);
    assert_eq!(fresh.store.tenants_count(None).await.unwrap(), 3);
    let licences = fresh.store.licences(&[ids[0], TenantId(Uuid::nil())]).await.unwrap();
    assert_eq!(licences, HashMap::from([(ids[0], rich("acme").licensed)]));
}
