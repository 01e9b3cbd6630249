//! The maximum number of connections, and the clients that find a place once there are many.

use std::time::Instant;

use bailiwick::http::server::Bounds;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{answered, ask, behind, connect, connect_from, counted, start, until_ended, wide};
use crate::common::app::eventually;
use crate::common::not_hung;
use crate::common::socket::Socket;

/// Another address of this machine.
const ELSEWHERE: &str = "127.0.0.2";

#[tokio::test]
async fn one_address_with_all_its_places_keeps_no_other_from_being_served() {
    let (instance, _database) = start(Bounds { per_address: 3, ..wide() }).await;
    let held = [connect(&instance.url).await, connect(&instance.url).await, connect(&instance.url).await];
    eventually("all three are in", async || counted(&instance, "connections").await >= 3).await;
    let mut refused = connect(&instance.url).await;
    assert!(until_ended(&mut refused).await.starts_with("HTTP/1.1 503 "));
    assert_eq!(ask(&mut connect_from(ELSEWHERE, &instance.url).await).await, Some(200));
    assert_eq!(counted(&instance, r#"connections_refused_total{bound="address"}"#).await, 1);
    drop(held);
    eventually("places are given back", async || ask(&mut connect(&instance.url).await).await == Some(200)).await;
}

#[tokio::test]
async fn a_proxy_that_is_trusted_brings_the_connections_of_many() {
    let proxies = ["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()].into_iter().collect();
    let (instance, _database) = behind(Bounds { per_address: 1, ..wide() }, proxies).await;
    let _held = [connect(&instance.url).await, connect(&instance.url).await];
    eventually("both are in", async || counted(&instance, "connections").await >= 2).await;
    assert_eq!(ask(&mut connect(&instance.url).await).await, Some(200));
    let _other = connect_from(ELSEWHERE, &instance.url).await;
    assert!(until_ended(&mut connect_from(ELSEWHERE, &instance.url).await).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn connections_that_only_wait_make_room_for_those_that_ask() {
    let (instance, _database) = start(Bounds { connections: 4, ..wide() }).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect(&instance.url).await);
    }
    let begun = Instant::now();
    for _ in 0..20 {
        held.push(connect(&instance.url).await);
        let mut asking = connect(&instance.url).await;
        assert_eq!(ask(&mut asking).await, Some(200), "a request finds no place");
    }
    not_hung(begun);
    assert!(counted(&instance, r#"connections_ended_total{limit="room"}"#).await >= 20);
}

#[tokio::test]
async fn bodies_that_do_not_come_make_room_for_those_that_ask() {
    let (instance, _database) = start(Bounds { connections: 4, ..wide() }).await;
    let begun = Instant::now();
    let mut held = Vec::new();
    for _ in 0..12 {
        let mut trickling = connect(&instance.url).await;
        let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n";
        trickling.write_all(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
        // So much is said once the body is waited for.
        assert_eq!(answered(&mut trickling).await, Some(100));
        trickling.write_all(b"{").await.unwrap();
        held.push(trickling);
        assert_eq!(ask(&mut connect(&instance.url).await).await, Some(200), "a request finds no place");
    }
    not_hung(begun);
    assert_eq!(until_ended(&mut held[0]).await, "", "the first of them has made room");
}

#[tokio::test]
async fn websockets_without_a_credential_make_room_and_others_do_not() {
    let (instance, _database) = start(Bounds { connections: 4, ..wide() }).await;
    let alice = instance.tenant("acme").await;
    let mut known = Socket::open(&instance.url, &alice).await;
    let begun = Instant::now();
    let mut strangers = Vec::new();
    for _ in 0..8 {
        strangers.push(Socket::stranger(&instance.url).await);
        assert_eq!(ask(&mut connect(&instance.url).await).await, Some(200), "a request finds no place");
    }
    not_hung(begun);
    strangers[0].ended().await;
    known.subscribe("1", "{ viewer { user { key } } }", json!({})).await;
    assert_eq!(known.next("1").await["data"]["viewer"]["user"]["key"], "alice");
    assert!(counted(&instance, r#"connections_ended_total{limit="room"}"#).await >= 4);
}

#[tokio::test]
async fn one_address_that_fills_all_places_makes_room_before_others() {
    let (instance, _database) = start(Bounds { connections: 5, ..wide() }).await;
    let mut other = connect_from(ELSEWHERE, &instance.url).await;
    assert_eq!(ask(&mut other).await, Some(200));
    let _crowd: Vec<_> = futures_util::future::join_all((0..4).map(|_| connect(&instance.url))).await;
    eventually("all are in", async || counted(&instance, "connections").await >= 5).await;
    for _ in 0..6 {
        let _another = connect(&instance.url).await;
        assert_eq!(ask(&mut other).await, Some(200), "it has waited longest, and is alone");
    }
}
