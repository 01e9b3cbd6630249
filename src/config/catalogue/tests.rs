use super::*;
use crate::domain::catalogue::{Rights, Section};
use crate::domain::key::Object;

/// A catalogue with one of everything; the faults below are made by changing it in one place.
const SMALL: &str = "\
data_views:
  - { key: contacts, name: Contacts, masks_contacts: true }
modules:
  - key: voice
    name: Voice
    optional: true
    sections:
      - key: queues
        name: Voice Queues
        rights: [read, edit]
        links: [voice/contexts]
        goes_with: [voice/queues]
        data_view: contacts
        shown_under: voice
        members: voice/contexts
        built_in:
          - { key: main, name: Main, protected: true }
      - { key: contexts, name: Contexts }
      - { key: recordings, name: Recordings, download: true }
  - key: admin
    name: Administration
    platform: true
    sections:
      - { key: users, name: Users, resources: false }
permissions:
  - key: reports
    name: Reports
    description: See reports
    requires: [sales]
    pairs:
      - { object: voice/queues/*, actions: [show, read] }
  - key: sales
    name: Sales
    description: See sales
    pairs:
      - { object: data/contacts, actions: [read] }
";

fn section<'a>(catalogue: &'a Catalogue, key: &str) -> &'a Section {
    catalogue.section(key).unwrap_or_else(|| panic!("{key}"))
}

#[test]
fn a_good_catalogue_is_read_as_it_is_written() {
    let catalogue = parse(SMALL, "small.yaml").unwrap();
    let queues = section(&catalogue, "voice/queues");
    assert_eq!(queues.rights, Rights { read: true, edit: true, delete: false });
    assert_eq!(queues.links, [SectionKey::parse("voice/contexts").unwrap()]);
    assert!(queues.built_in[0].protected && queues.holds_resources);
    assert_eq!(section(&catalogue, "voice/contexts").rights, Rights::ALL);
    let recordings = section(&catalogue, "voice/recordings");
    assert!(!recordings.holds_resources && recordings.rights.actions().next().is_none());
    let (voice, admin) = (catalogue.module("voice").unwrap(), catalogue.module("admin").unwrap());
    assert!(voice.optional && voice.in_profiles && !voice.platform);
    assert!(admin.platform && !admin.in_profiles);
    assert_eq!(catalogue.permission("reports").unwrap().pairs.len(), 2);
    assert_ne!(catalogue.hash(), parse(&SMALL.replace("Main", "Other"), "small.yaml").unwrap().hash());
}

#[test]
fn a_section_can_say_what_it_was_and_several_can_have_been_the_same() {
    let text = SMALL.replace(
        "name: Contexts }",
        "name: Contexts, formerly: places }\n      - { key: sites, name: Sites, formerly: places }",
    );
    let catalogue = parse(&text, "f").unwrap();
    let successors = catalogue.successors();
    let [(former, sections)] = successors.iter().collect::<Vec<_>>()[..] else { panic!("{successors:?}") };
    assert_eq!(former.as_str(), "voice/places");
    assert_eq!(sections.iter().map(|section| section.key.name()).collect::<Vec<_>>(), ["contexts", "sites"]);
}

#[test]
fn the_hash_is_the_hex_sha_256_of_the_text() {
    let text = "modules: [{ key: admin, name: A, platform: true, sections: [{ key: users, name: U }] }]\n";
    let hash = "493abd5549c1710b90254df2f7cdc4ccc3c0957cbd02f9e2e73dbbb51e264117";
    assert_eq!(parse(text, "f").unwrap().hash(), hash);
}

#[test]
fn a_fault_is_named_by_file_line_and_words() {
    let cases = [
        ("name: Voice\n", "name: Voice: x\n", 5, "mapping values are not allowed"),
        ("name: Voice\n", "nmae: Voice\n", 5, "unknown field `nmae`, expected one of key, name"),
        ("    name: Voice\n", "", 6, "missing field `name`"),
        ("optional: true", "optional: 3", 6, "invalid boolean"),
        ("[read, edit]", "all", 10, "expected sequence"),
        ("[read, edit]", "[read, fly]", 10, "unknown variant `fly`, expected one of read, edit, delete"),
        ("[read, edit]", "[edit]", 10, "`rights` must contain `read`"),
        ("key: voice", "key: Voice", 4, "`Voice` is not a module key"),
        ("key: queues", "key: a/b", 8, "`voice/a/b` is not a section key"),
        ("key: contacts,", "key: a b,", 2, "`a b` is not a data view key"),
        ("key: main", "key: '*'", 17, "`*` is not a resource key"),
        ("key: sales", "key: '*'", 32, "`*` is not a permission key"),
        ("key: contexts", "key: queues", 18, "there are two sections `voice/queues`"),
        ("key: sales", "key: reports", 32, "there are two permissions `reports`"),
        ("key: voice", "key: data", 4, "`data` is reserved"),
        (
            "links: [voice/contexts]",
            "links: [voice/contexts, voice/context]",
            11,
            "there is no section `voice/context`",
        ),
        ("links: [voice/contexts]", "links: [contexts]", 11, "`contexts` is not a section key"),
        ("links: [voice/contexts]", "links: [{ section: contexts }]", 11, "`contexts` is not a section key"),
        ("links: [voice/contexts]", "links: [{ section: voice/context }]", 11, "there is no section `voice/context`"),
        ("links: [voice/contexts]", "links: [{ section: voice/contexts, hides: true }]", 11, "unknown field `hides`"),
        ("links: [voice/contexts]", "links: [{ hides_unassociated: true }]", 11, "missing field `section`"),
        ("links: [voice/contexts]", "links: [7]", 11, "a section key, or a mapping"),
        (
            "links: [voice/contexts]",
            "links: [voice/contexts, { section: voice/contexts, hides_unassociated: true }]",
            11,
            "there are two lists `voice/contexts`",
        ),
        ("links: [voice/contexts]", "links: [admin/users]", 11, "the section `admin/users` holds no resources"),
        ("goes_with: [voice/queues]", "goes_with: [chat/queues]", 12, "there is no section `chat/queues`"),
        ("data_view: contacts", "data_view: sales", 13, "there is no data view `sales`"),
        ("shown_under: voice", "shown_under: chat", 14, "there is no module `chat`"),
        ("members: voice/contexts", "members: voice/agents", 15, "there is no section `voice/agents`"),
        ("members: voice/contexts", "members: voice/recordings", 15, "`voice/recordings` holds no resources"),
        ("name: Contexts", "name: C, formerly: queues", 18, "`voice/queues` is a section still"),
        ("name: Contexts", "name: C, formerly: a/b", 18, "`voice/a/b` is not a section key"),
        ("download: true", "download: true, formerly: films", 19, "it was nothing `formerly`"),
        ("rights: [read, edit]", "resources: false", 8, "a section without resources has no `links`"),
        ("download: true", "download: true, entries: true", 19, "a section without resources has no `links`"),
        ("download: true", "download: true, rights: [read]", 19, "a download gives `download` alone"),
        ("name: Contexts", "name: C, unmasked_by_edit: true", 18, "`unmasked_by_edit` needs a `data_view`"),
        ("optional: true", "platform: true", 4, "the module `admin` and no other must have `platform: true`"),
        ("platform: true", "platform: false", 20, "the module `admin` and no other must have `platform: true`"),
        ("platform: true", "platform: true\n    optional: true", 20, "`admin` is always licensed"),
        ("key: admin", "key: voice", 20, "there are two modules `voice`"),
        ("key: admin", "key: other", 4, "there is no module `admin`"),
        ("requires: [sales]", "requires: [sale]", 29, "there is no permission `sale`"),
        ("requires: [sales]", "requires: [reports]", 29, "the permission `reports` requires itself"),
        ("description: See sales", "description: S\n    requires: [reports]", 29, "`reports` requires itself"),
        ("object: voice/queues/*", "object: voice/queue", 31, "there is no `voice/queue` in this catalogue"),
        ("object: voice/queues/*", "object: chat/*", 31, "there is no `chat/*`"),
        ("object: voice/queues/*", "object: voice/recordings/*", 31, "there is no `voice/recordings/*`"),
        ("object: voice/queues/*", "object: voice/*/x", 31, "`voice/*/x` is not an object of a rule"),
        ("object: voice/queues/*", "object: '*'", 31, "`*` is not an object of a rule"),
        ("object: data/contacts", "object: data/sales", 36, "there is no `data/sales`"),
        ("object: data/contacts", "object: data/contacts/x", 36, "there is no `data/contacts/x`"),
        ("actions: [read]", "actions: [-read]", 36, "`-read` is not an action"),
        ("actions: [read]", "actions: ['*']", 36, "`*` is not an action"),
        ("actions: [read]", "actions: []", 32, "the permission `sales` gives nothing"),
    ];
    for (from, to, line, words) in cases {
        assert!(SMALL.contains(from), "{from}");
        let error = parse(&SMALL.replacen(from, to, 1), "small.yaml").unwrap_err();
        assert!(error.line == line && error.fault.contains(words), "{to:?}: {error}");
        assert!(error.to_string().starts_with(&format!("small.yaml:{line}: ")), "{error}");
    }
}

