//! The program when its database is away, late, newer than itself, held by a process that stands still, or behind a
//! pooler.

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::*;
use crate::common::app::{Database, both_databases};
use crate::common::servers::PgBouncer;
use crate::common::tables::Tables;

const SETTINGS: &str =
    "mutation { settingsUpdate(input: { maskedCharacters: NUMBER }) { revision userErrors { code } } }";

/// Makes a place whose database is this.
fn at(url: &str) -> Place {
    Place::new().with("BAILIWICK_DATABASE_URL", url).with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR)
}

/// Changes the settings of the caller's tenant; returns the code of the error, if that was refused.
async fn masks(server: &Server, token: &str, characters: u32) -> Option<String> {
    let query = SETTINGS.replace("NUMBER", &characters.to_string());
    let request = reqwest::Client::new().post(format!("{}/graphql", server.url)).bearer_auth(token);
    let answer: Value = request.json(&json!({ "query": query })).send().await.unwrap().json().await.unwrap();
    answer["errors"][0]["extensions"]["code"].as_str().map(str::to_owned)
}

/// Stops a server inside a change of the settings of `acme`, which it has taken; gives what waits for the answer.
async fn freeze_inside_a_change(database: &Database, server: &Server, token: &str) -> tokio::task::JoinHandle<()> {
    // The change waits in front of its audit event until it is let go on.
    let tables = Tables::of(database).await;
    let lock = sea_orm::Database::connect(&database.url).await.unwrap().begin().await.unwrap();
    lock.execute_unprepared("SELECT pg_advisory_xact_lock(7)").await.unwrap();
    let wait = "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN IF NEW.action = 'settings.update' THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END $$; \
                CREATE TRIGGER waits BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION waits()";
    tables.run(wait).await;
    let (url, token) = (server.url.clone(), token.to_owned());
    let held = tokio::spawn(async move {
        let request = reqwest::Client::new().post(format!("{url}/graphql")).bearer_auth(token);
        drop(request.json(&json!({ "query": SETTINGS.replace("NUMBER", "3") })).send().await);
    });
    let waiting = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    eventually("the change waits", async || tables.texts(waiting).await == ["1"]).await;
    server.signal("-STOP");
    lock.rollback().await.unwrap();
    held
}

#[tokio::test]
async fn a_process_that_stands_still_inside_a_change_holds_up_its_tenant_for_a_bounded_time() {
    let database = Database::postgres().await;
    let place = at(&database.url).with("BAILIWICK_DATABASE_IDLE_SECONDS", "1");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let (frozen, other) = (place.serve(), at(&database.url).serve());
    let token = sign_in(&frozen, "acme", "ada", "Secret-12").await;
    assert_eq!(masks(&other, &token, 2).await, None);

    let held = freeze_inside_a_change(&database, &frozen, &token).await;
    eventually("others change the tenant", async || masks(&other, &token, 4).await.is_none()).await;
    frozen.signal("-CONT");
    held.await.unwrap();
    assert_eq!(masks(&frozen, &token, 5).await, None, "it goes on as well");
    let masked = graphql(&other, Some(&token), "{ tenant { settings { maskedCharacters } } }").await;
    assert_eq!(masked["tenant"]["settings"]["maskedCharacters"], 5);
}

