//! The licence and the settings (R2 to R4).

use super::*;
use bailiwick::domain::tenant::Settings;

#[test]
fn r2_an_unlicensed_module_denies_everyone_admins_included() {
    let mut world = World::with_dana();
    world.register("chat/queues", "sales");
    world.switch("supervisors", "chat", true);
    world.role("Chatty", "", &["allow * chat/*", "allow * chat"]).unwrap();
    world.manager("mona", "chatty");
    let people = ["ada", "dana", "mona"];
    for user in people {
        assert!(world.allowed(user, "edit", "chat/queues/sales"), "{user}");
    }
    world.licence("voice").unwrap();
    for (user, object) in people.iter().flat_map(|user| ["chat", "chat/queues", "chat/queues/sales"].map(|o| (user, o)))
    {
        assert_eq!(world.may(user, object), "", "{user} {object}");
        assert_eq!(world.reason(user, "read", object), DecisionReason::Unlicensed, "{user} {object}");
    }
}

#[test]
fn r2_what_was_configured_returns_with_the_licence() {
    let mut world = World::with_dana();
    world.register("chat/queues", "sales");
    world.switch("supervisors", "chat", true);
    let before = (world.rules(), world.state.profiles.clone());
    world.licence("voice").unwrap();
    assert_eq!(world.state.profiles, before.1);
    let all: Vec<String> = World::new().state.licensed.iter().map(ToString::to_string).collect();
    world.licence(&all.join(" ")).unwrap();
    assert_eq!((world.rules(), world.state.profiles.clone()), before);
}

#[test]
fn r2_an_unlicensed_module_cannot_be_configured() {
    let mut world = World::with_dana();
    world.licence("voice").unwrap();
    let refused = (ErrorCode::UnlicensedModule, "module".to_owned());
    assert_eq!(refusal(world.sections("supervisors", [open("chat/queues")])), refused);
    let save = ModuleSave { all: Some(true), rights: Change::Keep, sections: None };
    assert_eq!(refusal(world.save("supervisors", "whatsapp", save)), refused);
    world.sections("supervisors", [open("voice/queues")]).unwrap();
}

#[test]
fn r2_the_platforms_own_module_is_always_licensed_and_never_part_of_a_profile() {
    let mut world = World::with_dana();
    world.licence("").unwrap();
    assert_eq!(world.may("ada", "admin/users"), ACTIONS.join(" "));
    assert_eq!(world.may("ada", "voice/queues"), "");
    assert_eq!(
        refusal(world.sections("supervisors", [open("admin/users")])),
        (ErrorCode::Invalid, "module".to_owned())
    );
}

#[test]
fn r2_a_licence_names_modules_of_the_catalogue_and_leaves_the_platforms_own_out() {
    let mut world = World::new();
    assert_eq!(refusal(world.licence("voice telex")), (ErrorCode::NotFound, "modules".to_owned()));
    assert_eq!(refusal(world.licence("voice admin")), (ErrorCode::Invalid, "modules".to_owned()));
}

#[test]
fn r4_settings_outside_their_ranges_are_refused() {
    let good = Settings::default();
    good.check().unwrap();
    for masked_characters in [0, -1, 101] {
        let error = refusal(Settings { masked_characters, ..good }.check());
        assert_eq!(error, (ErrorCode::Invalid, "maskedCharacters".to_owned()));
    }
    for session_hours in [0, -1, 8761] {
        let error = refusal(Settings { session_hours, ..good }.check());
        assert_eq!(error, (ErrorCode::Invalid, "sessionHours".to_owned()));
    }
    Settings { masked_characters: 100, session_hours: 8760, ..good }.check().unwrap();
}
