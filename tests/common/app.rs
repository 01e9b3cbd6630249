//! Instances as tests run them: real servers on free ports, with real databases, in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bailiwick::app::{App, AppConfig, system_clock};
use bailiwick::config::catalogue;
use bailiwick::domain::catalogue::Catalogue;
use bailiwick::domain::name::Timestamp;
use bailiwick::http::authzen::SubjectTypes;
use bailiwick::http::client::TrustedProxies;
use bailiwick::http::server::Bounds;
use bailiwick::mail::Mailer;
use bailiwick::service::runtime::policy_cache::{Limits, PolicyCache};
use bailiwick::service::{Page, Platform};
use bailiwick::store::Store;
use bailiwick::store::audit::{AuditEvent, AuditFilter};
use bailiwick::sync::Bus;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::mail::mail_from;
use super::servers::PostgresServer;

/// The operator's password in every test.
pub(crate) const OPERATOR_PASSWORD: &str = "Operator-1";
/// The password of every other user that a test makes.
pub(crate) const PASSWORD: &str = "Secret-12";
/// The address by which people reach the installation, as links have it.
pub(crate) const INSTALLATION: &str = "https://access.example.com/rbac";
/// All modules that a licence can hold.
pub(crate) const MODULES: [&str; 21] = [
    "dashboards",
    "staff",
    "contacts",
    "voice",
    "dialer",
    "chat",
    "email",
    "sms",
    "fax",
    "open-channel",
    "whatsapp",
    "ivr",
    "jscripty",
    "tools",
    "analytics",
    "integrations",
    "apps",
    "downloads",
    "reports",
    "automation",
    "people",
];

/// A database of a test's own, gone with it.
pub(crate) struct Database {
    /// The URL.
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    /// Makes a new `SQLite` file.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
        Self { url, _folder: Some(folder) }
    }

    /// Names a database that the test has made itself.
    pub(crate) fn at(url: String) -> Self {
        Self { url, _folder: None }
    }

    /// Makes a new database in the `PostgreSQL` that all tests share.
    pub(crate) async fn postgres() -> Self {
        Self::at(PostgresServer::shared().create_database().await)
    }
}

/// The choices of a test about an instance.
pub(crate) struct Choices {
    /// The bus on which it hears of others.
    pub(crate) bus: Bus,
    /// Catalogue that the instance serves.
    pub(crate) catalogue: Catalogue,
    /// Limits of its use of the database.
    pub(crate) database: bailiwick::store::Limits,
    /// Interval of its sweeps. An hour by default: then only the bus can bring news.
    pub(crate) sweep_every: Duration,
    /// Maximum age of its memory.
    pub(crate) max_staleness: Option<Duration>,
    /// Interval at which it deletes expired data. An hour by default.
    pub(crate) tidy_every: Duration,
    /// Time for which it gathers failed sign-ins into one audit event. An hour by default.
    pub(crate) failures_every: Duration,
    /// The proxies that it trusts. This machine by default, so that a test can be as many clients as it needs: see
    /// `Client::from_address`.
    pub(crate) trusted_proxies: TrustedProxies,
    /// The sender of its mails; into a folder of its own when absent.
    pub(crate) mailer: Option<Mailer>,
    /// Maximum number of tenants and of rules in memory.
    pub(crate) limits: Limits,
    /// Maximum number of things that it remembers to change again.
    pub(crate) state_in_memory: u64,
    /// Maximum number of connections, and the times that each can keep it waiting.
    pub(crate) connections: Bounds,
    /// `true` if clients can ask for its schema. `true` by default.
    pub(crate) introspection: bool,
    /// Number of seconds for which it keeps revisions. For good by default.
    pub(crate) revisions_kept_seconds: Option<i64>,
    /// Maximum difference between its clock and the database's. A minute by default.
    pub(crate) clock_skew_max: Duration,
    /// Number of decisions of which casbin makes one again. None by default.
    pub(crate) shadow_one_in: u32,
}

impl Default for Choices {
    fn default() -> Self {
        let hour = Duration::from_hours(1);
        Self {
            bus: Bus::memory(),
            catalogue: catalogue::built_in().unwrap(),
            database: bailiwick::store::Limits::default().with_connections(8),
            sweep_every: hour,
            max_staleness: None,
            tidy_every: hour,
            failures_every: hour,
            trusted_proxies: ["127.0.0.0/8".parse().unwrap()].into_iter().collect(),
            mailer: None,
            limits: Limits { tenants: 1000, rules: 1_000_000 },
            state_in_memory: 1_000_000,
            connections: Bounds::default(),
            introspection: true,
            revisions_kept_seconds: None,
            clock_skew_max: Duration::from_mins(1),
            shadow_one_in: 0,
        }
    }
}

