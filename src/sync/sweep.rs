//! The sweep: what no message told is found all the same, a little later.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::spread;
use super::{Applier, outlive_panics};

/// How far from its interval a sweep may come.
const JITTER: f64 = 0.2;

/// Checks all tenants until `shutdown`, about `every` so often (a fifth more or less, so that
/// instances do not ask the database in step). The pause begins when a check has ended, so that
/// slow ones do not pile up.
pub async fn run<A: Applier>(applier: Arc<A>, every: Duration, shutdown: CancellationToken) {
    let sweeping = async {
        loop {
            sleep(spread(every, JITTER)).await;
            outlive_panics(applier.check_all()).await;
        }
    };
    shutdown.run_until_cancelled(sweeping).await;
}
