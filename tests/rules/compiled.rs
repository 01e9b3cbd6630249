//! The rules that each thing compiles to. Each test is one line of the encoding's table.

use super::*;
use bailiwick::domain::profile::ProfileChange;
use bailiwick::policy::rule::{Origin, OriginKind, Rule};

const NONE: [&str; 0] = [];

/// Returns the rules with those that every profile has: the protected context, and who did what.
fn with_the_basics(rules: &[&str]) -> Vec<String> {
    let basics =
        ["data/performance identify allow", "voice/contexts/from-sip link allow", "voice/contexts/from-sip read allow"];
    let mut all: Vec<String> = rules.iter().chain(&basics).map(ToString::to_string).collect();
    all.sort();
    all
}

fn assert_profile(world: &World, expected: &[&str]) {
    assert_eq!(world.rules_of("profile:supervisors"), with_the_basics(expected));
}

#[test]
fn the_rules_of_a_tenant_read_as_casbin_lines() {
    let mut world = World::with_dana();
    world.licence("voice").unwrap();
    world.sections("supervisors", [SectionSave { rights: Change::Set(Rights::READ), ..open("voice/queues") }]).unwrap();
    let rules = world.rules();
    for line in [
        "p, profile:supervisors, acme, voice/queues, read, allow",
        "p, role:member, acme, chat/*, *, deny",
        "g, user:dana, profile:supervisors, acme",
    ] {
        assert!(rules.iter().any(|rule| rule == line), "{line}");
    }
    assert!(!rules.iter().any(|rule| rule.contains(", acme, *,")), "never a bare `*`");
}

#[test]
fn every_user_that_is_not_disabled_is_a_member_with_its_base_role() {
    let mut world = World::with_dana();
    world.staff("mona", BaseRole::Manager);
    world.role("Lead", "", &[]).unwrap();
    world.manager("lea", "lead");
    world.staff("gus", BaseRole::Agent);
    world.staff("host", BaseRole::Service);
    for (user, role) in [
        ("ada", "role:admin"),
        ("dana", "profile:supervisors"),
        ("mona", "role:manager"),
        ("lea", "custom:lead"),
        ("gus", "role:agent"),
        ("host", "role:service"),
    ] {
        let expected = [format!("g {role}"), "g role:member".to_owned()];
        assert_eq!(world.rules_of(&format!("user:{user}")), expected, "{user}");
    }
    world.group("Night", "", "", "dana").unwrap();
    world.disable("dana");
    assert_eq!(world.rules_of("user:dana"), NONE);
}

#[test]
fn admins_have_each_licensed_module_and_all_data() {
    let mut world = World::new();
    world.licence("voice whatsapp").unwrap();
    let expected = ["admin", "admin/*", "data/*", "voice", "voice/*", "whatsapp", "whatsapp/*"];
    assert_eq!(world.rules_of("role:admin"), expected.map(|object| format!("{object} * allow")));
}

#[test]
fn services_decide_and_register_and_agents_have_nothing() {
    let world = World::new();
    assert_eq!(world.rules_of("role:service"), ["admin/decisions read allow", "admin/resources edit allow"]);
    assert_eq!(world.rules_of("role:agent"), NONE);
}

#[test]
fn members_are_denied_each_unlicensed_module() {
    let mut world = World::new();
    assert_eq!(world.rules_of("role:member"), ["data/* unmask allow"]);
    let all_but_two =
        world.state.licensed.iter().map(ToString::to_string).filter(|key| key != "chat" && key != "whatsapp");
    let modules = all_but_two.collect::<Vec<_>>().join(" ");
    world.licence(&modules).unwrap();
    let expected = ["chat * deny", "chat/* * deny", "data/* unmask allow", "whatsapp * deny", "whatsapp/* * deny"];
    assert_eq!(world.rules_of("role:member"), expected);
}

