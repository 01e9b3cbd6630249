//! Resources that the host registers (R34a, R46).

use super::*;
use bailiwick::domain::link::section_with;

fn refused(code: ErrorCode, field: &str) -> (ErrorCode, String) {
    (code, field.to_owned())
}

fn team(key: &str, members: &str) -> NewResource {
    NewResource { members: Some(keys(members)), ..new_resource(key) }
}

/// Teams `north` (ann, bob) and `south` (cleo), and dana, whose profile has `north`.
fn with_teams(teams: SectionSave) -> World {
    let mut world = World::with_dana();
    world.register("staff/agents", "ann bob cleo");
    let members = [team("north", "staff/agents/ann staff/agents/bob"), team("south", "staff/agents/cleo")];
    world.register_all("staff/teams", members.into(), None).unwrap();
    world.sections("supervisors", [SectionSave { add: keys("north"), ..teams }]).unwrap();
    world
}

#[test]
fn r34a_a_team_gives_its_rights_on_its_members() {
    let mut world = with_teams(SectionSave { rights: Change::Set(rights(true, false)), ..open("staff/teams") });
    assert_eq!(world.may("dana", "staff/teams/north"), "read edit link");
    assert_eq!(world.may("dana", "staff/agents/ann"), "read edit link");
    assert_eq!(world.may("dana", "staff/agents/bob"), "read edit link");
    assert_eq!(world.may("dana", "staff/agents/cleo"), "", "a team that the profile does not have");
    assert_eq!(world.may("dana", "staff/agents"), "");
    world.register_all("staff/teams", vec![team("north", "staff/agents/cleo")], None).unwrap();
    assert_eq!(world.may("dana", "staff/agents/ann"), "");
    assert_eq!(world.may("dana", "staff/agents/cleo"), "read edit link");
    world.register("staff/teams", "north");
    assert_eq!(world.may("dana", "staff/agents/cleo"), "read edit link", "members left out stay");
}

#[test]
fn r13_r34a_a_team_of_a_section_that_is_not_enabled_shows_its_members_to_be_linked() {
    let world = with_teams(closed("staff/teams"));
    assert_eq!(world.may("dana", "staff/teams/north"), "read link");
    assert_eq!(world.may("dana", "staff/agents/ann"), "read link");
}

#[test]
fn r34a_all_teams_give_their_members_when_automatic() {
    let mut world = with_teams(open("staff/teams"));
    world.sections("supervisors", [SectionSave { automatic: true, ..open("staff/teams") }]).unwrap();
    assert_eq!(world.may("dana", "staff/agents/cleo"), "read edit delete link");
}

#[test]
fn r34a_a_protected_team_gives_its_members_to_every_profile() {
    let mut world = with_teams(open("staff/teams"));
    let south = NewResource { protected: true, ..new_resource("south") };
    world.register_all("staff/teams", vec![south], None).unwrap();
    assert_eq!(world.may("dana", "staff/agents/cleo"), "read edit delete link");
    world.profile("agents", PermissionType::Read);
    world.holder("eli", "agents");
    assert_eq!(world.may("eli", "staff/agents/cleo"), "read link");
    assert_eq!(world.may("eli", "staff/agents/ann"), "");
}

#[test]
fn r34a_members_are_registered_resources_of_the_members_section() {
    let mut world = with_teams(open("staff/teams"));
    world.register("voice/queues", "sales");
    let mut register = |section, resource| refusal(world.register_all(section, vec![resource], None));
    let unknown = refused(ErrorCode::NotFound, "resources.0.members");
    assert_eq!(register("staff/teams", team("east", "staff/agents/dora")), unknown);
    let none = refused(ErrorCode::Invalid, "resources.0.members");
    assert_eq!(register("staff/teams", team("east", "voice/queues/sales")), none);
    assert_eq!(register("staff/teams", team("east", "voice/queues/unknown")), none);
    assert_eq!(register("staff/teams", team("east", "staff")), none);
    assert_eq!(register("voice/queues", team("support", "staff/agents/ann")), none);
    let error = world.register_all("staff/teams", vec![team("east", "voice/queues/sales")], None).unwrap_err();
    assert_eq!(
        error.message,
        "members of `staff/teams` are resources of `staff/agents`, and `voice/queues/sales` is none"
    );
    world.register_all("voice/queues", vec![team("support", "")], None).unwrap();
}

