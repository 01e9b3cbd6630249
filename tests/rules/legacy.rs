//! The import of users that had permissions of their own (R24).

use super::*;
use bailiwick::domain::key::ProfileKey;
use bailiwick::domain::profile::{LegacyPermissions, LegacyUser};

/// Returns a user with earlier permissions: `edit delete`, then modules, sections and resources.
fn legacy(user: &str, rights: &str, modules: &str, sections: &str, resources: &str) -> LegacyUser {
    LegacyUser {
        user: key(user),
        permissions: LegacyPermissions {
            edit: rights.contains("edit"),
            delete: rights.contains("delete"),
            modules: keys(modules),
            sections: keys(sections),
            resources: keys(resources),
        },
        profile_id: Uuid::now_v7(),
    }
}

/// Queues and voicemails, and five users who hold a profile that permits nothing.
fn before_profiles() -> World {
    let mut world = World::new();
    world.register("voice/queues", "sales support");
    world.register("chat/queues", "web");
    world.profile("default", PermissionType::Read);
    for user in ["dana", "eli", "fay", "gus", "hal"] {
        world.holder(user, "default");
    }
    world
}

impl World {
    fn import(&mut self, users: &[LegacyUser]) -> Result<Vec<String>> {
        let profiles = self.change(|state| state.import_legacy(&CATALOGUE, users))?;
        Ok(profiles.iter().map(ToString::to_string).collect())
    }

    fn held(&self, user: &str) -> &str {
        self.state.users[user].profile.as_ref().map_or("", ProfileKey::as_str)
    }
}

#[test]
fn r24_users_with_equal_permissions_share_a_profile_in_the_order_of_first_use() {
    let mut world = before_profiles();
    let users = [
        legacy("hal", "edit", "", "voice/queues", "voice/queues/sales"),
        legacy("dana", "", "voice", "", ""),
        legacy("eli", "edit", "", "voice/queues", "voice/queues/sales"),
        legacy("fay", "edit delete", "", "voice/queues", "voice/queues/sales"),
        // A section or resource below a module that is on adds nothing.
        legacy("gus", "", "voice", "voice/queues", "voice/queues/sales"),
    ];
    assert_eq!(world.import(&users).unwrap(), ["profile_1", "profile_2", "profile_3"]);
    let held = ["hal", "dana", "eli", "fay", "gus"].map(|user| world.held(user).to_owned());
    assert_eq!(held, ["profile_1", "profile_2", "profile_1", "profile_3", "profile_2"]);
    let profile = &world.state.profiles["profile_1"];
    assert_eq!((profile.name.as_str(), profile.permission_type), ("profile_1", PermissionType::ReadEdit));
    assert_eq!(world.state.users["hal"].version, 2);
}

#[test]
fn r24_a_profile_permits_what_the_switches_did() {
    let mut world = before_profiles();
    let resources = "voice/queues/sales chat/queues/web voice/contexts/from-sip";
    let users = [
        legacy("dana", "delete", "staff downloads", "voice/queues voice/realtime downloads/attachments", resources),
        legacy("eli", "edit delete", "", "", ""),
    ];
    world.import(&users).unwrap();
    world.register("staff/agents", "ann");
    world.register("voice/queues", "late");
    for (object, may) in [
        ("staff/agents", "show read delete"),
        ("staff/agents/ann", "read delete link"),
        ("downloads/attachments", "download"),
        ("downloads/interactions", "download"),
        ("voice/queues", "show read delete"),
        ("voice/queues/sales", "read delete link"),
        ("voice/queues/support", ""),
        ("voice/queues/late", ""),
        ("voice/realtime", "show read"),
        ("voice/voicemails", ""),
        ("chat/queues", ""),
        ("chat/queues/web", "read link"),
        ("voice/contexts/from-sip", "read link"),
    ] {
        assert_eq!(world.may("dana", object), may, "{object}");
    }
    let nothing = &world.state.profiles["profile_2"];
    assert!(nothing.sections.is_empty() && nothing.permission_type == PermissionType::ReadEditDelete);
}