#[tokio::test]
async fn a_process_that_stands_still_inside_a_change_holds_up_nobodys_credentials() {
    let database = Database::postgres().await;
    let place = at(&database.url).with("BAILIWICK_DATABASE_IDLE_SECONDS", "300");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let (frozen, other) = (place.serve(), at(&database.url).serve());
    let token = sign_in(&frozen, "acme", "ada", "Secret-12").await;
    let held = freeze_inside_a_change(&database, &frozen, &token).await;

    let asked = Instant::now();
    let signed_out = sign_in(&other, "acme", "ada", "Secret-12").await;
    graphql(&other, Some(&signed_out), "mutation { sessionEnd { ended } }").await;
    let says = async |query: &str| graphql(&other, Some(&token), &format!("mutation {{ {query} }}")).await;
    let made = says("apiKeyGenerate(input: {}) { token userErrors { code } }").await;
    let key = made["apiKeyGenerate"]["token"].as_str().unwrap().to_owned();
    let removed = says("apiKeyRemove(input: {}) { user userErrors { code } }").await;
    assert_eq!(removed["apiKeyRemove"]["user"], "ada");
    let changed =
        says(r#"passwordChange(input: { old: "Secret-12", new: "Secret-34" }) { user { key } userErrors { code } }"#)
            .await;
    assert_eq!(changed["passwordChange"]["user"]["key"], "ada");
    not_hung(asked);
    for credential in [&signed_out, &key] {
        assert_eq!(masks(&other, credential, 4).await.as_deref(), Some("UNAUTHENTICATED"));
    }
    assert_eq!(masks(&other, &token, 4).await.as_deref(), Some("UNAVAILABLE"), "the tenant is held still");
    frozen.signal("-CONT");
    held.await.unwrap();
    assert_eq!(masks(&frozen, &token, 5).await, None);
    assert_eq!(place.run(&["audit", "verify", "--tenant", "acme"]).code, 0);
}

#[tokio::test]
async fn a_start_waits_for_its_database_and_says_why() {
    let mut postgres = PostgresServer::start();
    let url = postgres.create_database().await;
    postgres.kill();
    let place = at(&url).with("BAILIWICK_START_WAIT_SECONDS", "60");
    let log = place.path().join("log");
    let starting = std::thread::spawn(move || {
        let server = place.serve();
        (place, server)
    });
    let said = async || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("the start waits for it"));
    eventually("the log says what it waits for", said).await;
    postgres.restart();
    let (_place, server) = starting.join().unwrap();
    assert_eq!(get(&server, "/readyz").await.0, 200);
    let log = server.stop("-TERM").err;
    assert_eq!(log.matches("the start waits for it").count(), 1, "{log}");
    assert!(log.contains("Connection refused") && log.contains("seconds=60"), "{log}");
    let impatient = at("postgres://bailiwick@127.0.0.1:1/nothing").with("BAILIWICK_START_WAIT_SECONDS", "0");
    assert_refused(&impatient.run(&["migrate"]), &["`database_url`", "[UNAVAILABLE]", "cause: "]);
}

#[tokio::test]
async fn one_line_says_that_the_database_went_and_one_that_it_is_back() {
    let mut postgres = PostgresServer::start();
    let place = at(&postgres.create_database().await).with("BAILIWICK_SWEEP_SECONDS", "1");
    let server = place.serve();
    let token = sign_in(&server, "platform", "operator", OPERATOR).await;
    postgres.kill();
    for _ in 0..3 {
        assert_eq!(masks(&server, &token, 2).await.as_deref(), Some("UNAVAILABLE"));
    }
    eventually("the log says it", async || server.log().contains("the database is away")).await;
    postgres.restart();
    eventually("changes work", async || masks(&server, &token, 3).await.is_none()).await;
    let log = server.stop("-TERM").err;
    for words in ["the database is away", "the database is back"] {
        assert_eq!(log.matches(words).count(), 1, "{words}\n{log}");
    }
    assert!(log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count() <= 4, "{log}");
}

both_databases!(a_schema_of_a_newer_version_is_lived_with_and_one_that_is_not_known_is_refused);
async fn a_schema_of_a_newer_version_is_lived_with_and_one_that_is_not_known_is_refused(database: Database) {
    let place = at(&database.url);
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let tables = Tables::of(&database).await;
    tables.run("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9998_of_tomorrow', 0)").await;
    let list = place.run(&["tenant", "list"]);
    assert!(list.code == 0 && list.out.contains("acme"), "{list:?}");
    assert!(list.err.contains("m9998_of_tomorrow") && list.err.contains("upgrade"), "{list:?}");
    let server = place.serve();
    let token = sign_in(&server, "acme", "ada", "Secret-12").await;
    assert_eq!(masks(&server, &token, 7).await, None, "both versions serve side by side");
    drop(server);
    tables.run("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m0000_of_others', 0)").await;
    for command in [&["serve"][..], &["migrate"], &["tenant", "list"]] {
        assert_refused(&place.run(command), &["`m0000_of_others`", "[UNAVAILABLE]"]);
    }
}

