//! The maximum number of connections, and the clients that find a place once there are many.

use std::time::Instant;

use bailiwick::http::server::Bounds;

use super::{ask, behind, connect, connect_from, counted, start, until_ended, wide};
use crate::common::app::eventually;
use crate::common::not_hung;

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
