//! The resources that a profile has (R10 to R14, R16).

use super::*;
use bailiwick::domain::profile::Association;

fn automatic(section: SectionSave) -> SectionSave {
    SectionSave { automatic: true, ..section }
}

fn listing(section: SectionSave, resources: &str) -> SectionSave {
    SectionSave { resources: Some(keys(resources)), ..section }
}

#[test]
fn r10_automatic_takes_all_present_and_future_resources() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    world.register("voice/queues", "support");
    for queue in ["sales", "support"] {
        assert_eq!(world.may("dana", &format!("voice/queues/{queue}")), "read edit delete link", "{queue}");
    }
    assert_eq!(world.may("dana", "voice/voicemails/1"), "");
}

#[test]
fn r10_an_automatic_section_refuses_a_manual_list() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    let section = || automatic(open("voice/queues"));
    world.sections("supervisors", [section()]).unwrap();
    for (save, field) in [
        (listing(section(), "sales"), "resources"),
        (SectionSave { add: keys("sales"), ..section() }, "addResources"),
        (SectionSave { remove: keys("sales"), ..section() }, "removeResources"),
    ] {
        let error = refusal(world.sections("supervisors", [open("voice/realtime"), save]));
        assert_eq!(error, (ErrorCode::AssociationIsAutomatic, format!("sections.1.{field}")));
    }
    world.sections("supervisors", [listing(section(), "")]).unwrap();
}

#[test]
fn r11_manual_takes_exactly_the_listed_resources() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support billing");
    world.sections("supervisors", [listing(open("voice/queues"), "sales support")]).unwrap();
    let change = SectionSave { add: keys("billing"), remove: keys("sales"), ..open("voice/queues") };
    world.sections("supervisors", [change]).unwrap();
    for (queue, may) in
        [("sales", ""), ("support", "read edit delete link"), ("billing", "read edit delete link"), ("later", "")]
    {
        assert_eq!(world.may("dana", &format!("voice/queues/{queue}")), may, "{queue}");
    }
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/billing"), "read edit delete link", "a list left out stays");
}

#[test]
fn r11_a_list_is_given_whole_or_by_what_changes_and_names_what_is_there() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support");
    let both = SectionSave { add: keys("support"), ..listing(open("voice/queues"), "sales") };
    let unknown = SectionSave { add: keys("telex"), ..open("voice/queues") };
    let absent = SectionSave { remove: keys("sales"), ..open("voice/queues") };
    for (save, code, field) in [
        (both, ErrorCode::Invalid, "resources"),
        (unknown, ErrorCode::NotFound, "addResources"),
        (listing(open("voice/queues"), "telex"), ErrorCode::NotFound, "resources"),
        (absent, ErrorCode::NotFound, "removeResources"),
    ] {
        assert_eq!(refusal(world.sections("supervisors", [save])), (code, format!("sections.0.{field}")));
    }
}

#[test]
fn r11_what_a_user_creates_comes_to_the_profile_that_it_holds_then() {
    let mut world = World::with_dana();
    world.profile("agents", PermissionType::Read);
    world.holder("eli", "agents");
    let create = |world: &mut World, queue: &str, by: &str| {
        world.register_all("voice/queues", vec![new_resource(queue)], Some(by)).unwrap();
    };
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    create(&mut world, "hers", "dana");
    create(&mut world, "his", "eli");
    create(&mut world, "adas", "ada");
    assert_eq!(world.may("dana", "voice/queues/hers"), "read edit delete link");
    assert_eq!(world.may("eli", "voice/queues/his"), "read link", "a section that is not enabled is no hindrance");
    for (user, queue) in [("dana", "his"), ("dana", "adas"), ("eli", "hers"), ("eli", "adas")] {
        assert_eq!(world.may(user, &format!("voice/queues/{queue}")), "", "{user} {queue}");
    }
    let moved = UserChange { profile: Change::Set(key("agents")), ..UserChange::default() };
    world.change_user("dana", moved).unwrap();
    create(&mut world, "later", "dana");
    assert_eq!(world.may("dana", "voice/queues/hers"), "", "nothing moves with the user");
    assert_eq!(world.may("eli", "voice/queues/later"), "read link");
    create(&mut world, "adas", "dana");
    assert_eq!(world.may("dana", "voice/queues/adas"), "", "it was there before");
}

