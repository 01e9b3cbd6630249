//! Files with an operation.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::common::upload::{MULTIPART, parts};

const MEASURE: &str = "mutation($file: Upload!) {measure(file: $file)}";

async fn send_parts(headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let headers = [&[("content-type", MULTIPART), ("authorization", "Bearer x")], headers].concat();
    send(Method::POST, "/graphql", &headers, body).await
}

fn body(operations: &Value, map: &Value, files: &[(&str, &[u8])]) -> Vec<u8> {
    let (operations, map) = (operations.to_string(), map.to_string());
    let first = [("operations", operations.as_bytes()), ("map", map.as_bytes())];
    parts(&[&first, files].concat())
}

fn measure() -> Value {
    json!({"query": MEASURE, "variables": {"file": null}})
}

#[tokio::test]
async fn a_file_stands_in_the_place_of_its_variable() {
    let answer = send_parts(&[], body(&measure(), &json!({"0": ["variables.file"]}), &[("0", b"four")])).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"data": {"measure": [4]}})));

    let both = json!({"query": "mutation($a: [Upload!]!, $b: Box!) {a: measureAll(files: $a) b: measureBox(box: $b)}",
        "variables": {"a": [null, null], "b": {"file": null}}});
    let map = json!({"x": ["variables.a.1", "variables.b.file"], "y": ["variables.a.0"]});
    let answer = send_parts(&[], body(&both, &map, &[("x", b"\r\n--\0"), ("y", b"")])).await;
    assert_eq!(answer.json(), json!({"data": {"a": [0, 5], "b": [5]}}));

    let answer = send_parts(&[], body(&json!({"query": "{hello}"}), &json!({}), &[])).await;
    assert_eq!(answer.json(), json!({"data": {"hello": "hello"}}), "no file is no fault");
}

#[tokio::test]
async fn a_map_that_fits_no_operation_is_refused_by_what_is_wrong_with_it() {
    let many: serde_json::Map<_, _> = (0..5).map(|n| (n.to_string(), json!([format!("variables.a.{n}")]))).collect();
    let list =
        json!({"query": "{hello}", "variables": {"a": [null, null, null, null, null], "b": 1, "c": {"d": null}}});
    for (map, files, told) in [
        (json!({"0": ["variables.nothing"]}), vec!["0"], "`variables.nothing`"),
        (json!({"0": ["variables.a.5"]}), vec!["0"], "`variables.a.5`"),
        (json!({"0": ["variables.a.x"]}), vec!["0"], "`variables.a.x`"),
        (json!({"0": ["variables.a"]}), vec!["0"], "`variables.a`"),
        (json!({"0": ["variables.b"]}), vec!["0"], "`variables.b`"),
        (json!({"0": ["variables.b.c"]}), vec!["0"], "`variables.b.c`"),
        (json!({"0": ["variables."]}), vec!["0"], "`variables.`"),
        (json!({"0": ["a.0"]}), vec!["0"], "`a.0`"),
        (json!({"0": ["query"]}), vec!["0"], "`query`"),
        (json!({"0": ["variables.a.0", "variables.a.0"]}), vec!["0"], "twice"),
        (json!({"0": ["variables.a.0"], "1": ["variables.a.0"]}), vec!["0", "1"], "twice"),
        (json!({"0": ["variables.a.0"]}), vec![], "`0`"),
        (json!({"0": ["variables.a.0"]}), vec!["1"], "`1`"),
        (json!({"0": ["variables.a.0"]}), vec!["0", "0"], "`0`"),
        (many.into(), vec![], "at most 4 files"),
        (json!({"0": "variables.a.0"}), vec!["0"], "`map`"),
        (json!(["variables.a.0"]), vec!["0"], "`map`"),
    ] {
        let files: Vec<_> = files.into_iter().map(|name| (name, b"file".as_slice())).collect();
        let answer = send_parts(&[], body(&list, &map, &files)).await;
        answer.is(400, "BAD_INPUT");
        assert!(answer.message().contains(told), "{map} {}", answer.text);
    }
}

