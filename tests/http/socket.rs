//! Over a WebSocket, on a real listener.

use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;

/// A client's end of a connection.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Serves the app on a free port until the test's runtime ends.
async fn serve(options: Options) -> String {
    serve_app(app_with(options, vec![])).await
}

async fn serve_app(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("ws://{address}/graphql/ws")
}

async fn connect(url: &str, headers: &[(&'static str, &str)]) -> Result<Client, tungstenite::Error> {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| Client(socket))
}

const SPOKEN: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

async fn opened(options: Options) -> Client {
    connect(&serve(options).await, &[SPOKEN]).await.unwrap()
}

async fn acknowledged(payload: Value) -> Client {
    let mut client = opened(Options::default()).await;
    client.say(json!({"type": "connection_init", "payload": payload})).await;
    assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
    client
}

impl Client {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({"type": "subscribe", "id": id, "payload": {"query": query}})).await;
    }

    /// Returns the next message that is not a ping.
    async fn next(&mut self) -> Message {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("an answer in time");
            match next.expect("an open connection").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the code of the close frame that must come next.
    async fn closed(&mut self) -> u16 {
        match self.next().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("{other:?}"),
        }
    }

    async fn hears_error(&mut self, id: &str, code: &str) {
        let message = self.hear().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{message}");
        assert!(message["payload"][0]["extensions"]["requestId"].is_string());
    }
}

#[tokio::test]
async fn a_subscription_runs_to_its_end() {
    let mut client = acknowledged(json!({})).await;
    client.subscribe("1", "subscription {count(to: 2)}").await;
    for n in 1..=2 {
        let expected = json!({"type": "next", "id": "1", "payload": {"data": {"count": n}}});
        assert_eq!(client.hear().await, expected);
    }
    assert_eq!(client.hear().await, json!({"type": "complete", "id": "1"}));
}

#[tokio::test]
async fn queries_and_pings_are_answered_too() {
    let mut client = acknowledged(json!({"authorization": "Bearer me"})).await;
    client.subscribe("q", "{who}").await;
    let who = client.hear().await["payload"]["data"]["who"].as_str().unwrap().to_owned();
    assert!(who.starts_with("me/"), "{who}");
    assert_eq!(client.hear().await, json!({"type": "complete", "id": "q"}));
    client.say(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(client.hear().await, json!({"type": "pong", "payload": {"n": 1}}));
}

#[tokio::test]
async fn the_credentials_of_the_upgrade_hold_when_the_payload_has_none() {
    let url = serve(Options::default()).await;
    let mut client = connect(&url, &[SPOKEN, ("authorization", "Bearer upgrade")]).await.unwrap();
    client.say(json!({"type": "connection_init"})).await;
    client.hear().await;
    client.subscribe("q", "{who}").await;
    assert!(client.hear().await["payload"]["data"]["who"].as_str().unwrap().starts_with("upgrade/"));
}

#[tokio::test]
async fn a_completed_operation_says_nothing_more_and_its_id_is_free_again() {
    let mut client = acknowledged(json!({})).await;
    client.subscribe("1", "subscription {forever}").await;
    client.say(json!({"type": "complete", "id": "1"})).await;
    client.subscribe("1", "{hello}").await;
    assert_eq!(client.hear().await["payload"]["data"]["hello"], "hello");
}

#[tokio::test]
async fn limits_and_validation_hold_as_over_http() {
    let mut client = acknowledged(json!({})).await;
    let deep = format!("{}hello{}", "{deeper".repeat(12) + "{", "}".repeat(13));
    for document in ["{", "{nothing}", "{costly}", &deep] {
        client.subscribe("1", document).await;
        client.hears_error("1", "BAD_INPUT").await;
    }
    for n in 0..limits::OPERATIONS {
        client.subscribe(&n.to_string(), "subscription {forever}").await;
    }
    client.subscribe("one more", "{hello}").await;
    client.hears_error("one more", "RATE_LIMITED").await;
}

#[tokio::test]
async fn the_text_of_a_fault_is_never_shown_here_either() {
    let mut client = acknowledged(json!({})).await;
    for query in ["subscription {fault}", "{fault}"] {
        client.subscribe("1", query).await;
        let message = client.hear().await;
        assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "INTERNAL", "{message}");
        assert!(!message.to_string().contains("secret"), "{message}");
        assert_eq!(client.hear().await["type"], "complete");
    }
}

