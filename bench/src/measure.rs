//! Timing in turns: in each round every engine has its turn, so that what the machine does meanwhile happens to all of
//! them. Only the times of two engines in the same round are compared.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::random::as_f64;
use crate::result::Result;

/// The extent of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Number of rounds.
    pub(crate) rounds: usize,
    /// Approximate time of one turn.
    pub(crate) turn: Duration,
    /// Maximum time of all turns of one engine in one case.
    pub(crate) most: Duration,
}

/// Maximum number of requests of a turn.
const BATCH_MAX: usize = 1 << 16;
/// Minimum number of rounds of an engine that is too slow for all.
const ROUNDS_MIN: usize = 3;

/// One engine's part in the rounds.
struct Turn {
    batch: usize,
    rounds: usize,
    from: usize,
    nanoseconds: Vec<f64>,
}

/// Times each engine on these requests: nanoseconds for one request, a number for each round.
pub(crate) fn in_turns(engines: &mut [Box<dyn Engine>], requests: &[usize], effort: Effort) -> Result<Vec<Vec<f64>>> {
    let mut turns =
        engines.iter_mut().map(|engine| warm_up(engine.as_mut(), requests, effort)).collect::<Result<Vec<_>>>()?;
    for round in 0..effort.rounds {
        for (engine, turn) in engines.iter_mut().zip(&mut turns).filter(|(_, turn)| round < turn.rounds) {
            let batch: Vec<usize> = requests.iter().copied().cycle().skip(turn.from).take(turn.batch).collect();
            turn.from = (turn.from + turn.batch) % requests.len().max(1);
            turn.nanoseconds.push(timed(engine.as_mut(), &batch)?.as_secs_f64() * 1e9 / as_f64(turn.batch));
        }
    }
    Ok(turns.into_iter().map(|turn| turn.nanoseconds).collect())
}

/// Finds the number of requests that fill a turn, beginning with one.
fn warm_up(engine: &mut dyn Engine, requests: &[usize], effort: Effort) -> Result<Turn> {
    let mut batch = 1;
    let spent = loop {
        let some: Vec<usize> = requests.iter().copied().cycle().take(batch).collect();
        let spent = timed(engine, &some)?;
        if spent * 2 > effort.turn || batch >= BATCH_MAX {
            break spent;
        }
        batch *= 2;
    };
    let fit = effort.most.as_secs_f64() / spent.as_secs_f64().max(1e-9);
    let rounds = crate::random::as_usize(fit).clamp(ROUNDS_MIN, effort.rounds);
    Ok(Turn { batch, rounds, from: 0, nanoseconds: Vec::new() })
}

fn timed(engine: &mut dyn Engine, batch: &[usize]) -> Result<Duration> {
    let from = Instant::now();
    engine.run(batch)?;
    Ok(from.elapsed())
}