#[test]
fn r11_an_automatic_list_stays_automatic_when_a_user_creates() {
    let mut world = World::with_dana();
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    let before = world.state.profiles.clone();
    world.register_all("voice/queues", vec![new_resource("hers")], Some("dana")).unwrap();
    assert_eq!(world.state.profiles, before);
}

#[test]
fn r12_switching_automatic_off_leaves_none_and_no_future_one_comes() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [listing(open("voice/queues"), "sales")]).unwrap();
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    world.register("voice/queues", "support");
    for queue in ["sales", "support"] {
        assert_eq!(world.may("dana", &format!("voice/queues/{queue}")), "", "{queue}");
    }
    assert_eq!(world.may("dana", "voice/queues"), "show read edit delete");
    world.register_all("voice/queues", vec![new_resource("hers")], Some("dana")).unwrap();
    assert_eq!(world.may("dana", "voice/queues/hers"), "read edit delete link", "R11 aside");
}

#[test]
fn r12_a_list_given_while_automatic_goes_off_is_the_whole_list() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support");
    for save in [listing(open("voice/queues"), "sales"), SectionSave { add: keys("sales"), ..open("voice/queues") }] {
        world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
        world.sections("supervisors", [save]).unwrap();
        let section = &world.state.profiles["supervisors"].sections["voice/queues"];
        assert_eq!(section.association, Association::Manual(keys("sales")));
    }
}

fn keeping(section: &str) -> SectionSave {
    SectionSave { keep_associated: true, ..open(section) }
}

#[test]
fn r12_asked_so_automatic_leaves_what_there_is_as_the_list_and_no_future_one_comes() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support");
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    let had = ["sales", "support"].map(|queue| world.may("dana", &format!("voice/queues/{queue}")));
    world.sections("supervisors", [keeping("voice/queues")]).unwrap();
    world.register("voice/queues", "later");
    assert_eq!(["sales", "support"].map(|queue| world.may("dana", &format!("voice/queues/{queue}"))), had);
    assert_eq!(world.may("dana", "voice/queues/later"), "");
    world.sections("supervisors", [SectionSave { remove: keys("sales"), ..open("voice/queues") }]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "", "reduced by hand");
    assert_eq!(world.may("dana", "voice/queues/support"), had[1]);
}

#[test]
fn r12_what_is_kept_holds_as_before_where_the_section_is_closed_and_in_the_same_save() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [automatic(closed("voice/queues"))]).unwrap();
    let kept = SectionSave { rights: Change::Set(Rights::READ), ..keeping("voice/queues") };
    world.sections("supervisors", [SectionSave { enabled: false, visible: false, ..kept.clone() }]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read link");
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    world.sections("supervisors", [kept]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read link", "with the override of the same save");
}

#[test]
fn r12_protected_resources_are_kept_by_every_profile_and_by_no_list() {
    let mut world = World::with_dana();
    world.register("voice/contexts", "own");
    world.sections("supervisors", [automatic(open("voice/contexts"))]).unwrap();
    world.sections("supervisors", [keeping("voice/contexts")]).unwrap();
    let section = &world.state.profiles["supervisors"].sections["voice/contexts"];
    assert_eq!(section.association, Association::Manual(keys("own")));
    assert_eq!(world.may("dana", "voice/contexts/from-sip"), "read edit delete link");
}

#[test]
fn r12_keeping_is_refused_where_nothing_is_switched_off_and_beside_a_list() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support");
    let refused = |field: &str| (ErrorCode::Invalid, format!("sections.0.{field}"));
    world.sections("supervisors", [listing(open("voice/queues"), "sales")]).unwrap();
    for save in [keeping("voice/queues"), keeping("voice/voicemails"), automatic(keeping("voice/queues"))] {
        assert_eq!(refusal(world.sections("supervisors", [save])), refused("keepAssociated"));
    }
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    for save in [
        automatic(keeping("voice/queues")),
        listing(keeping("voice/queues"), "sales"),
        listing(keeping("voice/queues"), ""),
        SectionSave { add: keys("sales"), ..keeping("voice/queues") },
        SectionSave { remove: keys("sales"), ..keeping("voice/queues") },
    ] {
        assert_eq!(refusal(world.sections("supervisors", [save])), refused("keepAssociated"));
    }
    assert_eq!(world.may("dana", "voice/queues/support"), "read edit delete link", "a refusal changes nothing");
}

