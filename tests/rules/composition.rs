//! The composition of a user's rights (R41, R42, R44).

use super::*;
use bailiwick::domain::user::User;
use bailiwick::engine::Oracle;
use proptest::prelude::*;

/// Makes a tenant in which something comes from every kind of source, and denies from two.
fn busy() -> World {
    let mut world = World::with_dana();
    world.licence("voice chat staff contacts reports automation people downloads").unwrap();
    world.register("voice/queues", "sales support");
    world.register("staff/agents", "ann");
    let north = NewResource { members: Some(keys("staff/agents/ann")), ..new_resource("north") };
    world.register_all("staff/teams", vec![north], None).unwrap();
    let mask =
        NewProfile { mask_sensitive_data: true, permission_type: PermissionType::Read, ..new_profile(None, "masked") };
    world.change(|state| state.create_profile(mask)).unwrap();
    world.role("Lead", "reports", &["allow * crm/*", "deny delete voice/*"]).unwrap();
    world.manager("mona", "lead");
    world.staff("gus", BaseRole::Agent);
    world.staff("host", BaseRole::Service);
    world.holder("max", "masked");
    world.holder("off", "supervisors");
    world
}

/// Changes of [`busy`] that do not need one another.
const CHANGES: [fn(&mut World); 9] = [
    |world| world.sections("supervisors", [SectionSave { add: keys("sales"), ..open("voice/queues") }]).unwrap(),
    |world| world.sections("supervisors", [SectionSave { automatic: true, ..closed("staff/teams") }]).unwrap(),
    |world| world.sections("masked", [open("contacts/contacts"), open("contacts/lists")]).unwrap(),
    |world| world.switch("masked", "chat", true),
    |world| drop(world.group("Leads", "lead", "", "dana gus").unwrap()),
    |world| drop(world.group("Reporters", "manager", "reports supervision-report", "gus max").unwrap()),
    |world| world.disable("off"),
    |world| world.register("voice/queues", "billing"),
    |world| world.override_module("supervisors", "voice", Change::Set(rights(true, true))).unwrap(),
];

fn busy_after(changes: &[fn(&mut World)]) -> World {
    let mut world = busy();
    for change in changes {
        change(&mut world);
    }
    world
}

#[test]
fn r41_what_a_user_may_do_is_the_union_of_its_sources() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [SectionSave { add: keys("sales"), ..closed("voice/queues") }]).unwrap();
    world.role("Lead", "", &["allow edit voice/queues/sales"]).unwrap();
    world.group("Leads", "lead", "", "dana").unwrap();
    world.role("Cleaner", "", &["allow delete voice/queues/*"]).unwrap();
    world.group("Cleaners", "cleaner", "automation", "dana").unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read edit delete link");
    assert_eq!(world.may("dana", "automation/automation/x"), "read edit delete");
}

#[test]
fn r41_a_deny_from_any_source_wins() {
    let mut world = World::with_dana();
    world.switch("supervisors", "voice", true);
    world.role("Quiet", "", &["deny * voice/recordings/*"]).unwrap();
    world.group("Quiet", "quiet", "", "ada dana").unwrap();
    for user in ["ada", "dana"] {
        assert_eq!(world.may(user, "voice/recordings/7"), "", "{user}");
        assert_eq!(world.reason(user, "read", "voice/recordings/7"), DecisionReason::DeniedByRule, "{user}");
        assert!(world.allowed(user, "read", "voice/recordings"), "{user}");
    }
    world.change(|state| state.remove_members("quiet", &keys("dana"))).unwrap();
    assert!(world.allowed("dana", "read", "voice/recordings/7"));
}

#[test]
fn r41_order_never_matters() {
    let built = |order: &[fn(&mut World)]| compile(&CATALOGUE, &busy_after(order).state).unwrap();
    let expected = built(&CHANGES);
    runner()
        .run(&Just(CHANGES.to_vec()).prop_shuffle(), |order| {
            prop_assert!(built(&order) == expected);
            Ok(())
        })
        .unwrap();
}

