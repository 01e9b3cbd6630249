//! R35b: through the API, no user who is not an admin gains rights by what they may change.

use serde_json::{Value, json};

use crate::common::app::{Client, Instance, MODULES, PASSWORD, both};

const ROLE: &str =
    "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { revision userErrors { code message field } } }";
const ROLE_UPDATE: &str =
    "mutation($input: RoleUpdateInput!) { roleUpdate(input: $input) { revision userErrors { code message field } } }";
const USER: &str =
    "mutation($input: UserCreateInput!) { userCreate(input: $input) { revision userErrors { code message field } } }";
const USER_UPDATE: &str =
    "mutation($input: UserUpdateInput!) { userUpdate(input: $input) { revision userErrors { code message field } } }";
const USER_DELETE: &str =
    "mutation($input: UserDeleteInput!) { userDelete(input: $input) { key userErrors { code message field } } }";
const GROUP: &str =
    "mutation($input: GroupCreateInput!) { groupCreate(input: $input) { revision userErrors { code message field } } }";
const ADD: &str = "mutation($input: GroupAddMembersInput!) { groupAddMembers(input: $input) { revision userErrors { code message field } } }";
const REMOVE: &str = "mutation($input: GroupRemoveMembersInput!) { groupRemoveMembers(input: $input) { revision userErrors { code message field } } }";
const REGISTER: &str = "mutation($input: ResourceRegisterInput!) { resourceRegister(input: $input) { revision userErrors { code message field } } }";
const KEY: &str = "mutation($input: ApiKeyGenerateInput!) { apiKeyGenerate(input: $input) { token userErrors { code message field } } }";
const BEYOND: &str = "BEYOND_OWN_RIGHTS";

fn input(value: Value) -> Value {
    [("input".to_owned(), value)].into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// Returns a new user's input; `more` overrides it.
fn user(name: &str, base_role: &str, more: &Value) -> Value {
    let mut user = json!({
        "username": name, "fullName": name, "email": format!("{name}@example.com"), "password": PASSWORD, "baseRole": base_role,
    });
    for (field, value) in more.as_object().unwrap() {
        user[field] = value.clone();
    }
    input(user)
}

/// Makes a custom role of this key with these grants: object, action, effect.
async fn role(alice: &Client, key: &str, grants: &[(&str, &str, &str)]) {
    let grants: Vec<Value> = grants
        .iter()
        .map(|(object, action, effect)| json!({ "object": object, "action": action, "effect": effect }))
        .collect();
    alice.done(ROLE, input(json!({ "key": key, "name": key, "permissions": [], "grants": grants }))).await;
}

/// Makes a MANAGER `max` whose role grants these pairs alone.
async fn delegate(instance: &Instance, alice: &Client, tenant: &str, pairs: &[(&str, &str)]) -> Client {
    let grants: Vec<_> = pairs.iter().map(|(object, action)| (*object, *action, "ALLOW")).collect();
    role(alice, "delegate", &grants).await;
    alice.done(USER, user("max", "MANAGER", &json!({ "customRole": "delegate" }))).await;
    instance.stranger().signed_in(tenant, "max", PASSWORD).await
}

async fn refuses(client: &Client, mutation: &str, variables: Value) {
    let (code, _) = client.refused(mutation, variables).await;
    assert_eq!(code, BEYOND, "{mutation}");
}

both!(r35b_whoever_may_delete_and_disable_users_can_where_a_module_is_not_licensed);
async fn r35b_whoever_may_delete_and_disable_users_can_where_a_module_is_not_licensed(instance: Instance) {
    let alice = instance.tenant_with("acme", &["staff"]).await;
    let max = delegate(&instance, &alice, "acme", &[("admin/users", "*")]).await;
    for name in ["amy", "bob"] {
        alice.done(USER, user(name, "AGENT", &json!({}))).await;
    }
    max.done(USER_DELETE, input(json!({ "key": "amy" }))).await;
    max.done(USER_UPDATE, input(json!({ "key": "bob", "version": 1, "enabled": false }))).await;
}

both!(r35b_a_denial_that_ends_with_its_user_is_nobodys_gain);
async fn r35b_a_denial_that_ends_with_its_user_is_nobodys_gain(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let max = delegate(&instance, &alice, "acme", &[("admin/users", "*")]).await;
    role(&alice, "no-voice", &[("voice/*", "*", "DENY")]).await;
    for name in ["amy", "bob"] {
        alice.done(USER, user(name, "MANAGER", &json!({ "customRole": "no-voice" }))).await;
    }
    let lifted = json!({ "key": "amy", "version": 1, "baseRole": "AGENT" });
    refuses(&max, USER_UPDATE, input(lifted)).await;
    max.done(USER_DELETE, input(json!({ "key": "amy" }))).await;
    max.done(USER_UPDATE, input(json!({ "key": "bob", "version": 1, "enabled": false }))).await;
}

both!(r35b_registering_a_resource_gives_nothing_unless_the_host_does_it);
async fn r35b_registering_a_resource_gives_nothing_unless_the_host_does_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let max = delegate(&instance, &alice, "acme", &[("admin/resources", "edit")]).await;
    alice.done(USER, user("host", "SERVICE", &json!({ "password": null }))).await;
    let key = alice.done(KEY, input(json!({ "user": "host" }))).await;
    let host = alice.with_token(key["token"].as_str().unwrap());
    let agents = json!({ "section": "staff/agents", "resources": [{ "key": "amy", "name": "Amy" }] });
    host.done(REGISTER, input(agents)).await;
    let register = |protected: bool| {
        input(json!({
            "section": "voice/queues", "resources": [{ "key": "sales", "name": "Sales", "protected": protected }],
        }))
    };
    max.done(REGISTER, register(false)).await;
    refuses(&max, REGISTER, register(true)).await;
    host.done(REGISTER, register(true)).await;
    let team = |members: Value| {
        input(json!({
            "section": "staff/teams",
            "resources": [{ "key": "north", "name": "North", "protected": true, "members": members }],
        }))
    };
    host.done(REGISTER, team(json!([]))).await;
    refuses(&max, REGISTER, team(json!(["staff/agents/amy"]))).await;
    host.done(REGISTER, team(json!(["staff/agents/amy"]))).await;
}

