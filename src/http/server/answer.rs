//! The bodies of a request: the one that comes in says when it is waited for, the one that goes out when the
//! last of it was taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};

use super::pace::Pace;

/// A request under way, until it is dropped.
pub(super) struct Busy(Arc<Pace>);

impl Busy {
    pub(super) fn new(pace: &Arc<Pace>) -> Self {
        pace.begin();
        Self(Arc::clone(pace))
    }

    /// Notes that the connection speaks another protocol after this answer.
    pub(super) fn hand_over(&self) {
        self.0.hand_over();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// A body of a request under way.
pub(super) struct Answer {
    body: Body,
    _busy: Busy,
}

impl Answer {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request, on its way in.
pub(super) struct Coming {
    body: Incoming,
    pace: Arc<Pace>,
}

impl Coming {
    /// Returns the body, watched if there is any of it.
    pub(super) fn wrap(body: Incoming, pace: &Arc<Pace>) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body::new(Self { body, pace: Arc::clone(pace) })
    }
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let bytes = |frame: &Frame<Bytes>| frame.data_ref().map_or(0, Bytes::len);
        let received = match &polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(bytes(frame))),
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(None),
        };
        self.pace.received(&received);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        // Nobody waits for the rest of it.
        self.pace.received(&Poll::Ready(None));
    }
}
