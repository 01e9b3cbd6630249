//! Questions: decisions and their reasons, who can and what can, their speed, and the audit log.

use bailiwick::demo::PASSWORD;
use serde_json::{Value, json};

use super::program::Place;
use super::{OPERATOR, assert_refused, create_tenant, json_of, sign_in};
use crate::common::app::Database;
use crate::common::tables::Tables;

#[tokio::test]
async fn the_command_line_says_the_same_of_the_database_and_of_a_server() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let server = place.serve();
    let key = sign_in(&server, "demo", "alice", PASSWORD).await;
    let client = Place::new().with("BAILIWICK_SERVER", &server.url).with("BAILIWICK_API_KEY", &key);
    for (arguments, code, said) in [
        (&["decide", "dana", "delete", "voice/queues/sales"][..], 1, "deny (NO_MATCHING_RULE"),
        (&["decide", "priya", "read", "contacts/contacts"], 0, "mask the last 4 characters"),
        (&["decide", "dana", "read", "voice/queues/sales", "--json"], 0, r#""allowed":true"#),
        (&["explain", "dana", "read", "voice/queues/sales"], 0, "── profile:supervisors-voice"),
        (&["explain", "dana", "delete", "voice/queues/sales"], 0, "may not delete voice/queues/sales"),
        (
            &["explain", "dana", "delete", "voice/queues/sales"],
            0,
            "would be allowed by any of\n  In the user profile Supervisors Voice",
        ),
        (&["explain", "dana", "read", "voice/queues/sales", "--json"], 0, r#""matched":[{"#),
        (&["who-can", "delete", "voice/queues/sales"], 0, "alice"),
        (&["who-can", "read", "voice/queues/sales", "--why"], 0, "Supervisors Voice"),
        (&["who-can", "read", "voice/queues/sales", "--limit", "1", "--json"], 0, "alice"),
        (&["who-can", "read", "voice/queues/sales", "--profile", "supervisors-voice"], 0, "Dana Reed"),
        (&["who-can", "read", "voice/queues/sales", "--search", "nobody at all"], 0, ""),
        (&["what-can", "dana", "--action", "edit", "--search", "general"], 0, "dashboards/general          edit"),
        (&["what-can", "dana"], 0, "dashboards/general                        show, read, edit"),
        (&["what-can", "dana", "--module", "voice", "--why", "--all"], 0, "Supervisors Voice"),
        (&["what-can", "dana", "--module", "fax", "--json"], 0, "[]"),
    ] {
        let direct = place.run(&[arguments, &["--tenant", "demo"]].concat());
        let (direct, remote) = (direct, client.run(arguments));
        assert_eq!((direct.code, direct.code), (code, remote.code), "{direct:?}\n{remote:?}");
        assert_eq!((&direct.out, &direct.err), (&remote.out, &remote.err), "{arguments:?}");
        assert!(direct.out.contains(said), "no {said:?} in {direct:?}");
    }
    assert_eq!(std::fs::read_dir(client.path()).unwrap().count(), 0, "a client made a database");
    let platform = sign_in(&server, "platform", "operator", OPERATOR).await;
    let operator = Place::new().with("BAILIWICK_SERVER", &server.url).with("BAILIWICK_API_KEY", &platform);
    assert!(operator.run(&["tenant", "list"]).out.contains("Northwind Contact Center"));
    let visiting = operator.run(&["decide", "--tenant", "demo", "dana", "read", "voice/queues/sales"]);
    assert!(visiting.code == 0 && visiting.out.starts_with("allow"), "{visiting:?}");
    assert_refused(&client.run(&["tenant", "list"]), &["[FORBIDDEN]"]);
    let stray = client.run(&["decide", "--tenant", "platform", "dana", "read", "voice/queues/sales"]);
    assert_refused(&stray, &["[FORBIDDEN]"]);
}

#[tokio::test]
async fn a_list_that_is_cut_says_so_and_pages_lead_to_all_of_it() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let can = |more: &[&str]| place.run(&[&["what-can", "--tenant", "demo", "alice", "--json"], more].concat());
    let all = can(&["--all"]);
    assert!(all.err.is_empty() && json_of(&all).as_array().unwrap().len() > 200, "more than two pages: {all:?}");
    let some = can(&["--limit", "150"]);
    assert_eq!(some.err, "there are more: `--all` lists them, `--limit N` so many\n");
    assert_eq!(json_of(&some).as_array().unwrap()[..], json_of(&all).as_array().unwrap()[..150]);
    let none = place.run(&["who-can", "--tenant", "demo", "fly", "nowhere/at/all"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (0, "", "none\n"));
    for (wrong, said) in [(["--limit", "0"], "--limit"), (["--module", "telepathy"], "[BAD_INPUT]")] {
        assert_refused(&can(&wrong), &[said]);
    }
    assert_refused(&can(&["--all", "--limit", "3"]), &["--limit"]);
    assert_refused(&place.run(&["what-can", "--tenant", "demo", "nobody"]), &["`nobody`", "(subject)", "[NOT_FOUND]"]);
}

#[test]
fn decisions_are_measured_with_a_tenants_own_rules() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let bench = |arguments: &[&str]| place.run(&[&["bench", "--tenant"], arguments].concat());
    let measured = json_of(&bench(&["demo", "--json"]));
    let number = |name: &str| measured[name].as_u64().unwrap();
    assert!(number("requests") > 500 && number("rules") > 500, "{measured}");
    assert!(number("allowed") > 0 && number("allowed") < number("requests"), "{measured}");
    assert!(number("decision") > 0 && number("enforcer") > 0, "{measured}");
    let said = bench(&["demo"]).out;
    assert!(said.starts_with("demo at revision ") && said.contains("casbin's Enforcer"), "{said}");
    assert_refused(&bench(&["nowhere"]), &["`nowhere`", "(tenant)", "[NOT_FOUND]"]);
}

