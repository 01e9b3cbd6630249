//! Over HTTP.

use super::*;
use crate::common::log::Log;

#[tokio::test]
async fn a_query_is_answered_in_the_type_that_is_asked_for() {
    for (accept, media) in [(JSON, JSON), (NEWER, NEWER), ("*/*", JSON)] {
        let answer = post(accept, &json!({"query": "{hello}"})).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({"data": {"hello": "hello"}}));
        assert_eq!(answer.header("content-type"), format!("{media}; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_document_that_comes_again_is_answered_for_its_own_variables_and_operation() {
    let app = app_with(Options::default(), Vec::new());
    let document = "query A {hello} query B($n: Int!) {double(n: $n)}";
    for (operation, n, data) in [
        ("B", json!(4), json!({"double": 8})),
        ("B", json!(5), json!({"double": 10})),
        ("A", json!(null), json!({"hello": "hello"})),
    ] {
        let body = json!({"query": document, "operationName": operation, "variables": {"n": n}}).to_string();
        let request = HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap();
        assert_eq!(call(&app, request).await.json(), json!({ "data": data }));
    }
    let body = json!({"query": document, "operationName": "B", "variables": {"n": "four"}}).to_string();
    let request = HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap();
    assert!(call(&app, request).await.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT");
}

#[tokio::test]
async fn a_get_runs_the_query_that_is_named() {
    let document = "query A {hello} query B($n: Int!) {double(n: $n)} mutation C {touch}";
    let answer = get(&[("query", document), ("operationName", "B"), ("variables", r#"{"n": 4}"#)]).await;
    assert_eq!(answer.json(), json!({"data": {"double": 8}}));
}

#[tokio::test]
async fn a_mutation_is_never_run_by_get() {
    let both = "query A {hello} mutation B {touch}";
    let selections: [&[(&str, &str)]; 4] = [
        &[("query", "mutation {touch}")],
        &[("query", "mutation B {touch}")],
        &[("query", both), ("operationName", "B")],
        &[("query", "mutation B {...F} fragment F on Mutation {touch}"), ("operationName", "")],
    ];
    for parameters in selections {
        let answer = get(parameters).await;
        answer.is(405, "BAD_INPUT");
        assert_eq!(answer.header("allow"), "POST");
        assert_eq!(answer.header("x-touched"), "");
    }
    get(&[("query", both)]).await.is(400, "BAD_INPUT");
    let query = "/graphql?query=mutation%7Btouch%7D";
    assert_eq!(send(Method::HEAD, query, &[], Body::empty()).await.status, 405);
}

#[tokio::test]
async fn a_mutation_runs_by_post_and_may_set_headers() {
    let answer = ask("mutation {touch}").await;
    assert_eq!(answer.json(), json!({"data": {"touch": true}}));
    assert_eq!(answer.header("x-touched"), "yes");
}

#[tokio::test]
async fn bodies_of_other_types_are_refused() {
    let body = json!({"query": "mutation {touch}"}).to_string();
    for media in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
        send(Method::POST, "/graphql", &[("content-type", media)], body.clone()).await.is(415, "BAD_INPUT");
    }
    send(Method::POST, "/graphql", &[], body).await.is(415, "BAD_INPUT");
}

#[tokio::test]
async fn other_methods_are_refused() {
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = send(method, "/graphql", &[], Body::empty()).await;
        answer.is(405, "BAD_INPUT");
        assert_eq!(answer.header("allow"), "GET, HEAD, POST");
    }
}

#[tokio::test]
async fn an_accept_that_nothing_fits_is_refused() {
    post("text/html", &json!({"query": "{hello}"})).await.is(406, "BAD_INPUT");
}

#[tokio::test]
async fn bodies_of_the_wrong_form_are_refused() {
    for body in
        ["", "{", "7", "\"{hello}\"", "{}", r#"{"query": 1}"#, r#"{"query": "{hello}", "variables": []}"#, "[]", "[1]"]
    {
        send(Method::POST, "/graphql", &[("content-type", JSON)], body).await.is(400, "BAD_INPUT");
    }
    get(&[("query", "{hello}"), ("variables", "{")]).await.is(400, "BAD_INPUT");
    get(&[("operationName", "A")]).await.is(400, "BAD_INPUT");
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused() {
    let body = |size: usize| format!("{}{}", json!({"query": "{hello}"}), " ".repeat(size - 19));
    let headers = [("content-type", JSON), ("authorization", "Bearer of-acme")];
    assert_eq!(send(Method::POST, "/graphql", &headers, body(limits::BODY)).await.status, 200);
    let answer = send(Method::POST, "/graphql", &headers, body(limits::BODY + 1)).await;
    answer.is(413, "TOO_LARGE");
}

#[tokio::test]
async fn requests_that_do_not_validate_are_refused_before_they_run() {
    let mut documents = vec!["{".to_owned(), String::new(), "{nothing}".into(), "{double(n: \"x\")}".into()];
    documents.push("{hello ...F} fragment F on Query {deeper{...F}}".into());
    documents.push("query A {hello} query B {hello}".into());
    for document in documents {
        let request = json!({"query": document});
        post(JSON, &request).await.is(200, "BAD_INPUT");
        let answer = post(NEWER, &request).await;
        answer.is(400, "BAD_INPUT");
        assert_eq!(answer.json().get("data"), None);
    }
}

#[tokio::test]
async fn variables_of_the_wrong_type_are_the_callers_fault() {
    let request = |n: Value| json!({"query": "query($n: Int!) {double(n: $n)}", "variables": {"n": n}});
    for n in [json!("x"), json!(null), json!(1.5)] {
        post(NEWER, &request(n)).await.is(400, "BAD_INPUT");
    }
    // Of the right type and out of its range: that comes up when the field runs.
    post(NEWER, &request(json!(3_000_000_000_u32))).await.is(200, "BAD_INPUT");
}

#[tokio::test]
async fn batches_are_answered_in_order_up_to_ten() {
    let batch = |size: i32| (0..size).map(|n| json!({"query": format!("{{double(n: {n})}}")})).collect::<Value>();
    let answer = post_signed_in(&batch(10)).await;
    assert_eq!(answer.json()[9], json!({"data": {"double": 18}}));
    assert_eq!(post_signed_in(&batch(1)).await.json(), json!([{"data": {"double": 0}}]));
    post_signed_in(&batch(11)).await.is(400, "BAD_INPUT");
}

fn each(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn documents_over_a_limit_are_refused_by_name() {
    let nested = |depth: usize| format!("{}hello{}", "{deeper".repeat(depth - 1) + "{", "}".repeat(depth));
    let aliases = |count: usize| each(count, |n| format!("a{n}:hello "));
    assert_eq!(ask(&nested(12)).await.json().get("errors"), None);
    assert_eq!(ask(&format!("{{deeper{{{}}}}}", aliases(100))).await.json().get("errors"), None);
    let bomb = each(30, |n| format!("fragment F{n} on Query {{...F{m} ...F{m}}} ", m = n + 1));
    for (document, limit) in [
        (nested(13), "the limit is 12"),
        (format!("{{deeper{{{}}}}}", aliases(101)), "the limit is 100"),
        (format!("{{{}}}", "hello ".repeat(51)), "the limit is 50"),
        (format!("{{{}}}", "deeper{hello}".repeat(50)).replace("hello", &"hello ".repeat(50)), "the limit is 2000"),
        (format!("{{...F0}} {bomb} fragment F30 on Query {{hello}}"), "the limit is"),
        (format!("{{double(n: {})}}", "[".repeat(50_000)), "the limit is 100"),
        ("{costly}".into(), "the limit is 25000"),
        (format!("{{hello {}}}", "@skip(if: false) ".repeat(6)), "`5`"),
    ] {
        let answer = post_signed_in(&json!({ "query": document })).await;
        answer.is(200, "BAD_INPUT");
        assert!(answer.message().contains(limit), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_usual_introspection_query_passes_where_introspection_is_on() {
    let query = include_str!("introspection.graphql");
    let answer = ask(query).await.json();
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    assert_eq!(answer.get("errors"), None);

    let schema = || Schema::build(Query, EmptyMutation, EmptySubscription).disable_introspection();
    let runner = Runner::new(schema, Sizes::default()).unwrap();
    let routes = http::graphql_routes(runner, TestGate::default(), Options::default());
    let app = http::surround(routes, Requests::default(), TrustedProxies::default());
    let body = json!({"query": query}).to_string();
    let request = HttpRequest::post("/graphql").header("content-type", JSON).body(body.into()).unwrap();
    assert_eq!(call(&app, request).await.json()["data"]["__schema"], GraphQl::Null.into_json().unwrap());
}

#[tokio::test]
async fn errors_of_resolvers_keep_their_code_and_field() {
    for query in ["{missing}", "{missingPlainly}"] {
        let answer = post(NEWER, &json!({"query": query})).await;
        answer.is(200, "NOT_FOUND");
        assert_eq!(answer.json()["errors"][0]["extensions"]["field"], json!(["key"]));
        assert_eq!(answer.message(), "there is no user `dana`");
        assert_eq!(answer.json()["data"], Value::Null);
    }
}

#[tokio::test]
async fn the_text_of_a_fault_is_never_shown() {
    for query in ["{hello fault}", "{hello faultByConversion}"] {
        let answer = ask(query).await;
        answer.is(200, "INTERNAL");
        assert_eq!(answer.json()["data"]["hello"], "hello");
    }
    let answer = ask("{panics}").await;
    answer.is(500, "INTERNAL");
}

#[tokio::test]
async fn what_the_gate_gives_reaches_the_operation() {
    let headers = [("content-type", JSON), ("authorization", "Bearer me"), ("x-request-id", "my-id.1")];
    let answer = send(Method::POST, "/graphql", &headers, r#"{"query": "{who}"}"#).await;
    assert_eq!(answer.json()["data"]["who"], "me/my-id.1");
    assert_eq!(answer.header("x-request-id"), "my-id.1");
}

#[tokio::test]
async fn a_gate_that_is_shut_answers_with_the_status_of_its_code() {
    let cases = [
        ("unauthenticated", 401, "UNAUTHENTICATED"),
        ("forbidden", 403, "FORBIDDEN"),
        ("bad-input", 400, "BAD_INPUT"),
        ("rate-limited", 429, "RATE_LIMITED"),
        ("unavailable", 503, "UNAVAILABLE"),
        ("internal", 500, "INTERNAL"),
    ];
    for (token, status, code) in cases {
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", JSON), ("accept", NEWER), ("authorization", &bearer)];
        let answer = send(Method::POST, "/graphql", &headers, r#"{"query": "{hello}"}"#).await;
        answer.is(status, code);
        assert_eq!(answer.header("content-type"), format!("{NEWER}; charset=utf-8"));
        assert_eq!(answer.header("www-authenticate"), if status == 401 { "Bearer" } else { "" });
        assert!(code == "INTERNAL" || answer.json()["errors"][0]["extensions"]["field"] == json!(["token"]));
    }
}

#[tokio::test]
async fn an_authorization_of_another_kind_is_refused() {
    for value in ["Basic dTpw", "Bearer", "me"] {
        let headers = [("content-type", JSON), ("authorization", value)];
        let answer = send(Method::POST, "/graphql", &headers, r#"{"query": "{hello}"}"#).await;
        answer.is(401, "UNAUTHENTICATED");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn an_ill_formed_request_id_is_replaced() {
    let answer = send(Method::GET, "/healthz", &[("x-request-id", "a b")], Body::empty()).await;
    assert_eq!(answer.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn an_unknown_path_is_answered_in_the_same_shape() {
    send(Method::GET, "/nowhere", &[], Body::empty()).await.is(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_browser_gets_the_page_only_where_it_is_switched_on() {
    let page = |uri: &str| HttpRequest::get(uri).header("accept", "text/html, */*;q=0.8").body(Body::empty()).unwrap();
    let on = app_with(Options { graphiql: true, ..Options::default() }, vec![]);
    let answer = call(&on, page("/graphql")).await;
    assert!(answer.header("content-type").starts_with("text/html") && answer.text.contains("graphiql.min.js"));
    assert_eq!(call(&on, page("/graphql?query=%7Bhello%7D")).await.json()["data"]["hello"], "hello");
    call(&app(), page("/graphql")).await.is(400, "BAD_INPUT");
}

#[tokio::test]
async fn readiness_depends_on_the_required_parts_alone() {
    let check = |name: &str, ok, required| Check { name: name.into(), ok, required, detail: "seen".into() };
    let ready_for = |query: &'static str, checks| async move {
        let request = HttpRequest::get(format!("/readyz{query}")).body(Body::empty()).unwrap();
        call(&app_with(Options::default(), checks), request).await
    };
    let ready = |checks| ready_for("", checks);
    let answer = ready(vec![check("database", true, true), check("redis", false, false)]).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["ready"]), (200, &json!(true)));
    let answer = ready(vec![check("database", false, true)]).await;
    assert_eq!(answer.status, 503);
    let expected = json!({"name": "database", "ok": false, "required": true, "detail": "seen"});
    assert_eq!(answer.json(), json!({"ready": false, "checks": [expected]}));
    for (query, expected) in [("", 200), ("?for=decisions", 200), ("?for=changes", 503)] {
        let answer = ready_for(query, vec![check("changes", false, false), check("policy", true, true)]).await;
        assert_eq!(answer.status, expected, "{query}");
        assert_eq!(answer.json()["checks"][0]["required"], expected == 503);
    }
    let answer = ready_for("?verbose", vec![]).await;
    assert_eq!(answer.json()["memory"], json!({ "tenants": 2, "digest": "00ff" }));
    for wrong in ["?for=everything", "?quiet", "?for="] {
        ready_for(wrong, vec![]).await.is(400, "BAD_INPUT");
    }
    assert_eq!(send(Method::GET, "/healthz", &[], Body::empty()).await.text, "ok");
}

#[tokio::test]
async fn a_fault_is_logged_once_with_its_text_beside_the_line_of_the_request() {
    let (log, guard) = Log::start();
    let headers = [("content-type", JSON), ("x-request-id", "traced"), ("authorization", "Bearer internal")];
    send(Method::POST, "/graphql?token=hush", &headers, r#"{"query": "{hello}"}"#).await;
    drop(guard);

    let text = log.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("SELECT secret FROM vault"), "{text}");
    assert!(
        lines[1].contains("INFO") && lines[1].contains("status=500") && lines[1].contains("path=\"/graphql\""),
        "{text}"
    );
    assert!(lines.iter().all(|line| line.contains("request_id=traced")) && !text.contains("hush"), "{text}");
}

#[tokio::test]
async fn every_answer_says_that_its_type_is_what_it_says() {
    for answer in [
        ask("{hello}").await,
        ask("{").await,
        send(Method::POST, "/graphql", &[("content-type", JSON)], "7").await,
        send(Method::PUT, "/graphql", &[], Body::empty()).await,
        send(Method::GET, "/nowhere", &[], Body::empty()).await,
        send(Method::GET, "/healthz", &[], Body::empty()).await,
        send(Method::GET, "/graphql/ws", &[], Body::empty()).await,
    ] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{} {}", answer.status, answer.text);
    }
}

/// Words that only the program's own types contain.
const OF_THE_PROGRAM: [&str; 8] = ["struct", "enum ", "tuple", "variant", "::", "Written", "Parameters", "FromClient"];

#[tokio::test]
async fn what_is_wrong_with_json_is_told_without_a_type_of_the_program() {
    let batch = |inner: &str| format!("[{inner}]");
    let wrong = ["7", "\"x\"", "null", "true", "[[]]", "[7]", "[null]", "{}", "[]"];
    let members =
        [r#""query": 7"#, r#""query": "{hello}", "variables": [1]"#, r#""query": "{hello}", "variables": "x""#]
            .into_iter()
            .chain([r#""query": "{hello}", "operationName": {}"#, r#""query": "{hello}", "extensions": 1"#])
            .chain([
                r#""query": "{hello}", "query": "{hello}""#,
                r#""query": "{hello}", "extensions": {"persistedQuery": []}"#,
            ]);
    let bodies: Vec<String> =
        wrong.map(str::to_owned).into_iter().chain(members.map(|it| format!("{{{it}}}"))).collect();
    for body in &bodies {
        for body in [body.clone(), batch(body)] {
            let headers = [("content-type", JSON), ("authorization", "Bearer of-acme")];
            let answer = send(Method::POST, "/graphql", &headers, body.clone()).await;
            answer.is(400, "BAD_INPUT");
            for word in OF_THE_PROGRAM {
                assert!(!answer.message().contains(word), "{body}: {}", answer.message());
            }
        }
    }
    for parameters in [[("query", "{hello}"), ("variables", "[1]")], [("query", "{hello}"), ("extensions", "7")]] {
        let message = get(&parameters).await.message();
        assert!(OF_THE_PROGRAM.iter().all(|word| !message.contains(word)), "{message}");
    }
}
