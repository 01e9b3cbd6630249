//! User profiles as a whole (R5 to R9, R17 to R19, R21).

use super::*;
use bailiwick::domain::profile::{Association, ModuleState, ProfileChange, SectionProgress};

#[test]
fn r5_a_new_profile_takes_its_key_from_its_name() {
    let mut world = World::new();
    let mut create = |name| world.change(|state| state.create_profile(new_profile(None, name))).unwrap();
    let keys = ["Night Shift", "night shift!", "Büro 1", "ночь", &"n".repeat(200)].map(|name| create(name).to_string());
    assert_eq!(keys, ["night-shift", "night-shift-2", "buro-1", "noch", &"n".repeat(56)]);
}

#[test]
fn r5_the_name_and_the_key_are_unique_and_a_description_has_its_limit() {
    let mut world = World::new();
    world.profile("supervisors", PermissionType::Read);
    let mut create = |new| refusal(world.change(|state| state.create_profile(new)));
    let taken = |field: &str| (ErrorCode::AlreadyExists, field.to_owned());
    assert_eq!(create(new_profile(None, "supervisors")), taken("name"));
    assert_eq!(create(new_profile(Some("supervisors"), "Others")), taken("key"));
    let long = NewProfile { description: "x".repeat(2001), ..new_profile(None, "Others") };
    assert_eq!(create(long), (ErrorCode::Invalid, "description".to_owned()));
}

#[test]
fn r5_all_but_the_name_can_change() {
    let mut world = World::with_dana();
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    let change = ProfileChange {
        description: Some("Those of the night".to_owned()),
        permission_type: Some(PermissionType::Read),
        mask_sensitive_data: Some(true),
    };
    let update = |world: &mut World, key: &str, version, change: &ProfileChange| {
        world.change(|state| state.update_profile(key, version, change.clone()))
    };
    assert_eq!(refusal(update(&mut world, "supervisors", 1, &change)), (ErrorCode::Conflict, "version".to_owned()));
    assert_eq!(refusal(update(&mut world, "others", 2, &change)), (ErrorCode::NotFound, "key".to_owned()));
    let long = ProfileChange { description: Some("x".repeat(2001)), ..change.clone() };
    assert_eq!(refusal(update(&mut world, "supervisors", 2, &long)), (ErrorCode::Invalid, "description".to_owned()));
    update(&mut world, "supervisors", 2, &change).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read");
    assert_eq!(world.may("dana", "data/contacts"), "");
    let profile = &world.state.profiles["supervisors"];
    assert_eq!((profile.name.as_str(), profile.description.as_str()), ("supervisors", "Those of the night"));
    assert_eq!(profile.version, 3);
    update(&mut world, "supervisors", 3, &ProfileChange::default()).unwrap();
    assert_eq!(world.state.profiles["supervisors"].permission_type, PermissionType::Read);
}

#[test]
fn r6_a_new_profile_permits_nothing() {
    let mut world = World::with_dana();
    let sections = CATALOGUE.modules().iter().flat_map(|module| &module.sections);
    for section in sections.clone().filter(|section| section.holds_resources) {
        world.register(section.key.as_str(), "x");
    }
    for section in sections {
        assert_eq!(world.may("dana", section.key.as_str()), "", "{}", section.key);
        assert_eq!(world.may("dana", &format!("{}/x", section.key)), "", "{}", section.key);
    }
    for module in CATALOGUE.modules() {
        assert_eq!(world.may("dana", module.key.as_str()), "", "{}", module.key);
    }
    assert_eq!(world.reason("dana", "read", "voice/queues"), DecisionReason::NoMatchingRule);
}