/// One running instance.
pub(crate) struct Instance {
    /// The address that it serves on, without a slash at the end.
    pub(crate) url: String,
    /// The address that it serves its metrics on, likewise.
    pub(crate) metrics: String,
    /// Its use cases.
    pub(crate) platform: Platform,
    /// Its database.
    pub(crate) store: Store,
    /// Its policies in memory.
    pub(crate) policies: Arc<PolicyCache>,
    /// The bus on which it hears of others.
    pub(crate) bus: Bus,
    /// Number of seconds by which its clock is ahead.
    ahead: Arc<AtomicI64>,
    /// The folder of its mails, which goes with the instance.
    pub(super) mail: TempDir,
    shutdown: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl Instance {
    /// Starts an instance over a database.
    pub(crate) async fn start(database: &Database, choices: Choices) -> Self {
        let store = Store::open(&database.url, choices.database).await.unwrap();
        store.migrate().await.unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let mail = tempfile::tempdir().unwrap();
        let (now, seconds) = (system_clock(), Arc::clone(&ahead));
        let parts = AppConfig {
            store: store.clone(),
            bus: choices.bus.clone(),
            catalogue: choices.catalogue,
            model: bailiwick::engine::MODEL.to_owned(),
            max_staleness: choices.max_staleness,
            sweep_every: choices.sweep_every,
            tidy_every: choices.tidy_every,
            failures_every: choices.failures_every,
            trusted_proxies: choices.trusted_proxies,
            subject_types: SubjectTypes::of(["identity"]),
            limits: choices.limits,
            state_in_memory: choices.state_in_memory,
            revisions_kept_seconds: choices.revisions_kept_seconds,
            clock_skew_max: choices.clock_skew_max,
            shadow_one_in: choices.shadow_one_in,
            connections: choices.connections,
            graphiql: true,
            introspection: choices.introspection,
            public_url: None,
            installation: INSTALLATION.parse().unwrap(),
            mailer: choices.mailer.unwrap_or_else(|| Mailer::folder(mail.path().to_owned(), mail_from())),
            clock: Arc::new(move || Timestamp(now().0 + seconds.load(Ordering::Relaxed) * 1_000_000)),
        };
        let app = App::new(parts).unwrap();
        app.first_start(Some(OPERATOR_PASSWORD.into())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metrics = format!("http://{}", own.local_addr().unwrap());
        let app = app.with_metrics(own);
        let (platform, shutdown) = (app.platform().clone(), CancellationToken::new());
        let policies = Arc::clone(app.policies());
        let until = shutdown.clone();
        let serving = tokio::spawn(async move { app.serve(listener, until).await.unwrap() });
        Self {
            url,
            metrics,
            platform,
            store,
            policies,
            bus: choices.bus,
            ahead,
            mail,
            shutdown,
            serving: Some(serving),
        }
    }

    /// Lets the instance's clock run ahead.
    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Stops it as a signal does.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }

    /// Returns a client that has not signed in.
    pub(crate) fn stranger(&self) -> Client {
        Client { url: self.url.clone(), token: None, tenant: None, address: None, http: reqwest::Client::new() }
    }

    /// Signs in the operator.
    pub(crate) async fn operator(&self) -> Client {
        self.stranger().signed_in("platform", "operator", OPERATOR_PASSWORD).await
    }

    /// Returns the events of one action in a tenant's audit log, newest first.
    pub(crate) async fn audited(&self, tenant: &str, action: &str) -> Vec<AuditEvent> {
        let caller = self.platform.system_caller(&tenant.to_owned().try_into().unwrap()).await.unwrap();
        let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        let scope = self.store.scope(caller.tenant().id);
        let events = scope.audit_events(&filter, &Page::default()).await.unwrap();
        events.items.into_iter().map(|(_, event)| event).collect()
    }

    /// Makes a tenant with all modules, and returns its default admin `alice`.
    pub(crate) async fn tenant(&self, key: &str) -> Client {
        self.tenant_with(key, &MODULES).await
    }

    /// Makes a tenant with these modules, and returns its default admin `alice`.
    pub(crate) async fn tenant_with(&self, key: &str, modules: &[&str]) -> Client {
        let operator = self.operator().await;
        let input = json!({
            "key": key, "name": key, "modules": modules,
            "admin": { "username": "alice", "fullName": "Alice Admin", "email": "alice@example.com", "password": PASSWORD },
        });
        let mutation = "mutation($input: TenantCreateInput!) { tenantCreate(input: $input) { revision userErrors { code message } } }";
        operator.done(mutation, json!({ "input": input })).await;
        self.stranger().signed_in(key, "alice", PASSWORD).await
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A GraphQL client of one instance.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    /// The bearer token, once signed in.
    pub(crate) token: Option<String>,
    /// The value of `X-Tenant` that it sends.
    pub(crate) tenant: Option<String>,
    address: Option<String>,
    http: reqwest::Client,
}

impl Client {
    /// Returns the client with a session.
    pub(crate) async fn signed_in(&self, tenant: &str, username: &str, password: &str) -> Self {
        let mutation =
            "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) { token userErrors { code } } }";
        let input = json!({ "tenant": tenant, "username": username, "password": password });
        let session = self.done(mutation, json!({ "input": input })).await;
        self.with_token(session["token"].as_str().unwrap())
    }

    /// Returns the client with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Returns the client at another network address, as a proxy reports it.
    pub(crate) fn at_address(&self, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..self.clone() }
    }

    /// Returns the client, naming a tenant.
    pub(crate) fn in_tenant(&self, tenant: &str) -> Self {
        Self { tenant: Some(tenant.to_owned()), ..self.clone() }
    }

    /// Returns the caller at another instance.
    pub(crate) fn at(&self, instance: &Instance) -> Self {
        Self { url: instance.url.clone(), ..self.clone() }
    }

    /// Returns the whole answer to an operation.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let request =
            self.http.post(format!("{}/graphql", self.url)).json(&json!({ "query": query, "variables": variables }));
        self.credentials(request).send().await.unwrap().json().await.unwrap()
    }