#[test]
fn doubled_views_and_built_in_resources_are_refused() {
    let view = "  - { key: contacts, name: Contacts, masks_contacts: true }\n";
    let error = parse(&SMALL.replace(view, &view.repeat(2)), "f").unwrap_err();
    assert_eq!(error.to_string(), "f:3: there are two data views `contacts`");
    let main = "          - { key: main, name: Main, protected: true }\n";
    let error = parse(&SMALL.replace(main, &main.repeat(2)), "f").unwrap_err();
    assert_eq!(error.to_string(), "f:18: there are two built-in resources `main`");
}

#[test]
fn a_cycle_is_found_wherever_it_starts() {
    let permission = |key: &str, requires: &str| {
        format!("  - {{ key: {key}, name: N, description: D, requires: [{requires}], pairs: [] }}\n")
    };
    let (modules, _) = SMALL.split_once("permissions:").unwrap();
    let text = ["permissions:\n", &permission("a", "b"), &permission("b", "c"), &permission("c", "b")].concat();
    let error = parse(&format!("{modules}{text}"), "f").unwrap_err();
    // `a` is not in the cycle, and gives nothing: each fault is at its own line.
    assert_eq!(error.to_string(), "f:26: the permission `a` gives nothing");
    let text = text.replace("pairs: []", "pairs: [{ object: voice, actions: [read] }]");
    let error = parse(&format!("{modules}{text}"), "f").unwrap_err();
    assert_eq!(error.to_string(), "f:27: the permission `b` requires itself");
}

