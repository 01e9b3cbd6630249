//! The audits of the GraphQL over HTTP specification, by the npm package `graphql-http`.

use std::collections::BTreeMap;

use super::*;
use crate::common::app::{Choices, Database, Instance};
use crate::common::program::run;

/// Number of audits in version 1.23.1.
const AUDITS: usize = 61;

#[tokio::test]
async fn every_audit_of_graphql_over_http_passes() {
    let database = Database::sqlite();
    let instance = Instance::start(&database, Choices::default()).await;
    let said = run(&["node", "tests/interop/graphql-http.mjs", &format!("{}/graphql", instance.url)], &[]).await;
    let results: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = results.iter().filter(|result| result["status"] != "ok").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let names: BTreeMap<_, _> = results.iter().map(|result| (result["id"].to_string(), &result["name"])).collect();
    assert_eq!((results.len(), names.len()), (AUDITS, AUDITS), "{names:#?}");
}