#[test]
fn managers_have_all_permissions_of_the_catalogue() {
    let world = World::new();
    let mut expected: Vec<String> = CATALOGUE
        .permissions()
        .iter()
        .flat_map(|permission| &permission.pairs)
        .map(|(object, action)| format!("{object} {action} allow"))
        .collect();
    expected.sort();
    assert_eq!(world.rules_of("role:manager"), expected);
    assert!(expected.contains(&"data/performance identify allow".to_owned()));
}

#[test]
fn a_new_profile_has_its_basics_alone() {
    assert_profile(&World::with_dana(), &[]);
}

#[test]
fn an_enabled_section_gives_its_rights_and_the_menu() {
    let mut world = World::with_dana();
    world.sections("supervisors", [open("voice/queues")]).unwrap();
    let full = ["delete", "edit", "read", "show"].map(|action| format!("voice/queues {action} allow"));
    assert_profile(&world, &full.each_ref().map(String::as_str));
    let hidden = SectionSave { visible: false, rights: Change::Set(rights(false, true)), ..open("voice/queues") };
    world.sections("supervisors", [hidden]).unwrap();
    assert_profile(&world, &["voice/queues delete allow", "voice/queues read allow"]);
}

#[test]
fn an_association_gives_the_sections_rights_and_link() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    let read_edit = |save| SectionSave { visible: false, rights: Change::Set(rights(true, false)), ..save };
    for (save, object) in [
        (SectionSave { automatic: true, ..open("voice/queues") }, "voice/queues/*"),
        (SectionSave { add: keys("sales"), ..open("voice/queues") }, "voice/queues/sales"),
    ] {
        world.sections("supervisors", [read_edit(save)]).unwrap();
        let of_object = ["edit", "link", "read"].map(|action| format!("{object} {action} allow"));
        let mut expected = vec!["voice/queues edit allow", "voice/queues read allow"];
        expected.extend(of_object.iter().map(String::as_str));
        assert_profile(&world, &expected);
    }
}

#[test]
fn an_association_without_an_enabled_section_gives_read_and_link() {
    let mut world = World::with_dana();
    world.register("voice/queues", "sales");
    world.sections("supervisors", [SectionSave { add: keys("sales"), ..closed("voice/queues") }]).unwrap();
    assert_profile(&world, &["voice/queues/sales link allow", "voice/queues/sales read allow"]);
    world.sections("supervisors", [SectionSave { automatic: true, ..closed("voice/queues") }]).unwrap();
    assert_profile(&world, &["voice/queues/* link allow", "voice/queues/* read allow"]);
}

#[test]
fn a_protected_resource_gives_every_profile_what_its_section_gives() {
    let mut world = World::with_dana();
    let save = SectionSave { visible: false, rights: Change::Set(rights(true, false)), ..open("voice/contexts") };
    world.sections("supervisors", [save]).unwrap();
    let expected = ["voice/contexts edit allow", "voice/contexts read allow", "voice/contexts/from-sip edit allow"];
    assert_profile(&world, &expected);
}

#[test]
fn r34a_a_container_gives_its_sections_rights_on_each_member_and_link() {
    let mut world = World::with_dana();
    world.register("staff/agents", "ann bob");
    let north = NewResource { members: Some(keys("staff/agents/ann staff/agents/bob")), ..new_resource("north") };
    world.register_all("staff/teams", vec![north], None).unwrap();
    let teams = SectionSave {
        add: keys("north"),
        visible: false,
        rights: Change::Set(rights(true, false)),
        ..open("staff/teams")
    };
    world.sections("supervisors", [teams]).unwrap();
    assert_profile(
        &world,
        &[
            "staff/agents/ann edit allow",
            "staff/agents/ann link allow",
            "staff/agents/ann read allow",
            "staff/agents/bob edit allow",
            "staff/agents/bob link allow",
            "staff/agents/bob read allow",
            "staff/teams edit allow",
            "staff/teams read allow",
            "staff/teams/north edit allow",
            "staff/teams/north link allow",
            "staff/teams/north read allow",
        ],
    );
}