#[test]
fn an_empty_catalogue_is_refused() {
    for (text, fault) in [
        ("", "f:1: unexpected end of file"),
        ("# nothing\n", "f:2: unexpected end of file"),
        ("\nmodules: []\n", "f:2: the catalogue has no modules"),
        (
            "modules:\n  - { key: admin, name: A, platform: true, sections: [] }\n",
            "f:2: the module `admin` has no sections",
        ),
    ] {
        assert_eq!(parse(text, "f").unwrap_err().to_string(), fault);
    }
}

/// Each module with its sections, in the order of the menu.
const CONTACT_CENTER: &str = "\
dashboards: general
staff: agents, telephones, teams
contacts: contacts, lists, companies, custom-fields
voice: queues, inbound-routes, outbound-routes, internal-routes, contexts, voicemails, music-on-hold, recordings, \
chanspy, out-prefixes, realtime
dialer: queue-campaigns, ivr-campaigns, realtime
chat: queues, websites, realtime
email: queues, accounts, sub-statuses, realtime
sms: queues, accounts, realtime
fax: queues, accounts, realtime
open-channel: queues, websites, realtime
whatsapp: queues, accounts, realtime
ivr: projects, odbc, recordings
jscripty: projects
tools: canned-answers, dispositions, custom-dashboards, intervals, pauses, scheduler, sounds, tags, templates, \
triggers, trunks
analytics: default-reports, custom-reports, default-extracted-reports, custom-extracted-reports, metrics
integrations: integrations
apps: plugins
downloads: attachments, ivr-recordings, contact-lists, jscripty-sessions, interactions, screen-recordings, \
voice-recordings
admin: users, user-profiles, groups, roles, api-keys, settings, resources, decisions, rules, audit
reports: activity, supervision, production
automation: automation
people: conversation-priority, channels, skills";

#[test]
fn the_built_in_catalogue_has_every_module_and_section_of_a_contact_centre() {
    let catalogue = built_in().unwrap();
    let listed: Vec<String> = catalogue
        .modules()
        .iter()
        .map(|module| {
            let sections: Vec<&str> = module.sections.iter().map(|section| section.key.name()).collect();
            format!("{}: {}", module.key, sections.join(", "))
        })
        .collect();
    assert_eq!(listed.join("\n"), CONTACT_CENTER);
}

/// Returns the keys of the built-in catalogue's sections for which `holds` is true.
fn sections_that(catalogue: &Catalogue, holds: impl Fn(&Section) -> bool) -> Vec<&str> {
    let sections = catalogue.modules().iter().flat_map(|module| &module.sections);
    sections.filter(|section| holds(section)).map(|section| section.key.as_str()).collect()
}