    /// Posts a body of this type to `/graphql`: the status and the whole answer.
    pub(crate) async fn send(&self, content_type: &str, body: Vec<u8>) -> (u16, Value) {
        let request = self.http.post(format!("{}/graphql", self.url)).header("content-type", content_type).body(body);
        let response = self.credentials(request).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Returns the answer to a GET of this path.
    pub(crate) async fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        // Links have the address that people use; here it is this instance's.
        let path = path.trim_start_matches(INSTALLATION);
        let mut request = self.credentials(self.http.get(format!("{}{path}", self.url)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    fn credentials(&self, mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(tenant) = &self.tenant {
            request = request.header("X-Tenant", tenant);
        }
        if let Some(address) = &self.address {
            request = request.header("X-Forwarded-For", address);
        }
        request
    }

    /// Returns the data of an operation that must succeed.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.ask(query, variables).await;
        assert!(answer["errors"].is_null(), "{query}\n{answer:#}");
        answer["data"].clone()
    }

    /// Returns the payload of a mutation of one field, which must not be refused.
    pub(crate) async fn done(&self, mutation: &str, variables: Value) -> Value {
        let payload = self.payload(mutation, variables).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation}");
        payload
    }

    /// Returns the first user error of a mutation of one field that must be refused: code and field path.
    pub(crate) async fn refused(&self, mutation: &str, variables: Value) -> (String, String) {
        let payload = self.payload(mutation, variables).await;
        let error = &payload["userErrors"][0];
        assert!(error.is_object(), "not refused: {mutation}\n{payload:#}");
        let field =
            error["field"].as_array().map(|path| path.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."));
        (error["code"].as_str().unwrap().to_owned(), field.unwrap_or_default())
    }

    async fn payload(&self, mutation: &str, variables: Value) -> Value {
        let data = self.data(mutation, variables).await;
        data.as_object().unwrap().values().next().unwrap().clone()
    }

    /// Returns the code of the first top-level error of an operation that must fail.
    pub(crate) async fn failed(&self, query: &str, variables: Value) -> String {
        let answer = self.ask(query, variables).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("not failed: {query}\n{answer:#}")).to_owned()
    }

    /// Returns whether a decision allows `subject` to do it.
    pub(crate) async fn allowed(&self, subject: &str, action: &str, object: &str) -> bool {
        self.decision(subject, action, object).await["allowed"].as_bool().unwrap()
    }

    /// Returns a whole decision.
    pub(crate) async fn decision(&self, subject: &str, action: &str, object: &str) -> Value {
        let query = "query($input: DecisionInput!) { decision(input: $input) { allowed reason revision obligations { kind view characters } } }";
        let input = json!({ "subject": subject, "action": action, "object": object });
        self.data(query, json!({ "input": input })).await["decision"].clone()
    }
}

/// Makes two tests of an `async fn(Instance)`: `sqlite` and `postgres`, in a module of its name.
macro_rules! both {
    ($name:ident) => {
        mod $name {
            use crate::common::app::{Choices, Database, Instance};

            #[tokio::test]
            async fn sqlite() {
                super::$name(Instance::start(&Database::sqlite(), Choices::default()).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(Instance::start(&Database::postgres().await, Choices::default()).await).await;
            }
        }
    };
}

/// Makes two tests of an `async fn(Database)`: `sqlite` and `postgres`, in a module of its name.
macro_rules! both_databases {
    ($name:ident) => {
        mod $name {
            use crate::common::app::Database;

            #[tokio::test]
            async fn sqlite() {
                super::$name(Database::sqlite()).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(Database::postgres().await).await;
            }
        }
    };
}

pub(crate) use {both, both_databases};

/// Waits until a condition holds, for ten seconds at the most.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
