//! `serve`: a server's start, its stop, and what it lets others read.

use bailiwick::app::AppConfig;
use bailiwick::config::Settings;
use futures_util::stream::{self, StreamExt as _};

use super::*;

#[tokio::test]
async fn serve_says_where_answers_and_stops_gracefully() {
    for signal in ["-TERM", "-INT"] {
        let place = Place::new();
        let server = place.serve();
        assert_eq!(get(&server, "/healthz").await.0, 200);
        let (status, report) = readiness(&server).await;
        assert_eq!((status, &report["ready"]), (200, &json!(true)));
        eventually("the database has answered", async || check(&readiness(&server).await.1, "database")["ok"] == true)
            .await;
        let ended = server.stop(signal);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.starts_with("Bailiwick serves GraphQL at http://127.0.0.1:"), "{ended:?}");
        assert!(ended.err.contains("stopping") && !ended.err.contains("still under way"), "{ended:?}");
        assert!(!ended.err.contains('\u{1b}'), "colours in a file: {ended:?}");
    }
}

#[test]
fn a_server_that_is_stopped_as_soon_as_it_speaks_stops_gracefully() {
    let place = Place::new();
    assert_eq!(place.run(&["migrate"]).code, 0);
    assert_eq!(place.serve().stop("-TERM").code, 0);
}

#[test]
fn the_printed_address_is_the_public_one_when_it_is_set() {
    let place = Place::new().with("BAILIWICK_PUBLIC_URL", "https://desk.example/access");
    let said = place.serve().stop("-TERM").out;
    assert!(said.contains("https://desk.example/access/graphql "), "{said}");
}

#[tokio::test]
async fn the_types_of_subjects_that_are_set_stand_for_users() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    let allowed = async |place: &Place| {
        let server = place.serve();
        let token = sign_in(&server, "demo", "alice", PASSWORD).await;
        let mut allowed = Vec::new();
        for kind in ["user", "identity", "person", "machine"] {
            let asked = json!({
                "subject": { "type": kind, "id": "alice" },
                "action": { "name": "edit" },
                "resource": { "type": "section", "id": "voice/queues" },
            });
            let url = format!("{}/access/v1/evaluation", server.url);
            let answer = reqwest::Client::new().post(url).bearer_auth(&token).json(&asked).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            allowed.extend((answer["decision"] == true).then_some(kind));
        }
        allowed
    };
    assert_eq!(allowed(&place).await, ["user"]);
    let mapped = place.with("BAILIWICK_AUTHZEN_SUBJECT_TYPES", "identity, person");
    assert_eq!(allowed(&mapped).await, ["user", "identity", "person"]);
}

#[test]
fn an_address_that_is_taken_stops_the_start_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::new().with("BAILIWICK_LISTEN", &address);
    assert_refused(&place.run(&["serve"]), &["cannot listen on", &address]);
}

#[test]
fn an_unknown_or_wrong_setting_stops_the_start_and_is_named() {
    for (place, said) in [
        (Place::new().with("BAILIWICK_LISTNE", "127.0.0.1:1"), "unknown setting BAILIWICK_LISTNE"),
        (Place::new().with("BAILIWICK_SWEEP_SECONDS", "0"), "wrong setting BAILIWICK_SWEEP_SECONDS"),
        (Place::new().with("BAILIWICK_REDIS_URL", "http://x"), "wrong setting BAILIWICK_REDIS_URL"),
        (Place::new().with_file("bailiwick.toml", "colour = 'blue'"), "unknown setting colour in bailiwick.toml"),
        (Place::new().with("BAILIWICK_CATALOGUE", "gone.yaml"), "gone.yaml"),
        (Place::new().with("BAILIWICK_MODEL", "gone.conf"), "gone.conf"),
    ] {
        assert_refused(&place.run(&["serve"]), &[said, "[INVALID]"]);
    }
    assert_refused(&Place::new().run(&["serve", "--config", "gone.toml"]), &["gone.toml"]);
}