#[test]
fn r7_a_module_is_disabled_partial_or_full_by_its_sections() {
    let section = |text: &str| SectionProgress {
        enabled: text.contains('e'),
        associated: text.contains('a'),
        complete: text.contains('c'),
    };
    for (sections, state) in [
        ("", ModuleState::Disabled),
        ("-", ModuleState::Disabled),
        // A section that has no resources lacks none of them.
        ("c c", ModuleState::Disabled),
        ("a -", ModuleState::Partial),
        ("e -", ModuleState::Partial),
        ("ec c", ModuleState::Partial),
        ("ec ea", ModuleState::Partial),
        ("ec ac", ModuleState::Partial),
        ("e e", ModuleState::Partial),
        ("eac eac", ModuleState::Full),
        ("eac ec", ModuleState::Full),
    ] {
        assert_eq!(ModuleState::of(sections.split_whitespace().map(section)), state, "{sections}");
    }
}

#[test]
fn r8_the_module_switch_opens_every_section_and_inherits() {
    let mut world = World::with_dana();
    world.override_module("supervisors", "voice", Change::Set(Rights::READ)).unwrap();
    let own = SectionSave { rights: Change::Set(Rights::READ), ..closed("voice/queues") };
    world.sections("supervisors", [own]).unwrap();
    world.register("voice/queues", "sales");
    world.switch("supervisors", "voice", true);
    world.register("voice/queues", "support");
    for section in &CATALOGUE.module("voice").unwrap().sections {
        let actions = section.rights.actions().map(|action| action.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(world.may("dana", section.key.as_str()), format!("show {actions}"), "{}", section.key);
    }
    for resource in ["sales", "support"] {
        assert_eq!(world.may("dana", &format!("voice/queues/{resource}")), "read edit delete link", "{resource}");
    }
    assert_eq!(world.may("dana", "chat/queues"), "");
}

#[test]
fn r8_the_module_switch_off_leaves_nothing_but_what_is_protected() {
    let mut world = World::with_dana();
    let fresh = world.rules();
    world.switch("supervisors", "voice", true);
    world.switch("supervisors", "voice", false);
    assert_eq!(world.rules(), fresh);
    assert!(world.state.profiles["supervisors"].sections.is_empty());
    assert_eq!(world.may("dana", "voice/contexts/from-sip"), "read link");
}

#[test]
fn r8_the_module_switch_and_single_sections_do_not_go_together() {
    let mut world = World::with_dana();
    let save = ModuleSave { all: Some(true), rights: Change::Keep, sections: Some(vec![open("voice/queues")]) };
    assert_eq!(refusal(world.save("supervisors", "voice", save)), (ErrorCode::Invalid, "all".to_owned()));
}

#[test]
fn r9_the_sections_permission_holds_else_the_modules_else_the_profiles() {
    let mut world = World::with_dana();
    world.sections("supervisors", [open("voice/queues"), open("voice/voicemails")]).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read edit delete");
    world.override_module("supervisors", "voice", Change::Set(rights(true, false))).unwrap();
    let own = |rights| [SectionSave { rights, ..open("voice/queues") }];
    world.sections("supervisors", own(Change::Set(rights(false, true)))).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read delete");
    assert_eq!(world.may("dana", "voice/voicemails"), "show read edit");
    // One that changes later holds wherever it is inherited, and nowhere else.
    world.override_module("supervisors", "voice", Change::Clear).unwrap();
    let read = ProfileChange { permission_type: Some(PermissionType::Read), ..ProfileChange::default() };
    world.change(|state| state.update_profile("supervisors", 5, read)).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read delete");
    assert_eq!(world.may("dana", "voice/voicemails"), "show read");
    world.sections("supervisors", own(Change::Clear)).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read");
}

#[test]
fn r9_a_modules_override_holds_when_the_permission_type_changes_later() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    let queues = SectionSave { add: keys("sales"), ..open("voice/queues") };
    world.sections("supervisors", [queues]).unwrap();
    world.sections("supervisors", [open("chat/queues")]).unwrap();
    world.override_module("supervisors", "voice", Change::Set(rights(true, false))).unwrap();
    for (permission_type, elsewhere) in
        [(PermissionType::Read, "show read"), (PermissionType::ReadDelete, "show read delete")]
    {
        let version = world.state.profiles["supervisors"].version;
        let change = ProfileChange { permission_type: Some(permission_type), ..ProfileChange::default() };
        world.change(|state| state.update_profile("supervisors", version, change)).unwrap();
        assert_eq!(world.may("dana", "voice/queues/sales"), "read edit link");
        assert_eq!(world.may("dana", "chat/queues"), elsewhere, "another module inherits");
    }
    world.override_module("supervisors", "voice", Change::Set(rights(false, true))).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read delete link", "also when the override itself changes");
}