#[tokio::test]
async fn the_gate_is_asked_at_the_handshake() {
    for (token, code) in
        [("unauthenticated", 4403), ("forbidden", 4403), ("bad-input", 4400), ("unavailable", 1013), ("internal", 1011)]
    {
        let mut client = opened(Options::default()).await;
        client.say(json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}})).await;
        assert_eq!(client.closed().await, code, "{token}");
    }
    for payload in [json!({"Authorization": "Basic dTpw"}), json!({"Authorization": "me"})] {
        let mut client = opened(Options::default()).await;
        client.say(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(client.closed().await, 4403);
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_closes_the_connection_with_its_code() {
    let mut client = opened(Options::default()).await;
    client.subscribe("1", "{hello}").await;
    assert_eq!(client.closed().await, 4401);

    for message in [Message::text("{"), Message::text(r#"{"type":"start"}"#), Message::binary(vec![1])] {
        let mut client = acknowledged(json!({})).await;
        client.0.send(message).await.unwrap();
        assert_eq!(client.closed().await, 4400);
    }

    let mut client = acknowledged(json!({})).await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.closed().await, 4429);

    let mut client = acknowledged(json!({})).await;
    let id = "é".repeat(200);
    client.subscribe(&id, "subscription {forever}").await;
    client.subscribe(&id, "subscription {forever}").await;
    assert_eq!(client.closed().await, 4409);
}

#[tokio::test]
async fn a_message_over_its_limit_closes_the_connection() {
    let mut client = acknowledged(json!({})).await;
    client.subscribe("1", &" ".repeat(limits::MESSAGE)).await;
    assert_eq!(client.closed().await, u16::from(CloseCode::Size));
}

#[tokio::test]
async fn a_connection_that_never_says_hello_is_closed() {
    let mut client = opened(Options { init_timeout: Duration::from_millis(50), ..Options::default() }).await;
    assert_eq!(client.closed().await, 4408);
}

#[tokio::test]
async fn a_connection_that_never_shows_a_credential_is_closed_whatever_it_says() {
    let options = || Options { stranger_time: Duration::from_millis(200), ..Options::default() };
    let mut client = opened(options()).await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
    client.subscribe("1", "subscription {forever}").await;
    assert_eq!(client.closed().await, 4403);
    // One that has shown one stays.
    let mut client = opened(options()).await;
    client.say(json!({"type": "connection_init", "payload": {"Authorization": "Bearer me"}})).await;
    assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
    assert!(tokio::time::timeout(Duration::from_millis(800), client.next()).await.is_err());
}

#[tokio::test]
async fn a_revoked_credential_ends_a_connection_on_which_nothing_runs() {
    let gate = TestGate::default();
    let options = Options { keepalive: Duration::from_millis(100), ..Options::default() };
    let url = serve_app(app_behind(gate.clone(), options, vec![])).await;
    let mut client = connect(&url, &[SPOKEN, ("authorization", "Bearer revocable")]).await.unwrap();
    client.say(json!({"type": "connection_init"})).await;
    client.hear().await;
    gate.revoked.store(true, Ordering::Relaxed);
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn a_client_that_stays_silent_is_closed_and_one_that_answers_pings_is_not() {
    let options = || Options { keepalive: Duration::from_millis(100), ..Options::default() };
    let mut client = opened(options()).await;
    // Reading answers the pings.
    assert!(tokio::time::timeout(Duration::from_millis(500), client.next()).await.is_err());
    let mut client = opened(options()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(client.closed().await, 3008);
}

#[tokio::test]
async fn stopping_the_server_closes_connections_with_a_word() {
    let options = Options::default();
    let shutdown = options.shutdown.clone();
    let mut client = opened(options).await;
    shutdown.cancel();
    assert_eq!(client.closed().await, 1001);
}

#[tokio::test]
async fn pages_from_elsewhere_and_other_protocols_are_refused_at_the_upgrade() {
    let url =
        serve(Options { public_url: Some("https://access.example.com".parse().unwrap()), ..Options::default() }).await;
    let own = url.replace("ws://", "http://").replace("/graphql/ws", "");
    for origin in [own.as_str(), "https://access.example.com"] {
        assert!(connect(&url, &[SPOKEN, ("origin", origin)]).await.is_ok(), "{origin}");
    }
    let refusals: [(&[(&'static str, &str)], u16); 5] = [
        (&[SPOKEN, ("origin", "https://evil.example")], 403),
        (&[SPOKEN, ("origin", "null")], 403),
        (&[SPOKEN, ("authorization", "Basic dTpw")], 401),
        (&[("sec-websocket-protocol", "graphql-ws")], 400),
        (&[], 400),
    ];
    for (headers, status) in refusals {
        match connect(&url, headers).await {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status().as_u16(), status, "{headers:?}"),
            other => panic!("{headers:?}: {:?}", other.map(|_| ())),
        }
    }
}

#[tokio::test]
async fn a_plain_request_to_the_socket_is_refused() {
    send(Method::GET, "/graphql/ws", &[], Body::empty()).await.is(400, "BAD_INPUT");
    send(Method::POST, "/graphql/ws", &[], Body::empty()).await.is(405, "BAD_INPUT");
}

#[tokio::test]
async fn a_revoked_credential_ends_its_subscriptions() {
    let gate = TestGate::default();
    let options = Options { keepalive: Duration::from_millis(100), ..Options::default() };
    let url = serve_app(app_behind(gate.clone(), options, vec![])).await;
    let mut client = connect(&url, &[SPOKEN, ("authorization", "Bearer revocable")]).await.unwrap();
    client.say(json!({"type": "connection_init"})).await;
    client.hear().await;
    client.subscribe("1", "subscription {forever}").await;
    assert!(tokio::time::timeout(Duration::from_millis(300), client.next()).await.is_err());
    gate.revoked.store(true, Ordering::Relaxed);
    assert_eq!(client.closed().await, 4403);
}

#[tokio::test]
async fn a_revoked_credential_starts_nothing_more() {
    let gate = TestGate::default();
    let url = serve_app(app_behind(gate.clone(), Options::default(), vec![])).await;
    let mut client = connect(&url, &[SPOKEN, ("authorization", "Bearer revocable")]).await.unwrap();
    client.say(json!({"type": "connection_init"})).await;
    client.hear().await;
    gate.revoked.store(true, Ordering::Relaxed);
    client.subscribe("1", "{hello}").await;
    client.hears_error("1", "UNAUTHENTICATED").await;
}

#[tokio::test]
async fn a_query_that_is_completed_from_there_is_not_made_to_its_end() {
    let (app, resolved) = super::pace::numbers();
    let own = resolved.holders();
    let mut client = connect(&serve_app(app).await, &[SPOKEN]).await.unwrap();
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
    client.subscribe("1", "{numbers {number}}").await;
    while resolved.count() == 0 {
        tokio::task::yield_now().await;
    }
    client.say(json!({"type": "complete", "id": "1"})).await;
    while resolved.holders() > own {
        tokio::task::yield_now().await;
    }
    assert!(resolved.count() < super::pace::MANY, "the answer was made to its end");
}
