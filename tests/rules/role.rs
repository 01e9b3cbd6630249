//! Custom roles (R35, R35a, R35b, R36, R38).

use super::*;

fn refused(code: ErrorCode, field: &str) -> (ErrorCode, String) {
    (code, field.to_owned())
}

#[test]
fn r35_a_custom_role_gives_the_permissions_that_are_on() {
    let mut world = World::new();
    world.role("Lead", "reports people", &[]).unwrap();
    world.manager("mona", "lead");
    for (object, may) in [
        ("reports/activity", "show read edit delete"),
        ("reports/activity/weekly", "read edit delete"),
        ("reports/supervision", ""),
        ("people/skills/german", "read edit"),
        ("people/conversation-priority", "show read edit"),
        ("automation/automation", ""),
        ("data/performance", "unmask"),
        ("data/website-sales", "unmask"),
    ] {
        assert_eq!(world.may("mona", object), may, "{object}");
    }
}

#[test]
fn r35_names_and_keys_of_roles_are_unique_and_never_those_of_built_in_ones() {
    let mut world = World::new();
    assert_eq!(world.role("Admin", "", &[]).unwrap().as_str(), "admin-2", "never `role:admin`");
    assert_eq!(world.role("Lead", "", &[]).unwrap().as_str(), "lead");
    assert_eq!(refusal(world.role("Lead", "", &[])), refused(ErrorCode::AlreadyExists, "name"));
    let mut create = |role: &str| {
        let (role, name) = (Some(key(role)), key("Other"));
        refusal(world.change(|state| state.create_role(&CATALOGUE, Uuid::nil(), role, name, RoleChange::default())))
    };
    for taken in ["lead", "admin", "manager", "agent", "service", "member"] {
        assert_eq!(create(taken), refused(ErrorCode::AlreadyExists, "key"), "{taken}");
    }
    let rename = RoleChange { name: Some(key("Admin")), ..RoleChange::default() };
    assert_eq!(refusal(world.update_role("lead", rename)), refused(ErrorCode::AlreadyExists, "name"));
    let rename = RoleChange { name: Some(key("Leader")), ..RoleChange::default() };
    world.update_role("lead", rename.clone()).unwrap();
    world.update_role("lead", rename).unwrap();
    let long = RoleChange { description: Some("x".repeat(2001)), ..RoleChange::default() };
    assert_eq!(refusal(world.update_role("lead", long.clone())), refused(ErrorCode::Invalid, "description"));
    let created = world.change(|state| state.create_role(&CATALOGUE, Uuid::nil(), None, key("Other"), long));
    assert_eq!(refusal(created), refused(ErrorCode::Invalid, "description"));
}

#[test]
fn r35a_grants_allow_and_deny_beside_the_permissions() {
    let mut world = World::new();
    world
        .role(
            "Lead",
            "reports",
            &[
                "allow read voice/*",
                "deny read voice/recordings/*",
                "allow * crm/deals/1",
                "deny delete reports/activity/*",
            ],
        )
        .unwrap();
    world.manager("mona", "lead");
    for (object, may) in [
        ("voice/queues/sales", "read"),
        ("voice", ""),
        ("voice/recordings/7", ""),
        ("voice/recordings", "read"),
        ("crm/deals/1", "show read edit delete link download unmask identify"),
        ("crm/deals/2", ""),
        ("reports/activity/weekly", "read edit"),
    ] {
        assert_eq!(world.may("mona", object), may, "{object}");
    }
    assert_eq!(world.reason("mona", "read", "voice/recordings/7"), DecisionReason::DeniedByRule);
}

#[test]
fn r35b_no_tenant_can_be_locked_out_of_itself() {
    let mut world = World::new();
    world.role("Lead", "", &["allow read admin/users", "deny read administration/x"]).unwrap();
    for grant in ["deny read admin", "deny * admin/*", "deny edit admin/users", "deny read admin/users/*"] {
        assert_eq!(refusal(world.role("Other", "", &[grant])), refused(ErrorCode::ProtectedRole, "grants"), "{grant}");
        let error = refusal(world.update_role("lead", role_change("", &[grant])));
        assert_eq!(error, refused(ErrorCode::ProtectedRole, "grants"), "{grant}");
    }
}