both!(r35b_only_an_admin_makes_or_takes_over_a_host);
async fn r35b_only_an_admin_makes_or_takes_over_a_host(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let all = ["admin/users", "admin/api-keys", "admin/decisions", "admin/resources"].map(|object| (object, "*"));
    let max = delegate(&instance, &alice, "acme", &all).await;
    refuses(&max, USER, user("host", "SERVICE", &json!({ "password": null }))).await;
    alice.done(USER, user("host", "SERVICE", &json!({ "password": null }))).await;
    refuses(&max, KEY, input(json!({ "user": "host" }))).await;
}

both!(r35b_no_one_but_an_admin_touches_an_admin_through_a_group_or_its_roles);
async fn r35b_no_one_but_an_admin_touches_an_admin_through_a_group_or_its_roles(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let max = delegate(&instance, &alice, "acme", &[("admin/groups", "*"), ("admin/roles", "*")]).await;
    role(&alice, "nights", &[]).await;
    alice.done(GROUP, input(json!({ "key": "crew", "name": "Crew", "roles": ["nights"], "members": [] }))).await;
    alice.done(USER, user("amy", "AGENT", &json!({}))).await;
    max.done(ADD, input(json!({ "group": "crew", "users": ["amy"] }))).await;
    refuses(&max, ADD, input(json!({ "group": "crew", "users": ["alice"] }))).await;
    alice.done(ADD, input(json!({ "group": "crew", "users": ["alice"] }))).await;
    let deny = json!({
        "key": "nights", "version": 1, "grants": [{ "object": "voice/*", "action": "*", "effect": "DENY" }],
    });
    refuses(&max, ROLE_UPDATE, input(deny)).await;
    role(&max, "mute", &[("voice/*", "*", "DENY")]).await;
    let update =
        "mutation($input: GroupUpdateInput!) { groupUpdate(input: $input) { revision userErrors { code field } } }";
    let carry = json!({ "key": "crew", "version": 3, "roles": ["nights", "mute"] });
    refuses(&max, update, input(carry)).await;
    refuses(&max, REMOVE, input(json!({ "group": "crew", "users": ["alice"] }))).await;
    assert!(alice.allowed("alice", "edit", "voice/queues").await);
}

