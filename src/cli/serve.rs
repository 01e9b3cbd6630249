//! `bailiwick serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use crate::app::App;
use crate::config::Settings;
use crate::error::{Error, Result};
use rlimit::Resource;
use tokio::net::TcpListener;

use super::output::print;
use super::stop;

/// Logs the variables of the environment that look like settings and are none.
pub(super) fn tell_passed_over(names: &[String]) {
    if !names.is_empty() {
        tracing::info!("passed over, for Kubernetes sets them for its Services: {}", names.join(", "));
    }
}

/// Serves until a signal, then lets requests under way finish.
pub(super) async fn run(app: App, settings: &Settings) -> Result<ExitCode> {
    let listener = listen(settings.listen).await?;
    let app = match settings.metrics_listen {
        Some(address) => app.with_metrics(listen(address).await?),
        None => app,
    };
    let address = listener.local_addr().map_err(Error::internal)?;
    // Signals are caught from here on: a caller that reads where we serve can stop us at once.
    let stop = stop::on_signal(Duration::from_secs(settings.drain_seconds.get().into()))?;
    let app = app.stopping_with(stop.stopping).with_descriptors(descriptors()?);
    let url = settings.public_url.as_ref().map_or_else(|| format!("http://{address}"), ToString::to_string);
    let url = url.trim_end_matches('/');
    let page = if settings.graphiql { " — open it in a browser for GraphiQL" } else { "" };
    print(&format!("Bailiwick serves GraphQL at {url}/graphql{page}.\n"))?;
    app.serve(listener, stop.shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Error::invalid(format!("cannot listen on {address}: {error}")))
}

/// Raises the number of descriptors that the process can open as far as it is allowed to, and returns it: many systems
/// begin with 1024, which a few clients can use up.
fn descriptors() -> Result<u64> {
    let (soft, hard) = Resource::NOFILE.get().map_err(Error::internal)?;
    match Resource::NOFILE.set(hard, hard) {
        Ok(()) => Ok(hard),
        Err(error) => {
            tracing::warn!(%error, soft, "the limit of descriptors could not be raised");
            Ok(soft)
        }
    }
}
