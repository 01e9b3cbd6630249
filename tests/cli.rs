//! The command line, by the real program in processes of its own.

mod database;
mod full;
mod inspect;
mod policy;
mod program;
mod read;
mod serve;
mod start;
mod stop;

use std::time::Instant;

use bailiwick::demo::PASSWORD;
use serde_json::{Value, json};

use crate::common::app::eventually;
use crate::common::not_hung;
use crate::common::servers::{PostgresServer, RedisServer};
use program::{Ended, Place, Server};

const OPERATOR: &str = "Operator-Test-77";
/// The text of a first start before the operator's password.
const SHOWN_ONCE: &str = "shown this once:\n  ";

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Checks that a command failed and said all of this.
#[track_caller]
fn assert_refused(ended: &Ended, said: &[&str]) {
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.out.is_empty(), "{ended:?}");
    for words in said {
        assert!(ended.err.contains(words), "no {words:?} in {}", ended.err);
    }
}

async fn get(server: &Server, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{}{path}", server.url)).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn readiness(server: &Server) -> (u16, Value) {
    let (status, body) = get(server, "/readyz").await;
    (status, serde_json::from_str(&body).unwrap())
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()
}

/// Returns the data of a GraphQL operation.
async fn graphql(server: &Server, token: Option<&str>, query: &str) -> Value {
    let mut request = reqwest::Client::new().post(format!("{}/graphql", server.url)).json(&json!({ "query": query }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(answer["errors"].is_null(), "{query}\n{answer:#}");
    answer["data"].clone()
}

async fn sign_in(server: &Server, tenant: &str, username: &str, password: &str) -> String {
    let query = format!(
        r#"mutation {{ sessionCreate(input: {{ tenant: "{tenant}", username: "{username}", password: "{password}" }}) {{ token }} }}"#
    );
    graphql(server, None, &query).await["sessionCreate"]["token"].as_str().unwrap().to_owned()
}

fn create_tenant(place: &Place, key: &str) -> Ended {
    let arguments =
        ["tenant", "create", key, "--modules", "voice,staff", "--admin", "ada", "--email", "ada@acme.example"];
    place.run_with_input(&arguments, "Secret-12\n")
}

#[test]
fn the_operators_password_is_made_and_shown_once() {
    let place = Place::new();
    let first = place.run(&["migrate"]);
    assert_eq!((first.code, first.out.as_str()), (0, "the schema is up to date\n"), "{first:?}");
    let (_, password) = first.err.split_once(SHOWN_ONCE).unwrap();
    let password = password.lines().next().unwrap();
    assert!(password.len() >= 24, "{first:?}");
    assert_eq!(first.err.matches(password).count(), 1);
    assert!(!first.err.contains("migration"), "noise at the first start: {}", first.err);
    let second = place.run(&["migrate"]);
    assert_eq!((second.code, second.err.as_str()), (0, ""));
}

#[tokio::test]
async fn a_password_made_at_the_first_start_signs_the_operator_in() {
    let place = Place::new();
    let first = place.run(&["migrate"]).err;
    let password = first.split_once(SHOWN_ONCE).unwrap().1.lines().next().unwrap().to_owned();
    let server = place.serve();
    let token = sign_in(&server, "platform", "operator", &password).await;
    let ended = server.stop("-TERM");
    assert!(!ended.err.contains(SHOWN_ONCE) && !ended.err.contains(&password) && !ended.err.contains(&token));
}

#[test]
fn a_password_that_is_set_is_never_shown() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    let ended = place.run(&["migrate"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn schema_prints_the_schema_and_needs_no_settings() {
    let place = Place::new().with("BAILIWICK_NONSENSE", "1");
    let ended = place.run(&["schema"]);
    assert_eq!((ended.code, ended.out), (0, bailiwick::graphql::sdl()));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "it made a database");
}

#[test]
fn tenants_are_made_and_listed() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    let ended = create_tenant(&place, "acme");
    assert_eq!((ended.code, ended.out.as_str()), (0, "made the tenant `acme`, revision 1\n"), "{ended:?}");
    let list = place.run(&["tenant", "list"]);
    let table = "KEY       REVISION  NAME      MODULES\nacme      1         acme      staff voice\nplatform  1         Platform\n";
    assert_eq!((list.code, list.out.as_str()), (0, table));
    let keys = |list: &Value| list.as_array().unwrap().iter().map(|it| it["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&json_of(&place.run(&["tenant", "list", "--json"]))), [json!("acme"), json!("platform")]);
    let licence = |arguments: &[&str]| place.run(&[&["tenant", "licence"], arguments].concat());
    let set = licence(&["acme", "--modules", "voice", "--reason", "less is more"]);
    assert_eq!((set.code, set.out.as_str()), (0, "the licence of `acme` is now voice, revision 2\n"), "{set:?}");
    let set = json_of(&licence(&["acme", "--modules", "voice,staff", "--json"]));
    assert_eq!((&set["revision"], &set["tenant"]["licensedModules"]), (&json!(3), &json!(["staff", "voice"])));
    assert_refused(&licence(&["acme", "--modules", "telepathy"]), &["`telepathy`", "(modules)", "[NOT_FOUND]"]);
    assert_refused(&licence(&["nowhere", "--modules", "voice"]), &["`nowhere`", "(tenant)", "[NOT_FOUND]"]);
    assert_refused(&licence(&["platform", "--modules", "voice"]), &["no licence", "(tenant)", "[INVALID]"]);
    assert_refused(&licence(&["acme"]), &["--modules"]);
    let list = json_of(&place.run(&["tenant", "list", "--json"]));
    assert_eq!((&list[0]["policyRevision"], &list[1]["policyRevision"]), (&json!(3), &json!(1)), "{list}");
    assert_refused(&create_tenant(&place, "acme"), &["`acme` is taken", "(key)", "[ALREADY_EXISTS]"]);
    assert_refused(&create_tenant(&place, "platform"), &["reserved", "(key)", "[ALREADY_EXISTS]"]);
    let arguments = ["tenant", "create", "weak", "--admin", "ada", "--email", "ada@acme.example"];
    assert_refused(&place.run_with_input(&arguments, "short\n"), &["(admin.password)", "[WEAK_PASSWORD]"]);
    let unknown = [&arguments[..], &["--modules", "voice,telepathy"]].concat();
    let ended = place.run_with_input(&unknown, "Secret-12\n");
    assert_refused(&ended, &["`telepathy`", "(modules)", "[NOT_FOUND]"]);
    assert!(!ended.err.contains("Secret-12"));
}

#[test]
fn a_user_that_is_refused_comes_with_code_and_field() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let user = |more: &[&str]| {
        let arguments = [&["user", "create", "--tenant", "acme", "--email", "bob@acme.example"], more].concat();
        place.run_with_input(&arguments, "weak\n")
    };
    let made = user(&["Bob", "--name", "Bob Jones", "--role", "agent"]);
    assert_eq!((made.code, made.out.as_str()), (0, "made the user `bob`, revision 2\n"), "{made:?}");
    for (arguments, said) in [
        (&["bob", "--role", "agent"][..], &["(username)", "[ALREADY_EXISTS]"][..]),
        (&["eve", "--role", "user"], &["(profile)", "[PROFILE_REQUIRED]"]),
        (&["eve", "--role", "agent", "--profile", "default"], &["(profile)", "[PROFILE_NOT_ASSIGNABLE]"]),
        (&["eve", "--role", "agent", "--custom-role", "boss"], &["(customRole)", "[ROLE_NOT_ASSIGNABLE]"]),
        (&["eve", "--role", "agent", "--password-stdin"], &["(password)", "[WEAK_PASSWORD]"]),
        (&["eve", "--role", "agent"], &["(email)", "[ALREADY_EXISTS]"]),
        (&["eve", "--role", "king"], &["'--role <ROLE>'", "`king`", "[INVALID]"]),
        (&["no body", "--role", "agent"], &["'<USERNAME>'", "[INVALID]"]),
        (&["eve", "--role", "user", "--profile", "a/b"], &["'--profile <PROFILE>'", "[INVALID]"]),
    ] {
        assert_refused(&user(arguments), said);
    }
    let password = |user: &str, password: &str| {
        place.run_with_input(&["user", "set-password", "--tenant", "acme", user], password)
    };
    let set = password("ada", "Another-12\n");
    assert_eq!(
        (set.code, set.out.as_str()),
        (0, "the password of `ada` is set, and its sessions and API key have ended\n"),
        "{set:?}"
    );
    assert_refused(&password("ada", "weak\n"), &["(password)", "[WEAK_PASSWORD]"]);
    assert_refused(&password("eve", "Another-12\n"), &["`eve`", "(key)", "[NOT_FOUND]"]);
    let elsewhere = ["user", "create", "--tenant", "nowhere", "eve", "--email", "eve@acme.example", "--role", "agent"];
    assert_refused(&place.run(&elsewhere), &["`nowhere`", "(tenant)", "[NOT_FOUND]"]);
}

#[test]
fn the_demo_is_made_once_and_decides() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    let first = place.run(&["demo"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("dana") && first.out.contains(PASSWORD) && !first.err.contains(PASSWORD), "{first:?}");
    let second = place.run(&["demo"]);
    assert_eq!(second.code, 0);
    assert!(second.out.contains("nothing was changed"), "{second:?}");
    let decide = |arguments: &[&str]| place.run(&[&["decide", "--tenant", "demo"], arguments].concat());
    let allowed = decide(&["dana", "read", "voice/queues/sales"]);
    assert!(allowed.code == 0 && allowed.out.starts_with("allow (ALLOWED, revision "), "{allowed:?}");
    let denied = decide(&["dana", "delete", "voice/queues/sales"]);
    assert!(denied.code == 1 && denied.out.starts_with("deny (NO_MATCHING_RULE, revision "), "{denied:?}");
    let unknown = decide(&["nobody", "read", "voice/queues/sales", "--json"]);
    assert_eq!((unknown.code, &json_of(&unknown)["reason"]), (1, &json!("UNKNOWN_SUBJECT")));
    let masked = decide(&["priya", "read", "contacts/contacts"]);
    assert!(masked.code == 0 && masked.out.contains("mask the last 4 characters"), "{masked:?}");
    let masked = json_of(&decide(&["priya", "read", "contacts/contacts", "--json"]));
    assert_eq!(masked["obligations"], json!([{ "kind": "MASK", "view": "contacts", "characters": 4 }]));
    assert_eq!(masked["allowed"], true);
    assert_refused(&decide(&["dana", "read", "voice//sales"]), &["'<OBJECT>'", "[BAD_INPUT]"]);
    assert_refused(&decide(&["dana", "*", "voice/queues"]), &["'<ACTION>'", "[BAD_INPUT]"]);
    assert_refused(&decide(&["da*na", "read", "voice/queues"]), &["'<SUBJECT>'", "[INVALID]"]);
    let elsewhere = place.run(&["decide", "--tenant", "nowhere", "dana", "read", "voice/queues"]);
    assert_refused(&elsewhere, &["(tenant)", "[NOT_FOUND]"]);
    let unnamed = place.run(&["decide", "dana", "read", "voice/queues"]);
    assert_refused(&unnamed, &["--tenant", "(tenant)", "[BAD_INPUT]"]);
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_named_and_no_credential_is_shown() {
    let ask = ["decide", "dana", "read", "voice/queues/sales"];
    let at = |url: &str| Place::new().with("BAILIWICK_SERVER", url);
    let key = |place: Place| place.with("BAILIWICK_API_KEY", "bwk_hidden-key");
    assert_refused(&at("http://127.0.0.1:1").run(&ask), &["BAILIWICK_API_KEY", "[INVALID]"]);
    assert_refused(
        &key(at("http://127.0.0.1:1")).run(&ask),
        &["http://127.0.0.1:1/", "(server)", "[UNAVAILABLE]", "cause: "],
    );
    assert_refused(&key(at("ftp://127.0.0.1")).run(&ask), &["ftp://", "(server)", "[INVALID]"]);
    assert_refused(&key(at("nonsense")).run(&ask), &["--server"]);
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    let server = place.serve();
    let ended = key(at(&server.url)).run(&ask);
    assert_refused(&ended, &["[UNAUTHENTICATED]"]);
    assert!(!ended.err.contains("hidden-key"), "{ended:?}");
    let astray = key(at(&format!("{}/healthz", server.url))).run(&ask);
    assert_refused(&astray, &["/healthz/graphql", "[NOT_FOUND]"]);
    for local in [&["migrate"][..], &["demo"], &["policy", "verify"], &["bench", "--tenant", "acme"]] {
        let name = local.iter().take_while(|word| !word.starts_with('-')).copied().collect::<Vec<_>>().join(" ");
        assert_refused(&key(at(&server.url)).run(local), &[&name, "without `--server`", "(server)"]);
    }
}

#[test]
fn shells_and_man_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains("set-password"), "{shell}: {script:?}");
    }
    let page = place.run(&["man"]);
    assert!(page.code == 0 && page.out.contains(".TH bailiwick 1"), "{page:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(place.run(&["man", "--folder", path]).code, 0);
    let page = std::fs::read_to_string(folder.path().join("bailiwick-user-set-password.1")).unwrap();
    assert!(page.contains("sessions end"), "{page}");
    assert_refused(&place.run(&["man", "--folder", "no/such/folder"]), &["no/such/folder", "[INVALID]"]);
    assert_refused(&place.run(&["completions", "tcsh"]), &["tcsh"]);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "it made a database");
}

#[test]
fn every_command_has_help_with_an_example() {
    let place = Place::new();
    for command in [
        "",
        "serve",
        "migrate",
        "schema",
        "tenant create",
        "tenant list",
        "tenant licence",
        "user create",
        "user set-password",
        "decide",
        "explain",
        "who-can",
        "what-can",
        "audit list",
        "audit export",
        "audit verify",
        "completions",
        "man",
        "policy verify",
        "policy export",
        "policy history",
        "policy diff",
        "policy restore",
        "policy import",
        "bench",
        "demo",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = place.run(&arguments);
        assert_eq!(help.code, 0, "{command}");
        let example = format!("bailiwick {command}");
        let (_, examples) = help.out.split_once("Example").unwrap_or_else(|| panic!("no example for {command:?}"));
        assert!(examples.contains(example.trim_end()), "{command}: {examples}");
    }
    assert_eq!(place.run(&["--version"]).code, 0);
    assert_refused(&place.run(&["fly"]), &["'fly'"]);
}
