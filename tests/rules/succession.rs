//! Sections that a catalogue divides or renames: what was configured of the old one.

use super::*;
use crate::common::catalogues::{BUILT_IN, undivided};
use bailiwick::config::catalogue::parse;
use bailiwick::domain::profile::Association;
use bailiwick::policy::compile::Compiled;

/// A catalogue with the old section, and a tenant where `supervisors` has it open.
fn before(association: Association) -> (Catalogue, TenantState) {
    let old = undivided();
    let mut state = World::with_dana().state;
    let new = ["october", "november"].map(new_resource);
    state.register_resources(&old, &key("analytics/extracted-reports"), new.into(), None, Timestamp(0)).unwrap();
    let open = SectionSave { rights: Change::Set(rights(true, false)), ..open("analytics/extracted-reports") };
    let save = match association {
        Association::Automatic => SectionSave { automatic: true, ..open },
        Association::Manual(list) => SectionSave { resources: Some(list), ..open },
    };
    let save = ModuleSave { all: None, rights: Change::Keep, sections: Some(vec![save]) };
    state.save_module(&old, "supervisors", "analytics", 1, save).unwrap();
    (old, state)
}

/// Returns the rules of the profile for the objects below `analytics`, without the subject.
fn analytics(rules: &Compiled) -> Vec<String> {
    let rules = rules.keys().map(|rule| rule.values(&key("acme")).join(" "));
    rules.filter(|rule| rule.starts_with("profile:") && rule.contains("analytics/")).collect()
}

#[test]
fn r9_a_section_that_became_two_is_in_each_as_it_was() {
    let (old, state) = before(Association::Automatic);
    let was = analytics(&compile(&old, &state).unwrap());
    let mut after = state.clone();
    after.succeed_sections(&CATALOGUE);
    let is = analytics(&compile(&CATALOGUE, &after).unwrap());
    let each = ["default-extracted-reports", "custom-extracted-reports"];
    let mut expected: Vec<String> =
        each.iter().flat_map(|new| was.iter().map(|rule| rule.replace("extracted-reports", new))).collect();
    let mut is_sorted = is.clone();
    is_sorted.sort();
    expected.sort();
    assert!(!was.is_empty());
    assert_eq!(is_sorted, expected, "nothing more and nothing less than under the old name");
    assert_eq!(after.profiles["supervisors"].version, state.profiles["supervisors"].version);
    let again = after.clone();
    after.succeed_sections(&CATALOGUE);
    assert_eq!(after, again, "once is enough");
}

#[test]
fn r11_a_list_of_the_section_that_was_goes_to_both_with_its_resources() {
    let (_, mut state) = before(Association::Manual(keys("october")));
    state.succeed_sections(&CATALOGUE);
    for new in ["analytics/default-extracted-reports", "analytics/custom-extracted-reports"] {
        assert_eq!(state.profiles["supervisors"].sections[new].association, Association::Manual(keys("october")));
        for report in ["october", "november"] {
            assert!(state.resources.contains_key(format!("{new}/{report}").as_str()), "{new}/{report}");
        }
    }
    assert!(!state.resources.contains_key("analytics/extracted-reports/october"));
    let ids: BTreeSet<Uuid> = state
        .resources
        .values()
        .filter(|resource| resource.section.as_str().contains("extracted") && resource.key.as_str() == "october")
        .map(|resource| resource.id)
        .collect();
    assert_eq!(ids.len(), 2, "each is a thing of its own");
    state.remove_resources(&CATALOGUE, &key("analytics/custom-extracted-reports"), &keys("october")).unwrap();
    let custom = &state.profiles["supervisors"].sections["analytics/custom-extracted-reports"];
    assert_eq!(custom.association, Association::none());
}

#[test]
fn r35a_a_denial_on_the_section_that_was_goes_to_what_it_became() {
    let (old, mut state) = before(Association::Automatic);
    let change = RoleChange {
        grants: Some(grants(&[
            "deny read analytics/extracted-reports/october",
            "allow read analytics/extracted-reports/*",
            "allow read analytics/extracted-reports-of-others",
        ])),
        ..RoleChange::default()
    };
    state.create_role(&old, Uuid::nil(), Some(key("fence")), key("Fence"), change).unwrap();
    state.succeed_sections(&CATALOGUE);
    assert_eq!(
        state.roles["fence"].grants,
        grants(&[
            "deny read analytics/default-extracted-reports/october",
            "deny read analytics/custom-extracted-reports/october",
            "allow read analytics/default-extracted-reports/*",
            "allow read analytics/custom-extracted-reports/*",
            "allow read analytics/extracted-reports-of-others",
        ])
    );
}

#[test]
fn r35b_no_new_grant_is_on_a_section_that_became_others() {
    let (old, mut state) = before(Association::Automatic);
    let had = "allow read analytics/extracted-reports/october";
    let change = |texts: &[&str]| RoleChange { grants: Some(grants(texts)), ..RoleChange::default() };
    state.create_role(&old, Uuid::nil(), Some(key("had")), key("Had"), change(&[had])).unwrap();
    for grant in [
        "allow read analytics/extracted-reports",
        "allow read analytics/extracted-reports/*",
        "deny read analytics/extracted-reports/october",
        "allow edit analytics/extracted-reports/october",
    ] {
        let mut copy = state.clone();
        let made = copy.create_role(&CATALOGUE, Uuid::nil(), None, key("New"), change(&[grant])).unwrap_err();
        assert_eq!((made.code, made.field.join(".")), (ErrorCode::Invalid, "grants".to_owned()), "{grant}");
        let named = "grant on `analytics/default-extracted-reports` or `analytics/custom-extracted-reports` instead";
        assert!(made.message.ends_with(named), "{}", made.message);
        let added = copy.update_role(&CATALOGUE, "had", 1, change(&[had, grant]));
        assert_eq!(refusal(added), (ErrorCode::Invalid, "grants".to_owned()), "{grant}");
    }
    let other = "allow read analytics/extracted-reports-of-others";
    state.update_role(&CATALOGUE, "had", 1, change(&[had, other, "allow read analytics/*"])).unwrap();
    assert_eq!(state.roles["had"].grants.len(), 3, "what the role had already stays");
}

#[test]
fn r45_a_past_from_before_the_division_comes_back_divided() {
    let (_, past) = before(Association::Manual(keys("october")));
    let mut now = past.clone();
    now.succeed_sections(&CATALOGUE);
    let wanted = now.profiles["supervisors"].sections.clone();
    let none = ModuleSave { all: Some(false), rights: Change::Keep, sections: None };
    now.save_module(&CATALOGUE, "supervisors", "analytics", 2, none).unwrap();
    let lost = now.restore(&CATALOGUE, &past, 3).unwrap();
    assert_eq!(lost, []);
    assert_eq!(now.profiles["supervisors"].sections, wanted);
}

#[test]
fn r9_a_new_section_gives_no_more_rights_than_it_has_itself() {
    let (_, mut state) = before(Association::Automatic);
    let narrow = "formerly: extracted-reports\n        rights: [read]\n        resources: false\n";
    let text = BUILT_IN.replace("formerly: extracted-reports\n", narrow);
    let narrow = parse(&text, "narrow").unwrap();
    state.succeed_sections(&narrow);
    let section = &state.profiles["supervisors"].sections["analytics/custom-extracted-reports"];
    assert_eq!((section.rights, &section.association), (Some(Rights::READ), &Association::none()));
    assert!(state.resources.values().all(|resource| !resource.section.as_str().contains("extracted")));
}
