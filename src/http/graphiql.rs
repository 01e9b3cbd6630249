//! The `GraphiQL` page, for who opens `/graphql` in a browser: every operation with its documentation,
//! and some to begin with.
//!
//! React and `GraphiQL` come from `unpkg.com`, at one version and with the digests of what they are: a
//! browser runs nothing else from there, and the page can send what it is told nowhere but here.

use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("graphiql/page.html");
const SCRIPT: &str = include_str!("graphiql/page.js");

macro_rules! operation {
    ($name:literal, $variables:tt) => {
        (include_str!(concat!("../../graphql/operations/", $name, ".graphql")), json!($variables))
    };
}

/// Returns the operations that the page opens with, in a tab each, with variables that fit the demo tenant.
fn examples() -> [(&'static str, Value); 7] {
    let question = json!({ "subject": "dana", "action": "delete", "object": "voice/queues/sales" });
    let policy = "p, night desk, voice/queues/sales, delete\ng, dana, night desk\n";
    [
        operation!("SignIn", { "input": { "tenant": "demo", "username": "alice", "password": "" } }),
        operation!("Viewer", {}),
        operation!("Decision", { "input": question }),
        operation!("Explain", { "input": question }),
        operation!("WhoCan", { "action": "delete", "object": "voice/queues/sales", "why": true, "first": 20 }),
        operation!("PolicyImport", { "input": { "csv": policy, "dryRun": true } }),
        operation!("PolicyChanged", { "since": 0 }),
    ]
}

/// The page, made once, and where it may load from and send to.
pub(super) struct Page {
    html: String,
    policy: String,
}

impl Page {
    /// Returns the page; where `introspection` is off it does not ask for the schema.
    pub(super) fn new(introspection: bool) -> Self {
        let tabs =
            examples().map(|(query, variables)| json!({ "query": query, "variables": format!("{variables:#}") }));
        // Nothing in it can end the element that it stands in.
        let tabs = Value::from(tabs.to_vec()).to_string().replace('<', "\\u003c");
        let html = PAGE.replace("{{EXAMPLES}}", &tabs).replace("{{SCRIPT}}", SCRIPT);
        let html = html.replace("{{INTROSPECTION}}", if introspection { "on" } else { "off" });
        let own = BASE64.encode(&Sha256::digest(SCRIPT));
        let from = |end: &str| from_elsewhere(end).collect::<Vec<_>>().join(" ");
        let (scripts, styles) = (from(".js"), from(".css"));
        let policy = format!(
            "default-src 'none'; script-src {scripts} 'sha256-{own}'; style-src {styles} 'unsafe-inline'; \
             font-src data:; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self { html, policy }
    }

    pub(super) fn respond(&self) -> Response {
        let headers = [(CONTENT_SECURITY_POLICY, self.policy.as_str()), (REFERRER_POLICY, "no-referrer")];
        (headers, Html(self.html.clone())).into_response()
    }
}

/// Returns the addresses of other hosts in the page that end so.
fn from_elsewhere(end: &str) -> impl Iterator<Item = &'static str> {
    PAGE.split('"').filter(move |text| text.starts_with("https://") && text.ends_with(end))
}