both!(r35b_what_a_disabled_user_is_given_counts_as_given);
async fn r35b_what_a_disabled_user_is_given_counts_as_given(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let max = delegate(&instance, &alice, "acme", &[("admin/users", "*"), ("admin/api-keys", "*")]).await;
    role(&alice, "weak", &[]).await;
    role(&alice, "strong", &[("voice/*", "*", "ALLOW")]).await;
    alice.done(USER, user("dora", "MANAGER", &json!({ "customRole": "weak" }))).await;
    alice.done(USER, user("sam", "MANAGER", &json!({ "customRole": "strong" }))).await;
    for name in ["dora", "sam"] {
        alice.done(USER_UPDATE, input(json!({ "key": name, "version": 1, "enabled": false }))).await;
    }
    refuses(&max, USER_UPDATE, input(json!({ "key": "dora", "version": 2, "customRole": "strong" }))).await;
    refuses(&max, KEY, input(json!({ "user": "sam" }))).await;
    refuses(&max, USER_UPDATE, input(json!({ "key": "sam", "version": 2, "enabled": true }))).await;
    max.done(KEY, input(json!({ "user": "dora" }))).await;
    max.done(USER_UPDATE, input(json!({ "key": "dora", "version": 2, "enabled": true }))).await;
}

both!(r35b_who_sees_contacts_masked_cannot_sign_in_as_somebody_who_does_not);
async fn r35b_who_sees_contacts_masked_cannot_sign_in_as_somebody_who_does_not(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let create =
        "mutation($input: ProfileCreateInput!) { profileCreate(input: $input) { revision userErrors { code } } }";
    let masked = json!({ "key": "masked", "name": "Masked", "permissionType": "READ", "maskSensitiveData": true });
    alice.done(create, input(masked)).await;
    role(&alice, "desk", &[("admin/users", "*", "ALLOW")]).await;
    alice.done(GROUP, input(json!({ "key": "desk", "name": "Desk", "roles": ["desk"] }))).await;
    alice.done(USER, user("bob", "USER", &json!({ "profile": "masked", "groups": ["desk"] }))).await;
    let bob = instance.stranger().signed_in("acme", "bob", PASSWORD).await;
    refuses(&bob, USER, user("puppet", "AGENT", &json!({}))).await;
    bob.done(USER, user("amy", "AGENT", &json!({ "password": null }))).await;
    bob.done(USER, user("ben", "USER", &json!({ "profile": "masked", "password": null }))).await;
    // Nor by a link to the address that he has given her.
    let link = json!({ "tenant": "acme", "email": "amy@example.com" });
    instance.stranger().make("PasswordResetRequest", link).await;
    assert!(instance.mails().await.is_empty());
}

both!(r35b_the_address_that_resets_a_password_is_changed_by_nobody_weaker);
async fn r35b_the_address_that_resets_a_password_is_changed_by_nobody_weaker(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let max = delegate(&instance, &alice, "acme", &[("admin/users", "*")]).await;
    alice.done(USER, user("mona", "MANAGER", &json!({}))).await;
    alice.done(USER, user("amy", "AGENT", &json!({}))).await;
    let to = |key: &str| input(json!({ "key": key, "version": 1, "email": format!("{key}.at.max@example.com") }));
    refuses(&max, USER_UPDATE, to("mona")).await;
    refuses(&max, USER_UPDATE, to("alice")).await;
    // Nor is it taken away: who has none gets no link.
    let without = |key: &str| input(json!({ "key": key, "version": 1, "email": null }));
    refuses(&max, USER_UPDATE, without("mona")).await;
    refuses(&max, USER_UPDATE, without("alice")).await;
    assert_eq!(alice.get("User", json!({ "key": "mona" })).await["email"], "mona@example.com");
    max.done(USER_UPDATE, to("amy")).await;
    max.done(USER_UPDATE, input(json!({ "key": "amy", "version": 2, "email": null }))).await;
    max.done(USER_UPDATE, to("max")).await;
    max.done(USER_UPDATE, input(json!({ "key": "mona", "version": 1, "fullName": "Mona M." }))).await;
}