#[test]
fn resources_are_told_in_batches_of_one_section_that_holds_them() {
    let mut world = World::new();
    let mut register = |section, resources, by| refusal(world.register_all(section, resources, by));
    let one = || vec![new_resource("x")];
    assert_eq!(register("voice/telex", one(), None), refused(ErrorCode::NotFound, "section"));
    assert_eq!(register("voice/realtime", one(), None), refused(ErrorCode::Invalid, "section"));
    assert_eq!(register("downloads/attachments", one(), None), refused(ErrorCode::Invalid, "section"));
    assert_eq!(register("voice/queues", one(), Some("telex")), refused(ErrorCode::NotFound, "createdBy"));
    assert_eq!(register("voice/queues", Vec::new(), None), refused(ErrorCode::Invalid, "resources"));
    let many = (0..1001).map(|n| new_resource(&n.to_string())).collect();
    assert_eq!(register("voice/queues", many, None), refused(ErrorCode::Invalid, "resources"));
    let twice = vec![new_resource("x"), new_resource("y"), new_resource("x")];
    assert_eq!(register("voice/queues", twice, None), refused(ErrorCode::Invalid, "resources.2.key"));
    assert_eq!(refusal(world.remove("voice/telex", "x")), refused(ErrorCode::NotFound, "section"));
    assert_eq!(refusal(world.remove("voice/realtime", "x")), refused(ErrorCode::Invalid, "section"));
    assert_eq!(refusal(world.remove("voice/queues", "x")), refused(ErrorCode::NotFound, "keys"));
    assert_eq!(refusal(world.remove("voice/queues", "")), refused(ErrorCode::Invalid, "keys"));
}

#[test]
fn registering_again_renames_and_keeps_who_made_it_and_when() {
    let mut world = World::with_dana();
    world.register_all("voice/queues", vec![new_resource("sales")], Some("dana")).unwrap();
    let renamed = NewResource { id: Uuid::max(), name: key("Sales EU"), ..new_resource("sales") };
    world.register_all("voice/queues", vec![renamed], Some("ada")).unwrap();
    let resource = &world.state.resources["voice/queues/sales"];
    assert_eq!((resource.name.as_str(), resource.id), ("Sales EU", Uuid::nil()));
    assert_eq!(resource.created_by, Some(key("dana")));
    world.change(|state| state.remove_user("dana")).unwrap();
    assert_eq!(world.state.resources["voice/queues/sales"].created_by, None, "a new dana did not make it");
}

#[test]
fn r46_a_removed_resource_leaves_its_lists_members_and_grants() {
    let mut world = with_teams(open("staff/teams"));
    world.sections("supervisors", [SectionSave { add: keys("ann"), ..open("staff/agents") }]).unwrap();
    world.profile("agents", PermissionType::Read);
    let grants = [
        "allow read staff/agents/ann",
        "allow read staff/agents/ann/*",
        "allow read staff/agents/ann/calls",
        "deny edit staff/agents/*",
    ];
    world.role("Lead", "", &grants).unwrap();
    world.manager("mona", "lead");
    assert_eq!(world.may("dana", "staff/agents/ann"), "read edit delete link");
    assert_eq!(world.may("mona", "staff/agents/ann"), "read");
    world.remove("staff/agents", "ann").unwrap();
    world.register("staff/agents", "ann");
    for user in ["dana", "mona"] {
        assert_eq!(world.may(user, "staff/agents/ann"), "", "{user}");
        assert_eq!(world.may(user, "staff/agents/ann/calls"), "", "{user}");
    }
    assert_eq!(world.may("dana", "staff/agents/bob"), "read edit delete link", "the others stay");
    assert_eq!(world.state.roles["lead"].grants, super::grants(&["deny edit staff/agents/*"]));
    assert_eq!(world.state.roles["lead"].version, 2);
    assert_eq!(world.state.profiles["agents"].version, 1, "nothing of it went");
}

#[test]
fn r46_an_automatic_section_and_a_wider_grant_reach_what_comes_later() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [SectionSave { automatic: true, ..open("voice/queues") }]).unwrap();
    world.remove("voice/queues", "sales").unwrap();
    world.register("voice/queues", "sales");
    assert_eq!(world.may("dana", "voice/queues/sales"), "read edit delete link");
}

#[test]
fn r46_registering_works_while_the_module_is_unlicensed() {
    let mut world = World::with_dana();
    world.licence("chat").unwrap();
    world.register_all("voice/queues", vec![new_resource("sales")], Some("dana")).unwrap();
    assert_eq!(world.reason("dana", "read", "voice/queues/sales"), DecisionReason::Unlicensed);
    world.licence("chat voice").unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read link");
    world.licence("chat").unwrap();
    world.remove("voice/queues", "sales").unwrap();
}

#[test]
fn r2_a_hidden_list_of_links_is_answered_like_one_that_is_not_there() {
    let shown = |section: &SectionKey| !section.as_str().starts_with("whatsapp/");
    let told = |items: &str| {
        let found = section_with(&CATALOGUE, &key("staff/agents"), &key(items), shown).map(drop);
        found.map_err(|error| error.message.replace(&format!("`{items}`"), "this"))
    };
    assert_eq!(told("voice/queues"), Ok(()));
    assert_eq!(told("whatsapp/queues"), told("tools/tags"));
    assert!(told("whatsapp/queues").unwrap_err().contains("`voice/queues`"));
}
