//! The server, a process of its own on one core: the product's router on one port, the floors on another, in one
//! runtime.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::{Asked, floor};
use crate::child::{say, until_alone};
use crate::instance;
use crate::result::Result;
use crate::world::{World, built_in};

/// The tenant to serve, and the core to serve on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The database of the product.
    pub(crate) database: String,
    /// Number of rules of the tenant.
    pub(crate) rules: usize,
    /// The core to work on.
    pub(crate) core: usize,
}

/// The addresses that it serves on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Faces {
    /// The product's address.
    pub(crate) product: String,
    /// The floors' address.
    pub(crate) floors: String,
}

/// Serves until the parent ends.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let core = core_affinity::get_core_ids().and_then(|cores| cores.get(settings.core).copied());
    core.map(core_affinity::set_for_current);
    // As in production, with a level at which requests leave no line.
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let faces = runtime.block_on(start(settings))?;
    say(&faces)?;
    until_alone();
    Ok(())
}

async fn start(settings: &Settings) -> Result<Faces> {
    let (product, _) = instance::serve(instance::open(&settings.database, None).await?).await?;
    let world = World::of_size(&built_in()?, instance::tenant()?.as_str(), settings.rules)?;
    let router = floor::router(&Asked::of(&world)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let floors = listener.local_addr()?.to_string();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    Ok(Faces { product: product.to_string(), floors })
}

/// Returns the time for which all threads of a process have been on a processor.
pub(crate) fn on_cpu(process: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread can end meanwhile.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanoseconds))
}
