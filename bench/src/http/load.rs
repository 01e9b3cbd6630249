//! The load: connections that stay open, each sending one request after the other. Requests are written once
//! beforehand, and only the necessary part of an answer is read, so that the load is lighter than the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::result::Result;

/// The size of a connection's buffer: no answer here is larger.
const BUFFER: usize = 16 << 10;

/// An API of the server, with the requests that it gets.
pub(super) struct Target {
    /// The API's name in the report.
    pub(super) name: &'static str,
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    /// The text that the answer to each request contains.
    expected: Vec<String>,
}

impl Target {
    /// Makes a target at `path` with these bodies; `says` returns the text that an answer contains.
    pub(super) fn new(
        name: &'static str,
        address: &str,
        path: &str,
        token: Option<&str>,
        bodies: &[(String, bool)],
        says: fn(bool) -> String,
    ) -> Result<Self> {
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = |body: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\n{token}Content-Type: application/json\r\n\
                 Accept: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        let requests = bodies.iter().map(|(body, _)| request(body)).collect();
        let expected = bodies.iter().map(|(_, allowed)| says(*allowed)).collect();
        Ok(Self { name, address: address.parse()?, requests: Arc::new(requests), expected })
    }

    /// Returns `true` if the server has this API at all.
    pub(super) async fn is_served(&self) -> Result<bool> {
        let mut connection = Connection::open(self.address).await?;
        let request = self.requests.first().ok_or("a face without requests")?;
        Ok(connection.ask(request).await?.status != 404)
    }

    /// Sends every request once and checks the answers.
    pub(super) async fn check(&self) -> Result<()> {
        let mut connection = Connection::open(self.address).await?;
        for (request, expected) in self.requests.iter().zip(&self.expected) {
            let answer = connection.ask(request).await?;
            let body = String::from_utf8_lossy(answer.body);
            if answer.status != 200 || !body.contains(expected) {
                let request = String::from_utf8_lossy(request);
                return Err(
                    format!("{} answers {} {body}, not {expected}, to\n{request}", self.name, answer.status).into()
                );
            }
        }
        Ok(())
    }

    /// Keeps so many connections busy for about this long; returns the number of requests answered, and the time that
    /// they took.
    pub(super) async fn drive(&self, connections: usize, turn: Duration) -> Result<(usize, Duration)> {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(self.address).await?);
        }
        let from = Instant::now();
        let mut driven = JoinSet::new();
        for (n, mut connection) in open.into_iter().enumerate() {
            let requests = Arc::clone(&self.requests);
            driven.spawn(async move {
                let mut answered = 0;
                let first = n * requests.len() / connections;
                for request in requests.iter().cycle().skip(first) {
                    if connection.ask(request).await?.status != 200 {
                        return Err("an answer that is no success".into());
                    }
                    answered += 1;
                    if from.elapsed() > turn {
                        break;
                    }
                }
                Ok::<usize, Box<dyn std::error::Error + Send + Sync>>(answered)
            });
        }
        let mut answered = 0;
        while let Some(one) = driven.join_next().await {
            answered += one??;
        }
        Ok((answered, from.elapsed()))
    }
}

/// One connection that stays open.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
struct Answer<'a> {
    status: u16,
    body: &'a [u8],
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER] })
    }

    async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(self.buffer.get_mut(filled..).unwrap_or_default()).await?;
            if read == 0 {
                return Err("the server hung up, or its answer is too long".into());
            }
            filled += read;
            if let Some((status, start, end)) = whole(self.buffer.get(..filled).unwrap_or_default()) {
                return Ok(Answer { status, body: self.buffer.get(start..end).unwrap_or_default() });
            }
        }
    }
}

/// Returns the status of an answer and the bounds of its body, once the answer is there as a whole.
fn whole(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..head_end)?).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let (start, end) = (head_end + 4, head_end + 4 + length.unwrap_or_default());
    (bytes.len() >= end).then_some((status, start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(whole(answer).map(|(status, start, end)| (status, end - start)), Some((200, 2)));
        assert_eq!(whole(&answer[..answer.len() - 1]), None);
        assert_eq!(whole(b"HTTP/1.1 404 Not Found\r\n"), None);
    }
}
