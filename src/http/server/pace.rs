//! How far a connection is: whether we wait for it, since when, and whether it takes what it is
//! sent. The connection and its watch share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Bounds;
use crate::http::metrics::Over;

/// So many bytes a reader has to take in the time in which it has to take some. Less is no
/// progress: a byte now and then would hold a place for good.
const PROGRESS: usize = 16 * 1024;

/// The pace of one connection.
pub(super) struct Pace {
    state: Mutex<State>,
    away: Notify,
}

struct State {
    phase: Phase,
    since: Instant,
    /// Since when a write waits for the reader.
    blocked: Option<Instant>,
    /// How long writes have waited since the reader last made progress.
    waited: Duration,
    /// Bytes taken since then.
    taken: usize,
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
    /// It is a WebSocket, which has limits of its own.
    HandedOver,
}

impl Pace {
    pub(super) fn new() -> Self {
        let since = Instant::now();
        let state = State { phase: Phase::Fresh, since, blocked: None, waited: Duration::ZERO, taken: 0 };
        Self { state: Mutex::new(state), away: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether nothing has come yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.state().phase == Phase::Fresh
    }

    /// Returns since when it has held a place without a request; `None` while it has one.
    pub(super) fn lingers_since(&self) -> Option<Instant> {
        let state = self.state();
        matches!(state.phase, Phase::Fresh | Phase::Head | Phase::Idle).then_some(state.since)
    }

    /// Ends the connection, to make room for another.
    pub(super) fn send_away(&self) {
        self.away.notify_one();
    }

    /// Waits until the connection is to end.
    pub(super) async fn sent_away(&self) {
        self.away.notified().await;
    }

    /// Bytes have come. The time of a first head runs since the connection was opened.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        match state.phase {
            Phase::Fresh => state.phase = Phase::Head,
            Phase::Idle => state.enter(Phase::Head),
            Phase::Head | Phase::Serving | Phase::HandedOver => {}
        }
    }

    /// A whole head has come.
    pub(super) fn begin(&self) {
        self.state().enter(Phase::Serving);
    }

    /// The answer has been made.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        if state.phase == Phase::Serving {
            state.enter(Phase::Idle);
        }
    }

    /// The connection speaks another protocol from here on.
    pub(super) fn hand_over(&self) {
        self.state().enter(Phase::HandedOver);
    }

    /// A write was tried.
    pub(super) fn wrote(&self, polled: &Poll<std::io::Result<usize>>) {
        let mut state = self.state();
        match polled {
            Poll::Pending => {
                state.blocked.get_or_insert_with(Instant::now);
            }
            Poll::Ready(Ok(bytes)) => state.took(*bytes),
            Poll::Ready(Err(_)) => {}
        }
    }

    /// Returns the limit that it has gone over, if it has.
    pub(super) fn over(&self, bounds: &Bounds) -> Option<Over> {
        let state = self.state();
        let waits = state.blocked.map(|blocked| blocked.elapsed());
        if waits.is_some_and(|waits| state.waited + waits > bounds.write) {
            return Some(Over::Write);
        }
        let since = state.since.elapsed();
        match state.phase {
            Phase::Fresh | Phase::Head => (since > bounds.header).then_some(Over::Header),
            // While the last of an answer is being taken, the time for taking it counts.
            Phase::Idle => (waits.is_none() && since > bounds.idle).then_some(Over::Idle),
            Phase::Serving | Phase::HandedOver => None,
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }

    fn took(&mut self, bytes: usize) {
        if let Some(blocked) = self.blocked.take() {
            self.waited += blocked.elapsed();
            if self.phase == Phase::Idle {
                self.since = Instant::now();
            }
        }
        self.taken += bytes;
        if self.taken >= PROGRESS {
            (self.taken, self.waited) = (0, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_hours(1);

    fn bounds(header: Duration, idle: Duration, write: Duration) -> Bounds {
        Bounds { connections: 1, per_address: 1, header, idle, write }
    }

    #[test]
    fn each_phase_has_the_limit_of_what_it_waits_for() {
        let pace = Pace::new();
        let at_once = bounds(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        assert_eq!(pace.over(&at_once), Some(Over::Header));
        pace.heard();
        assert_eq!((pace.over(&at_once), pace.over(&bounds(NEVER, Duration::ZERO, NEVER))), (Some(Over::Header), None));
        pace.begin();
        assert_eq!(pace.over(&at_once), None, "a request that is being answered is nobody's delay");
        pace.finish();
        assert_eq!((pace.over(&at_once), pace.over(&bounds(Duration::ZERO, NEVER, NEVER))), (Some(Over::Idle), None));
        pace.heard();
        assert_eq!(pace.over(&at_once), Some(Over::Header));
        pace.hand_over();
        assert_eq!((pace.over(&at_once), pace.lingers_since()), (None, None));
        pace.finish();
        assert_eq!(pace.over(&at_once), None, "the end of the handshake ends no WebSocket");
    }

    #[test]
    fn a_byte_now_and_then_is_no_progress_of_a_reader() {
        let pace = Pace::new();
        pace.begin();
        let strict = bounds(NEVER, NEVER, Duration::from_millis(40));
        pace.wrote(&Poll::Ready(Ok(1 << 20)));
        assert_eq!(pace.over(&strict), None);
        for _ in 0..5 {
            pace.wrote(&Poll::Pending);
            std::thread::sleep(Duration::from_millis(10));
            pace.wrote(&Poll::Ready(Ok(1)));
        }
        assert_eq!(pace.over(&strict), None, "nothing waits for it now");
        pace.wrote(&Poll::Pending);
        assert_eq!(pace.over(&strict), Some(Over::Write));
        pace.wrote(&Poll::Ready(Ok(PROGRESS)));
        pace.wrote(&Poll::Pending);
        assert_eq!(pace.over(&strict), None, "it has read");
    }
}
