//! A file that cannot grow any more, as on a full disk.

use std::process::Command;

use serde_json::json;

use super::program::{Place, Server};
use super::{OPERATOR, get, sign_in};
use crate::common::app::eventually;

/// Lets no file of the server grow past so many bytes.
fn limit(server: &Server, bytes: &str) {
    let pid = server.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]).status().unwrap();
    assert!(set.success());
}

#[tokio::test]
async fn a_disk_that_is_full_is_ready_for_decisions_and_not_for_changes() {
    let place = Place::new().with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    assert_eq!(place.run(&["demo"]).code, 0);
    // Otherwise the first write past the limit ends it.
    let server = place.serve_under("trap '' XFSZ");
    let operator = sign_in(&server, "platform", "operator", OPERATOR).await;
    let status = async |query: &str| get(&server, &format!("/readyz{query}")).await.0;
    assert_eq!(status("").await, 200);
    eventually("changes can be made", async || status("?for=changes").await == 200).await;

    limit(&server, "1");
    eventually("it has noticed", async || status("?for=changes").await == 503).await;
    assert_eq!(status("").await, 200);
    let http = reqwest::Client::new().post(format!("{}/graphql", server.url)).bearer_auth(&operator);
    let asked = http.json(&json!({ "query": "{ viewer { user { key } } }" })).send().await.unwrap();
    assert_eq!(asked.json::<serde_json::Value>().await.unwrap()["data"]["viewer"]["user"]["key"], "operator");

    limit(&server, "unlimited");
    eventually("there is room again", async || status("?for=changes").await == 200).await;
}