#[test]
fn r9_an_override_always_contains_read() {
    let mut world = World::with_dana();
    let blind = Change::Set(Rights { read: false, edit: true, delete: true });
    let refused = |path: &str| (ErrorCode::Invalid, path.to_owned());
    assert_eq!(refusal(world.override_module("supervisors", "voice", blind.clone())), refused("override.read"));
    let sections = [open("voice/voicemails"), SectionSave { rights: blind, ..open("voice/queues") }];
    assert_eq!(refusal(world.sections("supervisors", sections)), refused("sections.1.override.read"));
}

#[test]
fn r9_a_section_gives_no_right_that_it_does_not_have() {
    let mut world = World::with_dana();
    world.sections("supervisors", [open("voice/realtime"), open("voice/chanspy")]).unwrap();
    assert_eq!(world.may("dana", "voice/realtime"), "show read");
    assert_eq!(world.may("dana", "voice/chanspy"), "show read edit");
}

#[test]
fn r9_an_override_that_a_section_cannot_have_is_refused_by_the_right_and_the_modules_is_not() {
    let mut world = World::with_dana();
    for (section, given, right) in [
        ("voice/realtime", rights(true, false), "edit"),
        ("voice/realtime", rights(false, true), "delete"),
        ("voice/chanspy", rights(true, true), "delete"),
        ("dashboards/general", Rights::ALL, "delete"),
    ] {
        let save = SectionSave { rights: Change::Set(given), ..open(section) };
        let before = world.state.clone();
        let error = world.sections("supervisors", [save]).unwrap_err();
        assert_eq!((error.code, error.field.join(".")), (ErrorCode::Invalid, format!("sections.0.override.{right}")));
        assert!(error.message.contains(section) && error.message.contains(right), "{}", error.message);
        assert_eq!(world.state, before);
    }
    let all_it_has = SectionSave { rights: Change::Set(rights(true, false)), ..open("voice/chanspy") };
    world.sections("supervisors", [all_it_has, open("voice/realtime")]).unwrap();
    // The module's holds wherever it can, and each section has of it what the section has at all.
    world.override_module("supervisors", "voice", Change::Set(Rights::ALL)).unwrap();
    assert_eq!(world.may("dana", "voice/realtime"), "show read");
    assert_eq!(world.may("dana", "voice/chanspy"), "show read edit");
}

#[test]
fn r9_a_section_without_resources_is_never_automatic_and_has_no_list() {
    let mut world = World::with_dana();
    let refused = |field: &str| (ErrorCode::Invalid, format!("sections.0.{field}"));
    for section in ["voice/realtime", "downloads/attachments"] {
        for (save, field) in [
            (SectionSave { automatic: true, ..open(section) }, "association"),
            (SectionSave { keep_associated: true, ..open(section) }, "keepAssociated"),
            (SectionSave { resources: Some(keys("x")), ..open(section) }, "resources"),
            (SectionSave { add: keys("x"), ..open(section) }, "addResources"),
            (SectionSave { remove: keys("x"), ..open(section) }, "removeResources"),
        ] {
            assert_eq!(refusal(world.sections("supervisors", [save])), refused(field), "{section}");
        }
    }
    world.sections("supervisors", [SectionSave { resources: Some(keys("")), ..open("voice/realtime") }]).unwrap();
    // The switch of the module makes automatic what can be.
    world.switch("supervisors", "voice", true);
    let sections = &world.state.profiles["supervisors"].sections;
    assert_eq!(sections["voice/queues"].association, Association::Automatic);
    for section in ["voice/realtime", "voice/chanspy"] {
        assert!(sections[section].enabled && sections[section].association == Association::none(), "{section}");
    }
}

