//! Groups (R35b, R36, R39, R40).

use super::*;
use bailiwick::domain::role::RoleRef;

fn refused(code: ErrorCode, field: &str) -> (ErrorCode, String) {
    (code, field.to_owned())
}

#[test]
fn r39_a_group_gives_its_roles_and_permissions_to_its_members() {
    let mut world = World::with_dana();
    world.staff("gus", BaseRole::Agent);
    world.role("Lead", "", &["allow read voice/queues/sales"]).unwrap();
    world.group("Reporters", "lead", "reports", "gus").unwrap();
    assert_eq!(world.may("gus", "voice/queues/sales"), "read");
    assert_eq!(world.may("gus", "reports/activity"), "show read edit delete");
    assert_eq!(world.may("dana", "reports/activity"), "", "no member");
    world.change(|state| state.add_members("reporters", keys("dana gus"))).unwrap();
    assert_eq!(world.may("dana", "reports/activity"), "show read edit delete");
    world.change(|state| state.remove_members("reporters", &keys("gus"))).unwrap();
    assert_eq!(world.may("gus", "reports/activity"), "");
    assert_eq!(world.state.groups["reporters"].version, 3);
    world.change(|state| state.add_members("reporters", keys("dana"))).unwrap();
    assert_eq!(world.state.groups["reporters"].version, 3, "nothing changed");
}

#[test]
fn r39_a_group_may_carry_the_built_in_manager_role_and_no_other() {
    let mut world = World::new();
    world.staff("gus", BaseRole::Agent);
    world.group("Managers", "manager", "", "gus").unwrap();
    assert_eq!(world.may("gus", "automation/automation"), "show read edit delete");
    for role in ["admin", "agent", "service", "member"] {
        assert_eq!(RoleRef::parse(role).unwrap_err().code, ErrorCode::ProtectedRole, "{role}");
    }
    assert_eq!(RoleRef::parse("Lead").unwrap_err().code, ErrorCode::Invalid);
}

#[test]
fn r39_a_name_is_unique_and_can_change() {
    let mut world = World::new();
    assert_eq!(world.group("Night", "", "", "").unwrap().as_str(), "night");
    assert_eq!(world.group("Day", "", "", "").unwrap().as_str(), "day");
    assert_eq!(refusal(world.group("Night", "", "", "")), refused(ErrorCode::AlreadyExists, "name"));
    let taken = world.change(|state| {
        state.create_group(
            &CATALOGUE,
            Uuid::nil(),
            Some(key("day")),
            key("Noon"),
            GroupChange::default(),
            BTreeSet::new(),
        )
    });
    assert_eq!(refusal(taken), refused(ErrorCode::AlreadyExists, "key"));
    let rename = |world: &mut World, group: &str, version, name: &str| {
        let change = GroupChange { name: Some(key(name)), ..GroupChange::default() };
        world.change(|state| state.update_group(&CATALOGUE, group, version, change))
    };
    assert_eq!(refusal(rename(&mut world, "day", 1, "Night")), refused(ErrorCode::AlreadyExists, "name"));
    assert_eq!(refusal(rename(&mut world, "day", 2, "Noon")), refused(ErrorCode::Conflict, "version"));
    assert_eq!(refusal(rename(&mut world, "noon", 1, "Noon")), refused(ErrorCode::NotFound, "key"));
    rename(&mut world, "day", 1, "Noon").unwrap();
    rename(&mut world, "day", 2, "Noon").unwrap();
    assert_eq!(world.group("Day", "", "", "").unwrap().as_str(), "day-2", "keys never change");
}

#[test]
fn a_group_names_roles_permissions_and_members_that_are_there() {
    let mut world = World::with_dana();
    assert_eq!(refusal(world.group("G", "telex", "", "")), refused(ErrorCode::NotFound, "roles"));
    assert_eq!(refusal(world.group("G", "", "telex", "")), refused(ErrorCode::NotFound, "permissions"));
    assert_eq!(refusal(world.group("G", "", "", "telex")), refused(ErrorCode::NotFound, "members"));
    world.group("G", "", "", "dana").unwrap();
    let mut add = |group: &str, users: &str| refusal(world.change(|state| state.add_members(group, keys(users))));
    assert_eq!(add("g", "dana telex"), refused(ErrorCode::NotFound, "users"));
    assert_eq!(add("telex", "dana"), refused(ErrorCode::NotFound, "group"));
    let mut remove =
        |group: &str, users: &str| refusal(world.change(|state| state.remove_members(group, &keys(users))));
    assert_eq!(remove("g", "ada"), refused(ErrorCode::NotFound, "users"));
    assert_eq!(remove("telex", "dana"), refused(ErrorCode::NotFound, "group"));
}