#[test]
fn r42_who_has_no_source_is_denied_with_the_reason() {
    let mut world = World::with_dana();
    world.staff("gus", BaseRole::Agent);
    world.switch("supervisors", "voice", true);
    world.group("Reporters", "", "reports", "dana").unwrap();
    world.disable("dana");
    for (user, object, reason) in [
        ("gus", "voice/queues", DecisionReason::NoMatchingRule),
        ("nobody", "voice/queues", DecisionReason::UnknownSubject),
        ("dana", "voice/queues", DecisionReason::SubjectDisabled),
        ("dana", "reports/activity", DecisionReason::SubjectDisabled),
        ("ada", "crm/deals", DecisionReason::NoMatchingRule),
        ("gus", "voice", DecisionReason::NoMatchingRule),
    ] {
        assert_eq!(world.reason(user, "read", object), reason, "{user} {object}");
    }
    assert_eq!(world.may("gus", "data/contacts"), "unmask", "which everyone has unless masked");
    assert_eq!(world.may("dana", "data/contacts"), "");
    assert_eq!(world.may("nobody", "data/contacts"), "");
    world.change_user("dana", UserChange { enabled: Some(true), ..UserChange::default() }).unwrap();
    assert!(world.allowed("dana", "read", "voice/queues") && world.allowed("dana", "read", "reports/activity"));
}

#[test]
fn r42_a_name_that_is_also_a_roles_holds_nothing_of_it() {
    let mut world = World::new();
    for user in ["admin", "manager", "member", "service"] {
        world.staff(user, BaseRole::Agent);
        assert_eq!(world.may(user, "admin/users"), "", "{user}");
        assert_eq!(world.may(user, "automation/automation"), "", "{user}");
    }
}

#[tokio::test]
async fn r42_every_answer_is_that_of_casbins_enforcer() {
    let world = busy_after(&CHANGES);
    let policy = world.policy();
    let oracle = Oracle::new(MODEL, &world.state.key, policy.snapshot.rules()).await.unwrap();
    let users = world.state.users.keys().map(ToString::to_string).chain(["nobody".to_owned()]);
    let mut allowed = 0;
    for subject in users.map(|user| Subject::User(key(&user))) {
        for object in [
            "voice",
            "voice/queues",
            "voice/queues/sales",
            "voice/contexts/from-sip",
            "staff/agents/ann",
            "chat/queues/x",
            "email/queues",
            "data/contacts",
            "data/performance",
            "reports/activity/x",
            "crm/deals",
            "admin/decisions",
        ] {
            let object: Object = key(object);
            for action in ACTIONS {
                let action: Action = key(action);
                let decided = policy.decide(&CATALOGUE, &subject, &object, &action).allowed;
                let expected = oracle.decide(&subject, &object, &action).unwrap();
                assert_eq!(decided, expected, "{subject} {action} {object}");
                allowed += u32::from(decided);
            }
        }
    }
    assert!(allowed > 100, "the comparison saw both answers");
}

#[test]
fn r44_compiling_is_a_function() {
    let world = busy_after(&CHANGES);
    let compiled = compile(&CATALOGUE, &world.state).unwrap();
    assert!(compile(&CATALOGUE, &world.state).unwrap() == compiled);
    let stored = serde_json::to_string(&world.state).unwrap();
    let read: TenantState = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, world.state);
    assert!(compile(&CATALOGUE, &read).unwrap() == compiled);
    // Ids, versions and the makers of resources are no part of any rule.
    let mut other = world.state.clone();
    other.users.change(|_| true, |user| *user = User { id: Uuid::max(), version: 99, ..user.clone() });
    other.resources.change(
        |_| true,
        |resource| {
            resource.created_by = None;
            resource.id = Uuid::max();
        },
    );
    assert!(compile(&CATALOGUE, &other).unwrap() == compiled);
}