#[test]
fn the_built_in_catalogue_marks_what_is_special() {
    let catalogue = built_in().unwrap();
    let modules_that = |holds: fn(&crate::domain::catalogue::Module) -> bool| -> Vec<&str> {
        catalogue.modules().iter().filter(|module| holds(module)).map(|module| module.key.as_str()).collect()
    };
    assert_eq!(modules_that(|module| module.optional), ["whatsapp"]);
    assert_eq!(modules_that(|module| module.platform), ["admin"]);
    assert_eq!(modules_that(|module| !module.in_profiles), ["admin"]);
    let entries = ["dashboards/general", "jscripty/projects", "tools/custom-dashboards"];
    assert_eq!(sections_that(&catalogue, |section| section.entries), entries);
    assert_eq!(sections_that(&catalogue, |section| section.unmasked_by_edit), ["contacts/contacts"]);
    assert_eq!(sections_that(&catalogue, |section| section.shown_under.is_some()), ["tools/custom-dashboards"]);
    assert_eq!(sections_that(&catalogue, |section| section.members.is_some()), ["staff/teams"]);
    assert!(sections_that(&catalogue, |section| section.download).iter().all(|key| key.starts_with("downloads/")));
    assert_eq!(sections_that(&catalogue, |section| section.download).len(), 7);
    let built_in = sections_that(&catalogue, |section| !section.built_in.is_empty());
    assert_eq!(built_in, ["dashboards/general", "voice/contexts"]);
    assert!(!section(&catalogue, "dashboards/general").built_in[0].protected);
    assert!(section(&catalogue, "voice/contexts").built_in[0].protected);
}

#[test]
fn the_built_in_catalogue_reminds_of_what_goes_together() {
    let catalogue = built_in().unwrap();
    let queues = sections_that(&catalogue, |section| section.key.name() == "queues");
    let agents = section(&catalogue, "staff/agents");
    assert_eq!(agents.goes_with.iter().map(SectionKey::as_str).collect::<Vec<_>>(), queues);
    assert_eq!(agents.links, agents.goes_with);
    for (key, other) in [
        ("voice/queues", "staff/telephones"),
        ("dialer/queue-campaigns", "contacts/lists"),
        ("dialer/ivr-campaigns", "contacts/lists"),
        ("contacts/contacts", "contacts/lists"),
        ("ivr/projects", "staff/agents"),
    ] {
        assert!(section(&catalogue, key).goes_with.iter().any(|with| with.as_str() == other), "{key}");
    }
    for key in queues {
        assert!(section(&catalogue, key).goes_with.iter().any(|with| with.as_str() == "staff/agents"), "{key}");
    }
}

#[test]
fn r20_the_views_that_show_contacts_are_masked_and_the_others_are_not() {
    let catalogue = built_in().unwrap();
    let masked = catalogue.data_views().iter().filter(|view| view.masks_contacts).map(|view| view.key.as_str());
    assert_eq!(masked.collect::<Vec<_>>(), ["contacts", "dialer", "interactions", "voice-recordings"]);
    assert_eq!(catalogue.data_views().len(), 6);
    assert!(sections_that(&catalogue, |section| section.download && section.data_view.is_none()).is_empty());
}

#[test]
fn r36_the_reports_permission_leaves_supervision_and_production_off() {
    let catalogue = built_in().unwrap();
    let keys: Vec<&str> = catalogue.permissions().iter().map(|permission| permission.key.as_str()).collect();
    let expected = "performance-data website-sales supervision-report production-report automation reports people";
    assert_eq!(keys.join(" "), expected);
    for key in ["supervision-report", "production-report"] {
        assert_eq!(catalogue.permission(key).unwrap().requires, [PermissionKey::parse("reports").unwrap()]);
    }
    let reports = catalogue.permission("reports").unwrap();
    let activity = Object::parse("reports/activity").unwrap();
    assert!(reports.pairs.contains(&(ObjectPattern::from(&activity), Action::show())));
    let outside = |(object, _): &&(ObjectPattern, Action)| !object.as_str().starts_with("reports/activity");
    assert_eq!(reports.pairs.iter().find(outside), None);
}

#[test]
fn r15_a_list_may_hide_what_is_not_associated_even_when_it_is_linked() {
    let links = "links: [{ section: voice/contexts, hides_unassociated: true }]";
    let hiding = parse(&SMALL.replace("links: [voice/contexts]", links), "small.yaml").unwrap();
    let queues = section(&hiding, "voice/queues");
    assert_eq!(queues.hiding_links, [SectionKey::parse("voice/contexts").unwrap()]);
    assert_eq!(queues.links, queues.hiding_links);
    let catalogue = built_in().unwrap();
    let sections = catalogue.modules().iter().flat_map(|module| &module.sections);
    let hides: Vec<_> =
        sections.flat_map(|it| it.hiding_links.iter().map(|link| (it.key.as_str(), link.as_str()))).collect();
    assert_eq!(hides, [("tools/triggers", "integrations/integrations")]);
}
