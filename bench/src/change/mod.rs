//! Changes: the time until another instance decides by one, and the cost of a change of one rule.

pub(crate) mod follower;
mod mutation;
mod propagation;

use tokio::runtime::Builder;

use crate::Options;
use crate::result::{Findings, Result};
use crate::servers::{PostgresServer, RedisServer};

// The cases and floors, for the report.
pub(crate) use mutation::{AMONG_MANY, COMMIT, MUTATION};
pub(crate) use propagation::{FLOOR, P50, P99, RULES};

/// Measures both.
pub(crate) fn run(options: &Options) -> Result<Findings> {
    let mut findings = Findings::new();
    let (postgres, redis) = (PostgresServer::with(&[]), RedisServer::start());
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        propagation::run(options, &postgres, &redis, &mut findings).await?;
        mutation::run(options, &postgres, &mut findings).await
    })?;
    Ok(findings)
}
