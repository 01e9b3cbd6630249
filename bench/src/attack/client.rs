//! Requests as strangers send them: a connection each, from an address of loopback that stands for one of theirs, and
//! with a limit on the wait for an answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::result::Result;

/// The address that attackers come from.
pub(super) const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// The address of all other clients.
pub(super) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Maximum time that a client waits for an answer. A slower answer counts as this long.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A client of `server`, with an address of its own.
#[derive(Debug, Clone)]
pub(super) struct Client {
    server: SocketAddr,
    from: IpAddr,
    token: Option<String>,
}

impl Client {
    /// Returns a client that has not signed in.
    pub(super) const fn new(server: SocketAddr, from: IpAddr) -> Self {
        Self { server, from, token: None }
    }

    /// Returns the client with a bearer token.
    pub(super) fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Opens a connection.
    pub(super) async fn open(&self) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Posts a body and returns the answer's status and body, within [`ANSWER_MAX`].
    pub(super) async fn post(&self, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        self.ask(&self.request(path, body)).await
    }

    /// Sends the bytes of a request and returns the answer's status and body, within [`ANSWER_MAX`].
    pub(super) async fn ask(&self, request: &str) -> Result<(u16, Vec<u8>)> {
        timeout(ANSWER_MAX, self.exchange(request)).await?
    }

    async fn exchange(&self, request: &str) -> Result<(u16, Vec<u8>)> {
        let mut stream = self.open().await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("an answer without a head")?;
        let body = answer.split_off(head_end + 4);
        let status = answer.get(9..12).ok_or("an answer without a status")?;
        Ok((std::str::from_utf8(status)?.parse()?, body))
    }

    /// Returns the bytes of a GET that asks for the connection to end after it.
    pub(super) fn fetch(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{}Connection: close\r\n\r\n", self.server, self.authorization())
    }

    fn authorization(&self) -> String {
        self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default()
    }

    /// Returns the bytes of a POST that asks for the connection to end after it.
    pub(super) fn request(&self, path: &str, body: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Type: application/json\r\nAccept: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.server,
            self.authorization(),
            body.len()
        )
    }

    /// Runs an operation and returns the value at `data`; any error fails it.
    pub(super) async fn graphql(&self, query: &str, variables: Value) -> Result<Value> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (status, answer) = self.post("/graphql", &body).await?;
        let mut answer: Value = serde_json::from_slice(&answer)?;
        if status != 200 || answer.get("errors").is_some() {
            return Err(format!("{query} was answered {status} {answer}").into());
        }
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }
}