#[test]
fn r9_what_an_older_program_let_be_set_is_not_copied_kept_or_brought_back() {
    let mut world = World::with_dana();
    world.sections("supervisors", [open("voice/realtime")]).unwrap();
    let leave = |world: &mut World| {
        let profile = world.state.profiles.get_mut("supervisors").unwrap();
        let realtime = profile.sections.get_mut("voice/realtime").unwrap();
        realtime.rights = Some(Rights::ALL);
        realtime.association = Association::Automatic;
    };
    leave(&mut world);
    let past = world.state.clone();
    let rules = world.rules_of("profile:supervisors");
    let is_mended = |world: &World, profile: &str| {
        let realtime = &world.state.profiles[profile].sections["voice/realtime"];
        assert_eq!((realtime.rights, &realtime.association), (Some(Rights::READ), &Association::none()), "{profile}");
    };
    world.change(|state| state.clone_profile(&CATALOGUE, "supervisors", Uuid::nil(), None, key("Copy"))).unwrap();
    is_mended(&world, "copy");
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    is_mended(&world, "supervisors");
    world.change(|state| state.restore(&CATALOGUE, &past, 9)).unwrap();
    is_mended(&world, "supervisors");
    assert_eq!(world.rules_of("profile:supervisors"), rules, "it never gave more");
}

#[test]
fn r9_a_section_that_is_hidden_is_open_and_not_in_the_menu() {
    let mut world = World::with_dana();
    world.sections("supervisors", [SectionSave { visible: false, ..open("voice/queues") }]).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "read edit delete");
}

#[test]
fn r17_one_save_changes_a_module_together_or_not_at_all() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    let good = || SectionSave { resources: Some(keys("sales")), ..open("voice/queues") };
    let before = world.state.clone();
    let refused = |code, path: &str| (code, path.to_owned());
    for (second, why) in [
        (good(), refused(ErrorCode::Invalid, "sections.1.section")),
        (open("voice/telex"), refused(ErrorCode::NotFound, "sections.1.section")),
        (open("chat/queues"), refused(ErrorCode::NotFound, "sections.1.section")),
        (
            SectionSave { resources: Some(keys("hold")), ..open("voice/music-on-hold") },
            refused(ErrorCode::NotFound, "sections.1.resources"),
        ),
        (
            SectionSave { add: keys("x"), ..open("voice/realtime") },
            refused(ErrorCode::Invalid, "sections.1.addResources"),
        ),
    ] {
        // Straight on the state, without the copy of `World::change`.
        let sections = Some(vec![good(), second]);
        let save = ModuleSave { all: None, rights: Change::Set(Rights::READ), sections };
        assert_eq!(refusal(world.state.save_module(&CATALOGUE, "supervisors", "voice", 1, save)), why);
        assert_eq!(world.state, before);
    }
    world.sections("supervisors", [good(), open("voice/voicemails")]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read edit delete link");
    assert_eq!(world.state.profiles["supervisors"].version, 2);
    world.sections("supervisors", [open("voice/realtime")]).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read edit delete", "what a save leaves out stays");
}

#[test]
fn r17_a_save_names_a_profile_and_a_module_and_the_version_that_was_read() {
    let mut world = World::with_dana();
    let mut save = |profile: &str, module: &str, version| {
        let save = ModuleSave { all: Some(true), rights: Change::Keep, sections: None };
        refusal(world.change(|state| state.save_module(&CATALOGUE, profile, module, version, save)))
    };
    assert_eq!(save("others", "voice", 1), (ErrorCode::NotFound, "profile".to_owned()));
    assert_eq!(save("supervisors", "telex", 1), (ErrorCode::NotFound, "module".to_owned()));
    assert_eq!(save("supervisors", "voice", 2), (ErrorCode::Conflict, "version".to_owned()));
}

