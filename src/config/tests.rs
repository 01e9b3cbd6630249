use std::fs;

use super::*;

/// Loads with `file` as the settings file and `env` as the environment.
fn load(file: &str, env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bailiwick.toml");
    fs::write(&path, file).unwrap();
    Settings::load(Some(&path), env.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
}

/// Returns the text of the refusal, with the file by its name alone.
fn refusal(file: &str, env: &[(&str, &str)]) -> String {
    let error = load(file, env).unwrap_err().to_string();
    error.split(' ').map(|word| word.rsplit_once('/').map_or(word, |(_, name)| name)).collect::<Vec<_>>().join(" ")
}

#[test]
fn without_file_and_environment_the_defaults_hold() {
    let settings = load("", &[]).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.database_url.expose(), "sqlite://bailiwick.db?mode=rwc");
    assert!(settings.redis_url.is_none() && settings.public_url.is_none());
    assert!(settings.catalogue.is_none() && settings.model.is_none() && settings.trusted_proxies.is_none());
    assert!(settings.authzen_subject_types.is_none());
    assert!(settings.smtp_url.is_none());
    assert_eq!(
        (settings.mail_dir.as_path(), settings.mail_from.to_string().as_str()),
        (Path::new("mail"), "bailiwick@localhost")
    );
    assert_eq!(settings.installation().unwrap().as_str(), "http://127.0.0.1:8080/");
    assert!(settings.operator_password.is_none() && settings.max_staleness_seconds.is_none());
    assert_eq!(settings.sweep_seconds.duration().as_secs(), 5);
    assert_eq!(of_the_database(&settings), [16, 10, 10, 120, 100, 30]);
    assert_eq!((settings.tenants_in_memory.get(), settings.rules_in_memory.get()), (10_000, 10_000_000));
    assert_eq!(settings.state_in_memory.get(), 1_000_000);
    assert_eq!((settings.shadow_one_in.get(), settings.metrics_listen), (1000, None));
    assert_eq!((settings.connections_max.get(), settings.connections_per_address.get()), (4096, 512));
    let limits = [settings.header_seconds, settings.idle_seconds, settings.write_seconds];
    assert_eq!(limits.map(|limit| limit.duration().as_secs()), [15, 75, 30]);
    assert_eq!(settings.drain_seconds.get(), 5);
    assert!(settings.revisions_kept_days.is_none() && settings.graphiql && settings.introspection);
    assert_eq!(
        (settings.log.as_str(), settings.log_format),
        ("info,sea_orm_migration=warn,sqlx::postgres::notice=warn,sqlx_core::pool=off", LogFormat::Text)
    );
}

/// Returns the limits on the database, in the order of the settings.
fn of_the_database(settings: &Settings) -> [u64; 6] {
    [
        settings.database_connections.get().into(),
        settings.database_statement_seconds.duration().as_secs(),
        settings.database_idle_seconds.duration().as_secs(),
        settings.database_transaction_seconds.duration().as_secs(),
        settings.database_statement_cache.get().into(),
        settings.start_wait_seconds.get().into(),
    ]
}

#[test]
fn the_defaults_explain_every_setting_and_no_other() {
    let error = load("wrong = 1", &[]).unwrap_err();
    let SettingsError::Unknown { known, .. } = error else { panic!("{error}") };
    let explained: Vec<&str> = DEFAULTS
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim_start_matches("# ")))
        .collect();
    assert_eq!(explained.join(", "), known);
}

#[test]
fn the_file_goes_over_the_defaults_and_the_environment_over_the_file() {
    let file = "sweep_seconds = 30\nlog = 'warn'\nlog_format = 'json'\nmax_staleness_seconds = 60";
    let env = [("BAILIWICK_SWEEP_SECONDS", "7"), ("BAILIWICK_LOG", "debug,sqlx=off"), ("HOME", "/nowhere")];
    let settings = load(file, &env).unwrap();
    assert_eq!(settings.sweep_seconds.duration().as_secs(), 7);
    assert_eq!(settings.log, "debug,sqlx=off");
    assert_eq!(settings.log_format, LogFormat::Json);
    assert_eq!(settings.max_staleness_seconds.unwrap().duration().as_secs(), 60);
}

