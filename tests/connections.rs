//! Connections over real sockets: a client that holds one and leaves the instance waiting is ended by its limit, and
//! keeps no other from being served.

mod answers;
mod places;

use std::net::SocketAddr;
use std::time::Duration;

use bailiwick::http::client::TrustedProxies;
use bailiwick::http::server::Bounds;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::common::app::{Choices, Database, Instance, eventually};
use crate::common::socket::Socket;

/// A time that no test waits for: only a test that hangs reaches it.
const HUNG: Duration = Duration::from_secs(20);
/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_hours(1);
/// A request that is answered at once.
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Bounds that no test meets, but for those that it sets.
fn wide() -> Bounds {
    Bounds { connections: 1000, per_address: 1000, header: LONG, idle: LONG, write: LONG }
}

/// Starts an instance with these bounds, and returns its database too, which must outlive it.
async fn start(connections: Bounds) -> (Instance, Database) {
    behind(connections, TrustedProxies::default()).await
}

/// Starts an instance behind trusted proxies.
async fn behind(connections: Bounds, trusted_proxies: TrustedProxies) -> (Instance, Database) {
    let database = Database::sqlite();
    let choices = Choices { trusted_proxies, connections, ..Choices::default() };
    (Instance::start(&database, choices).await, database)
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(address(url)).await.unwrap()
}

/// Connects from another address of this machine.
async fn connect_from(source: &str, url: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(address(url)).await.unwrap()
}

/// Returns all that comes until the other side ends the connection, which it must.
async fn until_ended(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset ends it too.
    let _ = timeout(HUNG, stream.read_to_end(&mut said)).await.expect("a connection that is ended");
    String::from_utf8_lossy(&said).into_owned()
}

/// Returns the status of one answer without a body worth reading; `None` if the connection ended instead.
async fn answered(stream: &mut TcpStream) -> Option<u16> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(HUNG, stream.read_u8()).await.expect("an answer").ok()?;
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    timeout(HUNG, stream.read_exact(&mut body)).await.expect("a body").ok()?;
    head.split(' ').nth(1)?.parse().ok()
}

/// Asks something over an open connection.
async fn ask(stream: &mut TcpStream) -> Option<u16> {
    stream.write_all(REQUEST).await.ok()?;
    answered(stream).await
}

/// Returns the metric of this name and these labels.
async fn counted(instance: &Instance, name: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", instance.metrics)).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("bailiwick_{name} ")));
    line.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn a_request_whose_head_does_not_come_is_given_up() {
    let (instance, _database) = start(Bounds { header: SHORT, ..wide() }).await;
    let mut silent = connect(&instance.url).await;
    let mut half = connect(&instance.url).await;
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ").await.unwrap();
    let (mut reading, mut writing) = connect(&instance.url).await.into_split();
    let dripping = tokio::spawn(async move {
        // A byte now and then moves no limit: the head as a whole has one.
        for byte in b"GET /healthz HTTP/1.1\r\nX-Long: ".iter().chain(std::iter::repeat(&b'x')) {
            if writing.write_u8(*byte).await.is_err() {
                return;
            }
            sleep(SHORT / 10).await;
        }
    });
    assert_eq!((until_ended(&mut silent).await, until_ended(&mut half).await), (String::new(), String::new()));
    let mut said = Vec::new();
    let _ = timeout(HUNG, reading.read_to_end(&mut said)).await.expect("a connection that is ended");
    assert!(said.is_empty());
    dripping.abort();
    assert_eq!(counted(&instance, r#"connections_ended_total{limit="header"}"#).await, 3);
}

#[tokio::test]
async fn the_limit_of_a_head_counts_for_each_request_anew() {
    let (instance, _database) = start(Bounds { header: SHORT, ..wide() }).await;
    let mut stream = connect(&instance.url).await;
    assert_eq!(ask(&mut stream).await, Some(200));
    // Between two requests it may be silent for longer: that has a limit of its own.
    sleep(SHORT * 3).await;
    assert_eq!(ask(&mut stream).await, Some(200));
    stream.write_all(b"G").await.unwrap();
    assert_eq!(until_ended(&mut stream).await, "");
}

#[tokio::test]
async fn a_connection_that_is_not_used_again_is_ended() {
    let (instance, _database) = start(Bounds { idle: SHORT, ..wide() }).await;
    let mut stream = connect(&instance.url).await;
    assert_eq!(ask(&mut stream).await, Some(200));
    assert_eq!(until_ended(&mut stream).await, "");
    assert_eq!(counted(&instance, r#"connections_ended_total{limit="idle"}"#).await, 1);
}

#[tokio::test]
async fn who_asks_again_in_time_keeps_the_connection() {
    let (instance, _database) = start(Bounds { idle: SHORT * 4, header: SHORT * 4, ..wide() }).await;
    let mut stream = connect(&instance.url).await;
    for _ in 0..12 {
        assert_eq!(ask(&mut stream).await, Some(200));
        sleep(SHORT / 2).await;
    }
}

#[tokio::test]
async fn the_metrics_are_behind_the_same_limits() {
    let (instance, _database) = start(Bounds { header: SHORT, idle: SHORT, ..wide() }).await;
    let mut half = connect(&instance.metrics).await;
    half.write_all(b"GET /met").await.unwrap();
    assert_eq!(until_ended(&mut half).await, "");
    let mut kept = connect(&instance.metrics).await;
    kept.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(answered(&mut kept).await, Some(200));
    assert_eq!(until_ended(&mut kept).await, "");
}

#[tokio::test]
async fn metrics_say_that_their_type_is_what_it_says() {
    let (instance, _database) = start(wide()).await;
    for path in ["/metrics", "/nothing"] {
        let answer = reqwest::get(format!("{}{path}", instance.metrics)).await.unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_websocket_has_limits_of_its_own_and_goes_on() {
    let (instance, _database) = start(Bounds { header: SHORT, idle: SHORT, ..wide() }).await;
    let alice = instance.tenant("acme").await;
    let mut socket = Socket::open(&instance.url, &alice).await;
    assert!(socket.is_silent(u64::try_from(SHORT.as_millis()).unwrap() * 5).await);
    socket.subscribe("1", "{ viewer { user { key } } }", json!({})).await;
    assert_eq!(socket.next("1").await["data"]["viewer"]["user"]["key"], "alice");
}

#[tokio::test]
async fn a_stop_ends_connections_that_wait_and_the_instance_at_once() {
    let (instance, _database) = start(wide()).await;
    let (mut fresh, mut kept) = (connect(&instance.url).await, connect(&instance.url).await);
    assert_eq!(ask(&mut kept).await, Some(200));
    let mut idle = Socket::open(&instance.url, &instance.tenant("acme").await).await;
    eventually("all are counted", async || counted(&instance, "connections").await >= 3).await;
    timeout(Duration::from_secs(8), instance.stop()).await.expect("an end before the grace of requests is over");
    assert_eq!((until_ended(&mut fresh).await, until_ended(&mut kept).await), (String::new(), String::new()));
    assert_eq!(idle.closed().await, 1001);
}
