//! The metadata, which names the endpoints.

use reqwest::Method;
use serde_json::{Value, json};

use super::{at, sent};
use crate::common::app::{Instance, both};

const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

both!(the_metadata_names_the_endpoints_by_the_installations_address_and_no_other);
async fn the_metadata_names_the_endpoints_by_the_installations_address_and_no_other(instance: Instance) {
    let acme = instance.tenant("acme").await;
    let nobody = instance.stranger();
    let ask = |path: &str| {
        let request = at(path, &instance, Method::GET, &nobody);
        sent(request.header("Host", "evil.example").header("X-Forwarded-Host", "evil.example"))
    };
    let (status, whole) = ask(WELL_KNOWN).await;
    assert_eq!(status, 200);
    let base = whole["policy_decision_point"].as_str().unwrap().to_owned();
    assert!(!base.ends_with('/') && !whole.to_string().contains("evil"), "{whole}");
    for (name, path) in [
        ("access_evaluation_endpoint", "evaluation"),
        ("access_evaluations_endpoint", "evaluations"),
        ("search_subject_endpoint", "search/subject"),
        ("search_resource_endpoint", "search/resource"),
        ("search_action_endpoint", "search/action"),
    ] {
        assert_eq!(whole[name], format!("{base}/access/v1/{path}"), "{name}");
        let there = at(&format!("/access/v1/{path}"), &instance, Method::POST, &acme).json(&json!({}));
        assert_eq!(sent(there).await.0, 400, "there is an endpoint, and the request is empty");
    }
    let path = base.splitn(4, '/').nth(3).unwrap();
    assert_eq!(ask(&format!("{WELL_KNOWN}/{path}")).await.1, whole, "where the specification has it");
    // A tenant that is not there looks like one that is.
    for tenant in ["acme", "nowhere"] {
        let (status, one) = ask(&format!("{WELL_KNOWN}/{path}/{tenant}")).await;
        assert_eq!(ask(&format!("{WELL_KNOWN}/{tenant}")).await.1, one, "behind a proxy that takes the path off");
        assert_eq!((status.as_u16(), &one["policy_decision_point"]), (200, &json!(format!("{base}/{tenant}"))));
        let mut same = one.clone();
        same["policy_decision_point"] = json!(base);
        assert_eq!(same, whole);
    }
    for astray in ["/", "/no/tenant", "/UPPER", "/a%2Fb"] {
        assert_eq!(ask(&format!("{WELL_KNOWN}{astray}")).await.0, 404, "{astray}");
    }
    let posted: Value = at(WELL_KNOWN, &instance, Method::POST, &acme).send().await.unwrap().json().await.unwrap();
    assert_eq!(posted["errors"][0]["extensions"]["code"], "BAD_INPUT");
}