both!(r35b_nobody_frees_themselves_of_a_denial);
async fn r35b_nobody_frees_themselves_of_a_denial(instance: Instance) {
    let alice = instance.tenant("acme").await;
    role(&alice, "mute", &[("voice/*", "*", "DENY")]).await;
    alice.done(GROUP, input(json!({ "key": "mute", "name": "Mute", "roles": ["mute"] }))).await;
    let all = [("admin/users", "*"), ("admin/groups", "*"), ("admin/roles", "*"), ("voice/*", "*")];
    let max = delegate(&instance, &alice, "acme", &all).await;
    alice.done(ADD, input(json!({ "group": "mute", "users": ["max"] }))).await;
    refuses(&max, REMOVE, input(json!({ "group": "mute", "users": ["max"] }))).await;
    refuses(&max, USER_UPDATE, input(json!({ "key": "max", "version": 1, "groups": [] }))).await;
    refuses(&max, ROLE_UPDATE, input(json!({ "key": "mute", "version": 1, "grants": [] }))).await;
    let update =
        "mutation($input: GroupUpdateInput!) { groupUpdate(input: $input) { revision userErrors { code field } } }";
    refuses(&max, update, input(json!({ "key": "mute", "version": 2, "roles": [] }))).await;
    assert!(!alice.allowed("max", "edit", "voice/queues").await);
}

both!(who_may_change_but_not_see_is_shown_what_the_change_made);
async fn who_may_change_but_not_see_is_shown_what_the_change_made(instance: Instance) {
    let alice = instance.tenant("acme").await;
    let objects = ["admin/groups", "admin/roles", "admin/user-profiles"];
    let pairs: Vec<_> = objects.iter().flat_map(|object| [(*object, "edit"), (*object, "delete")]).collect();
    role(&alice, "blind", &pairs.iter().map(|(object, action)| (*object, *action, "ALLOW")).collect::<Vec<_>>()).await;
    alice.done(USER, user("max", "MANAGER", &json!({ "customRole": "blind" }))).await;
    let max = instance.stranger().signed_in("acme", "max", PASSWORD).await;
    let group = "mutation($input: GroupCreateInput!) { groupCreate(input: $input) { revision group { key } userErrors { code } } }";
    let made = max.done(group, input(json!({ "name": "Crew" }))).await;
    assert!(made["revision"].is_i64() && made["group"]["key"] == "crew", "{made}");
    let role = "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { revision role { key } userErrors { code } } }";
    let made = max.done(role, input(json!({ "name": "None", "permissions": [] }))).await;
    assert!(made["revision"].is_i64() && made["role"]["key"] == "none", "{made}");
}

both!(r1_what_is_in_the_way_is_counted_but_not_shown_to_who_may_not_see_it);
async fn r1_what_is_in_the_way_is_counted_but_not_shown_to_who_may_not_see_it(instance: Instance) {
    let alice = instance.tenant("acme").await;
    alice.done(USER, user("bob", "USER", &json!({ "profile": "default" }))).await;
    let max = delegate(&instance, &alice, "acme", &[("admin/user-profiles", "*")]).await;
    let delete = "mutation($input: ProfileDeleteInput!) { profileDelete(input: $input) { userErrors { code count related { id } } } }";
    let refused = max.data(delete, input(json!({ "key": "default" }))).await;
    let expected = json!([{ "code": "PROFILE_IN_USE", "count": 1, "related": [] }]);
    assert_eq!(refused["profileDelete"]["userErrors"], expected);
}

both!(a_thousand_decisions_are_not_repeated_at_the_price_of_one);
async fn a_thousand_decisions_are_not_repeated_at_the_price_of_one(instance: Instance) {
    let alice = instance.tenant_with("acme", &MODULES[..3]).await;
    let inputs = vec![json!({ "action": "read", "object": "staff/agents" }); 1000];
    let all = "decisions(inputs: $inputs) { allowed reason revision obligations { kind view characters } }";
    let once = format!("query($inputs: [DecisionInput!]!) {{ {all} }}");
    let answers = alice.data(&once, json!({ "inputs": inputs })).await;
    assert_eq!(answers["decisions"].as_array().unwrap().len(), 1000);
    let often = ["a", "b", "c", "d"].map(|alias| format!("{alias}: {all}")).join(" ");
    let often = format!("query($inputs: [DecisionInput!]!) {{ {often} }}");
    assert_eq!(alice.failed(&often, json!({ "inputs": inputs })).await, "BAD_INPUT");
}