#[test]
fn every_setting_can_come_from_the_environment() {
    let settings = load(
        "",
        &[
            ("BAILIWICK_LISTEN", "[::1]:9000"),
            ("BAILIWICK_DATABASE_URL", "postgres://db.example/bailiwick"),
            ("BAILIWICK_DATABASE_CONNECTIONS", "2"),
            ("BAILIWICK_DATABASE_STATEMENT_SECONDS", "1"),
            ("BAILIWICK_DATABASE_IDLE_SECONDS", "2"),
            ("BAILIWICK_DATABASE_TRANSACTION_SECONDS", "86400"),
            ("BAILIWICK_DATABASE_STATEMENT_CACHE", "0"),
            ("BAILIWICK_START_WAIT_SECONDS", "0"),
            ("BAILIWICK_REDIS_URL", "redis+unix:///run/redis.sock"),
            ("BAILIWICK_PUBLIC_URL", "https://access.example.com/rbac"),
            ("BAILIWICK_TRUSTED_PROXIES", " 10.0.0.0/8,fd00::/8 , 192.0.2.1,::1"),
            ("BAILIWICK_AUTHZEN_SUBJECT_TYPES", "identity, Service Account"),
            ("BAILIWICK_CATALOGUE", "own.yaml"),
            ("BAILIWICK_MODEL", "own.conf"),
            ("BAILIWICK_OPERATOR_PASSWORD", "12345678"),
            ("BAILIWICK_SMTP_URL", "smtps://mail.example.com"),
            ("BAILIWICK_MAIL_DIR", "/var/spool/bailiwick"),
            ("BAILIWICK_MAIL_FROM", "Access <no-reply@example.com>"),
            ("BAILIWICK_SWEEP_SECONDS", "3600"),
            ("BAILIWICK_MAX_STALENESS_SECONDS", "86400"),
            ("BAILIWICK_CLOCK_SKEW_MAX_SECONDS", "7"),
            ("BAILIWICK_TENANTS_IN_MEMORY", "1"),
            ("BAILIWICK_RULES_IN_MEMORY", "1000"),
            ("BAILIWICK_STATE_IN_MEMORY", "0"),
            ("BAILIWICK_SHADOW_ONE_IN", "0"),
            ("BAILIWICK_REVISIONS_KEPT_DAYS", "365"),
            ("BAILIWICK_GRAPHIQL", "false"),
            ("BAILIWICK_INTROSPECTION", "false"),
            ("BAILIWICK_CONNECTIONS_MAX", "1"),
            ("BAILIWICK_CONNECTIONS_PER_ADDRESS", "2"),
            ("BAILIWICK_HEADER_SECONDS", "3"),
            ("BAILIWICK_IDLE_SECONDS", "4"),
            ("BAILIWICK_WRITE_SECONDS", "3600"),
            ("BAILIWICK_DRAIN_SECONDS", "0"),
            ("BAILIWICK_METRICS_LISTEN", "127.0.0.1:9464"),
            ("BAILIWICK_LOG", "trace"),
            ("BAILIWICK_LOG_FORMAT", "json"),
        ],
    )
    .unwrap();
    assert_eq!(of_the_database(&settings), [2, 1, 2, 86400, 0, 0]);
    assert_eq!(settings.clock_skew_max_seconds.duration().as_secs(), 7);
    assert_eq!(settings.listen.port(), 9000);
    assert_eq!(settings.installation().unwrap().as_str(), "https://access.example.com/rbac");
    assert_eq!(settings.redis_url.unwrap().expose(), "redis+unix:///run/redis.sock");
    assert_eq!(settings.public_url.unwrap().as_str(), "https://access.example.com/rbac");
    assert_eq!(settings.authzen_subject_types.unwrap(), ["identity", "Service Account"]);
    let proxies: Vec<_> = settings.trusted_proxies.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32", "::1/128"]);
    assert_eq!(settings.smtp_url.unwrap().expose(), "smtps://mail.example.com");
    assert_eq!(settings.mail_dir, Path::new("/var/spool/bailiwick"));
    assert_eq!(settings.mail_from.email.to_string(), "no-reply@example.com");
    assert_eq!(settings.catalogue.unwrap(), Path::new("own.yaml"));
    assert_eq!(settings.model.unwrap(), Path::new("own.conf"));
    assert_eq!((settings.tenants_in_memory.get(), settings.rules_in_memory.get()), (1, 1000));
    assert_eq!(settings.state_in_memory.get(), 0);
    assert_eq!((settings.shadow_one_in.get(), settings.metrics_listen.unwrap().port()), (0, 9464));
    assert_eq!(settings.revisions_kept_days.unwrap().get(), 365);
    assert_eq!((settings.graphiql, settings.introspection), (false, false));
    assert_eq!((settings.connections_max.get(), settings.connections_per_address.get()), (1, 2));
    let limits = [settings.header_seconds, settings.idle_seconds, settings.write_seconds];
    assert_eq!(limits.map(|limit| limit.duration().as_secs()), [3, 4, 3600]);
    assert_eq!(settings.drain_seconds.get(), 0);
    // A password of digits stays what it is.
    assert_eq!(secrecy::ExposeSecret::expose_secret(&settings.operator_password.unwrap()), "12345678");
}