/// Asks a server for something of every table that gets a new column, and changes some.
async fn reads_and_writes(server: &Server, token: &str, characters: u32) {
    assert_eq!(masks(server, token, characters).await, None);
    let again = sign_in(server, "acme", "ada", "Secret-12").await;
    let query = "{ tenant { settings { maskedCharacters } } users(first: 5) { nodes { key apiKey { prefix } } } \
                 auditEvents(first: 5) { nodes { action before after } } policyRevisions(first: 5) { nodes { revision } } \
                 policy { rules(first: 5) { nodes { values } } } }";
    let found = graphql(server, Some(&again), query).await;
    assert_eq!(found["tenant"]["settings"]["maskedCharacters"], characters);
    let key = graphql(server, Some(&again), "mutation { apiKeyGenerate(input: {}) { token } }").await;
    let key = key["apiKeyGenerate"]["token"].as_str().unwrap().to_owned();
    let menu = graphql(server, Some(&key), "{ viewer { user { key } } }").await;
    assert_eq!(menu["viewer"]["user"]["key"], "ada");
    graphql(server, Some(&again), "mutation { sessionEnd { ended } }").await;
}

both_databases!(columns_that_a_newer_version_adds_are_noticed_by_no_instance_that_runs);
async fn columns_that_a_newer_version_adds_are_noticed_by_no_instance_that_runs(database: Database) {
    let place = at(&database.url).with("BAILIWICK_SWEEP_SECONDS", "1");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    let token = sign_in(&server, "acme", "ada", "Secret-12").await;
    // So often that every connection has prepared every statement.
    futures_util::future::join_all((0..16).map(|n| reads_quietly(&server, &token, n))).await;
    reads_and_writes(&server, &token, 2).await;
    let tables = Tables::of(&database).await;
    for table in ["tenants", "users", "sessions", "api_keys", "audit_events", "revisions", "casbin_rule", "profiles"] {
        tables.run(&format!("ALTER TABLE {table} ADD COLUMN of_tomorrow TEXT")).await;
        tables.run(&format!("ALTER TABLE {table} ADD COLUMN of_next_week BIGINT NOT NULL DEFAULT 0")).await;
    }
    for characters in 3..6 {
        reads_and_writes(&server, &token, characters).await;
        futures_util::future::join_all((0..16).map(|n| reads_quietly(&server, &token, n))).await;
    }
    let log = server.stop("-TERM").err;
    assert!(!log.contains("ERROR") && !log.contains("cached plan"), "{log}");
}

/// Signs in, reads and changes what others do at the same time, whichever of them is first.
async fn reads_quietly(server: &Server, token: &str, number: u32) {
    match number % 3 {
        0 => drop(sign_in(server, "acme", "ada", "Secret-12").await),
        1 => drop(
            graphql(
                server,
                Some(token),
                "{ users(first: 5) { nodes { key } } auditEvents(first: 5) { nodes { action } } }",
            )
            .await,
        ),
        _ => assert_eq!(masks(server, token, number % 9 + 1).await, None),
    }
}

