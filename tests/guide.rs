//! docs/GUIDE.md: the pairs that it tells hosts to ask for are pairs that can be given.

use std::collections::BTreeSet;

use bailiwick::config::catalogue::built_in;
use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::key::{Action, Object};

const GUIDE: &str = include_str!("../docs/GUIDE.md");
const CHANNELS: [&str; 7] = ["voice", "chat", "email", "sms", "fax", "open-channel", "whatsapp"];

/// The pairs of a text, written as `` `object` · `action` ``, each with its channels told.
fn pairs(text: &str) -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    let words: Vec<&str> = text.split('`').collect();
    for window in words.windows(3).filter(|window| window[1] == " · ") {
        let (object, action) = (window[0], window[2].to_owned());
        if object.starts_with("CHANNEL/") {
            pairs.extend(CHANNELS.map(|channel| (object.replace("CHANNEL", channel), action.clone())));
        } else {
            pairs.insert((object.to_owned(), action));
        }
    }
    pairs
}

/// Returns `true` if the pair can be given at all: by a profile or permission, or, of the platform's own, by a grant.
fn is_had(catalogue: &Catalogue, object: &str, action: &str) -> bool {
    let Ok(parsed) = Object::parse(object) else { return false };
    if Action::parse(action).is_err() {
        return false;
    }
    let given = || catalogue.permissions().iter().flat_map(|permission| &permission.pairs);
    if let Some(view) = object.strip_prefix("data/") {
        let known = catalogue.data_views().iter().find(|known| known.key.as_str() == view);
        let is_given = given().any(|(on, to)| on.as_str() == object && to.as_str() == action);
        return known.is_some_and(|view| is_given || (action == "unmask" && view.masks_contacts));
    }
    let section = parsed.as_resource().map_or_else(|| object.to_owned(), |(section, _)| section.to_string());
    let Some(section) = catalogue.section(&section) else { return false };
    let is_resource = section.key.as_str() != object;
    match action {
        _ if is_resource && !section.holds_resources => false,
        "read" => section.rights.read,
        "edit" => section.rights.edit,
        "delete" => section.rights.delete,
        "link" => is_resource,
        "download" => section.download,
        _ => false,
    }
}

#[test]
fn each_pair_that_the_guide_names_is_one_that_the_catalogue_has() {
    let catalogue = built_in().unwrap();
    let named = pairs(GUIDE);
    assert!(named.len() > 150, "{}", named.len());
    let wrong: Vec<_> = named.iter().filter(|(object, action)| !is_had(&catalogue, object, action)).collect();
    assert_eq!(wrong, Vec::<&(String, String)>::new());
    for (object, action) in [
        ("voice/realtime", "edit"),
        ("voice/realtime/KEY", "read"),
        ("voice/chanspy", "delete"),
        ("voice/telex", "read"),
        ("voice/queues", "download"),
        ("data/performance", "read"),
    ] {
        assert!(!is_had(&catalogue, object, action), "{action} on {object}");
    }
}

#[test]
fn the_guide_names_every_section_that_a_host_can_ask_about() {
    let catalogue = built_in().unwrap();
    let named = pairs(GUIDE);
    let sections = catalogue.modules().iter().flat_map(|module| &module.sections).map(|section| section.key.as_str());
    let is_named = |key: &str| named.iter().any(|(object, _)| object.split('/').take(2).eq(key.split('/')));
    assert_eq!(sections.filter(|key| !is_named(key)).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn rows_of_the_guide_have_an_activity_and_what_to_ask_for() {
    let rows = GUIDE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("|--"));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 2, "{row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
    let deletes = GUIDE.lines().find(|line| line.starts_with("| delete an interaction ")).unwrap();
    let expected: BTreeSet<_> = CHANNELS.map(|channel| (format!("{channel}/queues/KEY"), "delete".to_owned())).into();
    assert_eq!(pairs(deletes), expected);
}
