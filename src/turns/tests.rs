use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};

use super::{Bounds, Crowded, Turn, Turns};

/// A time that is long for any test: only a test that hangs reaches it.
const LONG: Duration = Duration::from_mins(1);

fn turns(together: usize, each: usize, waiting: usize, waiting_each: usize) -> Turns<&'static str> {
    Turns::new(Bounds { together, each, waiting, waiting_each, patience: LONG })
}

/// Asks for a turn in another task; returns when it stands in the queue.
async fn queue_up(turns: &Turns<&'static str>, key: &'static str) -> JoinHandle<Result<Turn<&'static str>, Crowded>> {
    let (_, before) = turns.count();
    let asking = turns.clone();
    let task = tokio::spawn(async move { asking.take(key).await });
    while turns.count().1 == before {
        yield_now().await;
    }
    task
}

#[tokio::test]
async fn one_key_never_takes_more_than_its_share_and_leaves_the_rest_to_others() {
    let turns = turns(3, 2, 8, 8);
    let (first, _second) = (turns.take("a").await.unwrap(), turns.take("a").await.unwrap());
    let third = queue_up(&turns, "a").await;
    let _other = turns.take("b").await.unwrap();
    assert_eq!(turns.count(), (3, 1));
    drop(first);
    let _third = third.await.unwrap().unwrap();
    assert_eq!(turns.count(), (3, 0));
}

#[tokio::test]
async fn keys_that_wait_are_let_in_one_after_the_other_however_long_their_lines_are() {
    let turns = turns(1, 1, 16, 16);
    let running = turns.take("a").await.unwrap();
    let (said, mut order) = mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for key in ["a", "a", "a", "b", "b", "c"] {
        let waiting = queue_up(&turns, key).await;
        let said = said.clone();
        tasks.push(tokio::spawn(async move {
            let turn = waiting.await.unwrap().unwrap();
            said.send(key).unwrap();
            drop(turn);
        }));
    }
    drop((running, said));
    let mut served = Vec::new();
    while let Some(key) = order.recv().await {
        served.push(key);
    }
    assert_eq!(served, ["a", "b", "c", "a", "b", "a"]);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(turns.count(), (0, 0));
}

#[tokio::test]
async fn a_key_that_has_its_share_does_not_hold_up_those_behind_it() {
    let turns = turns(2, 1, 8, 8);
    let (_held, other) = (turns.take("a").await.unwrap(), turns.take("b").await.unwrap());
    let own = queue_up(&turns, "a").await;
    let third = queue_up(&turns, "c").await;
    drop(other);
    let _third = third.await.unwrap().unwrap();
    assert_eq!(turns.count(), (2, 1));
    own.abort();
}

#[tokio::test]
async fn the_queue_is_bounded_in_all_and_for_each_key() {
    let turns = turns(1, 1, 2, 1);
    let _held = turns.take("a").await.unwrap();
    let _waiting = queue_up(&turns, "a").await;
    assert_eq!(turns.take("a").await.unwrap_err(), Crowded::Full);
    let _other = queue_up(&turns, "b").await;
    assert_eq!(turns.take("c").await.unwrap_err(), Crowded::Full);
    assert_eq!(turns.count(), (1, 2));
}

#[tokio::test]
async fn the_longest_line_of_a_full_queue_gives_way_to_who_has_fewer_waiting() {
    let turns = turns(1, 1, 3, 3);
    let held = turns.take("a").await.unwrap();
    let (first, second) = (queue_up(&turns, "a").await, queue_up(&turns, "a").await);
    let third = queue_up(&turns, "a").await;
    let asking = turns.clone();
    let other = tokio::spawn(async move { asking.take("b").await });
    assert_eq!(third.await.unwrap().unwrap_err(), Crowded::Full, "the last of the crowd");
    assert_eq!(turns.count(), (1, 3));
    drop(held);
    for turn in [first, other, second] {
        drop(turn.await.unwrap().unwrap());
    }
    assert_eq!(turns.count(), (0, 0));
}