#[test]
fn a_download_gives_download_and_never_the_menu() {
    let mut world = World::with_dana();
    world.sections("supervisors", [open("downloads/voice-recordings")]).unwrap();
    assert_profile(&world, &["downloads/voice-recordings download allow"]);
}

#[test]
fn a_masking_profile_is_denied_each_view_of_contacts() {
    let mut world = World::with_dana();
    let mask = ProfileChange { mask_sensitive_data: Some(true), ..ProfileChange::default() };
    world.change(|state| state.update_profile("supervisors", 1, mask)).unwrap();
    let views =
        ["contacts", "dialer", "interactions", "voice-recordings"].map(|view| format!("data/{view} unmask deny"));
    assert_profile(&world, &views.each_ref().map(String::as_str));
    let contacts =
        SectionSave { visible: false, rights: Change::Set(rights(true, false)), ..open("contacts/contacts") };
    world.sections("supervisors", [contacts]).unwrap();
    let mut lifted = vec!["contacts/contacts edit allow", "contacts/contacts read allow"];
    lifted.extend(views.iter().skip(1).map(String::as_str));
    assert_profile(&world, &lifted);
}

#[test]
fn a_custom_role_has_its_permissions_and_grants() {
    let mut world = World::new();
    world.role("Lead", "reports supervision-report", &["allow * crm/*", "deny read crm/deals"]).unwrap();
    let expected = [
        "crm/* * allow",
        "crm/deals read deny",
        "reports/activity delete allow",
        "reports/activity edit allow",
        "reports/activity read allow",
        "reports/activity show allow",
        "reports/activity/* delete allow",
        "reports/activity/* edit allow",
        "reports/activity/* read allow",
        "reports/supervision read allow",
        "reports/supervision show allow",
    ];
    assert_eq!(world.rules_of("custom:lead"), expected);
}

#[test]
fn a_group_has_its_members_roles_and_permissions() {
    let mut world = World::with_dana();
    world.role("Lead", "", &[]).unwrap();
    world.group("Night", "lead manager", "website-sales", "ada dana").unwrap();
    assert_eq!(world.rules_of("group:night"), ["data/website-sales read allow", "g custom:lead", "g role:manager"]);
    for user in ["ada", "dana"] {
        assert!(world.rules_of(&format!("user:{user}")).contains(&"g group:night".to_owned()), "{user}");
    }
}

#[test]
fn operators_have_rules_in_the_platform_alone() {
    let mut world = World::new();
    assert!(!world.rules().iter().any(|rule| rule.contains("tenants") || rule.contains("licences")));
    world.state.key = key("platform");
    world.licence("").unwrap();
    let lines = world.rules();
    for object in ["tenants", "tenants/*", "licences", "licences/*"] {
        assert!(lines.contains(&format!("p, role:admin, platform, {object}, *, allow")), "{object}");
    }
    assert!(world.allowed("ada", "edit", "tenants/acme"));
    world.staff("gus", BaseRole::Agent);
    assert!(!world.allowed("gus", "read", "tenants/acme"));
}

#[test]
fn a_rule_tells_every_place_that_it_came_from() {
    let mut world = World::with_dana();
    let contexts = SectionSave { automatic: false, add: keys("from-sip"), ..closed("voice/contexts") };
    world.sections("supervisors", [contexts]).unwrap();
    let compiled = compile(&CATALOGUE, &world.state).unwrap();
    let line = ["p", "profile:supervisors", "voice/contexts/from-sip", "read", "allow"].map(str::to_owned);
    let origins = &compiled[&Rule::try_from(line.to_vec()).unwrap()];
    let origin = |note: &str| Origin {
        kind: OriginKind::Profile,
        key: "supervisors".to_owned(),
        module: Some("voice".to_owned()),
        section: Some("voice/contexts".to_owned()),
        note: note.to_owned(),
    };
    let expected = ["associated", "protected: belongs to every profile"].map(origin);
    assert!(origins.iter().eq(&expected), "{origins:?}");
}
