//! `bailiwick serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use bailiwick::app::App;
use bailiwick::config::Settings;
use bailiwick::error::{Error, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::output::print;

/// Serves until a signal, then lets requests under way come to their end.
pub(super) async fn run(app: App, settings: &Settings) -> Result<ExitCode> {
    let listener = listen(settings.listen).await?;
    let app = match settings.metrics_listen {
        Some(address) => app.with_metrics(listen(address).await?),
        None => app,
    };
    let address = listener.local_addr().map_err(Error::internal)?;
    // Signals are caught from here on: whoever reads where we serve may stop us at once.
    let shutdown = stop_on_signal()?;
    let url = settings.public_url.as_ref().map_or_else(|| format!("http://{address}"), ToString::to_string);
    let url = url.trim_end_matches('/');
    let page = if settings.graphiql { " — open it in a browser for GraphiQL" } else { "" };
    print(&format!("Bailiwick serves GraphQL at {url}/graphql{page}.\n"))?;
    app.serve(listener, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Error::invalid(format!("cannot listen on {address}: {error}")))
}

/// A token that Ctrl-C or SIGTERM cancels.
fn stop_on_signal() -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    });
    Ok(shutdown)
}
