//! A client of subscriptions: `graphql-transport-ws` over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::app::Client;

/// An open connection, acknowledged.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects to the instance at `url` with the credentials of `client`.
    pub(crate) async fn open(url: &str, client: &Client) -> Self {
        let mut request = format!("{}/graphql/ws", url.replace("http://", "ws://")).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let bearer = format!("Bearer {}", client.token.as_deref().unwrap());
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        if let Some(tenant) = &client.tenant {
            request.headers_mut().insert("x-tenant", tenant.parse().unwrap());
        }
        let mut socket = Self(connect_async(request).await.unwrap().0);
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    /// Connects without a credential.
    pub(crate) async fn stranger(url: &str) -> Self {
        let mut request = format!("{}/graphql/ws", url.replace("http://", "ws://")).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let mut socket = Self(connect_async(request).await.unwrap().0);
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Starts an operation under this id.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Returns the next message that is not a ping.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.arrival().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn arrival(&mut self) -> Message {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await.expect("a message in time");
            match next.expect("an open connection").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                other => return other,
            }
        }
    }

    /// Returns the next answer to the operation of this id.
    pub(crate) async fn next(&mut self, id: &str) -> Value {
        let message = self.hear().await;
        assert_eq!((message["type"].as_str(), message["id"].as_str()), (Some("next"), Some(id)), "{message}");
        message["payload"].clone()
    }

    /// Waits until the connection has ended, whether or not with a word.
    pub(crate) async fn ended(&mut self) {
        let end = async { while let Some(Ok(_)) = self.0.next().await {} };
        tokio::time::timeout(Duration::from_secs(10), end).await.expect("an end in time");
    }

    /// The code with which the connection is closed, which must come next.
    pub(crate) async fn closed(&mut self) -> u16 {
        match self.arrival().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("{other:?}"),
        }
    }

    /// Returns whether nothing comes for this long.
    pub(crate) async fn is_silent(&mut self, millis: u64) -> bool {
        tokio::time::timeout(Duration::from_millis(millis), self.hear()).await.is_err()
    }
}