#[test]
fn a_database_that_cannot_be_used_stops_the_start_without_a_word_of_its_password() {
    let nowhere = Place::new().with("BAILIWICK_DATABASE_URL", "sqlite://no/such/folder/bailiwick.db?mode=rwc");
    assert_refused(&nowhere.run(&["serve"]), &["`database_url`", "[UNAVAILABLE]", "cause: "]);
    let noise = "this is not a database, however long one looks at it ".repeat(100);
    let no_database = Place::new().with_file("bailiwick.db", &noise);
    assert_refused(&no_database.run(&["serve"]), &["`database_url`", "[UNAVAILABLE]", "cause: "]);
    let away = Place::new()
        .with("BAILIWICK_DATABASE_URL", "postgres://bailiwick:Hidden-55@127.0.0.1:1/bailiwick")
        .with("BAILIWICK_START_WAIT_SECONDS", "0");
    let ended = away.run(&["serve"]);
    assert_refused(&ended, &["`database_url`", "[UNAVAILABLE]", "cause: "]);
    assert!(!ended.err.contains("Hidden-55"), "{}", ended.err);
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_waited_for_while_serving() {
    let mut redis = RedisServer::reserve();
    let place = Place::new().with("BAILIWICK_REDIS_URL", &redis.url());
    let server = place.serve();
    let (status, report) = readiness(&server).await;
    assert_eq!((status, &check(&report, "bus")["ok"]), (200, &json!(false)), "{report:#}");
    eventually("the log says that Redis is away", async || server.log().contains("not hearing the news")).await;
    redis.restart();
    eventually("it hears Redis", async || check(&readiness(&server).await.1, "bus")["ok"] == true).await;
    let ended = server.stop("-TERM");
    assert_eq!(ended.code, 0);
    let [went, returned] = ["not hearing the news", "hearing the news of other instances again"].map(|words| {
        let mut lines = ended.err.lines().filter(|line| line.contains(words));
        let line = lines.next().unwrap_or_else(|| panic!("{words}: {}", ended.err));
        assert_eq!(lines.next(), None);
        line.contains("WARN")
    });
    assert!(went && returned, "who sees the one sees the other\n{}", ended.err);
}

#[tokio::test]
async fn what_the_command_line_changes_reaches_a_running_server_over_redis() {
    let redis = RedisServer::start();
    let database = PostgresServer::shared().create_database().await;
    // An hour between sweeps: only the news over Redis can bring it in time.
    let place = Place::new()
        .with("BAILIWICK_DATABASE_URL", &database)
        .with("BAILIWICK_REDIS_URL", &redis.url())
        .with("BAILIWICK_SWEEP_SECONDS", "3600");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    eventually("it hears Redis", async || check(&readiness(&server).await.1, "bus")["ok"] == true).await;
    let token = sign_in(&server, "acme", "ada", "Secret-12").await;
    let question =
        r#"{ decision(input: { subject: "bob", action: "read", object: "voice/queues" }) { reason revision } }"#;
    assert_eq!(graphql(&server, Some(&token), question).await["decision"]["reason"], "UNKNOWN_SUBJECT");
    let arguments = ["user", "create", "--tenant", "acme", "bob", "--email", "bob@acme.example", "--role", "agent"];
    assert_eq!(place.run(&arguments).code, 0);
    let begun = Instant::now();
    eventually("the server knows bob", async || {
        graphql(&server, Some(&token), question).await["decision"]["reason"] == "NO_MATCHING_RULE"
    })
    .await;
    not_hung(begun);
}

#[tokio::test]
async fn no_log_holds_a_password_or_a_token_however_much_is_logged() {
    let place = Place::new()
        .with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR)
        .with("BAILIWICK_REDIS_URL", "redis://bailiwick:Hidden-66@127.0.0.1:1/")
        .with("BAILIWICK_LOG", "trace");
    let made = place.run_with_input(
        &["tenant", "create", "acme", "--admin", "ada", "--email", "ada@acme.example"],
        "Secret-Ada-1\n",
    );
    assert_eq!(made.code, 0, "{made:?}");
    let server = place.serve();
    let session = sign_in(&server, "acme", "ada", "Secret-Ada-1").await;
    let mutation = "mutation { apiKeyGenerate(input: {}) { token } }";
    let issued = graphql(&server, Some(&session), mutation).await;
    let key = issued["apiKeyGenerate"]["token"].as_str().unwrap();
    graphql(&server, Some(key), "{ viewer { user { key } } }").await;
    let log = server.stop("-TERM").err;
    assert!(log.contains("DEBUG") && key.starts_with("bwk_"), "{log}");
    for secret in [OPERATOR, "Hidden-66", "Secret-Ada-1", &session, key] {
        for said in [&log, &made.out, &made.err] {
            let line = said.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "`{secret}` in: {line:?}");
        }
    }
}

#[tokio::test]
async fn the_page_and_the_schema_are_switched_off_by_settings() {
    for (switch, page, schema) in [("true", 200, true), ("false", 400, false)] {
        let place = Place::new().with("BAILIWICK_GRAPHIQL", switch).with("BAILIWICK_INTROSPECTION", switch);
        let server = place.serve();
        let asked = reqwest::Client::new().get(format!("{}/graphql", server.url)).header("Accept", "text/html, */*");
        assert_eq!(asked.send().await.unwrap().status(), page, "{switch}");
        let asked = reqwest::Client::new().post(format!("{}/graphql", server.url));
        let query = json!({ "query": "{ __schema { queryType { name } } }" });
        let answer: Value = asked.json(&query).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["__schema"].is_object(), schema, "{switch} {answer:#}");
        assert_eq!(server.stop("-TERM").out.contains("GraphiQL"), switch == "true");
    }
}

