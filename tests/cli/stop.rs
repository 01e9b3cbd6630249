//! The end of a server, and the descriptors that it can open.

use std::net::SocketAddr;
use std::time::Duration;

use bailiwick::app::STOPPED_WITHIN;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn a_server_that_is_told_to_stop_says_so_and_serves_until_the_drain_is_over() {
    let place = Place::new().with("BAILIWICK_DRAIN_SECONDS", "600");
    let server = place.serve();
    assert_eq!(readiness(&server).await.0, 200);
    server.signal("-TERM");
    eventually("balancers are told", async || readiness(&server).await.0 == 503).await;
    assert_eq!(check(&readiness(&server).await.1, "running")["ok"], false);
    // New connections too: nobody has been told to go elsewhere yet.
    assert_eq!(get(&server, "/healthz").await.0, 200);
    graphql(&server, None, "{ __typename }").await;
    // A second signal waits no longer.
    assert_eq!(server.stop("-TERM").code, 0);
}

#[tokio::test]
async fn ctrl_c_waits_for_no_drain() {
    let begun = Instant::now();
    assert_eq!(Place::new().with("BAILIWICK_DRAIN_SECONDS", "600").serve().stop("-INT").code, 0);
    not_hung(begun);
}

/// A wire to the database that can fall silent: nothing passes, and neither end is told.
struct Relay {
    address: SocketAddr,
    silent: CancellationToken,
}

impl Relay {
    async fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, silent) = (listener.local_addr().unwrap(), CancellationToken::new());
        let told = silent.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (told, upstream) = (told.clone(), upstream.clone());
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(upstream).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        () = told.cancelled() => std::future::pending().await,
                    }
                });
            }
        });
        Self { address, silent }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_the_process_though_its_database_hangs() {
    let database = PostgresServer::shared().create_database().await;
    let mut url = url::Url::parse(&database).unwrap();
    let relay = Relay::before(format!("127.0.0.1:{}", url.port().unwrap())).await;
    url.set_port(Some(relay.address.port())).unwrap();
    let place = Place::new().with("BAILIWICK_DATABASE_URL", url.as_str()).with("BAILIWICK_OPERATOR_PASSWORD", OPERATOR);
    let server = place.serve();
    relay.silent.cancel();
    // Requests hang at the database when the signal comes, a write among them.
    let hanging: Vec<_> = (0..4)
        .map(|_| {
            let request = reqwest::Client::new().post(format!("{}/graphql", server.url)).json(&json!({
                "query": r#"mutation { sessionCreate(input: { tenant: "platform", username: "operator", password: "Operator-Test-77" }) { token } }"#
            }));
            tokio::spawn(request.send())
        })
        .collect();
    eventually("a request is under way", async || get(&server, "/healthz").await.0 == 200).await;
    let begun = Instant::now();
    tokio::task::spawn_blocking(move || server.stop("-TERM")).await.unwrap();
    assert!(begun.elapsed() < STOPPED_WITHIN + Duration::from_secs(8), "it took {:?}", begun.elapsed());
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn the_limit_of_descriptors_is_raised_at_the_start() {
    let place = Place::new();
    let server = place.serve_under("ulimit -Sn 64");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|place| line.split_whitespace().nth(place).unwrap());
    assert_eq!(soft, hard);
    assert!(soft.parse::<u64>().map_or(true, |limit| limit > 64), "{line}");
}

#[tokio::test]
async fn as_many_silent_connections_as_there_are_descriptors_do_not_block_the_door() {
    let place = Place::new();
    let server = place.serve_under("ulimit -n 300");
    assert!(server.log().contains("descriptors allows 172 connections"), "{}", server.log());
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..320 {
        held.push(TcpStream::connect(&address).await.unwrap());
    }
    let begun = Instant::now();
    assert_eq!(get(&server, "/healthz").await.0, 200);
    graphql(&server, None, "{ __typename }").await;
    not_hung(begun);
    assert!(server.log().contains("connections were ended: as many were open"), "{}", server.log());
}
