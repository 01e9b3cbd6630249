//! The settings and files that a start ignores, refuses and repairs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use bailiwick::engine::MODEL;

use super::*;

const OF_A_SERVICE: [(&str, &str); 8] = [
    ("BAILIWICK_SERVICE_HOST", "10.96.7.1"),
    ("BAILIWICK_SERVICE_PORT", "8080"),
    ("BAILIWICK_SERVICE_PORT_HTTP", "8080"),
    ("BAILIWICK_PORT", "tcp://10.96.7.1:8080"),
    ("BAILIWICK_PORT_8080_TCP", "tcp://10.96.7.1:8080"),
    ("BAILIWICK_PORT_8080_TCP_PROTO", "tcp"),
    ("BAILIWICK_PORT_8080_TCP_PORT", "8080"),
    ("BAILIWICK_PORT_8080_TCP_ADDR", "10.96.7.1"),
];

#[test]
fn a_kubernetes_service_of_the_programs_name_stops_no_start_and_is_named_in_the_log() {
    let place = OF_A_SERVICE.iter().fold(Place::new(), |place, (name, value)| place.with(name, value));
    let ended = place.serve().stop("-TERM");
    assert_eq!(ended.code, 0, "{ended:?}");
    let line = ended.err.lines().find(|line| line.contains("passed over")).unwrap_or_else(|| panic!("{ended:?}"));
    assert!(OF_A_SERVICE.iter().all(|(name, _)| line.contains(name)), "{line}");
    let quiet = place.run(&["tenant", "list"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (0, ""), "a command does not talk of it");
    let mistaken = Place::new().with("BAILIWICK_PORT", "8080");
    assert_refused(&mistaken.run(&["serve"]), &["unknown setting BAILIWICK_PORT", "[INVALID]"]);
}

#[test]
fn a_model_that_would_break_a_promise_stops_the_start_and_names_the_promise() {
    let effect = "some(where (p.eft == allow)) && !some(where (p.eft == deny))";
    let act = "(r.act == p.act || p.act == \"*\")";
    for (from, to, said) in [
        (effect, "!some(where (p.eft == deny))", &["R42, who is unknown", "`nobody` could", "R25, "][..]),
        (effect, "some(where (p.eft == allow))", &["R41, all sources add up", "R2, a module", "R20, the holders"]),
        (act, "r.act == p.act", &["R25, an ADMIN has all", "`ada` could not"]),
        ("act, eft", "act", &["R41, all sources", "R2, a module"]),
        ("keyMatch(r.obj, p.obj)", "r.obj == p.obj", &["R25, an ADMIN", "R35a, a grant"]),
        ("g(r.sub, p.sub, r.dom)", "r.sub == p.sub", &["no term for the subject"]),
        (" && r.dom == p.dom", "", &["no term for the domain"]),
    ] {
        assert!(MODEL.contains(from), "{from}");
        let place = Place::new().with_file("own.conf", &MODEL.replace(from, to)).with("BAILIWICK_MODEL", "own.conf");
        let ended = place.run(&["serve"]);
        assert_refused(&ended, &[&["the model is refused", "[INVALID]"], said].concat());
    }
    let other_words = MODEL.replace(act, "(p.act == \"*\" || p.act == r.act)").replace("obj", "thing");
    let place = Place::new().with_file("own.conf", &other_words).with("BAILIWICK_MODEL", "own.conf");
    assert_eq!(place.serve().stop("-TERM").code, 0);
}

/// Returns the rights to a file of the database.
fn mode(place: &Place, file: &str) -> u32 {
    fs::metadata(place.path().join(file)).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_files_of_the_database_are_their_owners_alone_and_a_wider_one_is_warned_of() {
    let place = Place::new();
    let server = place.serve();
    for file in ["bailiwick.db", "bailiwick.db-wal", "bailiwick.db-shm"] {
        assert_eq!(mode(&place, file), 0o600, "{file}");
    }
    assert!(!server.log().contains("holds secrets"), "{}", server.log());
    server.stop("-TERM");
    fs::set_permissions(place.path().join("bailiwick.db"), Permissions::from_mode(0o644)).unwrap();
    let ended = place.serve().stop("-TERM");
    assert!(ended.err.contains("`bailiwick.db` holds secrets and has the mode 0644"), "{ended:?}");
    assert_eq!(mode(&place, "bailiwick.db"), 0o644, "it is for its owner to change");
}