/// Does a bit of everything side by side, with two instances that start one after the other.
async fn works(place: &Place) {
    let (one, other) = (place.serve(), place.serve());
    let token = sign_in(&one, "acme", "ada", "Secret-12").await;
    for round in 0..5_u32 {
        let many = (0..8).map(async |n| {
            let server = if n % 2 == 0 { &one } else { &other };
            match n % 4 {
                0 => drop(sign_in(server, "acme", "ada", "Secret-12").await),
                1 => assert_eq!(masks(server, &token, round + 1).await, None),
                _ => {
                    let query = "{ users(first: 10) { totalCount nodes { key groups { nodes { key } } } } auditEvents(first: 5) { nodes { action } } }";
                    let found = graphql(server, Some(&token), query).await;
                    assert_eq!(found["users"]["nodes"][0]["key"], "ada");
                }
            }
        });
        futures_util::future::join_all(many).await;
    }
    for server in [one, other] {
        let log = server.stop("-TERM").err;
        assert!(!log.contains("ERROR") && !log.contains("prepared statement"), "{log}");
    }
    assert_eq!(place.run(&["policy", "verify"]).code, 0);
    assert_eq!(place.run(&["audit", "verify", "--tenant", "acme"]).code, 0);
}

#[tokio::test]
async fn a_pooler_that_gives_its_connections_by_the_session_needs_no_setting() {
    let database = Database::postgres().await;
    let pooler = PgBouncer::before(&database.url, "session", 40);
    let place = at(&pooler.url()).with("BAILIWICK_DATABASE_CONNECTIONS", "6");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    works(&place).await;
}

#[tokio::test]
async fn a_pooler_that_gives_its_connections_by_the_transaction_needs_one_and_the_start_says_which() {
    let database = Database::postgres().await;
    let pooler = PgBouncer::before(&database.url, "transaction", 6);
    let plain = at(&pooler.url());
    assert_refused(&plain.run(&["serve"]), &["by the transaction", "`database_statement_cache`", "[INVALID]"]);
    let place = plain.with("BAILIWICK_DATABASE_STATEMENT_CACHE", "0");
    assert_eq!(create_tenant(&place, "acme").code, 0);
    works(&place).await;
    let tables = Tables::of(&database).await;
    let kept = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()";
    eventually("no transaction stays", async || tables.texts(kept).await == ["0"]).await;
}

#[tokio::test]
async fn a_pool_that_is_smaller_than_asked_for_delays_and_hangs_nobody() {
    let database = Database::postgres().await;
    let pooler = PgBouncer::before(&database.url, "session", 4);
    let place = at(&pooler.url());
    assert_eq!(create_tenant(&place, "acme").code, 0);
    let server = place.serve();
    let token = sign_in(&server, "acme", "ada", "Secret-12").await;
    let asked = Instant::now();
    let codes = futures_util::future::join_all((1..40).map(|n| masks(&server, &token, n % 9 + 1))).await;
    not_hung(asked);
    assert!(codes.iter().flatten().all(|code| code == "UNAVAILABLE"), "{codes:?}");
    assert!(codes.iter().any(Option::is_none), "{codes:?}");
    drop(server);
    let fitting = place.with("BAILIWICK_DATABASE_CONNECTIONS", "3");
    let server = fitting.serve();
    let codes = futures_util::future::join_all((1..9).map(|n| masks(&server, &token, n + 1))).await;
    assert!(codes.iter().all(Option::is_none), "{codes:?}");
    assert_eq!(server.stop("-TERM").code, 0);
}

#[test]
fn the_limits_of_the_database_come_from_the_settings() {
    let set = [
        ("CONNECTIONS", "3"),
        ("STATEMENT_SECONDS", "4"),
        ("IDLE_SECONDS", "5"),
        ("TRANSACTION_SECONDS", "6"),
        ("STATEMENT_CACHE", "0"),
    ];
    let env = set.map(|(name, value)| (format!("BAILIWICK_DATABASE_{name}"), value.to_owned()));
    let limits = bailiwick::app::limits(&bailiwick::config::Settings::load(None, env).unwrap());
    let seconds = [limits.statement, limits.idle, limits.transaction].map(|limit| limit.as_secs());
    assert_eq!((limits.connections, seconds, limits.prepared), (3, [4, 5, 6], 0));
}
