//! Progress of a connection: whether we wait for it, since when, and whether it sends and takes what it has begun to.
//! The connection and its watch share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::sync::Notify;
use uuid::Uuid;

use super::Bounds;
use super::flow::Flow;
use crate::http::metrics::Over;

/// The pace of one connection.
pub(super) struct Pace {
    state: Mutex<State>,
    away: Notify,
}

struct State {
    phase: Phase,
    since: Instant,
    /// The answers that are being taken.
    taken: Flow,
    /// The body of the request under way that is being sent.
    sent: Flow,
    /// Set once the connection is to make room for another.
    sent_away: bool,
    /// Set once a WebSocket is to end: no task of ours watches it.
    ended: bool,
    /// Tasks that wait for a WebSocket's bytes, and for room for them.
    wakers: [Option<Waker>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come yet.
    Fresh,
    /// A part of a head has come.
    Head,
    /// Its request is being answered.
    Serving,
    /// Its answer is there, and the next request is not.
    Idle,
    /// It is a WebSocket that has shown no credential.
    Stranger,
    /// It is a WebSocket whose credential holds, of a caller in this tenant. It has limits of its own.
    Known(Uuid),
}

/// A connection that leaves us waiting. Of those of one network the least makes room first: one without a
/// request before one with, and then the one that has lingered longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lingers {
    has_request: bool,
    since: Instant,
}

/// Direction in which a task waits for a WebSocket.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Reading,
    Writing,
}

impl Pace {
    pub(super) fn new() -> Self {
        let state = State {
            phase: Phase::Fresh,
            since: Instant::now(),
            taken: Flow::default(),
            sent: Flow::default(),
            sent_away: false,
            ended: false,
            wakers: [None, None],
        };
        Self { state: Mutex::new(state), away: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether nothing has come yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.state().phase == Phase::Fresh
    }

    /// Returns how it leaves us waiting, if it does: it has no request, sends its body or takes its answer no
    /// faster than it must, or is a stranger's WebSocket.
    pub(super) fn lingers(&self) -> Option<Lingers> {
        let state = self.state();
        let stalls = [state.sent.stalls_since(), state.taken.stalls_since()].into_iter().flatten().min();
        let stalls = stalls.map(|since| Lingers { has_request: true, since });
        let waits = Lingers { has_request: false, since: state.since };
        match state.phase {
            Phase::Fresh | Phase::Head | Phase::Stranger => Some(waits),
            // The last of its answer may still be on its way.
            Phase::Idle => Some(stalls.unwrap_or(waits)),
            Phase::Serving | Phase::Known(_) => stalls,
        }
    }

    /// Ends the connection, to make room for another. Returns whether it is a WebSocket: those end at once.
    pub(super) fn send_away(&self) -> bool {
        let mut state = self.state();
        state.sent_away = true;
        if !matches!(state.phase, Phase::Stranger | Phase::Known(_)) {
            self.away.notify_one();
            return false;
        }
        state.ended = true;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        true
    }

    /// Waits until the connection is to end.
    pub(super) async fn sent_away(&self) {
        self.away.notified().await;
    }

    /// Returns whether a WebSocket is to end; whoever waits for it is woken once it is.
    pub(super) fn is_ended(&self, side: Side, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Stranger | Phase::Known(_)) {
            return false;
        }
        let [reading, writing] = &mut state.wakers;
        let waker = match side {
            Side::Reading => reading,
            Side::Writing => writing,
        };
        if waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        state.ended
    }

    /// Bytes have come. The time of a first head runs since the connection was opened.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        match state.phase {
            Phase::Fresh => state.phase = Phase::Head,
            Phase::Idle => state.enter(Phase::Head),
            Phase::Head | Phase::Serving | Phase::Stranger | Phase::Known(_) => {}
        }
    }

    /// Notes that a whole head has come.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.enter(Phase::Serving);
        state.sent = Flow::default();
    }

    /// Notes that so much of the body has come, or none while it is waited for.
    pub(super) fn received(&self, polled: &Poll<Option<usize>>) {
        let mut state = self.state();
        match polled {
            Poll::Pending => state.sent.stall(),
            Poll::Ready(Some(bytes)) => drop(state.sent.moved(*bytes)),
            Poll::Ready(None) => state.sent = Flow::default(),
        }
    }

    /// Notes that the answer has been made.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        if state.phase == Phase::Serving {
            state.enter(Phase::Idle);
        }
    }

    /// Notes that the connection is a WebSocket from here on.
    pub(super) fn hand_over(&self) {
        let mut state = self.state();
        state.enter(Phase::Stranger);
        // Its request came while it was on its way out: as a WebSocket it ends at once.
        state.ended |= state.sent_away;
    }

    /// Notes that a credential was shown on the WebSocket, and holds, of a caller in this tenant.
    pub(super) fn know(&self, tenant: Uuid) {
        let mut state = self.state();
        if state.phase == Phase::Stranger {
            state.enter(Phase::Known(tenant));
        }
    }

    /// Returns whose WebSocket it is, and since when, once that is known.
    pub(super) fn known(&self) -> Option<(Uuid, Instant)> {
        let state = self.state();
        let Phase::Known(tenant) = state.phase else { return None };
        Some((tenant, state.since))
    }

    /// Notes that a write was tried.
    pub(super) fn wrote(&self, polled: &Poll<std::io::Result<usize>>) {
        let mut state = self.state();
        match polled {
            Poll::Pending => state.taken.stall(),
            Poll::Ready(Ok(bytes)) => {
                if state.taken.moved(*bytes) && state.phase == Phase::Idle {
                    state.since = Instant::now();
                }
            }
            Poll::Ready(Err(_)) => {}
        }
    }

    /// Returns the limit that it has gone over, if it has.
    pub(super) fn over(&self, bounds: &Bounds) -> Option<Over> {
        let state = self.state();
        if state.taken.is_stalled() && state.taken.waited() > bounds.write {
            return Some(Over::Write);
        }
        let since = state.since.elapsed();
        match state.phase {
            Phase::Fresh | Phase::Head => (since > bounds.header).then_some(Over::Header),
            // While the last of an answer is being taken, the time for taking it counts.
            Phase::Idle => (!state.taken.is_stalled() && since > bounds.idle).then_some(Over::Idle),
            Phase::Serving | Phase::Stranger | Phase::Known(_) => None,
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests;
