//! The way in which a server stops. Signals are awaited on a thread of their own, which no work of the server can hold
//! up, so a signal always ends the process, whatever hangs.

use std::thread;
use std::time::Duration;

use crate::app::STOPPED_WITHIN;
use crate::error::{Error, Result};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::FAILED;

/// The steps of a server's stop.
#[derive(Clone, Default)]
pub(super) struct Stop {
    /// A token that is cancelled first: the server is not ready any more, and goes on serving.
    pub(super) stopping: CancellationToken,
    /// A token that is cancelled when the server's listener must close.
    pub(super) shutdown: CancellationToken,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Waits for a signal. Returns `true` for SIGTERM, which programs send; a person who presses Ctrl-C is watching,
    /// and waits for no balancer.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => false,
            _ = self.terminate.recv() => true,
        }
    }
}

/// Catches signals from here on. A server that SIGTERM stops goes on serving for the time of `drain` first.
pub(super) fn on_signal(drain: Duration) -> Result<Stop> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::internal)?;
    let signals = {
        let _inside = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
        let terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
        Signals { interrupt, terminate }
    };
    let stop = Stop::default();
    let told = stop.clone();
    let waiting = move || runtime.block_on(obey(signals, drain, told));
    thread::Builder::new().name("signals".to_owned()).spawn(waiting).map_err(Error::internal)?;
    Ok(stop)
}

/// Stops the server on a signal, and ends the process if that takes too long.
async fn obey(mut signals: Signals, drain: Duration, stop: Stop) {
    let by_program = signals.next().await;
    stop.stopping.cancel();
    if by_program && !drain.is_zero() {
        tracing::info!("not ready any more; stopping in {} s, or on another signal", drain.as_secs());
        tokio::select! {
            () = sleep(drain) => {}
            _ = signals.next() => {}
        }
    }
    tracing::info!("stopping");
    stop.shutdown.cancel();
    sleep(STOPPED_WITHIN).await;
    tracing::error!("something still hangs after {} s: the process ends as it is", STOPPED_WITHIN.as_secs());
    std::process::exit(FAILED.into());
}