#[tokio::test]
async fn parts_that_are_missing_mixed_up_or_broken_are_refused() {
    let operations = measure().to_string();
    let map = br#"{"0": ["variables.file"]}"#;
    let whole = body(&measure(), &json!({"0": ["variables.file"]}), &[("0", b"four")]);
    for wrong in [
        Vec::new(),
        b"no parts".to_vec(),
        parts(&[]),
        parts(&[("operations", operations.as_bytes())]),
        parts(&[("map", map), ("operations", operations.as_bytes()), ("0", b"four")]),
        parts(&[("operations", operations.as_bytes()), ("0", b"four"), ("map", map)]),
        parts(&[("operations", b"{"), ("map", map), ("0", b"four")]),
        parts(&[("operations", b"[]"), ("map", map), ("0", b"four")]),
        parts(&[("operations", format!("[{operations}]").as_bytes()), ("map", map), ("0", b"four")]),
        whole[..whole.len() - 20].to_vec(),
    ] {
        send_parts(&[], wrong).await.is(400, "BAD_INPUT");
    }
    let no_boundary = [("content-type", "multipart/form-data"), ("authorization", "Bearer x")];
    send(Method::POST, "/graphql", &no_boundary, whole.clone()).await.is(400, "BAD_INPUT");
    let headers = [("content-type", MULTIPART), ("authorization", "Bearer x")];
    send(Method::GET, "/graphql", &headers, whole.clone()).await.is(400, "BAD_INPUT");
    send(Method::PUT, "/graphql", &headers, whole).await.is(405, "BAD_INPUT");
}

#[tokio::test]
async fn a_body_with_files_has_its_own_limit_and_its_json_the_usual_one() {
    let map = json!({"0": ["variables.file"]});
    let large = vec![b'x'; 8 * 1024 * 1024 + 1];
    let answer = send_parts(&[], body(&measure(), &map, &[("0", &large)])).await;
    assert_eq!(answer.json(), json!({"data": {"measure": [large.len()]}}));
    let larger = vec![b'x'; limits::UPLOAD];
    send_parts(&[], body(&measure(), &map, &[("0", &larger)])).await.is(413, "TOO_LARGE");
    let long = json!({"query": "{hello}", "variables": {"x": "x".repeat(limits::BODY)}});
    send_parts(&[], body(&long, &json!({}), &[])).await.is(413, "TOO_LARGE");
}

/// Makes a body that counts how often it is asked for more, and never has any.
fn endless(asked: &Arc<AtomicUsize>) -> Body {
    let asked = Arc::clone(asked);
    Body::from_stream(stream::poll_fn(move |_| {
        asked.fetch_add(1, Ordering::Relaxed);
        std::task::Poll::<Option<std::io::Result<Vec<u8>>>>::Pending
    }))
}

#[tokio::test]
async fn not_a_byte_is_read_without_a_bearer_token_that_holds() {
    let asked = Arc::default();
    let multipart = ("content-type", MULTIPART);
    for (headers, status, code) in [
        (vec![multipart], 401, "UNAUTHENTICATED"),
        (vec![multipart, ("cookie", "session=x"), ("origin", "http://localhost")], 401, "UNAUTHENTICATED"),
        (vec![multipart, ("authorization", "Bearer unauthenticated")], 401, "UNAUTHENTICATED"),
        (vec![multipart, ("authorization", "Bearer forbidden")], 403, "FORBIDDEN"),
    ] {
        send(Method::POST, "/graphql", &headers, endless(&asked)).await.is(status, code);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_few_bodies_with_files_of_each_tenant_arrive_at_once_and_more_of_it_are_turned_away() {
    let app = app();
    let post = |tenant: &str, body: Body| {
        let request = HttpRequest::post("/graphql").header("content-type", MULTIPART);
        request.header("authorization", format!("Bearer of-{tenant}")).body(body).unwrap()
    };
    let asked = Arc::default();
    let held: Vec<_> = (0..limits::UPLOADS.each + limits::UPLOADS.waiting_each)
        .map(|_| {
            let (app, request) = (app.clone(), post("acme", endless(&asked)));
            tokio::spawn(async move { call(&app, request).await })
        })
        .collect();
    let each = limits::UPLOADS.each;
    crate::common::app::eventually("its share is being read", async || asked.load(Ordering::Relaxed) >= each).await;
    let whole =
        |tenant: &str| post(tenant, body(&measure(), &json!({"0": ["variables.file"]}), &[("0", b"four")]).into());
    call(&app, whole("acme")).await.is(429, "RATE_LIMITED");
    assert_eq!(call(&app, whole("globex")).await.status, 200);
    // Whoever hangs up makes room.
    held.iter().for_each(tokio::task::JoinHandle::abort);
    crate::common::app::eventually("there is room again", async || call(&app, whole("acme")).await.status == 200).await;
}

#[tokio::test]
async fn no_text_stands_for_a_file() {
    for file in [json!("#__graphql_file__:0"), json!("x"), json!(7), json!({"0": 1}), json!([1, 2])] {
        let request = json!({"query": MEASURE, "variables": {"file": file}});
        post(JSON, &request).await.is(200, "BAD_INPUT");
    }
    for file in ["\"#__graphql_file__:7\"", "[1]", "{a: 1}", "A", "null"] {
        ask(&format!("mutation {{measure(file: {file})}}")).await.is(200, "BAD_INPUT");
    }
}
