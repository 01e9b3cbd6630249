//! A connection's bytes, on which its pace is taken. It holds the connection's place until it is
//! dropped, also once it is a WebSocket.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::doors::Place;
use super::pace::{Pace, Side};

pub(super) struct Wire {
    stream: TcpStream,
    pace: Arc<Pace>,
    _place: Place,
    _open: TaskTrackerToken,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, pace: Arc<Pace>, place: Place, open: TaskTrackerToken) -> Self {
        Self { stream, pace, _place: place, _open: open }
    }

    /// Breaks a WebSocket that is to make room.
    fn check(&self, side: Side, cx: &Context<'_>) -> Result<()> {
        if self.pace.is_ended(side, cx) { Err(ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn told(&self, polled: Poll<Result<usize>>) -> Poll<Result<usize>> {
        self.pace.wrote(&polled);
        polled
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        self.check(Side::Reading, cx)?;
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        if into.filled().len() > before {
            self.pace.heard();
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.check(Side::Writing, cx)?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.told(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.check(Side::Writing, cx)?;
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.told(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