#[test]
fn r18_a_clone_has_everything_but_the_name_and_the_users() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    let queues = SectionSave { rights: Change::Set(Rights::READ), add: keys("sales"), ..open("voice/queues") };
    world.sections("supervisors", [queues, open("voice/realtime")]).unwrap();
    world.override_module("supervisors", "chat", Change::Set(rights(true, false))).unwrap();
    let mask = ProfileChange { mask_sensitive_data: Some(true), ..ProfileChange::default() };
    world.change(|state| state.update_profile("supervisors", 3, mask)).unwrap();
    let clone =
        |state: &mut TenantState| state.clone_profile(&CATALOGUE, "supervisors", Uuid::nil(), None, key("Night"));
    assert_eq!(world.change(clone).unwrap().as_str(), "night");
    assert_eq!(world.rules_of("profile:night"), world.rules_of("profile:supervisors"));
    world.change(|state| state.delete_profile("night")).unwrap();
}

#[test]
fn r18_a_clone_needs_a_profile_and_a_free_name() {
    let mut world = World::with_dana();
    world.profile("agents", PermissionType::Read);
    let mut clone = |of: &str, new_key: Option<&str>, name: &str| {
        let (new_key, name) = (new_key.map(key), key(name));
        refusal(world.change(|state| state.clone_profile(&CATALOGUE, of, Uuid::nil(), new_key, name)))
    };
    assert_eq!(clone("others", None, "Night"), (ErrorCode::NotFound, "key".to_owned()));
    assert_eq!(clone("supervisors", None, "agents"), (ErrorCode::AlreadyExists, "newName".to_owned()));
    assert_eq!(clone("supervisors", Some("agents"), "Night"), (ErrorCode::AlreadyExists, "newKey".to_owned()));
}

#[test]
fn r18_a_profile_in_use_is_not_deleted_and_its_users_are_counted() {
    let mut world = World::with_dana();
    for n in 0..24 {
        world.holder(&format!("u{n:02}"), "supervisors");
    }
    let error = world.change(|state| state.delete_profile("supervisors")).unwrap_err();
    assert_eq!((error.code, error.field.join(".")), (ErrorCode::ProfileInUse, "key".to_owned()));
    let (count, named) = in_the_way(&error);
    assert_eq!((count, named.len(), named[0], named[19]), (25, 20, "dana", "u18"));
    assert!(error.message.starts_with("25 users hold"), "{}", error.message);
    for user in world.state.users.clone().keys().filter(|user| user.as_str() != "ada") {
        world.change(|state| state.remove_user(user.as_str())).unwrap();
    }
    world.change(|state| state.delete_profile("supervisors")).unwrap();
    let again = refusal(world.change(|state| state.delete_profile("supervisors")));
    assert_eq!(again, (ErrorCode::NotFound, "key".to_owned()));
}

#[test]
fn r20_a_masking_profile_shows_contacts_in_full_only_where_it_may_edit_them() {
    let mut world = World::with_dana();
    let mask = ProfileChange { mask_sensitive_data: Some(true), ..ProfileChange::default() };
    world.change(|state| state.update_profile("supervisors", 1, mask)).unwrap();
    let views = ["contacts", "dialer", "interactions", "voice-recordings"];
    let shown = |world: &World| views.map(|view| world.allowed("dana", "unmask", &format!("data/{view}")));
    assert_eq!(shown(&world), [false; 4]);
    world.sections("supervisors", [open("contacts/contacts"), open("contacts/lists")]).unwrap();
    assert_eq!(shown(&world), [true, false, false, false], "lists do not share the exception");
    let read = SectionSave { rights: Change::Set(rights(false, true)), ..open("contacts/contacts") };
    world.sections("supervisors", [read]).unwrap();
    assert_eq!(shown(&world), [false; 4], "to read and delete is not to edit");
    let edit = SectionSave { rights: Change::Clear, ..open("contacts/contacts") };
    world.sections("supervisors", [edit]).unwrap();
    assert_eq!(shown(&world), [true, false, false, false]);
    world.licence("voice").unwrap();
    assert_eq!(shown(&world), [false; 4], "without a licence nobody edits contacts");
}