#[tokio::test]
async fn the_audit_log_is_read_exported_and_verified() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    let key = sign_in(&server, "acme", "ada", "Secret-12").await;
    let client = Place::new().with("BAILIWICK_SERVER", &server.url).with("BAILIWICK_API_KEY", &key);
    let both = |arguments: &[&str]| {
        let direct = place.run(&[arguments, &["--tenant", "acme"]].concat());
        let remote = client.run(arguments);
        assert_eq!((direct.code, remote.code), (0, 0), "{direct:?}\n{remote:?}");
        (direct.out, remote.out)
    };
    let (direct, remote) = both(&["audit", "list"]);
    assert_eq!(direct, remote);
    assert!(
        direct.starts_with("AT ") && direct.contains("session.create") && direct.contains("tenant:acme"),
        "{direct}"
    );
    let (direct, remote) = both(&["audit", "list", "--actor", "ada", "--action", "session.create", "--json"]);
    assert_eq!(direct, remote);
    assert_eq!(serde_json::from_str::<Value>(&direct).unwrap()[0]["target"], "user:ada");
    let (direct, remote) = both(&["audit", "export", "--target", "user:ada", "--from", "2020-01-01T00:00:00Z"]);
    assert!(direct.starts_with("\"at\",") && direct.contains("session.create"), "{direct}");
    assert_eq!(direct, remote);
    let (_, lines) = both(&["audit", "export", "--format", "jsonl"]);
    let newest: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&newest["action"], &newest["after"]["format"]), (&json!("audit.export"), &json!("jsonl")));
    assert_refused(&client.run(&["audit", "list", "--from", "yesterday"]), &["'--from <TIME>'"]);
    assert_refused(&place.run(&["audit", "export"]), &["--tenant", "[BAD_INPUT]"]);
    let stranger = Place::new().with("BAILIWICK_SERVER", &server.url).with("BAILIWICK_API_KEY", "bwk_nobody");
    assert_refused(&stranger.run(&["audit", "export"]), &["[UNAUTHENTICATED]"]);
    assert_refused(&client.run(&["audit", "verify", "--tenant", "acme"]), &["`audit verify`", "(server)"]);
    assert_refused(&place.run(&["audit", "verify", "--tenant", "nowhere"]), &["`nowhere`", "[NOT_FOUND]"]);

    let verify = |more: &[&str]| place.run(&[&["audit", "verify", "--tenant", "acme"], more].concat());
    let sound = verify(&[]);
    assert!(
        sound.code == 0 && sound.out.starts_with("acme: in order, ") && sound.out.contains("\ndigest "),
        "{sound:?}"
    );
    assert_eq!(server.stop("-TERM").code, 0);
    let url = format!("sqlite://{}", place.path().join("bailiwick.db").display());
    let tables = Tables::of(&Database::at(url)).await;
    tables.run("UPDATE audit_events SET reason = 'mine' WHERE place = 1 AND target = 'tenant:acme'").await;
    let broken = verify(&[]);
    assert_eq!(
        (broken.code, broken.out.as_str()),
        (1, "acme: broken: event 1 was changed; 0 events before are in order\n")
    );
    let broken = verify(&["--json"]);
    assert_eq!((broken.code, &json_of(&broken)["broken"]), (1, &json!("event 1 was changed")));
}