#[test]
fn types_of_subjects_are_names() {
    for wrong in [",", "identity,", "a\tb"] {
        let said = refusal("", &[("BAILIWICK_AUTHZEN_SUBJECT_TYPES", wrong)]);
        assert!(said.contains("it must be names such as `identity`, separated by commas"), "{wrong}: {said}");
    }
}

#[test]
fn proxies_are_networks_that_are_not_the_whole_world() {
    let fault = "wrong setting BAILIWICK_TRUSTED_PROXIES: it must be addresses or networks";
    for wrong in ["10.0.0.0/33", "10.0.0", "proxy", "10.0.0.1,", ",", "0.0.0.0/0", "10.0.0.1, ::/0", "10.0.0.1:80"] {
        let said = refusal("", &[("BAILIWICK_TRUSTED_PROXIES", wrong)]);
        assert!(said.contains(fault), "{wrong}: {said}");
    }
}

#[test]
fn a_switch_is_set_by_each_of_its_words_and_numbers_by_texts() {
    for (word, on) in [("true", true), ("Yes", true), ("1", true), ("ON", true), ("false", false), ("no", false)] {
        assert_eq!(load("", &[("BAILIWICK_GRAPHIQL", word)]).unwrap().graphiql, on, "{word}");
        assert_eq!(load(&format!("graphiql = '{word}'"), &[]).unwrap().graphiql, on, "{word}");
    }
    assert!(!load("graphiql = 0\nsweep_seconds = '7'", &[]).unwrap().graphiql);
    assert_eq!(load("sweep_seconds = '7'", &[]).unwrap().sweep_seconds.duration().as_secs(), 7);
    assert_eq!(refusal("graphiql = 2", &[]), "wrong setting graphiql in bailiwick.toml: it must be a boolean");
}

#[test]
fn an_empty_variable_unsets_what_is_optional() {
    let file = "redis_url = 'redis://127.0.0.1'\nmax_staleness_seconds = 60";
    let empty = [("BAILIWICK_REDIS_URL", ""), ("BAILIWICK_MAX_STALENESS_SECONDS", " "), ("BAILIWICK_CATALOGUE", "")];
    let settings = load(file, &empty).unwrap();
    assert!(settings.redis_url.is_none() && settings.max_staleness_seconds.is_none() && settings.catalogue.is_none());
}