#[test]
fn r4_no_grant_reaches_the_settings() {
    let mut world = World::new();
    world.role("Lead", "", &["allow read admin/users", "allow * admin/settings-of-phones"]).unwrap();
    for grant in
        ["allow read admin/settings", "allow * admin/settings", "allow read admin/settings/*", "allow edit admin/*"]
    {
        assert_eq!(refusal(world.role("Other", "", &[grant])), refused(ErrorCode::ProtectedRole, "grants"), "{grant}");
        let change = role_change("", &["allow read admin/users", grant]);
        let error = world.update_role("lead", change).unwrap_err();
        assert_eq!(error.code, ErrorCode::ProtectedRole, "{grant}");
        assert!(error.message.contains("name the other objects one by one"), "{}", error.message);
    }
    world.role("Other", "", &["allow read admin"]).unwrap();
    world.manager("mona", "other");
    assert_eq!(world.may("mona", "admin/settings"), "", "the module itself stands for nothing in it");
}

#[test]
fn r35b_built_in_roles_do_not_change() {
    let mut world = World::new();
    for role in ["admin", "manager", "agent", "service", "member"] {
        let error = refusal(world.update_role(role, RoleChange::default()));
        assert_eq!(error, refused(ErrorCode::ProtectedRole, "key"), "{role}");
        let error = refusal(world.change(|state| state.delete_role(role)));
        assert_eq!(error, refused(ErrorCode::ProtectedRole, "key"), "{role}");
    }
}

#[test]
fn r36_a_permission_needs_its_prerequisite_on() {
    let mut world = World::new();
    for report in ["supervision-report", "production-report"] {
        let error = refusal(world.role("Lead", report, &[]));
        assert_eq!(error, refused(ErrorCode::PrerequisiteMissing, "permissions"), "{report}");
    }
    assert_eq!(refusal(world.role("Lead", "telex", &[])), refused(ErrorCode::NotFound, "permissions"));
    world.role("Lead", "reports supervision-report", &[]).unwrap();
    world.manager("mona", "lead");
    assert_eq!(world.may("mona", "reports/supervision"), "show read");
    assert_eq!(world.may("mona", "reports/production"), "", "reports alone leave it off");
    let off = RoleChange { permissions: Some(keys("supervision-report")), ..RoleChange::default() };
    assert_eq!(refusal(world.update_role("lead", off)), refused(ErrorCode::PrerequisiteMissing, "permissions"));
}

#[test]
fn r37_only_the_permission_shows_a_manager_who_did_what() {
    let mut world = World::new();
    world.role("Lead", "reports", &[]).unwrap();
    world.manager("mona", "lead");
    assert!(!world.allowed("mona", "identify", "data/performance"));
    let on = RoleChange { permissions: Some(keys("reports performance-data")), ..RoleChange::default() };
    world.update_role("lead", on).unwrap();
    assert!(world.allowed("mona", "identify", "data/performance"));
}

#[test]
fn r38_editing_a_role_takes_effect_for_all_who_hold_it() {
    let mut world = World::new();
    world.role("Lead", "automation", &[]).unwrap();
    world.manager("mona", "lead");
    world.staff("gus", BaseRole::Agent);
    world.group("Leads", "lead", "", "gus").unwrap();
    let holders = |world: &World| ["mona", "gus"].map(|user| world.may(user, "automation/automation"));
    assert_eq!(holders(&world), ["show read edit delete"; 2]);
    let stale = world.change(|state| state.update_role(&CATALOGUE, "lead", 2, RoleChange::default()));
    assert_eq!(refusal(stale), refused(ErrorCode::Conflict, "version"));
    assert_eq!(refusal(world.update_role("telex", RoleChange::default())), refused(ErrorCode::NotFound, "key"));
    world.update_role("lead", role_change("", &["allow read automation/automation"])).unwrap();
    assert_eq!(holders(&world), ["read"; 2]);
}

#[test]
fn r38_a_role_in_use_is_not_deleted_and_its_holders_are_named() {
    let mut world = World::new();
    world.role("Lead", "", &[]).unwrap();
    world.manager("mona", "lead");
    world.group("Leads", "lead", "", "").unwrap();
    let delete = |state: &mut TenantState| state.delete_role("lead");
    let error = world.change(delete).unwrap_err();
    assert_eq!((error.code, error.field.join(".")), refused(ErrorCode::RoleInUse, "key"));
    assert_eq!(error.related, [Related::User("mona".to_owned()), Related::Group("leads".to_owned())]);
    assert_eq!(in_the_way(&error).0, 2);
    world.change_user("mona", UserChange { role: Change::Clear, ..UserChange::default() }).unwrap();
    let error = world.change(delete).unwrap_err();
    assert_eq!(
        (in_the_way(&error), error.code),
        ((1, vec!["leads"]), ErrorCode::RoleInUse),
        "the group holds it still"
    );
    assert_eq!(error.message, "1 user or group holds this role: take it from them first");
    world.change(|state| state.delete_group("leads")).unwrap();
    world.change(delete).unwrap();
    assert_eq!(refusal(world.change(delete)), refused(ErrorCode::NotFound, "key"));
}
