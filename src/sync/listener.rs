//! The listener: subscribes, listens, comes back after every loss, and reports its state.

use std::sync::Arc;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, WAIT_MAX};
use super::bus::{Heard, Subscription};
use super::inbox::Inbox;
use super::{Applier, Bus, BusError, BusStatus};

/// Listens to the bus until `shutdown`, and hands what it hears to the applier.
///
/// News of different tenants are applied side by side (a bounded number at a time); those of one tenant one after the
/// other, merged while they wait. After each subscription, and whenever messages were missed, everything is checked. A
/// bus that is away is tried again forever. When this returns, no call to the applier is under way any more.
pub async fn run<A: Applier>(bus: Bus, applier: Arc<A>, shutdown: CancellationToken, status: Arc<BusStatus>) {
    let inbox = Inbox::new(applier, shutdown.clone());
    let listener = Listener { bus, inbox, status };
    shutdown.run_until_cancelled(listener.listen()).await;
    listener.status.set_lost();
    listener.inbox.ended().await;
}

struct Listener<A> {
    bus: Bus,
    inbox: Inbox<A>,
    status: Arc<BusStatus>,
}

impl<A: Applier> Listener<A> {
    async fn listen(&self) {
        let mut backoff = Backoff::new();
        let mut log = Log::default();
        loop {
            let began = Instant::now();
            let error = match self.bus.subscribe().await {
                Ok(subscription) => {
                    log.connected();
                    self.hear(subscription).await
                }
                Err(error) => error,
            };
            log.lost(&error);
            // A bus that takes subscriptions and drops them at once is no better than one that
            // is away; only a connection that held starts the waits anew.
            if began.elapsed() > WAIT_MAX {
                backoff = Backoff::new();
            }
            sleep(backoff.wait()).await;
        }
    }

    /// Listens to one subscription until it ends, and returns why it ended.
    async fn hear(&self, mut subscription: Subscription) -> BusError {
        self.status.set_connected();
        // After the subscription, not before it: a change in between would be neither seen by the check nor heard.
        self.inbox.check_all();
        let error = loop {
            match subscription.next().await {
                Heard::News(news) => {
                    self.status.message_came();
                    self.inbox.put(news);
                }
                Heard::Missed => self.inbox.check_all(),
                Heard::Lost(error) => break error,
            }
        };
        self.status.set_lost();
        error
    }
}

/// A log that says each change of state once, however many attempts there are in between.
#[derive(Default)]
struct Log {
    said_lost: bool,
}

impl Log {
    fn connected(&mut self) {
        if std::mem::take(&mut self.said_lost) {
            // As loud as the line that it answers: whoever sees the one alone waits for the other.
            tracing::warn!("hearing the news of other instances again");
        } else {
            tracing::info!("hearing the news of other instances");
        }
    }

    fn lost(&mut self, error: &BusError) {
        if self.said_lost {
            tracing::debug!(%error, "still not hearing the news of other instances");
        } else {
            self.said_lost = true;
            tracing::warn!(%error, "not hearing the news of other instances; changes take a sweep to arrive, and it tries on");
        }
    }
}