#[test]
fn r36_a_groups_permission_needs_its_prerequisite_too() {
    let mut world = World::new();
    let error = refusal(world.group("G", "", "supervision-report", ""));
    assert_eq!(error, refused(ErrorCode::PrerequisiteMissing, "permissions"));
    world.group("G", "", "supervision-report reports", "").unwrap();
    let change = GroupChange { permissions: Some(keys("supervision-report")), ..GroupChange::default() };
    let error = refusal(world.change(|state| state.update_group(&CATALOGUE, "g", 1, change)));
    assert_eq!(error, refused(ErrorCode::PrerequisiteMissing, "permissions"));
}

#[test]
fn r40_a_group_that_is_the_only_one_of_a_member_is_not_deleted() {
    let mut world = World::with_dana();
    world.staff("eli", BaseRole::Agent);
    world.staff("fay", BaseRole::Agent);
    world.group("Night", "", "reports", "dana eli fay").unwrap();
    world.group("Day", "", "", "eli").unwrap();
    let error = world.change(|state| state.delete_group("night")).unwrap_err();
    assert_eq!((error.code, error.field.join(".")), refused(ErrorCode::LastGroupOfMembers, "key"));
    assert_eq!(in_the_way(&error), (2, vec!["dana", "fay"]));
    assert_eq!(error.message, "this is the only group of dana and fay: add them to another group first");
    world.change(|state| state.add_members("day", keys("dana"))).unwrap();
    world.change(|state| state.remove_user("fay")).unwrap();
    world.change(|state| state.delete_group("night")).unwrap();
    assert_eq!(world.may("dana", "reports/activity"), "");
    assert_eq!(world.rules_of("group:night"), Vec::<String>::new());
    let again = refusal(world.change(|state| state.delete_group("night")));
    assert_eq!(again, refused(ErrorCode::NotFound, "key"));
}

#[test]
fn a_user_can_be_given_the_whole_list_of_its_groups() {
    let mut world = World::with_dana();
    for group in ["Night", "Day", "Noon"] {
        world.group(group, "", "", "").unwrap();
    }
    let mut give = |groups: &str| {
        world.change_user("dana", UserChange { groups: Some(keys(groups)), ..UserChange::default() }).unwrap();
        let dana = key("dana");
        world.state.groups_of(&dana).map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(give("night day"), "day night");
    assert_eq!(give("noon day"), "day noon");
    assert_eq!(world.state.groups["day"].version, 2, "it changed once");
}

#[test]
fn r46_a_user_made_again_is_in_no_group() {
    let mut world = World::new();
    world.staff("gus", BaseRole::Agent);
    world.group("Night", "", "reports", "gus").unwrap();
    world.change(|state| state.remove_user("gus")).unwrap();
    world.staff("gus", BaseRole::Agent);
    assert_eq!(world.may("gus", "reports/activity"), "");
}

#[test]
fn r40_many_members_in_the_way_are_named_by_the_first_of_them() {
    let mut world = World::new();
    let names: Vec<String> = (1..=8).map(|n| format!("u{n}")).collect();
    for name in &names {
        world.staff(name, BaseRole::Agent);
    }
    let message = |members: &[String]| {
        let mut world = world.clone();
        world.group("Night", "", "", &members.join(" ")).unwrap();
        world.change(|state| state.delete_group("night")).unwrap_err().message
    };
    let said = |who: &str| format!("this is the only group of {who}: add them to another group first");
    assert_eq!(message(&names[..1]), said("u1"));
    assert_eq!(message(&names[..6]), said("u1, u2, u3, u4, u5 and u6"));
    assert_eq!(message(&names), said("u1, u2, u3, u4, u5 and 3 others"));
}
