//! Work that only a few can do at the same time is shared by tenants: a client that reads or sends slowly, or much,
//! takes from their own tenant's share.

use bailiwick::error::ErrorCode;
use bailiwick::http::limits;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::common::app::{Choices, Client, Database, Instance, both, eventually};
use crate::common::picture::png;
use crate::common::upload::{MULTIPART, with_file};

/// Starts an instance, and returns its database too, which must outlive it.
async fn start() -> (Instance, Database) {
    let database = Database::sqlite();
    (Instance::start(&database, Choices::default()).await, database)
}

/// Sends the head of a request, and part of its body, and then nothing; the connection takes little in.
async fn begin(instance: &Instance, client: &Client, request: &str, body: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(instance.url.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let token = client.token.as_deref().unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let length = format!("Content-Type: {MULTIPART}\r\nContent-Length: 100000\r\n\r\n");
    let rest = if body.is_empty() { "\r\n" } else { &length };
    stream.write_all(rest.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

async fn upload(client: &Client) -> (u16, Value) {
    client.send(MULTIPART, with_file("UserSetAvatar", json!({}), &png(1))).await
}

/// Makes a file that no buffer of the system takes as a whole: pixels that no compression makes smaller.
fn large_picture() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    let image = RgbImage::from_fn(1500, 1500, |_, _| image::Rgb([noise(), noise(), noise()]));
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

#[tokio::test]
async fn uploads_that_are_never_sent_take_from_their_own_tenant_alone() {
    let (instance, _database) = start().await;
    let (alice, other) = (instance.tenant("acme").await, instance.tenant("globex").await);
    let part = b"--x-the-edge-x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{";
    let mut held = Vec::new();
    for _ in 0..limits::UPLOADS.each + limits::UPLOADS.waiting_each {
        held.push(begin(&instance, &alice, "POST /graphql", part).await);
    }
    eventually("the tenant has its share", async || upload(&alice).await.0 == 429).await;
    let (status, answer) = upload(&other).await;
    assert_eq!((status, &answer["data"]["userSetAvatar"]["userErrors"]), (200, &json!([])), "{answer:#}");
    drop(held);
    eventually("places are given back", async || upload(&alice).await.0 == 200).await;
}

#[tokio::test]
async fn pictures_that_nobody_takes_in_take_from_their_own_tenant_alone() {
    let (instance, _database) = start().await;
    let (alice, other) = (instance.tenant("acme").await, instance.tenant("globex").await);
    alice.set_avatar(None, &large_picture()).await;
    other.set_avatar(None, &png(1)).await;
    let mut held = Vec::new();
    for _ in 0..limits::PICTURES.each + limits::PICTURES.waiting_each {
        held.push(begin(&instance, &alice, "GET /avatars/alice", b"").await);
    }
    let seen = async |client: &Client| client.fetch("/avatars/alice", &[]).await.status().as_u16();
    eventually("the tenant has its share", async || seen(&alice).await == 429).await;
    assert_eq!(seen(&other).await, 200);
    drop(held);
    eventually("places are given back", async || seen(&alice).await == 200).await;
}

#[tokio::test]
async fn rules_of_a_user_that_nobody_takes_in_take_from_their_own_tenant_alone() {
    let (instance, _database) = start().await;
    let (alice, other) = (instance.tenant("acme").await, instance.tenant("globex").await);
    let grant = |n| json!({ "object": format!("crm/deals/{n:0>100}"), "action": "read" });
    let grants: Vec<_> = (0..3000).map(grant).collect();
    alice.make("RoleCreate", json!({ "name": "Much", "permissions": [], "grants": grants })).await;
    alice.add_user("dana", "MANAGER", json!({ "customRole": "much" })).await;
    let mut held = Vec::new();
    // The maximum of answers on their way and of those that wait: see `service::places`.
    for _ in 0..8 + 64 {
        held.push(begin(&instance, &alice, "GET /casbin/js/dana", b"").await);
    }
    let seen =
        async |client: &Client, key: &str| client.fetch(&format!("/casbin/js/{key}"), &[]).await.status().as_u16();
    eventually("the tenant has its share", async || seen(&alice, "dana").await == 429).await;
    assert_eq!(seen(&other, "alice").await, 200);
    drop(held);
    eventually("places are given back", async || seen(&alice, "dana").await == 200).await;
}

both!(whole_policies_on_their_way_take_from_their_own_tenant_alone);
async fn whole_policies_on_their_way_take_from_their_own_tenant_alone(instance: Instance) {
    let (_alice, _other) = (instance.tenant("acme").await, instance.tenant("globex").await);
    let caller =
        async |tenant: &str| instance.platform.system_caller(&tenant.to_owned().try_into().unwrap()).await.unwrap();
    let (acme, globex) = (caller("acme").await, caller("globex").await);
    let first = instance.platform.policy_export(&acme).await.unwrap();
    let second = instance.platform.policy_export(&acme).await.unwrap();
    let refused = instance.platform.policy_export(&acme).await.err().map(|error| error.code);
    assert_eq!(refused, Some(ErrorCode::RateLimited));
    assert!(instance.platform.policy_export(&globex).await.is_ok());
    drop(first.text().await.unwrap());
    assert!(instance.platform.policy_export(&acme).await.is_ok());
    drop(second);
}
