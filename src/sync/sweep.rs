//! The sweep: it finds, a little later, the changes of which no message told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::spread;
use super::{Applier, outlive_panics};

/// Share of its interval by which a sweep can come early or late.
const JITTER: f64 = 0.2;

/// Checks all tenants until `shutdown`, about once in every `every` (a fifth more or less, so that instances do not ask
/// the database in step). The pause begins when a check has ended, so that slow checks do not pile up.
pub async fn run<A: Applier>(applier: Arc<A>, every: Duration, shutdown: CancellationToken) {
    let sweeping = async {
        loop {
            sleep(spread(every, JITTER)).await;
            outlive_panics(applier.check_all()).await;
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
}