/// A settings file, an environment, and the beginning of the error that refuses the two.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn a_wrong_setting_is_refused_by_the_name_it_has_where_it_was_set() {
    let seconds = "it must be a whole number of seconds from 1 to 3600";
    let cases: &[Case] = &[
        ("sweep_seconds = 0", &[], &format!("sweep_seconds in bailiwick.toml: {seconds}")),
        ("sweep_seconds = 'soon'", &[], &format!("sweep_seconds in bailiwick.toml: {seconds}")),
        ("sweep_seconds = -1", &[], &format!("sweep_seconds in bailiwick.toml: {seconds}")),
        (
            "database_connections = 1",
            &[],
            "database_connections in bailiwick.toml: it must be a whole number, at least 2",
        ),
        ("database_idle_seconds = 0", &[], &format!("database_idle_seconds in bailiwick.toml: {seconds}")),
        ("", &[("BAILIWICK_SWEEP_SECONDS", "3601")], &format!("BAILIWICK_SWEEP_SECONDS: {seconds}")),
        ("", &[("BAILIWICK_SWEEP_SECONDS", "1.5")], &format!("BAILIWICK_SWEEP_SECONDS: {seconds}")),
        ("", &[("BAILIWICK_SWEEP_SECONDS", "")], &format!("BAILIWICK_SWEEP_SECONDS: {seconds}")),
        ("", &[("BAILIWICK_MAX_STALENESS_SECONDS", "0")], "BAILIWICK_MAX_STALENESS_SECONDS: it must be a whole number"),
        (
            "",
            &[("BAILIWICK_TENANTS_IN_MEMORY", "0")],
            "BAILIWICK_TENANTS_IN_MEMORY: it must be a whole number, at least 1",
        ),
        ("graphiql = 'sometimes'", &[], "graphiql in bailiwick.toml: "),
        ("", &[("BAILIWICK_INTROSPECTION", "perhaps")], "BAILIWICK_INTROSPECTION: "),
        (
            "revisions_kept_days = 0",
            &[],
            "revisions_kept_days in bailiwick.toml: it must be a whole number, at least 1",
        ),
        ("rules_in_memory = 'many'", &[], "rules_in_memory in bailiwick.toml: it must be a whole number, at least 1"),
        ("", &[("BAILIWICK_SHADOW_ONE_IN", "-1")], "BAILIWICK_SHADOW_ONE_IN: it must be a whole number, at least 0"),
        ("connections_max = 0", &[], "connections_max in bailiwick.toml: it must be a whole number, at least 1"),
        (
            "",
            &[("BAILIWICK_CONNECTIONS_PER_ADDRESS", "0")],
            "BAILIWICK_CONNECTIONS_PER_ADDRESS: it must be a whole number, at least 1",
        ),
        ("", &[("BAILIWICK_HEADER_SECONDS", "0")], &format!("BAILIWICK_HEADER_SECONDS: {seconds}")),
        ("", &[("BAILIWICK_IDLE_SECONDS", "3601")], &format!("BAILIWICK_IDLE_SECONDS: {seconds}")),
        ("write_seconds = 'never'", &[], &format!("write_seconds in bailiwick.toml: {seconds}")),
        ("", &[("BAILIWICK_DRAIN_SECONDS", "-1")], "BAILIWICK_DRAIN_SECONDS: it must be a whole number, at least 0"),
        ("", &[("BAILIWICK_METRICS_LISTEN", "9464")], "BAILIWICK_METRICS_LISTEN: invalid socket address syntax"),
        ("", &[("BAILIWICK_LISTEN", "8080")], "BAILIWICK_LISTEN: invalid socket address syntax"),
        ("", &[("BAILIWICK_LISTEN", "")], "BAILIWICK_LISTEN: it is empty"),
        ("listen = 8080", &[], "listen in bailiwick.toml: it must be socket address"),
        ("", &[("BAILIWICK_DATABASE_URL", "")], "BAILIWICK_DATABASE_URL: it is empty"),
        ("", &[("BAILIWICK_DATABASE_URL", "mysql://h/d")], "BAILIWICK_DATABASE_URL: it must be a URL that begins with"),
        ("", &[("BAILIWICK_DATABASE_URL", "bailiwick.db")], "BAILIWICK_DATABASE_URL: it is not a URL: relative"),
        (
            "redis_url = 'http://h'",
            &[],
            "redis_url in bailiwick.toml: it must be a URL that begins with one of `redis:`",
        ),
        ("redis_url = 'redis:u:p@h'", &[], "redis_url in bailiwick.toml: `redis:` must be followed by"),
        (
            "public_url = 'ftp://h'",
            &[],
            "public_url in bailiwick.toml: it must be a URL that begins with one of `http:`",
        ),
        ("public_url = 'https://u:p@h'", &[], "public_url in bailiwick.toml: it must have no user"),
        ("", &[("BAILIWICK_PUBLIC_URL", "https://h?x=1")], "BAILIWICK_PUBLIC_URL: it must have no user, password, `?`"),
        ("smtp_url = 'http://h'", &[], "smtp_url in bailiwick.toml: it must be a URL that begins with one of `smtp:`"),
        ("", &[("BAILIWICK_SMTP_URL", "smtp:h")], "BAILIWICK_SMTP_URL: `smtp:` must be followed by"),
        ("", &[("BAILIWICK_SMTP_URL", "smtp://h?tls=maybe")], "BAILIWICK_SMTP_URL: it must be HOST`, HOST?tls"),
        ("", &[("BAILIWICK_MAIL_FROM", "nobody")], "BAILIWICK_MAIL_FROM: it must be an email address"),
        ("", &[("BAILIWICK_MAIL_FROM", "")], "BAILIWICK_MAIL_FROM: it is empty"),
        ("", &[("BAILIWICK_MAIL_DIR", "")], "BAILIWICK_MAIL_DIR: it is empty"),
        ("", &[("BAILIWICK_LOG", "info=loud")], "BAILIWICK_LOG: it must be a level such as `info`"),
        ("log_format = 'xml'", &[], "log_format in bailiwick.toml: it must be `text` or `json`"),
        ("operator_password = 5", &[], "operator_password in bailiwick.toml: it must be a string"),
        ("[listen]\nport = 1", &[], "listen in bailiwick.toml: it must be"),
    ];
    for (file, env, words) in cases {
        let refusal = refusal(file, env);
        assert!(refusal.starts_with(&format!("wrong setting {words}")), "{file:?} {env:?}: {refusal}");
    }
}