#[test]
fn r12_no_more_is_kept_than_a_list_can_be() {
    let mut world = World::with_dana();
    let most: Vec<String> = (0..10_000).map(|n| format!("q{n}")).collect();
    for some in most.chunks(1000) {
        world.register("voice/queues", &some.join(" "));
    }
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    let state = world.state.clone();
    world.sections("supervisors", [keeping("voice/queues")]).unwrap();
    let section = &world.state.profiles["supervisors"].sections["voice/queues"];
    assert_eq!(section.association.list().unwrap().len(), 10_000);
    world.state = state;
    world.register("voice/queues", "one-more");
    let error = refusal(world.sections("supervisors", [keeping("voice/queues")]));
    assert_eq!(error, (ErrorCode::Invalid, "sections.0.keepAssociated".to_owned()));
}

#[test]
fn r12_nothing_is_left_to_remove_when_automatic_goes_off() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [automatic(open("voice/queues"))]).unwrap();
    let save = SectionSave { remove: keys("sales"), ..open("voice/queues") };
    let error = refusal(world.sections("supervisors", [save]));
    assert_eq!(error, (ErrorCode::NotFound, "sections.0.removeResources".to_owned()));
}

#[test]
fn r13_a_resource_of_a_section_that_is_not_enabled_is_read_and_linked_only() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support");
    let hidden = SectionSave { visible: true, ..listing(closed("voice/queues"), "sales") };
    world.sections("supervisors", [hidden]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read link");
    assert_eq!(world.may("dana", "voice/queues/support"), "");
    assert_eq!(world.may("dana", "voice/queues"), "", "not in the menu, and nothing to create");
    world.sections("supervisors", [automatic(closed("voice/queues"))]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/support"), "read link");
    assert_eq!(world.may("dana", "voice/queues"), "");
}

#[test]
fn r14_with_only_read_the_sales_queue_alone_is_seen_and_nothing_can_be_done_to_it() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales support");
    let sales = SectionSave { rights: Change::Set(Rights::READ), ..listing(open("voice/queues"), "sales") };
    world.sections("supervisors", [sales]).unwrap();
    assert_eq!(world.may("dana", "voice/queues"), "show read");
    assert_eq!(world.may("dana", "voice/queues/sales"), "read link");
    assert_eq!(world.may("dana", "voice/queues/support"), "");
    assert_eq!(world.reason("dana", "edit", "voice/queues/sales"), DecisionReason::NoMatchingRule);
}

#[test]
fn r16_a_protected_resource_belongs_to_every_profile() {
    let mut world = World::with_dana();
    let hosts = NewResource { protected: true, ..new_resource("from-pstn") };
    world.register_all("voice/contexts", vec![hosts, new_resource("other")], None).unwrap();
    let both = ["voice/contexts/from-sip", "voice/contexts/from-pstn"];
    for context in both {
        assert_eq!(world.may("dana", context), "read link", "{context}");
    }
    world.sections("supervisors", [listing(open("voice/contexts"), "")]).unwrap();
    for context in both {
        assert_eq!(world.may("dana", context), "read edit delete link", "{context}");
    }
    assert_eq!(world.may("dana", "voice/contexts/other"), "");
    world.staff("gus", BaseRole::Agent);
    assert_eq!(world.may("gus", "voice/contexts/from-sip"), "", "it belongs to profiles, not to everyone");
}