#[test]
fn r24_the_same_import_again_changes_nothing_whatever_was_changed_since() {
    let mut world = before_profiles();
    let users = [
        legacy("dana", "", "voice", "", ""),
        legacy("eli", "", "voice", "", ""),
        legacy("fay", "", "", "chat/queues", "chat/queues/web"),
        legacy("gus", "", "", "", ""),
    ];
    let profiles = world.import(&users).unwrap();
    let mut again = |change: &dyn Fn(&mut World), profiles: &[&str]| {
        change(&mut world);
        let before = world.state.clone();
        assert_eq!(world.import(&users).unwrap(), profiles);
        assert!(world.state == before);
    };
    let three = ["profile_1", "profile_2", "profile_3"];
    assert_eq!(profiles, three);
    again(&|_| {}, &three);
    again(&|world| world.switch("profile_1", "voice", false), &three);
    again(&|world| world.remove("chat/queues", "web").unwrap(), &three);
    again(&|world| world.licence("staff").unwrap(), &three);
    let moved = |world: &mut World, user: &str| {
        let access = UserChange { profile: Change::Set(key("default")), ..UserChange::default() };
        world.change_user(user, access).unwrap();
    };
    again(&|world| moved(world, "dana"), &["default", "profile_1", "profile_2", "profile_3"]);
    let gone = |world: &mut World| {
        moved(world, "fay");
        world.change(|state| state.delete_profile("profile_2")).unwrap();
    };
    again(&gone, &["default", "profile_1", "profile_3"]);
    let promoted = |world: &mut World| {
        let access = UserChange { base_role: Some(BaseRole::Manager), ..UserChange::default() };
        world.change_user("gus", access).unwrap();
    };
    again(&promoted, &["default", "profile_1"]);
}

#[test]
fn r24_a_user_that_comes_later_shares_the_profile_of_its_permissions_as_it_is_by_then() {
    let mut world = before_profiles();
    world.import(&[legacy("dana", "", "voice", "", "")]).unwrap();
    world.switch("profile_1", "voice", false);
    world
        .change(|state| state.clone_profile(&CATALOGUE, "profile_1", Uuid::nil(), None, key("Copy")))
        .expect("a copy, which was not imported");
    let later = [legacy("eli", "", "voice", "", ""), legacy("dana", "edit", "voice", "", "")];
    assert_eq!(world.import(&later).unwrap(), ["profile_1", "profile_2"]);
    assert_eq!(world.state.profiles["copy"].imported_from, None);
    assert_eq!(world.may("eli", "voice/queues"), "", "as administrators have made it since");
    assert_eq!(world.held("dana"), "profile_2", "other permissions are another import");
    world.change(|state| state.remove_user("dana")).unwrap();
    world.holder("dana", "default");
    world.import(&[legacy("dana", "edit", "voice", "", "")]).unwrap();
    assert_eq!(world.held("dana"), "profile_2", "a new user of that name was not imported yet");
}

#[test]
fn r24_numbers_that_are_taken_are_passed_over() {
    let mut world = before_profiles();
    let named = NewProfile { key: Some(key("other")), ..new_profile(None, "profile_1") };
    world.change(|state| state.create_profile(named)).unwrap();
    let keyed = new_profile(Some("profile_3"), "Third");
    world.change(|state| state.create_profile(keyed)).unwrap();
    let users = [legacy("dana", "", "voice", "", ""), legacy("eli", "", "", "", "")];
    assert_eq!(world.import(&users).unwrap(), ["profile_2", "profile_4"]);
}

#[test]
fn r24_an_import_that_is_wrong_anywhere_changes_nothing() {
    let mut world = before_profiles();
    world.staff("ann", BaseRole::Agent);
    world.licence("voice").unwrap();
    let good = || legacy("dana", "", "voice", "", "");
    let before = world.state.clone();
    let mut wrong = |code, second: LegacyUser, field: &str| {
        assert_eq!(refusal(world.import(&[good(), second])), (code, field.to_owned()));
    };
    wrong(ErrorCode::NotFound, legacy("nobody", "", "", "", ""), "users.1.user");
    wrong(ErrorCode::Invalid, good(), "users.1.user");
    wrong(ErrorCode::ProfileNotAssignable, legacy("ann", "", "", "", ""), "users");
    wrong(ErrorCode::NotFound, legacy("eli", "", "telex", "", ""), "users.1.modules");
    wrong(ErrorCode::Invalid, legacy("eli", "", "admin", "", ""), "users.1.modules");
    wrong(ErrorCode::UnlicensedModule, legacy("eli", "", "chat", "", ""), "users.1.modules");
    wrong(ErrorCode::NotFound, legacy("eli", "", "", "voice/telex", ""), "users.1.sections");
    wrong(ErrorCode::UnlicensedModule, legacy("eli", "", "", "chat/queues", ""), "users.1.sections");
    wrong(ErrorCode::NotFound, legacy("eli", "", "", "", "voice/queues/telex"), "users.1.resources");
    wrong(ErrorCode::NotFound, legacy("eli", "", "", "", "voice/queues"), "users.1.resources");
    wrong(ErrorCode::UnlicensedModule, legacy("eli", "", "", "", "chat/queues/web"), "users.1.resources");
    assert!(world.state == before);
    assert_eq!(refusal(world.import(&[])), (ErrorCode::Invalid, "users".to_owned()));
    let many: Vec<_> = (0..1001).map(|n| legacy(&format!("u{n}"), "", "", "", "")).collect();
    assert_eq!(refusal(world.import(&many)), (ErrorCode::Invalid, "users".to_owned()));
}