#[test]
fn an_unknown_setting_is_refused_with_the_known_ones() {
    let in_file = refusal("sweep_second = 5", &[]);
    assert!(in_file.starts_with("unknown setting sweep_second in bailiwick.toml: the settings are listen, "));
    assert!(in_file.ends_with("metrics_listen, log, log_format"), "{in_file}");
    let variable = refusal("", &[("BAILIWICK_SWEEP", "5")]);
    assert!(variable.starts_with("unknown setting BAILIWICK_SWEEP: the settings are BAILIWICK_LISTEN, "), "{variable}");
    assert!(refusal("", &[("BAILIWICK_listen", "")]).starts_with("unknown setting BAILIWICK_listen:"));
    assert!(refusal("", &[("BAILIWICK_", "x")]).starts_with("unknown setting BAILIWICK_:"));
}

#[test]
fn a_file_that_is_named_must_be_there_and_be_toml() {
    let folder = tempfile::tempdir().unwrap();
    let error = Settings::load(Some(&folder.path().join("absent.toml")), []).unwrap_err().to_string();
    assert!(error.starts_with("the settings file ") && error.contains("absent.toml cannot be read: "), "{error}");
    let error = refusal("log = 'info'\noperator_password = 'hunter2\n", &[]);
    assert!(error.starts_with("bailiwick.toml:2: "), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn secrets_are_never_shown() {
    let secrets = [
        (
            "BAILIWICK_DATABASE_URL",
            "postgres://dana:hunter2@db.example:5433/bailiwick?sslmode=require&password=hunter2",
        ),
        ("BAILIWICK_REDIS_URL", "rediss://:hunter2@cache.example/1#hunter2"),
        ("BAILIWICK_OPERATOR_PASSWORD", "hunter2"),
        ("BAILIWICK_SMTP_URL", "smtps://dana:hunter2@mail.example"),
    ];
    let settings = load("", &secrets).unwrap();
    let debug = format!("{settings:?}");
    assert!(!debug.contains("hunter2") && !debug.contains("dana"), "{debug}");
    assert_eq!(debug.to_lowercase().matches("redacted]").count(), 4, "{debug}");
    assert_eq!(settings.database_url.without_credentials(), "postgres://db.example:5433/bailiwick");
    assert_eq!(settings.redis_url.unwrap().without_credentials(), "rediss://cache.example/1");
    for wrong in ["mysql://dana:hunter2@h/d", "postgres://dana:hunter2@h:port/d", "postgres:dana:hunter2@h", "hunter2"]
    {
        let refusal = refusal("", &[("BAILIWICK_DATABASE_URL", wrong)]);
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    let refusal = refusal("", &[("BAILIWICK_SMTP_URL", "smtp://dana:hunter2@h?tls=hunter2")]);
    assert!(!refusal.contains("hunter2"), "{refusal}");
}

#[test]
fn an_sqlite_url_is_shown_by_its_path() {
    for (url, shown) in [
        ("sqlite://bailiwick.db?mode=rwc", "sqlite://bailiwick.db"),
        ("sqlite:/var/lib/b.db", "sqlite:/var/lib/b.db"),
        ("sqlite::memory:", "sqlite::memory:"),
    ] {
        let settings = load("", &[("BAILIWICK_DATABASE_URL", url)]).unwrap();
        assert_eq!((settings.database_url.expose(), settings.database_url.without_credentials()), (url, shown));
    }
}