#[tokio::test]
async fn the_days_that_revisions_are_kept_are_counted_in_seconds() {
    let place = Place::new();
    let database =
        ("BAILIWICK_DATABASE_URL".to_owned(), format!("sqlite://{}/kept.db?mode=rwc", place.path().display()));
    for (set, kept) in [(None, None), (Some("30"), Some(30 * 24 * 3600))] {
        let days = set.map(|days| ("BAILIWICK_REVISIONS_KEPT_DAYS".to_owned(), days.to_owned()));
        let settings = Settings::load(None, days.into_iter().chain([database.clone()])).unwrap();
        assert_eq!(AppConfig::from_settings(&settings).await.unwrap().revisions_kept_seconds, kept);
    }
}

/// Guesses wrong once, for this name from this address; returns the outcome.
async fn guess(server: &Server, address: &str, name: &str) -> Value {
    let query = format!(
        r#"mutation {{ sessionCreate(input: {{ tenant: "acme", username: "{name}", password: "Wrong-1234" }}) {{ userErrors {{ code }} }} }}"#
    );
    let request = reqwest::Client::new().post(format!("{}/graphql", server.url)).json(&json!({ "query": query }));
    request.header("X-Forwarded-For", address).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn many_wrong_sign_ins_leave_the_memory_as_it_was() {
    let place = Place::new().with("BAILIWICK_TRUSTED_PROXIES", "127.0.0.1");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    sign_in(&server, "acme", "ada", "Secret-12").await;
    let before = server.resident_mib();
    let side_by_side = (0..100).map(|n| {
        let server = &server;
        async move {
            let answer = guess(server, &format!("203.0.113.{n}"), &format!("guess{n}")).await;
            assert_eq!(answer["data"]["sessionCreate"]["userErrors"][0]["code"], "WRONG_PASSWORD", "{answer}");
        }
    });
    stream::iter(side_by_side).buffer_unordered(10).collect::<Vec<_>>().await;
    let (after, cores) = (server.resident_mib(), std::thread::available_parallelism().unwrap().get() as u64);
    // The blocks of as many hashes as go on at once, and what requests take.
    assert!(after < before + 19 * cores + 40, "{before} MiB became {after} MiB");
}

#[tokio::test]
async fn wrong_sign_ins_are_in_the_log_with_their_address_and_a_count_of_those_left_out() {
    let place = Place::new().with("BAILIWICK_TRUSTED_PROXIES", "127.0.0.0/8");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    for n in 0..25 {
        guess(&server, &format!("198.51.100.9, 203.0.113.{}", n / 10), "ada").await;
    }
    let log = server.stop("-TERM").err;
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("a password did not fit"), 20, "{log}");
    assert!(log.lines().any(|line| line.contains("session.fail") && line.contains("left_out=5")), "{log}");
    assert_eq!(lines("too many wrong passwords: no more of this client"), 2);
    for words in ["tenant=\"acme\"", "name=\"ada\"", "address=\"203.0.113.0\"", "request="] {
        assert!(log.lines().any(|line| line.contains("did not fit") && line.contains(words)), "{words}: {log}");
    }
    assert!(log.lines().any(|line| line.contains("answered") && line.contains("address=203.0.113.2")), "{log}");
    assert!(!log.contains("198.51.100.9"), "what the proxy has not written is not believed");
    // Sign-ins for which the log has no lines are in the audit log, told at the end.
    let events = place.run(&["audit", "export", "--tenant", "acme", "--format", "jsonl"]);
    let failed: Value = events
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|event| event["action"] == "session.fail")
        .unwrap();
    assert_eq!(failed["after"]["count"], 25);
}

#[tokio::test]
async fn a_forwarding_header_of_nobody_who_is_trusted_is_told_of_once_and_not_believed() {
    let place = Place::new();
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    for n in 0..11 {
        let answer = guess(&server, &format!("203.0.113.{n}"), "ada").await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        assert_eq!(code, (n == 10).then_some("RATE_LIMITED"), "{n} {answer}");
    }
    let log = server.stop("-TERM").err;
    assert_eq!(log.matches("is not believed").count(), 1, "{log}");
    assert!(!log.contains("203.0.113"), "{log}");
}
