use std::time::Duration;

use super::super::flow::PROGRESS;
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
    pace.finish();
    assert_eq!(pace.over(&at_once), None, "the end of the handshake ends no WebSocket");
}

#[test]
fn whoever_leaves_us_waiting_lingers_and_no_one_else() {
    let pace = Pace::new();
    let has_request = || pace.lingers().map(|lingers| lingers.has_request);
    assert_eq!(has_request(), Some(false));
    pace.begin();
    assert_eq!(has_request(), None, "it is being answered");
    pace.received(&Poll::Pending);
    let first = pace.lingers();
    assert_eq!(has_request(), Some(true));
    pace.received(&Poll::Ready(Some(1)));
    assert_eq!(has_request(), None);
    pace.received(&Poll::Pending);
    assert_eq!(pace.lingers(), first, "a byte is no progress");
    pace.received(&Poll::Ready(Some(PROGRESS)));
    pace.received(&Poll::Pending);
    assert!(pace.lingers() > first);
    pace.received(&Poll::Ready(None));
    assert_eq!(has_request(), None, "the body is there");
    pace.wrote(&Poll::Pending);
    let first = pace.lingers();
    assert_eq!(has_request(), Some(true), "it does not take its answer");
    pace.finish();
    pace.wrote(&Poll::Ready(Ok(1)));
    pace.wrote(&Poll::Pending);
    assert_eq!(pace.lingers(), first, "nor the last of it, of which we have nothing more");
    pace.wrote(&Poll::Ready(Ok(1)));
    assert_eq!(has_request(), Some(false));
    pace.hand_over();
    assert_eq!(has_request(), Some(false), "a WebSocket of nobody known");
    pace.know(Uuid::nil());
    assert_eq!(has_request(), None);
}

#[test]
fn a_websocket_that_is_sent_away_wakes_whoever_waits_for_it() {
    let pace = Pace::new();
    let cx = Context::from_waker(Waker::noop());
    assert!(!pace.is_ended(Side::Reading, &cx));
    pace.hand_over();
    assert!(!pace.is_ended(Side::Reading, &cx) && !pace.is_ended(Side::Writing, &cx));
    assert!(pace.send_away());
    assert!(pace.is_ended(Side::Reading, &cx) && pace.is_ended(Side::Writing, &cx));
}

#[test]
fn a_connection_that_is_sent_away_and_becomes_a_websocket_ends() {
    let pace = Pace::new();
    let cx = Context::from_waker(Waker::noop());
    assert!(!pace.send_away(), "that is for its watch");
    assert!(!pace.is_ended(Side::Reading, &cx));
    pace.hand_over();
    assert!(pace.is_ended(Side::Reading, &cx) && pace.is_ended(Side::Writing, &cx));
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