#[test]
fn r21_each_kind_of_download_is_a_permission_of_its_own() {
    let mut world = World::with_dana();
    let kinds = &CATALOGUE.module("downloads").unwrap().sections;
    assert_eq!(kinds.len(), 7);
    world.sections("supervisors", [open("downloads/attachments")]).unwrap();
    for kind in kinds {
        let expected = if kind.key.name() == "attachments" { "download" } else { "" };
        assert_eq!(world.may("dana", kind.key.as_str()), expected, "{}", kind.key);
    }
    world.switch("supervisors", "downloads", true);
    for kind in kinds {
        assert_eq!(world.may("dana", kind.key.as_str()), "download", "{}", kind.key);
    }
}

#[test]
fn r21_a_download_has_nothing_to_override() {
    let mut world = World::with_dana();
    for rights in [Rights::READ, Rights::ALL] {
        let save = SectionSave { rights: Change::Set(rights), ..open("downloads/attachments") };
        let sections = [open("downloads/interactions"), save];
        let refused = (ErrorCode::Invalid, "sections.1.override".to_owned());
        assert_eq!(refusal(world.sections("supervisors", sections)), refused);
    }
    assert_eq!(world.may("dana", "downloads/interactions"), "");
    // The permissions of the profile and of the module make no difference to a download.
    world.sections("supervisors", [SectionSave { rights: Change::Clear, ..open("downloads/attachments") }]).unwrap();
    world.override_module("supervisors", "downloads", Change::Set(Rights::READ)).unwrap();
    assert_eq!(world.may("dana", "downloads/attachments"), "download");
    world.sections("supervisors", [closed("downloads/attachments")]).unwrap();
    assert_eq!(world.may("dana", "downloads/attachments"), "");
}

#[test]
fn r19_a_profile_is_given_to_many_users_in_one_change() {
    let mut world = World::with_dana();
    world.profile("night", PermissionType::Read);
    world.holder("eli", "night");
    world.holder("fay", "supervisors");
    let assign = |world: &mut World, profile: &str, users: &str| {
        world.change(|state| state.assign_profile(&key(profile), &keys(users)))
    };
    assign(&mut world, "night", "dana eli fay").unwrap();
    let held =
        |user: &str| (world.state.users[user].profile.as_ref().unwrap().as_str(), world.state.users[user].version);
    assert_eq!(["dana", "eli", "fay"].map(held), [("night", 2), ("night", 1), ("night", 2)], "eli held it already");

    world.staff("ann", BaseRole::Agent);
    let before = world.state.clone();
    let error = assign(&mut world, "supervisors", "ada ann dana").unwrap_err();
    assert_eq!((error.code, error.field.join(".")), (ErrorCode::ProfileNotAssignable, "users".to_owned()));
    assert_eq!(in_the_way(&error), (2, vec!["ada", "ann"]));
    assert!(error.message.starts_with("2 users are not of base role USER"), "{}", error.message);
    for (profile, users, code, field) in [
        ("supervisors", "dana nobody", ErrorCode::NotFound, "users"),
        ("telex", "dana", ErrorCode::NotFound, "profile"),
        ("supervisors", "", ErrorCode::Invalid, "users"),
    ] {
        assert_eq!(refusal(assign(&mut world, profile, users)), (code, field.to_owned()));
    }
    let many = (0..1001).map(|n| format!("u{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(refusal(assign(&mut world, "supervisors", &many)), (ErrorCode::Invalid, "users".to_owned()));
    assert!(world.state == before);
}