#[tokio::test]
async fn nobody_waits_longer_than_the_bound_and_a_late_one_leaves_the_queue() {
    let turns =
        Turns::new(Bounds { together: 1, each: 1, waiting: 1, waiting_each: 1, patience: Duration::from_millis(20) });
    let held = turns.take("a").await.unwrap();
    assert_eq!(turns.take("b").await.unwrap_err(), Crowded::Late);
    assert_eq!(turns.count(), (1, 0));
    drop(held);
    assert!(turns.take("b").await.is_ok());
}

#[tokio::test]
async fn who_goes_away_while_waiting_keeps_no_place_and_no_turn() {
    let turns = turns(1, 1, 8, 8);
    let held = turns.take("a").await.unwrap();
    let (gone, waiting) = (queue_up(&turns, "b").await, queue_up(&turns, "c").await);
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(turns.count(), (1, 1));
    drop(held);
    drop(waiting.await.unwrap().unwrap());
    assert_eq!(turns.count(), (0, 0));
    // A task that was given its turn, and is dropped before it took it, passes it on.
    let held = turns.take("a").await.unwrap();
    let (gone, waiting) = (queue_up(&turns, "b").await, queue_up(&turns, "c").await);
    drop(held);
    gone.abort();
    assert!(gone.await.is_err_and(|error| error.is_cancelled()));
    drop(waiting.await.unwrap().unwrap());
    assert_eq!(turns.count(), (0, 0));
}

#[tokio::test]
async fn nothing_is_kept_of_a_key_that_is_done() {
    let turns = turns(2, 1, 8, 8);
    let held = turns.take("a").await.unwrap();
    queue_up(&turns, "a").await.abort();
    while turns.count().1 > 0 {
        yield_now().await;
    }
    drop(held);
    assert!(turns.queue().lines.is_empty() && turns.queue().round.is_empty());
}

/// Keys that share a wide one: their first letter.
fn shared(together: usize, waiting_each: usize) -> Turns<&'static str> {
    let bounds = Bounds { together, each: 1, waiting: 64, waiting_each, patience: LONG };
    Turns::shared_by(bounds, |key| key.get(..1).unwrap_or_default())
}

#[tokio::test]
async fn all_keys_of_a_wide_one_have_the_share_of_one() {
    let turns = shared(2, 8);
    let _held = turns.take("a1").await.unwrap();
    let own = queue_up(&turns, "a2").await;
    let _other = turns.take("b1").await.unwrap();
    assert_eq!(turns.count(), (2, 1));
    own.abort();
}

#[tokio::test]
async fn a_wide_key_is_let_in_once_a_round_and_its_own_keys_by_turns() {
    let turns = shared(1, 8);
    let held = turns.take("z").await.unwrap();
    let mut tasks = Vec::new();
    let (said, mut order) = mpsc::unbounded_channel();
    for key in ["a1", "a1", "a1", "a2", "a3", "b1", "b1"] {
        let waiting = queue_up(&turns, key).await;
        let said = said.clone();
        tasks.push(tokio::spawn(async move {
            let turn = waiting.await.unwrap().unwrap();
            said.send(key).unwrap();
            drop(turn);
        }));
    }
    drop((held, said));
    let mut served = Vec::new();
    while let Some(key) = order.recv().await {
        served.push(key);
    }
    assert_eq!(served, ["a1", "b1", "a2", "b1", "a3", "a1", "a1"]);
}

#[tokio::test]
async fn twice_as_many_wait_of_a_wide_key_and_the_longest_of_its_own_gives_way() {
    let turns = shared(1, 2);
    let held = turns.take("z").await.unwrap();
    let (first, last) = (queue_up(&turns, "a1").await, queue_up(&turns, "a1").await);
    assert_eq!(turns.take("a1").await.unwrap_err(), Crowded::Full);
    let (second, third) = (queue_up(&turns, "a2").await, queue_up(&turns, "a3").await);
    let asking = turns.clone();
    let neighbour = tokio::spawn(async move { asking.take("a4").await });
    assert_eq!(last.await.unwrap().unwrap_err(), Crowded::Full, "the last of the crowd");
    assert_eq!(turns.take("a5").await.unwrap_err(), Crowded::Full, "each of its keys has one");
    let other = queue_up(&turns, "b1").await;
    drop(held);
    for turn in [first, other, second, third, neighbour] {
        drop(turn.await.unwrap().unwrap());
    }
    assert_eq!(turns.count(), (0, 0));
    assert!(turns.queue().lines.is_empty());
}