#[test]
fn r16_a_protected_resource_cannot_be_removed() {
    let mut world = World::with_dana();
    let from_profile = SectionSave { remove: keys("from-sip"), ..open("voice/contexts") };
    let error = refusal(world.sections("supervisors", [from_profile]));
    assert_eq!(error, (ErrorCode::ProtectedResource, "sections.0.removeResources".to_owned()));
    let error = refusal(world.remove("voice/contexts", "from-sip"));
    assert_eq!(error, (ErrorCode::ProtectedResource, "keys".to_owned()));
    let error = refusal(world.register_all("voice/contexts", vec![new_resource("from-sip")], None));
    assert_eq!(error, (ErrorCode::ProtectedResource, "resources.0.protected".to_owned()));
}

#[test]
fn r11_what_is_to_be_added_and_removed_at_once_is_refused() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [listing(open("voice/queues"), "sales")]).unwrap();
    let both = SectionSave { add: keys("sales"), remove: keys("sales"), ..open("voice/queues") };
    let refused = (ErrorCode::Invalid, "sections.0.removeResources".to_owned());
    assert_eq!(refusal(world.sections("supervisors", [both])), refused);
}

#[test]
fn r13_a_resource_of_a_closed_section_stays_when_others_open_and_close() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [listing(closed("voice/queues"), "sales"), open("voice/realtime")]).unwrap();
    // Neither an override nor the permission type reaches it while its section is closed.
    world.override_module("supervisors", "voice", Change::Set(Rights::ALL)).unwrap();
    let own = SectionSave { rights: Change::Set(Rights::ALL), ..closed("voice/queues") };
    world.sections("supervisors", [own, closed("voice/realtime")]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read link");
    assert_eq!(world.may("dana", "voice/queues"), "");
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    assert_eq!(world.may("dana", "voice/queues/sales"), "read edit delete link", "once it opens, its override holds");
}

#[test]
fn r14_a_teams_edit_reaches_its_agents_though_their_section_is_only_read() {
    let mut world = World::with_dana();
    world.register("staff/agents", "ann bob");
    let north = NewResource { members: Some(keys("staff/agents/ann")), ..new_resource("north") };
    world.register_all("staff/teams", vec![north], None).unwrap();
    let read = |save| SectionSave { rights: Change::Set(Rights::READ), ..save };
    let agents = read(listing(open("staff/agents"), "ann bob"));
    world.sections("supervisors", [agents.clone(), listing(open("staff/teams"), "north")]).unwrap();
    // R34a wins for the members of the team; R14 holds for everyone else of the section.
    assert_eq!(world.may("dana", "staff/agents/ann"), "read edit delete link");
    assert_eq!(world.may("dana", "staff/agents/bob"), "read link");
    assert_eq!(world.may("dana", "staff/agents"), "show read");
    world.sections("supervisors", [agents, read(open("staff/teams"))]).unwrap();
    assert_eq!(world.may("dana", "staff/agents/ann"), "read link", "with only read on teams as well");
}

#[test]
fn r16_what_is_protected_outlives_a_list_an_empty_list_and_the_end_of_automatic() {
    let mut world = World::with_dana();
    world.register("voice/contexts", "other");
    world.sections("supervisors", [listing(open("voice/contexts"), "from-sip other")]).unwrap();
    world.sections("supervisors", [listing(open("voice/contexts"), "other")]).unwrap();
    assert_eq!(world.may("dana", "voice/contexts/from-sip"), "read edit delete link", "left out is not removed");
    world.sections("supervisors", [automatic(open("voice/contexts"))]).unwrap();
    world.sections("supervisors", [closed("voice/contexts")]).unwrap();
    assert_eq!(world.may("dana", "voice/contexts/from-sip"), "read link");
    assert_eq!(world.may("dana", "voice/contexts/other"), "");
}
